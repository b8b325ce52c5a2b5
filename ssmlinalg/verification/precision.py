"""What rounding does to a kernel: which stored parameter it can least afford to lose digits of, and
what evaluation adds.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import mpmath
import numpy as np

from .. import forms
from ..discretize import RULES
from ..forms import (
    MIMO,
    Continuous,
    Delayed,
    Diagonal,
    MIMORecurrence,
    Paired,
    PairedRecurrence,
    Recurrence,
)
from ..ground import require
from ..ground.backend import Complex, Real
from ..kernels import kernel
from ..kernels.recurrence import fitting
from ..kernels.sampling import sampled

Modes = Diagonal | Paired | MIMO | Recurrence | PairedRecurrence | MIMORecurrence

# Digits of the significand, exponent of the least positive number, and the largest number (IEEE
# 754; bfloat16 has the range of float32).
FORMATS = {
    "float64": (53, -1074, float(np.finfo(np.float64).max)),
    "float32": (24, -149, (2 - 2.0**-23) * 2.0**127),
    "float16": (11, -24, 65504.0),
    "bfloat16": (8, -133, (2 - 2.0**-7) * 2.0**127),
}
_ALPHA = {"forward": 0.0, "bilinear": 0.5, "backward": 1.0}
_INSTANT = ("impulse", "mamba")  # what comes in is not held: no step is too long for it
# What `kernel` promises, relative to sum |C A_d^l B_d|; of 16-bit formats the cast at the end is
# all.
_EVALUATION = {
    "float64": 2e-13,
    "float32": 1e-6,
    "float16": 2.0**-11 + 1e-6,
    "bfloat16": 2.0**-8 + 1e-6,
}
_DIGITS = 50
_ENTRIES, _LAGS = 4, 24  # as many kernels, and lags of each, are compared with multiple precision


class Rounding(NamedTuple):
    """One cause of error: the largest |K~ - K| over the largest |K|, of the worst kernel, and what
    it stays below.

    `part` is the field stored in `dtype` while the rest is exact, "all" of them, or "evaluation":
    the work of `kernel` on parameters stored so. Infinite where a parameter overflows, a step
    becomes 0, or the rounded modes grow without end.
    """

    part: str
    dtype: str
    error: float
    bound: float


@np.errstate(over="ignore", invalid="ignore")  # what overflows is infinite, or refused by `kernel`
def precision_report(form: Modes, length: int, *, rule: str = "zoh") -> list[Rounding]:
    r"""The error of the kernel by number format, split by parameter: what may be stored in half
    precision, and what must not.

    A relative change u of A, or of the step, is one of every exponent and grows to about l |z| u at
    lag l, z = step A; one of B, C or D is seen once. Relative to the largest |K|, to first order in
    u, for Re A <= 0 and |A_d| <= 1,

    .. math::
        \delta_A \le u \sum_n |\Delta C_n B_n| \min(|z_n|, 2) (1 + \max_{l < L} l\, |\bar A_n|^{l-1}), \qquad
        \delta_B, \delta_C \le u \sum_n |\Delta C_n B_n| \min(1, 2/|z_n|), \qquad \delta_\Delta \le \delta_A + \delta_B .

    The maximum is about min(L, 1/(e |Re z|)), for a mode forgets its phase as it decays; where a
    bound nears 1, nothing is left of the kernel. Sampled impulses have |z| and 1 for the two
    minima; discrete forms have C B for Delta C B and |A_d| for
    |z|, without the first 1. Of u the largest that occurs is taken: for float32 at most 2^-24.

    Formats are float64, float32, float16 and bfloat16, rounded to nearest even, with the subnormal
    and infinite numbers of the format. Errors of storage are found at every lag by the kernel in
    double precision, so they are known to about 2e-13. Evaluation is compared with 50 digits at 24
    lags of 4 kernels, the first and last among them; in 16 bits it means float32 and a cast at the
    end, which counts.

    `form` may be of any library and precision; its numbers are taken as exact. Returns a row for
    each format and part. Raises TypeError for forms without modes, ValueError for a rule not in
    `discretize.RULES`, and what `kernel` raises. Cost: about 30 kernels, and multiple precision for
    400 n numbers (n = 32: 0.4 s).

    >>> from ssmlinalg import s4d_lin_init
    >>> for row in precision_report(s4d_lin_init(8), 1024):
    ...     if row.dtype == "bfloat16" and row.part in ("A", "C"):
    ...         print(f"{row.part} {row.error:.1g}")
    A 0.005
    C 0.001
    """
    length = require.integer("length", length)
    require.known("rule", rule, RULES)
    if not isinstance(form, Modes):
        remedy = "Diagonalize it first, for example with perturb.lossless."
        raise TypeError(
            f"`form` must have modes, such as Paired; got {type(form).__name__}. {remedy}"
        )
    form = forms.check(
        forms.move(form, "numpy", dtype="float64")
    )  # values of other libraries are first seen here
    K = fitting(kernel(form, length, rule=rule))
    if K.size == 0:
        raise ValueError(
            f"batch axes must not be empty; got shape {K.shape[:-1]}. Give at least one system."
        )
    parts = {"all": form._fields} | {name: (name,) for name in form._fields}
    rows = []
    for dtype in FORMATS:
        stored = type(form)(*(rounded(array, dtype) for array in form))
        bounds = _bounds(form, stored, K, length, rule)
        for part, names in parts.items():
            changed: Any = form._replace(**{name: getattr(stored, name) for name in names})
            error = _storage_error(changed, K, length, rule)
            rows.append(Rounding(part, dtype, error, sum(bounds[name] for name in names)))
        bound = _EVALUATION[dtype] * bounds["evaluation"]
        rows.append(
            Rounding("evaluation", dtype, _evaluation_error(stored, dtype, length, rule), bound)
        )
    return rows


def rounded(x: np.ndarray, dtype: str) -> np.ndarray:
    """x in double precision, its real and imaginary parts rounded to the nearest number of a
    format, ties to even.

    >>> rounded(np.array([1 + 2**-9, 3.0 + 2**-7, 7e4, 1e-8]), "float16")
    array([1.00195312, 3.0078125 ,        inf, 0.        ])
    """
    if np.iscomplexobj(x):
        both = np.stack([np.real(x), np.imag(x)], axis=-1)
        return np.ascontiguousarray(rounded(both, dtype)).view(np.complex128)[..., 0]
    digits, least, largest = FORMATS[dtype]
    exponent = np.maximum(np.frexp(x)[1] - digits, least)
    y = np.ldexp(np.rint(np.ldexp(x, -exponent)), exponent)
    return np.where(np.abs(y) > largest, np.copysign(np.inf, x), y)


def _storage_error(changed: Modes, K: Real, length: int, rule: str) -> float:
    """How far the kernel of stored parameters is from K, evaluated in double precision."""
    try:
        return _distance(kernel(changed, length, rule=rule), K)
    except (
        ValueError
    ):  # a parameter left the range of the format, or the modes grew: no kernel is left
        return np.inf


def _evaluation_error(stored: Modes, dtype: str, length: int, rule: str) -> float:
    """How far `kernel` is from multiple precision for these parameters, at a few lags of a few
    kernels.
    """
    single = "float64" if dtype == "float64" else "float32"
    try:
        K = rounded(
            kernel(forms.move(stored, "numpy", dtype=single), length, rule=rule).astype(np.float64),
            dtype,
        )
    except ValueError:
        return np.inf
    K = K.reshape(-1, length)
    modes = modes_of(stored)
    rng = np.random.default_rng(0)
    lags = np.unique(np.concatenate([[0, length - 1], rng.integers(0, length, _LAGS - 2)]))
    entries = np.unique(np.linspace(0, len(K) - 1, _ENTRIES).astype(int))
    exact = np.array(
        [_exact(type(stored), [array[entry] for array in modes], lags, rule) for entry in entries]
    )
    peaks = np.max(np.abs(K[entries]), axis=-1, keepdims=True)
    return _distance(
        np.concatenate([K[entries][:, lags], peaks], axis=-1),
        np.concatenate([exact, peaks], axis=-1),
    )


def _distance(got: Real, K: Real) -> float:
    """The largest |got - K| over the largest |K| of each kernel; infinite where either is."""
    if not (np.all(np.isfinite(got)) and np.all(np.isfinite(K))):
        return np.inf
    error, size = np.max(np.abs(got - K), axis=-1), np.max(np.abs(K), axis=-1)
    with np.errstate(divide="ignore", over="ignore"):
        return float(np.max(error / np.where(error == 0, 1, size)))


def _bounds(form: Modes, stored: Modes, K: Real, length: int, rule: str) -> dict[str, float]:
    """The bounds of `precision_report`, field by field, and that of evaluation."""
    u = {name: _relative(getattr(stored, name), array) for name, array in form._asdict().items()}
    A, B, C, D, step = modes_of(form)
    system: Any = sampled(form, rule)
    size = np.abs(modes_of(system.system if isinstance(system, Delayed) else system)[0])
    longest = np.clip(-1 / np.log(np.clip(size, 1e-300, 1 - 1e-16)), 1, max(length - 1, 1))
    late = longest * size ** (longest - 1)
    weight = np.abs(step * C * B) * np.maximum(1, size) ** (length - 1)
    if isinstance(form, Continuous):
        z = np.abs(step * A)
        seen, turned = (1, z) if rule in _INSTANT else (2 / np.maximum(z, 2), np.minimum(z, 2))
        once, often = weight * seen, weight * turned * (1 + late)
    else:
        once, often = weight, weight * size * late
    scale = np.maximum(np.max(np.abs(K), axis=-1).ravel(), np.finfo(np.float64).tiny)
    with np.errstate(over="ignore"):
        parts = (once.sum(axis=-1), often.sum(axis=-1), np.abs(D))
        gain, rate, direct = (
            float(np.max(np.where(np.isnan(part), np.inf, part / scale))) for part in parts
        )  # NaN: 0 inf
    condition = {"A": rate, "B": gain, "C": gain, "D": direct, "step": rate + gain}
    felt = {
        name: u[name] * condition[name] if u[name] and condition[name] else 0.0
        for name in form._fields
    }
    return felt | {"evaluation": gain + direct}


def _relative(stored: np.ndarray, exact: np.ndarray) -> float:
    """The largest relative change of an entry."""
    size = np.abs(exact)
    return float(np.max(np.abs(stored - exact) / np.where(size == 0, 1, size), initial=0.0))


def modes_of(form: Modes) -> tuple[Complex, Complex, Complex, Real, Real]:
    """A, B, C (K, n), D (K,) and step (K, n) of each of the K kernels of a form, with the factor 2
    of a half spectrum in C.
    """
    A, B, C, D, step = (*form, np.asarray(1.0))[:5]
    if isinstance(form, (MIMO, MIMORecurrence)):
        A, step = A[..., None, None, :], step[..., None, None, :] if step.ndim else step
        B, C, D = np.swapaxes(B, -1, -2)[..., None, :, :], C[..., :, None, :], D[..., None]
    else:
        D, step = D[..., None], step[..., None]
    A, B, C, D, step = (
        np.reshape(array, (-1, array.shape[-1])) for array in np.broadcast_arrays(A, B, C, D, step)
    )
    half = not isinstance(form, (Diagonal, Recurrence))
    return A, B, (1 + half) * C, np.real(D[:, 0]), np.real(step)


def _exact(form: type, modes: list[np.ndarray], lags: np.ndarray, rule: str) -> Real:
    """K_l of one kernel at the lags, in multiple precision, rounded once."""
    ctx = mpmath.MPContext()
    ctx.dps = _DIGITS
    A, B, C, D, step = modes
    total = [ctx.mpf(float(D)) if lag == 0 else ctx.mpf(0) for lag in lags]
    for a, b, c, h in zip(A.tolist(), B.tolist(), C.tolist(), step.tolist(), strict=True):
        if form in (Diagonal, Paired, MIMO):
            f, now, before = _sampled_mode(ctx, ctx.mpf(h) * ctx.mpc(a), rule)
        else:
            f, now, before = ctx.mpc(a), ctx.mpf(1), ctx.mpf(0)
        weight = ctx.mpc(c) * ctx.mpc(b) * ctx.mpf(h)
        later = f * now + before
        for k, lag in enumerate(lags.tolist()):
            total[k] += (weight * (now if lag == 0 else later * f ** (lag - 1))).real
    return np.array([float(K) for K in total])


def _sampled_mode(ctx: Any, z: Any, rule: str) -> tuple[Any, Any, Any]:
    """A_d, and the gains of the newest sample and of the one before, of x' = z x + u over a unit
    step.
    """
    if rule in _ALPHA:
        gain = 1 / (1 - _ALPHA[rule] * z)
        return gain * (1 + (1 - _ALPHA[rule]) * z), gain, 0
    f, one = ctx.exp(z), ctx.mpf(1)
    if rule in _INSTANT:
        return f, one, 0
    whole = ctx.expm1(z) / z if z else one
    newest = (whole - 1) / z if z else one / 2
    return (f, whole, 0) if rule == "zoh" else (f, newest, whole - newest)
