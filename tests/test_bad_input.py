"""Every public function is given every wrong thing in every argument, the others right.

It answers in our sentence, or with a result that holds no NaN, and soon.
"""

# pyright: reportArgumentType=false

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
import re
import signal
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
import scipy.sparse
import torch

import ssmlinalg
from ssmlinalg import comparison, export, forms, hippo, inits, matrices, perturb, verification

SENTENCE = re.compile(r"[^\n]+; got [^\n]+\. [A-Z0-9-][^\n]*[.?]")
SECONDS = 20

# Things, none of which is what an argument asks for. A function may still have a use for some.

QUANTIZED = "quantized tensor"
TRACER = "jax tracer"
WRONG: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "type": lambda: int,
    "text": lambda: "text",
    "bytes": lambda: b"bytes",
    "object": object,
    "dictionary": lambda: {"a": 1},
    "empty list": list,
    "ragged list": lambda: [1, [2, 3]],
    "function": lambda: len,
    "NaN": lambda: float("nan"),
    "infinity": lambda: float("inf"),
    "-1": lambda: -1,
    "10^400": lambda: 10**400,
    "array of text": lambda: np.array(["a", "b"]),
    "array of objects": lambda: np.array([None, "b"], dtype=object),
    "array of dates": lambda: np.array(["2020-01-01", "2021-01-01"], dtype="datetime64[D]"),
    "array with NaN": lambda: np.array([1.0, np.nan]),
    "masked array": lambda: np.ma.masked_less([1.0, -1.0, 2.0], 0.0),
    "matrix of NumPy": lambda: np.ones((2, 2)).view(np.matrix),
    "empty axes": lambda: np.zeros((0, 3)),
    "sparse tensor": lambda: torch.eye(2, dtype=torch.float64).to_sparse(),
    QUANTIZED: lambda: quantized(),
    TRACER: lambda: None,
}


def quantized() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)


# Right arguments

one = np.ones(2) + 0j
PAIRED = forms.Paired(-one, one, one, np.asarray(0.0), np.asarray(0.1))
DIAGONAL = forms.Diagonal(*PAIRED)
SAMPLED = forms.PairedRecurrence(0.5 * one, one, one, np.asarray(0.0))
A = np.array([[-1.0, 2.0], [0.0, -3.0]])
V = np.array([[1.0, 1.0], [0.0, 1.0]])
U = np.ones(6)


@cache
def found() -> perturb.Diagonalization:
    return perturb.lossless(hippo.legs(3))


@cache
def layer() -> dict[str, np.ndarray]:
    return export.TARGETS["s4d"].to(inits.s4d_lin_init(4, channels=2))


def sparse() -> Any:
    return scipy.sparse.csc_array(np.diag([1.0, 2.0, 3.0, 4.0]))


@cache
def spectra() -> matrices.Pseudospectrum:
    return matrices.pseudospectrum(A, points=4)


@cache
def profiled() -> matrices.Profile:
    return matrices.profile(A, points=4)


RIGHT: dict[str, Callable[[], Any]] = {
    "form": lambda: PAIRED,
    "first": lambda: PAIRED,
    "second": lambda: PAIRED,
    "nplr": lambda: hippo.legs(3),
    "system": lambda: hippo.legs(3),
    "order": lambda: 3,
    "measure": lambda: "lmu",
    "length": lambda: 6,
    "lags": lambda: np.array([0.5, 1.0]),
    "times": lambda: np.array([0.5, 1.0]),
    "frequencies": lambda: np.array([0.5, 1.0]),
    "s": lambda: np.array([1j, 2j]),
    "u": lambda: U,
    "v": lambda: U,
    "k": lambda: U,
    "A": lambda: A,
    "V": lambda: V,
    "found": found,
    "name": lambda: "s4d-lin",
    "target": lambda: "s4d",
    "title": lambda: "a title",
    "facts": lambda: {"a": "fact"},
}
"""By name of the argument; `CALLS` has those of one function, under its name."""


def run(u: Any) -> Any:
    return np.cumsum(u)


ROW = {"point": {"order": 4}, "figures": {"modes": 2}, "error": None, "seconds": 0.1} | {
    "version": "1"
}


def study_file() -> str:
    Path("study.toml").write_text('measure = ["modes"]\n[over]\norder = [4]\n')
    return "study.toml"


CALLS: dict[str, dict[str, Callable[[], Any]]] = {
    "audit.audit": {"source": layer},
    "checkpoints.read": {"path": lambda: stored()},
    "checkpoints.config": {"path": lambda: "."},
    "checkpoints.write": {
        "path": lambda: "new.npz",
        "arrays": lambda: {"a": U},
        "metadata": lambda: {"a": "b"},
        "force": lambda: True,
    },
    "cli.main": {"arguments": lambda: ["list", "rules"]},
    "comparison.compare": {"perturbations": list},
    "comparison.fourier_sweep": {"perturbations": list, "frequencies": lambda: [1.0]},
    "comparison.measured": {"name": lambda: next(iter(comparison.CLAIMS)), "order": lambda: 4},
    "conversion.convert": {"source": lambda: PAIRED},
    "conversion.shrink": {"source": layer, "error": lambda: 0.1},
    "discretize.continuous": {"form": lambda: SAMPLED},
    "discretize.gbt": {"alpha": lambda: 0.5},
    "discretize.modulo_turns": {"step": lambda: np.ones(2), "A": lambda: one},
    "discretize.phi1": {"z": lambda: one, "turned": lambda: one},
    "discretize.phi2": {"z": lambda: one, "turned": lambda: one},
    "discretize.low_rank": {"form": lambda: inits.s4_init(4), "rule": lambda: "bilinear"},
    "discretize.sampled": {"rule": lambda: "zoh"},
    "discretize.sampled_with_base": {"rule": lambda: "zoh"},
    "doctor.examine": {},
    "doctor.graphics": {},
    "export.layers": {"shapes": lambda: {name: array.shape for name, array in layer().items()}},
    "export.contents": {"source": layer},
    "export.form_in": {
        "held": lambda: export.contents(layer()),
        "place": lambda: export.contents(layer()).layers[0],
    },
    "export.load": {"path": lambda: saved()},
    "export.save": {"path": lambda: "new.safetensors", "force": lambda: True},
    "forms.is_form": {"value": lambda: PAIRED},
    "forms.move": {"library": lambda: "numpy"},
    "forms.pair": {"form": lambda: DIAGONAL},
    "forms.unsampled": {"recurrence": lambda: forms.PairedRecurrence},
    "hippo.delay": {"basis": lambda: hippo.legs_basis(3, [0.5])},
    "hippo.reconstruct": {
        "basis": lambda: hippo.legs_basis(3, [0.5]),
        "state": lambda: np.ones(3),
    },
    "verification.suggest_step": {"data": lambda: np.random.default_rng(0).standard_normal(64)},
    "verification.coverage": {"init": lambda: "s4d-lin", "steps": lambda: [0.1]},
    "inits.combine": {"forms": lambda: [PAIRED, PAIRED]},
    "inits.scale_frequencies": {"alpha": lambda: 2.0},
    "kernels.sobolev_filter": {"beta": lambda: 0.5},
    "inits.options": {"name": lambda: "ptd"},
    "inits.certified": {"name": lambda: "ptd"},
    "inits.perturbed": {},
    "kernels.band_limit": {"alpha": lambda: 0.5},
    "kernels.bidirectional": {"forward": lambda: U, "backward": lambda: U},
    "kernels.dss_softmax": {"A": lambda: -one, "C": lambda: one, "step": lambda: np.asarray(0.1)},
    "kernels.free_response": {"state": lambda: one},
    "kernels.scan_bidirectional": {"past": lambda: PAIRED, "future": lambda: PAIRED},
    "kernels.scan_episodes": {"reset": lambda: np.arange(6) == 3},
    "kernels.hope": {"h": lambda: U, "step": lambda: np.asarray(1.0)},
    "kernels.hope_recurrence": {"h": lambda: U, "step": lambda: np.asarray(1.0)},
    "kernels.resample": {"rate": lambda: 2.0},
    "kernels.scan_irregular": {"steps": lambda: U},
    "kernels.sgconv": {"weights": lambda: np.ones((2, 3))},
    "kernels.sgconv_norm": {"weights": lambda: np.ones((2, 3))},
    "kernels.sgconv_sum": {"weights": lambda: np.ones((2, 3))},
    "kernels.sgconv_scales": {"dimension": lambda: 2},
    "kernels.sgconv_cosines": {"width": lambda: 2, "scales": lambda: 3, "dimension": lambda: 4},
    "kernels.states": {"at": lambda: [0, 2]},
    "kernels.step": {"u": lambda: np.asarray(1.0)},
    "matrices.discs": {"Lambda": lambda: np.diag(A)},
    "matrices.hinf": {"B": lambda: np.ones(2), "C": lambda: np.ones(2)},
    "matrices.hinf_distance": {
        "first": lambda: (A, np.ones(2), np.ones(2)),
        "second": lambda: (A, np.ones(2), np.zeros(2)),
    },
    "matrices.flow_norms": {"until": lambda: 1.0, "steps": lambda: 4},
    "matrices.projected_pseudospectrum": {"x": lambda: [0.0, 1.0], "y": lambda: [1.0]},
    "matrices.sparse_condeig": {"A": sparse, "count": lambda: 1},
    "matrices.sparse_pseudospectrum": {
        "A": sparse,
        "x": lambda: [0.0, 1.0],
        "y": lambda: [1.0],
    },
    "matrices.profile": {"points": lambda: 4},
    "matrices.numerical_range": {"points": lambda: 4},
    "matrices.pseudospectral_abscissa": {"eps": lambda: 0.1},
    "matrices.pseudospectrum": {"x": lambda: np.array([0.0, 1.0]), "y": lambda: np.array([1.0])},
    "matrices.proved_below": {
        "B": lambda: np.ones(2),
        "C": lambda: np.ones(2),
        "level": lambda: 9.0,
    },
    "matrices.window": {"points": lambda: 4},
    "nn.param_groups": {"model": lambda: torch.nn.Linear(2, 2), "lr": lambda: 1e-3},
    "perturb.column": {"iterations": lambda: 2},
    "perturb.exponential_bound": {"t": lambda: 0.5},
    "perturb.fractional_power_bound": {"p": lambda: 0.5},
    "perturb.power_bound": {"k": lambda: 2},
    "perturb.resolvent_bound": {"z": lambda: 1j},
    "perturb.buying_curves": {"system": lambda: A},
    "perturb.error_floor": {"conditioning": lambda: 8.0},
    "perturb.kept": {},
    "perturb.minimize": {"iterations": lambda: 2},
    "perturb.optimal": {"seconds": lambda: 0.1},
    "perturb.proved_law": {"order": lambda: 2, "c": lambda: 3.0},
    "perturb.proved_unit_columns": {"law": lambda: perturb.proved_law(2, c=3.0)},
    "perturb.sized_by": {"name": lambda: "lossless"},
    "products.cauchy": {"weights": lambda: one, "nodes": lambda: -one, "points": lambda: one},
    "products.generating": {"Lambda": lambda: -one},
    "products.krylov": {"B": lambda: np.ones(2), "C": lambda: np.ones(2)},
    "products.moments": {"signal": lambda: U, "nodes": lambda: 0.5 * one},
    "products.power_series": {"Lambda": lambda: -one},
    "products.vandermonde": {"weights": lambda: one, "nodes": lambda: 0.5 * one},
    "reduce.balanced": {"order": lambda: 1},
    "reduce.fit": {"kernel": lambda: U, "error": lambda: 1e-3},
    "reduce.h2": {"order": lambda: 1},
    "reduce.hankel": {"order": lambda: 1},
    "reduce.modal": {"order": lambda: 1},
    "report.bought": {"curves": lambda: perturb.buying_curves(A)},
    "report.diagonalized_matrix": {"before": spectra, "after": spectra},
    "report.eigenvalue_conditions": {"found": profiled},
    "report.figures_of": {"found": profiled},
    "report.matrix": {"found": profiled, "curves": list},
    "report.pseudospectra": {"found": profiled},
    "report.transient": {"found": profiled},
    "report.findings": {"found": list},
    "report.shared": {"page": lambda: report().comparison(rows(), title="a title")},
    "report.audit": {"found": lambda: importlib.import_module("ssmlinalg.audit").audit(layer())},
    "report.comparison": {"rows": lambda: rows()},
    "report.shrinking": {"found": lambda: ssmlinalg.shrink(layer(), order=2)},
    "report.deviation": {"shown": lambda: report().curves(found())},
    "report.frontier": {"rows": lambda: rows()},
    "report.images": {"figures": list},
    "report.modes": {"scales": lambda: verification.timescales(PAIRED)},
    "report.timetable": {"scales": lambda: verification.timescales(PAIRED)},
    "report.steps": {"found": lambda: verification.suggest_step(64, order=4)},
    "report.ptd": {"form": lambda: inits.ptd_init(3)},
    "report.response": {"shown": lambda: report().curves(found())},
    "report.robustness": {"sweeps": lambda: sweeps()},
    "report.verification": {"found": lambda: verification.verify(PAIRED, 32)},
    "report.study": {"rows": lambda: [ROW]},
    "studies.flat": {"row": lambda: ROW},
    "studies.key": {"point": lambda: {"order": 4}, "measure": lambda: ["modes"]},
    "studies.points": {"over": lambda: {"order": [4]}},
    "studies.read_study": {"path": lambda: study_file()},
    "studies.rows": {"out": lambda: "."},
    "studies.Subject": {"point": lambda: {"order": 4}},
    "studies.sweep": {
        "over": lambda: {"init": ["s4d-lin"], "order": [4]},
        "measure": lambda: ["modes"],
        "out": lambda: "out",
        "executor": lambda: ThreadPoolExecutor(1),
    },
    "studies.write_table": {
        "found": lambda: [ROW],
        "path": lambda: "new.csv",
        "force": lambda: True,
    },
    "testing.assert_causal": {"run": lambda: run, "at": lambda: 3},
    "testing.assert_close": {"got": lambda: U, "expected": lambda: U},
    "testing.assert_kernel": {"kernel": lambda: ssmlinalg.kernel},
    "testing.assert_law": {"name": lambda: "stable"},
    "testing.assert_linear": {"run": lambda: run},
    "testing.assert_recurrence": {"run": lambda: run, "kernel": lambda: U},
    "testing.multipliers": {"n": lambda: 2},
    "testing.spectra": {"n": lambda: 2},
    "verification.diagnose": {"kernel": lambda: 2 * ssmlinalg.kernel(PAIRED, 6)},
}
LOW_RANK = {
    "P": lambda: np.ones((2, 1)) + 0j,
    "B": lambda: one,
    "C": lambda: one,
    "step": lambda: np.asarray(0.1),
}
REFERENCE = {
    "A": lambda: A,
    "B": lambda: np.ones(2),
    "C": lambda: np.ones(2),
    "D": lambda: 0.0,
    "step": lambda: 0.1,
    "rule": lambda: "zoh",
    "inputs": lambda: [1.0, 2.0],
    "t": lambda: 0.5,
    "s": lambda: 1.0,
    "tau": lambda: 0.5,
    "order": lambda: 3,
    "u": lambda: [1.0, 2.0],
    "k": lambda: [1.0, 2.0],
    "V": lambda: V,
    "length": lambda: 3,
}
for name in ("products.generating", "products.power_series"):
    CALLS[name] |= LOW_RANK


def report() -> Any:
    return importlib.import_module("ssmlinalg.report")


@cache
def rows() -> list[comparison.Row]:
    return comparison.compare(3, perturbations=[])


@cache
def sweeps() -> list[comparison.Sweep]:
    return comparison.fourier_sweep(3, perturbations=[], frequencies=[1.0, 2.0])


def saved() -> str:
    if not os.path.exists("saved.safetensors"):
        export.save("saved.safetensors", inits.s4d_lin_init(4, channels=2), "s4d")
    return "saved.safetensors"


def stored() -> str:
    np.savez("stored.npz", a=U)
    return "stored.npz"


def public() -> dict[str, Callable[..., Any]]:
    """Every function in `__all__` of every room, once, under the name of the room."""
    found = {}
    for room in pkgutil.iter_modules(ssmlinalg.__path__):
        module = (
            importlib.import_module(f"ssmlinalg.{room.name}") if room.name != "__main__" else None
        )
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name)
            if inspect.isfunction(value):
                found[f"{room.name}.{name}"] = value
    return found


PUBLIC = public()


def right(name: str) -> dict[str, Callable[[], Any]]:
    """A valid call: the arguments of `CALLS`, of `RIGHT`, and those with a default."""
    own = CALLS.get(name, {}) | (REFERENCE if name.startswith("reference.") else {})
    call = {}
    for key, parameter in inspect.signature(PUBLIC[name]).parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            continue
        if key in own:
            call[key] = own[key]
        elif parameter.default is not parameter.empty:
            call[key] = lambda default=parameter.default: default
        else:
            call[key] = RIGHT[key]
    return call


class Late(BaseException):
    pass


def late(*_: Any) -> None:
    raise Late


def answer(name: str, key: str | None = None, wrong: str = "") -> Any:
    """What the function returns or raises, one argument wrong."""
    found: list[Any] = []

    def traced(tracer: Any) -> None:
        found.append(outcome(PUBLIC[name], call | {str(key): tracer}))

    call = {each: make() for each, make in right(name).items()}
    signal.signal(signal.SIGALRM, late)
    try:
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        if key is not None and wrong == TRACER:
            jax.eval_shape(traced, jax.ShapeDtypeStruct((2,), np.complex128))
            return found
        if key is not None:
            call[key] = WRONG[wrong]()
        return outcome(PUBLIC[name], call)
    except (Exception, Late) as error:
        return error
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def outcome(function: Callable[..., Any], call: Mapping[str, Any]) -> Any:
    names = inspect.signature(function).parameters
    positional = [
        call[name]
        for name in call
        if names[name].kind in (names[name].POSITIONAL_ONLY, names[name].POSITIONAL_OR_KEYWORD)
    ]
    keywords = {k: v for k, v in call.items() if names[k].kind is names[k].KEYWORD_ONLY}
    return function(*positional, **keywords)


def verdict(result: Any) -> str:
    """What is wrong with an answer; "" if nothing is."""
    if isinstance(result, Late):
        return f"no answer in {SECONDS} s"
    if isinstance(result, AssertionError):
        return ""  # what an assertion is for
    if isinstance(result, (ValueError, TypeError, OSError)):
        frame = result.__traceback__
        while frame is not None and frame.tb_next is not None:
            frame = frame.tb_next
        ours = frame is not None and "ssmlinalg" in frame.tb_frame.f_code.co_filename
        if ours and SENTENCE.fullmatch(str(result)):
            return ""
    if isinstance(result, BaseException):
        return f"{type(result).__name__}: {result}"
    return "NaN" if any(map(holds_nan, numbers_in(result))) else ""


def numbers_in(result: Any) -> Iterator[np.ndarray]:
    if isinstance(result, (tuple, list)):
        for entry in result:
            yield from numbers_in(entry)
    elif isinstance(result, Mapping):
        yield from numbers_in(list(result.values()))
    elif isinstance(result, (float, complex, np.ndarray, np.generic)):
        yield np.asarray(result)


def holds_nan(array: np.ndarray) -> bool:
    return array.dtype.kind in "fc" and bool(np.any(np.isnan(array)))


# What a function is given to call may fail as it likes: these two are functions.
CALLED = {"rule", "run", "kernel", "progress"}
# Functions that hand on what they get, or whose NaN says that a figure does not apply.
HOLLOW = {"forms.inner", "forms.is_form", "forms.is_recurrence", "comparison.compare"}
# Valid calls that take seconds, each with a test of its own elsewhere.
SLOW = {"doctor.examine", "report.images"}
SHARE = 1 if os.environ.get("HYPOTHESIS_PROFILE") == "long" else 8


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.chdir(tmp_path_factory.getbasetemp())  # files named by wrong things stay there


def cases(name: str) -> Iterator[tuple[str, str]]:
    """Arguments and wrong things; of every argument a share, each time another one."""
    for place, key in enumerate(right(name)):
        for number, wrong in enumerate(WRONG):
            called = key in CALLED and wrong in ("type", "function")
            if not called and (number + place + len(name)) % SHARE == 0:
                yield key, wrong


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_function_has_a_valid_call(name: str) -> None:
    assert right(name).keys() >= {
        key
        for key, parameter in inspect.signature(PUBLIC[name]).parameters.items()
        if parameter.kind is not parameter.VAR_KEYWORD
    }
    if name not in SLOW | HOLLOW:
        assert verdict(answer(name)) == ""


@pytest.mark.parametrize("name", PUBLIC)
def test_what_is_wrong_is_answered_in_our_sentence_or_with_a_right_result(name: str) -> None:
    found = {}
    for key, wrong in cases(name):
        found[key, wrong] = verdict(answer(name, key, wrong))
    allowed = ("", "NaN") if name in HOLLOW else ("",)
    assert not {case: fault for case, fault in found.items() if fault not in allowed}


def hidden(value: Any) -> Any:
    """Arrays, and those of a form, with their first entry masked."""
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(hidden, value))
    if not isinstance(value, np.ndarray) or value.size < 2:
        return value
    return np.ma.masked_array(value, np.arange(value.size).reshape(value.shape) == 0)


BEHIND_THE_DOOR = {"low_rank", "sampled", "sampled_with_base"}
DOORS = ("decompose", "discretize", "hippo", "inits", "kernels", "matrices", "perturb", "products")


@pytest.mark.parametrize("room", DOORS)
def test_no_masked_entry_is_taken_for_a_number(room: str) -> None:
    for name in PUBLIC:
        if not name.startswith(f"{room}.") or name.partition(".")[2] in BEHIND_THE_DOOR:
            continue
        for key in right(name):
            call = {each: value() for each, value in right(name).items()}
            call[key] = hidden(call[key])
            parts = call[key] if isinstance(call[key], tuple) else (call[key],)
            if any(isinstance(part, np.ma.MaskedArray) for part in parts):
                with pytest.raises(TypeError, match=r"; got .*\. Fill what is masked"):
                    outcome(PUBLIC[name], call)


@pytest.mark.parametrize("name", {home: name for name, home in export.HOMES.items()}.values())
def test_layers_of_every_target_refuse_what_is_wrong(name: str) -> None:
    """In place of the arrays, of each array, and of the form."""
    target = export.TARGETS[export.HOMES[name]]
    more = {"length": 8} if target.sized else {}
    arrays = target.to(inits.INITS[name](4, channels=2), **more)
    found = {}
    for number, (wrong, make) in enumerate(WRONG.items()):
        if wrong != TRACER and number % SHARE in (0, 1):
            calls = {key: partial(target.back, arrays | {key: make()}, **more) for key in arrays}
            calls["arrays"] = partial(target.back, make(), **more)
            calls["form"] = partial(target.to, make(), **more)
            found |= {(key, wrong): verdict(caught(call)) for key, call in calls.items()}
    assert not {case: fault for case, fault in found.items() if fault}


def caught(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except Exception as error:
        return error
