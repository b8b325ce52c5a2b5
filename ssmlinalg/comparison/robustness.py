r"""Robustness to Fourier modes: what a model at initialization makes of a sinusoid, at every
frequency.

The state that HiPPO-LegS of order N answers cos(wt) with has the amplitude |x^(iw)| = N/sqrt(w^2 +
N^2). S4D-LegS replaces A by its normal part A + B B^T/2 and B by B/2, and with the product h(s) =
prod_{k<N} (s-k)/(s+k+1) its state is

.. math::  \tilde x(s) = \frac{\hat x(s)}{1 + h(s)}, \qquad |h(i\omega)| = \frac{\omega}{\sqrt{\omega^2 + N^2}},

which has a spike wherever h(iw) comes near -1: beside every eigenvalue -1/2 + i mu. They grow with
mu, the last one, at mu ~ N^2/pi, to 2N/pi, so the worst frequency of S4D-LegS lies far beyond what
the state is there to remember. Noise at that frequency is the experiment of Yu et al. 2024 (PTD,
arXiv 2310.01698), Section 5.2: 325.4 at N = 32. A perturbation keeps away from it, for 1 + h
becomes 1 - tau/2 + (tau/2) h.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..discretize import Rule, discretize
from ..forms import (
    DPLR,
    Continuous,
    Delayed,
    Dense,
    DenseRecurrence,
    Diagonal,
    Paired,
    PairedRecurrence,
    check,
)
from ..ground import backend, require
from ..ground.backend import Array, Complex, Real
from ..kernels.irregular import in_pieces
from ..kernels.recurrence import fitting
from ..kernels.sampling import batch_of, refuse_size
from ..systems.transfer_functions import legs_state
from .states import Model, models, worst_error

_PART = 512  # frequencies at a time: no table of all states


class Sweep(NamedTuple):
    """One initialization swept over S frequencies w (S,), rising.

    `gain` (S,) is |x~(iw)|, the amplitude of its state under cos(wt); `error` (S,) is |x~(iw) -
    x^(iw)|, how far that is from the state of HiPPO-LegS; `worst_error` the largest error found at
    any w >= 0, swept or not, and `worst_frequency` its w.
    """

    name: str
    w: Real
    gain: Real
    error: Real
    worst_frequency: float
    worst_error: float


def fourier_sweep(
    order: int,
    *,
    conditioning: float = 8.0,
    perturbations: Sequence[str] | None = None,
    frequencies: Array | Sequence[float] | None = None,
) -> list[Sweep]:
    r"""The initializations that stand for HiPPO-LegS of one order, each swept over frequency
    against its closed form.

    .. math::  \omega \mapsto |\tilde x(i\omega)|, \ |\tilde x(i\omega) - \hat x(i\omega)|, \qquad
               \hat x_n(s) = \frac{\sqrt{2n+1}}{s+n+1} \prod_{m<n} \frac{s-m}{s+m+1}

    In this order:

    - "hippo-legs", the closed form itself;
    - "s4d-legs", its normal part with B/2; "s4d-legs-unhalved" with B; "s4d-legs-clipped" with B cut as released;
    - "s4", diagonal plus low rank, which is HiPPO-LegS up to rounding;
    - "ptd", the lossless perturbation, and "ptd-" and the name for the `perturbations`, entries of `perturb.PERTURBATIONS`;
      None stands for those that take no search, among them "optimal" where a result is kept. Those that take a budget get
      `conditioning`, the others their default size;
    - "s5" and "s5-ptd", whose input b is not that of HiPPO but drawn with variance 1/N: root mean squares over the draw, and
      x^ is the state of HiPPO-LegS with the same b. No b of norm one is further off than sqrt(N) times this `error`, and that
      is below 2 for "s5": its spikes do not grow.

    `frequencies` (S,) are at least 0; None stands for each model's own, a logarithmic grid and on
    every eigenvalue a cluster as wide as that is deep, and the worst. All in radians per unit of
    time: w `step` is the angle between two samples. Where A + E is complex, the larger value of w
    and -w counts. An unstable model has no steady state: `gain` and `error` are inf, and
    `worst_frequency` is that of the rightmost eigenvalue.

    Raises TypeError or ValueError for what is no order, a conditioning not above 1, unknown names,
    and frequencies that are negative, not finite or none. Accuracy: N eps kappa(V) |B|/depth for
    the state, where the eigenvalues are `depth` below the axis, and for a spike mu eps/depth of its
    height; `worst_error` is found by search and so a lower bound. Cost O(N^3) but for searches, and
    O(N^2 S).

    Sources: Yu et al. 2024 (PTD, arXiv 2310.01698), Sections 3.4 and 5.2, for the experiment;
    derived here: the formulas.

    >>> s4d, ptd = (row for row in fourier_sweep(32) if row.name in ("s4d-legs", "ptd"))
    >>> round(s4d.worst_frequency, 3), round(s4d.worst_error, 2)
    (325.426, 20.29)
    >>> round(ptd.worst_error, 3)
    0.064
    """
    w = None if frequencies is None else _checked(frequencies)
    require.room("the sweep", 8 * require.integer("order", order) ** 2, host=True)
    standing = models(order, conditioning, perturbations)
    own = _grid(-np.arange(1.0, order + 1) + 0j, order) if w is None else w
    exact = np.linalg.norm(legs_state(order, 1j * own), axis=0)
    legs = Sweep("hippo-legs", own, exact, np.zeros(len(own)), 0.0, 0.0)
    return [legs, *(_swept(model, order, w) for model in standing)]


def noise_gain(form: Continuous, w: Array, *, rule: Rule = "zoh") -> Array:
    r"""The amplitude at which the sampled model passes on cos(w step l), l = 0, 1, ... the samples,
    once it has settled.

    .. math::  |G_d(e^{i\omega\Delta})|, \qquad G_d(z) = C\,(1 - \bar A/z)^{-1}\, \bar B + D

    w (S,) in radians per unit of time; returns (..., S), real, in the library, device and precision
    of the form. The angle w step may exceed pi: the wave then aliases, and so does the mode, whose
    A_d is e^{step Lambda} under most rules: a wave on an eigenvalue stays on it at any step, and
    what a hold takes off the spike is its own sinc, |sin(w step/2)|/(w step/2).

    Raises TypeError for what is no continuous form with one input and one output (an S5 layer has a
    step for each mode, and no common angle); ValueError for shapes, and on the host for values that
    are not finite and for a sampled model that is not stable, whose output does not settle.
    Accuracy: relative to sum |C B_d|/(1 - |A_d|) a few eps for modes, and the rounding of the
    angle, eps w step, over 1 - |A_d|. Cost O(N S) for modes, O(N^3 S) for Dense and DPLR forms.

    >>> from ssmlinalg import forms
    >>> one = np.ones(1) + 0j
    >>> noise_gain(forms.Paired(-one, one / 2, one, np.asarray(0.0), np.asarray(0.1)), np.array([0.0, 10 * np.pi])).round(6)
    array([1.      , 0.049958])
    """
    if not isinstance(form, (Dense, DPLR, Diagonal, Paired)):
        got = type(form).__name__
        raise TypeError(
            f"noise_gain takes a continuous form with one input and one output; got {got}. Take its channels apart."
        )
    form = check(form)
    backend.namespace(w=w, step=form.step)
    require.shape("w", tuple(w.shape), "(S,)", w.ndim == 1)
    if backend.is_complex(w):
        raise TypeError(f"`w` must be real; got {w.dtype}. It is the w of s = i w.")
    require.room("the gain", math.prod(form.step.shape) * w.shape[0] * 8, host=backend.is_numpy(w))
    with backend.quietly(w):
        angle = form.step[..., None] * w
    if backend.is_numpy(w):
        require.finite("w step", np.asarray(angle))
    with backend.quietly(w):  # the result tells
        system: Any = discretize(form, rule)
    inner: Any = system.system if isinstance(system, Delayed) else system
    refuse_size("the gain", inner, w.shape[0])
    _refuse_unsettled(inner)
    xp = backend.namespace(w=w)

    def piece(_: tuple[()], angle: Array) -> tuple[tuple[()], Array]:
        late = backend.complex_of(xp.cos(angle), -xp.sin(angle))  # 1/z
        G = _heard(inner, late)
        return (), xp.abs((late * G if isinstance(system, Delayed) else G) + system.D[..., None])

    each = math.prod(batch_of(inner)) * math.prod(
        inner.A.shape[-2 if isinstance(inner, DenseRecurrence) else -1 :]
    )
    with backend.quietly(w):
        return fitting(
            in_pieces(piece, (), (angle,), each)[1] if w.shape[0] else piece((), angle)[1]
        )


def _heard(system: Any, late: Array) -> Array:
    """C (1 - A/z)^{-1} B of the real system for which "Re" and "2 Re" outputs stand, `late` = 1/z
    (..., S).
    """
    xp = backend.namespace(late=late)
    if isinstance(system, DenseRecurrence):
        G = _solved(system, late)
        return (
            (G + xp.conj(_solved(system, xp.conj(late)))) / 2
            if any(map(backend.is_complex, system[:3]))
            else G
        )
    weights, A = (system.C * system.B)[..., None, :], system.A[..., None, :]
    late = late[..., None]
    G = xp.sum(weights / (1 - A * late) + xp.conj(weights) / (1 - xp.conj(A) * late), axis=-1)
    return G if isinstance(system, PairedRecurrence) else G / 2


def _solved(system: DenseRecurrence, late: Array) -> Array:
    xp = backend.namespace(late=late)
    shifted = (
        backend.eye(system.A.shape[-1], late) - late[..., None, None] * system.A[..., None, :, :]
    )
    B = backend.as_complex(system.B)[..., None, :, None]
    lead = np.broadcast_shapes(tuple(shifted.shape[:-2]), tuple(B.shape[:-2]))
    x = xp.linalg.solve(
        xp.broadcast_to(shifted, (*lead, *shifted.shape[-2:])),
        xp.broadcast_to(B, (*lead, *B.shape[-2:])),
    )[..., 0]
    return xp.sum(system.C[..., None, :] * x, axis=-1)


def _refuse_unsettled(system: Any) -> None:
    """Refuse what never forgets its start, where values can be looked at."""
    if not backend.readable(system.A):
        return
    A = backend.to_numpy(system.A)
    require.finite("A_d", A)
    size = float(
        np.max(
            np.abs(np.linalg.eigvals(A) if isinstance(system, DenseRecurrence) else A), initial=0.0
        )
    )
    if size >= 1:
        remedy = "Make Re A < 0, or choose another rule or a smaller step."
        raise ValueError(
            f"a model must forget its start to settle; got |A_d| = {size:.6g}. {remedy}"
        )


def _checked(frequencies: Array | Sequence[float]) -> Real:
    """Rising, and known to be what can be swept over."""
    w = np.asarray(frequencies)
    if w.dtype.kind not in "fiu" and w.size:
        raise TypeError(
            f"`frequencies` must be real numbers; got {w.dtype}. They are the w of s = i w."
        )
    require.shape("frequencies", w.shape, "(S,) with S of at least 1", w.ndim == 1 and w.size > 0)
    w = np.sort(w.astype(np.float64))
    require.finite("frequencies", w)
    if w[0] < 0:
        raise ValueError(
            f"`frequencies` must be at least 0; got {w[0]:g}. Take absolute values: the models are real."
        )
    return w


def _swept(model: Model, order: int, w: Real | None) -> Sweep:
    worst, at = worst_error(model)
    if w is None:
        w = np.union1d(_grid(model.Lambda, order), [at])
    if math.isinf(worst):
        endless = np.full(len(w), math.inf)
        return Sweep(model.name, w, endless, endless, at, worst)
    parts = [model.sizes(part) for part in np.array_split(w, 1 + len(w) // _PART)]
    gain, error = (np.concatenate(part) for part in zip(*parts, strict=True))
    top = int(np.argmax(error))
    worst, at = max((worst, at), (float(error[top]), float(w[top])))
    return Sweep(model.name, w, gain, error, at, worst)


def _grid(Lambda: Complex, order: int) -> Real:
    """A logarithmic grid, and about every eigenvalue a cluster as wide as that is deep."""
    depth, height = np.abs(Lambda.real)[:, None], np.abs(Lambda.imag)[:, None]
    near = np.abs(height + depth * np.tan(np.linspace(-1.5, 1.5, 15))).ravel()
    return np.union1d(np.geomspace(0.1, 10 * order**2, 400), near[near > 0])
