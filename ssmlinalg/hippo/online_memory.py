r"""Memory that is read: delays, reconstructions, and LegS in its time-varying form.

=================  =================================================================================
function           gives
=================  =================================================================================
`reconstruct`      the past that a state stands for, at any lags
`delay`            the system whose output is the input a lag ago
`fourier_delay`    the same for the whole window of `fout`
`online_legs`      the states of scale-invariant LegS, x' = (A x + B u)/t, exactly
`online_bilinear`  the same by the bilinear rule, O(N) a sample
`log_steps`        the steps at which a time-invariant model of LegS is the scale-invariant one
=================  =================================================================================

Scale-invariant LegS keeps the Legendre coefficients of all that has come since time 0, stretched to
[0, 1]. In the time log t it is the time-invariant system of `legs`. A state after k samples stands
for the input an age of a samples ago at the lag -log(1 - a/k) of `legs_basis`.

Samples and states of PyTorch, JAX or CuPy, real, in single or double precision, are taken in their
library, on their device: the results stay there, with derivatives. Lists and all else give arrays
of NumPy in double precision. A matrix of the memory is made on the host, in double precision.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..forms import NPLR, Dense, check
from ..ground import backend, require
from ..ground.backend import Array, Real
from ..ground.gate import real_numbers
from ..products.linear_recurrences import accumulate
from .basis import Basis, admitted_order, legendre
from .trigonometric import fout, fout_basis

_OLDER = ("torch", "cupy")  # libraries whose arrays do not name their standard


def reconstruct(basis: Any, state: Array) -> Array:
    r"""The past that states stand for: u(T - t) = sum_n x_n g_n(t).

    Args:
        basis: a `Basis` at T lags, such as `legs_basis(order, lags)`.
        state: states (..., N), real, of any library.

    Returns:
        The input at these lags (..., T), in that library.

    Raises:
        TypeError: for what is no `Basis`, and states that are no real numbers.
        ValueError: for states of another order, and on the host for NaN, infinities and overflow.

    Cost:
        O(T N) for each state.

    Example:
        >>> from ssmlinalg.hippo import legs_basis
        >>> reconstruct(legs_basis(2, [0.0, 1.0]), [3.0, 0.0])  # a constant
        array([3., 3.])
    """
    values = _values(basis)
    state = _real("state", state)
    order = values.shape[-1]
    rule = f"(..., N) with N = {order} from `basis`"
    require.shape("state", state.shape, rule, state.ndim > 0 and state.shape[-1] == order)
    with backend.quietly(state):
        return backend.fitting(_product(state, _like(values.T, state)))


def delay(system: Any, basis: Any) -> Dense:
    r"""The system whose output is the input a lag ago, as its state remembers it.

    .. math::  y(T) = \sum_n g_n(t)\, x_n(T) \approx u(T - t) .

    Args:
        system: a measure, such as `legt(64)`.
        basis: its `Basis` at one lag t, such as `legt_basis(64, [2.0])`, with the same options.

    Returns:
        A `Dense` form with C = g(t), D = 0 and step 1.

    Raises:
        TypeError: for what is no measure and no `Basis`; what `forms.check` raises.
        ValueError: for another number of lags than one, and another order; what `forms.check`
            raises.

    Accuracy:
        Of noise of rms 0.76 and up to 40 periods in the window the end of the window of legt(256)
        is read to an rms of 0.002 (tests). At a jump, such as both ends of a window of `fout`, a
        Fourier series takes the mean: see `fourier_delay`.

    Source:
        Voelker, Kajic & Eliasmith 2019 (LMU), equation 3; Gu et al. 2023 (HTTYH), Section 5.

    Example:
        >>> from ssmlinalg.hippo import legt, legt_basis
        >>> delay(legt(2), legt_basis(2, [2.0])).C.round(6)
        array([ 1.      , -1.732051])
    """
    values = _values(basis)
    require.instance("system", system, (NPLR, Dense), "Give a measure, such as hippo.legt(64).")
    measure = check(system)
    order = measure.B.shape[-1]
    rule = f"(1, N) with N = {order} from `system`"
    require.shape("basis", values.shape, rule, values.shape == (1, order))
    A = np.asarray(measure.A)
    return Dense(A, measure.B, values[0], np.asarray(0.0), np.asarray(1.0))


def fourier_delay(order: int, *, window: float = 2.0) -> Dense:
    r"""The delay of a whole window by `fout`, which a Fourier series alone reads as a mean.

    .. math::  \sum_n x_n g_n(\text{window}) = \frac{u(T) + u(T - \text{window})}{2}, \qquad
               y = 2 \sum_n x_n g_n(\text{window}) - u .

    Lossless: |G(i w)| = 1 at every frequency.

    Args:
        order: N, at least 1.
        window: the length of the window, which is the delay.

    Returns:
        A `Dense` form with D = -1 and step 1.

    Raises:
        TypeError: if `order` is no integer, or `window` no number.
        ValueError: if `order` is below 1, if the matrix fits no memory, or `window` not
            between 1e-150 and 1e150.

    Accuracy:
        O(1/N): of noise of rms 0.76 and up to 8 periods in the window it is off by an rms of 0.02
        at N = 256, where `delay` of `legt` has 1e-4.

    Source:
        Gu et al. 2023 (HTTYH), Section 3.3.

    Example:
        >>> fourier_delay(3).C.round(6)
        array([2.      , 2.828427, 0.      ])
    """
    order = admitted_order(order)
    found = delay(fout(order, window=window), fout_basis(order, [window], window=window))
    return found._replace(C=2 * found.C, D=np.asarray(-1.0))


def _values(basis: Any) -> Real:
    require.instance("basis", basis, Basis, "Give for example hippo.legs_basis(order, lags).")
    values = real_numbers("basis.values", basis.values)
    require.shape("basis.values", values.shape, "(T, N), one row a lag", values.ndim == 2)
    return values


def online_legs(order: int, u: Array) -> Array:
    r"""The states of scale-invariant LegS after every sample, exactly.

    .. math::  x' = \frac{1}{t} (A x + B u), \qquad
               x_n(k) = \frac{\sqrt{2n+1}}{k} \int_0^k P_n\left(\frac{2s}{k} - 1\right) u(s)\, ds

    with u held between samples: x(k+1) = e^{A h} x(k) + A^{-1}(e^{A h} - I) B u_k, h =
    log((k+1)/k). The matrix stretches polynomials by k/(k+1), which Gauss's rule of N nodes does
    without error.

    Args:
        order: N, at least 1.
        u: samples (..., L), real, of any library.

    Returns:
        The states (..., L, N) after 1, ..., L samples, in that library.

    Raises:
        TypeError: if `order` is no integer, or `u` no real numbers, or of another precision in a
            library than single or double.
        ValueError: if `order` is below 1, for no sample, and on the host for values that are not
            finite or states that overflow.

    Accuracy:
        About N eps of the largest input.

    Cost:
        O(L N^2), one sample after the other: under jax.jit L is the length of the program.

    Source:
        Gu et al. 2020 (HiPPO), Theorem 2 and Section 4.3.

    Example:
        >>> online_legs(2, [1.0, 1.0, 4.0]).round(6)  # the mean, and a slope
        array([[1.      , 0.      ],
               [1.      , 0.      ],
               [2.      , 1.154701]])
    """
    order = admitted_order(order)
    u = _samples(u, order)
    with backend.quietly(u):
        return backend.fitting(_projections(order, u))


def _projections(order: int, u: Array) -> Array:
    """The states of `online_legs`, of numbers that may overflow."""
    nodes, weights = np.polynomial.legendre.leggauss(order)
    root = np.sqrt(2 * np.arange(order) + 1)
    at_nodes = _like((legendre(order, nodes) * root).T, u)
    state = backend.zeros((*u.shape[:-1], order), u)
    states = []
    for k in range(u.shape[-1]):
        ratio = k / (k + 1)
        # Half the weights: they are those of [-1, 1].
        stretched = (weights / 2)[:, None] * legendre(order, ratio * (nodes + 1) - 1) * root
        state = _product(ratio * _product(state, at_nodes), _like(stretched, u))
        state = state + u[..., k, None] * _like(_held(root, 2 * ratio - 1), u)
        states.append(state)
    return backend.library(u).stack(states, axis=-2)


def _held(root: Real, a: float) -> Real:
    """The coefficients (N,) of the function that is 1 from a to 1, and 0 from -1 to a."""
    order = len(root)
    P = legendre(order + 1, np.array([a]))[0]
    before = np.concatenate([[1.0], P[: order - 1]])
    ends = before - P[1:]
    ends[0] = 1 - a
    return ends / (2 * root)


def online_bilinear(order: int, u: Array) -> Array:
    r"""The states of scale-invariant LegS after every sample, by the bilinear rule.

    .. math::  \left(I - \frac{A}{2k}\right) x_k = \left(I + \frac{A}{2k}\right) x_{k-1}
               + \frac{B}{k} u_k .

    A is diagonal plus a triangle of rank one, so each sample takes N multiplications for the
    product and N for the solution.

    Args:
        order: N, at least 1.
        u: samples (..., L), real, of any library.

    Returns:
        The states (..., L, N) after 1, ..., L samples, in that library.

    Raises:
        TypeError: if `order` is no integer, or `u` no real numbers, or of another precision in a
            library than single or double.
        ValueError: if `order` is below 1, for no sample, and on the host for values that are not
            finite or states that overflow.

    Accuracy:
        That of the rule: entry n after k samples is off by about (n^2/k)^2 (tests). `online_legs`
        is exact.

    Cost:
        O(L N), in O(L log N) calls, one sample after the other as in `online_legs`.

    Source:
        Gu et al. 2020 (HiPPO), Section 4.3; `HiPPOScale` of state-spaces/s4 with "bilinear".

    Example:
        >>> online_bilinear(2, [1.0, 1.0, 4.0])[:, 0].round(6)
        array([0.666667, 0.8     , 1.714286])
    """
    order = admitted_order(order)
    u = _samples(u, order)
    with backend.quietly(u):
        return backend.fitting(_by_bilinear_rule(order, u))


def _by_bilinear_rule(order: int, u: Array) -> Array:
    """The states of `online_bilinear`, of numbers that may overflow."""
    xp = backend.library(u)
    root = np.sqrt(2 * np.arange(order) + 1)
    diagonal = np.arange(order) + 1.0
    driven = _like(root, u)
    damped = _like(diagonal, u)
    state = backend.zeros((*u.shape[:-1], order), u)
    states = []
    for k in range(u.shape[-1]):
        half = 0.5 / (k + 1)
        terms = driven * state
        before = xp.cumulative_sum(terms, axis=-1) - terms
        right = state - half * (driven * before + damped * state)
        right = right + 2 * half * driven * u[..., k, None]
        # (I - half A) x = right, forward: what is fed back is a recurrence of its own, in n.
        pivots = 1 + half * diagonal
        kept = _like(1 - half * root**2 / pivots, u)
        inverse = _like(1 / pivots, u)
        total = accumulate(kept[:, None], (driven * right * inverse)[..., None])[..., 0]
        total = xp.concat([backend.zeros((*total.shape[:-1], 1), u), total[..., :-1]], axis=-1)
        state = (right - half * driven * total) * inverse
        states.append(state)
    return xp.stack(states, axis=-2)


def log_steps(length: int) -> Real:
    r"""The steps log((k+1)/k), k = 1 .. L - 1: scale-invariant LegS in the time of `legs`.

    From x = (u_1, 0, ..., 0) after the first sample a model (Lambda, V^{-1} B) of `legs` scanned
    with these steps over the others, `kernels.scan_irregular`, has the states V x of
    `online_legs`, O(N) a sample, as nearly as the model is `legs`.

    Args:
        length: the number L of samples, at least 1.

    Returns:
        The steps (L - 1,).

    Raises:
        TypeError: if `length` is no integer.
        ValueError: if it is below 1, or the steps need more memory than there is.

    Accuracy:
        A rounding each.

    Example:
        >>> log_steps(3).round(6)
        array([0.693147, 0.405465])
    """
    length = require.integer("length", length)
    require.room("the steps", 8 * length, host=True)
    return np.log1p(1 / np.arange(1, length))


def _samples(u: Array, order: int) -> Array:
    u = _real("u", u)
    require.shape("u", u.shape, "(..., L) with L at least 1", u.ndim > 0 and u.shape[-1] > 0)
    require.room("the states", 16 * math.prod(u.shape) * order, host=True)
    return u


def _real(name: str, values: Array) -> Array:
    """Real numbers in the library that they come in; on the host, in double precision, if none."""
    of_standard = hasattr(values, "__array_namespace__") or backend.kind(values) in _OLDER
    if isinstance(values, (np.ndarray, np.generic)) or not of_standard:
        return real_numbers(name, values)
    values = backend.widened(values)
    backend.namespace(**{name: values})
    if backend.is_complex(values):
        raise TypeError(f"`{name}` must be real; got {values.dtype}. Take its real part.")
    return values


def _like(host: Real, array: Array) -> Array:
    """An array of the host in the library, on the device and in the precision of another."""
    if backend.is_numpy(array):
        return host
    xp = backend.library(array)
    dtype = getattr(xp, backend.precision(array))
    return xp.asarray(np.ascontiguousarray(host), dtype=dtype, device=backend.device(array))


def _product(x: Array, matrix: Array) -> Array:
    """x (..., N) times a matrix (N, M)."""
    return backend.matmul(x[..., None, :], matrix)[..., 0, :]
