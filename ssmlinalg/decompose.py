r"""Diagonalization of the normal part of a HiPPO matrix, in real arithmetic, accuracy reported.

The normal part M = A + P P^T of a real matrix has a unitary eigenbasis, the one thing about A that
is well conditioned. Three routes, chosen by structure that can be seen in the matrix:

=========  ===========================================  ==========================================
route      matrices                                     method
=========  ===========================================  ==========================================
cascade    A lower triangular, A + A^T = 2 sigma I -    a chain of all-pass filters: each
           2 P P^T, P of one column (`legs`, `lagt`,    eigenvalue solves one monotone scalar
           `tlagt`)                                     equation
skew       M = sigma I + S, S skew-symmetric            S couples even rows with odd ones only, or
                                                        is brought to that shape by a Hessenberg
                                                        reduction: the singular value
                                                        decomposition of a rectangle
normal     any other                                    the real Schur form, which of a normal
                                                        matrix is block diagonal
=========  ===========================================  ==========================================

Canonical order: upper half plane by rising frequency, the conjugates in the same order, then real
modes by rising value. Canonical phase: V^H B is real and positive where it is not zero. So the
result is the same on every machine, up to rounding.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import scipy.linalg

from .forms import DPLR, NPLR, check
from .ground.backend import Complex, Real
from .ground.formats import EPS
from .lossless.chain import frequencies, products
from .lossless.recognition import Spectrum, axis, gain, recognize
from .matrices.skew_symmetric import skew_modes

__all__ = [
    "Eigenbasis",
    "diagonalize",
    "eigenbasis",
]


def __dir__() -> list[str]:
    return __all__


_PROBES = 16  # random vectors that estimate a residual within some per cent
_VISIBLE = 1e-6  # a direction less visible than this would carry more rounding than signal


class Eigenbasis(NamedTuple):
    """M = V diag(Lambda) V^H with V unitary, and how nearly so.

    Attributes:
        Lambda: eigenvalues, (N,).
        V: eigenvectors, the columns, (N, N).
        residual: |M V - V Lambda|_F over |A|_F + |P|_F^2, a few eps, estimated from 16 random
            vectors within about 20 %.
        orthogonality: |V^H V - I|_F / sqrt(N), estimated likewise.
    """

    Lambda: Complex
    V: Complex
    residual: float
    orthogonality: float


class _Modes(NamedTuple):
    """Eigenvalues (n,) and unit eigenvectors (N, n)."""

    values: np.ndarray
    vectors: np.ndarray


def diagonalize(nplr: NPLR) -> DPLR:
    r"""The system in the eigenbasis of its normal part, exactly similar to A.

    .. math::  A = V (\mathrm{diag}(\Lambda) - \tilde P \tilde P^H) V^H, \qquad
               \tilde P = V^H P, \quad \tilde B = V^H B, \quad \tilde C = C V, \quad
               C = (1, 0, \dots, 0).

    Args:
        nplr: a system whose A + P P^T is normal.

    Returns:
        A `DPLR` of full order N, of step 1, that reads the first coefficient.

    Raises:
        TypeError: if `nplr` is none, or complex.
        ValueError: if A + P P^T is not normal, saying by how much; what `forms.check` raises.

    Accuracy:
        A few eps, relative, for `legs`, `lagt`, `tlagt` and the Fourier measures, all of it in
        closed form; that of `eigenbasis` for others.

    Cost:
        For closed forms O(N) once the structure is recognized, which costs O(N^2) of a matrix
        written down and O(N) of one on demand (beyond order 4096). For others O(N^3).

    Source:
        Gu, Goel & Re 2022 (S4), Theorem 1 and Section 3.4 (P P^* in place of P Q^*).

    Example:
        >>> from ssmlinalg import hippo
        >>> diagonalize(hippo.legs(2)).Lambda.round(6)
        array([-0.5+0.866025j, -0.5-0.866025j])
    """
    A, B, P = check(nplr)
    structure = recognize(A, P)
    g = gain(B, P)
    if structure and g is not None:
        spectrum = structure.solve(1.0)
        if spectrum:
            return _closed_form(structure.sigma, spectrum, g)
    basis = eigenbasis(nplr)
    adjoint = basis.V.conj().T
    first = basis.V[0].copy()
    return _of_step_one(basis.Lambda, adjoint @ P, adjoint @ B, first)


def eigenbasis(nplr: NPLR) -> Eigenbasis:
    r"""Eigenvalues and unitary eigenvectors of A + P P^T, and two defects.

    .. math::  A + P P^T = V\, \mathrm{diag}(\Lambda)\, V^H, \qquad V^H V = I.

    Real modes have real eigenvectors, the others come in exact conjugate pairs.

    Args:
        nplr: a system whose A + P P^T is normal.

    Returns:
        An `Eigenbasis` in canonical order and phase.

    Raises:
        TypeError: if `nplr` is none, or complex.
        ValueError: if A + P P^T is not normal; what `forms.check` raises.

    Accuracy:
        Backward stable, residual and orthogonality a small multiple of eps; eigenvalues of the
        cascade route to high relative accuracy.

    Cost:
        ===========================================  =================================
        route                                        real operations
        ===========================================  =================================
        cascade                                      4 N^3 in two products of matrices
        skew, even and odd rows alternate            1.5 N^3
        skew, any other                              6 N^3
        a complex Hermitian solver, for comparison   15 N^3
        ===========================================  =================================

    Example:
        >>> from ssmlinalg import hippo
        >>> eigenbasis(hippo.fout(4)).Lambda.imag.round(6)
        array([ 3.141593, -3.141593,  0.      ,  0.      ])
    """
    A, B, P = check(nplr)
    A = np.asarray(A)
    if any(np.iscomplexobj(array) for array in (A, B, P)):
        remedy = "Take the real form, or use numpy.linalg.eig."
        raise TypeError(f"`nplr` must be real; got complex entries. {remedy}")
    M = A + P @ P.T
    scale = float(np.linalg.norm(A) + np.linalg.norm(P) ** 2)
    upper, real = _modes(A, P, M, scale)
    slack = 8 * EPS * scale
    pairs = _canonical(upper, B, slack)
    single = _canonical(real, B, slack)
    half = upper.values
    Lambda: Complex = np.concatenate([half, half.conj(), real.values])
    V: Complex = np.concatenate([pairs, pairs.conj(), single], axis=-1)
    return Eigenbasis(Lambda, V, *_defects(M, scale, Lambda, V))


def _closed_form(
    sigma: float,
    spectrum: Spectrum,
    g: float,
) -> DPLR:
    """The system in the closed form of its eigenbasis, turned so that V^H B > 0, B = g P."""
    sign = math.copysign(1.0, g)
    Ptilde = sign * spectrum.driven
    modes = np.arange(len(spectrum.z))
    first = spectrum.V(np.arange(1), modes)[0]
    Lambda = sigma + spectrum.z
    return _of_step_one(Lambda, Ptilde[:, None], g * Ptilde, sign * first)


def _of_step_one(
    Lambda: Complex,
    P: Complex,
    B: Complex,
    C: Complex,
) -> DPLR:
    zero = np.asarray(0.0)
    one = np.asarray(1.0)
    return DPLR(
        Lambda=Lambda,
        P=P,
        B=B,
        C=C,
        D=zero,
        step=one,
    )


def _modes(
    A: Real,
    P: Real,
    M: Real,
    scale: float,
) -> tuple[_Modes, _Modes]:
    """The modes of the upper half plane by rising frequency, and the real ones by rising value."""
    order = len(A)
    slack = 8 * EPS * scale
    structure = recognize(A, P)
    sigma = structure.sigma if structure else axis(A, P)
    symmetric = (M + M.T) / 2 - sigma * np.eye(order)
    if np.linalg.norm(symmetric) > slack:
        return _normal(M, scale)
    triangular = np.linalg.norm(np.triu(A, 1)) <= slack
    if triangular and P.shape[-1] == 1:
        undamped, kernel = _cascade(P[:, 0])
    else:
        w, pairs, kernel = skew_modes((M - M.T) / 2)
        undamped = _Modes(w, pairs)
    upper = undamped._replace(values=sigma + 1j * undamped.values)
    undriven = np.full(kernel.shape[-1], sigma)
    return upper, _Modes(undriven, kernel)


def _defects(
    M: Real,
    scale: float,
    Lambda: Complex,
    V: Complex,
) -> tuple[float, float]:
    """|M V - V Lambda|_F / scale and |V^H V - I|_F / sqrt(N), from random vectors.

    E |R x|^2 = |R|_F^2 for a normal x, so a few vectors tell the size of R within some per cent,
    and no product of matrices, which would cost as much as the decomposition, is spent on the
    check.
    """
    rng = np.random.default_rng(0)
    x = rng.standard_normal((len(M), _PROBES))
    Vx = V @ x
    root = math.sqrt(_PROBES)
    rest = M @ Vx - V @ (Lambda[:, None] * x)
    residual = float(np.linalg.norm(rest) / root)
    deviation = V.conj().T @ Vx - x
    orthogonality = float(np.linalg.norm(deviation) / root)
    return residual / scale if scale else 0.0, orthogonality / math.sqrt(len(M))


def _cascade(P: Real) -> tuple[_Modes, Real]:
    """Frequencies w > 0 with eigenvectors of the skew part of a triangular lossless A; its kernel.

    The kernel is the state at frequency zero when an odd number of sections is chained, and a unit
    vector for each zero of P.
    """
    order = len(P)
    chain = np.flatnonzero(P)
    idle = np.flatnonzero(P == 0)
    p = P[chain]
    w = frequencies(p**2)
    n = len(w)
    W = _chain_vectors(p, w)
    pairs = np.zeros((order, n), dtype=np.complex128)
    upper = W[:, :n] + 1j * W[:, n : 2 * n]
    pairs[chain] = upper / math.sqrt(2)
    identity = np.eye(order)
    at_zero = identity[:, chain] @ W[:, 2 * n :]
    kernel = np.concatenate([at_zero, identity[:, idle]], axis=-1)
    return _Modes(w, pairs), kernel


def _chain_vectors(p: Real, w: Real) -> Real:
    """Real and imaginary parts of the states at frequencies w, and that at 0: orthonormal."""
    n = len(w)
    a = p**2
    z = 1j * np.concatenate([w, np.zeros(len(p) % 2)])
    before = products(a, z, np.arange(len(p)))
    v = (p / (z[:, None] + a) * before.T).T
    v = v / np.linalg.norm(v, axis=0)
    real = math.sqrt(2) * v[:, :n].real
    imag = math.sqrt(2) * v[:, :n].imag
    W = np.concatenate([real, imag, v[:, n:].real], axis=-1)
    # The last digit of w turns the end of the chain by up to sum_n w a_n/(w^2 + a_n^2) eps: one
    # Newton-Schulz step mends it.
    return 1.5 * W - W @ (W.T @ W) / 2


def _normal(M: Real, scale: float) -> tuple[_Modes, _Modes]:
    """The modes of a normal M from its real Schur form, which is block diagonal."""
    schur: Any = scipy.linalg.schur(M, output="real")
    T, Z = schur
    below = np.abs(np.diag(T, -1))
    first = np.flatnonzero(below > 8 * EPS * scale)
    second = first + 1
    paired = np.concatenate([first, second])
    alone = np.setdiff1d(np.arange(len(M)), paired)
    rotation = (T[first, second] - T[second, first]) / 2
    blocks = np.diag(np.diag(T))
    blocks[first, second] = rotation
    blocks[second, first] = -rotation
    departure = float(np.linalg.norm(T - blocks))
    _check_normal(departure, len(M), scale)
    half = T[first, first] + 1j * np.abs(rotation)
    turn = 1j * np.sign(rotation)
    pairs = (Z[:, first] + turn * Z[:, second]) / math.sqrt(2)
    up = np.lexsort((half.real, half.imag))
    real = T[alone, alone]
    rising = np.argsort(real, kind="stable")
    single = Z[:, alone[rising]]
    return _Modes(half[up], pairs[:, up]), _Modes(real[rising], single)


def _check_normal(
    departure: float,
    order: int,
    scale: float,
) -> None:
    if departure > 64 * order * EPS * scale:
        got = f"a departure of {departure / scale:.3g} of its size"
        remedy = "Choose such a P, or use perturb for a general matrix."
        raise ValueError(f"A + P P^T must be normal; got {got}. {remedy}")


def _canonical(
    modes: _Modes,
    B: Real,
    slack: float,
) -> np.ndarray:
    """The eigenvectors turned so that V^H B > 0; repeated eigenvalues get their one basis."""
    values, vectors = modes
    if len(values) == 0:
        return vectors
    drive = B @ vectors  # conj(V^H B), B being real
    size = np.abs(drive)
    driven = size > len(B) * EPS * np.linalg.norm(B)
    unit = drive.conj() / np.where(driven, size, 1.0)
    vectors = vectors * np.where(driven, unit, 1.0)
    apart = np.abs(np.diff(values)) > slack
    borders = np.concatenate([[True], apart, [True]])
    edges = np.flatnonzero(borders)
    for start, stop in pairwise(edges):
        if stop - start > 1 or not driven[start]:
            vectors[:, start:stop] = _basis_from(vectors[:, start:stop], B)
    return vectors


def _basis_from(space: np.ndarray, B: Real) -> np.ndarray:
    """The basis of `space` that starts along B and goes on along e_0, e_1, ...: unique."""
    chosen = np.zeros((space.shape[-1], 0), dtype=space.dtype)
    along_B = B / (np.linalg.norm(B) or 1.0)
    for seed in (along_B, *np.eye(len(B))):
        c = space.conj().T @ seed
        c = c - chosen @ (chosen.conj().T @ c)
        size = np.linalg.norm(c)
        if size > _VISIBLE:
            c = c / size
            c = c - chosen @ (chosen.conj().T @ c)  # once more, for the first time left eps/size
            c = c / np.linalg.norm(c)
            chosen = np.concatenate([chosen, c[:, None]], axis=-1)
        if chosen.shape[-1] == space.shape[-1]:
            break
    return space @ chosen
