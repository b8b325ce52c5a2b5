r"""Discretization: x' = A x + B u becomes x_l = A_d x_{l-1} + B_d u_l, sample l held over (l-1, l].

A rule is a function from a continuous form to the discrete one that its kind is sampled to. With
z = step A it is a pair of functions, A_d = f(z) and B_d = step g(z) B. `RULES` names them, and
`SCHEMES` holds their arithmetic. The order is the power of the step with which the state at a fixed
time converges, for an input held constant over each step (for `foh`: linear).

==========  ==========================  ===============  =====  ==============================
rule        f(z)                        g(z)             order  stable for all Re z < 0
==========  ==========================  ===============  =====  ==============================
zoh         e^z                         (e^z - 1)/z      exact  yes
foh         e^z                         two taps         exact  yes
bilinear    (1 + z/2)/(1 - z/2)         1/(1 - z/2)      2      yes; a contraction when A is
                                                                dissipative
gbt(alpha)  (1 + (1-alpha)z)/(1-az)     1/(1 - alpha z)  1      alpha >= 1/2
forward     1 + z                       1                1      only |1 + z| < 1
backward    1/(1 - z)                   1/(1 - z)        1      yes
impulse     e^z                         1                1      yes; K_l = step K(l step), the
                                                                sampled impulse response
mamba       e^z                         1                1      yes; the same as `impulse`
==========  ==========================  ===============  =====  ==============================

lambda = 0 is legal everywhere: nothing divides by A.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from .forms import (
    DPLR,
    KINDS,
    NPLR,
    Continuous,
    Delayed,
    DenseRecurrence,
    Discrete,
    Kind,
    Recurrent,
    check,
    inner,
    is_recurrence,
    kind,
    plain,
    step_of,
    unsampled,
)
from .ground import backend, require
from .ground.backend import Array
from .ground.gate import together
from .powers import double_words, tables
from .products import generating_function
from .products.generating_function import Feedback

__all__ = [
    "RULES",
    "SCHEMES",
    "Rule",
    "Samples",
    "Scheme",
    "backward",
    "bilinear",
    "continuous",
    "discretize",
    "foh",
    "forward",
    "gbt",
    "impulse",
    "low_rank",
    "modulo_turns",
    "phi1",
    "phi2",
    "sampled",
    "sampled_with_base",
    "zoh",
]


def __dir__() -> list[str]:
    return __all__


Rule = str | Callable[[Continuous], Discrete]


class Samples(NamedTuple):
    """One step of a sampled system: x_l = A x_{l-1} + now u_l + before u_{l-1}.

    Attributes:
        A: f(z) for modes, A_d for matrices.
        now: g(z) for modes, B_d (..., N, M) for matrices.
        before: the same for the sample before. None: the rule reads one sample a step.
    """

    A: Array
    now: Array
    before: Array | None = None


class Scheme(NamedTuple):
    """The arithmetic of a rule.

    Attributes:
        modes: from z (..., n), and z modulo 2 pi i, to f(z) and the gains g(z).
        matrices: from step A (..., N, N) and step B (..., N, M) to A_d and B_d.
        base: from step and A to what f(z)^l is evaluated from, so that a power does not multiply
            the rounding of f(z) by l.
        inverse: from f(z) to z, to the slowest frequency of the many with one e^z.
        inverse_matrices: the same from A_d to step A, refused on the host where there is none.
        exponential: whether f(z) = e^z, for which `modes` needs z modulo 2 pi i.
        low_rank: from Lambda, P, B and step of diag(Lambda) - P P^H to its samples, which are
            diagonal plus low rank too. None: the rule has no such form.
    """

    modes: Callable[[Array, Array], Samples]
    matrices: Callable[[Array, Array], Samples]
    base: Callable[[Array, Array], tables.Base]
    inverse: Callable[[Array], Array]
    inverse_matrices: Callable[[Array], Array]
    exponential: bool = True
    low_rank: Callable[..., Feedback] | None = None


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
        >>> from ssmlinalg import forms
        >>> one = np.ones(2)
        >>> zoh(forms.Diagonal(np.array([0.0, -1.0]), one, one, 0.0, 0.5)).B.real.round(6)
        array([0.5     , 0.393469])
    """
    return _sampled(check(form), SCHEMES["zoh"])


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
        >>> from ssmlinalg import forms
        >>> integrator = forms.Diagonal(np.zeros(1), np.ones(1), np.ones(1), 0.0, 0.5)
        >>> foh(integrator).D  # the trapezoidal rule: half a step of the newest sample
        np.float64(0.25)
    """
    return _sampled(check(form), SCHEMES["foh"])


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
        >>> from ssmlinalg import forms
        >>> one = np.ones(1)
        >>> gbt(forms.Diagonal(-one, one, one, 0.0, 1.0), alpha=0.75).A.real.round(6)
        array([0.428571])
    """
    return _sampled(check(form), _fractional(_weight(alpha)))


def _weight(alpha: Any) -> float:
    alpha = require.real("alpha", alpha)
    if not 0 <= alpha <= 1:
        raise ValueError(f"`alpha` must lie in [0, 1]; got {alpha:g}. 0.5 is the bilinear rule.")
    return alpha


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
        >>> from ssmlinalg import forms
        >>> one = np.ones(1)
        >>> bilinear(forms.Diagonal(-2 * one, one, one, 0.0, 0.5)).A.real.round(6)
        array([0.333333])
    """
    return _sampled(check(form), SCHEMES["bilinear"])


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
        >>> from ssmlinalg import forms
        >>> one = np.ones(1)
        >>> forward(forms.Diagonal(-2 * one, one, one, 0.0, 0.25)).A.real
        array([0.5])
    """
    return _sampled(check(form), SCHEMES["forward"])


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
        >>> from ssmlinalg import forms
        >>> one = np.ones(1)
        >>> backward(forms.Diagonal(-2 * one, one, one, 0.0, 0.5)).A.real
        array([0.5])
    """
    return _sampled(check(form), SCHEMES["backward"])


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
        >>> from ssmlinalg import forms
        >>> one = np.ones(1)
        >>> impulse(forms.Diagonal(-one, one, one, 0.0, 0.5)).B.real
        array([0.5])
    """
    return _sampled(check(form), SCHEMES["impulse"])


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
        >>> from ssmlinalg import forms
        >>> one = np.ones(1) + 0j
        >>> sampled(forms.Recurrence(one, one, one, np.zeros(())), rule="zoh").A
        array([1.+0.j])
    """
    if isinstance(form, Delayed):
        return form._replace(system=plain(form.system))
    if not kind(form).continuous:
        return plain(form)
    if callable(rule):
        return _by_function(rule, form)
    scheme = SCHEMES.get(require.known("rule", rule, RULES))
    return RULES[rule](form) if scheme is None else _sampled(form, scheme)


def sampled_with_base(form: Any, *, rule: Rule) -> tuple[Any, tables.Base | None]:
    """The discrete form, and what its modes are raised to powers from.

    Args:
        form: any form that `check` has passed, continuous or discrete.
        rule: as in `sampled`.

    Returns:
        What `sampled` returns, and a base (..., n) of the eigenvalues A_d. Under a rule in
        `SCHEMES` it is made of step A, so that powers are exact until they are rounded once, else
        of A_d as it is. None for a matrix.

    Raises:
        TypeError: what `sampled` raises.
        ValueError: what `sampled` raises.

    Example:
        >>> from ssmlinalg import forms
        >>> one = np.ones(1) + 0j
        >>> form = forms.Diagonal(-one, one, one, np.zeros(()), np.ones(()))
        >>> sampled_with_base(form, rule="zoh")[1].exponential
        True
    """
    known = kind(form)
    if known.continuous and not known.matrix and isinstance(rule, str) and rule in SCHEMES:
        return _with_base(plain(form), SCHEMES[rule])
    system = sampled(form, rule=rule)
    return system, None if kind(system).matrix else tables.number(inner(system).A)


def continuous(form: Discrete, *, step: float | Array = 1.0, rule: Rule = "zoh") -> Continuous:
    """The continuous form whose samples are a recurrence: the way back from `discretize`.

    A = f^-1(A_d)/step and B = g(step A)^-1 B_d/step; C and D stay. Under "foh" the state of a
    `Delayed` form is driven by g = phi_1^2 (a triangle is a box held twice), and D of the
    continuous form is what the newest sample leaves of the direct path.

    Args:
        form: a recurrence, of modes or a matrix; under "foh" a `Delayed` form.
        step: a number, or an array of the shape that the continuous form asks for. LRU and DLR,
            which have no step, become models of time 1 a sample.
        rule: a name from `RULES`, its function, or partial(gbt, alpha=...), spelled like this:
            another function has no way back.

    Returns:
        The continuous form of the same ports and half of a spectrum, `Dense` for a matrix.

    Raises:
        TypeError: for continuous forms, another function, a `Delayed` form under a rule of one
            sample a step and the other way round, and a step that is no number; for a logarithm of
            a matrix that JAX traces; what `forms.check` raises.
        ValueError: for a step that is not positive, for an unknown rule, and where an eigenvalue is
            not the sample of one: A_d = 0 for exponentials and "backward", A_d = -1 for "bilinear",
            A_d = (alpha - 1)/alpha for `gbt`; for a real matrix with an eigenvalue below 0, which
            has no real logarithm; for a matrix that rounding may bring there, or whose logarithm it
            changes in more than three quarters of the digits; what `forms.check` raises.

    Accuracy:
        Exact for each mode, up to rounding that is relative to |A_d|; for a matrix that times the
        condition of its logarithm. Rules that hold exponentials cannot tell frequencies beyond
        Nyquist: |Im A| <= pi/step comes back.

    Cost:
        O(N^3) for a matrix. Its logarithm is found on the host, and has no derivative.

    Source:
        Higham 2008, Functions of Matrices, Section 2.3 (the logarithm, from discrete to continuous
        time); `backend.logm`.

    Example:
        >>> from ssmlinalg import forms, s4d_lin_init
        >>> model = forms.to_dense(s4d_lin_init(4, step=0.1))
        >>> bool(abs(continuous(zoh(model), step=0.1).B - model.B).max() < 1e-13)
        True
        >>> tilted = partial(gbt, alpha=0.3)
        >>> bool(abs(continuous(tilted(model), step=0.1, rule=tilted).A - model.A).max() < 1e-13)
        True
    """
    scheme = _scheme(rule)
    _refuse_other_taps(form, two=scheme is SCHEMES["foh"])
    form = check(form)
    system: Any = inner(form)
    steps = _steps(system, step)
    with backend.quietly(system.A):  # `check` looks at the result
        undone = _matrix_undone if kind(form).matrix else partial(_modes_undone, rule)
        Z, B = undone(system, scheme)
        found = unsampled(type(system))(Z, B / steps[..., None], system.C, system.D, steps)
        found = check(found._replace(A=Z / step_of(found)))
    if isinstance(form, Delayed):
        found = found._replace(D=form.D - _sampled(found, scheme).D)
    return check(found)


def _scheme(rule: Rule) -> Scheme:
    """The arithmetic of a rule that is known, for it can be undone."""
    if isinstance(rule, partial) and rule.func is gbt and list(rule.keywords) == ["alpha"]:
        return _fractional(_weight(rule.keywords["alpha"]))
    if callable(rule):
        names = [name for name in SCHEMES if RULES[name] is rule]
        if not names:
            needed = "`rule` must be a name or partial(gbt, alpha=...) to be undone"
            remedy = "Name one of discretize.RULES."
            raise TypeError(f"{needed}; got {require.said(rule)}. {remedy}")
        rule = names[0]
    return SCHEMES[require.known("rule", rule, SCHEMES)]


def _refuse_other_taps(form: Any, *, two: bool) -> None:
    """Refuse what no rule of one sample a step, or of two, samples to."""
    if isinstance(form, Delayed) if two else is_recurrence(form):
        return
    needed = "a Delayed form under 'foh'" if two else "a recurrence under a rule of one tap"
    remedy = "Name the rule that it was sampled by, or sample it first."
    raise TypeError(f"`form` must be {needed}; got {type(form).__name__}. {remedy}")


def _steps(system: Any, step: float | Array) -> Array:
    """The step of each channel, or of each mode where the continuous form has one."""
    if hasattr(step, "shape"):
        backend.namespace(A=system.A, step=step)
    else:
        step = require.real("step", step, above=0)
    axes = KINDS[unsampled(type(system))].axes
    shape = tuple(system.A.shape)
    shape = shape[: len(shape) - len(axes["A"]) + len(axes["step"])]
    return backend.beside(step, system.A) + backend.zeros(shape, backend.real(system.D))


def _modes_undone(rule: Rule, system: Any, scheme: Scheme) -> tuple[Array, Array]:
    """z = f^-1(A_d) and step B, refused on the host where a mode has none."""
    A = system.A
    z = scheme.inverse(A)
    if backend.is_numpy(z) and not require.all_finite(z):
        where = complex(A[~np.isfinite(z)][0])
        name = rule if isinstance(rule, str) else getattr(rule, "func", rule).__name__
        raise ValueError(
            f"every mode must be the sample of one by {name!r}; got A = {where:g}. "
            "Choose another rule."
        )
    f, now, before = scheme.modes(z, z)
    gain = now if before is None else f * now + before
    return z, system.B / (gain[..., None] if kind(system).ports else gain)


def _matrix_undone(system: Any, scheme: Scheme) -> tuple[Array, Array]:
    """Z = f^-1(A_d) and step B, in the units that balance A_d and back."""
    xp = backend.library(system.A)
    units = backend.balance(system.A)[..., None]
    turned = xp.matrix_transpose(units)
    Z = scheme.inverse_matrices(backend.times_two_to(system.A, turned - units))
    B = backend.times_two_to(system.B[..., None], -units)
    f, now, before = scheme.matrices(Z, backend.eye(Z.shape[-1], Z))
    gain = now if before is None else backend.matmul(f, now) + before
    B = xp.linalg.solve(gain, xp.astype(B, gain.dtype))
    return backend.times_two_to(Z, units - turned), backend.times_two_to(B, units)[..., 0]


def low_rank(form: Any, rule: Rule) -> Feedback | None:
    """The samples of a `DPLR` form as a diagonal with feedback: O(N R) a step, O(N R^2) to find.

    Args:
        form: any form that `check` has passed.
        rule: as in `sampled`.

    Returns:
        A `Feedback`; None for other forms, for rules that are exponentials or functions, and on the
        host for modes with Re Lambda > 0, which may lie at a pole of the rule where A does not.

    Raises:
        ValueError: on the host for an overflow, or an eigenvalue at a pole of the rule.

    Example:
        >>> from ssmlinalg import s4_init
        >>> low_rank(s4_init(64), "bilinear").U.shape, low_rank(s4_init(64), "zoh")
        ((64, 1), None)
    """
    scheme = SCHEMES.get(rule) if isinstance(rule, str) else None
    return None if scheme is None else _feedback(form, scheme)


def _feedback(form: Any, scheme: Scheme) -> Feedback | None:
    """The same as `low_rank`, under a scheme."""
    if not isinstance(form, DPLR) or scheme.low_rank is None:
        return None
    if backend.is_numpy(form.Lambda) and np.any(form.Lambda.real > 0):
        return None
    return _finite(form, partial(scheme.low_rank, form.Lambda, form.P, form.B, form.step))


def _sampled(form: Any, scheme: Scheme) -> Any:
    """A checked continuous form under a scheme."""
    found = _feedback(form, scheme)
    if found is not None:
        A = generating_function.dense(found.D, found.U, found.V)
        return DenseRecurrence(A, found.B, form.C, form.D)
    form = _with_output(form)
    if kind(form).matrix:
        return _finished(form, partial(_of_matrix, form, scheme))
    step = step_of(form)
    z = step * form.A
    turned = _radians(double_words.turned(step, form.A), z) if scheme.exponential else z
    return _finished(form, partial(_of_modes, form, scheme, z, turned))


def _with_base(form: Any, scheme: Scheme) -> tuple[Any, tables.Base]:
    """A checked form of modes under a scheme, and the base of its powers; phases are found once."""
    step = step_of(form)
    with backend.quietly(form.A):  # an overflow is one of the samples, too
        base = scheme.base(step, form.A)
        z = step * form.A
        turned = _radians(base.words, z) if scheme.exponential else z
    return _finished(form, partial(_of_modes, form, scheme, z, turned)), base


def _with_output(form: Any) -> Any:
    """The form with fields A, B, C, D and step, refused if it is discrete or has no output."""
    if isinstance(form, (NPLR, Delayed)) or not kind(form).continuous:
        got = type(form).__name__
        raise TypeError(
            f"a rule takes a continuous form with an output; got {got}. Use forms.to_dense first."
        )
    return plain(form)


def _finished(form: Any, evaluate: Callable[[], Samples]) -> Any:
    """The recurrence of the samples."""
    samples = _finite(form, evaluate)
    with backend.quietly(samples.A):
        return _recurrence(form, samples)


def _finite(form: Any, evaluate: Callable[[], Any]) -> Any:
    """The tuple of samples, refused on the host if they overflowed."""
    if not backend.is_numpy(form.B):
        return evaluate()
    with backend.quietly(form.B), suppress(np.linalg.LinAlgError):
        samples = evaluate()
        if all(require.all_finite(part) for part in samples if part is not None):
            return samples
    raise ValueError(_OVERFLOW)


def _recurrence(form: Any, samples: Samples) -> Any:
    """The discrete form with the samples of A and B, and the C and D of the form.

    In the state s_l = A x_l + before u_l, which foresees x_{l+1}, two taps are one: s_l = A s_{l-1}
    + (A now + before) u_l.
    """
    known = kind(form)
    A, now, before = samples
    make: Any = known.sampled
    if before is None:
        return make(A, now, form.C, form.D)
    xp = backend.library(A)
    system = make(A, _times(A, now, known) + before, form.C, xp.zeros_like(form.D))
    direct = backend.matmul(form.C, now) if known.ports else xp.sum(form.C * now, axis=-1)
    return Delayed(system, form.D + (2 if known.half else 1) * backend.real(direct))


def _times(A: Array, B: Array, known: Kind) -> Array:
    if not known.matrix:
        return (A[..., None] if known.ports else A) * B
    return backend.matmul(A, B) if known.ports else backend.matvec(A, B)


def _of_matrix(form: Any, scheme: Scheme) -> Samples:
    ports = kind(form).ports
    step = step_of(form)
    units = backend.balance(form.A)[..., None]  # in which no entry is large beside its meaning
    turned = backend.library(units).matrix_transpose(units)
    Z = step * backend.times_two_to(form.A, turned - units)
    B = step * backend.times_two_to(form.B if ports else form.B[..., None], -units)
    if backend.is_numpy(Z) and not require.all_finite(Z):
        raise ValueError(_OVERFLOW)
    A, *taps = scheme.matrices(Z, B)

    def tap(B: Array) -> Array:
        B = backend.times_two_to(B, units)
        return B if ports else B[..., 0]

    A = backend.times_two_to(A, units - turned)
    return Samples(A, *(B if B is None else tap(B) for B in taps))


def _of_modes(form: Any, scheme: Scheme, z: Array, turned: Array) -> Samples:
    step = step_of(form)
    ports = kind(form).ports
    f, now, before = scheme.modes(z, turned)

    def tap(gain: Array) -> Array:
        gain = gain * step
        return (gain[..., None] if ports else gain) * form.B

    return Samples(f, tap(now), None if before is None else tap(before))


def modulo_turns(step: Array, A: Array) -> tuple[Array, Array]:
    """z = step A, and z modulo 2 pi i.

    Args:
        step: real (...), or times.
        A: complex (...), broadcast.

    Returns:
        z and z modulo 2 pi i rounded once, both with the derivative of z.

    Example:
        >>> modulo_turns(np.ones(1), np.array([2j * np.pi]))[1].imag.round(12) + 0.0
        array([0.])
    """
    together({"step": (), "A": ()}, step=step, A=A)
    z = step * A
    return z, _radians(double_words.turned(step, A), z)


def _radians(words: Any, z: Array) -> Array:
    """z modulo 2 pi i from its words. The second term is 0, and has the derivative."""
    return double_words.radians(words) + (z - backend.constant(z))


def phi1(z: Array, turned: Array) -> Array:
    """The function phi_1(z) = (e^z - 1)/z of exponential integrators, 1 at z = 0.

    Args:
        z: complex (...).
        turned: z modulo 2 pi i, without the rounding of a large phase.

    Returns:
        phi_1(z) (...).

    Accuracy:
        A few eps of |e^z - 1|/|z|.

    Example:
        >>> phi1(np.zeros(1) + 0j, np.zeros(1) + 0j)
        array([1.+0.j])
    """
    together({"z": (), "turned": ()}, z=z, turned=turned)
    return _first_phi(z, turned)


def phi2(z: Array, turned: Array) -> Array:
    """The function phi_2(z) = (e^z - 1 - z)/z^2 of exponential integrators, 1/2 at z = 0.

    Args:
        z: complex (...).
        turned: z modulo 2 pi i, without the rounding of a large phase.

    Returns:
        phi_2(z) (...).

    Example:
        >>> phi2(np.zeros(1) + 0j, np.zeros(1) + 0j)
        array([0.5+0.j])
    """
    together({"z": (), "turned": ()}, z=z, turned=turned)
    return _second_phi(z, turned)


def _first_phi(z: Array, turned: Array) -> Array:
    return _phi(z, 1, _expm1(turned))


def _second_phi(z: Array, turned: Array) -> Array:
    return _phi(z, 2, _first_phi(z, turned) - 1)


def _phi(z: Array, index: int, numerator: Array) -> Array:
    """numerator / z where |z| is not small, else sum_k z^k/(k + index)!.

    The series has the right derivative at z = 0 as well.
    """
    xp = backend.library(z)
    small = xp.abs(z) < 0.5
    inside = xp.where(small, z, xp.zeros_like(z))
    series = xp.ones_like(z)
    for k in range(14, 0, -1):  # 0.5^15/15! is far below eps
        series = 1 + inside * series / (k + index)
    return xp.where(small, series / index, numerator / xp.where(small, xp.ones_like(z), z))


def _expm1(z: Array) -> Array:
    """e^z - 1 for complex z from real functions, accurate relative to |e^z - 1|.

    PyTorch has no complex expm1.
    """
    xp = backend.library(z)
    x = xp.real(z)
    y = xp.imag(z)
    real = xp.expm1(x) * xp.cos(y) - 2 * xp.sin(y / 2) ** 2
    return backend.complex_of(real, xp.exp(x) * xp.sin(y))


def _exp(z: Array) -> Array:
    return backend.library(z).exp(z)


def _log(f: Array) -> Array:
    return backend.library(f).log(f)


def _zoh_modes(z: Array, turned: Array) -> Samples:
    return Samples(_exp(turned), _first_phi(z, turned))


def _foh_modes(z: Array, turned: Array) -> Samples:
    newest = _second_phi(z, turned)
    return Samples(_exp(turned), newest, _first_phi(z, turned) - newest)


def _impulse_modes(z: Array, turned: Array) -> Samples:
    return Samples(_exp(turned), backend.library(z).ones_like(z))


def _impulse_matrices(Z: Array, B: Array) -> Samples:
    return Samples(backend.expm(Z), B)


def _hold_matrices(Z: Array, B: Array, taps: int) -> Samples:
    """e^Z, phi_1(Z) B and phi_2(Z) B from one exponential (Van Loan 1978).

    It is that of Z bordered by B and a chain of integrators for each input.
    """
    xp = backend.library(Z)
    B, unit = backend.in_unit(B)
    N, M = B.shape[-2:]
    order = N + taps * M
    lead = np.broadcast_shapes(Z.shape[:-2], B.shape[:-2])
    top = [
        xp.broadcast_to(Z, (*lead, N, N)),
        xp.broadcast_to(B, (*lead, N, M)),
        backend.zeros((*lead, N, order - N - M), Z),
    ]
    identity = backend.eye(order, Z)
    integrators = xp.concat([identity[N + M :, :], backend.zeros((M, order), Z)], axis=0)
    below = xp.broadcast_to(integrators, (*lead, order - N, order))
    E = backend.expm(xp.concat([xp.concat(top, axis=-1), below], axis=-2))
    A = E[..., :N, :N]
    first = backend.times_two_to(E[..., :N, N : N + M], unit)
    if taps == 1:
        return Samples(A, first)
    second = backend.times_two_to(E[..., :N, N + M :], unit)
    return Samples(A, second, first - second)


def _fractional(alpha: float) -> Scheme:
    """The generalized bilinear transform. Its base loses no digit for alpha = 0, 1/2 and 1."""

    def modes(z: Array, turned: Array) -> Samples:
        gain = 1 / (1 - alpha * z)
        return Samples((1 + (1 - alpha) * z) * gain, gain)

    def matrices(Z: Array, B: Array) -> Samples:
        xp = backend.library(Z)
        N, M = B.shape[-2:]
        lead = np.broadcast_shapes(Z.shape[:-2], B.shape[:-2])
        Z = xp.broadcast_to(Z, (*lead, N, N))
        B = xp.broadcast_to(B, (*lead, N, M))
        identity = backend.eye(N, Z)
        right = xp.concat([identity + (1 - alpha) * Z, B], axis=-1)
        solved = xp.linalg.solve(identity - alpha * Z, right)
        return Samples(solved[..., :N], solved[..., N:])

    def inverse(f: Array) -> Array:
        return (f - 1) / (1 - alpha + alpha * f)

    def inverse_matrices(A: Array) -> Array:
        identity = backend.eye(A.shape[-1], A)
        below = (1 - alpha) * identity + alpha * A
        if backend.is_numpy(below):
            backend.refuse_singular(below, float(np.finfo(below.dtype).eps))
        return backend.library(A).linalg.solve(below, A - identity)

    base = partial(tables.fraction, alpha=alpha)
    feedback = partial(generating_function.bilinear, alpha=alpha)
    undone = (inverse, inverse_matrices)
    return Scheme(modes, matrices, base, *undone, exponential=False, low_rank=feedback)


_OVERFLOW = (
    "A sampled must be finite; got an overflow, or an eigenvalue at a pole of the rule. "
    "Choose another rule, a smaller step, or a stable A."
)
_ONE_TAP = partial(_hold_matrices, taps=1)
_TWO_TAPS = partial(_hold_matrices, taps=2)
_IMPULSE = Scheme(_impulse_modes, _impulse_matrices, tables.exponential, _log, backend.logm)

SCHEMES: dict[str, Scheme] = {
    "zoh": Scheme(_zoh_modes, _ONE_TAP, tables.exponential, _log, backend.logm),
    "bilinear": _fractional(0.5),
    "forward": _fractional(0.0),
    "backward": _fractional(1.0),
    "impulse": _IMPULSE,
    "mamba": _IMPULSE,
    "foh": Scheme(_foh_modes, _TWO_TAPS, tables.exponential, _log, backend.logm),
}
RULES: dict[str, Callable[[Continuous], Discrete]] = {
    "zoh": zoh,
    "bilinear": bilinear,
    "forward": forward,
    "backward": backward,
    "impulse": impulse,
    "mamba": impulse,
    "foh": foh,
}
