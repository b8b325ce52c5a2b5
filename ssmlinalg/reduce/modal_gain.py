r"""H-infinity norms of many systems of modes at once, from both sides.

Let G have the n poles a_k, all in the stable half plane or disc, and let x run over the boundary.
The phase of the Blaschke product of the poles rises with x,

.. math::  \theta'(w) = \sum_k \frac{2 |\operatorname{Re} a_k|}{|i w - a_k|^2}, \qquad
           \text{discrete:}\quad \theta'(\phi) = \sum_k \frac{1 - |z_k|^2}{|e^{i\phi} - z_k|^2}.

:math:`f = |G|^2` is a real rational function on the boundary, with these poles and their mirror
images. By the inequality of Bernstein and Szego for such functions, f between 0 and M has
:math:`(f')^2 \le \theta'^2 f (M - f)`: no faster than :math:`M \cos^2(\theta/2)`. So f is at least
:math:`M \cos^2(h/4)` within :math:`h/2` of its maximum, and between two samples that are h apart in
phase

.. math::  \sup |G| \le \frac{\max(|G_1|, |G_2|)}{\cos(h/4)}

where the maximum lies. 2 n samples give the norm to 8 per cent, and intervals that may hold the
maximum are halved until the bounds meet. For several inputs the same holds of u^* G v.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..ground.backend import Complex, Real
from ..ground.formats import EPS
from .real_systems import RealSystems

_TOGETHER = 1 << 20  # numbers in one table of frequencies and modes
_IN_CACHE = 1 << 15  # numbers in a table of real ones
_MODERATE = 1e100  # sizes of modes whose squares are far from the ends of double precision
_LEAST_IN_DISC = 1e-6  # of 1 - |z|, from which on 1 - |z|^2 has digits enough for a phase
_FIRST = 1  # first samples for each pole and half turn of phase
_NOISE = 8  # roundings of one term


class GainBounds(NamedTuple):
    """lower <= norm <= upper, (m,) each."""

    lower: Real
    upper: Real


class _Interval(NamedTuple):
    """Stretches of the boundary, S of them, and G at their ends.

    Attributes:
        member: (S,), the system.
        x: (S, 2), frequencies, the last infinite in continuous time.
        phase: (S, 2).
        gain: (S, 2), |G|.
        noise: (S, 2), bounds on the rounding of |G|.
    """

    member: np.ndarray
    x: Real
    phase: Real
    gain: Real
    noise: Real


def gain(systems: RealSystems, tolerance: float) -> GainBounds:
    """The H-infinity norm of each system without its direct path, in the units of `exponents`.

    Raises nothing: the systems are stable. upper <= (1 + tolerance) lower unless rounding forbids.
    """
    lower = np.zeros(len(systems.A))
    done = np.zeros(len(systems.A))
    active = _first(systems)
    while True:
        known = active.gain - active.noise
        np.maximum.at(lower, active.member, np.max(known, axis=1))
        bound = _bound(active)
        enough = bound <= (1 + tolerance) * lower[active.member]
        spread = np.max(active.gain + active.noise, axis=1)
        rounded = bound <= (1 + tolerance) * spread  # the rest is rounding
        middle = _middle(active.x)
        narrow = (middle <= active.x[:, 0]) | (middle >= active.x[:, 1])  # neighbours in rounding
        settled = enough | rounded | narrow
        np.maximum.at(done, active.member[settled], bound[settled])
        if np.all(settled):
            return GainBounds(lower=lower, upper=np.maximum(done, lower))
        left = ~settled
        active = _halved(systems, _Interval(*(field[left] for field in active)))


def _bound(found: _Interval) -> Real:
    """Bounds of |G| from above, if an interval holds the maximum."""
    h = found.phase[:, 1] - found.phase[:, 0]
    highest = np.max(found.gain + found.noise, axis=1)
    wide = h >= 6  # nothing is known within almost a turn
    bound = highest / np.cos(np.where(wide, 0, h) / 4)
    return np.where(wide, np.inf, bound)


def _first(systems: RealSystems) -> _Interval:
    """The boundary from 0 to its end, in intervals about as long as `_FIRST` says."""
    m = len(systems.A)
    turns = (np.arange(2 * _FIRST) + 0.5) / (2 * _FIRST) * np.pi - np.pi / 2
    center, width = _resonances(systems)
    x = np.abs(center[..., None] + width[..., None] * np.tan(turns)).reshape(m, -1)
    end = np.pi if systems.discrete else np.inf
    x = np.where(x < end, x, 0)
    ends = np.broadcast_to([0.0, end], (m, 2))
    x = np.sort(np.concatenate([x, ends], axis=1), axis=1)
    count = x.shape[1]
    member = np.repeat(np.arange(m), count)
    phase, size, noise = (v.reshape(m, count) for v in _measured(systems, member, x.ravel()))
    pairs = (
        np.stack([v[:, :-1], v[:, 1:]], axis=-1).reshape(-1, 2) for v in (x, phase, size, noise)
    )
    found = _Interval(np.repeat(np.arange(m), count - 1), *pairs)
    apart = found.x[:, 1] > found.x[:, 0]
    return _Interval(*(field[apart] for field in found))


def _resonances(systems: RealSystems) -> tuple[Real, Real]:
    """The frequencies of the modes, and how wide they are."""
    A = systems.A
    if systems.discrete:
        return np.angle(A), np.minimum(1 - np.abs(A), 0.5)
    return A.imag, -A.real


def _halved(systems: RealSystems, found: _Interval) -> _Interval:
    x = _middle(found.x)
    phase, size, noise = _measured(systems, found.member, x)
    halves = []
    for end in (0, 1):
        fields = [found.member]
        for old, new in zip(found[1:], (x, phase, size, noise), strict=True):
            pair = (old[:, 0], new) if end == 0 else (new, old[:, 1])
            fields.append(np.stack(pair, axis=-1))
        halves.append(_Interval(*fields))
    return _Interval(*(np.concatenate(pair) for pair in zip(*halves, strict=True)))


def _middle(x: Real) -> Real:
    """A frequency between two, the last of which may be infinite."""
    low, high = x.T
    with np.errstate(invalid="ignore"):
        far = np.where(low > 0, 2 * low, 1.0)
        between = np.where(high > 4 * low, np.sqrt(low) * np.sqrt(high), low + (high - low) / 2)
        between = np.where(low > 0, between, high / 4)
    return np.where(np.isinf(high), far, between)


def _measured(systems: RealSystems, member: np.ndarray, x: Real) -> tuple[Real, Real, Real]:
    """The phase, |G| and its rounding at frequencies (S,) of the systems `member` (S,)."""
    found = np.empty((3, len(x)))
    alone = _alone(systems)
    together = _TOGETHER if alone is None else _IN_CACHE
    count = max(1, together // systems.A.shape[1])
    for start in range(0, len(x), count):
        part = slice(start, start + count)
        if alone is None:
            found[:, part] = _sampled(systems, member[part], x[part])
        else:
            fields: Any = (field[member[part]] for field in alone)
            some = _Alone(*fields)
            found[:, part] = _sampled_alone(some, x[part], discrete=systems.discrete)
    phase, size, noise = found
    return phase, size, noise


class _Alone(NamedTuple):
    """Modes (m, n) of one input and one output whose squares neither overflow nor lose digits.

    Attributes:
        A: Im A >= 0.
        weight: c b, half of it for a real mode, which stands for itself and its conjugate here.
        share: of the phase of a mode and its conjugate: 1, 1/2 for a real mode, 0 without weight.
    """

    A: Complex
    weight: Complex
    share: Real


def _alone(systems: RealSystems) -> _Alone | None:
    """The modes, if squares are fit for them."""
    if not systems.B.shape[-1] == systems.C.shape[-2] == 1:
        return None
    damping = 1 - np.abs(systems.A) if systems.discrete else -systems.A.real
    least = _LEAST_IN_DISC if systems.discrete else 1 / _MODERATE
    if np.min(damping) < least or np.max(np.abs(systems.A)) > _MODERATE:
        return None
    share = systems.used * (1 + systems.pairs) / 2
    return _Alone(systems.A, systems.B[..., 0] * systems.C[:, 0] * share, share)


def _sampled_alone(modes: _Alone, x: Real, *, discrete: bool) -> Real:
    """Phase, |G| and its rounding (3, S) in real numbers, a mode and its conjugate together."""
    A, weight, share = modes
    far = np.isinf(x)
    x = np.where(far, 0, x)[:, None]
    if discrete:
        away = np.cos(x) - A.real
        above = np.sin(x) - A.imag
        below = np.sin(x) + A.imag
        square = A.real**2 + A.imag**2
        phase = np.arctan2((1 - square) * np.sin(x), (1 + square) * np.cos(x) - 2 * A.real)
    else:
        away = -A.real
        above = x - A.imag
        below = x + A.imag
        phase = np.arctan2(2 * x * away, away**2 - above * below)
    phase = np.where(far[:, None], np.pi, phase)
    up = 1 / (away**2 + above**2)
    down = 1 / (away**2 + below**2)
    above *= up
    below *= down
    real = _sum(weight.real, away * (up + down)) + _sum(weight.imag, above - below)
    imag = _sum(weight.imag, away * (up - down)) - _sum(weight.real, above + below)
    terms = np.sqrt(up) + np.sqrt(down)
    if discrete:
        terms += up + down
    noise = EPS * (_NOISE + np.sqrt(A.shape[-1])) * _sum(np.abs(weight), terms)
    return np.stack([2 * _sum(share, phase), np.hypot(real, imag) * ~far, noise * ~far])


def _sum(weights: Real, values: Real) -> Real:
    return np.einsum("sn,sn->s", weights, values)


def _sampled(systems: RealSystems, member: np.ndarray, x: Real) -> tuple[Real, Real, Real]:
    A = systems.A[member]
    pairs = systems.pairs[member]
    used = systems.used[member]
    far = np.isinf(x)
    x = np.where(far, 0, x)[:, None]
    if systems.discrete:
        angle = _disc_phase(A, x) + pairs * _disc_phase(A.conj(), x)
        s = np.exp(1j * x)
    else:
        angle = _plane_phase(A, x) + pairs * _plane_phase(A.conj(), x)
        s = 1j * x
        whole = np.pi / 2 * (1 + pairs)
        angle = np.where(far[:, None], whole, angle)
    above = used / (s - A)
    below = used * pairs / (s - A.conj())
    B = systems.B[member]
    C = systems.C[member]
    G = np.einsum("spn,sn,snm->spm", C, above, B) + np.einsum(
        "spn,sn,snm->spm", C.conj(), below, B.conj()
    )
    weight = np.linalg.norm(B, axis=-1) * np.linalg.norm(C, axis=-2)
    terms = np.abs(above) * (1 + systems.discrete * np.abs(above))
    terms += np.abs(below) * (1 + systems.discrete * np.abs(below))
    noise = EPS * (_NOISE + np.sqrt(A.shape[-1])) * np.sum(weight * terms, axis=-1)
    size = _largest_singular(G)
    keep = ~far
    return 2 * np.sum(used * angle, axis=-1), size * keep, noise * keep


def _largest_singular(G: Complex) -> Real:
    if G.shape[-1] == 1 or G.shape[-2] == 1:
        return np.linalg.norm(G, axis=(-1, -2))
    return np.linalg.norm(G, 2, axis=(-1, -2))


def _plane_phase(a: Complex, w: Real) -> Real:
    """Half the phase of one factor, rising by pi along the axis, from w = -infinity."""
    return np.arctan((w - a.imag) / -a.real)


def _disc_phase(z: Complex, angle: Real) -> Real:
    """Half the phase of one factor, rising by pi around the circle."""
    size = np.abs(z)
    turn = (angle - np.angle(z)) / 2
    whole = np.round(turn / np.pi)
    ratio = (1 + size) / np.maximum(1 - size, EPS)
    return np.arctan(ratio * np.tan(turn - whole * np.pi)) + whole * np.pi
