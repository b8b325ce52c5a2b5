r"""Modal systems V (s - Lambda)^{-1} B in real coordinates.

With R = [sqrt 2 Re v, sqrt 2 Im v, real v], which has the singular values of V, the state is R M(s)
with the rows

.. math::  \frac{\sqrt 2\, b\, (s - a)}{q},\quad \frac{-\sqrt 2\, b\, \omega}{q},\quad
           \frac{b}{s - a}, \qquad
           q = (s - a)^2 + \omega^2, \quad \lambda = a + i\omega, \quad b > 0,

two for each pair of conjugates and one for each real pole.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..ground.backend import Array, Complex, Real


class ModalSystem(NamedTuple):
    """The state V (s - Lambda)^{-1} B of a diagonal model.

    Attributes:
        Lambda: eigenvalues (M,) in canonical order: upper half plane, conjugates, real ones.
        V: eigenvectors (N, M), one a column.
        B: input (M,).
    """

    Lambda: Complex
    V: Complex
    B: Complex


class HalfSystem(NamedTuple):
    """A modal system by one pole of each pair, pairs before real poles.

    Attributes:
        a: real parts (n,) of the poles; 2n - M of them are real.
        omega: their frequencies (n,), 0 for a real pole.
        b: their inputs (n,), positive.
        R: eigenvectors (N, M) in real coordinates.
    """

    a: Real
    omega: Real
    b: Real
    R: Real

    @property
    def pairs(self) -> int:
        """How many poles stand for a pair."""
        return self.R.shape[-1] - len(self.a)


class Modes(NamedTuple):
    """The rows of a modal system at frequencies w (F,).

    Attributes:
        M: rows (M, F) of M(iw): s h, then -omega h, then h of real poles, s = iw - a.
        h: sqrt 2 b/q for a pair and b/q for a real pole (n, F).
        q: s^2 + omega^2 for a pair and s for a real pole (n, F).
    """

    M: Complex
    h: Complex
    q: Complex


def halve(system: ModalSystem) -> HalfSystem:
    """The system by half of its poles; phases of B go to V."""
    Lambda, V, B = system
    pairs = int(np.count_nonzero(Lambda.imag > 0))
    half = np.r_[:pairs, 2 * pairs : len(Lambda)]
    poles = Lambda[half]
    inputs = B[half]
    V = V[:, half] * np.exp(1j * np.angle(inputs))
    upper = math.sqrt(2) * V[:, :pairs]
    alone = V[:, pairs:]
    R = np.concatenate([upper.real, upper.imag, alone.real], axis=-1)
    return HalfSystem(poles.real, poles.imag, np.abs(inputs), R)


def whole(half: HalfSystem) -> ModalSystem:
    """The system with all poles, in canonical order."""
    pairs = half.pairs
    side = np.sign(half.omega[:pairs])
    re, im, alone = np.split(half.R, [pairs, 2 * pairs], axis=-1)
    v = (re + 1j * side * im) / math.sqrt(2)
    Lambda = half.a + 1j * np.abs(half.omega)
    rising = np.argsort(Lambda[:pairs].imag, kind="stable")
    real = np.argsort(half.a[pairs:], kind="stable")
    up = Lambda[rising]
    v = v[:, rising]
    alone = alone[:, real] + 0j
    place = np.concatenate([rising, rising, pairs + real])
    return ModalSystem(
        Lambda=np.concatenate([up, up.conj(), Lambda[pairs + real]]),
        V=np.concatenate([v, v.conj(), alone], axis=-1),
        B=half.b[place] + 0j,
    )


def real_matrices(half: HalfSystem) -> tuple[Real, Real, Real]:
    """A (M, M), B (M,) and C (N, M) with C (s - A)^{-1} B the state: a block for each pair.

    Example:
        >>> half = HalfSystem(-np.ones(1), 2 * np.ones(1), np.ones(1), np.eye(2))
        >>> real_matrices(half)[0]
        array([[-1.,  2.],
               [-2., -1.]])
    """
    pairs = half.pairs
    first = np.arange(pairs)
    second = first + pairs
    A = np.diag(np.concatenate([half.a[:pairs], half.a]))
    A[first, second] = half.omega[:pairs]
    A[second, first] = -half.omega[:pairs]
    B = np.concatenate([math.sqrt(2) * half.b[:pairs], np.zeros(pairs), half.b[pairs:]])
    return A, B, half.R


def real_columns(V: Complex, pairs: int) -> Real:
    """[Re v, Im v, r] (N, M), v the first of each pair, r the real eigenvectors."""
    upper = V[:, :pairs]
    alone = V[:, 2 * pairs :]
    return np.concatenate([upper.real, upper.imag, alone.real], axis=-1)


def conjugate_rows(rows: Array, pairs: int) -> Complex:
    """V^{-1} x from rows W = [Re v, Im v, r]^{-1} x (N, ...): (W_1 -+ i W_2)/2, and W_3.

    Of a real x the pairs are conjugates to the last digit, each as accurate as W.
    """
    real, imaginary, alone = np.split(rows, [pairs, 2 * pairs])
    upper = (real - 1j * imaginary) / 2
    lower = (real + 1j * imaginary) / 2
    return np.concatenate([upper, lower, alone + 0j])


def modes(half: HalfSystem, w: Real) -> Modes:
    """The rows of M(iw) at w (F,)."""
    pairs = half.pairs
    s = 1j * w - half.a[:, None]
    omega = half.omega[:pairs, None]
    q = np.concatenate([s[:pairs] ** 2 + omega**2, s[pairs:]])
    h = half.b[:, None] / q
    h[:pairs] *= math.sqrt(2)
    of_pairs = h[:pairs]
    M = np.concatenate([s[:pairs] * of_pairs, -omega * of_pairs, h[pairs:]])
    return Modes(M, h, q)


def squared_lengths(R: Real, poles: int) -> Real:
    """|v|^2 (n,) for each pair and each real column."""
    pairs = R.shape[-1] - poles
    squares = (R**2).sum(axis=0)
    real, imaginary, alone = np.split(squares, [pairs, 2 * pairs])
    return np.concatenate([(real + imaginary) / 2, alone])


def uneven_lengths(R: Real, poles: int) -> Real:
    """log |v|^2 (n,) less its mean: zero for columns of one length."""
    lengths = np.log(squared_lengths(R, poles))
    return lengths - lengths.mean()


def with_unit_columns(half: HalfSystem) -> HalfSystem:
    """The same system with columns of V of length one."""
    length = np.sqrt(squared_lengths(half.R, len(half.a)))
    columns = np.concatenate([length[: half.pairs], length])
    return half._replace(R=half.R / columns, b=half.b * length)
