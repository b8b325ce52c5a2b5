r"""Whether the layers in a checkpoint are what they are taken for: which initialization they hold, drawn from which laws.

`audit` finds the layers by the names of the targets in `export`, reads one after the other, and returns for each

- which initialization its A is: exactly, to the precision of the file, or the nearest with its distance, modes matched;
- a Kolmogorov-Smirnov test of every law that the published layer says it starts from (`Target.declared`);
- findings: what cannot be meant, each with its kind, a name of `CHECKS`, and a sentence with the numbers.

A layer is *fresh* if more than half of its modes are those of an initialization, or have its law where A is drawn. Laws are
findings only there: what was trained has moved, and is no less sound for it. A layer with A frozen, and the rest trained, looks
fresh and is accused of its laws.
"""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np
import scipy.optimize
import scipy.stats

from . import _array, _require, decompose, hippo, inits
from ._array import Array
from .checkpoints import Entry, read
from .discretize import zoh
from .export import TARGETS
from .export._layout import Declared
from .export.layers import Layer, layers
from .forms import (
    DPLR,
    MIMO,
    NPLR,
    Dense,
    DenseRecurrence,
    Diagonal,
    MIMORecurrence,
    Paired,
    PairedRecurrence,
    Recurrence,
    unpair,
)

ALARM = 1e-4  # the chance that some law of a sound layer is called broken
_FEW = 8  # fewer draws or values than these say nothing of a law
_MANY = 1 << 18  # more draws than these are thinned out
_DISCRETE = (Recurrence, PairedRecurrence, MIMORecurrence)
_EPS = {"float64": 2.0**-52, "complex128": 2.0**-52, "float16": 2.0**-10, "bfloat16": 2.0**-7}
_EPS |= {"float8_e4m3fn": 2.0**-3, "float8_e5m2": 2.0**-2}
_SINGLE = 2.0**-23


class Finding(NamedTuple):
    """Something that cannot be meant: `kind` is a name of `CHECKS`, `array` one of the layer's layout, "" for all of it."""

    layer: str
    kind: str
    array: str
    message: str


class Identified(NamedTuple):
    """Which initialization A is.

    If `exact`, `names` are all that have this A (several do), to the precision of the file or, where A is drawn, by its law;
    else the nearest, and none where nothing compares. `order` is theirs, in `blocks` of one spectrum. `distance` is
    max |A - A0|/max |A0|, modes matched, in the worst channel (0 by law, infinite where nothing compares), `allowed` what the
    precision of the file leaves of it, `distances` those of all that were compared. `agrees` is the share of modes within
    `allowed`, `deviating` the first 64 channels with modes that are not. `A` and `A0` (n,) are the modes of the worst channel
    and of the initialization, matched, folded into the upper half plane.
    """

    names: tuple[str, ...]
    order: int
    blocks: int
    exact: bool
    distance: float
    allowed: float
    distances: dict[str, float]
    agrees: float
    deviating: tuple[int, ...]
    A: np.ndarray
    A0: np.ndarray


class Fit(NamedTuple):
    """A law of `Target.declared` against the draws of a layer.

    `statistic` is that of Kolmogorov and Smirnov, `p` its exact probability; of a constant the largest deviation, and 1 or 0.
    `outside` is the share of draws beyond the ends of the law. `like` names an initialization of ours that draws this quantity
    otherwise, and as found. `extremes` are the least and the largest draw, `counts` of them between `edges` their histogram.
    """

    quantity: str
    kind: str
    parameters: tuple[float, ...]
    draws: int
    statistic: float
    p: float
    outside: float
    like: str
    extremes: tuple[float, float]
    edges: np.ndarray
    counts: np.ndarray


class LayerReport(NamedTuple):
    """One layer: where, of which target, its order and channels (0 where it could not be read), what its A is, its laws."""

    prefix: str
    target: str
    order: int
    channels: int
    fresh: bool
    identified: Identified
    tests: list[Fit]


class Audit(NamedTuple):
    """All layers, in the order of the checkpoint, and all findings."""

    layers: list[LayerReport]
    findings: list[Finding]


class Seen(NamedTuple):
    """What a check looks at: the arrays of one layer by the names of its layout, and what became of them.

    `form` is None where the layer refuses them, and then `refusal` says why. `precision` is eps of each array, of 16 bits where
    its values have no more. `poles` are the names of the arrays that A is made of, `tests` goes with `sources`: the arrays that
    each law reads. `others` are the shapes of all arrays of the checkpoint.
    """

    layer: Layer
    arrays: dict[str, np.ndarray]
    dtypes: dict[str, str]
    precision: dict[str, float]
    form: Any
    refusal: str
    poles: tuple[str, ...]
    identified: Identified
    fresh: bool
    tests: list[Fit]
    sources: list[tuple[str, ...]]
    alarm: float
    expect: str | None
    length: int
    others: Mapping[str, tuple[int, ...]]


NOTHING = Identified((), 0, 1, False, math.inf, 0.0, {}, 0.0, (), np.zeros(0, complex), np.zeros(0, complex))


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def audit(
    source: str | os.PathLike[str] | Mapping[str, Array],
    *,
    target: str | None = None,
    expect: str | None = None,
    length: int = 1024,
) -> Audit:
    """Look at every layer in `source`, a file or folder that `checkpoints` reads, or arrays of any library by name.

    `target` says which layer it is (None: the one whose names fit best), `expect` which initialization of `INITS` its A should
    have, `length` what to take where arrays depend on one. Nothing is modified; of a file no more than one layer is in memory.
    Raises what `checkpoints.read` and `export.layers.layers` raise, ValueError where there is no layer. A layer that cannot be
    read is a finding. Cost: a few times reading each layer, and the initializations of its order once.

    >>> from ssmlinalg import export, s4d_lin_init
    >>> arrays = export.TARGETS["s4d"].to(s4d_lin_init(16, channels=64))
    >>> found = audit(arrays, target="s4d", expect="s4d-lin")
    >>> found.layers[0].identified.names, found.findings
    (('s4d-lin',), [])
    >>> arrays["log_dt"] = np.ones_like(arrays["log_dt"])
    >>> [finding.kind for finding in audit(arrays, target="s4d").findings]
    ['constant', 'interval', 'law']
    """
    if expect is not None:
        _require.known("expect", expect, inits.INITS)
    length = _require.integer("length", length)
    entries = _entries(source)
    shapes = {name: tuple(entry.shape) for name, entry in entries.items()}
    found = layers(shapes, target)
    tests = sum(len(TARGETS[layer.target].declared) for layer in found)
    reports, findings = [], []
    for layer in found:
        seen = _see(layer, entries, expect, ALARM / max(1, tests), length, shapes)
        reports.append(_report(seen))
        findings += [Finding(layer.prefix, kind, *said) for kind, check in CHECKS.items() for said in check(seen)]
    return Audit(reports, findings)


def _entries(source: Any) -> Mapping[str, Entry]:
    if isinstance(source, (str, os.PathLike)):
        return read(source).entries
    if not isinstance(source, Mapping):
        got = type(source).__name__
        raise TypeError(f"`source` must be a path or arrays by name; got {got}. Pass a file, or what `state_dict()` returns.")
    return {name: _entry(array) for name, array in source.items() if hasattr(array, "shape") and hasattr(array, "dtype")}


def _entry(array: Any) -> Entry:
    dtype = str(array.dtype).rpartition(".")[2]
    short = dtype == "bfloat16" or dtype.startswith("float8")  # NumPy has no such numbers
    wide = (lambda: _array.to_numpy(array.float() if hasattr(array, "float") else array.astype("float32"))) if short else None
    return Entry(tuple(array.shape), dtype, wide or (lambda: _array.to_numpy(array)))


def _see(
    layer: Layer, entries: Mapping[str, Entry], expect: str | None, alarm: float, length: int, shapes: Mapping[str, Any]
) -> Seen:
    arrays = {name: entries[key].read() for name, key in layer.names.items()}
    dtypes = {name: entries[key].dtype for name, key in layer.names.items()}
    precision = {name: _precision(array, dtypes[name]) for name, array in arrays.items()}
    form, refusal = _back(layer.target, arrays, length)
    poles, identified = ((), NOTHING) if form is None else _identify(layer.target, arrays, precision, form, length)
    tests, sources = _tests(layer.target, arrays, precision)
    own = [fit for fit, names in zip(tests, sources, strict=True) if names and set(names) <= set(poles)]  # laws of A itself
    formula = any(fit.kind == "constant" for fit in own) and all(fit.p >= alarm for fit in own)
    fresh = identified.agrees > 0.5 or formula
    tests = [
        fit._replace(like=_like(layer.target, arrays, form, identified, fit, length))
        if form is not None and (fit.p < alarm or fit.outside > 0 or np.count_nonzero(fit.counts) == 1)
        else fit
        for fit in tests
    ]
    return Seen(
        layer, arrays, dtypes, precision, form, refusal, poles, identified, fresh, tests, sources, alarm, expect, length, shapes
    )


def _report(seen: Seen) -> LayerReport:
    n, channels = (0, 0) if seen.form is None else (np.asarray(seen.form[0]).shape[-1], _channels(seen.form))
    order = seen.identified.order or n
    return LayerReport(seen.layer.prefix, seen.layer.target, order, channels, seen.fresh, seen.identified, seen.tests)


def _channels(form: Any) -> int:
    """How many inputs the layer has."""
    return form.B.shape[-1] if isinstance(form, (MIMO, MIMORecurrence)) else math.prod((form.C * form.B).shape[:-1])


def _back(target: str, arrays: Mapping[str, np.ndarray], length: int) -> tuple[Any, str]:
    there = TARGETS[target]
    try:
        with np.errstate(all="ignore"):
            return there.back(arrays, **({"length": length} if there.sized else {})), ""
    except (ValueError, TypeError) as error:
        return None, str(error)


def _precision(array: np.ndarray, dtype: str) -> float:
    """eps of what the values are: 16 bits where so many different ones have no more, whatever they are stored in."""
    stored = _EPS.get(dtype, _SINGLE)
    values = (
        np.concatenate([np.ravel(np.real(array)), np.ravel(np.imag(array))]) if array.dtype.kind == "c" else np.ravel(array)
    )
    if array.dtype.kind not in "fc" or stored > _SINGLE or values.size == 0 or not np.all(np.isfinite(values)):
        return stored
    some = np.unique(values[:: max(1, values.size >> 12)])  # a few thousand decide; all are looked at where they pass
    if np.count_nonzero(some != np.round(some)) < _FEW:
        return stored
    for short, holds in ((2.0**-10, _holds_half), (2.0**-7, _holds_brain)):
        if holds(some) and holds(values):
            return short
    return stored


def _holds_half(values: np.ndarray) -> bool:
    with np.errstate(over="ignore"):
        return bool(np.all(values.astype(np.float16) == values))


def _holds_brain(values: np.ndarray) -> bool:
    single = np.ascontiguousarray(values, np.float32)
    return bool(np.all(single == values) and not np.any(single.view(np.uint32) & 0xFFFF))


# which initialization


class Known(NamedTuple):
    """The modes of an initialization, folded into the upper half plane; their frequencies times the step if it is `timed`."""

    name: str
    order: int
    blocks: int
    timed: bool
    modes: np.ndarray


def _fold(A: np.ndarray) -> np.ndarray:
    """Into the upper half plane, by rising frequency: conjugates and the order of modes are nobody's choice."""
    A = np.real(A) + 1j * np.abs(np.imag(A))
    return np.take_along_axis(A, _rising(A), axis=-1)


def _rising(A: np.ndarray) -> np.ndarray:
    return np.lexsort((np.real(A), np.abs(np.imag(A))), axis=-1)


def _known(rows: np.ndarray, kind: type) -> Iterator[Known]:
    """Every initialization with as many modes, one half of the spectrum or both, and for S5 as several equal blocks.

    Those that take long come last.
    """
    m = rows.shape[-1]
    repeats = {1}
    if kind is MIMO:
        often = int(np.bincount(np.unique(rows, return_counts=True)[1]).argmax())
        repeats |= {J for J in (often, often // 2) if J and m % J == 0}
    for name in _LOW_RANK if kind is DPLR else _FORMULAS:
        for J in sorted(repeats):
            size = m // J
            for order in filter(None, dict.fromkeys((2 * size, 2 * size - 1, size, size // 2))):  # the last is DSS unpaired
                A = _half(name, order)
                twice = np.repeat(A, np.where(np.imag(A) == 0, 1, 2))
                for modes in (A,) if len(A) == len(twice) else (A, twice):
                    if len(modes) == size:
                        yield Known(name, J * order, J, name == "s4d-dfout", _fold(np.tile(modes, J)))


@cache
def _half(name: str, order: int) -> np.ndarray:
    """The modes of an initialization in the upper half plane; those of DSS are all there."""
    if name not in _LOW_RANK:
        return np.asarray(inits.INITS[name](order, step=1.0)[0])
    system = hippo.MEASURES[_LOW_RANK[name]](order)
    assert isinstance(system, NPLR), "the table holds no other measures"
    Lambda = decompose.eigenbasis(system).Lambda
    kept = Lambda[Lambda.imag >= 0]
    return np.where(np.abs(kept.imag) <= 1e-9 * np.max(np.abs(Lambda)), kept.real, kept)


# Initializations whose A does not depend on the seed, but for names that share it: first what is quick.
_RANDOM = ("s4d-rand", "lru", "dlr", "dss-softmax")
_SLOW = ("ptd", "s5-ptd")
_SAME = {"s5-ptd": "ptd", "s5": "s4d-legs", "s4d-legs-clipped": "s4d-legs", "mamba": "s4d-real"}
_FORMULAS = sorted((name for name in inits.INITS if name not in (*_RANDOM, *_SAME, "s4")), key=lambda name: name in _SLOW)
_LOW_RANK = {
    "s4" if measure == "legs" else f"s4, measure={measure}": measure
    for measure, make in hippo.MEASURES.items()
    if hasattr(make(2), "P")
}


def _rows(form: Any) -> np.ndarray | None:
    """The modes (H, n) of each channel, as they are stored; None where A is a matrix that is not normal."""
    if isinstance(form, (Dense, DenseRecurrence)):
        A = form.A.reshape(-1, *form.A.shape[-2:])
        defect = np.max(np.abs(A @ np.swapaxes(A, -1, -2).conj() - np.swapaxes(A, -1, -2).conj() @ A))
        return np.linalg.eigvals(A) if defect <= 1e-6 * np.max(np.abs(A)) ** 2 else None
    A = np.asarray(form[0])
    return A.reshape(-1, A.shape[-1])


def _identify(
    target: str, arrays: Mapping[str, np.ndarray], precision: Mapping[str, float], form: Any, length: int
) -> tuple[tuple[str, ...], Identified]:
    """The names of the arrays that A is made of, and which initialization that is."""
    there = TARGETS[target]
    arrays = {name: array for name, array in arrays.items() if name not in there.optional} or arrays
    A, step = np.asarray(form[0]), getattr(form, "step", np.ones(()))
    moved, timing = {}, 0.0
    for name, array in arrays.items():
        if array.dtype.kind not in "fc":
            continue
        other = _back(target, {**arrays, name: _nudged(array, precision[name])}, length)[0]
        if type(other) is type(form) and other[0].shape == A.shape:
            moved[name] = float(np.max(np.abs(other[0] - A), initial=0.0))
            timing += float(np.max(np.abs(getattr(other, "step", step) / step - 1), initial=0.0))
    eps = min(precision.values())
    rounding, timing = 4 * sum(moved.values()) + eps * float(np.max(np.abs(A), initial=0.0)), 4 * timing
    if isinstance(form, (Dense, DenseRecurrence)):
        rounding += 16 * A.shape[-1] * 2.0**-52 * float(np.max(np.abs(A)))  # its eigenvalues are computed
    poles = tuple(name for name, by in moved.items() if by > 0)
    if isinstance(form, (Dense, DenseRecurrence)):
        measure = _measure(form, rounding)
        if measure is not None:
            return poles, measure
    rows = _rows(form)
    if rows is None or np.any(~np.isfinite(rows)):
        return poles, NOTHING
    steps = np.broadcast_to(form.step, (len(rows),)) if isinstance(form, (Paired, Diagonal)) and form.step.ndim < 2 else None
    return poles, _spectrum(type(form), rows, steps, rounding, timing)


def _nudged(array: np.ndarray, eps: float) -> np.ndarray:
    """Every value rounded as far as it may have been, all one way: conjugates stay conjugates."""
    return array.astype(np.result_type(array, np.float64)) * (1 + eps / 2)


def _measure(form: Any, rounding: float) -> Identified | None:
    """A HiPPO matrix, entry by entry; None where it is of no such kind."""
    if not isinstance(form, Dense):
        return None
    A = form.A.reshape(-1, *form.A.shape[-2:])
    distances, matrices = {}, {}
    for name, make in hippo.MEASURES.items():
        A0 = matrices[name] = np.asarray(make(A.shape[-1]).A)
        distances[f"hippo-{name}"] = float(np.max(np.abs(A - A0)) / np.max(np.abs(A0)))
    nearest = min(distances, key=distances.__getitem__)
    A0 = matrices[nearest.removeprefix("hippo-")]
    allowed = (rounding + 64 * 2.0**-52) / np.max(np.abs(A0)) + 2.0**-50
    if distances[nearest] > allowed:
        return None
    names = tuple(name for name, distance in distances.items() if distance <= allowed)
    flat = A0.ravel() + 0j
    return Identified(names, len(A0), 1, True, distances[nearest], float(allowed), distances, 1.0, (), A[0].ravel() + 0j, flat)


def _spectrum(kind: type, rows: np.ndarray, steps: np.ndarray | None, rounding: float, timing: float) -> Identified:
    """The initialization that the modes (H, n) are: by formula, else by law, else the nearest."""
    if kind in _DISCRETE:
        return _law(kind, rows, rounding) or NOTHING
    found = _formula(kind, rows, steps, rounding, timing)
    if not found.exact and rows.shape[-1] == 1:  # a head of Mamba-2 has one mode: the spectrum lies across the heads
        across = _formula(kind, rows.T, None, rounding, timing)
        if across.agrees > 0.5:
            off = np.abs(across.A - across.A0) > across.allowed * np.max(np.abs(across.A0))
            heads = np.argmin(np.abs(_fold(rows) - across.A[off]), axis=0)
            return across._replace(deviating=tuple(int(head) for head in np.sort(heads)[:64]))
    return found if found.agrees > 0.5 else _law(kind, rows, rounding) or found


def _formula(kind: type, table: np.ndarray, steps: np.ndarray | None, rounding: float, timing: float) -> Identified:
    """The initialization that the rows of modes are, or the nearest."""
    own, which = np.unique(_fold(table), axis=0, return_inverse=True)
    which = which.reshape(-1)
    best: dict[str, tuple[float, np.ndarray, float, Known, np.ndarray]] = {}
    for known in _known(table, kind):
        if known.name in _SLOW and any(found[0] <= rounding / found[2] for found in best.values()):
            break
        A0 = np.broadcast_to(known.modes, own.shape)
        if known.timed:
            if steps is None:
                continue
            first = np.unique(which, return_index=True)[1]
            A0 = np.real(A0) + 1j * np.imag(A0) / steps[first][:, None]
        scale = max(float(np.max(np.abs(A0))), 1e-300)
        errors = np.abs(own - A0) / scale
        middle = float(np.median(errors.max(axis=-1)))
        if known.name not in best or middle < best[known.name][0]:
            best[known.name] = (middle, errors, scale, known, A0)
    if not best:
        return NOTHING
    candidates = {}
    for name, (_, errors, scale, known, A0) in best.items():
        allowed = rounding / scale + timing * known.timed
        candidates[name] = (*_matched(own, A0, errors, scale, allowed), allowed, known, A0)
    agreement = {name: float(np.mean(np.mean(of[0] <= of[2], axis=-1)[which])) for name, of in candidates.items()}
    # Where one channel was changed the others say which it is; where all were, the distance does.
    ranked = sorted(candidates, key=lambda name: (-agreement[name] * (agreement[name] > 0.5), np.max(candidates[name][0])))
    errors, order, allowed, known, A0 = candidates[ranked[0]]
    agrees = agreement[ranked[0]]
    distance = float(np.max(errors))
    exact = distance <= allowed
    distances = {name: float(np.max(candidates[name][0])) for name in ranked}
    same = {name: (name, *(other for other, first in _SAME.items() if first == name)) for name in ranked}
    names = tuple(other for name in ranked if distances[name] <= candidates[name][2] for other in same[name])
    names = names if exact else same[ranked[0]]
    distances = {other: distances[name] for name in ranked for other in same[name]}
    worst = int(np.argmax(np.max(errors, axis=-1)))
    deviating = np.flatnonzero(np.max(errors, axis=-1)[which] > allowed)
    return Identified(
        names, known.order, known.blocks, exact, distance, float(allowed), distances, agrees,
        tuple(int(i) for i in deviating[:64]), own[worst][order[worst]], A0[worst],
    )  # fmt: skip


def _matched(
    own: np.ndarray, A0: np.ndarray, errors: np.ndarray, scale: float, allowed: float
) -> tuple[np.ndarray, np.ndarray]:
    """Errors with modes matched as well as can be, and the order that does it; the order of sorting where that is enough."""
    order = np.tile(np.arange(own.shape[-1]), (len(own), 1))
    off = np.flatnonzero(np.max(errors, axis=-1) > allowed)
    if own.shape[-1] > 512 or len(off) > 32:  # the assignment costs n^3 for each channel
        return errors, order
    errors = errors.copy()
    for row in off:
        cost = np.abs(own[row][None, :] - A0[row][:, None]) / scale
        order[row] = scipy.optimize.linear_sum_assignment(np.minimum(cost, np.sort(cost, axis=None)[-1]))[1]
        errors[row] = cost[np.arange(len(cost)), order[row]]
    return errors, order


def _law(kind: type, rows: np.ndarray, rounding: float) -> Identified | None:
    """The initialization whose law the modes have, where A is drawn: S4D-Rand, LRU and DLR.

    Of the ends of an interval that are not known the extreme draws stand, and the rest are uniform between them.
    """
    own = np.unique(rows, axis=0)
    A = own.ravel()
    if A.size < _FEW or not np.all(np.isfinite(A)):
        return None
    laws: dict[str, list[float]] = {}
    if kind in (Paired, Diagonal) and np.max(np.abs(np.real(A) + 0.5)) <= rounding + 1e-12 and np.all(np.imag(A) != 0):
        laws["s4d-rand"] = [_ks(np.unique(np.log(np.abs(np.imag(A)))), "norm", (0.0, 1.0))[1]]
    modulus, angle = np.abs(A), np.angle(A) % (2 * math.pi)
    if kind in _DISCRETE and np.all((modulus > 0) & (modulus < 1)):
        n = own.shape[-1]
        grid = 2 * math.pi * np.arange(n) / n
        turn = np.abs((np.sort(angle.reshape(own.shape), axis=-1) - grid + math.pi) % (2 * math.pi) - math.pi)
        if np.max(turn) <= 4 * rounding + 1e-12:
            laws["dlr"] = [_within(np.log(-2 * np.log(modulus)))]
        elif kind is MIMORecurrence:
            laws["lru"] = [_within(modulus**2), _within(angle, low=0.0)]
    laws = {name: ps for name, ps in laws.items() if min(ps) >= ALARM}
    if not laws:
        return None
    name = next(iter(laws))
    order = rows.shape[-1] * (2 if name == "s4d-rand" and kind is Paired else 1)
    return NOTHING._replace(names=(name,), order=order, exact=True, distance=0.0, agrees=1.0, A=own[0], A0=own[0])


def _within(draws: np.ndarray, low: float | None = None) -> float:
    """p of draws being uniform on an interval of which nothing is known, or only its lower end."""
    draws = np.sort(draws)
    first, inner = (draws[0], draws[1:-1]) if low is None else (low, draws[:-1])
    return _ks(inner, "uniform", (first, draws[-1] - first))[1] if draws[-1] > first else 0.0


# laws


class _Read(dict[str, np.ndarray]):
    """Arrays that remember who was asked for."""

    def __init__(self, arrays: Mapping[str, np.ndarray]):
        super().__init__(arrays)
        self.asked: dict[str, None] = {}

    def __getitem__(self, name: str) -> np.ndarray:
        self.asked[name] = None
        return super().__getitem__(name)


def _draws(declared: Declared, arrays: Mapping[str, np.ndarray]) -> tuple[np.ndarray, tuple[str, ...]] | None:
    """What is said to be drawn, and the arrays it is made of; None where an optional one is missing or it is no number."""
    wide = _Read({name: array.astype(np.result_type(array, np.float64)) for name, array in arrays.items()})
    try:
        with np.errstate(all="ignore"):
            draws = np.ravel(declared.of(wide))
    except (KeyError, ValueError, IndexError):
        return None
    if draws.size > _MANY:
        draws = draws[np.linspace(0, draws.size - 1, _MANY).round().astype(int)]
    return (draws, tuple(wide.asked)) if draws.size and np.all(np.isfinite(draws)) else None


def _tests(
    target: str, arrays: Mapping[str, np.ndarray], precision: Mapping[str, float]
) -> tuple[list[Fit], list[tuple[str, ...]]]:
    tests, sources = [], []
    for quantity, declared in TARGETS[target].declared.items():
        drawn = _draws(declared, arrays)
        if drawn is None:
            continue
        draws, names = drawn
        nudged = {name: _nudged(array, precision[name]) if name in names else array for name, array in arrays.items()}
        moved = _draws(declared, nudged)
        slack = 4 * float(np.max(np.abs(moved[0] - draws))) if moved else 0.0
        tests.append(_fit(quantity, declared, draws, slack))
        sources.append(names)
    return tests, sources


def _fit(quantity: str, declared: Declared, draws: np.ndarray, slack: float) -> Fit:
    kind, parameters = declared.kind, tuple(map(float, declared.parameters))
    extremes = float(np.min(draws)), float(np.max(draws))
    counts, edges = np.histogram(draws, bins=40)
    if kind == "constant":
        off = np.abs(draws - parameters[0])
        beyond = off > slack + 1e-12
        statistic, p, outside = float(np.max(off)), float(not np.any(beyond)), float(np.mean(beyond))
    else:
        low, high = getattr(scipy.stats, kind)(*parameters).support()
        slack += 1e-12 * max((abs(end) for end in (low, high) if math.isfinite(end)), default=0.0)
        outside = float(np.mean((draws < low - slack) | (draws > high + slack)))
        at_the_ends = np.where(np.abs(draws - low) <= slack, low, np.where(np.abs(draws - high) <= slack, high, draws))
        statistic, p = _ks(at_the_ends, kind, parameters)
    return Fit(quantity, kind, parameters, draws.size, statistic, p, outside, "", extremes, edges, counts)


def _ks(draws: np.ndarray, kind: str, parameters: tuple[float, ...]) -> tuple[float, float]:
    """The statistic and its exact p. A value that occurs again is a copy, as that of a conjugate is, and no new draw."""
    statistic = float(scipy.stats.kstest(draws, kind, args=parameters, method="asymp").statistic)
    return statistic, float(scipy.stats.kstwo.sf(statistic, np.unique(draws).size))


def _like(target: str, arrays: Mapping[str, np.ndarray], form: Any, identified: Identified, fit: Fit, length: int) -> str:
    """The initialization with this A whose export has the quantity as it was found, though not as published; "" if none has.

    So a layer that `export` wrote is not accused of laws that are those of the published default only, such as that of C where
    B went into it.
    """
    drawn = _draws(TARGETS[target].declared[fit.quantity], arrays)
    channels, n = _channels(form), np.asarray(form[0]).shape[-1]
    ours = (name for name in inits.INITS if _type(name) in TARGETS[target].takes)
    for name in identified.names if identified.exact else ours:
        make = partial(inits.s4_init, measure=_LOW_RANK[name]) if name in _LOW_RANK else inits.INITS.get(name)
        if make is None or drawn is None:  # a HiPPO matrix by itself has no laws
            continue
        if identified.blocks > 1 and name in ("s5", "s5-ptd"):
            make = partial(make, blocks=identified.blocks)
        for order in filter(None, dict.fromkeys((identified.order, 2 * n, 2 * n - 1, n, n // 2, identified.order // channels))):
            theirs = list(_exported(target, partial(make, order, channels=channels), arrays, fit, length))
            if theirs and _alike(fit, drawn[0], theirs):
                return name
    return ""


def _exported(
    target: str, make: Callable[..., Any], arrays: Mapping[str, np.ndarray], fit: Fit, length: int
) -> Iterator[np.ndarray]:
    """The draws of this quantity in exports of ours of the same shapes: far more than there are, to know their law."""
    there = TARGETS[target]
    enough = 4 if fit.extremes[0] == fit.extremes[1] else 16
    for seed in range(min(enough, max(1, _MANY // fit.draws))):
        try:
            made = there.to(make(seed=seed), **({"length": length} if there.sized else {}))
        except (ValueError, TypeError):
            return
        drawn = _draws(there.declared[fit.quantity], made)
        if drawn is None or any(made[key].shape != array.shape for key, array in arrays.items() if key in made):
            return
        yield drawn[0]


def _alike(fit: Fit, draws: np.ndarray, theirs: list[np.ndarray]) -> bool:
    """Whether one law can have made all. What is constant is one draw, where it is constant in ours as well."""
    if np.ptp(draws) == 0:
        values = np.array([one[0] for one in theirs])
        same = np.ptp(values) == 0 and np.allclose(values, draws[0])
        return all(np.ptp(one) == 0 for one in theirs) and bool(
            same or (np.ptp(values) > 0 and (fit.outside == 0 or fit.draws == 1))
        )
    return _two_sample(draws, np.concatenate(theirs))


@cache
def _type(name: str) -> type:
    return type(inits.INITS[name](2))


def _two_sample(draws: np.ndarray, theirs: np.ndarray) -> bool:
    if np.ptp(theirs) == 0:
        return bool(np.allclose(draws, theirs.flat[0]))
    result: Any = scipy.stats.ks_2samp(draws, theirs, method="asymp")
    statistic = float(result.statistic)
    n, m = np.unique(draws).size, np.unique(theirs).size
    return bool(scipy.stats.kstwo.sf(statistic, max(1, round(n * m / (n + m)))) >= ALARM)


# what cannot be meant: each check yields the array ("" for the layer) and a sentence

Said = Iterator[tuple[str, str]]


def unreadable(seen: Seen) -> Said:
    """The layer refuses its arrays: a name is missing, a shape does not fit."""
    if seen.form is None and not any([*nonfinite(seen), *overflow(seen), *transposed(seen)]):
        here = [name for name in seen.others if name.startswith(seen.layer.prefix) and name not in seen.layer.names.values()]
        there = TARGETS[seen.layer.target]
        missing = [name for name in there.layout if name not in (*seen.layer.names, *there.optional)]
        near = {name: difflib.get_close_matches(seen.layer.prefix + name, here, n=1, cutoff=0.6) for name in missing}
        hint = "".join(f" Is {found[0]!r} meant to be {name!r}?" for name, found in near.items() if found)
        yield "", seen.refusal + hint


def nonfinite(seen: Seen) -> Said:
    """NaN or infinite weights."""
    for name, array in seen.arrays.items():
        if array.dtype.kind in "fc" and not _require.all_finite(array):
            where = np.argwhere(~np.isfinite(array))
            first = tuple(int(i) for i in where[0])
            yield name, f"{len(where)} of {array.size} values are not finite, the first {array[first]} at index {first}."


def overflow(seen: Seen) -> Said:
    """Logarithms whose exponential is no number of the type they are stored in."""
    for name, array in seen.arrays.items():
        if "exp" not in TARGETS[seen.layer.target].training[name]["constraint"] or array.dtype.kind != "f":
            continue
        limit = math.log({"float16": 65504.0, "float64": 1.79e308}.get(seen.dtypes[name], 3.4e38))
        over = np.argwhere(np.nan_to_num(array, nan=0.0, posinf=0.0, neginf=0.0) > limit)
        if len(over):
            first = tuple(int(i) for i in over[0])
            got = f"{array[first]:.6g} at index {first}"
            yield name, f"The exponential of {len(over)} of {array.size} values overflows {seen.dtypes[name]}, the first {got}."


def sixteen(seen: Seen) -> Said:
    """Values of a wider type that are all numbers of 16 bits: rounded on the way."""
    for name, array in seen.arrays.items():
        short = {2.0**-10: "float16", 2.0**-7: "bfloat16"}.get(seen.precision[name])
        if short and seen.dtypes[name] != short and array.dtype.itemsize > 2:
            yield name, f"All {array.size} values are exact in {short} though stored as {seen.dtypes[name]}: they were rounded."


def zero(seen: Seen) -> Said:
    """Nothing but zeros where the layer starts from something else, or where the kernel is zero with them."""
    for name, array in seen.arrays.items():
        if array.size and not np.any(array) and (_drawn(seen, name) or _silent(seen, name)):
            yield name, f"All {array.size} values are 0."


def constant(seen: Seen) -> Said:
    """One value throughout where the layer starts from draws."""
    for name, array in seen.arrays.items():
        if array.size < 2 or not np.any(array) or np.any(array != array.flat[0]):
            continue
        laws = [fit for fit, names in zip(seen.tests, seen.sources, strict=True) if name in names and fit.kind != "constant"]
        if laws and not any(fit.like for fit in laws):
            law = f"{laws[0].quantity} is drawn {_called(laws[0])}"
            yield name, f"All {array.size} values are {array.flat[0]:.6g}, where {law}."


def _drawn(seen: Seen, name: str) -> bool:
    """Whether a law of the layer that reads this array does not allow it to be the same throughout."""
    laws = [fit for fit, names in zip(seen.tests, seen.sources, strict=True) if name in names]
    return any(not fit.like and not (fit.kind == "constant" and fit.p == 1.0) for fit in laws)


def _silent(seen: Seen, name: str) -> bool:
    """Whether the array is what makes B or C zero."""
    if seen.form is None or (np.any(seen.form.B) and np.any(seen.form.C)):
        return False
    other = _back(seen.layer.target, {**seen.arrays, name: np.ones_like(seen.arrays[name])}, seen.length)[0]
    return other is not None and bool(np.any(other.B) > np.any(seen.form.B) or np.any(other.C) > np.any(seen.form.C))


def unstable(seen: Seen) -> Said:
    """Modes that grow: Re A >= 0, or |A| >= 1 of a recurrence."""
    rows = None if seen.form is None or isinstance(seen.form, DPLR) else _rows(seen.form)
    if rows is None:
        return
    discrete = isinstance(seen.form, (*_DISCRETE, DenseRecurrence))
    growth = np.abs(rows) - 1 if discrete else np.real(rows)
    if isinstance(seen.form, (Dense, DenseRecurrence)):  # computed eigenvalues, and an integrator is meant
        growth = growth - 64 * rows.shape[-1] * max(seen.precision.values()) * np.max(np.abs(rows)) - 1e-300
    if np.any(growth >= 0):
        first = tuple(int(i) for i in np.argwhere(growth >= 0)[0])
        rule = "|A| < 1" if discrete else "Re A < 0"
        got = f"the first {rows[first]:.6g} at index {first}"
        yield "", f"{np.count_nonzero(growth >= 0)} of {rows.size} modes do not keep {rule}, {got}."


def sign(seen: Seen) -> Said:
    """An array of A with its sign turned: with the other one A is an initialization."""
    if seen.form is None or seen.identified.exact:
        return
    for name in seen.poles:
        for turned in (-seen.arrays[name], -seen.arrays[name].conj())[: 1 + np.iscomplexobj(seen.arrays[name])]:
            found = _instead(seen, {name: turned})
            if found.exact:
                yield name, f"The sign is turned: with the other one A is {' or '.join(found.names)}, to {found.distance:.1g}."
                break


def transposed(seen: Seen) -> Said:
    """Arrays that fit, or are an initialization, only when they are transposed."""
    square = [name for name, array in seen.arrays.items() if array.ndim == 2]
    if seen.form is None:
        for names in [*([name] for name in square), square]:
            if names and _instead(seen, {name: seen.arrays[name].T for name in names}, readable=True) is not NOTHING:
                shapes = ", ".join(str(seen.arrays[name].shape) for name in names)
                yield names[0], f"The layer takes {' and '.join(names)} of shape {shapes} only when transposed."
                return
        return
    if seen.identified.exact:
        return
    names = [name for name in seen.poles if name in square and len(set(seen.arrays[name].shape)) == 1]
    found = _instead(seen, {name: seen.arrays[name].T for name in names}) if names else NOTHING
    if found.exact:
        yield names[0], f"A is {' or '.join(found.names)} when transposed, to {found.distance:.1g}."


def _instead(seen: Seen, change: dict[str, np.ndarray], *, readable: bool = False) -> Identified:
    """What A would be with these arrays; if only `readable` is asked, anything but NOTHING where they can be read."""
    arrays = {**seen.arrays, **change}
    form, _ = _back(seen.layer.target, arrays, seen.length)
    if form is None:
        return NOTHING
    return (
        NOTHING._replace(names=("",))
        if readable
        else _identify(seen.layer.target, arrays, seen.precision, form, seen.length)[1]
    )


def changed(seen: Seen) -> Said:
    """Most modes are those of an initialization, and some are not."""
    found = seen.identified
    if found.exact or not 0.5 < found.agrees < 1:
        return
    few = ", ".join(map(str, found.deviating[:8])) + (", ..." if len(found.deviating) > 8 else "")
    share = f"{100 * found.agrees:.4g} % of the modes are those of {found.names[0]}"
    yield "", f"{share}; in channel {few} they deviate by up to {found.distance:.3g} of the largest."


def unexpected(seen: Seen) -> Said:
    """A is another initialization than the one expected."""
    found = seen.identified
    if seen.expect is None or (seen.expect in found.names and found.exact):
        return
    if seen.form is None:
        return
    far = found.distances.get(seen.expect)
    from_it = (
        "is not comparable with it" if far is None else f"is {far:.3g} of the largest mode away, {found.allowed:.1g} allowed"
    )
    known = f" It is {' or '.join(found.names)}." if found.exact else ""
    yield "", f"A should be {seen.expect} and {from_it}.{known}"


def both(seen: Seen) -> Said:
    """A layout of half spectra that holds the conjugates as well, which count twice."""
    partners = _partners(seen)
    if partners is not None and _halves(seen.layer.target) and partners.size > 1 and np.all(partners):
        yield "", f"All {partners.size} complex modes stand beside their conjugates, though the layer adds those itself."


def half(seen: Seen) -> Said:
    """A layout of whole spectra that holds no conjugates: what it computes is half of what was meant."""
    partners = _partners(seen)
    if partners is None or _halves(seen.layer.target) is not False or np.any(partners) or not partners.size:
        return
    rows = _rows(seen.form)
    assert rows is not None
    if seen.fresh and (np.all(np.imag(rows) >= 0) or np.all(np.imag(rows) <= 0)):
        yield "", f"None of the {partners.size} complex modes has its conjugate beside it, and the layer adds none."


def unpaired(seen: Seen) -> Said:
    """A layout of whole spectra in which most modes have their conjugates, and some have not."""
    partners = _partners(seen)
    if partners is None or _halves(seen.layer.target) is not False or not 0.5 <= np.mean(partners) < 1:
        return
    yield "", f"{np.count_nonzero(~partners)} of {partners.size} complex modes have no conjugate, though the others have."


def _partners(seen: Seen) -> np.ndarray | None:
    """Whether the conjugate of each complex mode is in its channel, to rounding; None where that is no question."""
    if seen.form is None or isinstance(seen.form, (Dense, DenseRecurrence, DPLR)):
        return None
    rows = _rows(seen.form)
    assert rows is not None
    near = max(seen.identified.allowed, 4 * _SINGLE) * np.max(np.abs(rows), axis=-1, keepdims=True)
    complex_modes = np.abs(np.imag(rows)) > near
    if not np.any(complex_modes):
        return None
    stored = max((seen.arrays[name].size for name in seen.poles), default=0)
    if _halves(seen.layer.target) is False and stored > rows.size:  # the form keeps one of each pair that it found whole
        return np.ones(np.count_nonzero(complex_modes), bool)
    distance = np.stack([np.min(np.abs(row[:, None] - row.conj()), axis=-1) for row in rows])
    return (distance <= near)[complex_modes]


@cache
def _halves(target: str) -> bool | None:
    """Whether a layer stores one mode for each pair of conjugates; None where that is for its form to say."""
    there = TARGETS[target]
    model = inits.s4d_inv_init(4, channels=1, step=0.1)
    for form in (model, inits.s5_init(4), inits.s4_init(4, channels=1), unpair(model), zoh(model), zoh(inits.s5_init(4))):
        if type(form) not in there.takes or any("..." in axes for _, axes in there.layout.values()):
            continue
        try:
            arrays = there.to(form, **({"length": 16} if there.sized else {}))
        except (ValueError, TypeError):
            continue
        return max(size for array in arrays.values() for size in array.shape) == 2
    return None


def clipped(seen: Seen) -> Said:
    """Imaginary parts of B that pile up at one bound."""
    if seen.form is None or np.ndim(seen.form.B) == 0 or seen.expect == "s4d-legs-clipped":
        return
    B = np.asarray(seen.form.B)
    B = np.swapaxes(B, -1, -2) if isinstance(seen.form, (MIMO, MIMORecurrence)) else B
    size = np.unique(np.abs(np.imag(B)).reshape(-1, B.shape[-1]), axis=0)
    bound = np.max(size)
    at = size == bound
    if bound > 1e-6 * np.max(np.abs(B)) and np.max(np.count_nonzero(at, axis=-1)) >= 3 and np.any(~at & (size > 0)):
        count = f"{np.count_nonzero(at)} of {at.size} imaginary parts"
        yield "", f"{count} of B are {bound:.6g} exactly in size, and none is larger: B was clipped."


def law(seen: Seen) -> Said:
    """A fresh layer whose draws are not those of the law it is said to start from."""
    for fit, names in zip(seen.tests, seen.sources, strict=True):
        if seen.fresh and fit.p < seen.alarm and not fit.like:
            off = f"deviates by {fit.statistic:.3g}" if fit.kind == "constant" else f"p = {fit.p:.2g}"
            yield names[0] if names else "", f"{fit.quantity} is not {_called(fit)}: {off} over {fit.draws} values."


def interval(seen: Seen) -> Said:
    """A fresh layer with draws outside the interval they are said to be drawn from."""
    for fit, names in zip(seen.tests, seen.sources, strict=True):
        if seen.fresh and fit.kind == "uniform" and fit.outside > 0 and not fit.like:
            low, high = fit.parameters[0], sum(fit.parameters)
            where = f"the interval from {low:.4g} to {high:.4g}"
            there = f"between {fit.extremes[0]:.4g} and {fit.extremes[1]:.4g}"
            yield names[0], f"{100 * fit.outside:.3g} % of {fit.quantity} lie outside {where}; all are {there}."


def reinitialized(seen: Seen) -> Said:
    """A bias that is drawn as torch.nn.Linear draws one: what the layer was initialized with is lost."""
    for fit, names in zip(seen.tests, seen.sources, strict=True):
        for name in names:
            array, key = np.ravel(seen.arrays[name]), seen.layer.names[name]
            weight = seen.others.get(f"{key.removesuffix('bias')}weight", ()) if key.endswith("bias") else ()
            if fit.p >= seen.alarm or len(weight) != 2 or np.unique(array).size < _FEW:
                continue
            bound = 1 / math.sqrt(weight[1])
            p = _ks(array, "uniform", (-bound, 2 * bound))[1]
            if np.max(np.abs(array)) <= bound * (1 + seen.precision[name]) and p >= ALARM:
                yield name, f"Uniform between -{bound:.4g} and {bound:.4g} (p = {p:.2g}), as torch.nn.Linear draws a bias."


def _called(fit: Fit) -> str:
    if fit.kind == "uniform":
        return f"uniform between {fit.parameters[0]:.4g} and {sum(fit.parameters):.4g}"
    return (
        f"{fit.parameters[0]:.6g}" if fit.kind == "constant" else f"{fit.kind}({', '.join(f'{x:.4g}' for x in fit.parameters)})"
    )


# A check is a function and a line.
CHECKS: dict[str, Callable[[Seen], Said]] = {
    "unreadable": unreadable,
    "nonfinite": nonfinite,
    "overflow": overflow,
    "sixteen-bit": sixteen,
    "zero": zero,
    "constant": constant,
    "unstable": unstable,
    "sign": sign,
    "transposed": transposed,
    "changed": changed,
    "unexpected": unexpected,
    "both-halves": both,
    "one-half": half,
    "unpaired": unpaired,
    "clipped": clipped,
    "interval": interval,
    "law": law,
    "reinitialized": reinitialized,
}
