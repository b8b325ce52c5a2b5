r"""Diagonalization of the normal part of a HiPPO matrix, in real arithmetic, with its accuracy
reported.

The normal part M = A + P P^T of a real matrix has a unitary eigenbasis, the one thing about A that
is well conditioned. Three routes, chosen by structure that can be seen in the matrix:

- *cascade*: A lower triangular with A + A^T = 2 sigma I - 2 P P^T and P of one column (`legs`, `lagt`, `tlagt`). Such a system
  is a chain of first-order all-pass filters, and each eigenvalue solves one monotone scalar equation;
- *skew*: M = sigma I + S with S skew-symmetric. A skew matrix that couples only even rows with odd ones is two rectangles, and
  their singular value decomposition is the answer; any other is first brought to that shape by a Hessenberg reduction;
- *normal*: anything else, by the real Schur form, which of a normal matrix is block diagonal.

Canonical order: upper half plane by rising frequency, the conjugates in the same order, then real
modes by rising value. Canonical phase: V^H B is real and positive where it is not zero. So the
result is the same on every machine, up to rounding.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import scipy.linalg

from .forms import DPLR, NPLR, check
from .ground.backend import Complex, Real
from .ground.formats import EPS
from .lossless.chain import frequencies, products
from .lossless.recognition import gain, recognize


class Eigenbasis(NamedTuple):
    """M = V diag(Lambda) V^H with V unitary, and how nearly so.

    `residual` is |M V - V Lambda|_F over |A|_F + |P|_F^2, `orthogonality` is |V^H V - I|_F /
    sqrt(N), both estimated from 16 random vectors (within about 20 %); they are a few eps.
    """

    Lambda: Complex
    V: Complex
    residual: float
    orthogonality: float


def diagonalize(nplr: NPLR) -> DPLR:
    r"""The system in the eigenbasis of its normal part: A = V (diag(Lambda) - P~ P~^H) V^H, exactly
    similar to A.

    .. math::  \tilde P = V^H P, \qquad \tilde B = V^H B, \qquad \tilde C = C V, \quad C = (1, 0, \dots, 0).

    Returns a `DPLR` of full order N, of step 1, that reads the first coefficient. Raises ValueError
    when A + P P^T is not normal, saying by how much. For `legs`, `lagt`, `tlagt` and the Fourier
    measures all of it is in closed form, to a few eps relative, in O(N) once the structure is
    recognized, which costs O(N^2) of a matrix written down and O(N) of one on demand (beyond order
    4096). For others V comes from `eigenbasis`, O(N^3).

    Source: Gu, Goel & Re 2022 (S4), Theorem 1 and Section 3.4 (P P^* in place of P Q^*).

    >>> from ssmlinalg import hippo
    >>> diagonalize(hippo.legs(2)).Lambda.round(6)
    array([-0.5+0.866025j, -0.5-0.866025j])
    """
    A, B, P = check(nplr)
    structure, g = recognize(A, P), gain(B, P)
    found = structure.solve(1.0) if structure and g is not None else None
    if structure and g is not None and found:
        sign = math.copysign(1.0, g)  # so that V^H B > 0
        C = sign * found.V(np.arange(1), np.arange(len(B)))[0]
        Ptilde = sign * found.driven
        return DPLR(
            structure.sigma + found.z,
            Ptilde[:, None],
            g * Ptilde,
            C,
            np.asarray(0.0),
            np.asarray(1.0),
        )
    Lambda, V, _, _ = eigenbasis(nplr)
    adjoint = V.conj().T
    return DPLR(
        Lambda, adjoint @ nplr.P, adjoint @ nplr.B, V[0].copy(), np.asarray(0.0), np.asarray(1.0)
    )


def eigenbasis(nplr: NPLR) -> Eigenbasis:
    """Eigenvalues and unitary eigenvectors (N, N) of A + P P^T, with the residual and the defect of
    orthogonality.

    Real modes have real eigenvectors, the others come in exact conjugate pairs. Raises ValueError
    when A + P P^T is not normal. Accuracy: backward stable, residual and orthogonality a small
    multiple of eps; eigenvalues of the cascade route to high relative accuracy. Cost: skew 6 N^3
    real operations (a complex Hermitian solver spends about 15), 1.5 N^3 when even and odd rows
    alternate, 4 N^3 in two matrix products for a cascade.

    >>> from ssmlinalg import hippo
    >>> eigenbasis(hippo.fout(4)).Lambda.imag.round(6)
    array([ 3.141593, -3.141593,  0.      ,  0.      ])
    """
    A, B, P = check(nplr)
    A = np.asarray(A)
    if any(np.iscomplexobj(array) for array in nplr):
        raise TypeError(
            "`nplr` must be real; got complex entries. Take the real form, or use numpy.linalg.eig."
        )
    M = A + P @ P.T
    scale = float(np.linalg.norm(A) + np.linalg.norm(P) ** 2)
    structure = recognize(A, P)
    sigma = structure.sigma if structure else float(np.trace(M)) / len(B)
    slack = 8 * EPS * scale
    if np.linalg.norm((M + M.T) / 2 - sigma * np.eye(len(B))) > slack:
        half, pairs, real, single = _normal(M, scale)
    else:
        cascade = P.shape[-1] == 1 and np.linalg.norm(np.triu(A, 1)) <= slack
        w, pairs, single = _cascade(P[:, 0]) if cascade else _skew((M - M.T) / 2)
        half, real = sigma + 1j * w, np.full(single.shape[-1], sigma)
    pairs, single = _canonical(half, pairs, B, slack), _canonical(real, single, B, slack)
    Lambda = np.concatenate([half, half.conj(), real])
    V = np.concatenate([pairs, pairs.conj(), single], axis=-1)
    return Eigenbasis(Lambda, V, *_defects(M, scale, Lambda, V))


def _defects(M: Real, scale: float, Lambda: Complex, V: Complex) -> tuple[float, float]:
    """|M V - V Lambda|_F / scale and |V^H V - I|_F / sqrt(N), from what both matrices do to 16 random vectors.

    E |R x|^2 = |R|_F^2 for a normal x, so a few vectors tell the size of R within some per cent,
    and no product of matrices, which would cost as much as the decomposition, is spent on the
    check.
    """
    x = np.random.default_rng(0).standard_normal((len(M), 16))
    Vx = V @ x
    residual = np.linalg.norm(M @ Vx - V @ (Lambda[:, None] * x)) / 4
    orthogonality = np.linalg.norm(V.conj().T @ Vx - x) / 4
    return float(residual) / scale if scale else 0.0, float(orthogonality) / math.sqrt(len(M))


def _cascade(P: Real) -> tuple[Real, Complex, Real]:
    """Frequencies w > 0 and eigenvectors of the skew part of a triangular lossless A, and a real
    basis of its kernel.

    The kernel is the state at frequency zero when an odd number of sections is chained, and a unit
    vector for each zero of P.
    """
    chain = np.flatnonzero(P)
    w = frequencies(P[chain] ** 2)
    z, a = 1j * np.concatenate([w, np.zeros(len(chain) % 2)]), P[chain] ** 2
    v = (P[chain] / (z[:, None] + a) * products(a, z, np.arange(len(chain))).T).T
    v = v / np.linalg.norm(v, axis=0)
    # The last digit of w turns the end of the chain by up to sum_n w a_n/(w^2 + a_n^2) eps: one
    # Newton-Schulz step mends it.
    n = len(w)
    W = np.concatenate(
        [math.sqrt(2) * v[:, :n].real, math.sqrt(2) * v[:, :n].imag, v[:, n:].real], axis=-1
    )
    W = 1.5 * W - W @ (W.T @ W) / 2
    whole = np.eye(len(P))
    pairs, single = np.zeros((len(P), n), dtype=np.complex128), whole[:, np.flatnonzero(P == 0)]
    pairs[chain] = (W[:, :n] + 1j * W[:, n : 2 * n]) / math.sqrt(2)
    return w, pairs, np.concatenate([whole[:, chain] @ W[:, 2 * n :], single], axis=-1)


def _skew(S: Real) -> tuple[Real, Complex, Real]:
    r"""Frequencies w > 0 of a real skew S with their eigenvectors, and a real basis of its kernel.

    A skew matrix that couples even rows with odd ones only is [[0, -K^T], [K, 0]]; with K = X
    diag(w) Y^T its eigenvectors for i w are (y, -i x)/sqrt(2). A Hessenberg reduction makes any
    skew matrix tridiagonal, which is of that kind.
    """
    Q = None
    if S[::2, ::2].any() or S[1::2, 1::2].any():
        S, Q = scipy.linalg.hessenberg(S, calc_q=True)  # pyright: ignore[reportAssignmentType]
        S = np.tril(np.triu(S, -1), 1)  # the rest of it is rounding
    K = S[1::2, ::2]
    X, w, Yt = _singular(K)
    nonzero = w > len(S) * EPS * np.max(w, initial=0.0)
    rank = int(np.count_nonzero(nonzero))
    even, odd = (slice(None, None, 2), slice(1, None, 2))

    def lift(y: Real, x: Real | Complex) -> np.ndarray:
        if Q is None:
            v = np.zeros((len(S), y.shape[-1]), dtype=np.result_type(x, y))
            v[even], v[odd] = y, x
            return v
        if np.iscomplexobj(x):
            return Q[:, even] @ y + 1j * (Q[:, odd] @ x.imag)
        return Q[:, even] @ y + Q[:, odd] @ x

    y, x = Yt[:rank].T[:, ::-1], X[:, :rank][:, ::-1]
    pairs = lift(y / math.sqrt(2), -1j * x / math.sqrt(2))
    null_y, null_x = Yt[rank:].T, X[:, rank:]
    zeros_y, zeros_x = (
        np.zeros((null_y.shape[0], null_x.shape[1])),
        np.zeros((null_x.shape[0], null_y.shape[1])),
    )
    kernel = np.concatenate([lift(null_y, zeros_x), lift(zeros_y, null_x)], axis=-1)
    return w[:rank][::-1], pairs, kernel


def _singular(K: Real) -> tuple[Real, Real, Real]:
    """The singular value decomposition; where no row or column has two entries (Fourier measures)
    it can be read off.
    """
    row, column = np.nonzero(K)
    if len(np.unique(row)) < len(row) or len(np.unique(column)) < len(column):
        return tuple(np.linalg.svd(K))  # pyright: ignore[reportReturnType]
    falling = np.argsort(-np.abs(K[row, column]), kind="stable")
    row, column = row[falling], column[falling]
    w = np.zeros(min(K.shape))
    w[: len(row)] = np.abs(K[row, column])
    X = np.eye(len(K))[:, np.concatenate([row, np.setdiff1d(np.arange(len(K)), row)])]
    X[:, : len(row)] *= np.sign(K[row, column])
    return (
        X,
        w,
        np.eye(K.shape[1])[np.concatenate([column, np.setdiff1d(np.arange(K.shape[1]), column)])],
    )


def _normal(M: Real, scale: float) -> tuple[Complex, Complex, Real, Real]:
    """Upper eigenvalues with eigenvectors, then real ones, of a normal M: its real Schur form is
    block diagonal.
    """
    T, Z = scipy.linalg.schur(M, output="real")  # pyright: ignore[reportAssignmentType]
    first = np.flatnonzero(np.abs(np.diag(T, -1)) > 8 * EPS * scale)
    second = first + 1
    alone = np.setdiff1d(np.arange(len(M)), np.concatenate([first, second]))
    rotation = (T[first, second] - T[second, first]) / 2
    blocks = np.zeros_like(T)
    blocks[alone, alone] = T[alone, alone]
    blocks[first, first], blocks[second, second] = T[first, first], T[second, second]
    blocks[first, second], blocks[second, first] = rotation, -rotation
    departure = float(np.linalg.norm(T - blocks))
    if departure > 64 * len(M) * EPS * scale:
        got = f"a departure of {departure / scale:.3g} of its size"
        raise ValueError(
            f"A + P P^T must be normal; got {got}. Choose such a P, or use perturb for a general matrix."
        )
    half: Complex = T[first, first] + 1j * np.abs(rotation)
    pairs = (Z[:, first] + 1j * np.sign(rotation) * Z[:, second]) / math.sqrt(2)
    up, rising = np.lexsort((half.real, half.imag)), np.argsort(T[alone, alone], kind="stable")
    return half[up], pairs[:, up], T[alone, alone][rising], Z[:, alone[rising]]


def _canonical(values: np.ndarray, vectors: np.ndarray, B: np.ndarray, slack: float) -> np.ndarray:
    """Eigenvectors turned so that V^H B > 0; where eigenvalues coincide, the whole eigenspace gets
    its one basis.
    """
    if len(values) == 0:
        return vectors
    drive = B @ vectors  # conj(V^H B), B being real
    size = np.abs(drive)
    driven = size > len(B) * EPS * np.linalg.norm(B)
    vectors = vectors * np.where(driven, drive.conj() / np.where(driven, size, 1.0), 1.0)
    edges = np.flatnonzero(np.concatenate([[True], np.abs(np.diff(values)) > slack, [True]]))
    for start, stop in pairwise(edges):
        if stop - start > 1 or not driven[start]:
            vectors[:, start:stop] = _basis_from(vectors[:, start:stop], B)
    return vectors


def _basis_from(space: np.ndarray, B: np.ndarray) -> np.ndarray:
    """The basis of `space` that starts along B and goes on along e_0, e_1, ...: unique, whatever
    basis came in.
    """
    chosen = np.zeros((space.shape[-1], 0), dtype=space.dtype)
    for seed in (B / (np.linalg.norm(B) or 1.0), *np.eye(len(B))):
        c = space.conj().T @ seed
        c = c - chosen @ (chosen.conj().T @ c)
        size = np.linalg.norm(c)
        if size > 1e-6:  # a direction less visible than this would carry more rounding than signal
            c = c / size
            c = c - chosen @ (chosen.conj().T @ c)  # once more, for the first time left eps/size
            chosen = np.concatenate([chosen, (c / np.linalg.norm(c))[:, None]], axis=-1)
        if chosen.shape[-1] == space.shape[-1]:
            break
    return space @ chosen
