"""Profiles of hypothesis, and the array libraries every law runs over."""

from __future__ import annotations

import os
import signal

os.environ["JAX_ENABLE_X64"] = "1"  # before jax is imported: without it there is no float64 to test
os.environ["JAX_PLATFORMS"] = "cpu"
if "PYTEST_XDIST_WORKER" in os.environ:  # the cores are taken: threads of threads only wait
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Callable
from typing import Any

import array_api_strict
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings

from ssmlinalg import forms

# The quick profile draws the same examples each time, so that a change is judged by what it
# changes; the long one searches.
settings.register_profile(
    "quick",
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
    phases=set(Phase) - {Phase.explain},  # which traces every line, a minute for a thing just found
)
settings.register_profile(
    "long", max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


def pytest_configure(config: pytest.Config) -> None:
    """Let all processes share what JAX compiled: a thousand small programs take minutes.

    A job in the background of a script ignores Ctrl-C, and so would all that tests interrupt.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if cache := getattr(config, "cache", None):
        os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(cache.mkdir("jax")))
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")


def _each(convert: Callable[[np.ndarray], Any], thing: Any) -> Any:
    if isinstance(thing, tuple):
        return type(thing)(*(_each(convert, entry) for entry in thing))
    return convert(np.asarray(thing))


def _read_only(array: np.ndarray) -> np.ndarray:
    array = array.copy()
    array.setflags(write=False)
    return array


# Adversaries beside the libraries people use: NumPy that refuses in-place writes, the standard to
# the letter, and the standard on a device that is not the default.
LIBRARIES: dict[str, Callable[[Any], Any]] = {
    "numpy": lambda thing: thing,
    "read-only": lambda thing: _each(_read_only, thing),
    "strict": lambda thing: _each(array_api_strict.asarray, thing),
    "elsewhere": lambda thing: _each(_elsewhere, thing),
    "torch": lambda thing: (
        forms.move(thing, "torch") if type(thing) in forms.FORMS.values() else _torch(thing)
    ),
    "jax": lambda thing: (
        forms.move(thing, "jax") if type(thing) in forms.FORMS.values() else _jax(thing)
    ),
}


def _elsewhere(array: np.ndarray) -> Any:
    return array_api_strict.asarray(array, device=array_api_strict.Device("device1"))


def _torch(array: np.ndarray) -> Any:
    import torch

    return torch.asarray(array)


def _cupy(array: np.ndarray) -> Any:
    import cupy  # pyright: ignore[reportMissingImports]

    return cupy.asarray(array)


def _cuda(array: np.ndarray) -> Any:
    import torch

    return torch.asarray(array, device="cuda")


def _jax(array: np.ndarray) -> Any:
    import jax.numpy

    return jax.numpy.asarray(array)


def gpus() -> int:
    """How many GPUs CuPy finds, none without it."""
    from ssmlinalg.products import cuda

    try:
        return cuda.cupy_with_gpu().cuda.runtime.getDeviceCount()
    except (ImportError, RuntimeError):
        return 0


# On a GPU the same laws; `pytest -m gpu` runs them alone.
ON_A_GPU: dict[str, Callable[[Any], Any]] = {
    "cupy": lambda thing: (
        forms.move(thing, "cupy") if type(thing) in forms.FORMS.values() else _cupy(thing)
    ),
    "torch-cuda": lambda thing: (
        forms.move(thing, "torch", device="cuda")
        if type(thing) in forms.FORMS.values()
        else _cuda(thing)
    ),
}
if gpus():
    LIBRARIES |= ON_A_GPU


@pytest.fixture(
    params=[pytest.param(name, marks=[pytest.mark.gpu] * (name in ON_A_GPU)) for name in LIBRARIES]
)
def carry(request: pytest.FixtureRequest) -> Callable[[Any], Any]:
    """A function that takes forms and arrays from the host into one of the libraries."""
    return LIBRARIES[request.param]
