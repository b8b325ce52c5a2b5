"""Assertions: a tolerance, the laws of a form, and the laws of functions of any library."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..discretize import Rule
from ..forms import Continuous, Discrete, kind
from ..ground import backend, require
from ..ground.backend import Array, Real
from ..ground.formats import EPS, TINY, format_of
from ..ground.gate import on_the_host, real_numbers
from ..kernels import convolve
from ..verification import LAWS, Check, diagnose
from ..verification.kernel_bounds import size
from ..verification.laws import checks
from ..verification.sampled_model import SampledModel, admit

AnyForm = Continuous | Discrete
Run = Callable[[Array], Array]


def assert_close(
    got: Array,
    expected: Array,
    *,
    scale: Any = None,
    condition: Any = 1.0,
    constant: float = 8.0,
    eps: float | None = None,
) -> None:
    r"""Two arrays of any libraries are equal up to rounding, by norm and not entry by entry.

    .. math::
        \max |x - \hat x| \le c\, \epsilon\, \kappa\, s, \qquad s = \max |x| \text{ unless given.}

    So an entry far below the largest may err by more than itself, as after any sum that cancels,
    and as the real part of a complex product does.

    Args:
        got: an array (...) or a number.
        expected: an array of the same shape.
        scale: s, a number or a host array that broadcasts against the entries, to judge each kernel
            of a batch by itself.
        condition: kappa, likewise.
        constant: c.
        eps: that of the coarser of the two unless given, complex numbers counting as their parts.

    Raises:
        AssertionError: for more than is allowed, shapes that differ, NaN and infinities.
        TypeError: for what holds no numbers.
        ValueError: for a constant or eps that is not positive, and for a scale or condition that is
            negative or not finite: it would allow everything, or nothing.

    Example:
        >>> assert_close(np.array([1.0, 1e-20]), np.array([1.0, 0.0]))
        >>> try:
        ...     assert_close(np.array([1.0, 1e-8]), np.array([1.0, 0.0]))
        ... except AssertionError as error:
        ...     print(str(error).partition(" times")[0])
        got differs from expected by 1e-08 at (1,), 5.6e+06
    """
    __tracebackhide__ = True
    constant = require.real("constant", constant, above=0)
    condition = _factors("condition", condition)
    eps = max(_eps(got), _eps(expected)) if eps is None else require.real("eps", eps, above=0)
    x = on_the_host("got", got)
    y = on_the_host("expected", expected)
    scale = np.max(np.abs(y), initial=0.0) if scale is None else _factors("scale", scale)
    _assert_comparable(x, y)
    allowed = constant * eps * condition * scale
    require.broadcasts("scale", allowed.shape, x.shape, "the entries")
    allowed = np.broadcast_to(allowed, x.shape)
    error = np.abs(x - y)
    if np.all(error <= allowed):
        return
    ratio = np.where(error > 0, error / np.maximum(allowed, TINY), 0)
    ratio = np.where(np.isnan(allowed), np.inf, ratio)
    at = tuple(int(i) for i in np.unravel_index(np.argmax(ratio), x.shape))
    raise AssertionError(
        f"got differs from expected by {error[at]:.2g} at {at}, "
        f"{ratio[at]:.2g} times the {allowed[at]:.2g} allowed "
        f"({constant:g} eps = {constant * eps:.2g})."
    )


def assert_law(name: str, form: AnyForm, *, length: int = 96, rule: Rule = "zoh") -> None:
    """The form obeys one law.

    Args:
        name: a name in `verification.LAWS`.
        form: any form with an output, of any library.
        length: the samples of its kernel.
        rule: the rule that samples a continuous form.

    Raises:
        AssertionError: if it does not; the message says by how much.
        TypeError: for a form without an output, and what `forms.check` raises.
        ValueError: for an unknown name or rule, a length below 1, and what `forms.check` raises.

    Example:
        >>> from ssmlinalg import s4d_lin_init
        >>> assert_law("stable", s4d_lin_init(8))
    """
    __tracebackhide__ = True
    _assert_upheld([LAWS[require.known("name", name, LAWS)](form, length, rule)])


def assert_laws(form: AnyForm, *, length: int = 96, rule: Rule = "zoh") -> None:
    """The form obeys every law of `verification.LAWS`.

    Args:
        form: any form with an output, of any library.
        length: the samples of its kernel.
        rule: the rule that samples a continuous form.

    Raises:
        AssertionError: if it does not; the message lists the laws that are broken.
        TypeError: for a form without an output, and what `forms.check` raises.
        ValueError: for an unknown rule, a length below 1, and what `forms.check` raises.

    Example:
        >>> from ssmlinalg import s4d_lin_init
        >>> assert_laws(s4d_lin_init(8))
    """
    __tracebackhide__ = True
    _assert_upheld(checks(admit(form, length, rule=rule)))


def assert_kernel(
    kernel: Callable[[Any, int], Array],
    form: AnyForm,
    length: int = 96,
    *,
    rule: Rule = "zoh",
    condition: float = 1.0,
) -> None:
    r"""Another's kernel is ours, to 32 (n + log2 L) eps S; n^2 for n if it is a matrix.

    S, the size of the modes, is that of `verification.kernel_bounds`, of each kernel by itself. eps
    is that of the coarser of form and result.

    Args:
        kernel: a function from a form and a length to a kernel (..., L) or (..., P, M, L).
        form: any form with an output, of any library.
        length: the samples L of the kernel.
        rule: the rule that samples a continuous form.
        condition: a factor of what is allowed. The error of a recurrence grows with time: pass the
            length for a kernel that one made.

    Raises:
        AssertionError: if it is not; the message says by how much, and why if
            `verification.diagnose` knows.
        TypeError: for a form without an output, and what `forms.check` raises.
        ValueError: for an unknown rule, a length below 1, a model that overflows, and what
            `forms.check` raises.

    Example:
        >>> from ssmlinalg import s4d_lin_init, kernel
        >>> try:
        ...     assert_kernel(lambda form, length: kernel(form, length) / 2, s4d_lin_init(8))
        ... except AssertionError as error:
        ...     str(error).partition("). ")[2]
        'Theirs is 0.5 times ours: a half spectrum was counted once.'
    """
    __tracebackhide__ = True
    require.function("kernel", kernel, "It is called as kernel(form, length).")
    condition = require.real("condition", condition, above=0)
    model = admit(form, length, rule=rule)
    theirs = kernel(form, length)
    n = model.order ** (2 if kind(model.system).matrix else 1)
    try:
        assert_close(
            theirs,
            model.kernel,
            scale=size(model.system, length)[..., None],
            condition=condition * (n + math.log2(length + 1)),
            constant=32,
        )
    except AssertionError as error:
        raise _Explained(str(error), model, theirs) from None


def assert_recurrence(run: Run, kernel: Array, u: Array, *, condition: float = 1.0) -> None:
    r"""Another's recurrence is the convolution with their kernel.

    .. math::
        y_l = \sum_{m \le l} K_m u_{l-m}, \qquad
        |\Delta y| \le 32\, \epsilon\, L\, \sum |K|\, \max |u| .

    Args:
        run: a function from a signal (..., L) to a signal.
        kernel: their kernel (..., L).
        u: a signal (..., L) of the library of the kernel.
        condition: a factor of what is allowed: where modes cancel in K, their size over that of K.

    Raises:
        AssertionError: if it is not; the message says by how much.
        TypeError: what `convolve` raises.
        ValueError: what `convolve` raises.

    Example:
        >>> assert_recurrence(np.cumsum, np.ones(3), np.array([1.0, 2.0, 3.0]))
    """
    __tracebackhide__ = True
    condition = _admit(run, condition, u=u, kernel=kernel)
    y = run(u)
    length = u.shape[-1]
    scale = np.sum(np.abs(on_the_host("kernel", kernel)), axis=-1)[..., None] * _largest(u)
    expected = convolve(u, kernel)
    _assert_named("recurrence", y, expected, scale, condition * length, constant=32)


def assert_causal(run: Run, u: Array, at: int, *, condition: float = 1.0) -> None:
    """The output before sample `at` does not depend on the input from there on.

    Args:
        run: a function from a signal (..., L) to a signal.
        u: a signal (..., L).
        at: a sample, 0 < at < L.
        condition: a factor of what is allowed, 8 L eps of the largest output.

    Raises:
        AssertionError: if it does; the message says by how much.
        TypeError: if `u` is no array of single or double precision, and `run` no function.
        ValueError: for a sample that leaves nothing to compare before or after it.

    Example:
        >>> assert_causal(np.cumsum, np.ones(8), 3)
    """
    __tracebackhide__ = True
    condition = _admit(run, condition, u=u)
    length = u.shape[-1]
    at = require.integer("at", at)
    if at >= length:
        remedy = "From there on nothing is left to compare."
        raise ValueError(f"`at` must be below {length}, the length of `u`; got {at}. {remedy}")
    xp = backend.library(u)
    past = xp.where(backend.arange(length, u) < at, u, 0 * u)
    y = run(u)
    rounding = condition * length
    _assert_named("causal", run(past)[..., :at], y[..., :at], _largest(y), rounding)


def assert_linear(
    run: Run, u: Array, v: Array, *, factor: float = -1.7, condition: float = 1.0
) -> None:
    """run(u + factor v) = run(u) + factor run(v).

    Args:
        run: a function from a signal (..., L) to a signal.
        u: a signal (..., L).
        v: another.
        factor: a number.
        condition: a factor of what is allowed, 8 L eps of the two terms together.

    Raises:
        AssertionError: if they differ; the message says by how much.

    Example:
        >>> assert_linear(np.cumsum, np.ones(8), np.arange(8.0))
    """
    __tracebackhide__ = True
    condition = _admit(run, condition, u=u, v=v)
    rule = f"{tuple(u.shape)}, that of `u`"
    require.shape("v", tuple(v.shape), rule, u.shape == v.shape)
    factor = require.real("factor", factor)
    x = run(u)
    y = factor * run(v)
    scale = _largest(x) + _largest(y)
    _assert_named("linear", run(u + factor * v), x + y, scale, condition * u.shape[-1])


def _assert_comparable(x: np.ndarray, y: np.ndarray) -> None:
    """The arrays have one shape, and neither NaN nor infinities."""
    __tracebackhide__ = True
    if x.shape != y.shape:
        raise AssertionError(f"shapes must agree; got {x.shape} where {y.shape} is expected.")
    for name, array in (("got", x), ("expected", y)):
        if not require.all_finite(array):
            at = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
            raise AssertionError(f"{name} must be finite; it is {array[at]} at {at}.")


def _assert_upheld(found: list[Check]) -> None:
    """Every check holds."""
    __tracebackhide__ = True
    broken = [
        f"{check.law}: {check.message} ({check.error:.3g}, allowed {check.allowed:.3g})"
        for check in found
        if not check.holds
    ]
    if broken:
        raise AssertionError("\n".join(broken))


def _assert_named(
    law: str, got: Array, expected: Array, scale: Any, condition: float, constant: float = 8.0
) -> None:
    """`assert_close`, the law named if it is broken."""
    __tracebackhide__ = True
    try:
        assert_close(got, expected, scale=scale, condition=condition, constant=constant)
    except AssertionError as error:
        raise AssertionError(f"{law}: {error}") from None


class _Explained(AssertionError):
    """A disagreement of kernels, explained when the error is read and not before.

    Hypothesis raises hundreds on its way to the simplest.
    """

    def __init__(self, difference: str, model: SampledModel, theirs: Array) -> None:
        super().__init__(difference, model, theirs)
        self.difference = difference
        self.model = model
        self.theirs = theirs

    def __str__(self) -> str:
        K = on_the_host("kernel", self.theirs)
        said = f"kernel: {self.difference}"
        if K.shape != self.model.kernel.shape or not require.all_finite(K):
            return said
        findings = diagnose(self.model.form, K, rule=self.model.rule)
        return " ".join([said, *(finding.message for finding in findings[:1])])


def _factors(name: str, value: Any) -> Real:
    """The factors of a tolerance on the host; infinite ones would allow everything."""
    factors = real_numbers(name, value)
    if np.any(factors < 0):
        raise ValueError(
            f"`{name}` must not be negative; got {np.min(factors):g}. Take absolute values."
        )
    return factors


def _admit(run: Run, condition: float, **signals: Array) -> float:
    """The condition, once it is known that a function and its signals can be judged."""
    require.function("run", run, "It is called with a signal (..., L).")
    backend.namespace(**signals)
    for name, signal in signals.items():
        shape = tuple(signal.shape)
        require.shape(name, shape, "(..., L) with L > 0", bool(shape) and shape[-1] > 0)
    return require.real("condition", condition, above=0)


def _largest(array: Array) -> Real:
    return np.max(np.abs(on_the_host("run(u)", array)), initial=0.0)


def _eps(array: Array) -> float:
    """That of the array's own numbers; of float64 for integers and for Python numbers."""
    found = format_of(array.dtype) if hasattr(array, "dtype") else None
    return found.eps if found else EPS
