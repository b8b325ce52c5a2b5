"""The figures that can be measured at a point, by name."""

from __future__ import annotations

import importlib.util
import os
import tempfile
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from .. import inits, reduce, systems
from ..audit import audit
from ..discretize import discretize
from ..forms import inner, kind, move, plain
from ..kernels import kernel
from ..verification import verify

OWN = ("init", "checkpoint", "rule", "length", "dtype", "error")  # all else goes to the init


class Subject:
    """The model or the checkpoint of a point, built when a figure first asks.

    Args:
        point: values by name: `init` and the options it takes, or `checkpoint`; besides `rule`,
            `length` (1024), `dtype` ("float32") and `error` (1e-3) of what is measured.

    Example:
        >>> Subject({"init": "s4d-lin", "order": 8}).form.A.shape
        (4,)
    """

    def __init__(self, point: Mapping[str, Any]) -> None:
        self.point = point

    @cached_property
    def built(self) -> inits.Built:
        """The model, with its certificate."""
        if "init" not in self.point:
            rule = "a point must have an `init` for this figure"
            raise ValueError(f"{rule}; got {', '.join(self.point)}. Add it to `over`.")
        options = {name: value for name, value in self.point.items() if name not in OWN}
        if isinstance(step := options.get("step"), list):
            options["step"] = tuple(step)
        return inits.built(self.point["init"], **options)

    @property
    def form(self) -> Any:
        """The model."""
        return self.built.form

    @property
    def rule(self) -> Any:
        """How it is sampled."""
        return self.point.get("rule", "zoh")

    @property
    def length(self) -> int:
        """The samples of its kernel."""
        return self.point.get("length", 1024)

    @cached_property
    def kernel(self) -> np.ndarray:
        """Its kernel in double precision."""
        return np.asarray(kernel(self.form, self.length, rule=self.rule))

    @cached_property
    def checkpoint(self) -> Any:
        """The audit of the checkpoint, which for an address is fetched first (fsspec)."""
        if "checkpoint" not in self.point:
            rule = "a point must have a `checkpoint` for this figure"
            raise ValueError(f"{rule}; got {', '.join(self.point)}. Add it to `over`.")
        path = self.point["checkpoint"]
        if "://" not in path:
            return audit(path)
        with tempfile.TemporaryDirectory() as folder:
            return audit(_fetched(path, folder))


def _filesystem(address: str) -> tuple[Any, str]:
    if not importlib.util.find_spec("fsspec"):
        rule = "an address must have fsspec to fetch it"
        raise ImportError(f"{rule}; it is not installed. Run pip install fsspec, or take a file.")
    import fsspec

    return fsspec.core.url_to_fs(address)


def _fetched(address: str, folder: str) -> str:
    filesystem, path = _filesystem(address)
    place = os.path.join(folder, Path(address).name)
    filesystem.get(path, place, recursive=filesystem.isdir(path))
    return place


def certified(subject: Subject, name: str) -> float | None:
    """A figure of the certificate; None for a model that has none."""
    return subject.built.figures.get(name)


def abscissa(subject: Subject) -> float | None:
    """The largest real part of the eigenvalues; None for a recurrence."""
    form = subject.form
    if not kind(form).continuous:
        return None
    A = plain(form).A
    modes = np.linalg.eigvals(A) if kind(plain(form)).matrix else A
    return float(np.max(np.real(modes)))


def kernel_error(subject: Subject) -> float:
    """The largest error of the kernel in `dtype`, over the largest value of the kernel."""
    rounded = move(subject.form, "numpy", dtype=subject.point.get("dtype", "float32"))
    error = np.abs(np.asarray(kernel(rounded, subject.length, rule=subject.rule)) - subject.kernel)
    return float(error.max() / np.abs(subject.kernel).max())


def broken_laws(subject: Subject) -> list[str]:
    """The names of the laws that the model does not keep."""
    found = verify(subject.form, subject.length, rule=subject.rule)
    return [check.law for check in found.checks if not check.holds]


def fit_order(subject: Subject) -> int:
    """The modes of the recurrence that has the kernels within `error`, of the worst channel."""
    found = reduce.fit(subject.kernel, error=subject.point.get("error", 1e-3))
    return int(np.max(found.order))


def reduced_order(subject: Subject) -> int:
    """The order to which balanced truncation takes the sampled model within `error`."""
    form = subject.form
    sampled = discretize(form, rule=subject.rule) if kind(form).continuous else form
    found = reduce.balanced(sampled, error=subject.point.get("error", 1e-3))
    return int(np.max(found.order))


def largest_gain(subject: Subject) -> float:
    """The H-infinity norm of the loudest channel, from above."""
    return float(np.max(np.asarray(systems.hinf_norm(subject.form).upper)))


def modes(subject: Subject) -> int:
    """How many modes a channel has."""
    return int(inner(subject.form)[0].shape[-1])


def findings(subject: Subject) -> list[str]:
    """The faults of a checkpoint, a sentence each."""
    return [f"{finding.kind}: {finding.message}" for finding in subject.checkpoint.findings]


def layers(subject: Subject) -> dict[str, list[str]]:
    """The initializations that the layers of a checkpoint start from, by their prefixes."""
    held = subject.checkpoint.layers
    return {layer.prefix: list(layer.identified.names) for layer in held if layer.identified}


def size(subject: Subject) -> int:
    """The bytes of a checkpoint, or of the arrays of a model."""
    if "checkpoint" not in subject.point:
        return sum(np.asarray(field).nbytes for field in inner(subject.form))
    address = subject.point["checkpoint"]
    if "://" in address:
        filesystem, place = _filesystem(address)
        return filesystem.du(place)
    path = Path(address)
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


# What is measured, by its name: a function of a `Subject`, whose value has JSON.
FIGURES: dict[str, Callable[[Subject], Any]] = {
    **{
        name: partial(certified, name=name)
        for name in (
            "condition",
            "scaled_condition",
            "backward_error",
            "transfer_error",
            "transfer_bound",
            "proved_abscissa",
            "weight_amplification",
            "kernel_sensitivity",
        )
    },
    "abscissa": abscissa,
    "kernel_error": kernel_error,
    "broken_laws": broken_laws,
    "fit_order": fit_order,
    "reduced_order": reduced_order,
    "largest_gain": largest_gain,
    "modes": modes,
    "findings": findings,
    "layers": layers,
    "bytes": size,
}
