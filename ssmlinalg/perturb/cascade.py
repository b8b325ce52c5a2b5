r"""More modes than states: a lossless system in a row with further ones, whose states are not kept.

The first states of a row are driven by the input alone, so whatever stands behind them changes
nothing but the feedback, tau P^T x of the whole row. With Phi of the system and Psi of what
follows,

.. math::  \tilde x - \hat x = -\frac{\tau}{2}\,
           \frac{\Phi \Psi}{1 - \tau/2 + (\tau/2) \Phi \Psi}\, \hat x .
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..forms import NPLR
from ..ground.backend import Real
from ..lossless import chain

_ROUNDS = 60  # of halving; twenty are usual
_CLOSE = 1e-6  # relative width of what is left of the supremum


def driven(nplr: NPLR) -> np.ndarray:
    """Which states (N,) a copy of the system needs: those that move or are driven."""
    A = np.asarray(nplr.A)
    return A.any(axis=0) | A.any(axis=1) | nplr.P.any(axis=-1)


def cascade(nplr: NPLR, copies: int) -> NPLR:
    """The system and copies of what is driven in it, in a row: lossless on the same line.

    Each is fed by what the one before passes, u - 2 P^T x.

    Args:
        nplr: A (N, N), B (N,), P (N, R), of which A + A^T = 2 sigma I - 2 P P^T and B = P g.
        copies: how many stand in the row, the system included.

    Returns:
        The row; the first N states are those of the system.

    Example:
        >>> from ssmlinalg import hippo
        >>> cascade(hippo.legs(1), 2).A
        array([[-1.,  0.],
               [-1., -1.]])
    """
    A, B, P = nplr
    some = driven(nplr)
    one = np.asarray(A)[np.ix_(some, some)]
    rows = [np.asarray(A), *[one] * (copies - 1)]
    column = np.concatenate([P, *[P[some]] * (copies - 1)])
    ends = np.cumsum([len(row) for row in rows])
    whole = np.zeros((ends[-1], ends[-1]))
    for row, end in zip(rows, ends, strict=True):
        start = end - len(row)
        whole[start:end, start:end] = row
        whole[start:end, :start] = -2 * column[start:end] @ column[:start].T
    return NPLR(whole, np.concatenate([B, *[B[some]] * (copies - 1)]), column)


def lengthened(nplr: NPLR, sigma: float, modes: int) -> NPLR:
    """A chain and its `further` sections in a row, as one chain.

    Args:
        nplr: A (N, N), B = g P and P (N, 1) of a chain.
        sigma: its lossless axis.
        modes: the length M of the row.

    Returns:
        The row; the first N states are those of the chain.

    Example:
        >>> from ssmlinalg import hippo
        >>> lengthened(hippo.legs(1), -0.5, 2).A
        array([[-1.,  0.],
               [-1., -1.]])
    """
    p = nplr.P[:, 0]
    row = np.concatenate([p, np.sqrt(chain.further(p**2, modes))])
    A = np.diag(sigma - row**2) - 2 * np.tril(np.outer(row, row), -1)
    return NPLR(A, nplr.B[0] / p[0] * row, row[:, None])


def deviation_bound(
    passed: Callable[[Real], tuple[Real, Real]], tau: float, *, still: float, reach: float
) -> float:
    r"""A number that |t| h s/(1 - t - |t| h) does not exceed at any w, t = tau/2.

    h = |Phi Psi| rises with w and s = |x^| falls, each a product or sum of fractions of w^2. So
    between two frequencies the h of the upper and the s of the lower one give a bound, and the
    largest are halved until it is met.

    Args:
        passed: w > 0 (F,) to h and s (F,).
        tau: the size of the perturbation, negative or below 1.
        still: a number that s does not exceed.
        reach: a frequency of the order of the largest eigenvalue.

    Returns:
        The bound, at most 1e-6 above the supremum.

    Accuracy:
        Relative rounding of h and s is not enclosed; the caller allows for it.

    Example:
        >>> legs = lambda w: (w / np.hypot(w, 8), 8 / np.hypot(w, 8))  # order 8
        >>> round(deviation_bound(legs, 0.2, still=1.0, reach=20.0), 6)
        0.060346
    """
    t = abs(tau) / 2
    room = 1 - tau / 2

    def bounds(edges: Real) -> tuple[Real, Real]:
        """Between (C, 2) frequencies: a bound, and a value that is attained."""
        h, s = passed(edges.ravel())
        h = h.reshape(-1, 2)
        s = s.reshape(-1, 2)
        values = t * h[:, 1] / (room - t * h[:, 1])
        return values * s[:, 0], values * s[:, 1]

    grid = np.geomspace(1e-9, 1e9, 256) * reach
    cells = np.stack([grid[:-1], grid[1:]], axis=-1)
    h, s = passed(grid[[0, -1]])
    before = t * float(h[0]) / (room - t * float(h[0])) * still
    beyond = t / (room - t) * float(s[1])  # h is at most 1
    upper, lower = bounds(cells)
    best = float(lower.max())
    for _ in range(_ROUNDS):
        open_ = upper > best * (1 + _CLOSE)
        if not open_.any():
            break
        low, high = cells[open_].T
        middle = (low + high) / 2
        cells = np.concatenate([np.stack([low, middle], -1), np.stack([middle, high], -1)])
        upper, lower = bounds(cells)
        best = max(best, float(lower.max()))
    return max(before, beyond, float(upper.max()), best * (1 + _CLOSE))


def nearest_counts(system: NPLR, modes: int) -> tuple[int, int]:
    """The numbers of modes below and above that whole copies of the system have.

    Example:
        >>> from ssmlinalg import hippo
        >>> nearest_counts(hippo.fout(8), 20)  # 7 of its states are driven
        (15, 22)
    """
    order = len(system.P)
    one = int(np.count_nonzero(driven(system)))
    copies = (modes - order) // one
    return order + copies * one, order + (copies + 1) * one
