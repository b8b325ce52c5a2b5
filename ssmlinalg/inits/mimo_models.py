"""S5 and LRU: models with several inputs and outputs that share their modes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .. import decompose, hippo
from ..forms import MIMO, MIMORecurrence
from ..ground import require
from ..ground.backend import Array, Complex
from .hippo_models import perturbed, refuse_growth
from .memory_door import in_memory
from .random_parameters import (
    STEP,
    Step,
    complex_normal,
    log_uniform,
    refuse_edge,
    stream,
    truncated_normal,
    width_of,
)


@in_memory
def lru_init(
    order: int,
    *,
    channels: int | None = None,
    r_min: float = 0.0,
    r_max: float = 1.0,
    max_phase: float = 2 * math.pi,
    seed: int = 0,
) -> MIMORecurrence:
    r"""LRU: modes drawn from a ring in the unit disc, with inputs normalized by what they keep.

    .. math::  |A_n|^2 \sim U(r_\text{min}^2, r_\text{max}^2), \quad
               \arg A_n \sim U(0, \text{max\_phase}), \qquad
               B = \sqrt{1 - |A|^2}\; b .

    Born discrete, hence no step. Published as y = Re(C x): C is stored halved.

    Args:
        order: number N of modes.
        channels: M, the width; None is 1.
        r_min: smallest radius.
        r_max: largest radius, at most 1.
        max_phase: largest phase, in radians a sample.
        seed: of all that is drawn.

    Returns:
        A `MIMORecurrence`. b (N, M) is complex normal of variance 1/M, C (M, N) of variance 2/N, D
        standard normal on the diagonal.

    Raises:
        TypeError: for numbers of the wrong type.
        ValueError: unless 0 <= r_min <= r_max <= 1, for modes on the unit circle, and for other
            numbers out of range.

    Source:
        Orvieto et al. 2023 (LRU), Section 3.

    Example:
        >>> lru_init(8, channels=2).C.shape
        (2, 8)
    """
    order = require.integer("order", order)
    width = width_of(channels)
    r_min = require.real("r_min", r_min)
    r_max = require.real("r_max", r_max)
    max_phase = require.real("max_phase", max_phase, above=0)
    if not 0 <= r_min <= r_max <= 1:
        rule = "radii must satisfy 0 <= r_min <= r_max <= 1"
        got = f"{r_min:g} and {r_max:g}"
        raise ValueError(f"{rule}; got {got}. Give for example 0.9 and 0.999.")
    rng = np.random.default_rng(require.integer("seed", seed, least=0))
    square = r_min**2 + rng.uniform(size=order) * (r_max**2 - r_min**2)
    A = np.sqrt(square) * np.exp(1j * max_phase * rng.uniform(size=order))
    refuse_edge(A, "Lower `r_min`.")
    b = complex_normal(rng, (order, width)) / math.sqrt(width)
    C = complex_normal(rng, (width, order)) * math.sqrt(2 / order)
    D = np.diag(rng.standard_normal(width))
    return MIMORecurrence(A, b * np.sqrt(1 - square)[:, None], C / 2, D)


@in_memory
def s5_init(
    order: int,
    *,
    channels: int | None = None,
    blocks: int = 1,
    step: Step = STEP,
    seed: int = 0,
) -> MIMO:
    r"""S5: copies of S4D-LegS side by side, between several inputs and outputs.

    .. math::  A_\text{block} = \Lambda \text{ of } A_\text{legs} + \tfrac12 B B^T, \qquad
               B_\text{block} = V^H b, \qquad C_\text{block} = c V .

    Args:
        order: order N of the state.
        channels: M, the number of inputs and of outputs; None is 1.
        blocks: copies of one spectrum of order N/blocks, side by side.
        step: a number, or the interval (low, high) of the steps.
        seed: of all that is drawn.

    Returns:
        A `MIMO` form of n = N/2 modes, each with a step of its own, log-uniform. b is a truncated
        normal of variance 1/N, c complex of variance 1/N in each part, D standard normal on the
        diagonal.

    Raises:
        TypeError: for numbers of the wrong type.
        ValueError: unless `blocks` divides `order`, and for numbers out of range.

    Source:
        Smith, Warrington & Linderman 2023 (S5), Section 3.3 and Appendix B.1.

    Example:
        >>> s5_init(8, channels=3, blocks=2).B.shape
        (4, 3)
    """
    basis = decompose.eigenbasis(hippo.legs(_block_size(order, blocks)))
    adjoint = basis.V.conj().T
    block = _Basis(len(adjoint), basis.Lambda, lambda c: c @ basis.V, lambda b: adjoint @ b)
    return _s5(block, blocks, channels, step, seed)


@in_memory
def s5_ptd_init(
    order: int,
    *,
    perturbation: str = "lossless",
    conditioning: float | None = None,
    tau: float | None = None,
    size: float | None = None,
    modes: int | None = None,
    channels: int | None = None,
    blocks: int = 1,
    step: Step = STEP,
    seed: int = 0,
    unstable: bool = False,
) -> MIMO:
    r"""S5-PTD: S5 in the eigenbasis of perturbed HiPPO-LegS instead of its normal part.

    .. math::  A_\text{legs} + E = V \Lambda V^{-1}, \qquad
               A_\text{block} = \Lambda, \quad B_\text{block} = V^{-1} b, \quad
               C_\text{block} = c V .

    B is random, so no input is scaled: the bound on the transfer error is that of `ptd_init` only.
    With `modes` more modes than states, V^{-1} is the right inverse that belongs to the dynamics: V
    exp(Lambda t) V^{-1} is near exp(A t).
    b and c are drawn in the coordinates of HiPPO up to 4096 modes of a block, beyond in the real
    eigenbasis of its normal part, see `ptd_init`.

    Args:
        order: order N of the state.
        perturbation: an entry of `perturb.PERTURBATIONS`.
        conditioning: budget for kappa_2(V), of perturbations that are sized so.
        tau: size of a lossless perturbation.
        size: |E|/|A|, of perturbations that are sized so.
        modes: number of modes of all blocks, of perturbations that take it; N if it is not given.
        channels: M, the number of inputs and of outputs; None is 1.
        blocks: copies of one spectrum of order N/blocks, side by side.
        step: a number, or the interval (low, high) of the steps.
        seed: of all that is drawn.
        unstable: whether modes that grow are taken.

    Returns:
        A `MIMO` form, drawn as in `s5_init`, with conjugate pairs kept.

    Raises:
        TypeError: for numbers of the wrong type.
        ValueError: unless `blocks` divides `order` and `modes`, for unknown names, a size that the
            perturbation is not measured in, a complex perturbation, and one that is not stable;
            what the perturbation raises.

    Source:
        Yu et al. 2024 (PTD, arXiv 2310.01698), Section 5.

    Example:
        >>> s5_ptd_init(8, channels=3).A.shape
        (4,)
    """
    one = _block_size(order, blocks)
    found = perturbed(
        one,
        perturbation=perturbation,
        conditioning=conditioning,
        tau=tau,
        size=size,
        modes=None if modes is None else _block_size(modes, blocks, "modes"),
    )
    if np.iscomplexobj(found.E):
        rule = "`perturbation` must be real, for only then modes come in pairs"
        raise ValueError(f"{rule}; got {perturbation!r}. Take gaussian.")
    if not require.switch("unstable", unstable):
        refuse_growth(found)
    block = _Basis(one, found.Lambda, found.readout, found.drive)
    return _s5(block, blocks, channels, step, seed)


def _block_size(order: int, blocks: int, name: str = "order") -> int:
    order = require.integer(name, order)
    blocks = require.integer("blocks", blocks)
    if order % blocks:
        rule = f"`blocks` must divide `{name}`"
        raise ValueError(f"{rule}; got {blocks} blocks for {name} {order}. Change one of them.")
    return order // blocks


class _Basis(NamedTuple):
    """The eigenbasis of one block.

    Attributes:
        order: states of the block, N of each b and c.
        Lambda: eigenvalues (n,), N or more.
        readout: from rows c (..., N) to c V.
        drive: from columns b (N, M) to V^{-1} b.
    """

    order: int
    Lambda: Complex
    readout: Callable[[Array], Array]
    drive: Callable[[Array], Array]


def _s5(block: _Basis, blocks: int, channels: int | None, step: Step, seed: int) -> MIMO:
    """The upper half of each block's modes by rising frequency, a real mode with its B halved."""
    width = width_of(channels)
    rng = np.random.default_rng(require.integer("seed", seed, least=0))
    size = block.order
    scale = math.sqrt(size * blocks)
    kept = np.flatnonzero(block.Lambda.imag >= 0)
    # The order of `pair`.
    kept = kept[np.lexsort((block.Lambda.real[kept], block.Lambda.imag[kept]))]
    Lambda = block.Lambda[kept]
    weight = np.where(Lambda.imag == 0, 0.5, 1.0)[:, None]
    b = truncated_normal(rng, (blocks, size, width)) / scale
    real = truncated_normal(rng, (width, blocks, size))
    c = (real + 1j * truncated_normal(rng, (width, blocks, size))) / scale
    n = blocks * len(kept)
    B = np.concatenate([weight * block.drive(one)[kept] for one in b])
    C = block.readout(c.real)[..., kept] + 1j * block.readout(c.imag)[..., kept]
    return MIMO(
        A=np.tile(Lambda, blocks),
        B=B,
        C=C.reshape(width, n),
        D=np.diag(rng.standard_normal(width)),
        step=log_uniform(stream(seed, 0), step, (n,)),
    )
