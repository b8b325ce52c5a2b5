"""Gramians of modes in closed form, and Hankel singular values to high relative accuracy."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..ground import require
from ..ground.backend import Complex, Real
from ..ground.formats import EPS
from ..matrices.graded_svd import graded_singular_values
from ..matrices.scaling import times_power
from ..products.cauchy_factor import (
    denominators,
    gramian_factor,
    joined_factor,
    real_gramian_factor,
)
from .real_systems import RealSystems, has_modes, modes_of, readable, whole


class ModalGramians(NamedTuple):
    """The Gramians of modes, Hermitian and positive semidefinite.

    Attributes:
        nodes: (..., N), the modes in their order here: those above the real axis and on it, then
            the conjugates. Modes without weight, and conjugates of real modes, are at rest.
        controllability: (..., N, N).
        observability: (..., N, N).
    """

    nodes: Complex
    controllability: Complex
    observability: Complex


def gramians(form: Any) -> ModalGramians:
    r"""The Gramians of the modes of a form, in closed form.

    .. math::  P_{ij} = \frac{(B B^*)_{ij}}{-(a_i + \bar a_j)}, \qquad
               Q_{ij} = \frac{(C^* C)_{ij}}{-(\bar a_i + a_j)}, \qquad
               \text{discrete: } 1 - z_i \bar z_j \text{ and its conjugate below},

    of the real system: a half spectrum is completed, y = Re(C x) is read as that of a system with
    all conjugates. One input and one output are balanced, |b_i| = |c_i|: then Q is P conjugated, up
    to phases.

    Args:
        form: a stable form of any library whose A are eigenvalues. In discrete time the output
            reads the newest sample, K_l = C A^l B.

    Returns:
        A `ModalGramians`.

    Raises:
        TypeError: for a form whose A is a matrix; what `forms.check` raises.
        ValueError: for undamped modes with a weight, an empty batch; what `forms.check` raises.

    Accuracy:
        A few eps of each entry, for one input and one output.

    Cost:
        O(N^2).

    Example:
        >>> from ssmlinalg import forms
        >>> one = np.ones(2)
        >>> form = forms.Diagonal(np.array([-2.0, -1.0]), one, one, 0.0, 1.0)
        >>> gramians(form).controllability[:2, :2].real.round(4)
        array([[0.25  , 0.3333],
               [0.3333, 0.5   ]])
    """
    modes = whole(eigenvalues_of(form))
    apart = denominators(modes.A[..., None], modes.A[:, None], discrete=modes.discrete)
    B = modes.B
    C = modes.C
    drive = B @ np.conj(np.swapaxes(B, -1, -2))
    read = np.conj(np.swapaxes(C, -1, -2)) @ C
    scale = np.ldexp(1.0, modes.exponents())[:, None, None]  # B and C are equal in size
    found = (
        times_power(modes.A, modes.rate[:, None]),
        scale * drive / apart,
        scale * read / np.conj(apart),
    )
    return ModalGramians(*(X.reshape(*modes.batch, *X.shape[1:]) for X in found))


def singular_values(form: Any) -> Real:
    r"""The Hankel singular values of a form of modes, the small ones as accurate as the large.

    .. math::  P = F F^*, \qquad \sigma_k = \sigma_k(F_Q^* F_P),

    F by elimination on Cauchy matrices. No reduced model of order r with the same direct path has
    an H-infinity error below sigma_{r+1}.

    Args:
        form: what `gramians` takes.

    Returns:
        (..., N) falling, N the largest number of states in a member. In discrete time those of the
        sequence K_0 - D, K_1, K_2, ...

    Raises:
        TypeError: what `gramians` raises.
        ValueError: what `gramians` raises, and for values that overflow.

    Accuracy:
        For one input and one output about N eps kappa, relative to each value; kappa is that of the
        unit triangular factors, which pivoting keeps small. For several inputs absolute, N eps
        sigma_1, and in practice relative too.

    Cost:
        O(N^3).

    Source:
        Haut & Beylkin 2011, SIAM J. Matrix Anal. Appl. 32, 1101-1125, Algorithms 2 and 3.

    Example:
        >>> from ssmlinalg import forms
        >>> one = np.ones(12)
        >>> form = forms.Diagonal(-np.arange(1.0, 13.0), one, one, 0.0, 1.0)
        >>> bool(singular_values(form)[-1] < 1e-15)
        True
    """
    modes = eigenvalues_of(form)
    sigma = hankel_values(modes)
    with np.errstate(over="ignore"):
        sigma = np.ldexp(sigma, modes.exponents()[:, None])
    if not require.all_finite(sigma):
        rule = "Hankel singular values must fit double precision; got some that overflow"
        raise ValueError(f"{rule}. Scale B and C down.")
    return sigma.reshape(*modes.batch, -1)


def hankel_values(modes: RealSystems) -> Real:
    """The Hankel singular values (m, N) of the systems, in the units of `RealSystems.exponents`."""
    order = max(1, int(np.max(modes.order)))
    apart = has_one_port(modes) and np.all(off_the_axis(modes)) and not _several_real(modes)
    product = _real_product if apart else _product
    return np.stack([graded_singular_values(X) for X in product(modes)])[:, :order]


def hankel_values_from_below(modes: RealSystems) -> Real:
    """`hankel_values` up to N eps of the largest, and never above them."""
    if not (has_one_port(modes) and np.all(off_the_axis(modes))):
        return hankel_values(modes)
    order = max(1, int(np.max(modes.order)))
    X = _real_product(modes)
    values = np.abs(np.linalg.eigvalsh((X + np.swapaxes(X, -1, -2)) / 2))
    sigma = np.sort(values, axis=-1)[:, ::-1][:, :order]
    return np.maximum(sigma - 4 * X.shape[-1] * EPS * sigma[:, :1], 0)


def _several_real(modes: RealSystems) -> bool:
    """Whether a member has several real modes, for which conjugates cost least and tell most."""
    return bool(np.any(np.sum(modes.used & ~modes.pairs, axis=-1) > 1))


def _product(modes: RealSystems) -> Complex:
    """F_Q^* F_P (m, 2n, 2n) of all modes."""
    seen, reached = factors(modes)
    return np.conj(np.swapaxes(seen, -1, -2)) @ reached


def _real_product(modes: RealSystems) -> Real:
    seen, reached = real_factors(modes)
    return np.swapaxes(seen, -1, -2) @ reached


def off_the_axis(modes: RealSystems) -> np.ndarray:
    """The mask (m,) of members without a pair of modes that is almost real.

    In (Re x, Im x) the difference of such a pair has few digits of its own.
    """
    apart = np.abs(denominators(modes.A, modes.A.conj(), discrete=modes.discrete))
    near = modes.used & modes.pairs & (2 * modes.A.imag < _NEAR_THE_AXIS * apart)
    return ~np.any(near, axis=-1)


def has_one_port(modes: RealSystems) -> bool:
    """Whether there is one input and one output."""
    return modes.B.shape[-1] == modes.C.shape[-2] == 1


def real_factors(modes: RealSystems) -> tuple[Real, Real]:
    """F_Q and F_P (m, 2n, 2n) of the Gramians of sqrt(2) (Re x, Im x), for real modes (x, 0).

    Of systems with one input and one output. F_Q^T F_P is symmetric: conj(A) driven by conj(C) is A
    driven by B but for conjugates and phases.
    """
    size = modes.B[..., 0].real
    F = real_gramian_factor(modes.A, size, discrete=modes.discrete)
    F = F * np.where(modes.pairs, math.sqrt(2), 1.0)[..., None]
    phase = modes.C[:, 0] / np.where(size > 0, size, 1.0)
    return real_rows((phase[..., None] * F).conj()), real_rows(F)


def real_rows(X: Complex) -> Real:
    """(Re X, Im X) (m, 2n, K)."""
    return np.concatenate([X.real, X.imag], axis=1)


def factors(modes: RealSystems) -> tuple[Complex, Complex]:
    """F_Q and F_P (m, N, N) of the Gramians of all modes of the real systems, Q = F_Q F_Q^*."""
    every = whole(modes)
    A = every.A
    if has_one_port(every):
        b = every.B[..., 0]
        size = np.abs(b)  # conj(A) driven by conj(C) is A driven by B but for conjugates and phases
        F = gramian_factor(A, size + 0j, discrete=every.discrete)
        unit = np.where(size > 0, size, 1.0)
        drive = b / unit
        read = every.C[:, 0].conj() / unit
        seen: Complex = read[..., None] * F.conj()
        reached: Complex = drive[..., None] * F
        return seen, reached
    seen = joined_factor(np.conj(A), np.conj(every.C), discrete=every.discrete)
    reached = joined_factor(A, np.swapaxes(every.B, -1, -2), discrete=every.discrete)
    return seen, reached


def eigenvalues_of(form: Any) -> RealSystems:
    """The modes of a form. TypeError where its A is a matrix, and what `readable` raises."""
    form = readable(form)
    if not has_modes(form):
        got = type(form).__name__
        rule = "the form must hold eigenvalues, one for each mode"
        raise TypeError(f"{rule}; got {got}. Diagonalize it with perturb, or use reduce.balanced.")
    return modes_of(form)


_NEAR_THE_AXIS = 0.02  # distance of a mode from its conjugate, of that from its mirror image
