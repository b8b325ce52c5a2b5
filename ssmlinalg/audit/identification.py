"""The initialization that A is: entry by entry, by formula, by law, or the nearest one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
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

_EIGENVALUES = 16  # times N eps |A|: the error of computed eigenvalues of a normal matrix
_HIDDEN = 8  # the largest of many draws beside the median, which is as far off as rounding hides
_NEAR = 0.5  # the error of a typical mode up to which an initialization is named as the nearest
_ASSIGNED = 3  # the candidates whose modes are matched in all rows,
_ROWS = 64  # of others they are sorted, in so many rows
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
        slack: how far the precision of the arrays lets the parts of each mode (K, n) be off.
        places: where each of them (K, n) is stored in its channel.
        which: the row of each channel (H,).
    """

    stored: np.ndarray
    own: np.ndarray
    slack: np.ndarray
    places: np.ndarray
    which: np.ndarray


@dataclass(frozen=True)
class _Match:
    """An initialization beside the different rows of modes.

    Attributes:
        known: the initialization.
        A0: its modes beside each row (K, n).
        A: the modes of each row, in the order of A0.
        allowed: |Re (A - A0)| and |Im (A - A0)| that the precision of the arrays explains (K, n).
        order: the places (K, n) in each row of the modes that A0 is matched with.
    """

    known: Known
    A0: np.ndarray
    A: np.ndarray
    allowed: np.ndarray
    order: np.ndarray

    @cached_property
    def errors(self) -> np.ndarray:
        """|A - A0| (K, n)."""
        return np.abs(self.A - self.A0)

    @cached_property
    def near(self) -> np.ndarray:
        """Whether A is A0, as far as the precision tells (K, n)."""
        off = self.A - self.A0
        real = np.abs(np.real(off)) <= np.real(self.allowed)
        return real & (np.abs(np.imag(off)) <= np.imag(self.allowed))

    @property
    def scale(self) -> float:
        """The largest mode."""
        return max(float(np.max(np.abs(self.A0))), _LEAST)

    @property
    def distance(self) -> float:
        """The distance of the worst row, relative to the largest mode."""
        return float(np.max(self.errors)) / self.scale

    @property
    def allowed_distance(self) -> float:
        """The distance that is allowed: where modes are beyond it, that of the farthest of them."""
        allowed = np.abs(self.allowed)
        beyond = np.where(self.near, -1.0, self.errors)
        farthest = np.max(allowed) if np.all(self.near) else allowed.flat[np.argmax(beyond)]
        return float(farthest) / self.scale

    @property
    def typical(self) -> float:
        """The median error of a mode, relative to itself."""
        return float(np.median(self.errors / np.maximum(np.abs(self.A0), _LEAST)))

    def agreement(self, rows: _Rows) -> float:
        """The share of channels that are the initialization; of modes, where all channels agree.

        0 where none of the others is farther off than the precision hides in some mode: what moved
        a little moved everywhere, and rounding put the rest back.
        """
        near = self.near
        size = np.maximum(np.abs(self.A0), _LEAST)
        hidden = _HIDDEN * np.max(np.abs(self.allowed) / size)
        if not np.all(near) and np.max(self.errors / size, where=~near, initial=0.0) <= hidden:
            return 0.0
        return float(np.mean(near if len(near) == 1 else np.all(near, axis=-1)[rows.which]))


def identify(form: Any, slack: Slack) -> Identified:
    """The initialization that A of a form is, as far as the precision of its arrays tells."""
    if is_matrix(form) and kind(form).continuous:
        found = _hippo_matrix(form, slack.A)
        if found is not None:
            return found
    stored = spectra(form)
    if stored is None or not np.all(np.isfinite(stored)):
        return NOTHING
    allowed = _of_modes(form, slack)
    if not kind(form).continuous and not is_matrix(form):
        return identify_drawn(form, stored, allowed) or NOTHING
    rows = _different(stored, allowed)
    found = _by_formula(form, rows)
    if found.agrees <= MOST and stored.shape[-1] == 1 < len(stored):
        heads = _of_heads(stored)
        found = _by_formula(form, _different(stored[heads].T, allowed[heads].T))
    if found.agrees > MOST:
        return found
    return identify_drawn(form, stored, allowed) or found


def _of_heads(stored: np.ndarray) -> np.ndarray:
    """The first channel of each head, where all have as many channels in a row with one mode."""
    firsts = np.flatnonzero(np.diff(stored[:, 0], prepend=np.nan) != 0)
    sizes = np.diff(firsts, append=len(stored))
    return firsts if np.ptp(sizes) == 0 else np.arange(len(stored))


def _of_modes(form: Any, slack: Slack) -> np.ndarray:
    """How far both parts of each mode (H, n) may be off, of a normal matrix by its norm."""
    allowed = slack.A
    if not is_matrix(form):
        return allowed.reshape(-1, allowed.shape[-1])
    order = allowed.shape[-1]
    scale = float(np.max(np.abs(stored_A(form)), initial=0.0))
    norms = np.linalg.norm(allowed.reshape(-1, order, order), axis=(-2, -1))
    radius = norms[:, None] + _EIGENVALUES * order * EPS * scale
    return np.repeat(radius * (1 + 1j), order, axis=1)


def _different(stored: np.ndarray, allowed: np.ndarray) -> _Rows:
    """The different rows among the modes (H, n) as stored, neither sign nor order counted."""
    folded, places = fold(stored)
    own, first, which = np.unique(folded, axis=0, return_index=True, return_inverse=True)
    allowed = np.take_along_axis(allowed, places, axis=-1)
    return _Rows(stored, own, allowed[first], places[first], which.reshape(-1))


def _hippo_matrix(form: Any, rounding: np.ndarray) -> Identified | None:
    """A HiPPO matrix, entry by entry; None where A is none."""
    A = stored_A(form)
    A = A.reshape(-1, *A.shape[-2:])
    order = A.shape[-1]
    allowed = rounding.reshape(A.shape)
    matches = {}
    for name, make in hippo.MEASURES.items():
        A0 = np.broadcast_to(np.asarray(make(order).A), A.shape)
        known = Known(f"hippo-{name}", order, 1, modes=A0[0])
        slack = allowed + _ENTRIES * (np.max(np.abs(A0)) + 1)
        matches[known.name] = _Match(known, A0, A, slack, np.zeros(0, int))
    nearest = min(matches.values(), key=lambda match: match.distance)
    if not np.all(nearest.near):
        return None
    return Identified(
        names=tuple(name for name, match in matches.items() if np.all(match.near)),
        order=order,
        blocks=1,
        exact=True,
        distance=nearest.distance,
        allowed=nearest.allowed_distance,
        typical=nearest.typical,
        apart=1,
        distances={name: match.distance for name, match in matches.items()},
        agrees=1.0,
        deviating=(),
        A=A[0].ravel() + 0j,
        A0=nearest.A0[0].ravel() + 0j,
    )


def _by_formula(form: Any, rows: _Rows) -> Identified:
    """The initialization that the rows of modes are, or the nearest."""
    some = _sample(rows)
    found = sorted(_candidates(form, some), key=lambda match: _rank(match, some))
    if not found:
        return NOTHING
    likely = [match for i, match in enumerate(found) if i < _ASSIGNED or np.all(match.near)]
    full = [_matched(_beside(match.known, rows)) for match in likely]
    full.sort(key=lambda match: _rank(match, rows))
    distances = {match.known.name: match.distance for match in [*found, *full]}
    return _identified(rows, full, distances)


def _sample(rows: _Rows) -> _Rows:
    """Some of the rows, which choose the initializations that all are compared with."""
    count = len(rows.own)
    if count <= _ROWS:
        return rows
    some = np.linspace(0, count - 1, _ROWS).round().astype(int)
    where = np.full(count, -1)
    where[some] = np.arange(_ROWS)
    own, slack, places = (part[some] for part in (rows.own, rows.slack, rows.places))
    which = where[rows.which]
    return _Rows(rows.stored, own, slack, places, which[which >= 0])


def _rank(match: _Match, rows: _Rows) -> tuple[float, float]:
    """Where one channel was changed the others say which it is; where all were, a typical mode."""
    agreement = match.agreement(rows)
    return -agreement if agreement > MOST else 0.0, match.typical


def _candidates(form: Any, rows: _Rows) -> list[_Match]:
    """Every initialization with as many modes, of the order and in the blocks that fit best.

    Those that take long are left out where another one fits. A real spectrum is compared with real
    ones alone.
    """
    best: dict[str, _Match] = {}
    real = not np.any(np.imag(rows.own))
    for known in known_modes(rows.stored, form):
        if known.name in SLOW and any(_fits(one) for one in best.values()):
            break
        if real and np.any(np.imag(known.modes)):
            continue
        match = _beside(known, rows)
        if known.name not in best or match.typical < best[known.name].typical:
            best[known.name] = match
    return list(best.values())


def _fits(match: _Match) -> bool:
    """Whether half of the rows are the initialization."""
    return float(np.mean(np.all(match.near, axis=-1))) >= 0.5


def _beside(known: Known, rows: _Rows) -> _Match:
    """An initialization beside the rows, in the order of sorting."""
    A0 = np.broadcast_to(known.modes, rows.own.shape)
    places = np.broadcast_to(np.arange(A0.shape[-1]), A0.shape)
    return _Match(known, A0, rows.own, rows.slack, places)


def _matched(match: _Match) -> _Match:
    """The candidate with modes matched as well as can be; as sorted where that is enough."""
    off = np.flatnonzero(~np.all(match.near, axis=-1))
    if match.A0.shape[-1] > _ORDER or len(off) > _CHANNELS:
        return match
    order = match.order.copy()
    for row in off:
        cost = np.abs(match.A[row][None, :] - match.A0[row][:, None])
        _, order[row] = scipy.optimize.linear_sum_assignment(cost)
    A, allowed = (np.take_along_axis(part, order, axis=-1) for part in (match.A, match.allowed))
    return replace(match, A=A, allowed=allowed, order=order)


def _identified(rows: _Rows, ranked: list[_Match], distances: dict[str, float]) -> Identified:
    """The first of the matches, named with all that have the same A."""
    best = ranked[0]
    agreement = best.agreement(rows)
    exact = bool(np.all(best.near))
    near = best.typical <= _NEAR or agreement > MOST
    equal = [match for match in ranked if np.all(match.near)] if exact else [best] * near
    worst = int(np.argmax(np.max(best.errors, axis=-1)))
    deviating = np.flatnonzero(~np.all(best.near, axis=-1)[rows.which])
    if len(rows.own) == 1:
        deviating = np.sort(rows.places[0][best.order[0][~best.near[0]]])
    return Identified(
        names=tuple(name for match in equal for name in _same(match.known.name)),
        order=best.known.order,
        blocks=best.known.blocks,
        exact=exact,
        distance=best.distance,
        allowed=best.allowed_distance,
        typical=best.typical,
        apart=len(rows.own),
        distances={name: far for known, far in distances.items() for name in _same(known)},
        agrees=agreement,
        deviating=tuple(int(place) for place in deviating[:_DEVIATING]),
        A=best.A[worst],
        A0=best.A0[worst],
    )


def _same(name: str) -> tuple[str, ...]:
    """The initializations that have the A of this one, itself first."""
    return (name, *(other for other, first in SAME.items() if first == name))
