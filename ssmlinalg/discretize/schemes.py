"""The arithmetic of each rule: for modes, for matrices, and back to continuous time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..ground import backend, require
from ..ground.backend import Array
from ..powers import settled_steps, tables
from ..products import generating_function
from ..products.generating_function import Feedback
from .exponential_integrators import first_phi, second_phi


class Samples(NamedTuple):
    """One step of a sampled system: x_l = A x_{l-1} + now u_l.

    A rule of two samples a step has a state ahead of x that foresees what u_l does to x_{l+1}:
    s_l = A s_{l-1} + ahead u_l, x_l = s_{l-1} + now u_l.

    Attributes:
        A: f(z) for modes, A_d for matrices.
        now: g(z) for modes, B_d (..., N, M) for matrices.
        ahead: the same for the state ahead. None: the rule reads one sample a step.
    """

    A: Array
    now: Array
    ahead: Array | None = None


class Scheme(NamedTuple):
    """The arithmetic of a rule.

    Attributes:
        modes: from z (..., n), and z modulo 2 pi i, to f(z) and the gains g(z).
        matrices: from step A (..., N, N) and step B (..., N, M) to A_d and B_d.
        reach: from step and A to the step of z = step A: where f(z) settles as step grows, no
            longer one than changes anything.
        base: from step and A to what f(z)^l is evaluated from, so that a power does not multiply
            the rounding of f(z) by l.
        inverse: from f(z) to z, to the slowest frequency of the many with one e^z.
        inverse_matrices: the same from A_d to step A, refused on the host where there is none.
        exponential: whether f(z) = e^z, for which `modes` needs z modulo 2 pi i.
        held: whether the input is held over a step, so that step g(z) settles with f(z).
        low_rank: from Lambda, P, B and step of diag(Lambda) - P P^H to its samples, which are
            diagonal plus low rank too. None: the rule has no such form.
    """

    modes: Callable[[Array, Array], Samples]
    matrices: Callable[[Array, Array], Samples]
    reach: Callable[[Array, Array], Array]
    base: Callable[[Array, Array], tables.Base]
    inverse: Callable[[Array], Array]
    inverse_matrices: Callable[[Array], Array]
    exponential: bool = True
    held: bool = True
    low_rank: Callable[..., Feedback] | None = None


def _exp(z: Array) -> Array:
    return backend.library(z).exp(z)


def _log(f: Array) -> Array:
    return backend.library(f).log(f)


def _zoh_modes(z: Array, turned: Array) -> Samples:
    return Samples(_exp(turned), first_phi(z, turned))


def _foh_modes(z: Array, turned: Array) -> Samples:
    """A triangle is a box held twice: the state ahead has phi_1^2, without a difference."""
    return Samples(_exp(turned), second_phi(z, turned), first_phi(z, turned) ** 2)


def _impulse_modes(z: Array, turned: Array) -> Samples:
    return Samples(_exp(turned), backend.library(z).ones_like(z))


def _impulse_matrices(Z: Array, B: Array) -> Samples:
    return Samples(backend.expm(Z), B)


def _hold_matrices(Z: Array, B: Array, taps: int) -> Samples:
    """e^Z, phi_1(Z) B and phi_2(Z) B from one exponential (Van Loan 1978).

    It is that of Z bordered by B and a chain of integrators for each input.
    """
    xp = backend.library(Z)
    B, unit = backend.in_unit(B)
    N, M = B.shape[-2:]
    order = N + taps * M
    lead = np.broadcast_shapes(Z.shape[:-2], B.shape[:-2])
    top = [
        xp.broadcast_to(Z, (*lead, N, N)),
        xp.broadcast_to(B, (*lead, N, M)),
        backend.zeros((*lead, N, order - N - M), Z),
    ]
    identity = backend.eye(order, Z)
    integrators = xp.concat([identity[N + M :, :], backend.zeros((M, order), Z)], axis=0)
    below = xp.broadcast_to(integrators, (*lead, order - N, order))
    E = backend.expm(xp.concat([xp.concat(top, axis=-1), below], axis=-2))
    A = E[..., :N, :N]
    first = backend.times_two_to(E[..., :N, N : N + M], unit)
    if taps == 1:
        return Samples(A, first)
    second = backend.times_two_to(E[..., :N, N + M :], unit)
    return Samples(A, second, backend.matmul(A, second) + (first - second))


def weight_of_end(alpha: Any) -> float:
    """The alpha of the generalized bilinear transform, refused outside [0, 1]."""
    alpha = require.real("alpha", alpha)
    if not 0 <= alpha <= 1:
        raise ValueError(f"`alpha` must lie in [0, 1]; got {alpha:g}. 0.5 is the bilinear rule.")
    return alpha


def _whole(step: Array, A: Array) -> Array:
    return step


def fractional(alpha: float) -> Scheme:
    """The generalized bilinear transform with the weight alpha of the end of a step."""

    def modes(z: Array, turned: Array) -> Samples:
        return Samples(*tables.fraction_and_gain(z, alpha))

    def matrices(Z: Array, B: Array) -> Samples:
        xp = backend.library(Z)
        N, M = B.shape[-2:]
        lead = np.broadcast_shapes(Z.shape[:-2], B.shape[:-2])
        Z = xp.broadcast_to(Z, (*lead, N, N))
        B = xp.broadcast_to(B, (*lead, N, M))
        identity = backend.eye(N, Z)
        right = xp.concat([identity + (1 - alpha) * Z, B], axis=-1)
        solved = backend.solve(identity - alpha * Z, right)
        return Samples(solved[..., :N], solved[..., N:])

    def inverse(f: Array) -> Array:
        return (f - 1) / (1 - alpha + alpha * f)

    def inverse_matrices(A: Array) -> Array:
        identity = backend.eye(A.shape[-1], A)
        below = (1 - alpha) * identity + alpha * A
        if backend.is_numpy(below):
            backend.refuse_singular(below, float(np.finfo(below.dtype).eps))
        return backend.solve(below, A - identity)

    reach = settled_steps.of_fractions if alpha else _whole
    base = partial(tables.fraction, alpha=alpha)
    feedback = partial(generating_function.bilinear, alpha=alpha)
    undone = (inverse, inverse_matrices)
    return Scheme(modes, matrices, reach, base, *undone, exponential=False, low_rank=feedback)


_ONE_TAP = partial(_hold_matrices, taps=1)
_TWO_TAPS = partial(_hold_matrices, taps=2)
_EXPONENTIAL = (settled_steps.of_exponentials, tables.exponential, _log, backend.logm)
_IMPULSE = Scheme(_impulse_modes, _impulse_matrices, *_EXPONENTIAL, held=False)


SCHEMES: dict[str, Scheme] = {
    "zoh": Scheme(_zoh_modes, _ONE_TAP, *_EXPONENTIAL),
    "bilinear": fractional(0.5),
    "forward": fractional(0.0),
    "backward": fractional(1.0),
    "impulse": _IMPULSE,
    "mamba": _IMPULSE,
    "foh": Scheme(_foh_modes, _TWO_TAPS, *_EXPONENTIAL),
}
