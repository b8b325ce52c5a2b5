"""Mamba-2 and RG-LRU: gated recurrences, at a constant input."""

from __future__ import annotations

import numpy as np

from ..forms import Paired, Recurrence
from ..ground import require
from .memory_door import in_memory
from .random_parameters import STEP, Step, draw, stream
from .s4d_models import LEAST_MAMBA_STEP

_RATES = (1.0, 16.0)  # of Mamba-2, `A_init_range`
_RADII = (0.9, 0.999)  # of RG-LRU, at an open gate
_GATE = 0.5  # the sigmoid of 0


@in_memory
def mamba2_init(
    order: int = 1,
    *,
    channels: int | None = None,
    step: Step = STEP,
    seed: int = 0,
) -> Paired:
    r"""Mamba-2: one decay for each head, shared by the N entries of its state.

    .. math::  A_{h,n} = -a_h, \quad a_h \sim U[1, 16], \qquad B_n = D = 1, \quad C_n = 1/N .

    B and C depend on the input in Mamba-2; here their inner product is 1 (B stored as 1/2). Sample
    with rule="mamba".

    Args:
        order: order N of the state; its entries are equal, so 1 is enough.
        channels: H, the heads, a leading axis of every field; None gives none.
        step: a number, or the interval (low, high) of the steps.
        seed: of A and the steps.

    Returns:
        A `Paired` form. A has a stream of its own, the steps are log-uniform and at least 1e-4.

    Raises:
        TypeError: for numbers of the wrong type.
        ValueError: for numbers out of range.

    Source:
        Dao & Gu 2024 (Mamba-2, arXiv 2405.21060); state-spaces/mamba, modules/mamba2.py.

    Example:
        >>> A = mamba2_init(channels=24).A
        >>> A.shape, bool(np.all((A.real <= -1) & (A.real >= -16)))
        ((24, 1), True)
    """
    order = require.integer("order", order)
    drawn = draw(channels, step, seed)
    low, high = _RATES
    rate = low + (high - low) * stream(seed, 1).uniform(size=(*drawn.shape, 1))
    A = np.repeat(-rate, order, axis=-1) + 0j
    one = np.ones_like(A)
    steps = np.maximum(drawn.steps, LEAST_MAMBA_STEP)
    return Paired(A, one / 2, one / order, np.ones(drawn.shape), steps)


@in_memory
def rg_lru_init(
    order: int = 1,
    *,
    channels: int | None = None,
    seed: int = 0,
) -> Recurrence:
    r"""RG-LRU (Griffin): a real mode for each channel, with the gates that a zero input opens.

    .. math::  x_l = a^{c r} x_{l-1} + \sqrt{1 - a^{2 c r}}\; i\, u_l, \qquad
               a^c \sim U[0.9, 0.999], \quad r = i = \sigma(0) = \tfrac{1}{2} .

    The gates r and i depend on the input; this is the layer linearized at rest. The published code
    draws a^2 uniformly instead, and a^c is a^8: see the target "griffin".

    Args:
        order: number N of equal modes of each channel; 1 is the published layer.
        channels: H, a leading axis of every field; None gives none.
        seed: of A.

    Returns:
        A `Recurrence` with real modes and C = 1/N.

    Raises:
        TypeError: for numbers of the wrong type.
        ValueError: for numbers out of range.

    Source:
        De et al. 2024 (Griffin, arXiv 2402.19427), Section 2.4.

    Example:
        >>> A = rg_lru_init(channels=100).A.real
        >>> bool(np.all((A**2 >= 0.9) & (A**2 <= 0.999)))
        True
    """
    order = require.integer("order", order)
    drawn = draw(channels, 1.0, seed)
    low, high = _RADII
    opened = low + (high - low) * drawn.rng.uniform(size=(*drawn.shape, 1))
    A = np.repeat(opened**_GATE, order, axis=-1) + 0j
    B = np.repeat(_GATE * np.sqrt(1 - opened), order, axis=-1) + 0j
    return Recurrence(A, B, np.full_like(A, 1 / order), np.zeros(drawn.shape))
