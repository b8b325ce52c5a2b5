r"""Approximation in the H2 norm: poles by fixed-point iteration, weights by least squares.

A model G_r = sum c_j b_j/(s - p_j) that is stationary for the H2 error meets G at the mirror images
of its poles, in the directions of its weights (Meier & Luenberger):

.. math::  G(-\bar p_j) b_j^* = G_r(-\bar p_j) b_j^*, \qquad
           c_j^* G(-\bar p_j) = c_j^* G_r(-\bar p_j), \qquad
           c_j^* G'(-\bar p_j) b_j^* = c_j^* G_r'(-\bar p_j) b_j^* .

Projection on the states (-\bar p_j - A)^{-1} B b_j^* and their duals meets G at given points; its
poles are the next points. In discrete time the points are those of sum_l K_l x^l at x = \bar p_j.
The same states give the best readout for given poles, of a linear system with the Gramian of these.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..ground.backend import Complex
from ..ground.formats import EPS, TINY
from ..products.cauchy_factor import joined_factor
from .balanced_systems import Balanced, Realized, as_matrices
from .error_norms import norm_of
from .from_balanced import reduced
from .modal_truncation import largest
from .poles import Poles, every_pole
from .real_systems import RealSystems, difference, members
from .reduction import Reduction
from .written import gathered

_STEPS = 60  # of the iteration
_PATIENCE = 8  # steps without a better model
_STILL = 1e-8  # a relative movement of the poles that ends it
_CONDITION = 1e6  # of eigenvectors that solves may use: proposals are measured afterwards


def h2(
    form: Any,
    *,
    order: int | None = None,
    error: float | None = None,
    norm: str = "h2",
    relative: bool = True,
) -> Reduction:
    r"""A model of an order whose kernel is nearest in the mean square, as far as it is found.

    .. math::  \min_{\text{order } r} \int_0^\infty |K(t) - K_r(t)|_F^2\, dt .

    The iteration begins at the balanced poles, and again at single modes; the best model it has
    seen is returned, so that the error is at most that of the balanced poles with the best weights.
    Nobody knows whether it is the least; `lower` says how far from it at most.

    Args:
        form: what `balanced` takes.
        order: what `balanced` takes.
        error: what `balanced` takes.
        norm: the norm in which errors are measured and bounded; the model is made for H2 always.
        relative: what `balanced` takes.

    Returns:
        A `Reduction`, as that of `balanced`.

    Raises:
        TypeError: what `balanced` raises.
        ValueError: what `balanced` raises, but for cuts between equals.

    Cost:
        2 r solves of order N for each step, some twenty steps for each order that is tried.

    Source:
        Meier & Luenberger 1967, IEEE Trans. Automat. Control 12, 585-588; Gugercin, Antoulas &
        Beattie 2008, SIAM J. Matrix Anal. Appl. 30, 609-638 (the iteration).

    Example:
        >>> from ssmlinalg import s4d_inv_init, reduce
        >>> form = s4d_inv_init(32)
        >>> small = h2(form, order=12)
        >>> bool(small.upper <= reduce.balanced(form, order=12, norm="h2").upper)
        True
    """
    return reduced(form, order, error, norm, relative, nearest)


class _Trial(NamedTuple):
    """A model, the energy it captures of the whole, and the next poles."""

    modes: Poles
    energy: float
    onward: Poles | None


def nearest(plain: Balanced, order: int, discrete: bool) -> Realized | None:
    """The best model found by the iteration, from the balanced one and from single modes."""
    leading = Realized(plain.A[:order, :order], plain.B[:order], plain.C[:, :order])
    if order in (0, len(plain.sigma)):
        return leading
    solver = _resolvent(plain.A)
    starts = [every_pole(leading), *_single_modes(plain, order, discrete)]
    models = [model for start in starts for model in _iterated(plain, solver, start, discrete)]
    return as_matrices(_nearest_of(plain, models, discrete))


def _single_modes(plain: Balanced, order: int, discrete: bool) -> list[Poles]:
    """The modes with the most energy alone, if some have `order` states together."""
    A, B, C = every_pole(Realized(*plain[:3]))
    weight = np.linalg.norm(B, axis=1) * np.linalg.norm(C, axis=0)
    damping = (1 - np.abs(A)) * (1 + np.abs(A)) if discrete else -A.real
    states = 1 + (A.imag > 0)
    kept = largest(weight / np.sqrt(np.maximum(damping, EPS)), states, order)
    return [(A[kept], B[kept], C[:, kept])] if np.sum(states[kept]) == order else []


def _iterated(plain: Balanced, resolvent: _Resolvent, start: Poles, discrete: bool) -> list[Poles]:
    """The first, the best and the last model of an iteration."""
    first = _trial(plain, resolvent, _damped(start, discrete), discrete)
    best = first
    last = first
    since = 0
    for _ in range(_STEPS):
        if last.onward is None or since > _PATIENCE:
            break
        moved = _movement(last.modes, last.onward)
        last = _trial(plain, resolvent, last.onward, discrete)
        since += 1
        if last.energy > best.energy:
            best = last
            since = 0
        if moved < _STILL:
            break
    return [first.modes, best.modes, last.modes]


def _trial(plain: Balanced, resolvent: _Resolvent, modes: Poles, discrete: bool) -> _Trial:
    """The best readout for the poles and inputs of a model, and the step from there."""
    p, b, c = modes
    b = b / np.linalg.norm(b, axis=1, keepdims=True)
    V = resolvent.states(plain.B @ b.conj().T, p, discrete)
    pairs = p.imag > 0
    every = np.concatenate([p, p[pairs].conj()])
    inputs = np.concatenate([b, b[pairs].conj()])
    Y = plain.C @ V
    Y = np.concatenate([Y, Y[:, pairs].conj()], axis=1)
    F = joined_factor(every[None], inputs.T[None], discrete=discrete)[0]
    try:
        half = np.linalg.solve(F.conj(), Y.T).T  # Y F^{-*}
        c = np.linalg.solve(F.T, half.T).T[:, : len(p)]
    except np.linalg.LinAlgError:
        return _Trial(modes, -np.inf, None)
    c = np.where(pairs, c, c.real + 0j)
    W = resolvent.transposed().states(plain.C.T @ c.conj(), p, discrete)
    onward = _projected(plain, V, W, pairs, discrete)
    return _Trial((p, b, c), float(np.linalg.norm(half) ** 2), onward)


class _Resolvent(NamedTuple):
    """A matrix to solve with at many points, by its eigenvectors where they are well conditioned.

    Attributes:
        A: (N, N).
        Lambda: (N,), with A = V diag(Lambda) V^{-1}; None if V is worse than `_CONDITION`.
        V: (N, N).
        inverse: (N, N).
    """

    A: Any
    Lambda: Any
    V: Any
    inverse: Any

    def transposed(self) -> _Resolvent:
        """That of the transpose of A."""
        return _Resolvent(self.A.T, self.Lambda, self.inverse.T, self.V.T)

    def states(self, inputs: np.ndarray, p: Complex, discrete: bool) -> Complex:
        """(-conj(p_j) - A)^{-1} of each input (N, r), in discrete time (1 - conj(p_j) A)^{-1}."""
        at = p.conj()
        if self.Lambda is not None:
            modes = self.Lambda[:, None]
            moved = 1 - at * modes if discrete else -at - modes
            return self.V @ ((self.inverse @ inputs) / moved)
        unit = np.eye(len(self.A))
        at = at[:, None, None]
        moved = unit - at * self.A if discrete else -at * unit - self.A
        return np.linalg.solve(moved, inputs.T[..., None])[..., 0].T


def _resolvent(A: Any) -> _Resolvent:
    Lambda, V = np.linalg.eig(A)
    if np.linalg.cond(V) > _CONDITION:
        return _Resolvent(A, None, V, V)
    return _Resolvent(A, Lambda, V, np.linalg.inv(V))


def _projected(
    plain: Balanced, V: Complex, W: Complex, pairs: np.ndarray, discrete: bool
) -> Poles | None:
    """The modes of the projection on real and imaginary parts; None where it is singular."""
    right = _orthonormal(V, pairs)
    left = _orthonormal(W, pairs)
    try:
        both = np.linalg.solve(
            left.T @ right, left.T @ np.concatenate([plain.A @ right, plain.B], axis=1)
        )
        model = Realized(both[:, : len(right.T)], both[:, len(right.T) :], plain.C @ right)
        return _damped(every_pole(model), discrete)
    except np.linalg.LinAlgError:
        return None


def _orthonormal(V: Complex, pairs: np.ndarray) -> Any:
    columns = np.concatenate([V.real, V.imag[:, pairs]], axis=1)
    return np.linalg.qr(columns / np.linalg.norm(columns, axis=0))[0]


def _damped(modes: Poles, discrete: bool) -> Poles:
    """The modes, those that grow mirrored into the stable region."""
    p, b, c = modes
    if discrete:
        p = np.where(np.abs(p) > 1, 1 / p.conj(), p)
        return np.where(np.abs(p) == 1, p / 2, p), b, c
    rate = np.where(p.real == 0, np.maximum(EPS * np.abs(p), TINY), np.abs(p.real))
    return -rate + 1j * p.imag, b, c


def _movement(first: Poles, second: Poles) -> float:
    """How far the poles moved, relative to their sizes; infinite if one left the real axis."""
    p = np.sort_complex(first[0])
    q = np.sort_complex(second[0])
    if len(p) != len(q):
        return np.inf
    return float(np.max(np.abs(p - q) / np.abs(p)))


def _nearest_of(plain: Balanced, models: list[Poles], discrete: bool) -> Poles:
    """The model whose difference from the whole has the least energy."""
    A, B, C = _damped(every_pole(Realized(*plain[:3])), discrete)
    m = len(models)
    unit = np.zeros(1, int)
    one = RealSystems(A[None], B[None], C[None], discrete, unit, unit, (1,))
    whole = members(one, np.zeros(m, int))
    errors = norm_of(difference(whole, gathered(models, whole)), "h2").upper
    return models[int(np.argmin(errors))]
