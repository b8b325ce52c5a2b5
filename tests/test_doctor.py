"""A library that does not run, and each part of a GPU that is missing, has a sentence."""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import importlib.util
import re
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ssmlinalg import doctor, forms, inits
from ssmlinalg.ground.formats import EPS

SENTENCE = re.compile(r"[^\n]+; got [^\n]+\. [A-Z0-9-][^\n]*[.?]")


class CUDARuntimeError(RuntimeError):
    def __init__(self, status: int, message: str = "as CUDA says") -> None:
        super().__init__(message)
        self.status = status


class NoCompiler(RuntimeError):
    pass


def cupy(
    *, status: int = 0, driver: int = 12080, count: int = 1, nvrtc: tuple[int, int] | None = (12, 9)
) -> ModuleType:
    """CuPy as far as it is asked, on NumPy, with a CUDA that answers `status`."""

    @contextlib.contextmanager
    def device(where: Any = None) -> Any:
        number = 0 if where is None else int(where)
        if status:
            raise CUDARuntimeError(status)
        if number >= count:
            raise CUDARuntimeError(101)
        yield

    def version() -> tuple[int, int]:
        if nvrtc is None:
            raise NoCompiler('Failure finding "libnvrtc.so.12"\nand more')
        return nvrtc

    runtime = SimpleNamespace(
        CUDARuntimeError=CUDARuntimeError,
        driverGetVersion=lambda: driver,
        runtimeGetVersion=lambda: 12090,
        getDeviceCount=lambda: count,
    )
    module: Any = ModuleType("cupy")
    module.__version__ = "14.0"
    module.asarray = np.asarray
    module.cuda = SimpleNamespace(
        Device=device, runtime=runtime, nvrtc=SimpleNamespace(getVersion=version)
    )
    return module


class Driver:
    """libcuda as far as it is asked. What ctypes.byref made holds its target as `_obj`."""

    def __init__(self, names: tuple[str, ...], status: int = 0) -> None:
        self.names = names
        self.status = status

    def cuDriverGetVersion(self, version: Any) -> int:
        version._obj.value = 12080
        return 0

    def cuInit(self, flags: int) -> int:
        return self.status

    def cuDeviceGetCount(self, count: Any) -> int:
        count._obj.value = len(self.names)
        return 0

    def cuDeviceGet(self, gpu: Any, number: int) -> int:
        gpu._obj.value = number
        return 0

    def cuDeviceGetName(self, name: Any, size: int, gpu: Any) -> int:
        name.value = self.names[gpu.value].encode()
        return 0

    def cuDeviceTotalMem_v2(self, size: Any, gpu: Any) -> int:
        size._obj.value = 80 << 30
        return 0

    def cuGetErrorName(self, status: int, said: Any) -> int:
        said._obj.value = {100: b"CUDA_ERROR_NO_DEVICE"}.get(status)
        return 0


def parts(
    monkeypatch: pytest.MonkeyPatch, driver: Driver | None, module: ModuleType | None
) -> dict[str, doctor.Part]:
    def opened(name: str) -> Driver:
        if driver is None:
            raise OSError(f"{name}: cannot open shared object file")
        return driver

    monkeypatch.setattr(ctypes, "CDLL", opened)
    monkeypatch.setitem(sys.modules, "cupy", module)  # None makes the import fail
    found = {part.name: part for part in doctor.graphics()}
    for part in found.values():
        assert bool(part.found) != bool(part.reason)
        assert part.found or SENTENCE.fullmatch(part.reason), part.reason
    return found


def test_a_probe_runs_the_kernel_and_says_what_was_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = doctor.kernel

    def broken(form: Any, length: int) -> Any:
        if type(form.A).__module__ == "torch" and str(form.A.dtype) == "torch.complex64":
            raise AssertionError("no kernel image\nfor this device.")
        return sound(form, length) * (2 if type(form.A).__module__ == "torch" else 1)

    monkeypatch.setattr(doctor, "kernel", broken)
    findings = {(finding.library, finding.dtype): finding for finding in doctor.examine()}
    assert findings["numpy", "float32"].works
    assert findings["jax", "float32"].works, "the others are examined nevertheless"
    assert findings["torch", "float64"].error == pytest.approx(1, rel=64 * EPS)
    assert not findings["torch", "float64"].works
    raised = findings["torch", "float32"]
    assert not raised.works
    assert np.isnan(raised.error)
    assert raised.reason == (
        "the kernel must run on torch; got AssertionError (no kernel image). "
        "Reinstall torch, or do without it."
    )


def test_a_gpu_without_a_driver_is_reported_in_the_words_of_move(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "cupy", cupy(status=35, driver=0))
    reasons = [probe.reason for probe in doctor.examine() if probe.library == "cupy"]
    assert len(reasons) == 2
    for reason in reasons:
        assert reason.startswith("CuPy must find an NVIDIA driver; got none")


def test_every_library_that_does_not_run_has_a_sentence() -> None:
    findings = doctor.examine()
    assert {finding.library for finding in findings} == {
        "numpy",
        "torch",
        "jax",
        "cupy",
        "torch.cuda",
    }
    for finding in findings:
        assert finding.works == bool(finding.device)
        assert finding.works or SENTENCE.fullmatch(finding.reason), finding.reason


def test_jax_without_64_bits_is_switched_off_and_not_broken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    jax = pytest.importorskip("jax")
    monkeypatch.setattr(doctor, "PLACES", {"jax": doctor.PLACES["jax"]})
    jax.config.update("jax_enable_x64", False)
    try:
        found = {probe.dtype: probe for probe in doctor.examine()}
    finally:
        jax.config.update("jax_enable_x64", True)
    assert found["float32"].state == "works"
    assert found["float64"].state == "switched off"
    assert "jax_enable_x64" in found["float64"].reason


def test_a_whole_gpu_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    found = parts(monkeypatch, Driver(("One", "Two")), cupy())
    assert {name: part.found for name, part in found.items()} == {
        "NVIDIA driver": "CUDA 12.8",
        "GPU 0": "One, 80 GiB",
        "GPU 1": "Two, 80 GiB",
        "CuPy": "14.0",
        "CUDA runtime": "12.9",
        "NVRTC": "12.9",
    }


@pytest.mark.parametrize(
    ("driver", "module", "missing", "said"),
    [
        (None, cupy(), "NVIDIA driver", "cannot open"),
        (Driver((), status=100), cupy(), "GPU", "got CUDA_ERROR_NO_DEVICE. See nvidia-smi"),
        (Driver((), status=4711), cupy(), "GPU", "got error 4711. See nvidia-smi"),
        (Driver(()), cupy(), "GPU", "got none. See nvidia-smi"),
        (Driver(("One",)), None, "CuPy", "pip install 'ssmlinalg[cupy]'"),
        (
            Driver(("One",)),
            ModuleType("cupy"),
            "CuPy",
            "AttributeError (module 'cupy' has no attribute",
        ),
        (
            Driver(("One",)),
            cupy(nvrtc=None),
            "NVRTC",
            'NoCompiler (Failure finding "libnvrtc.so.12"). Install the CUDA toolkit',
        ),
    ],
    ids=[
        "no driver",
        "no device",
        "an error without a name",
        "no devices",
        "no CuPy",
        "an empty CuPy",
        "no NVRTC",
    ],
)
def test_each_missing_part_is_named_and_no_other(
    monkeypatch: pytest.MonkeyPatch,
    driver: Driver | None,
    module: ModuleType | None,
    missing: str,
    said: str,
) -> None:
    found = parts(monkeypatch, driver, module)
    assert [name for name, part in found.items() if part.reason] == [missing]
    assert said in found[missing].reason


@pytest.mark.parametrize(
    ("module", "device", "error", "said"),
    [
        (
            cupy(status=35, driver=0),
            None,
            RuntimeError,
            "CuPy must find an NVIDIA driver; got none",
        ),
        (
            cupy(status=35, driver=11040),
            None,
            RuntimeError,
            "know CUDA 12.9; got one that knows 11.4. Update the driver, or",
        ),
        (
            cupy(status=100),
            None,
            RuntimeError,
            "CuPy must reach a GPU; got as CUDA says. See what nvidia-smi lists",
        ),
        (
            cupy(count=2),
            2,
            ValueError,
            "`device` must be below the number of GPUs, 2; got 2. The first is 0.",
        ),
        (
            cupy(),
            "cuda:0",
            ValueError,
            "`device` must be the number of a GPU; got 'cuda:0'. The first is 0.",
        ),
        (None, None, ImportError, "pip install 'ssmlinalg[cupy]'"),
    ],
    ids=["no driver", "old driver", "no device", "no such device", "device as a word", "no CuPy"],
)
def test_moving_to_cupy_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
    module: ModuleType | None,
    device: Any,
    error: type[Exception],
    said: str,
) -> None:
    monkeypatch.setitem(sys.modules, "cupy", module)
    with pytest.raises(error) as caught:
        forms.move(inits.s4d_lin_init(4), "cupy", device=device)
    assert said in str(caught.value)
    assert SENTENCE.fullmatch(str(caught.value))


def test_moving_to_cupy_takes_the_device_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", cupy(count=2))
    form = inits.s4d_lin_init(4)
    np.testing.assert_array_equal(forms.move(form, "cupy", device=1).A, form.A)


@pytest.mark.skipif(not importlib.util.find_spec("cupy"), reason="CuPy is not installed")
def test_cupy_itself_moves_or_says_why_not() -> None:
    form = inits.s4d_lin_init(4)
    if not importlib.import_module("cupy").cuda.is_available():
        with pytest.raises(RuntimeError, match=SENTENCE):
            forms.move(form, "cupy")
        return
    moved: Any = forms.move(form, "cupy")
    np.testing.assert_array_equal(moved.A.get(), form.A)
    with pytest.raises(ValueError, match=r"below the number of GPUs, \d+; got 4711"):
        forms.move(form, "cupy", device=4711)
