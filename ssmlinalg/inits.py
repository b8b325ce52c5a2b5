r"""The named initializations: with which A, B, C and step each published model starts.

Every function takes (order, *, channels=None, step=(low, high), seed=0) and returns a form on the
host in float64:

- `order` N is the order of the state; a half spectrum stores N/2 modes, (N+1)/2 at odd orders, where one mode is real.
  Real and one-sided spectra (s4d-real, mamba, dss, dlr, lru) store N.
- `channels` H gives every field a leading axis H; None gives none. Models with several inputs take it for their width.
- `step` is a number or an interval from which each channel draws log-uniformly, in the time of the measure.
- D is zero where the published layer adds a skip connection of its own.

C has E|C|^2 = 1, in the coordinates it is drawn in, unless said. `INITS` at the foot lists them
all. What reference code does against its paper is available under a name of its own
(`s4d_legs_clipped_init`), never by default.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from . import decompose, hippo, perturb
from .forms import (
    DPLR,
    MIMO,
    NPLR,
    Continuous,
    Diagonal,
    Discrete,
    MIMORecurrence,
    Paired,
    Recurrence,
    pair,
)
from .ground import require
from .ground.backend import Complex

Step = float | tuple[float, float]
STEP = (1e-3, 1e-1)


def ptd_init(
    order: int,
    *,
    measure: str = "legs",
    perturbation: str = "lossless",
    conditioning: float | None = None,
    tau: float | None = None,
    size: float | None = None,
    channels: int | None = None,
    step: Step = STEP,
    seed: int = 0,
) -> Paired:
    r"""S4-PTD: HiPPO perturbed, then diagonalized, A + E = V diag(Lambda) V^{-1}, by default with
    kappa(V) at most 8.

    .. math::  A = \Lambda, \qquad B = V^{-1} \tilde B, \qquad C = c V, \quad c \sim \mathcal N(0, I_N),

    so c reads the HiPPO state and the output errs by at most |c| times the transfer error of
    `perturb`. `perturbation` names an entry of `perturb.PERTURBATIONS`; each is sized by one of
    `conditioning`, `tau` and `size`, as its own page says. Closed under conjugation, the same for
    every seed but C and step. Cost O(N^3); with "lossless" O(N^2) for each channel.

    Sources: Yu et al. 2024 (PTD, arXiv 2310.01698) for the method; `perturb` for the perturbations.

    >>> model = ptd_init(64, channels=4)
    >>> model.A.shape, bool(np.all(model.A.real < -0.5))
    ((4, 32), True)
    """
    found = perturbed(
        order,
        measure=measure,
        perturbation=perturbation,
        conditioning=conditioning,
        tau=tau,
        size=size,
    )
    return reading(found, channels=channels, step=step, seed=seed)


def perturbed(
    order: int,
    *,
    measure: str = "legs",
    perturbation: str = "lossless",
    conditioning: float | None = None,
    tau: float | None = None,
    size: float | None = None,
    progress: Callable[..., object] | None = None,
) -> perturb.Diagonalization:
    """The diagonalization that `ptd_init` reads, with the figures that certify it.

    `progress` is called as the perturbation says, if it takes long. Raises ValueError for unknown
    names and for a size that the perturbation is not measured in.

    >>> perturbed(8, perturbation="gaussian", size=0.1).method
    'gaussian'
    """
    takes = perturb.sized_by(perturbation)
    sizes = {"conditioning": conditioning, "tau": tau, "size": size}
    sizes = {name: value for name, value in sizes.items() if value is not None}
    for name in sizes:
        if name not in takes:
            rule = f"a {perturbation} perturbation is sized by {' or '.join(takes)}"
            raise ValueError(f"{rule}; got {name}. Leave it out, or take another.")
    method = perturb.PERTURBATIONS[perturbation]
    told = {"progress": progress} if "progress" in inspect.signature(method).parameters else {}
    return method(_nplr(measure, order), **sizes, **told)


def reading(
    found: perturb.Diagonalization, *, channels: int | None = None, step: Step = STEP, seed: int = 0
) -> Paired:
    """The model that reads the state of `found` with normal rows c, in the coordinates of A.

    >>> reading(perturbed(8), channels=3).C.shape
    (3, 4)
    """
    rng, shape, steps = _draw(channels, step, seed)
    return found.paired(rng.standard_normal((*shape, len(found.Lambda))), steps)


def s4d_lin_init(
    order: int, *, channels: int | None = None, step: Step = STEP, seed: int = 0
) -> Paired:
    r"""S4D-Lin: A_n = -1/2 + i pi n, B = 1.

    At even orders the pair n = 0 is a double real pole, as published; at odd orders it is a single
    one. Source: Gu et al. 2022 (S4D), equation 9.

    >>> s4d_lin_init(8).A
    array([-0.5+0.j        , -0.5+3.14159265j, -0.5+6.28318531j, -0.5+9.42477796j])
    """
    order = require.integer("order", order)
    return _frequencies(math.pi * (np.arange(order // 2) + order % 2), order, channels, step, seed)


def s4d_inv_init(
    order: int, *, channels: int | None = None, step: Step = STEP, seed: int = 0
) -> Paired:
    r"""S4D-Inv: A_n = -1/2 + i (N/pi) (N/(2n+1) - 1), B = 1: the spectrum of S4D-LegS by its
    asymptotic law.

    Source: Gu et al. 2022 (S4D), equation 8.

    >>> s4d_inv_init(4).A.imag.round(6)
    array([3.819719, 0.424413])
    """
    order = require.integer("order", order)
    n = np.arange(order // 2)
    return _frequencies(order / math.pi * (order / (2 * n + 1) - 1), order, channels, step, seed)


def s4d_inv2_init(
    order: int, *, channels: int | None = None, step: Step = STEP, seed: int = 0
) -> Paired:
    """S4D-Inv2: A_n = -1/2 + i (N/pi) (N/(n+1) - 1), B = 1. Source: state-spaces/s4, dplr.py.

    >>> s4d_inv2_init(4).A.imag.round(6)
    array([3.819719, 1.27324 ])
    """
    order = require.integer("order", order)
    n = np.arange(order // 2)
    return _frequencies(order / math.pi * (order / (n + 1) - 1), order, channels, step, seed)


def s4d_quad_init(
    order: int, *, channels: int | None = None, step: Step = STEP, seed: int = 0
) -> Paired:
    """S4D-Quad: A_n = -1/2 + i (2n+1)^2/pi, B = 1. Source: Gu et al. 2022 (S4D), Section 5.

    >>> s4d_quad_init(4).A.imag.round(6)
    array([0.31831 , 2.864789])
    """
    order = require.integer("order", order)
    return _frequencies((2 * np.arange(order // 2) + 1) ** 2 / math.pi, order, channels, step, seed)


def s4d_rand_init(
    order: int, *, channels: int | None = None, step: Step = STEP, seed: int = 0
) -> Paired:
    """S4D-Rand: A_n = -1/2 + i e^g with g normal, B = 1. Source: Gu et al. 2022 (S4D), Section 5.

    >>> bool(np.all(s4d_rand_init(8).A.imag > 0))
    True
    """
    order = require.integer("order", order)
    # A stream of its own keeps C and step those of the other initializations with this seed.
    seed = require.integer("seed", seed, least=0)
    frequency = np.exp(np.random.default_rng([seed, 1]).standard_normal(order // 2))
    return _frequencies(frequency, order, channels, step, seed)


def s4d_real_init(
    order: int, *, channels: int | None = None, step: Step = STEP, seed: int = 0
) -> Paired:
    """S4D-Real: A_n = -(n + 1), B = 1 (stored as 1/2 in a half spectrum), for n = 0 .. N-1.

    Sources: Gu et al. 2022 (S4D), Section 5; Gu & Dao 2023 (Mamba), Section 3.6.

    >>> s4d_real_init(4).A.real
    array([-1., -2., -3., -4.])
    """
    order = require.integer("order", order)
    return _modes(-(np.arange(order) + 1.0) + 0j, np.full(order, 0.5), channels, step, seed)


def s4d_legs_init(
    order: int, *, channels: int | None = None, step: Step = STEP, seed: int = 0
) -> Paired:
    r"""S4D-LegS: A the spectrum of the normal part of HiPPO-LegS, B = V^H b/2, positive in our
    choice of phases.

    The system is (A + B B^T/2, B/2), whose kernel tends to that of LegS weakly, but not uniformly
    over frequencies. Source: Gu et al. 2022 (S4D), Theorem 3.

    >>> s4d_legs_init(4).A.round(4)
    array([-0.5+0.5565j, -0.5+4.6033j])
    """
    normal = decompose.diagonalize(hippo.legs(order))
    return _upper(normal.Lambda, normal.B / 2, channels, step, seed)


def s4d_legs_clipped_init(
    order: int, *, channels: int | None = None, step: Step = STEP, seed: int = 0
) -> Paired:
    """S4D-LegS as state-spaces/s4 ships it: B = V^H b not halved, each eigenvector with a real
    first entry, Im B cut to +-2.

    The cut changes B by 91 % at N = 64: this is not HiPPO-LegS, and is here to reproduce published
    runs. Source: state-spaces/s4, hippo.py (B_clip) and dplr.py.

    >>> bool(np.abs(s4d_legs_clipped_init(64).B.imag).max() == 2)
    True
    """
    Lambda, V, _, _ = decompose.eigenbasis(hippo.legs(order))
    V = V * np.exp(-1j * np.angle(V[0]))
    B = V.conj().T @ hippo.legs(order).B
    clipped = B.real + 1j * np.clip(B.imag, -2, 2)
    return _upper(Lambda, clipped, channels, step, seed)


def s4d_dfout_init(
    order: int, *, channels: int | None = None, step: Step = STEP, seed: int = 0
) -> Paired:
    r"""S4D-DFouT: poles on the discrete Fourier grid, A_n = -1/2 + 2 pi i n/(N step), B = 1.

    After sampling, the angles 2 pi n/N divide the circle evenly up to Nyquist whatever the step, so
    A differs by channel. Source: the construction described in Solozabal et al. 2025 (arXiv
    2508.20441); damping as in S4D.

    >>> model = s4d_dfout_init(8, step=0.1)
    >>> (model.A.imag * model.step / np.pi).round(6)
    array([0.  , 0.25, 0.5 , 0.75])
    """
    order = require.integer("order", order)
    plain = _frequencies(
        2 * math.pi / order * (np.arange(order // 2) + order % 2), order, channels, step, seed
    )
    return plain._replace(A=plain.A.real + 1j * plain.A.imag / plain.step[..., None])


def s4_init(
    order: int,
    *,
    measure: str = "legs",
    channels: int | None = None,
    step: Step = STEP,
    seed: int = 0,
) -> DPLR:
    r"""S4: HiPPO as diagonal plus low rank, A = V (Lambda - P P^H) V^H, B = V^H b, C = c V with c
    normal.

    `measure` names any one with a low-rank correction; the published ones are legs, legt and fout.
    Sources: Gu, Goel & Re 2022 (S4), Theorem 1; Gu et al. 2023 (HTTYH) for legt and fout.

    >>> s4_init(4, measure="legt").P.shape
    (4, 2)
    """
    rng, shape, steps = _draw(channels, step, seed)
    nplr = _nplr(measure, order)
    basis = decompose.eigenbasis(nplr)
    adjoint = basis.V.conj().T
    C = rng.standard_normal((*shape, order)) @ basis.V
    form = DPLR(basis.Lambda, adjoint @ nplr.P, adjoint @ nplr.B, C, np.zeros(shape), steps)
    return form._replace(
        **{name: _repeat(getattr(form, name), shape) for name in ("Lambda", "P", "B")}
    )


def dss_init(
    order: int, *, channels: int | None = None, step: Step = STEP, seed: int = 0
) -> Paired:
    r"""DSS (exp): N modes in the upper half plane, the spectrum of HiPPO-LegS of order 2N,
    one-sided.

    Published without the factor 2, hence B = 1/2 here; E|W|^2 = 2. Zero-order hold gives the kernel
    of DSS-exp, K_l = Re sum W (e^{step A} - 1)/A e^{l step A}. Source: Gupta, Gu & Berant 2022
    (DSS), Proposition 1 and Section 3.

    >>> dss_init(2).A.round(4)
    array([-0.5+0.5565j, -0.5+4.6033j])
    """
    order = require.integer("order", order)
    Lambda = decompose.diagonalize(hippo.legs(2 * order)).Lambda[:order]
    form = _modes(Lambda, np.full(order, 0.5), channels, step, seed)
    return form._replace(C=math.sqrt(2) * form.C)


def dss_softmax_init(
    order: int, *, length: int = 1024, channels: int | None = None, step: Step = STEP, seed: int = 0
) -> Recurrence:
    r"""DSS (softmax): the modes of `dss_init`, each normalized over the `length` samples it was
    published to depend on.

    .. math::  K_l = \mathrm{Re} \sum_n \frac{W_n}{A_n}\, \frac{e^{l \Delta A_n}}{\sum_{r < L} e^{r \Delta A_n}},
               \qquad \sum_{r<L} e^{r z} = \frac{e^{Lz} - 1}{e^z - 1} .

    Source: Gupta, Gu & Berant 2022 (DSS), Proposition 1(b).

    >>> dss_softmax_init(4, length=16).A.shape
    (4,)
    """
    length = require.integer("length", length)
    A, B, W, D, steps = dss_init(order, channels=channels, step=step, seed=seed)
    z = steps[..., None] * A
    # expm1 of complex numbers is in NumPy, and exact near z = 0, where the plain quotient loses
    # every digit.
    return Recurrence(np.exp(z), 2 * B * np.expm1(z) / np.expm1(length * z), W / A, D)


def dlr_init(
    order: int, *, channels: int | None = None, step: Step = (1e-4, 1e-1), seed: int = 0
) -> Recurrence:
    r"""DLR: a ring just inside the unit circle, A_n = exp(-d_n/2 + 2 pi i n/N) with d_n log-uniform
    in `step`, B = 1.

    Born discrete: `step` only draws the decay. C is complex normal over N; A is shared by all
    channels. Source: Gupta, Mehta & Berant 2022 (arXiv 2212.00768), Section 3 and Appendix.

    >>> bool(np.all(np.abs(dlr_init(16).A) < 1))
    True
    """
    order = require.integer("order", order)
    rng, shape, _ = _draw(channels, step, seed)
    decay = _log_uniform(rng, step, (order,))
    A = np.exp(-decay / 2 + 2j * math.pi * np.arange(order) / order)
    C = (rng.standard_normal((*shape, order)) + 1j * rng.standard_normal((*shape, order))) / order
    return Recurrence(A, np.ones(order) + 0j, C, np.zeros(shape))


def lru_init(
    order: int,
    *,
    channels: int | None = None,
    r_min: float = 0.0,
    r_max: float = 1.0,
    max_phase: float = 2 * math.pi,
    seed: int = 0,
) -> MIMORecurrence:
    r"""LRU: |A_n|^2 uniform in [r_min^2, r_max^2], phase uniform in [0, max_phase], B normalized by
    sqrt(1 - |A|^2).

    `channels` M is the width (1 if None): B (N, M) of variance 1/M, C (M, N) of variance 2/N, D
    standard normal diagonal. Born discrete, hence no step. Published as y = Re(C x): C is stored
    halved. Source: Orvieto et al. 2023 (LRU), Section 3.

    >>> lru_init(8, channels=2).C.shape
    (2, 8)
    """
    order = require.integer("order", order)
    width = 1 if channels is None else require.integer("channels", channels)
    r_min, r_max = require.real("r_min", r_min), require.real("r_max", r_max)
    max_phase = require.real("max_phase", max_phase, above=0)
    if not 0 <= r_min <= r_max <= 1:
        got = f"{r_min:g} and {r_max:g}"
        raise ValueError(
            f"radii must satisfy 0 <= r_min <= r_max <= 1; got {got}. Give for example 0.9 and 0.999."
        )
    rng = np.random.default_rng(require.integer("seed", seed, least=0))
    square = r_min**2 + rng.uniform(size=order) * (r_max**2 - r_min**2)
    A = np.sqrt(square) * np.exp(1j * max_phase * rng.uniform(size=order))
    B = _complex_normal(rng, (order, width)) / math.sqrt(width) * np.sqrt(1 - square)[:, None]
    C = _complex_normal(rng, (width, order)) * math.sqrt(2 / order)
    return MIMORecurrence(A, B, C / 2, np.diag(rng.standard_normal(width)))


def s5_init(
    order: int, *, channels: int | None = None, blocks: int = 1, step: Step = STEP, seed: int = 0
) -> MIMO:
    """S5: `blocks` copies of S4D-LegS side by side, between `channels` inputs and as many outputs
    (1 if None).

    A (n,) is the half spectrum of HiPPO-LegS of order N/blocks, repeated; B = V^H b with b
    truncated normal of variance 1/N, C = c V with c complex of variance 1/N in each part, D
    standard normal on the diagonal, one step for each mode. Raises ValueError unless `blocks`
    divides `order`. Source: Smith, Warrington & Linderman 2023 (S5), Section 3.3 and Appendix B.1.

    >>> s5_init(8, channels=3, blocks=2).B.shape
    (4, 3)
    """
    size = _block_size(order, blocks)
    basis = decompose.eigenbasis(hippo.legs(size))
    return _s5(basis.Lambda, basis.V, basis.V.conj().T, blocks, channels, step, seed)


def s5_ptd_init(
    order: int,
    *,
    perturbation: str = "lossless",
    conditioning: float | None = None,
    tau: float | None = None,
    size: float | None = None,
    channels: int | None = None,
    blocks: int = 1,
    step: Step = STEP,
    seed: int = 0,
) -> MIMO:
    """S5-PTD: as `s5_init`, in the eigenbasis of perturbed HiPPO-LegS instead of its normal part.

    `perturbation` and its size are those of `ptd_init`. B is random, so no input is scaled: the
    bound on the transfer error is that of `ptd_init` only. Source: Yu et al. 2024 (PTD, arXiv
    2310.01698), Section 5; here with conjugate pairs kept.

    >>> s5_ptd_init(8, channels=3).A.shape
    (4,)
    """
    one = _block_size(order, blocks)
    found = perturbed(one, perturbation=perturbation, conditioning=conditioning, tau=tau, size=size)
    if np.iscomplexobj(found.E):
        raise ValueError(
            f"`perturbation` must be real, for only then modes come in pairs; got {perturbation!r}. Take gaussian."
        )
    return _s5(found.Lambda, found.V, found.V_inv, blocks, channels, step, seed)


def mamba_init(
    order: int = 16, *, channels: int | None = None, step: Step = STEP, seed: int = 0
) -> Paired:
    """Mamba: A_n = -(n + 1) as S4D-Real, step log-uniform and at least 1e-4, D = 1.

    B and C depend on the input in Mamba; here they are 1 (B stored as 1/2). Sample with
    rule="mamba". Source: Gu & Dao 2023 (Mamba), Section 3.6.

    >>> mamba_init(4).D
    array(1.)
    """
    order = require.integer("order", order)
    form = _modes(-(np.arange(order) + 1.0) + 0j, np.full(order, 0.5), channels, step, seed)
    return form._replace(
        C=np.ones_like(form.C), D=np.ones_like(form.D), step=np.maximum(form.step, 1e-4)
    )


def _nplr(measure: str, order: int) -> NPLR:
    system = hippo.MEASURES[require.known("measure", measure, hippo.MEASURES)](order)
    if not isinstance(system, NPLR):
        has = ", ".join(name for name, make in hippo.MEASURES.items() if isinstance(make(2), NPLR))
        raise ValueError(
            f"`measure` must have a low-rank correction; got {measure!r}, which has none. Choose from {has}."
        )
    return system


def _draw(
    channels: int | None, step: Step, seed: int
) -> tuple[np.random.Generator, tuple[int, ...], np.ndarray]:
    """The generator, the leading shape, and the steps, drawn from a stream of their own so that no
    change of C moves them.
    """
    shape = () if channels is None else (require.integer("channels", channels),)
    seed = require.integer("seed", seed, least=0)
    return (
        np.random.default_rng(seed),
        shape,
        _log_uniform(np.random.default_rng([seed, 0]), step, shape),
    )


def _log_uniform(rng: np.random.Generator, step: Step, shape: tuple[int, ...]) -> np.ndarray:
    low, high = require.interval("step", step)
    return np.asarray(low * (high / low) ** rng.uniform(size=shape))


def _complex_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """E|c|^2 = 1."""
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) / math.sqrt(2)


def _truncated_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """A normal cut at two standard deviations and scaled back to variance 1, as in JAX's
    lecun_normal.
    """
    x = rng.standard_normal(shape)
    while np.any(np.abs(x) > 2):
        x = np.where(np.abs(x) > 2, rng.standard_normal(shape), x)
    return x / 0.87962566103423978


def _repeat(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return np.tile(array, (*shape, *(1,) * array.ndim)) if shape else array


def _modes(A: np.ndarray, B: np.ndarray, channels: int | None, step: Step, seed: int) -> Paired:
    rng, shape, steps = _draw(channels, step, seed)
    C = _complex_normal(rng, (*shape, len(A)))
    return Paired(_repeat(A, shape), _repeat(B + 0j, shape), C, np.zeros(shape), steps)


def _frequencies(
    imag: np.ndarray, order: int, channels: int | None, step: Step, seed: int
) -> Paired:
    """Pairs -1/2 +- i imag with B = 1; at odd orders the real mode -1/2 as well, its B halved."""
    single = order % 2
    A = -0.5 + 1j * np.concatenate([np.zeros(single), imag])
    return _modes(
        A, np.concatenate([np.full(single, 0.5), np.ones(len(imag))]), channels, step, seed
    )


def _upper(Lambda: Complex, B: Complex, channels: int | None, step: Step, seed: int) -> Paired:
    half = pair(Diagonal(Lambda, B, np.ones_like(Lambda), np.asarray(0.0), np.asarray(1.0)))
    return _modes(half.A, half.B, channels, step, seed)


def _block_size(order: int, blocks: int) -> int:
    order, blocks = require.integer("order", order), require.integer("blocks", blocks)
    if order % blocks:
        raise ValueError(
            f"`blocks` must divide `order`; got {blocks} blocks for order {order}. Change one of them."
        )
    return order // blocks


def _s5(
    Lambda: Complex,
    V: Complex,
    V_inv: Complex,
    blocks: int,
    channels: int | None,
    step: Step,
    seed: int,
) -> MIMO:
    """The upper half of each block's modes by rising frequency, a real mode with its B halved."""
    width = 1 if channels is None else require.integer("channels", channels)
    rng = np.random.default_rng(require.integer("seed", seed, least=0))
    size, order = len(Lambda), len(Lambda) * blocks
    kept = np.flatnonzero(Lambda.imag >= 0)
    kept = kept[np.lexsort((Lambda.real[kept], Lambda.imag[kept]))]  # the order of `pair`
    weight = np.where(Lambda.imag[kept] == 0, 0.5, 1.0)[:, None]
    b = _truncated_normal(rng, (blocks, size, width)) / math.sqrt(order)
    c = (
        _truncated_normal(rng, (width, blocks, size))
        + 1j * _truncated_normal(rng, (width, blocks, size))
    ) / math.sqrt(order)
    B = weight * (V_inv[kept] @ b)
    C = c @ V[:, kept]
    n = blocks * len(kept)
    D = np.diag(rng.standard_normal(width))
    return MIMO(
        np.tile(Lambda[kept], blocks),
        B.reshape(n, width),
        C.reshape(width, n),
        D,
        _log_uniform(rng, step, (n,)),
    )


INITS: dict[str, Callable[..., Continuous | Discrete]] = {
    "ptd": ptd_init,
    "s4d-lin": s4d_lin_init,
    "s4d-inv": s4d_inv_init,
    "s4d-inv2": s4d_inv2_init,
    "s4d-quad": s4d_quad_init,
    "s4d-rand": s4d_rand_init,
    "s4d-real": s4d_real_init,
    "s4d-legs": s4d_legs_init,
    "s4d-legs-clipped": s4d_legs_clipped_init,
    "s4d-dfout": s4d_dfout_init,
    "s4": s4_init,
    "dss": dss_init,
    "dss-softmax": dss_softmax_init,
    "dlr": dlr_init,
    "lru": lru_init,
    "s5": s5_init,
    "s5-ptd": s5_ptd_init,
    "mamba": mamba_init,
}


class Built(NamedTuple):
    """An initialization as it was built.

    Attributes:
        form: the model, as the function of that name returns it.
        certificate: the diagonalization whose state the model reads; None for a model without one.
        figures: the figures of the certificate by name; empty without one.
    """

    form: Any
    certificate: perturb.Diagonalization | None
    figures: Mapping[str, Any]


# Initializations that read the state of one diagonalization: how to make it, how to read it.
_CERTIFIED: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {"ptd": (perturbed, reading)}


def options(name: str) -> tuple[str, ...]:
    """The options that an initialization takes, `order` first.

    Args:
        name: one of `INITS`.

    Returns:
        Their names, in the order of the function.

    Raises:
        ValueError: for an unknown name.

    Example:
        >>> options("s5")
        ('order', 'channels', 'blocks', 'step', 'seed')
    """
    make = INITS[require.known("name", name, INITS)]
    return tuple(inspect.signature(make).parameters)


def certified(name: str) -> bool:
    """Whether `built` returns a certificate for an initialization.

    Args:
        name: one of `INITS`.

    Returns:
        True where the model reads the state of one perturbed system.

    Raises:
        ValueError: for an unknown name.

    Example:
        >>> certified("ptd"), certified("s4")
        (True, False)
    """
    return require.known("name", name, INITS) in _CERTIFIED


def built(
    name: str, order: int, *, progress: Callable[..., object] | None = None, **given: Any
) -> Built:
    """An initialization with its certificate; the perturbation is computed once.

    Args:
        name: one of `INITS`.
        order: order N of the state.
        progress: called as the perturbation says, where there is one that takes long.
        **given: options that the initialization takes, see `options`.

    Returns:
        The model, and for "ptd" the diagonalization that it reads, with its figures.

    Raises:
        TypeError: for an option that the initialization does not take; what it raises.
        ValueError: for an unknown name; what the initialization raises.

    Example:
        >>> found = built("ptd", 8, conditioning=4.0)
        >>> found.form.A.shape, found.figures["condition"] <= 4
        ((4,), True)
        >>> built("s4d-lin", 8).certificate is None
        True
    """
    takes = options(name)
    for option in given:
        if option not in takes:
            rule = f"{name} must be given options it has"
            raise TypeError(f"{rule}; got {option}. It takes {', '.join(takes)}.")
    if name not in _CERTIFIED:
        return Built(INITS[name](order, **given), None, {})
    certify, read = _CERTIFIED[name]
    found = certify(order, progress=progress, **_taken(certify, given))
    return Built(read(found, **_taken(read, given)), found, found.figures())


def _taken(function: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The options among those given that a function takes."""
    takes = inspect.signature(function).parameters
    return {option: value for option, value in given.items() if option in takes}
