"""The initialization that A is: entry by entry, by formula, by law, or the nearest one."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy

from .. import hippo
from ..forms import kind
from ..ground.formats import EPS
from .drawn_modes import identify_drawn
from .known_modes import SAME, SLOW, Known, fold, known_modes
from .layer_forms import is_matrix, spectra, stored_A
from .records import NOTHING, Identified
from .stored_precision import Slack

# The share of modes beyond which a layer is taken for an initialization that was changed.
MOST = 0.5
_DEVIATING = 64  # channels that are named
_ORDER = 512  # modes up to which they are assigned, which costs n^3 for each channel,
_CHANNELS = 32  # and channels
_LEAST = 1e-300  # the least size of a spectrum that distances are relative to
_ENTRIES = 64 * EPS  # the error of the entries of a HiPPO matrix


class _Rows(NamedTuple):
    """The modes of a layer, a row for each channel.

    Attributes:
        stored: the modes (H, n) as stored.
        own: each different row (K, n) once, folded.
        first: the first channel of each (K,).
        which: the row of each channel (H,).
    """

    stored: np.ndarray
    own: np.ndarray
    first: np.ndarray
    which: np.ndarray


class _Candidate(NamedTuple):
    """An initialization beside the different rows of modes, in the order of sorting.

    Attributes:
        known: the initialization.
        A0: its modes beside each row (K, n).
        errors: |A - A0| (K, n), relative to the largest mode.
        scale: the largest mode.
        median: the distance of the median row.
    """

    known: Known
    A0: np.ndarray
    errors: np.ndarray
    scale: float
    median: float


class _Match(NamedTuple):
    """A candidate with modes matched.

    Attributes:
        known: the initialization.
        A0: its modes beside each row (K, n).
        errors: |A - A0| (K, n), relative to the largest mode.
        order: the places (K, n) in each row of the modes that A0 is matched with.
        allowed: the error that the precision of the arrays explains.
        agreement: the share of modes of all channels within it.
    """

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
    order = A.shape[-1]
    matrices = {f"hippo-{name}": np.asarray(make(order).A) for name, make in hippo.MEASURES.items()}
    distances = {
        name: float(np.max(np.abs(A - A0)) / np.max(np.abs(A0))) for name, A0 in matrices.items()
    }
    nearest = min(distances, key=distances.__getitem__)
    A0 = matrices[nearest]
    allowed = float((rounding + _ENTRIES) / np.max(np.abs(A0)) + 4 * EPS)
    if distances[nearest] > allowed:
        return None
    return Identified(
        names=tuple(name for name, distance in distances.items() if distance <= allowed),
        order=order,
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


def _by_formula(
    form: Any, stored: np.ndarray, steps: np.ndarray | None, slack: Slack
) -> Identified:
    """The initialization that the rows of modes (H, n) are, or the nearest."""
    own, first, which = np.unique(fold(stored), axis=0, return_index=True, return_inverse=True)
    rows = _Rows(stored, own, first, which.reshape(-1))
    candidates = _candidates(form, rows, steps, slack)
    matches = [_matched(rows, candidate, slack) for candidate in candidates]
    if not matches:
        return NOTHING
    return _identified(rows, sorted(matches, key=_rank))


def _rank(match: _Match) -> tuple[float, float]:
    """Where one channel was changed the others say which it is; where all were, the distance."""
    agreement = match.agreement if match.agreement > MOST else 0.0
    return -agreement, match.distance


def _candidates(form: Any, rows: _Rows, steps: np.ndarray | None, slack: Slack) -> list[_Candidate]:
    """Every initialization with as many modes, of the order and in the blocks that fit best.

    Those that take long are left out where another one fits.
    """
    best: dict[str, _Candidate] = {}
    for known in known_modes(rows.stored, form):
        if known.name in SLOW and any(_fits(one, slack) for one in best.values()):
            break
        if known.timed and steps is None:
            continue
        candidate = _beside(known, rows, steps)
        if known.name not in best or candidate.median < best[known.name].median:
            best[known.name] = candidate
    return list(best.values())


def _fits(candidate: _Candidate, slack: Slack) -> bool:
    return candidate.median <= slack.A / candidate.scale


def _beside(known: Known, rows: _Rows, steps: np.ndarray | None) -> _Candidate:
    A0 = np.broadcast_to(known.modes, rows.own.shape)
    if known.timed and steps is not None:
        step = steps[rows.first][:, None]
        A0 = np.real(A0) + 1j * np.imag(A0) / step
    scale = max(float(np.max(np.abs(A0))), _LEAST)
    errors = np.abs(rows.own - A0) / scale
    median = float(np.median(errors.max(axis=-1)))
    return _Candidate(known, A0, errors, scale, median)


def _matched(rows: _Rows, candidate: _Candidate, slack: Slack) -> _Match:
    """The candidate with modes matched as well as can be; as sorted where that is enough."""
    known, A0, errors, scale, _ = candidate
    allowed = slack.A / scale
    if known.timed:
        allowed += slack.step
    channels, modes = rows.own.shape
    order = np.tile(np.arange(modes), (channels, 1))
    off = np.flatnonzero(np.max(errors, axis=-1) > allowed)
    if modes <= _ORDER and len(off) <= _CHANNELS:
        errors = errors.copy()
        for row in off:
            cost = np.abs(rows.own[row][None, :] - A0[row][:, None]) / scale
            _, order[row] = scipy.optimize.linear_sum_assignment(cost)
            errors[row] = cost[np.arange(modes), order[row]]
    share = np.mean(errors <= allowed, axis=-1)
    return _Match(
        known=known,
        A0=A0,
        errors=errors,
        order=order,
        allowed=float(allowed),
        agreement=float(np.mean(share[rows.which])),
    )


def _identified(rows: _Rows, ranked: list[_Match]) -> Identified:
    """The first of the matches, named with all that have the same A."""
    best = ranked[0]
    exact = best.distance <= best.allowed
    equal = [match for match in ranked if match.distance <= match.allowed] if exact else [best]
    errors = np.max(best.errors, axis=-1)
    worst = int(np.argmax(errors))
    deviating = np.flatnonzero(errors[rows.which] > best.allowed)[:_DEVIATING]
    return Identified(
        names=tuple(name for match in equal for name in _same(match.known.name)),
        order=best.known.order,
        blocks=best.known.blocks,
        exact=exact,
        distance=best.distance,
        allowed=best.allowed,
        distances={name: match.distance for match in ranked for name in _same(match.known.name)},
        agrees=best.agreement,
        deviating=tuple(int(channel) for channel in deviating),
        A=rows.own[worst][best.order[worst]],
        A0=best.A0[worst],
    )


def _same(name: str) -> tuple[str, ...]:
    """The initializations that have the A of this one, itself first."""
    return (name, *(other for other, first in SAME.items() if first == name))
