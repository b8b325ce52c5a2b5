"""Kernels in multiple precision, straight from their modes, to hold evaluation to."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import mpmath
import numpy as np

from ..forms import kind, step_of, view
from ..ground.backend import Complex, Real

INSTANT = ("impulse", "mamba")  # rules that do not hold the input: no step is too long for it
_DIGITS = 50


class KernelModes(NamedTuple):
    """The modes of each of K kernels, one kernel a row: K(t) = Re sum C B e^{At}, and D at lag 0.

    Attributes:
        A: the modes (K, n).
        B: the input weights (K, n).
        C: the output weights (K, n), with the factor 2 of a half spectrum.
        D: the direct path (K,).
        step: the step (K, n); 1 for a discrete form.
    """

    A: Complex
    B: Complex
    C: Complex
    D: Real
    step: Real

    def rows(self, index: Any) -> KernelModes:
        """Some of the kernels; a single one has A (n,) and a number D."""
        A, B, C, D, step = self
        return KernelModes(A[index], B[index], C[index], D[index], step[index])


def kernel_modes(form: Any) -> KernelModes:
    """The modes of every kernel of a form, batch members and ports in rows.

    Args:
        form: a form of modes on the host, as `forms.check` returns it.

    Returns:
        A `KernelModes` of as many rows as the form has kernels.

    Example:
        >>> from ssmlinalg import s5_init
        >>> kernel_modes(s5_init(8, channels=2)).C.shape  # 2 outputs and 2 inputs, 4 modes
        (4, 4)
    """
    A, B, C, D = view(form)
    step = step_of(form) if kind(form).continuous else np.ones(1)
    fields = np.broadcast_arrays(
        A[..., None, None, :],
        np.swapaxes(B, -1, -2)[..., None, :, :],
        C[..., :, None, :],
        np.real(D)[..., None],
        step[..., None, None, :],
    )
    A, B, C, D, step = (np.reshape(field, (-1, field.shape[-1])) for field in fields)
    return KernelModes(A, B, C, D[:, 0], step)


def exact_kernels(modes: KernelModes, lags: Real, *, rule: str | None) -> Real:
    """Kernels at a few lags, in 50 digits, rounded once.

    Args:
        modes: the numbers of the form, taken as exact.
        lags: the lags (k,), integers.
        rule: a name in `discretize.RULES`; None for a discrete form.

    Returns:
        K_l (K, k) in double precision.

    Cost:
        O(K n k) operations in multiple precision.

    Example:
        >>> from ssmlinalg import s4d_lin_init, kernel
        >>> form = s4d_lin_init(8)
        >>> found = exact_kernels(kernel_modes(form), np.arange(3), rule="zoh")
        >>> bool(abs(found - kernel(form, 3)).max() < 1e-14)
        True
    """
    ctx = mpmath.MPContext()
    ctx.dps = _DIGITS
    rows = range(len(modes.A))
    return np.array([_exact_kernel(ctx, modes.rows(row), lags, rule) for row in rows])


def _exact_kernel(ctx: Any, modes: KernelModes, lags: Real, rule: str | None) -> list[float]:
    """One kernel at the lags."""
    D = ctx.mpf(float(modes.D))
    total = [D if lag == 0 else ctx.mpf(0) for lag in lags]
    columns = (modes.A, modes.B, modes.C, modes.step)
    for numbers in zip(*(column.tolist() for column in columns), strict=True):
        A, B, C, step = map(ctx.convert, numbers)
        f, now, before = (A, 1, 0) if rule is None else sampled_mode(ctx, step * A, rule=rule)
        second = f * now + before
        for k, lag in enumerate(lags.tolist()):
            power = now if lag == 0 else second * f ** (lag - 1)
            total[k] += ctx.re(C * B * step * power)
    return [float(K) for K in total]


def sampled_mode(ctx: Any, z: Any, *, rule: str) -> tuple[Any, Any, Any]:
    """One mode x' = z x + u sampled over a unit step, in multiple precision.

    Args:
        ctx: a context of mpmath.
        z: the exponent, a number of that context.
        rule: a name in `discretize.RULES`.

    Returns:
        A_d, the gain of the newest sample, and the gain of the sample before.

    Example:
        >>> mpmath.mp.nstr(sampled_mode(mpmath.mp, mpmath.mpf(-1), rule="zoh")[1], 6)
        '0.632121'
    """
    return MODES[rule](ctx, z)


def _impulse(ctx: Any, z: Any) -> tuple[Any, Any, Any]:
    return ctx.exp(z), ctx.mpf(1), 0


def _zoh(ctx: Any, z: Any) -> tuple[Any, Any, Any]:
    return ctx.exp(z), _phi1(ctx, z), 0


def _foh(ctx: Any, z: Any) -> tuple[Any, Any, Any]:
    newest = ctx.hyp1f1(1, 3, z) / 2  # (e^z - 1 - z)/z^2, whose terms cancel where z is small
    return ctx.exp(z), newest, ctx.hyp1f1(2, 3, z) / 2


def _phi1(ctx: Any, z: Any) -> Any:
    """(e^z - 1)/z."""
    return ctx.expm1(z) / z if z else ctx.mpf(1)


def _fractional(ctx: Any, z: Any, alpha: float) -> tuple[Any, Any, Any]:
    """The generalized bilinear transform."""
    gain = 1 / (1 - alpha * z)
    return gain * (1 + (1 - alpha) * z), gain, 0


# What `sampled_mode` returns, by rule.
MODES: dict[str, Callable[[Any, Any], tuple[Any, Any, Any]]] = {
    "zoh": _zoh,
    "foh": _foh,
    "impulse": _impulse,
    "mamba": _impulse,
    "forward": partial(_fractional, alpha=0.0),
    "bilinear": partial(_fractional, alpha=0.5),
    "backward": partial(_fractional, alpha=1.0),
}
