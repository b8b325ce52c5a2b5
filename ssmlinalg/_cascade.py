r"""Chains of first-order all-pass filters: what a lower triangular lossless matrix is, in closed form.

If A is lower triangular and A + A^T = 2 sigma I - 2 P P^T with one column P, then with a_n = P_n^2 and z = s - sigma

.. math::  \Phi(z) = 1 - 2 P^T (s - A)^{-1} P = \prod_n \frac{z - a_n}{z + a_n}, \qquad
           \left[(s - A)^{-1} P\right]_n = \frac{P_n}{z + a_n} \prod_{m<n} \frac{z - a_m}{z + a_m},

and the eigenvalues sigma + z of A + tau P P^T are the solutions of Phi(z) = -c, c = 2/tau - 1, with the states at z for
eigenvectors. `legs`, `lagt` and `tlagt` are such matrices.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from ._array import Complex, Real

_EPS = float(np.finfo(np.float64).eps)


def frequencies(a: Real) -> Real:
    r"""The solutions z = i w of Phi(z) = -1 (c = 1, the normal part) with w > 0, rising: n of them for 2n or 2n + 1 sections.

    On the imaginary axis |Phi| = 1, and its phase says sum_n atan(w/a_n) = (N + 1) pi/2 - m pi: one monotone equation a root.
    The angle is summed from whichever end of the range is nearer, so the smallest w and the largest have the same relative
    accuracy, a few eps. Cost O(N^2).
    """
    m = np.arange(len(a) // 2, 0, -1)  # so that w rises
    below = (len(a) + 1) * math.pi / 2 - m * math.pi  # sum of atan(w/a)
    above = (m - 0.5) * math.pi  # sum of atan(a/w)
    if len(m) == 0:
        return np.zeros(0)
    # The largest root is below sum(a), the smallest above min(a)/(2N): a grid in log w between, then Newton.
    grid = np.geomspace(a.min() / (4 * len(a)), 2 * a.sum(), 32 + 4 * int(math.log2(len(a)) + 1) ** 2)
    angle = np.sum(np.arctan2(a, grid[:, None]), axis=-1)
    w = np.exp(np.interp(above, angle[::-1], np.log(grid[::-1])))
    low = (below < above)[:, None]
    for _ in range(50):
        column = w[:, None]
        angle = np.arctan2(np.where(low, column, a), np.where(low, a, column)).sum(axis=-1)
        slope = np.sum(a * column / (a**2 + column**2), axis=-1)  # d angle / d log w, up to its sign
        step = np.where(low[:, 0], below - angle, angle - above) / slope
        w = w * np.exp(step)
        if np.abs(step).max() <= 1e-8:  # Newton's steps square: the next one would be rounding
            break
    return w


def roots(a: Real, c: float) -> Complex | None:
    """The solutions of Phi(z) = -c, c >= 1: upper half plane by rising frequency, their conjugates, and at odd N a real one.

    By Newton's method from c = 1 along log c. None where two conjugate roots may have met on the real axis, which they do for
    large c only: then N distinct roots are not found, and an eigensolver must look. Accuracy a few eps relative. Cost O(N^2).
    """
    pairs = len(a) // 2
    z = np.concatenate([1j * frequencies(a), np.zeros(len(a) % 2)]).astype(np.complex128)
    path = np.linspace(0, math.log(c), max(1, math.ceil(4 * math.log(c))) + 1)
    with np.errstate(all="ignore"):  # roots that met throw each other anywhere; that is seen at the end
        for here, goal in pairwise(path):
            z = z + (goal - here) / _slope(a, z)
            for _ in range(2):
                z = z - _excess(a, z, goal) / _slope(a, z)
        for _ in range(20):
            step = _excess(a, z, path[-1]) / _slope(a, z)
            z = z - step
            z[pairs:] = z[pairs:].real
            if np.all(np.abs(step) <= 4 * _EPS * np.abs(z)):
                break
        rest = np.abs(_excess(a, z, path[-1]))
    upper = z[:pairs]
    solved = np.all(rest <= 64 * len(a) * _EPS)
    apart = np.all(upper.imag > 1e-6 * np.abs(upper)) and np.all(np.diff(upper.imag) > 1e-9 * upper.imag[1:])
    return np.concatenate([upper, upper.conj(), z[pairs:]]) if solved and apart else None


def states(P: Real, z: np.ndarray) -> Complex:
    """(s - A)^{-1} P at s - sigma = z (S,), as (N, S). For (s - A^T)^{-1} P turn P and the result upside down."""
    a = P[:, None] ** 2
    factor = (z - a) / (z + a)
    product = np.cumprod(np.concatenate([np.ones((1, len(z))), factor[:-1]]), axis=0)
    return (P[:, None] / (z + a) * product).astype(np.complex128)


def _slope(a: Real, z: Complex) -> Complex:
    """d log Phi / dz."""
    return np.sum(2 * a / (z[:, None] ** 2 - a**2), axis=-1)


def _excess(a: Real, z: Complex, log_c: float) -> Complex:
    """log(Phi(z)/(-c)), near a root small, so that the branch of the logarithm is no question."""
    return np.log(-np.prod((z[:, None] - a) / (z[:, None] + a), axis=-1) * math.exp(-log_c))
