"""Which states of a system lie between its inputs and its outputs."""

from __future__ import annotations

import numpy as np


def on_a_path(A: np.ndarray, B: np.ndarray, C: np.ndarray) -> np.ndarray:
    """The states on some path of nonzero entries from an input to an output.

    The others are exactly without effect, however the nonzero entries are rounded: the transfer
    function is that of the rest.

    Args:
        A: (N, N).
        B: (N, M).
        C: (P, N).

    Returns:
        Booleans (N,).

    Cost:
        O(N^2) for each step of the longest path.

    Example:
        >>> on_a_path(np.diag([-1.0, 0.0]), np.array([[1.0], [0.0]]), np.ones((1, 2)))
        array([ True, False])
    """
    driven = reached(A, np.any(B != 0, axis=1))
    return driven & reached(A.T, np.any(C != 0, axis=0))


def reached(A: np.ndarray, start: np.ndarray) -> np.ndarray:
    """The states that are not exactly zero for ever if only some states are driven.

    Args:
        A: (N, N).
        start: booleans (N,), the states that are driven.

    Returns:
        Booleans (N,).

    Example:
        >>> reached(np.array([[-1.0, 0.0], [1.0, -1.0]]), np.array([False, True]))
        array([False,  True])
    """
    coupled = A != 0
    for _ in range(len(A)):
        more = start | np.any(coupled[:, start], axis=1)
        if np.array_equal(more, start):
            break
        start = more
    return start
