r"""The laws that every sound model obeys, each a measure of how far it is from holding.

An entry of `LAWS` takes (form, length, rule) and returns a `Check`. It raises for arguments that
are unsound, never for a model that is: a model that cannot be evaluated fails with an infinite
error, and with the sentence that evaluation had for it.

The function behind an entry takes a `SampledModel`, which was checked before, and returns a
`Deviation`. Errors of kernels are relative to the size S of `kernel_bounds`, each kernel by itself,
and the worst one counts. eps is that of the form.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..discretize import RULES, Rule
from ..forms import inner, kind, plain, step_of, view
from ..ground import backend
from ..ground.backend import Complex, Real
from ..ground.formats import EPS
from ..kernels import kernel, scan, stepper
from ..matrices import proved_abscissa
from ..systems import transfer
from ..systems.realization import over_members, realize, with_a_part
from .kernel_bounds import radius_bound, radius_bounds, size, tail
from .relative import largest, peaks, worst
from .sampled_model import AnyForm, SampledModel, admit
from .time_scales import exponents

KEEP_STABILITY = tuple(name for name in RULES if name != "forward")  # Euler's rule need not
_STEPS = 32  # samples fed one by one


class Check(NamedTuple):
    """A law, and whether it holds.

    Attributes:
        law: its name in `LAWS`.
        holds: whether `error` is at most `allowed`.
        error: how far the law is from holding, relative to what the law says; it may be infinite.
        allowed: the error that rounding allows; it may be infinite.
        message: one sentence, with the number that says why.
    """

    law: str
    holds: bool
    error: float
    allowed: float
    message: str


class Deviation(NamedTuple):
    """How far a law is from holding: a `Check` without its name and verdict.

    Attributes:
        error: how far the law is from holding.
        allowed: the error that rounding allows.
        message: one sentence, with the number that says why.
    """

    error: float
    allowed: float
    message: str


@dataclass(eq=False)
class Law:
    """A law that anyone can call: `law(form, length, rule)` checks its arguments and measures.

    It has the docstring of its measure.

    Attributes:
        name: its name in `LAWS`.
        measure: the function from a `SampledModel` to a `Deviation`. It may raise ValueError where
            the model cannot be evaluated.
    """

    name: str
    measure: Callable[[SampledModel], Deviation]

    def __post_init__(self) -> None:
        functools.update_wrapper(self, self.measure)

    def __call__(self, form: AnyForm, length: int = 1024, rule: Rule = "zoh") -> Check:
        """The check of a form that was not checked yet; raises what `admit` raises."""
        return self.check(admit(form, length, rule=rule))

    def check(self, model: SampledModel) -> Check:
        """The check of a model."""
        try:
            with np.errstate(over="ignore", under="ignore", invalid="ignore"):
                found = self.measure(model)
        except ValueError as error:
            found = Deviation(math.inf, 0.0, str(error))
        holds = found.error <= found.allowed
        return Check(self.name, holds, found.error, found.allowed, found.message)


def finite(model: SampledModel) -> Deviation:
    """The kernel can be evaluated up to its length: error 0, or infinite where something overflows.

    Args:
        model: a model from `admit`.

    Returns:
        A `Deviation` whose message says the largest lag and a bound on the tail.

    Raises:
        ValueError: if the kernel overflows.

    Example:
        >>> from ssmlinalg import s4d_lin_init
        >>> finite(admit(s4d_lin_init(8), 64)).error
        0.0
    """
    lags = peaks(model.kernel.reshape(-1, model.length).T)
    rest = largest(tail(model.system, model.length))
    at = int(np.argmax(lags))
    message = (
        f"The kernel is finite: largest at lag {at}, {np.max(lags):.3g}, "
        f"and below {rest:.3g} from lag {model.length} on."
    )
    return Deviation(0.0, 0.0, message)


def stable(model: SampledModel) -> Deviation:
    r"""No mode of the sampled model grows: error is the rate of the fastest, in nepers per sample.

    .. math::  \max_j \max(0, \ln |\bar A_j|)

    Modes that neither grow nor decay, such as integrators, pass and are counted in the message,
    which says if they have no part in the output: C B = 0, or for states of a matrix no path of
    nonzero entries from input to output. One that grows fails all the same: its state does.

    Computed eigenvalues of a matrix prove nothing. For matrices the error is a proved bound: of
    `radius_bound` for the sampled matrix or, under rules that keep stability, of
    `eigen.proved_abscissa` for A. A matrix that cannot be shown to be stable fails, with both
    numbers in the message. The length of the model is not used.

    Args:
        model: a model from `admit`.

    Returns:
        A `Deviation`; allowed is 8 eps max(1, |z_j|), z = step A, and N^2 times that for matrices.

    Raises:
        ValueError: if the sampled model overflows.

    Example:
        >>> from ssmlinalg import s4d_lin_init
        >>> stable(admit(s4d_lin_init(8), 64)).message.split(",")[0]
        'All 4 modes decay'
    """
    rates = exponents(model.system)[0].real
    allowed = 8 * model.eps * max(1.0, _speed(model.wide))
    if kind(model.system).matrix:
        return _stable_matrix(model, float(np.max(rates)), allowed * model.order**2)
    fastest = float(np.max(rates))
    if fastest > allowed:
        count = int(np.sum(rates > allowed))
        blame = _blame(model, allowed)
        message = f"{count} of {rates.size} modes grow, {blame}, by {fastest:.3g} a sample."
        return Deviation(fastest, allowed, message)
    marginal = np.abs(rates) <= allowed
    if np.any(marginal):
        count = int(np.sum(marginal))
        ends = "they do not decay, and the kernel never ends"
        if not np.any(marginal & _heard(model)):
            ends = "they do not decay, but have no part in the output, for their C B is 0"
        message = f"No mode grows, but {count} of {rates.size} are marginal: {ends}."
        return Deviation(max(0.0, fastest), allowed, message)
    message = f"All {rates.size} modes decay, the slowest by {-fastest:.3g} nepers a sample."
    return Deviation(0.0, allowed, message)


def _heard(model: SampledModel) -> np.ndarray:
    """Which modes, or states of a matrix, have a part in the output (..., n)."""
    origin = model.system if callable(model.rule) else model.wide
    return np.asarray(over_members(with_a_part, realize(origin)))


def _blame(model: SampledModel, allowed: float) -> str:
    """Whether the rule makes the modes grow, or they grow by themselves."""
    if kind(model.wide).continuous and np.max(exponents(model.wide)[0].real) <= allowed:
        return f"under the rule {model.rule!r}, though none of the form itself does"
    return "whatever the rule"


def _stable_matrix(model: SampledModel, computed: float, allowed: float) -> Deviation:
    """The proved rate of matrices, beside the one that computed eigenvalues say."""
    form = plain(model.wide)
    proved = max(math.log(radius_bound(A)) for A in _different(inner(model.system).A))
    if proved > allowed and kind(form).continuous and model.rule in KEEP_STABILITY:
        proved = min(proved, max(map(proved_abscissa, _different(step_of(form) * form.A))))
    said = f"computed eigenvalues say {computed:.3g}"
    if proved <= allowed:
        said += _silence(model, allowed) if computed >= -allowed else ""
        message = f"No mode grows: proved, the rate is below {proved:.3g}; {said}."
        return Deviation(max(0.0, proved), allowed, message)
    message = (
        f"Not proved to be stable: the rate is below {proved:.3g} nepers a sample; "
        f"{said}, which proves nothing."
    )
    return Deviation(proved, allowed, message)


def _silence(model: SampledModel, allowed: float) -> str:
    """That what does not decay has no part in the output, if computed eigenvalues say so."""
    heard = _heard(model)
    heard = heard[..., None, :] & heard[..., None]
    radius = np.max(np.abs(np.linalg.eigvals(inner(model.system).A * heard)))
    return ". What does not decay has no part in the output" if radius < 1 - allowed else ""


def conjugate(model: SampledModel) -> Deviation:
    r"""A full spectrum is closed under conjugation and a half one is not.

    Then nothing is dropped by Re, and nothing counted twice.

    ==============  ==================================================  =======================
    spectrum        error                                               allowed
    ==============  ==================================================  =======================
    full, closed    the largest Im sum C B A^l, over S                  32 (n + log2 L) eps
    full, open      the same                                            infinite
    full, discrete  the same                                            infinite
    half            the share of the weight C B in modes whose          0
                    conjugate is stored too, with a conjugate weight
    real matrix     0                                                   0
    other matrix    the largest Im C A^l B, over S                      infinite
    ==============  ==================================================  =======================

    A spectrum is closed if every mode has its conjugate to sqrt(eps). In an open one Re is part of
    the model, and so it is in what is born discrete (DLR of one decay, S4D-DFouT), whose weights
    are free: the message says what it drops.

    Args:
        model: a model from `admit`.

    Returns:
        A `Deviation`.

    Raises:
        ValueError: if the kernel overflows.

    Example:
        >>> from ssmlinalg import s4d_lin_init
        >>> conjugate(admit(s4d_lin_init(8), 64)).error
        0.0
    """
    form = inner(model.wide)
    known = kind(form)
    if known.half:
        return _counted_twice(form, model.eps)
    if known.matrix and not any(map(backend.is_complex, view(form)[:3])):
        return Deviation(0.0, 0.0, "The form is real, so nothing is dropped.")
    dropped = _imaginary_part(model, form)
    free = known.matrix or not known.continuous
    if free or not _is_closed(form.A, math.sqrt(model.eps)):
        message = (
            "Nothing to close: the real part that is read drops "
            f"an imaginary part of {dropped:.3g} of the size of the modes."
        )
        return Deviation(dropped, math.inf, message)
    allowed = 32 * (model.order + math.log2(model.length + 1)) * model.eps
    message = f"Every mode has its conjugate: imaginary parts cancel to {dropped:.2g}."
    if dropped > allowed:
        message = (
            "The modes have their conjugates but C B has not: "
            f"an imaginary part of {dropped:.3g} is dropped."
        )
    return Deviation(dropped, allowed, message)


def _imaginary_part(model: SampledModel, form: Any) -> float:
    """The largest |Im C A^l B| over S: the kernel of -i C."""
    turned = form._replace(C=-1j * backend.as_complex(form.C), D=np.zeros_like(form.D))
    dropped = kernel(turned, model.length, rule=model.rule)
    system = model.system if kind(form).continuous else form
    return worst(dropped, size(system, model.length))


def _counted_twice(form: Any, eps: float) -> Deviation:
    """The share of the weight in modes whose conjugates are stored with the conjugate weight."""
    A, B, C, _ = view(form)
    A = A[..., None, None, :]
    B = np.swapaxes(B, -1, -2)[..., None, :, :]
    weights = C[..., :, None, :] * B  # (..., P, M, n)
    near = 64 * eps * peaks(A)[..., None]
    alike = 64 * eps * peaks(weights)[..., None]
    partner = _conjugate_distance(A) <= near[..., None]
    same_weight = _conjugate_distance(weights) <= alike[..., None]
    is_complex = (np.abs(A.imag) > near)[..., None]
    twice = np.any(partner & same_weight & is_complex, axis=-1)
    share = np.abs(weights)
    total = np.sum(share, axis=-1)
    counted = np.sum(np.where(twice, share, 0), axis=-1)
    error = float(np.max(counted / np.where(total > 0, total, 1)))
    return Deviation(error, 0.0, _spectrum_in_words(A, error))


def _spectrum_in_words(A: Complex, error: float) -> str:
    if error:
        return (
            f"{error:.3g} of the weight is in modes stored with their conjugates: "
            "a full spectrum in a half form counts twice."
        )
    modes = A.reshape(-1, A.shape[-1])[0]
    below = int(np.sum(modes.imag < 0))
    real = int(np.sum(modes.imag == 0))
    single = "and none on it"
    if real:
        single = f"and {real} on it, which count once only if their C B is halved"
    return (
        "No mode is stored with its conjugate; "
        f"{below} of {modes.size} lie below the real axis {single}."
    )


def _is_closed(A: Complex, slack: float) -> bool:
    """Whether every mode of (..., n) has a partner, itself if it is real, and one is not real."""
    distance = np.min(_conjugate_distance(A), axis=-1)
    near = slack * np.max(np.abs(A), axis=-1, keepdims=True)
    return bool(np.any(A.imag != 0) and np.all(distance <= near))


def _conjugate_distance(values: Complex) -> Real:
    """The distances (..., n, n) of values (..., n) from the conjugates of them all."""
    return np.abs(values[..., :, None] - values[..., None, :].conj())


def recurrence(model: SampledModel) -> Deviation:
    """The recurrence driven by an impulse gives the kernel.

    It runs over all samples by `scan`, and over the first 32 one by one by `stepper`.

    Args:
        model: a model from `admit`.

    Returns:
        A `Deviation`; error is the largest difference over S, allowed 32 (L + n) eps, for matrices
        32 (L + n^2) eps, as an error in A^m is m times that in A.

    Raises:
        ValueError: if the kernel or the recurrence overflows.

    Example:
        >>> from ssmlinalg import s4d_lin_init
        >>> found = recurrence(admit(s4d_lin_init(8), 64))
        >>> found.error <= found.allowed
        True
    """
    K = kernel(model.wide, model.length, rule=model.rule)
    first = _by_step(model)
    got = np.concatenate([_by_scan(model), first], axis=-1)
    expected = np.concatenate([K, K[..., : first.shape[-1]]], axis=-1)
    what = "the recurrence driven by an impulse, by scan and by step,"
    return _compared(model, got, expected, model.length, what)


def _by_scan(model: SampledModel) -> Real:
    """The impulse response (..., L) or (..., P, M, L), the whole signal at once."""
    outputs = [scan(model.form, u, rule=model.rule)[0] for u in _impulses(model, model.length)]
    return _as_kernel(model, outputs)


def _by_step(model: SampledModel) -> Real:
    """The first lags of the impulse response, sample by sample."""
    run = stepper(model.form, rule=model.rule)
    outputs = []
    for u in _impulses(model, min(_STEPS, model.length)):
        state = None
        lags = []
        for sample in np.moveaxis(u, -1, 0):
            y, state = run(sample, state)
            lags.append(y)
        outputs.append(np.stack(lags, axis=-1))
    return _as_kernel(model, outputs)


def _impulses(model: SampledModel, length: int) -> Real:
    """A unit impulse for each input: (1, length), or (M, M, length) for several inputs."""
    B = inner(model.form).B
    impulse = np.zeros(length, dtype=backend.precision(B))
    impulse[0] = 1.0
    if not kind(model.form).ports:
        return impulse[None]
    return np.eye(B.shape[-1], dtype=impulse.dtype)[..., None] * impulse


def _as_kernel(model: SampledModel, outputs: Sequence[Real]) -> Real:
    """The outputs of the impulses, one axis for the inputs if there are several."""
    return np.stack(outputs, axis=-2) if kind(model.form).ports else outputs[0]


def fourier(model: SampledModel) -> Deviation:
    r"""The kernel is the inverse discrete Fourier transform of the transfer function.

    .. math::
        \sum_{l<L} K_l z^{-l} = C z (z - \bar A)^{-1} (I - z^{-L} \bar A^L) \bar B + D, \qquad
        z_k = R\, e^{2 \pi i k/L}, \quad R = e^{1/L} \max(1, r_j).

    z^L = R^L is one number, so the tail is removed exactly: the sum is the transfer function of the
    sampled form with B - R^{-L} A^L B for B. On that circle no pole is nearer than 1/L, and no lag
    is lost against another by more than e.

    Args:
        model: a model from `admit`.

    Returns:
        A `Deviation`; error is the largest difference over S. Allowed is 32 (L + n) eps in double
        precision and 32 (n + log2 L) eps in that of the form, with n^2 for n if it is a matrix.

    Raises:
        ValueError: if the kernel or the transfer function overflows.

    Example:
        >>> from ssmlinalg import s4d_lin_init
        >>> found = fourier(admit(s4d_lin_init(8), 64))
        >>> found.error <= found.allowed
        True
    """
    expected = model.kernel.astype(np.float64)
    system = model.system
    lags = model.length - model.late
    K = np.zeros((*expected.shape[:-1], 0))
    if lags:
        K = np.broadcast_to(_from_transfer(inner(system), lags), (*K.shape[:-1], lags))
    if model.late:
        first = np.broadcast_to(system.D[..., None], (*K.shape[:-1], 1))
        K = np.concatenate([first, K], axis=-1)
    what = "the transfer function, back in time by Fourier transform,"
    return _compared(model, K, expected, 0, what)


def _from_transfer(system: Any, length: int) -> Real:
    """The kernel (..., L) or (..., P, M, L) of a recurrence, from its transfer function.

    The modes of each member of the batch are slowed down by its spectral radius, if that is above
    1, and its lags are sped up again.
    """
    matrix = kind(system).matrix
    ports = kind(system).ports
    radius = radius_bounds(system.A) if matrix else np.max(np.abs(system.A), axis=-1)
    radius = np.maximum(1.0, radius)
    A = system.A / (radius[..., None, None] if matrix else radius[..., None])
    R = math.exp(1 / length)
    B = system.B - _after(A / R, system, length)
    slowed = system._replace(A=A, B=B, D=np.zeros_like(system.D))
    circle = R * np.exp(2j * np.pi * np.arange(length) / length)
    K = np.fft.ifft(transfer(slowed, circle), axis=-1).real
    speed = R * (radius[..., None, None, None] if ports else radius[..., None])
    K = K * speed ** np.arange(length)
    K[..., 0] += system.D
    return K


def _after(A: Complex, system: Any, length: int) -> Complex:
    """A^L B."""
    if kind(system).matrix:
        return (np.linalg.matrix_power(A, length) @ system.B[..., None])[..., 0]
    powers = A**length
    return (powers[..., None] if kind(system).ports else powers) * system.B


LAWS: dict[str, Callable[[AnyForm, int, Rule], Check]] = {
    "finite": Law("finite", finite),
    "stable": Law("stable", stable),
    "conjugate": Law("conjugate", conjugate),
    "recurrence": Law("recurrence", recurrence),
    "transfer": Law("transfer", fourier),
}


def checks(model: SampledModel) -> list[Check]:
    """Every law of `LAWS`, checked.

    Args:
        model: a model from `admit`.

    Returns:
        A `Check` for each law, in the order of the table. A plain function in the table is called
        with the form, the length and the rule.

    Example:
        >>> from ssmlinalg import s4d_lin_init
        >>> all(check.holds for check in checks(admit(s4d_lin_init(8), 64)))
        True
    """
    return [
        law.check(model) if isinstance(law, Law) else law(model.form, model.length, model.rule)
        for law in LAWS.values()
    ]


def _compared(model: SampledModel, got: Real, expected: Real, rounds: int, what: str) -> Deviation:
    """How far one kernel, or several one after the other, is from that expected, relative to S.

    Allowed are (rounds + n + log2 L) eps of the form, and (L + n) eps in double precision, where a
    rule given as a function rounds A_d itself: L for log2 L.
    """
    difference = got - expected
    error = worst(difference, size(model.system, model.length))
    n = model.order ** (2 if kind(model.system).matrix else 1)
    named = isinstance(model.rule, str) or not kind(model.form).continuous
    powers = math.log2(model.length + 1) if named else model.length
    allowed = 32 * (model.eps * (rounds + n + powers) + EPS * (model.length + n))
    subject = what[0].upper() + what[1:]
    if error <= allowed:
        message = f"{subject} agrees with the kernel to {error:.2g} of the modes' size."
        return Deviation(error, allowed, message)
    at = int(np.unravel_index(np.argmax(np.abs(difference)), difference.shape)[-1]) % model.length
    message = (
        f"{subject} differs from the kernel by {error:.2g} of the modes' size, most at lag {at}."
    )
    return Deviation(error, allowed, message)


def _speed(form: Any) -> float:
    """The largest |step A| of a continuous form, else 1."""
    if not kind(form).continuous:
        return 1.0
    known = plain(form)
    A = known.A
    size = np.linalg.norm(A, axis=(-2, -1)) if kind(known).matrix else np.abs(A)
    return float(np.max(size) * np.max(known.step))


def _different(matrices: np.ndarray) -> np.ndarray:
    """Each different matrix of (..., N, N) once."""
    N = matrices.shape[-1]
    return np.unique(matrices.reshape(-1, N * N), axis=0).reshape(-1, N, N)
