"""The cost of rounding: the error of a kernel by number format, for each stored parameter.

It says which parameter can least afford to lose digits, and what evaluation adds.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..forms import Continuous, Delayed, Discrete, kind, move
from ..ground import backend, require
from ..ground.backend import Real
from ..ground.formats import EPS, FORMATS, HALF, PRECISIONS, TINY
from ..kernels import kernel
from .multiple_precision import INSTANT, MODES, exact_kernels, kernel_modes
from .relative import peaks, worst
from .sampled_model import SampledModel, on_host

# The error that `kernel` promises, relative to sum |C A_d^l B_d|. In 16 bits the cast at the end is
# nearly all of it.
_PROMISED = {"float64": 2e-13, "float32": 1e-6}
_PROMISED |= {name: FORMATS[name].eps / 2 + _PROMISED["float32"] for name in HALF}
_KERNELS = 4  # as many kernels are compared with multiple precision,
_LAGS = 24  # at as many lags of each


class Rounding(NamedTuple):
    """One cause of error, and its cost.

    Attributes:
        part: the field that is stored in `dtype` while the rest is exact; "all" of them; or
            "evaluation", the work of `kernel` on parameters stored so.
        dtype: a format of numbers.
        error: the largest |K~ - K| over the largest |K|, of the worst kernel. Infinite where a
            parameter overflows, a step becomes 0, or the rounded modes grow without end.
        bound: what the error stays below.
    """

    part: str
    dtype: str
    error: float
    bound: float


@np.errstate(over="ignore", invalid="ignore")  # infinite, or refused by `kernel`
def precision_report(
    form: Continuous | Discrete, length: int, *, rule: str = "zoh"
) -> list[Rounding]:
    r"""The error of the kernel by number format, for each parameter that is stored in it.

    A relative change u of A, or of the step, changes every exponent and grows to about l |z| u at
    lag l, with z = step A. A change of B, C or D counts once. Relative to the largest |K|, to first
    order in u, for Re A <= 0 and |A_d| <= 1,

    .. math::
        \delta_A \le u \sum_n |\Delta C_n B_n| \min(|z_n|, 2)
                    (1 + \max_{l < L} l\, |\bar A_n|^{l-1}), \qquad
        \delta_B, \delta_C \le u \sum_n |\Delta C_n B_n| \min(1, 2/|z_n|), \qquad
        \delta_\Delta \le \delta_A + \delta_B .

    The maximum is about min(L, 1/(e |Re z|)), for a mode forgets its phase as it decays. Where a
    bound nears 1, nothing is left of the kernel. Sampled impulses have |z| and 1 for the two
    minima. Discrete forms have C B for Delta C B and |A_d| for |z|, without the first 1. For u the
    largest change that occurs is taken: in float32 at most 2^-24.

    Formats are float64, float32, float16 and bfloat16, rounded to nearest even, with the subnormal
    and infinite numbers of the format.

    Args:
        form: a form of modes, of any library and precision; its numbers are taken as exact.
        length: the samples of the kernel.
        rule: a name in `discretize.RULES`.

    Returns:
        A `Rounding` for each format and part.

    Raises:
        TypeError: for a form without modes, and what `forms.check` raises.
        ValueError: for a length below 1, an unknown rule, an empty batch, a kernel that overflows,
            and what `forms.check` raises.

    Accuracy:
        Errors of storage are found at every lag by the kernel in double precision, to about 2e-13.
        Evaluation is compared with 50 digits at 24 lags of 4 kernels, the first and last among
        them; in 16 bits it means float32 and a cast at the end, which counts.

    Cost:
        About 30 kernels, and multiple precision for 400 n numbers (n = 32: 0.4 s).

    Example:
        >>> from ssmlinalg import s4d_lin_init
        >>> for row in precision_report(s4d_lin_init(8), 1024):
        ...     if row.dtype == "bfloat16" and row.part in ("A", "C"):
        ...         print(f"{row.part} {row.error:.1g}")
        A 0.005
        C 0.001
    """
    length = require.integer("length", length)
    require.known("rule", rule, MODES)
    if isinstance(form, Delayed) or kind(form).matrix:
        got = type(form).__name__
        raise TypeError(
            f"`form` must have modes, such as Paired; got {got}. "
            "Diagonalize it first, for example with perturb.lossless."
        )
    model = SampledModel(on_host(form, dtype="float64"), length, rule)
    backend.fitting(model.kernel)
    conditions = _conditions(model)
    return [row for dtype in _PROMISED for row in _rows(model, conditions, dtype)]


def rounded(x: np.ndarray, dtype: str) -> np.ndarray:
    """x rounded to the nearest number of a format, ties to even.

    Args:
        x: an array (...) in double precision on the host, real or complex.
        dtype: a name in `formats.FORMATS`.

    Returns:
        An array (...) in double precision; real and imaginary parts are rounded by themselves, and
        are infinite beyond the range of the format.

    Example:
        >>> rounded(np.array([1 + 2**-9, 3.0 + 2**-7, 7e4, 1e-8]), "float16")
        array([1.00195312, 3.0078125 ,        inf, 0.        ])
    """
    if np.iscomplexobj(x):
        both = np.stack([np.real(x), np.imag(x)], axis=-1)
        return np.ascontiguousarray(rounded(both, dtype)).view(np.complex128)[..., 0]
    known = FORMATS[dtype]
    least = math.frexp(known.least)[1] - 1
    exponent = np.maximum(np.frexp(x)[1] - known.digits, least)
    with np.errstate(over="ignore"):  # the largest float64 may round up in a shorter format
        y = np.ldexp(np.rint(np.ldexp(x, -exponent)), exponent)
    return np.where(np.abs(y) > known.largest, np.copysign(np.inf, x), y)


def _rows(model: SampledModel, conditions: dict[str, float], dtype: str) -> list[Rounding]:
    """The rows of one format: all fields, each of them, and evaluation."""
    form = model.form
    stored = type(form)(*(rounded(field, dtype) for field in form))
    bounds = {name: _bound(form, stored, name, conditions[name]) for name in form._fields}
    error = _storage_error(model, stored)
    rows = [Rounding("all", dtype, error, sum(bounds.values()))]
    for name, bound in bounds.items():
        changed = form._replace(**{name: getattr(stored, name)})
        rows.append(Rounding(name, dtype, _storage_error(model, changed), bound))
    error = _evaluation_error(model, stored, dtype)
    bound = _PROMISED[dtype] * conditions["evaluation"]
    return [*rows, Rounding("evaluation", dtype, error, bound)]


def _bound(form: Any, stored: Any, name: str, condition: float) -> float:
    """The largest relative change of an entry of a field, times the condition of the field.

    0 where there is no change or none counts, even if the other factor is infinite.
    """
    exact = getattr(form, name)
    difference = np.abs(getattr(stored, name) - exact)
    change = np.max(difference / np.where(exact == 0, 1, np.abs(exact)), initial=0.0)
    return float(change * condition) if change and condition else 0.0


def _storage_error(model: SampledModel, changed: Any) -> float:
    """The distance of the kernel of stored parameters from the exact one, in double precision."""
    try:
        K = kernel(changed, model.length, rule=model.rule)
    except ValueError:  # a parameter left the range of the format, or the modes grew
        return np.inf
    return worst(K - model.kernel, peaks(model.kernel))


def _evaluation_error(model: SampledModel, stored: Any, dtype: str) -> float:
    """The distance of `kernel` from multiple precision, at a few lags of a few kernels."""
    precision = dtype if dtype in PRECISIONS else "float32"
    try:
        K = kernel(move(stored, "numpy", dtype=precision), model.length, rule=model.rule)
    except ValueError:
        return np.inf
    K = rounded(K.astype(np.float64), dtype).reshape(-1, model.length)
    lags = _drawn_lags(model.length)
    some = np.unique(np.linspace(0, len(K) - 1, _KERNELS).astype(int))
    rule = str(model.rule) if kind(stored).continuous else None
    exact = exact_kernels(kernel_modes(stored).rows(some), lags, rule=rule)
    scale = np.maximum(peaks(K[some]), peaks(exact))
    return worst(K[some][:, lags] - exact, scale)


def _drawn_lags(length: int) -> np.ndarray:
    """The first lag, the last, and others drawn between them."""
    drawn = np.random.default_rng(0).integers(0, length, _LAGS - 2)
    return np.unique([0, length - 1, *drawn])


def _conditions(model: SampledModel) -> dict[str, float]:
    """The bounds of `precision_report` for u = 1, by field, and that of evaluation."""
    A, B, C, D, step = kernel_modes(model.form)
    modulus = np.abs(kernel_modes(model.system).A)
    growth = np.maximum(1, modulus) ** (model.length - 1)
    weight = np.abs(step * C * B) * growth
    slope = _largest_slope(modulus, model.length)
    once = weight
    often = weight * modulus * slope
    if kind(model.form).continuous:
        once, often = _of_sampled_modes(weight, slope, np.abs(step * A), str(model.rule))
    scale = np.maximum(peaks(model.kernel).ravel(), TINY)
    gain = _largest_ratio(np.sum(once, axis=-1), scale)
    rate = _largest_ratio(np.sum(often, axis=-1), scale)
    direct = _largest_ratio(np.abs(D), scale)
    return {
        "A": rate,
        "B": gain,
        "C": gain,
        "D": direct,
        "step": rate + gain,
        "evaluation": gain + direct,
    }


def _of_sampled_modes(weight: Real, slope: Real, z: Real, rule: str) -> tuple[Real, Real]:
    """The change of a mode by one of its weight, and by one of its exponent of modulus z."""
    if rule in INSTANT:
        return weight, weight * z * (1 + slope)
    once = weight * 2 / np.maximum(z, 2)
    return once, weight * np.minimum(z, 2) * (1 + slope)


def _largest_slope(modulus: Real, length: int) -> Real:
    """The largest l r^{l-1} for l < L: at l = -1 / ln r, or at the last lag."""
    at = -1 / np.log(np.clip(modulus, TINY, 1 - EPS / 2))
    at = np.clip(at, 1, max(length - 1, 1))
    return at * modulus ** (at - 1)


def _largest_ratio(figures: Real, scale: Real) -> float:
    """The largest figure over its scale; infinite where it is 0 times infinity."""
    with np.errstate(over="ignore"):
        ratio = figures / scale
    return float(np.max(np.where(np.isnan(ratio), np.inf, ratio)))
