r"""What every sound model obeys, each law a function that measures how far it is from holding.

A law takes (form, length, rule) and returns a `Check`: an error, what rounding allows it to be, and
a sentence. `LAWS` names them. A law never raises for a model that is unsound, only for arguments
that are: a model that cannot be evaluated fails with an infinite error, and the sentence that
evaluation had for it.

With r_j = |A_j| and w_j = |C_j B_j| of the sampled modes (factor 2 of half spectra included),
errors of kernels are relative to

.. math::  S = |D| + \sum_j w_j \max(1, r_j)^{L},

of each kernel by itself, the worst one counting; for a matrix the sum is |C| |B| max(1, |A|) max(1,
|A^2|) max(1, |A^4|) ..., which bounds |C A^l B| for l < L by the binary digits of l. eps is that of
the form.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..discretize import RULES, Rule
from ..forms import (
    DPLR,
    MIMO,
    NPLR,
    Continuous,
    Delayed,
    Dense,
    DenseRecurrence,
    Diagonal,
    Discrete,
    MIMORecurrence,
    Paired,
    PairedRecurrence,
    Recurrence,
    move,
    to_dense,
)
from ..ground import backend, require
from ..ground.backend import Complex, Real
from ..ground.formats import EPS
from ..kernels import kernel, scan, step
from ..kernels.sampling import sampled
from ..matrices.eigen import proved_abscissa
from ..systems.transfer_functions import transfer
from .precision import modes_of
from .time_scales import exponents

KEEP_STABILITY = tuple(name for name in RULES if name != "forward")  # Euler's rule need not
_FULL = (Diagonal, Recurrence)
_HALF = (Paired, PairedRecurrence, MIMO, MIMORecurrence)
_STEPS = 32  # samples fed one by one
_quiet = np.errstate(over="ignore", invalid="ignore")  # what overflows fails a check

AnyForm = Continuous | Discrete


class Check(NamedTuple):
    """A law of `LAWS` and whether it holds: `error`, measured, against `allowed`, both relative to
    what the law says.

    `error` and `allowed` may be infinite, never NaN. `message`: one sentence, with the number that
    says why.
    """

    law: str
    holds: bool
    error: float
    allowed: float
    message: str


@_quiet
def finite(form: AnyForm, length: int = 1024, rule: Rule = "zoh") -> Check:
    """The kernel can be evaluated up to `length`: error 0, or infinite where something
    overflows.
    """
    host, length = admit(form, length, rule)
    try:
        K = kernel(host, length, rule=rule)
    except ValueError as error:
        return Check("finite", False, math.inf, 0.0, str(error))
    at = int(np.argmax(np.max(np.abs(K.reshape(-1, length)), axis=0)))
    tail = float(np.max(tail_bound(host, length, rule)))
    message = f"The kernel is finite: largest at lag {at}, {np.max(np.abs(K)):.3g}, and below {tail:.3g} from lag {length} on."
    return Check("finite", True, 0.0, 0.0, message)


@_quiet
def stable(form: AnyForm, length: int = 1024, rule: Rule = "zoh") -> Check:
    r"""No mode of the sampled model grows: error is the rate of the fastest growing one, in nepers
    per sample, 0 if none does.

    .. math::  \max_j \max(0, \ln |\bar A_j|)

    Allowed is the rounding of that, 8 eps max(1, |z_j|), z = step A. Modes that neither grow nor
    decay, such as integrators, pass and are counted in the message. Computed eigenvalues of a matrix
    prove nothing: of matrices error is a proved bound, from `radius_bound` of the sampled matrix
    or, under rules that keep stability, `eigen.proved_abscissa` of A. A matrix that cannot be shown
    to be stable fails, with both numbers in the message. Beyond the evaluation of A_d, `length` is
    not used.
    """
    host, length = admit(form, length, rule)
    eps, wide = _eps(host), in_double(host)
    try:
        system = inner_of(sampled(wide, rule))
    except ValueError as error:
        return Check("stable", False, math.inf, 0.0, str(error))
    rate, scale = exponents(system)[0].real, max(1.0, _speed(wide))
    if isinstance(system, DenseRecurrence):
        return _stable_matrix(
            wide, system, rule, float(np.max(rate)), 8 * system.A.shape[-1] ** 2 * eps * scale
        )
    allowed = 8 * eps * scale
    fastest, marginal = float(np.max(rate)), int(np.sum(np.abs(rate) <= allowed))
    if fastest > allowed:
        own = isinstance(wide, Continuous) and float(np.max(exponents(wide)[0].real)) <= allowed
        blame = (
            f"under the rule {rule!r}, though none of the form itself does"
            if own
            else "whatever the rule"
        )
        count = int(np.sum(rate > allowed))
        return Check(
            "stable",
            False,
            fastest,
            allowed,
            f"{count} of {rate.size} modes grow, {blame}, by {fastest:.3g} a sample.",
        )
    if marginal:
        message = f"No mode grows, but {marginal} of {rate.size} are marginal: they do not decay, and the kernel never ends."
        return Check("stable", True, max(0.0, fastest), allowed, message)
    return Check(
        "stable",
        True,
        0.0,
        allowed,
        f"All {rate.size} modes decay, the slowest by {-fastest:.3g} nepers a sample.",
    )


def _stable_matrix(
    form: Any, system: DenseRecurrence, rule: Rule, computed: float, allowed: float
) -> Check:
    proved = max(math.log(radius_bound(A)) for A in _different(system.A))
    if proved > allowed and isinstance(form, (Dense, DPLR)) and rule in KEEP_STABILITY:
        A = to_dense(form).A
        shown = max(
            proved_abscissa(member)
            for member in _different(np.asarray(form.step)[..., None, None] * A)
        )
        proved = min(proved, shown)
    seen = f"computed eigenvalues say {computed:.3g}"
    if proved <= allowed:
        return Check(
            "stable",
            True,
            max(0.0, proved),
            allowed,
            f"No mode grows: proved, the rate is below {proved:.3g}; {seen}.",
        )
    message = f"Not proved to be stable: the rate is below {proved:.3g} nepers a sample; {seen}, which proves nothing."
    return Check("stable", False, proved, allowed, message)


def radius_bound(A: np.ndarray) -> float:
    r"""A number that no eigenvalue of A (N, N) exceeds in modulus: the least |A^m|^{1/m} for m = 1,
    2, 4, ..., 2^40.

    .. math::  \rho(A) = \lim_m |A^m|^{1/m} = \inf_m |A^m|^{1/m}.

    Each power P carries a bound E on its error, E' = 2 |P| E + E^2 + 2 N^{3/2} eps |P|^2, which is
    added: sharp near normal matrices, above rho elsewhere by what the first powers grow, for E ends
    the search. Cost: 41 products and norms at most.

    >>> radius_bound(np.array([[0.5, 10.0], [0.0, 0.5]])) < 0.55
    True
    """
    N, P, E, logarithm, least, m = (
        len(A),
        A,
        0.0,
        0.0,
        math.inf,
        1,
    )  # A^m = e^logarithm (P + something of norm E)
    for _ in range(41):
        norm = float(np.linalg.norm(P, 2)) * (1 + 2 * N * EPS)
        if norm + E == 0:
            return float(np.finfo(np.float64).tiny)
        least = min(least, (logarithm + math.log(norm + E)) / m)
        if norm < E:
            break
        logarithm, P, E = logarithm + math.log(norm), P / norm, E / norm + 2 * N * EPS
        logarithm, P, E, m = 2 * logarithm, P @ P, 2 * E + E**2 + 2 * N**1.5 * EPS, 2 * m
    return math.exp(least)


@_quiet
def conjugate(form: AnyForm, length: int = 1024, rule: Rule = "zoh") -> Check:
    r"""A full spectrum is closed under conjugation and a half one is not: nothing is dropped by Re,
    nothing counted twice.

    For `Diagonal` and `Recurrence` error is the largest |Im sum C B A^l| over S, allowed 32 (n +
    log2 L) eps, where A is closed under conjugation to sqrt(eps); for a spectrum that is not, Re is
    part of the model: allowed is infinite and the message says what it drops. For half spectra error
    is the share of sum |C B| in modes whose conjugate is stored too with the conjugate weight, and
    allowed 0. Real matrices, and matrices whose Re drops what it drops, are only measured, like
    open spectra.
    """
    host, length = admit(form, length, rule)
    wide: Any = inner_of(in_double(host))
    if isinstance(wide, _HALF):
        return _counted_twice(wide, _eps(host))
    if isinstance(wide, (Dense, DenseRecurrence)) and not any(map(backend.is_complex, wide[:3])):
        return Check("conjugate", True, 0.0, 0.0, "The form is real, so nothing is dropped.")
    try:
        turned = wide._replace(C=-1j * backend.as_complex(wide.C), D=np.zeros(np.shape(wide.D)))
        dropped = kernel(turned, length, rule=rule)
        scale = size(sampled(wide, rule), length)
    except ValueError as error:
        return Check("conjugate", False, math.inf, 0.0, str(error))
    error = _worst(dropped, scale)
    paired = np.any(np.abs(wide.A.imag) > 0) if isinstance(wide, _FULL) else False
    closed = bool(paired) and _is_closed(wide.A, math.sqrt(_eps(host)))
    allowed = 32 * (wide.B.shape[-1] + math.log2(length + 1)) * _eps(host) if closed else math.inf
    if not closed:
        what = f"an imaginary part of {error:.3g} of the size of the modes"
        return Check(
            "conjugate",
            True,
            error,
            allowed,
            f"Nothing to close: the real part that is read drops {what}.",
        )
    if error <= allowed:
        return Check(
            "conjugate",
            True,
            error,
            allowed,
            f"Every mode has its conjugate: imaginary parts cancel to {error:.2g}.",
        )
    message = f"The modes have their conjugates but C B has not: an imaginary part of {error:.3g} is dropped."
    return Check("conjugate", False, error, allowed, message)


def _counted_twice(form: Any, eps: float) -> Check:
    A, B, C, _, _ = modes_of(form)
    weight = np.abs(C * B)
    near = 64 * eps * np.max(np.abs(A), axis=-1)[:, None, None]
    partner = np.abs(A[:, :, None] - A[:, None, :].conj()) <= near
    alike = (
        np.abs((C * B)[:, :, None] - (C * B)[:, None, :].conj())
        <= 64 * eps * np.max(weight, axis=-1)[:, None, None]
    )
    twice = np.any(partner & alike & (np.abs(A.imag)[:, :, None] > near), axis=-1)
    total = np.sum(weight, axis=-1)
    error = float(
        np.max(np.sum(np.where(twice, weight, 0), axis=-1) / np.where(total > 0, total, 1))
    )
    if error:
        message = f"{error:.3g} of the weight is in modes stored with their conjugates: a full spectrum in a half form counts twice."
        return Check("conjugate", False, error, 0.0, message)
    below, real = int(np.sum(A[0].imag < 0)), int(np.sum(A[0].imag == 0))
    message = (
        f"No mode is stored with its conjugate; {below} of {A.shape[-1]} lie below the real axis"
    )
    single = (
        f"and {real} on it, which count once only if their C B is halved"
        if real
        else "and none on it"
    )
    return Check("conjugate", True, 0.0, 0.0, f"{message} {single}.")


def _is_closed(A: Complex, slack: float) -> bool:
    """Whether every mode of (..., n) has a partner, itself if it is real."""
    distance = np.min(np.abs(A[..., :, None] - A[..., None, :].conj()), axis=-1)
    return bool(np.all(distance <= slack * np.max(np.abs(A), axis=-1, keepdims=True)))


@_quiet
def recurrence(form: AnyForm, length: int = 1024, rule: Rule = "zoh") -> Check:
    r"""The recurrence driven by an impulse gives the kernel, by `scan` in chunks and sample by
    sample by `step` at first.

    Error is the largest difference over S, allowed 32 (L + n) eps (n^2 L eps for matrices), as an
    error in A^m is m times that in A.
    """
    host, length = admit(form, length, rule)

    def heard() -> tuple[Real, Real]:
        K, wide = kernel(in_double(host), length, rule=rule), inner_of(host)
        several = isinstance(wide, (MIMO, MIMORecurrence))
        inputs = wide.B.shape[-1] if several else 1
        outputs = []
        for m in range(inputs):
            lead = (inputs, 1) if several else (1,)
            u = np.zeros((*lead[:-1], length), dtype=backend.precision(wide.B))
            u[(m, 0) if several else 0] = 1.0
            y = scan(host, u, rule=rule)[0]
            state, first = None, []
            for sample in range(min(_STEPS, length)):
                out, state = step(host, u[..., sample], state, rule=rule)
                first.append(out)
            outputs.append(np.concatenate([np.stack(first, axis=-1), y, y[..., :1] * 0], axis=-1))
        Y = np.stack(outputs, axis=-2) if several else outputs[0]
        few = min(_STEPS, length)
        return Y[..., : few + length], np.concatenate([K[..., :few], K], axis=-1)

    return _compared(
        "recurrence",
        host,
        length,
        rule,
        heard,
        length,
        "the recurrence driven by an impulse, by scan and by step,",
    )


@_quiet
def fourier(form: AnyForm, length: int = 1024, rule: Rule = "zoh") -> Check:
    r"""The kernel is the inverse discrete Fourier transform of the transfer function, its tail
    removed exactly.

    .. math::  \sum_{l<L} K_l z^{-l} = C z (z - \bar A)^{-1} (I - z^{-L} \bar A^L) \bar B + D, \qquad
               z_k = R\, e^{2 \pi i k/L}, \quad R = e^{1/L} \max(1, r_j),

    so z^L = R^L is one number, and the sum is `transfer` of the sampled form with B - R^{-L} A^L B
    for B. On that circle no pole is nearer than 1/L, and no lag is lost against another by more
    than e. Error is the largest difference over S, allowed 32 (L + n) eps in double precision and
    32 (n + log2 L) eps in that of the form (n^2 for n if it is a matrix).
    """
    host, length = admit(form, length, rule)

    def heard() -> tuple[Real, Real]:
        wide = in_double(host)
        system: Any = sampled(wide, rule)
        late = isinstance(system, Delayed)
        inner = system.system if late else system
        K = kernel(host, length, rule=rule).astype(np.float64)
        rest = length - late
        if not rest:
            return K[..., :1], np.broadcast_to(system.D[..., None], K.shape)
        dense, several = isinstance(inner, DenseRecurrence), isinstance(inner, MIMORecurrence)
        radius = np.maximum(
            1.0, _radii(inner)
        )  # of each member of the batch, which is slowed down by it
        A = inner.A / (radius[..., None, None] if dense else radius[..., None])
        R = math.exp(1 / rest)
        if dense:
            tail = (np.linalg.matrix_power(A / R, rest) @ inner.B[..., None])[..., 0]
        else:
            tail = ((A / R) ** rest)[..., None] * inner.B if several else (A / R) ** rest * inner.B
        G = transfer(
            inner._replace(A=A, B=inner.B - tail, D=np.zeros_like(inner.D)),
            R * np.exp(2j * np.pi * np.arange(rest) / rest),
        )
        found = np.fft.ifft(np.broadcast_to(G, (*K.shape[:-1], rest)), axis=-1).real
        found = found * (
            R * (radius[..., None, None, None] if several else radius[..., None])
        ) ** np.arange(rest)
        found[..., 0] += inner.D
        found = (
            np.concatenate(
                [np.broadcast_to(system.D[..., None], (*found.shape[:-1], 1)), found], axis=-1
            )
            if late
            else found
        )
        return K, found

    return _compared(
        "transfer",
        host,
        length,
        rule,
        heard,
        0,
        "the transfer function, back in time by Fourier transform,",
    )


LAWS: dict[str, Callable[[AnyForm, int, Rule], Check]] = {
    "finite": finite,
    "stable": stable,
    "conjugate": conjugate,
    "recurrence": recurrence,
    "transfer": fourier,
}


def size(system: Discrete, length: int) -> Real:
    """S of each kernel of a sampled form, (...) or (..., P, M): what errors of its kernel are
    relative to, above.
    """
    inner: Any = inner_of(system)
    direct = np.abs(system.D) + np.abs(inner.D)
    if isinstance(inner, DenseRecurrence):
        growth = np.array(
            [_growth(A, length) for A in inner.A.reshape(-1, *inner.A.shape[-2:])]
        ).reshape(inner.A.shape[:-2])
        return direct + np.linalg.norm(inner.C, axis=-1) * np.linalg.norm(inner.B, axis=-1) * growth
    with np.errstate(over="ignore"):
        late = np.maximum(1, np.abs(inner.A)) ** length
    if isinstance(inner, MIMORecurrence):
        return direct + 2 * (np.abs(inner.C) * late[..., None, :]) @ np.abs(inner.B)
    half = 2 if isinstance(inner, PairedRecurrence) else 1
    return direct + half * np.sum(np.abs(inner.C * inner.B) * late, axis=-1)


def tail_bound(form: AnyForm, length: int, rule: Rule = "zoh") -> Real:
    r"""A bound on every lag from `length` on, (...) or (..., P, M): what cutting the kernel there
    leaves out at most.

    .. math::  \max_{l \ge L} |K_l| \le \sum_j |C_j B_j| |\bar A_j|^L

    inf if a mode grows. For a matrix |C A^L| |B| times the bound on powers above, so over L more
    lags only. D is heard at lag 0 and no tail. Raises what `kernel` raises. Cost O(n), for matrices
    O(N^3 log L).

    >>> from ssmlinalg.forms import Recurrence
    >>> one = np.ones(1) + 0j
    >>> float(tail_bound(Recurrence(one / 2, one, one, np.asarray(3.0)), 10)) * 2**10  # attained
    1.0
    """
    form, length = admit(form, length, rule)
    system: Any = sampled(in_double(form), rule)
    inner, length = inner_of(system), length - isinstance(system, Delayed)
    inner = inner._replace(D=np.zeros_like(inner.D))
    if isinstance(inner, DenseRecurrence):
        late = np.linalg.matrix_power(inner.A, length)
        return size(inner._replace(C=(inner.C[..., None, :] @ late)[..., 0, :]), length)
    modulus, several = np.abs(inner.A), isinstance(inner, MIMORecurrence)
    with np.errstate(under="ignore"):
        late = np.minimum(modulus, 1) ** length
        C = np.abs(inner.C) * (late[..., None, :] if several else late)
    grows = np.any(modulus > 1, axis=-1)
    return np.where(
        grows[..., None, None] if several else grows,
        np.inf,
        size(inner._replace(A=0 * inner.A, C=C), length),
    )


def _growth(A: np.ndarray, length: int) -> float:
    """A bound on |A^l| for l < length: the product of max(1, |A^m|) over m = 1, 2, 4, ..."""
    bound = 1.0
    for _ in range((length - 1).bit_length()):
        bound *= max(1.0, float(np.linalg.norm(A, 2)))
        A = A @ A
    return bound


def _compared(
    law: str,
    form: Any,
    length: int,
    rule: Rule,
    both: Callable[[], tuple[Real, Real]],
    rounds: int,
    what: str,
) -> Check:
    """The check that two kernels agree to (rounds + n + log2 L) eps of the form, and (L + n) eps in
    double precision.
    """
    n = inner_of(form).B.shape[-2 if isinstance(inner_of(form), (MIMO, MIMORecurrence)) else -1]
    try:
        with np.errstate(over="ignore", under="ignore"):
            got, expected = both()
            system = sampled(in_double(form), rule)
            error = _worst(got - expected, size(system, length))
    except ValueError as problem:
        return Check(law, False, math.inf, 0.0, str(problem))
    n = n**2 if isinstance(inner_of(system), DenseRecurrence) else n
    named = isinstance(rule, str) or not isinstance(form, Continuous)
    rounds += n + (math.log2(length + 1) if named else length)
    allowed = 32 * (_eps(form) * rounds + EPS * (length + n))
    verdict = "agrees with the kernel to" if error <= allowed else "differs from the kernel by"
    at = np.unravel_index(np.argmax(np.abs(got - expected)), np.shape(got))
    where = "" if error <= allowed else f", most at lag {int(at[-1])}"
    return Check(
        law,
        error <= allowed,
        error,
        allowed,
        f"{what[0].upper()}{what[1:]} {verdict} {error:.2g} of the modes' size{where}.",
    )


def _worst(difference: Real, scale: Real) -> float:
    """The largest |difference| (..., L) over the scale (...) of its kernel."""
    largest = np.max(np.abs(difference), axis=-1)
    with np.errstate(over="ignore", divide="ignore"):
        ratio = np.where(
            largest > 0, largest / np.where(scale > 0, scale, np.finfo(np.float64).tiny), 0.0
        )
    worst = float(np.max(ratio))
    return math.inf if math.isnan(worst) else worst


def admit(form: Any, length: int, rule: Rule) -> tuple[Any, int]:
    """The form on the host in its own precision, once it is known to be one with an output."""
    length = require.integer("length", length)
    if not callable(rule):
        require.known("rule", rule, RULES)
    if isinstance(form, NPLR):
        raise TypeError(
            "`form` must have a step and an output; got NPLR. Give it both with forms.to_dense first."
        )
    host = move(form, "numpy")
    batch = [np.shape(field) for name, field in inner_of(host)._asdict().items() if name != "P"]
    if any(0 in shape for shape in batch):
        raise ValueError(
            f"batch axes must not be empty; got shapes {batch}. Give at least one system."
        )
    axes = 2 if isinstance(inner_of(host), (MIMO, MIMORecurrence)) else 1
    kernels = max(
        math.prod(np.shape(field)[:-axes]) for field in (inner_of(host).B, inner_of(host).C)
    )
    require.room("the kernel", 8 * length * kernels, host=True)
    return host, length


def in_double(form: Any) -> Any:
    """The form on the host in double precision."""
    return move(form, "numpy", dtype="float64")


def inner_of(form: Any) -> Any:
    """The recurrence in a `Delayed` form, any other form itself."""
    return form.system if isinstance(form, Delayed) else form


def _eps(form: Any) -> float:
    return float(np.finfo(backend.precision(inner_of(form).B)).eps)


def _speed(form: Any) -> float:
    """The largest |step A| of a continuous form with modes, else 1."""
    if not isinstance(form, Continuous):
        return 1.0
    A = (
        np.linalg.norm(to_dense(form).A, axis=(-2, -1))
        if isinstance(form, (Dense, DPLR))
        else np.abs(form.A)
    )
    return float(np.max(A) * np.max(form.step))


def _radii(inner: Any) -> Real:
    """Of each member of the batch of A a number that no mode exceeds."""
    if isinstance(inner, DenseRecurrence):
        N = inner.A.shape[-1]
        return np.reshape([radius_bound(A) for A in inner.A.reshape(-1, N, N)], inner.A.shape[:-2])
    return np.max(np.abs(inner.A), axis=-1)


def _different(matrices: np.ndarray) -> np.ndarray:
    """Each different matrix of (..., N, N) once."""
    N = matrices.shape[-1]
    return np.unique(matrices.reshape(-1, N * N), axis=0).reshape(-1, N, N)
