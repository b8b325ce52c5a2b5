"""Work on a long axis block by block, in memory that does not grow with its length."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..ground import backend
from ..ground.backend import Array
from .last_axes import reshaped

NUMBERS = 1 << 17  # in a block: what a cache holds
LEAST = 16  # samples in a block


def fold_blocks(
    body: Callable[..., tuple[Any, Array]], state: Any, signals: tuple[Array, ...], width: int
) -> tuple[Any, Array]:
    """A recurrence over blocks of the last axis of signals: state, y <- body(state, *blocks).

    Args:
        body: from a state and a block (..., b) of each signal to the next state and (..., b).
        state: the first state: an array or a tuple of arrays, () if there is none.
        signals: arrays (..., L) of one length L >= 1.
        width: how many numbers `body` holds for each sample.

    Returns:
        The last state, and the blocks that `body` returned side by side, (..., L).

    Cost:
        About `NUMBERS` numbers at a time. A loop; under JAX compiled once. Under torch.compile all
        at once.

    Example:
        >>> import numpy as np
        >>> total = lambda before, u: (before + u.sum(), before + np.cumsum(u))
        >>> fold_blocks(total, np.zeros(()), (np.ones(20),), 1 << 17)[1][[0, -1]]
        array([ 1., 20.])
    """
    xp = backend.library(signals[0])
    length = signals[0].shape[-1]
    size = min(length, max(LEAST, NUMBERS // max(width, 1)))
    if backend.kind(signals[0]) == "torch" and backend.compiling(signals[0]):
        return body(state, *signals)  # PyTorch would compile every block, for each size of batch
    whole = length - length % size
    blocks = []
    for signal in signals:
        cut = reshaped(signal[..., :whole], 1, whole // size, size)
        blocks.append(xp.moveaxis(cut, -2, 0))
    state, y = backend.fold(body, state, tuple(blocks))
    y = reshaped(xp.moveaxis(y, 0, -2), 2, whole)
    if whole == length:
        return state, y
    state, rest = body(state, *(signal[..., whole:] for signal in signals))
    return state, xp.concat([y, rest], axis=-1)
