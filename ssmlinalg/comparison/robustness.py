r"""Robustness of a model at initialization to sinusoids of every frequency.

The state that HiPPO-LegS of order N answers cos(wt) with has the amplitude |x^(iw)| = N/sqrt(w^2 +
N^2). S4D-LegS replaces A by its normal part A + B B^T/2 and B by B/2, and with the product h(s) =
prod_{k<N} (s-k)/(s+k+1) its state is

.. math::  \tilde x(s) = \frac{\hat x(s)}{1 + h(s)}, \qquad
           |h(i\omega)| = \frac{\omega}{\sqrt{\omega^2 + N^2}},

which has a spike wherever h(iw) comes near -1: beside every eigenvalue -1/2 + i mu. They grow with
mu, the last one, at mu ~ N^2/pi, to 2N/pi, so the worst frequency of S4D-LegS lies far beyond those
that the state is there to remember. Noise at that frequency is the experiment of Yu et al. 2024
(PTD, arXiv 2310.01698), Section 5.2: 325.4 at N = 32. A perturbation keeps away from it, for 1 + h
becomes 1 - tau/2 + (tau/2) h.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..discretize import Rule, discretize
from ..forms import NPLR, Continuous, Delayed, View, batch, check, inner, kind, plain, view
from ..ground import backend, require
from ..ground.backend import Array, Complex, Real
from ..ground.gate import real_numbers
from ..hippo import legs_state
from ..kernels.blocks import fold_blocks
from ..systems.realization import over_members, realize, shared_axes, with_a_part
from .states import Approximation, Worst, approximations, legs_spectrum, worst_error

_PART = 512  # frequencies at a time: no table of all states
_NEAR = 2.0**-20  # the circle: modes that single precision cannot tell from undamped ones


class Sweep(NamedTuple):
    """One initialization swept over S frequencies.

    Attributes:
        name: that of the initialization.
        frequencies: w (S,), rising, in radians per unit of time.
        gain: |x~(iw)| (S,), the amplitude of its state under cos(wt).
        error: |x~(iw) - x^(iw)| (S,), the distance of that from the state of HiPPO-LegS.
        worst_frequency: where the error is largest.
        worst_error: the largest error found at any w >= 0, swept or not.
    """

    name: str
    frequencies: Real
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
    r"""The approximations of HiPPO-LegS of one order, each swept over frequency against it.

    .. math::  \omega \mapsto |\tilde x(i\omega)|, \ |\tilde x(i\omega) - \hat x(i\omega)|, \qquad
               \hat x_n(s) = \frac{\sqrt{2n+1}}{s+n+1} \prod_{m<n} \frac{s-m}{s+m+1}

    ====================  ==================================================================
    name                  model
    ====================  ==================================================================
    "hippo-legs"          the closed form itself
    "s4d-legs"            its normal part with B/2
    "s4d-legs-unhalved"   its normal part with B
    "s4d-legs-clipped"    its normal part with B cut as released
    "s4"                  diagonal plus low rank: HiPPO-LegS up to rounding
    "ptd"                 the lossless perturbation
    "ptd-NAME"            another perturbation
    "s5", "s5-ptd"        normal part and lossless perturbation with an input b of their own
    ====================  ==================================================================

    The input b of S5 is drawn with variance 1/N: its amplitudes are root mean squares over the
    draw, and x^ is the state of HiPPO-LegS with the same b. No b of norm one is further off than
    sqrt(N) times this `error`, and that is below 2 for "s5": its spikes do not grow.

    Where A + E is complex, the larger value of w and -w counts. An unstable model has no steady
    state: `gain` and `error` are inf, and `worst_frequency` is that of the rightmost eigenvalue.

    Args:
        order: N.
        conditioning: the budget for kappa(V) of the perturbations that take one, above 1. The
            others have their default size.
        perturbations: names of `perturb.PERTURBATIONS` beside "lossless". None stands for those
            that take no search, among them "optimal" where a result is kept.
        frequencies: w (S,), at least 0, in radians per unit of time: w step is the angle between
            two samples. None stands for each model's own: a logarithmic grid, on every eigenvalue
            a cluster as wide as that is deep, and the worst.

    Returns:
        A list of `Sweep`, in the order of the table.

    Raises:
        TypeError: for what is no order, for names that are no list, and for frequencies that are
            not real.
        ValueError: for an order below 1 or too large for memory, for a conditioning not above 1,
            for unknown names, and for frequencies that are negative, not finite or none.

    Accuracy:
        N eps kappa(V) |B|/depth for the state, where the eigenvalues are `depth` below the axis,
        and for a spike mu eps/depth of its height. `worst_error` is found by search, and so a lower
        bound.

    Cost:
        O(N^3) but for searches, and O(N^2 S).

    Source:
        Yu et al. 2024 (PTD, arXiv 2310.01698), Sections 3.4 and 5.2 (the experiment); derived here:
        the formulas.

    Example:
        >>> s4d, ptd = (row for row in fourier_sweep(32) if row.name in ("s4d-legs", "ptd"))
        >>> round(s4d.worst_frequency, 3), round(s4d.worst_error, 2)
        (325.426, 20.29)
        >>> round(ptd.worst_error, 3)
        0.064
    """
    w = None if frequencies is None else _checked(frequencies)
    require.room("the sweep", 8 * require.integer("order", order) ** 2, host=True)
    models = approximations(order, conditioning, perturbations)
    swept = [_swept(model, order, w) for model in models]
    return [_exact(order, w), *swept]


def _checked(frequencies: Array | Sequence[float]) -> Real:
    """Rising, once they are known to be real, finite and at least 0."""
    w = real_numbers("frequencies", frequencies)
    require.shape("frequencies", w.shape, "(S,) with S of at least 1", w.ndim == 1 and w.size > 0)
    w = np.sort(w)
    if w[0] < 0:
        remedy = "Take absolute values: the models are real."
        raise ValueError(f"`frequencies` must be at least 0; got {w[0]:g}. {remedy}")
    return w


def _exact(order: int, w: Real | None) -> Sweep:
    """HiPPO-LegS itself."""
    if w is None:
        w = _grid(legs_spectrum(order), order)
    return Sweep(
        name="hippo-legs",
        frequencies=w,
        gain=np.linalg.norm(legs_state(order, 1j * w), axis=0),
        error=np.zeros(len(w)),
        worst_frequency=0.0,
        worst_error=0.0,
    )


def _swept(model: Approximation, order: int, w: Real | None) -> Sweep:
    worst = worst_error(model)
    if w is None:
        w = np.union1d(_grid(model.Lambda, order), [worst.frequency])
    if math.isinf(worst.error):
        gain = np.full(len(w), math.inf)
        error = gain
    else:
        parts = np.array_split(w, 1 + len(w) // _PART)
        found = [model.amplitudes(part) for part in parts]
        gain = np.concatenate([part.state for part in found])
        error = np.concatenate([part.error for part in found])
        top = int(np.argmax(error))
        worst = max(worst, Worst(float(error[top]), float(w[top])))
    return Sweep(
        name=model.name,
        frequencies=w,
        gain=gain,
        error=error,
        worst_frequency=worst.frequency,
        worst_error=worst.error,
    )


def _grid(Lambda: Complex, order: int) -> Real:
    """A logarithmic grid, and about every eigenvalue a cluster as wide as that is deep."""
    depth = np.abs(Lambda.real)[:, None]
    height = np.abs(Lambda.imag)[:, None]
    spread = np.tan(np.linspace(-1.5, 1.5, 15))
    near = np.abs(height + depth * spread).ravel()
    grid = np.geomspace(0.1, 10 * order**2, 400)
    return np.union1d(grid, near[near > 0])


def noise_gain(form: Continuous, frequencies: Array, *, rule: Rule = "zoh") -> Array:
    r"""The gain of the sampled model for sinusoids, once it has settled.

    .. math::  |G_d(e^{i\omega\Delta})|, \qquad G_d(z) = C\,(1 - \bar A/z)^{-1}\, \bar B + D

    is the amplitude at which it passes on cos(w step l), l = 0, 1, ... the samples. The angle
    w step may exceed pi: the wave then aliases, and so does the mode, whose A_d is e^{step Lambda}
    under most rules. A wave on an eigenvalue stays on it at any step, and what a hold takes off the
    spike is its own sinc, |sin(w step/2)|/(w step/2). Modes with C B = 0, and states of a matrix on
    no path of nonzero entries from input to output, are left out: they need not decay.

    Args:
        form: a continuous form with one input and one output, and one step for all its modes.
        frequencies: w (S,), real, in radians per unit of time, in the library of the form.
        rule: a name of `discretize.RULES`, or a function from a continuous form to a discrete one.

    Returns:
        (..., S), real, in the library, device and precision of the form.

    Raises:
        TypeError: for any other form, S5 layers among them, whose modes have no common angle; for
            frequencies that are complex or of another library; what `forms.check` raises.
        ValueError: for shapes, for an unknown rule, and for a gain too large for memory. On the
            host also for values that are not finite, for a result that overflows, and for a sampled
            model that is not stable, whose output does not settle; what `forms.check` raises.

    Accuracy:
        For modes a few eps, relative to sum |C B_d|/(1 - |A_d|), and the rounding of the angle,
        eps w step, over 1 - |A_d|.

    Cost:
        O(N S) for modes, O(N^3 S) for matrices.

    Example:
        >>> from ssmlinalg import forms
        >>> one = np.ones(1)
        >>> form = forms.Paired(-one, one / 2, one, 0.0, 0.1)
        >>> noise_gain(form, np.array([0.0, 10 * np.pi])).round(6)
        array([1.      , 0.049958])
    """
    form = _single_port(form)
    angle = _angles(form, frequencies)
    with backend.quietly(angle):  # the result tells
        system = discretize(form, rule=rule)
    _check_room(system, angle)
    recurrence = _settling(inner(system), system if callable(rule) else form)
    respond = partial(_of_matrix if kind(system).matrix else _of_modes, view(recurrence))
    late = isinstance(system, Delayed)

    def piece(_: tuple[()], angle: Array) -> tuple[tuple[()], Array]:
        xp = backend.namespace(angle=angle)
        delay = backend.complex_of(xp.cos(angle), -xp.sin(angle))  # 1/z
        G = respond(delay)
        G = delay * G if late else G
        return (), xp.abs(G + system.D[..., None])

    if not angle.shape[-1]:
        return piece((), angle)[1]
    core = 1 + kind(system).matrix
    held = math.prod((*batch(system), *recurrence.A.shape[-core:]))
    with backend.quietly(angle):
        _, gain = fold_blocks(piece, (), (angle,), held)
    return backend.fitting(gain)


def _single_port(form: Any) -> Any:
    """The plain form, once it is known to be continuous with one input, one output and one step."""
    known = kind(form)
    if not known.continuous or known.ports or isinstance(form, (NPLR, Delayed)):
        got = type(form).__name__
        rule = "noise_gain takes a continuous form with one input and one output"
        raise TypeError(f"{rule}; got {got}. Take its channels apart.")
    return plain(check(form))


def _angles(form: Any, w: Array) -> Array:
    """w step (..., S), once the frequencies are known to be real and finite beside the form."""
    backend.namespace(frequencies=w, step=form.step)
    require.shape("frequencies", tuple(w.shape), "(S,)", w.ndim == 1)
    if backend.is_complex(w):
        remedy = "They are the w of s = i w."
        raise TypeError(f"`frequencies` must be real; got {w.dtype}. {remedy}")
    size = math.prod(form.step.shape) * w.shape[0] * 8
    require.room("the gain", size, host=backend.readable(w))
    with backend.quietly(w):
        angle = form.step[..., None] * w
    if backend.is_numpy(w):
        require.finite("frequencies times step", np.asarray(angle))
    return angle


def _settling(system: Any, origin: Any) -> Any:
    """The recurrence, once it is known to forget its start, where values can be looked at.

    States of a model that does not, which have no part in the transfer function of `origin`, are
    at rest in it.
    """
    if not all(map(backend.readable, system[:3])) or _radius(system) < 1 - _NEAR:
        return system
    heard = over_members(with_a_part, realize(origin))
    if kind(system).matrix:
        heard = heard[..., None, :] & heard[..., None]
    A = system.A
    like = (backend.kind(A), backend.precision(A), backend.device(A))
    at_rest = system._replace(A=A * backend.move(heard.astype(float), *like))
    size = _radius(at_rest)
    if size >= 1:
        rule = "a model must forget its start to settle"
        remedy = "Make Re A < 0, or choose another rule or a smaller step."
        raise ValueError(f"{rule}; got |A_d| = {size:.6g}. {remedy}")
    return at_rest


def _radius(system: Any) -> float:
    """The largest modulus of an eigenvalue."""
    A = backend.to_numpy(system.A)
    require.finite("A_d", A)
    poles = np.linalg.eigvals(A) if kind(system).matrix else A
    return float(np.max(np.abs(poles), initial=0.0))


def _check_room(system: Any, angle: Array) -> None:
    lead = np.broadcast_shapes(angle.shape[:-1], batch(system))
    entries = math.prod((*lead, angle.shape[-1]))
    size = entries * np.dtype(backend.precision(angle)).itemsize
    require.room("the gain", size, host=backend.readable(angle))


def _of_modes(system: View, delay: Array) -> Array:
    """C (1 - A/z)^{-1} B of the real system, delay = 1/z (..., S)."""
    xp = backend.namespace(delay=delay)
    A = system.A[..., None, :]
    weights = system.C * xp.matrix_transpose(system.B)
    delay = delay[..., None]
    terms = weights / (1 - A * delay)
    conjugates = xp.conj(weights) / (1 - xp.conj(A) * delay)
    return xp.sum(terms + conjugates, axis=-1) / 2


def _of_matrix(system: View, delay: Array) -> Array:
    """C (1 - A/z)^{-1} B of the real system, delay = 1/z (..., S)."""
    G = _solved(system, delay)
    if not any(map(backend.is_complex, (system.A, system.B, system.C))):
        return G
    xp = backend.namespace(delay=delay)
    mirrored = xp.conj(_solved(system, xp.conj(delay)))
    return (G + mirrored) / 2


def _solved(system: View, delay: Array) -> Array:
    xp = backend.namespace(delay=delay)
    N = system.A.shape[-1]
    A = delay[..., None, None] * system.A[..., None, :, :]
    B = backend.as_complex(system.B)[..., None, :, :]
    lead = shared_axes((A, 2), (B, 2))
    moved = xp.broadcast_to(backend.eye(N, delay) - A, (*lead, N, N))
    right = xp.broadcast_to(B, (*lead, N, 1))
    x = xp.linalg.solve(moved, right)[..., 0]
    return xp.sum(system.C * x, axis=-1)
