"""The rules by name, and the functions that sample a form by one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ..forms import (
    Continuous,
    Delayed,
    Discrete,
    Recurrent,
    check,
    inner,
    is_recurrence,
    kind,
    plain,
)
from ..ground import require
from ..powers import tables
from ..products.generating_function import Feedback
from .samples_of_forms import feedback, under_scheme, under_scheme_with_base
from .schemes import SCHEMES, Scheme, fractional, weight_of_end

Rule = str | Callable[[Continuous], Discrete]


def zoh(form: Continuous) -> Recurrent:
    """Zero-order hold: exact for an input that is constant over each step.

    Args:
        form: a continuous form with an output.

    Returns:
        The recurrence that its kind is sampled to.

    Raises:
        TypeError: for discrete forms and an `NPLR`; what `forms.check` raises.
        ValueError: on the host for an overflow; what `forms.check` raises.

    Accuracy:
        A_d and B_d to a few eps of themselves, for phases lose whole turns before they are rounded.
        For a matrix that of the exponential, relative to |A_d|.

    Source:
        Van Loan 1978 (both from one exponential, for matrices).

    Example:
        >>> import numpy as np
        >>> from ssmlinalg import forms
        >>> one = np.ones(2)
        >>> zoh(forms.Diagonal(np.array([0.0, -1.0]), one, one, 0.0, 0.5)).B.real.round(6)
        array([0.5     , 0.393469])
    """
    return under_scheme(check(form), SCHEMES["zoh"])


def foh(form: Continuous) -> Delayed:
    """First-order hold: exact for an input that is linear between samples.

    Args:
        form: a continuous form with an output.

    Returns:
        A `Delayed` form, for the rule reads the samples at both ends of a step.

    Raises:
        TypeError: for discrete forms and an `NPLR`; what `forms.check` raises.
        ValueError: on the host for an overflow; what `forms.check` raises.

    Accuracy:
        As `zoh`.

    Source:
        Franklin, Powell & Workman 1990, Section 4.3 (triangle hold).

    Example:
        >>> import numpy as np
        >>> from ssmlinalg import forms
        >>> integrator = forms.Diagonal(np.zeros(1), np.ones(1), np.ones(1), 0.0, 0.5)
        >>> foh(integrator).D  # the trapezoidal rule: half a step of the newest sample
        np.float64(0.25)
    """
    return under_scheme(check(form), SCHEMES["foh"])


def gbt(form: Continuous, *, alpha: float) -> Recurrent:
    """Generalized bilinear transform: the derivative at both ends of a step, weighed by alpha.

    Args:
        form: a continuous form with an output.
        alpha: the weight of the end, in [0, 1]: 0 is forward Euler, 1/2 the bilinear rule that S4
            and LSSL use, 1 backward Euler.

    Returns:
        The recurrence that its kind is sampled to.

    Raises:
        TypeError: for discrete forms and an `NPLR`, and an alpha that is no number; what
            `forms.check` raises.
        ValueError: unless 0 <= alpha <= 1; on the host for an eigenvalue at the pole
            1/(step alpha); what `forms.check` raises.

    Source:
        Zhang, Chen & Chen 2009, Int. J. Control 82(4), 741-754.

    Example:
        >>> import numpy as np
        >>> from ssmlinalg import forms
        >>> one = np.ones(1)
        >>> gbt(forms.Diagonal(-one, one, one, 0.0, 1.0), alpha=0.75).A.real.round(6)
        array([0.428571])
    """
    return under_scheme(check(form), fractional(weight_of_end(alpha)))


def bilinear(form: Continuous) -> Recurrent:
    """Tustin's rule, the bilinear transform: `gbt` at alpha = 1/2, with which S4 is trained.

    Args:
        form: a continuous form with an output.

    Returns:
        The recurrence that its kind is sampled to.

    Raises:
        TypeError: for discrete forms and an `NPLR`; what `forms.check` raises.
        ValueError: on the host for an eigenvalue at the pole 2/step; what `forms.check` raises.

    Example:
        >>> import numpy as np
        >>> from ssmlinalg import forms
        >>> one = np.ones(1)
        >>> bilinear(forms.Diagonal(-2 * one, one, one, 0.0, 0.5)).A.real.round(6)
        array([0.333333])
    """
    return under_scheme(check(form), SCHEMES["bilinear"])


def forward(form: Continuous) -> Recurrent:
    """Forward Euler, `gbt` at alpha = 0: unstable for stiff modes.

    Args:
        form: a continuous form with an output.

    Returns:
        The recurrence that its kind is sampled to.

    Raises:
        TypeError: for discrete forms and an `NPLR`; what `forms.check` raises.
        ValueError: on the host for an overflow; what `forms.check` raises.

    Example:
        >>> import numpy as np
        >>> from ssmlinalg import forms
        >>> one = np.ones(1)
        >>> forward(forms.Diagonal(-2 * one, one, one, 0.0, 0.25)).A.real
        array([0.5])
    """
    return under_scheme(check(form), SCHEMES["forward"])


def backward(form: Continuous) -> Recurrent:
    """Backward Euler, `gbt` at alpha = 1.

    Args:
        form: a continuous form with an output.

    Returns:
        The recurrence that its kind is sampled to.

    Raises:
        TypeError: for discrete forms and an `NPLR`; what `forms.check` raises.
        ValueError: on the host for an eigenvalue at the pole 1/step; what `forms.check` raises.

    Example:
        >>> import numpy as np
        >>> from ssmlinalg import forms
        >>> one = np.ones(1)
        >>> backward(forms.Diagonal(-2 * one, one, one, 0.0, 0.5)).A.real
        array([0.5])
    """
    return under_scheme(check(form), SCHEMES["backward"])


def impulse(form: Continuous) -> Recurrent:
    """Impulse invariance: the kernel is step times the sampled impulse response.

    A_d = e^z and B_d = step B. The same numbers are Mamba's mix, zero-order hold for A and Euler
    for B.

    Args:
        form: a continuous form with an output.

    Returns:
        The recurrence that its kind is sampled to.

    Raises:
        TypeError: for discrete forms and an `NPLR`; what `forms.check` raises.
        ValueError: on the host for an overflow; what `forms.check` raises.

    Source:
        Gu & Dao 2023 (Mamba), Section 3.6 of the notes on the code.

    Example:
        >>> import numpy as np
        >>> from ssmlinalg import forms
        >>> one = np.ones(1)
        >>> impulse(forms.Diagonal(-one, one, one, 0.0, 0.5)).B.real
        array([0.5])
    """
    return under_scheme(check(form), SCHEMES["impulse"])


RULES: dict[str, Callable[[Continuous], Discrete]] = {
    "zoh": zoh,
    "bilinear": bilinear,
    "forward": forward,
    "backward": backward,
    "impulse": impulse,
    "mamba": impulse,
    "foh": foh,
}


_WEIGHED = {0.0: "forward", 0.5: "bilinear", 1.0: "backward"}  # by the alpha of `gbt`


def named(rule: Rule) -> Rule:
    """The name of a rule that is given as a function, where it has one.

    Args:
        rule: as in `discretize`.

    Returns:
        The name of a function in `RULES`, and of partial(gbt, alpha=...) at 0, 1/2 and 1; all else
        as it is.

    Raises:
        TypeError: for an alpha of `gbt` that is no number.
        ValueError: for one outside [0, 1].

    Example:
        >>> from functools import partial
        >>> named(zoh), named(partial(gbt, alpha=0.5))
        ('zoh', 'bilinear')
    """
    if not callable(rule):
        return rule
    alpha = _weight(rule)
    if alpha is not None:
        return _WEIGHED.get(alpha, rule)
    names = [name for name, function in RULES.items() if function is rule]
    return names[0] if names else rule


def arithmetic(rule: Rule) -> Scheme | None:
    """The scheme of a rule, whether it is given by name, by its function or as a partial of `gbt`.

    Args:
        rule: as in `discretize`.

    Returns:
        The scheme; None for another function, and for a name that has none in `SCHEMES`.

    Raises:
        TypeError: for an alpha of `gbt` that is no number.
        ValueError: for one outside [0, 1].

    Example:
        >>> arithmetic(bilinear) is SCHEMES["bilinear"], arithmetic(lambda form: form)
        (True, None)
    """
    rule = named(rule)
    if isinstance(rule, str):
        return SCHEMES.get(rule)
    alpha = _weight(rule)
    return None if alpha is None else fractional(alpha)


def _weight(rule: Callable[..., Any]) -> float | None:
    """The alpha of partial(gbt, alpha=...), None for another function."""
    if isinstance(rule, partial) and rule.func is gbt and list(rule.keywords) == ["alpha"]:
        return weight_of_end(rule.keywords["alpha"])
    return None


def discretize(form: Continuous, *, rule: Rule = "zoh") -> Discrete:
    """The discrete form that a rule samples a continuous form to.

    Args:
        form: a continuous form with an output.
        rule: a name from `RULES`, or a function from form to form such as partial(gbt, alpha=0.3).

    Returns:
        The recurrence that its kind is sampled to, `Delayed` under "foh".

    Raises:
        TypeError: for discrete forms and an `NPLR`; what `forms.check` raises.
        ValueError: for an unknown name; what the rule raises.

    Example:
        >>> from ssmlinalg import s4d_lin_init
        >>> type(discretize(s4d_lin_init(4), rule="bilinear")).__name__
        'PairedRecurrence'
    """
    if callable(rule):
        return _by_function(rule, form)
    return RULES[require.known("rule", rule, RULES)](form)


def _by_function(rule: Callable[[Any], Any], form: Any) -> Any:
    """The form that a function returns, once it is known to be discrete."""
    found = rule(form)
    if not is_recurrence(found) and not isinstance(found, Delayed):
        said = "a rule that is a function must return a discrete form"
        remedy = "Give a name, or a function such as partial(gbt, alpha=0.3)."
        raise TypeError(f"{said}; got {require.said(found)}. {remedy}")
    return found


def sampled(form: Any, *, rule: Rule) -> Any:
    """The discrete form behind the door: sampled by a rule, or as it is.

    Args:
        form: any form that `check` has passed, continuous or discrete.
        rule: as in `discretize`. A function is given the form; a discrete form does not use it.

    Returns:
        A discrete form.

    Raises:
        TypeError: for an `NPLR`; what a rule that is a function raises.
        ValueError: for an unknown name; what the rule raises.

    Example:
        >>> import numpy as np
        >>> from ssmlinalg import forms
        >>> one = np.ones(1) + 0j
        >>> sampled(forms.Recurrence(one, one, one, np.zeros(())), rule="zoh").A
        array([1.+0.j])
    """
    if isinstance(form, Delayed):
        return form._replace(system=plain(form.system))
    if not kind(form).continuous:
        return plain(form)
    scheme = arithmetic(rule)
    if scheme is not None:
        return under_scheme(form, scheme)
    if callable(rule):
        return _by_function(rule, form)
    return RULES[require.known("rule", rule, RULES)](form)


def sampled_with_base(form: Any, *, rule: Rule) -> tuple[Any, tables.Base | None]:
    """The discrete form, and what its modes are raised to powers from.

    Args:
        form: any form that `check` has passed, continuous or discrete.
        rule: as in `sampled`.

    Returns:
        What `sampled` returns, and a base (..., n) of the eigenvalues A_d. Under a rule whose
        `arithmetic` is known it is made of step A, so that powers are exact until they are rounded
        once, else of A_d as it is. None for a matrix.

    Raises:
        TypeError: what `sampled` raises.
        ValueError: what `sampled` raises.

    Example:
        >>> import numpy as np
        >>> from ssmlinalg import forms
        >>> one = np.ones(1) + 0j
        >>> form = forms.Diagonal(-one, one, one, np.zeros(()), np.ones(()))
        >>> sampled_with_base(form, rule="zoh")[1].exponential
        True
    """
    known = kind(form)
    scheme = arithmetic(rule) if known.continuous and not known.matrix else None
    if scheme is not None:
        return under_scheme_with_base(plain(form), scheme)
    system = sampled(form, rule=rule)
    return system, None if kind(system).matrix else tables.number(inner(system).A)


def low_rank(form: Any, rule: Rule) -> Feedback | None:
    """The samples of a `DPLR` form as a diagonal with feedback: O(N R) a step, O(N R^2) to find.

    Args:
        form: any form that `check` has passed.
        rule: as in `sampled`.

    Returns:
        A `Feedback`; None for other forms, for rules that are exponentials, functions that are no
        rule of ours, and on the host for modes with Re Lambda > 0, which may lie at a pole of the
        rule where A does not.

    Raises:
        ValueError: on the host for an overflow, or an eigenvalue at a pole of the rule.

    Example:
        >>> from ssmlinalg import s4_init
        >>> low_rank(s4_init(64), "bilinear").U.shape, low_rank(s4_init(64), "zoh")
        ((64, 1), None)
    """
    scheme = arithmetic(rule)
    return None if scheme is None else feedback(form, scheme)
