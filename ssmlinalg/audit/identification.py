"""The initialization that A is: entry by entry, by formula, by law, or the nearest one."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy.optimize

from .. import hippo
from ..forms import kind
from ..ground.formats import EPS
from .drawn_modes import identify_drawn
from .known_modes import SAME, SLOW, Known, fold, known_modes
from .layer_forms import is_matrix, spectra, stored_A
from .records import NOTHING, Identified
from .stored_precision import Slack

MOST = (
    0.5  # the share of modes beyond which a layer is taken for an initialization that was changed
)
_DEVIATING = 64  # channels that are named
_ORDER = 512  # modes up to which they are assigned, which costs n^3 for each channel,
_CHANNELS = 32  # and channels
_LEAST = 1e-300  # the least size of a spectrum that distances are relative to
_ENTRIES = 64 * EPS  # the error of the entries of a HiPPO matrix


class _Candidate(NamedTuple):
    """An initialization beside the different rows of modes (K, n), in the order of sorting."""

    known: Known
    A0: np.ndarray
    errors: np.ndarray  # relative to scale, the largest mode
    scale: float
    median: float  # the distance of the median row


class _Match(NamedTuple):
    """A candidate with modes matched: `order` (K, n) leads to the modes beside those of A0."""

    known: Known
    A0: np.ndarray
    errors: np.ndarray
    order: np.ndarray
    allowed: float
    agreement: float

    @property
    def distance(self) -> float:
        """The distance of the worst row."""
        return float(np.max(self.errors))


def identify(form: Any, slack: Slack) -> Identified:
    """The initialization that A of a form is, as far as the precision of its arrays tells."""
    if is_matrix(form) and kind(form).continuous:
        found = _hippo_matrix(form, slack.A)
        if found is not None:
            return found
    rows = spectra(form)
    if rows is None or not np.all(np.isfinite(rows)):
        return NOTHING
    if not kind(form).continuous and not is_matrix(form):
        return identify_drawn(form, rows, slack.A) or NOTHING
    found = _by_formula(form, rows, _steps(form, len(rows)), slack)
    if not found.exact and rows.shape[-1] == 1:
        across = _across_heads(form, rows, slack)
        if across is not None:
            return across
    if found.agrees > MOST:
        return found
    return identify_drawn(form, rows, slack.A) or found


def _hippo_matrix(form: Any, rounding: float) -> Identified | None:
    """A HiPPO matrix, entry by entry; None where A is none."""
    A = stored_A(form)
    A = A.reshape(-1, *A.shape[-2:])
    matrices = {name: np.asarray(make(A.shape[-1]).A) for name, make in hippo.MEASURES.items()}
    distances = {
        f"hippo-{name}": float(np.max(np.abs(A - A0)) / np.max(np.abs(A0)))
        for name, A0 in matrices.items()
    }
    nearest = min(distances, key=distances.__getitem__)
    A0 = matrices[nearest.removeprefix("hippo-")]
    allowed = float((rounding + _ENTRIES) / np.max(np.abs(A0)) + 4 * EPS)
    if distances[nearest] > allowed:
        return None
    return Identified(
        names=tuple(name for name, distance in distances.items() if distance <= allowed),
        order=len(A0),
        blocks=1,
        exact=True,
        distance=distances[nearest],
        allowed=allowed,
        distances=distances,
        agrees=1.0,
        deviating=(),
        A=A[0].ravel() + 0j,
        A0=A0.ravel() + 0j,
    )


def _steps(form: Any, channels: int) -> np.ndarray | None:
    """The step of each channel; None where each mode has its own."""
    known = kind(form)
    if known.matrix or known.axes["step"] or np.ndim(form.step) > 1:
        return None
    return np.broadcast_to(form.step, (channels,))


def _across_heads(form: Any, rows: np.ndarray, slack: Slack) -> Identified | None:
    """The spectrum of heads with one mode each, as Mamba-2 has them; None where it is none."""
    across = _by_formula(form, rows.T, None, slack)
    if across.agrees <= MOST:
        return None
    off = np.abs(across.A - across.A0) > across.allowed * np.max(np.abs(across.A0))
    heads = np.argmin(np.abs(fold(rows) - across.A[off]), axis=0)
    named = np.sort(heads)[:_DEVIATING]
    return across._replace(deviating=tuple(int(head) for head in named))


def _by_formula(form: Any, rows: np.ndarray, steps: np.ndarray | None, slack: Slack) -> Identified:
    """The initialization that the rows of modes are, or the nearest."""
    own, first, which = np.unique(fold(rows), axis=0, return_index=True, return_inverse=True)
    which = which.reshape(-1)
    candidates = _candidates(form, rows, own, None if steps is None else steps[first], slack)
    matches = {
        name: _matched(own, which, candidate, slack) for name, candidate in candidates.items()
    }
    # Where one channel was changed the others say which it is; where all were, the distance does.
    ranked = sorted(
        matches.values(),
        key=lambda match: (-match.agreement * (match.agreement > MOST), match.distance),
    )
    return _identified(own, which, ranked) if ranked else NOTHING


def _candidates(
    form: Any, rows: np.ndarray, own: np.ndarray, steps: np.ndarray | None, slack: Slack
) -> dict[str, _Candidate]:
    """By name every initialization with as many modes, in the order or blocks that fit best.

    Those that take long are left out where another one fits.
    """
    best: dict[str, _Candidate] = {}
    for known in known_modes(rows, form):
        fitting = (one.median <= slack.A / one.scale for one in best.values())
        if known.name in SLOW and any(fitting):
            break
        if known.timed and steps is None:
            continue
        A0 = np.broadcast_to(known.modes, own.shape)
        if known.timed:
            A0 = np.real(A0) + 1j * np.imag(A0) / np.asarray(steps)[:, None]
        scale = max(float(np.max(np.abs(A0))), _LEAST)
        errors = np.abs(own - A0) / scale
        median = float(np.median(errors.max(axis=-1)))
        if known.name not in best or median < best[known.name].median:
            best[known.name] = _Candidate(known, A0, errors, scale, median)
    return best


def _matched(own: np.ndarray, which: np.ndarray, candidate: _Candidate, slack: Slack) -> _Match:
    """The candidate with modes matched as well as can be; as sorted where that is enough."""
    known, A0, errors, scale, _ = candidate
    allowed = slack.A / scale + slack.step * known.timed
    order = np.tile(np.arange(own.shape[-1]), (len(own), 1))
    off = np.flatnonzero(np.max(errors, axis=-1) > allowed)
    if own.shape[-1] <= _ORDER and len(off) <= _CHANNELS:
        errors = errors.copy()
        for row in off:
            cost = np.abs(own[row][None, :] - A0[row][:, None]) / scale
            order[row] = scipy.optimize.linear_sum_assignment(cost)[1]
            errors[row] = cost[np.arange(len(cost)), order[row]]
    agreement = float(np.mean(np.mean(errors <= allowed, axis=-1)[which]))
    return _Match(known, A0, errors, order, allowed, agreement)


def _identified(own: np.ndarray, which: np.ndarray, ranked: list[_Match]) -> Identified:
    """The first of the matches, named with all that have the same A."""
    best = ranked[0]
    exact = best.distance <= best.allowed
    equal = [match for match in ranked if match.distance <= match.allowed] if exact else [best]
    errors = np.max(best.errors, axis=-1)
    worst = int(np.argmax(errors))
    deviating = np.flatnonzero(errors[which] > best.allowed)[:_DEVIATING]
    return Identified(
        names=tuple(name for match in equal for name in _same(match.known.name)),
        order=best.known.order,
        blocks=best.known.blocks,
        exact=exact,
        distance=best.distance,
        allowed=float(best.allowed),
        distances={name: match.distance for match in ranked for name in _same(match.known.name)},
        agrees=best.agreement,
        deviating=tuple(int(channel) for channel in deviating),
        A=own[worst][best.order[worst]],
        A0=best.A0[worst],
    )


def _same(name: str) -> tuple[str, ...]:
    """The initializations that have the A of this one, itself first."""
    return (name, *(other for other, first in SAME.items() if first == name))
