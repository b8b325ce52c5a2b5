"""Which initialization A is: by formula, by law, or the nearest one, with modes matched."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import scipy.optimize
import scipy.stats

from .. import decompose, hippo, inits
from ..export import TARGETS
from ..forms import DPLR, MIMO, NPLR, Dense, DenseRecurrence, Diagonal, MIMORecurrence, Paired
from .draws import kolmogorov
from .records import ALARM, DISCRETE, FEW, NOTHING, Identified, back, nudge


class Known(NamedTuple):
    """The modes of an initialization, folded into the upper half plane; their frequencies times the
    step if it is `timed`.
    """

    name: str
    order: int
    blocks: int
    timed: bool
    modes: np.ndarray


def _fold(A: np.ndarray) -> np.ndarray:
    """Into the upper half plane, by rising frequency: conjugates and the order of modes are
    nobody's choice.
    """
    A = np.real(A) + 1j * np.abs(np.imag(A))
    return np.take_along_axis(A, _rising(A), axis=-1)


def _rising(A: np.ndarray) -> np.ndarray:
    return np.lexsort((np.real(A), np.abs(np.imag(A))), axis=-1)


def _known(rows: np.ndarray, kind: type) -> Iterator[Known]:
    """Every initialization with as many modes, one half of the spectrum or both, and for S5 as
    several equal blocks.

    Those that take long come last.
    """
    m = rows.shape[-1]
    repeats = {1}
    if kind is MIMO:
        often = int(np.bincount(np.unique(rows, return_counts=True)[1]).argmax())
        repeats |= {J for J in (often, often // 2) if J and m % J == 0}
    for name in LOW_RANK if kind is DPLR else _FORMULAS:
        for J in sorted(repeats):
            size = m // J
            for order in filter(
                None, dict.fromkeys((2 * size, 2 * size - 1, size, size // 2))
            ):  # the last is DSS unpaired
                A = _half(name, order)
                twice = np.repeat(A, np.where(np.imag(A) == 0, 1, 2))
                for modes in (A,) if len(A) == len(twice) else (A, twice):
                    if len(modes) == size:
                        yield Known(
                            name, J * order, J, name == "s4d-dfout", _fold(np.tile(modes, J))
                        )


@cache
def _half(name: str, order: int) -> np.ndarray:
    """The modes of an initialization in the upper half plane; those of DSS are all there."""
    if name not in LOW_RANK:
        return np.asarray(inits.INITS[name](order, step=1.0)[0])
    system = hippo.MEASURES[LOW_RANK[name]](order)
    assert isinstance(system, NPLR), "the table holds no other measures"
    Lambda = decompose.eigenbasis(system).Lambda
    kept = Lambda[Lambda.imag >= 0]
    return np.where(np.abs(kept.imag) <= 1e-9 * np.max(np.abs(Lambda)), kept.real, kept)


# Initializations whose A does not depend on the seed, but for names that share it: first what is
# quick.
_RANDOM = ("s4d-rand", "lru", "dlr", "dss-softmax")
_SLOW = ("ptd", "s5-ptd")
_SAME = {"s5-ptd": "ptd", "s5": "s4d-legs", "s4d-legs-clipped": "s4d-legs", "mamba": "s4d-real"}
_FORMULAS = sorted(
    (name for name in inits.INITS if name not in (*_RANDOM, *_SAME, "s4")),
    key=lambda name: name in _SLOW,
)
LOW_RANK = {
    "s4" if measure == "legs" else f"s4, measure={measure}": measure
    for measure, make in hippo.MEASURES.items()
    if hasattr(make(2), "P")
}


def spectra(form: Any) -> np.ndarray | None:
    """The modes (H, n) of each channel, as they are stored; None where A is a matrix that is not
    normal.
    """
    if isinstance(form, (Dense, DenseRecurrence)):
        A = form.A.reshape(-1, *form.A.shape[-2:])
        defect = np.max(
            np.abs(A @ np.swapaxes(A, -1, -2).conj() - np.swapaxes(A, -1, -2).conj() @ A)
        )
        return np.linalg.eigvals(A) if defect <= 1e-6 * np.max(np.abs(A)) ** 2 else None
    A = np.asarray(form[0])
    return A.reshape(-1, A.shape[-1])


def identify(
    target: str,
    arrays: Mapping[str, np.ndarray],
    precision: Mapping[str, float],
    form: Any,
    length: int,
) -> tuple[tuple[str, ...], Identified]:
    """The names of the arrays that A is made of, and which initialization that is."""
    there = TARGETS[target]
    arrays = {name: array for name, array in arrays.items() if name not in there.optional} or arrays
    A, step = np.asarray(form[0]), getattr(form, "step", np.ones(()))
    moved, timing = {}, 0.0
    for name, array in arrays.items():
        if array.dtype.kind not in "fc":
            continue
        other = back(target, {**arrays, name: nudge(array, precision[name])}, length)[0]
        if type(other) is type(form) and other[0].shape == A.shape:
            moved[name] = float(np.max(np.abs(other[0] - A), initial=0.0))
            timing += float(np.max(np.abs(getattr(other, "step", step) / step - 1), initial=0.0))
    eps = min(precision.values())
    rounding, timing = (
        4 * sum(moved.values()) + eps * float(np.max(np.abs(A), initial=0.0)),
        4 * timing,
    )
    if isinstance(form, (Dense, DenseRecurrence)):
        rounding += (
            16 * A.shape[-1] * 2.0**-52 * float(np.max(np.abs(A)))
        )  # its eigenvalues are computed
    poles = tuple(name for name, by in moved.items() if by > 0)
    if isinstance(form, (Dense, DenseRecurrence)):
        measure = _measure(form, rounding)
        if measure is not None:
            return poles, measure
    rows = spectra(form)
    if rows is None or np.any(~np.isfinite(rows)):
        return poles, NOTHING
    steps = (
        np.broadcast_to(form.step, (len(rows),))
        if isinstance(form, (Paired, Diagonal)) and form.step.ndim < 2
        else None
    )
    return poles, _spectrum(type(form), rows, steps, rounding, timing)


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
    return Identified(
        names,
        len(A0),
        1,
        True,
        distances[nearest],
        float(allowed),
        distances,
        1.0,
        (),
        A[0].ravel() + 0j,
        flat,
    )


def _spectrum(
    kind: type, rows: np.ndarray, steps: np.ndarray | None, rounding: float, timing: float
) -> Identified:
    """The initialization that the modes (H, n) are: by formula, else by law, else the nearest."""
    if kind in DISCRETE:
        return _law(kind, rows, rounding) or NOTHING
    found = _formula(kind, rows, steps, rounding, timing)
    if (
        not found.exact and rows.shape[-1] == 1
    ):  # a head of Mamba-2 has one mode: the spectrum lies across the heads
        across = _formula(kind, rows.T, None, rounding, timing)
        if across.agrees > 0.5:
            off = np.abs(across.A - across.A0) > across.allowed * np.max(np.abs(across.A0))
            heads = np.argmin(np.abs(_fold(rows) - across.A[off]), axis=0)
            return across._replace(deviating=tuple(int(head) for head in np.sort(heads)[:64]))
    return found if found.agrees > 0.5 else _law(kind, rows, rounding) or found


def _formula(
    kind: type, table: np.ndarray, steps: np.ndarray | None, rounding: float, timing: float
) -> Identified:
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
    agreement = {
        name: float(np.mean(np.mean(of[0] <= of[2], axis=-1)[which]))
        for name, of in candidates.items()
    }
    # Where one channel was changed the others say which it is; where all were, the distance does.
    ranked = sorted(
        candidates,
        key=lambda name: (-agreement[name] * (agreement[name] > 0.5), np.max(candidates[name][0])),
    )
    errors, order, allowed, known, A0 = candidates[ranked[0]]
    agrees = agreement[ranked[0]]
    distance = float(np.max(errors))
    exact = distance <= allowed
    distances = {name: float(np.max(candidates[name][0])) for name in ranked}
    same = {
        name: (name, *(other for other, first in _SAME.items() if first == name)) for name in ranked
    }
    names = tuple(
        other for name in ranked if distances[name] <= candidates[name][2] for other in same[name]
    )
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
    """Errors with modes matched as well as can be, and the order that does it; the order of sorting
    where that is enough.
    """
    order = np.tile(np.arange(own.shape[-1]), (len(own), 1))
    off = np.flatnonzero(np.max(errors, axis=-1) > allowed)
    if own.shape[-1] > 512 or len(off) > 32:  # the assignment costs n^3 for each channel
        return errors, order
    errors = errors.copy()
    for row in off:
        cost = np.abs(own[row][None, :] - A0[row][:, None]) / scale
        order[row] = scipy.optimize.linear_sum_assignment(
            np.minimum(cost, np.sort(cost, axis=None)[-1])
        )[1]
        errors[row] = cost[np.arange(len(cost)), order[row]]
    return errors, order


def _law(kind: type, rows: np.ndarray, rounding: float) -> Identified | None:
    """The initialization whose law the modes have, where A is drawn: S4D-Rand, LRU and DLR.

    Of the ends of an interval that are not known the extreme draws stand, and the rest are uniform
    between them.
    """
    own = np.unique(rows, axis=0)
    A = own.ravel()
    if A.size < FEW or not np.all(np.isfinite(A)):
        return None
    laws: dict[str, list[float]] = {}
    if (
        kind in (Paired, Diagonal)
        and np.max(np.abs(np.real(A) + 0.5)) <= rounding + 1e-12
        and np.all(np.imag(A) != 0)
    ):
        laws["s4d-rand"] = [
            kolmogorov(np.unique(np.log(np.abs(np.imag(A)))), "norm", (0.0, 1.0))[1]
        ]
    modulus, angle = np.abs(A), np.angle(A) % (2 * math.pi)
    if kind in DISCRETE and np.all((modulus > 0) & (modulus < 1)):
        n = own.shape[-1]
        grid = 2 * math.pi * np.arange(n) / n
        turn = np.abs(
            (np.sort(angle.reshape(own.shape), axis=-1) - grid + math.pi) % (2 * math.pi) - math.pi
        )
        if np.max(turn) <= 4 * rounding + 1e-12:
            laws["dlr"] = [_within(np.log(-2 * np.log(modulus)))]
        elif kind is MIMORecurrence:
            laws["lru"] = [_within(modulus**2), _within(angle, low=0.0)]
    laws = {name: ps for name, ps in laws.items() if min(ps) >= ALARM}
    if not laws:
        return None
    name = next(iter(laws))
    order = rows.shape[-1] * (2 if name == "s4d-rand" and kind is Paired else 1)
    return NOTHING._replace(
        names=(name,), order=order, exact=True, distance=0.0, agrees=1.0, A=own[0], A0=own[0]
    )


def _within(draws: np.ndarray, low: float | None = None) -> float:
    """p of draws being uniform on an interval of which nothing is known, or only its lower end."""
    draws = np.sort(draws)
    first, inner = (draws[0], draws[1:-1]) if low is None else (low, draws[:-1])
    return kolmogorov(inner, "uniform", (first, draws[-1] - first))[1] if draws[-1] > first else 0.0
