r"""Bounds on a kernel from its modes: its size, its tail, and the spectral radius of its matrix.

With r_j = |A_j| and w_j = |C_j B_j| of the sampled modes (factor 2 of a half spectrum included),
errors of kernels are relative to

.. math::  S = |D| + \sum_j w_j \max(1, r_j)^{L}.

For a matrix the sum is |C| |B| max(1, |A|) max(1, |A^2|) max(1, |A^4|) ..., which bounds |C A^l B|
for l < L by the binary digits of l.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..discretize import Rule
from ..forms import Continuous, Delayed, Discrete, View, kind, view
from ..ground.backend import Real
from ..ground.formats import EPS, TINY
from .sampled_model import admit


def size(system: Discrete, length: int) -> Real:
    """The size S of each kernel of a sampled form, to which its errors are relative.

    Args:
        system: a discrete form on the host, as `forms.check` returns it.
        length: the samples L of the kernel.

    Returns:
        S (...), or (..., P, M) for several inputs; inf where it overflows.

    Example:
        >>> from ssmlinalg.forms import Recurrence
        >>> one = np.ones(1) + 0j
        >>> float(size(Recurrence(one / 2, one, one, np.asarray(-3.0)), 10))
        4.0
    """
    return _as_kernels(system, _size(view(system), kind(system).matrix, length))


def tail_bound(form: Continuous | Discrete, length: int, *, rule: Rule = "zoh") -> Real:
    r"""A bound on every lag from `length` on: the largest change if the kernel is cut there.

    .. math::  \max_{l \ge L} |K_l| \le \sum_j |C_j B_j| |\bar A_j|^L

    For a matrix |C A^L| |B| times the bound on powers of `size`, hence over L more lags only. D
    belongs to lag 0 and to no tail.

    Args:
        form: any form with an output, of any library.
        length: the lag L.
        rule: the rule that samples a continuous form.

    Returns:
        The bound (...), or (..., P, M) for several inputs; inf if a mode grows.

    Raises:
        TypeError: for a form without an output, and what `forms.check` raises.
        ValueError: for a length below 1, an unknown rule, a sampled form that overflows, and what
            `forms.check` raises.

    Cost:
        O(n); for matrices O(N^3 log L).

    Example:
        >>> from ssmlinalg.forms import Recurrence
        >>> one = np.ones(1) + 0j
        >>> half = Recurrence(one / 2, one, one, np.asarray(3.0))
        >>> float(tail_bound(half, 10)) * 2**10  # attained
        1.0
    """
    return tail(admit(form, length, rule=rule).system, length)


def tail(system: Any, length: int) -> Real:
    """The bound of `tail_bound` for a sampled form in double precision."""
    matrix = kind(system).matrix
    length = length - isinstance(system, Delayed)
    A, B, C, D = view(system)
    D = np.zeros_like(D)
    if matrix:
        late = C @ np.linalg.matrix_power(A, length)
        return _as_kernels(system, _size(View(A, B, late, D), matrix, length))
    modulus = np.abs(A)
    with np.errstate(under="ignore"):
        late = np.abs(C) * (np.minimum(modulus, 1) ** length)[..., None, :]
    bound = _size(View(0 * A, B, late, D), matrix, length)
    grows = np.any(modulus > 1, axis=-1)
    return _as_kernels(system, np.where(grows[..., None, None], np.inf, bound))


def radius_bound(A: np.ndarray) -> float:
    r"""An upper bound of the spectral radius of a matrix, from the norms of its powers.

    .. math::  \rho(A) = \lim_m |A^m|^{1/m} = \inf_m |A^m|^{1/m}, \qquad m = 1, 2, 4, \dots, 2^{40}.

    Each computed power P carries a bound E on its error, E' = 2 |P| E + E^2 + 2 N^{3/2} eps |P|^2,
    which is added to its norm.

    Args:
        A: a finite matrix (N, N) on the host.

    Returns:
        A number that no eigenvalue exceeds in modulus.

    Accuracy:
        Sharp near normal matrices. Elsewhere above rho by what the first powers grow, for E ends
        the search.

    Cost:
        At most 41 products and norms.

    Source:
        Gelfand's formula.

    Example:
        >>> radius_bound(np.array([[0.5, 10.0], [0.0, 0.5]])) < 0.55
        True
    """
    N = len(A)
    power = A  # A^m = e^logarithm (power + a matrix of norm E)
    E = 0.0
    logarithm = 0.0
    least = math.inf
    for exponent in range(41):
        norm = float(np.linalg.norm(power, 2)) * (1 + 2 * N * EPS)
        if norm + E == 0:
            return TINY
        least = min(least, (logarithm + math.log(norm + E)) / 2**exponent)
        if norm < E:
            break
        logarithm = 2 * (logarithm + math.log(norm))
        power = power / norm
        E = E / norm + 2 * N * EPS
        power = power @ power
        E = 2 * E + E**2 + 2 * N**1.5 * EPS
    return math.exp(least)


def radius_bounds(matrices: np.ndarray) -> Real:
    """`radius_bound` of each member of (..., N, N)."""
    return _over_members(radius_bound, matrices)


def _size(seen: View, matrix: bool, length: int) -> Real:
    """S (..., P, M) of the kernels of a form with its ports written out."""
    A, B, C, D = seen
    if matrix:
        observed = np.linalg.norm(C, axis=-1)[..., :, None]
        driven = np.linalg.norm(B, axis=-2)[..., None, :]
        powers = _over_members(partial(_power_bound, length=length), A)
        return np.abs(D) + observed * driven * powers[..., None, None]
    with np.errstate(over="ignore"):
        late = np.maximum(1, np.abs(A)) ** length
    return np.abs(D) + (np.abs(C) * late[..., None, :]) @ np.abs(B)


def _as_kernels(system: Any, figures: Real) -> Real:
    """Figures (..., P, M) as (...) for a form with one input."""
    return figures if kind(system).ports else figures[..., 0, 0]


def _over_members(function: Callable[[np.ndarray], float], matrices: np.ndarray) -> Real:
    """A figure of each member of (..., N, N)."""
    members = matrices.reshape(-1, *matrices.shape[-2:])
    return np.reshape([function(A) for A in members], matrices.shape[:-2])


def _power_bound(A: np.ndarray, length: int) -> float:
    """A bound on |A^l| for l < length: the product of max(1, |A^m|), m = 1, 2, 4, ..., so far."""
    bound = 1.0
    for _ in range((length - 1).bit_length()):
        bound *= max(1.0, float(np.linalg.norm(A, 2)))
        A = A @ A
    return bound
