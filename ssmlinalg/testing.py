r"""What other projects test with: hypothesis strategies for models and signals, laws to hold an
implementation to, a tolerance.

::

    @given(testing.paired())
    def test_our_kernel_is_theirs(form):
        testing.assert_kernel(ours, form, 64)

====================  ==========================================================================================================
to draw               functions
====================  ==========================================================================================================
numbers and names     `orders`, `batches`, `steps`, `measures`, `rules`, `stable_rules`, `signals`
modes                 `spectra` of x' = A x, `multipliers` of x_l = A x_{l-1}
forms                 one function for each, in `STRATEGIES`; `continuous`, `discrete`, `forms` for one of many
named systems         `lossless`, `models`
laws of a form        `assert_laws`, `assert_law`
laws of functions     `assert_kernel`, `assert_recurrence`, `assert_causal`, `assert_linear`, in any library
tolerance             `assert_close`
====================  ==========================================================================================================

All that is drawn lives on the host in float64, passes `forms.check`, is stable up to rounding and
shrinks: to order 1, no batch, step 1, A = -1 (0 for recurrences), and zeros. With `hard`, the
default, modes on the boundary of stability and next to it, stiff ones and pairs that nearly
coincide are drawn on purpose; single precision may want `hard=False`.

Needs hypothesis, which the extra `testing` installs.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from . import hippo, inits
from .discretize import RULES, Rule, sampled
from .forms import (
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
    unpair,
)
from .ground import backend, require
from .ground.backend import Array, Complex
from .kernels import convolve
from .kernels import kernel as kernel_of
from .verification.diagnosis import diagnose
from .verification.kernel_bounds import size
from .verification.laws import KEEP_STABILITY, LAWS, Check

try:
    from hypothesis import strategies as st
except ImportError as missing:
    remedy = "Install it: pip install 'ssmlinalg[testing]'."
    raise ImportError(f"strategies are drawn with hypothesis; got {missing}. {remedy}") from missing

LOSSLESS = (
    "legs",
    "lagt",
    "tlagt",
    "fout",
    "fourier2",
)  # measures with A + A^T = 2 sigma I - 2 P P^T and B in the span of P
HARD_RATES = (
    0.0,
    -1e-12,
    -1e-6,
    -1e-3,
    -1e3,
    -1e6,
)  # Re A: on the boundary, beside it, slow, stiff
HARD_FREQUENCIES = (1e-12, 1e-3, 1e3, 1e6)  # Im A: nearly real, slow, fast
HARD_RADII = (1.0, 1 - 1e-12, 1 - 1e-3)  # |A| of a recurrence
GAPS = (0.0, 2.0**-52, 1e-12, 1e-6)  # between modes that nearly coincide, relative

# Two decimals: short to read, and yet their products round.
_REAL = st.integers(-200, 200).map(lambda k: k / 100)
_COMPLEX = st.builds(complex, _REAL, _REAL)

AnyForm = Continuous | Discrete


# Numbers and names


def orders(largest: int = 24) -> st.SearchStrategy[int]:
    """An order or a number of modes from 1 to `largest`, of either parity."""
    return st.integers(1, require.integer("largest", largest))


def batches(axes: int = 2, largest: int = 3) -> st.SearchStrategy[tuple[int, ...]]:
    """Leading axes: at most `axes` of them, each from 1 to `largest`."""
    entries = st.integers(1, require.integer("largest", largest))
    return st.lists(entries, max_size=require.integer("axes", axes, least=0)).map(tuple)


def steps(least: float = 1e-4, largest: float = 1.0) -> st.SearchStrategy[float]:
    """A step from `least` to `largest`, spread evenly over its powers of ten.

    >>> from hypothesis import find
    >>> find(steps(), lambda step: True)
    1.0
    """
    least, largest = require.interval("step", (least, largest))
    powers = st.floats(math.log10(least), math.log10(largest))
    return powers.map(lambda power: min(max(10.0**power, least), largest))


def measures() -> st.SearchStrategy[str]:
    """A name from `hippo.MEASURES`."""
    return st.sampled_from(list(hippo.MEASURES))


def rules() -> st.SearchStrategy[str]:
    """A name from `discretize.RULES`."""
    return st.sampled_from(list(RULES))


def stable_rules() -> st.SearchStrategy[str]:
    """A rule under which what is stable stays stable: all but Euler's, "forward"."""
    return st.sampled_from(KEEP_STABILITY)


def signals(length: int, *, batch: tuple[int, ...] = ()) -> st.SearchStrategy[np.ndarray]:
    """A real signal (*batch, length) with entries from -2 to 2."""
    return _array_of(_REAL, *batch, require.integer("length", length))


# Made once, as those of the functions below: a strategy is read anew each time that it is made,
# which takes half of a draw.
_BATCHES, _STEPS = batches(), steps()
_PORTS = st.tuples(
    batches(axes=1), st.integers(1, 3), st.integers(1, 3)
)  # leading axes, inputs M, outputs P


# Modes


@st.composite
def spectra(draw: st.DrawFn, n: int, *, hard: bool = True) -> Complex:
    r"""Stable modes A (n,) on or above the real axis, one of each conjugate pair: -10 <= Re A <=
    -1/10, 0 <= Im A <= 10.

    With `hard` also Re A from `HARD_RATES`, zero included, Im A from `HARD_FREQUENCIES`, and a last
    mode (1 + gap) A_1 with gap from `GAPS`.

    >>> from hypothesis import find
    >>> find(spectra(2), lambda A: True)
    array([-1.+0.j, -1.+0.j])
    """
    return _near(draw, draw(_array_of(_damped(hard), n)), hard)


@st.composite
def multipliers(draw: st.DrawFn, n: int, *, hard: bool = True) -> Complex:
    """Modes A (n,) of a recurrence on or above the real axis: |A| < 1, zero included, any angle.

    With `hard` also |A| from `HARD_RADII`, one included, and a last mode (1 - gap) A_1 with gap
    from `GAPS`.
    """
    return _near(draw, draw(_array_of(_inside(hard), n)), hard, sign=-1)


@cache
def _damped(hard: bool) -> st.SearchStrategy[complex]:
    rates = st.floats(-1, 1).map(lambda power: -(10.0**power))
    frequencies = st.just(0.0) | st.integers(1, 1000).map(lambda k: k / 100)
    if hard:
        rates, frequencies = (
            rates | st.sampled_from(HARD_RATES),
            frequencies | st.sampled_from(HARD_FREQUENCIES),
        )
    return st.builds(complex, rates, frequencies)


@cache
def _inside(hard: bool) -> st.SearchStrategy[complex]:
    radii = st.integers(0, 99).map(lambda k: k / 100)
    radii = radii | st.sampled_from(HARD_RADII) if hard else radii
    turns = st.sampled_from([1 + 0j, -1 + 0j]) | st.integers(1, 314).map(
        lambda k: complex(np.exp(1j * k / 100))
    )
    return st.builds(operator.mul, radii, turns)


def _near(draw: st.DrawFn, A: Complex, hard: bool, sign: int = 1) -> Complex:
    """A (..., n), with `hard` perhaps with a last mode that is nearly the first."""
    if not hard or A.shape[-1] == 1 or not draw(st.booleans()):
        return A
    return np.concatenate(
        [A[..., :-1], (1 + sign * draw(st.sampled_from(GAPS))) * A[..., :1]], axis=-1
    )


# Forms


@st.composite
def paired(draw: st.DrawFn, largest: int = 6, *, hard: bool = True) -> Paired:
    """A half spectrum of 1 to `largest` modes; each field has the leading axes of a batch, or none.

    >>> from hypothesis import find
    >>> find(paired(), lambda form: True)
    Paired(A=array([-1.+0.j]), B=array([0.+0.j]), C=array([0.+0.j]), D=array(0.), step=array(1.))
    """
    batch = draw(_BATCHES)
    A, B, C = _by_mode(draw, largest, batch, (_damped(hard),), (_COMPLEX,), (_COMPLEX,))
    return Paired(_near(draw, A, hard), B, C, _over(draw, batch, _REAL), _over(draw, batch, _STEPS))


@st.composite
def diagonal(draw: st.DrawFn, largest: int = 6, *, hard: bool = True) -> Diagonal:
    """A spectrum closed under conjugation, with conjugate weights: 1 to `largest` modes, and the
    conjugates of the complex.
    """
    return _closed(draw(paired(largest, hard=hard)))


@st.composite
def dplr(draw: st.DrawFn, largest: int = 6, *, hard: bool = True) -> DPLR:
    """diag(Lambda) - P P^H with Re Lambda <= 0 and P of rank 0 to 2, so that no norm of the state
    grows.
    """
    batch, rank = draw(_BATCHES), draw(st.integers(0, 2))
    Lambda, P, B, C = _by_mode(
        draw, largest, batch, (_damped(hard),), (_COMPLEX, rank), (_COMPLEX,), (_COMPLEX,)
    )
    return DPLR(
        _near(draw, Lambda, hard), P, B, C, _over(draw, batch, _REAL), _over(draw, batch, _STEPS)
    )


@st.composite
def dense(draw: st.DrawFn, largest: int = 6, *, hard: bool = True) -> Dense:
    """A real system that dissipates, A + A^T <= 0: A = S - R R^T - I/2 with S skew; not normal as a
    rule.

    With `hard` without I/2, which leaves modes undamped, and scaled by 1e-3, 1 or 1e3.
    """
    batch, n, rank = draw(_BATCHES), draw(orders(largest)), draw(st.integers(0, 2))
    scale = draw(st.sampled_from([1.0, 1e-3, 1e3])) if hard else 1.0
    A = scale * _over(draw, batch, _dissipative(n, rank, 0.0 if hard else -0.5))
    return Dense(A, *_vectors(draw, batch, n), _over(draw, batch, _STEPS))


@st.composite
def mimo(draw: st.DrawFn, largest: int = 6, *, hard: bool = True) -> MIMO:
    """A half spectrum between 1 to 3 inputs and 1 to 3 outputs, with a step of its own for each
    mode.
    """
    batch, M, P = draw(_PORTS)
    A, B, C, step = _by_mode(
        draw, largest, batch, (_damped(hard),), (_COMPLEX, M), (_COMPLEX, P), (_STEPS,)
    )
    return MIMO(
        _near(draw, A, hard),
        B,
        C.swapaxes(-1, -2),
        _over(draw, batch, _array_of(_REAL, P, M)),
        step,
    )


@st.composite
def paired_recurrence(draw: st.DrawFn, largest: int = 6, *, hard: bool = True) -> PairedRecurrence:
    """A half spectrum of 1 to `largest` modes, discrete."""
    batch = draw(_BATCHES)
    A, B, C = _by_mode(draw, largest, batch, (_inside(hard),), (_COMPLEX,), (_COMPLEX,))
    return PairedRecurrence(_near(draw, A, hard, sign=-1), B, C, _over(draw, batch, _REAL))


@st.composite
def recurrence(draw: st.DrawFn, largest: int = 6, *, hard: bool = True) -> Recurrence:
    """A spectrum closed under conjugation, discrete, with conjugate weights: as `diagonal`."""
    return Recurrence(
        *_closed(Paired(*draw(paired_recurrence(largest, hard=hard)), np.asarray(1.0)))[:4]
    )


@st.composite
def dense_recurrence(draw: st.DrawFn, largest: int = 6, *, hard: bool = True) -> DenseRecurrence:
    """A real contraction, |A| < 1 in the spectral norm; with `hard` also |A| = 1."""
    batch, n = draw(_BATCHES), draw(orders(largest))
    A = _over(draw, batch, _array_of(_REAL, n, n))
    norm = np.linalg.norm(A, 2, axis=(-2, -1))[..., None, None]
    return DenseRecurrence(
        A / (np.maximum(1.0, norm) if hard else 1 + norm), *_vectors(draw, batch, n)
    )


@st.composite
def mimo_recurrence(draw: st.DrawFn, largest: int = 6, *, hard: bool = True) -> MIMORecurrence:
    """A half spectrum between 1 to 3 inputs and 1 to 3 outputs, discrete."""
    batch, M, P = draw(_PORTS)
    A, B, C = _by_mode(draw, largest, batch, (_inside(hard),), (_COMPLEX, M), (_COMPLEX, P))
    D = _over(draw, batch, _array_of(_REAL, P, M))
    return MIMORecurrence(_near(draw, A, hard, sign=-1), B, C.swapaxes(-1, -2), D)


@st.composite
def delayed(draw: st.DrawFn, largest: int = 6, *, hard: bool = True) -> Delayed:
    """A recurrence heard one sample late beside a direct path of its own, as a first-order hold
    makes of a continuous form.
    """
    made = (paired_recurrence, recurrence, dense_recurrence, mimo_recurrence)
    system = draw(st.one_of([make(largest, hard=hard) for make in made]))
    return Delayed(system._replace(D=np.zeros_like(system.D)), system.D)


@st.composite
def lossless(draw: st.DrawFn, largest: int = 6) -> NPLR:
    r"""A lossless system: A + A^T = 2 sigma I - 2 P P^T and B = P g.

    Those of `LOSSLESS` among the measures, and A = sigma I + S - P P^T with S skew, -1 <= sigma <=
    0 and P of rank 1 or 2.
    """
    n, name = draw(orders(largest)), draw(st.sampled_from([*LOSSLESS, None]))
    if name is not None:
        found = hippo.MEASURES[name](n)
        assert isinstance(found, NPLR)
        return found
    rank = draw(st.integers(1, 2))
    P, g = draw(_array_of(_REAL, n, rank)), draw(_array_of(_REAL, rank))
    return NPLR(draw(_dissipative(n, 0, -draw(st.integers(0, 100)) / 100)) - P @ P.T, P @ g, P)


STRATEGIES: dict[str, Callable[..., st.SearchStrategy[Any]]] = {
    "Paired": paired,
    "Diagonal": diagonal,
    "DPLR": dplr,
    "Dense": dense,
    "MIMO": mimo,
    "NPLR": lossless,
    "PairedRecurrence": paired_recurrence,
    "Recurrence": recurrence,
    "MIMORecurrence": mimo_recurrence,
    "DenseRecurrence": dense_recurrence,
    "Delayed": delayed,
}


def continuous(largest: int = 6, *, hard: bool = True) -> st.SearchStrategy[Continuous]:
    """One of the forms with a step."""
    return st.one_of([make(largest, hard=hard) for make in (paired, diagonal, dplr, dense, mimo)])


def discrete(largest: int = 6, *, hard: bool = True) -> st.SearchStrategy[Discrete]:
    """One of the forms without a step that have an output."""
    made = (paired_recurrence, recurrence, dense_recurrence, mimo_recurrence, delayed)
    return st.one_of([make(largest, hard=hard) for make in made])


def forms(largest: int = 6, *, hard: bool = True) -> st.SearchStrategy[AnyForm]:
    """One of all forms with an output: every one but NPLR."""
    return continuous(largest, hard=hard) | discrete(largest, hard=hard)


@st.composite
def models(
    draw: st.DrawFn, names: st.SearchStrategy[str] | None = None, *, largest: int = 12
) -> AnyForm:
    """A form made by one of `inits.INITS`, or of `names` among them, of order 1 to `largest` and 1
    to 3 channels or none.
    """
    name = draw(st.sampled_from(list(inits.INITS)) if names is None else names)
    order, channels = draw(orders(largest)), draw(st.none() | st.integers(1, 3))
    return inits.INITS[name](order, channels=channels, seed=draw(st.integers(0, 99)))


@cache
def _array_of(entry: st.SearchStrategy[Any], *shape: int) -> st.SearchStrategy[np.ndarray]:
    size = math.prod(shape)
    return st.lists(entry, min_size=size, max_size=size).map(
        lambda values: np.reshape(np.array(values), shape)
    )


def _by_mode(
    draw: st.DrawFn, largest: int, batch: tuple[int, ...], *fields: tuple[Any, ...]
) -> list[np.ndarray]:
    """For each field (entry, *core) an array (*batch, n, *core) or (n, *core): a list of modes,
    which shrinks mode by mode.
    """
    lead = [draw(st.sampled_from([(), batch])) for _ in fields]
    mode = st.tuples(
        *(_array_of(entry, *axes, *core) for axes, (entry, *core) in zip(lead, fields, strict=True))
    )
    modes = draw(st.lists(mode, min_size=1, max_size=require.integer("largest", largest)))
    return [
        np.stack(values, axis=len(axes))
        for axes, values in zip(lead, zip(*modes, strict=True), strict=True)
    ]


def _over(draw: st.DrawFn, batch: tuple[int, ...], core: st.SearchStrategy[Any]) -> np.ndarray:
    """What is drawn from `core` over the axes of the batch, or once for all of it."""
    shape = draw(st.sampled_from([(), batch]))
    members = np.array([draw(core) for _ in range(math.prod(shape))])
    return np.reshape(members, (*shape, *members.shape[1:]))


def _vectors(draw: st.DrawFn, batch: tuple[int, ...], n: int) -> tuple[Array, Array, Array]:
    """B, C (..., n) and D (...), real."""
    B, C = (_over(draw, batch, _array_of(_REAL, n)) for _ in range(2))
    return B, C, _over(draw, batch, _REAL)


@st.composite
def _dissipative(draw: st.DrawFn, n: int, rank: int, sigma: float) -> np.ndarray:
    """sigma I + S - R R^T with S skew and R (n, rank)."""
    S, R = (draw(_array_of(_REAL, *shape)) for shape in ((n, n), (n, rank)))
    return sigma * np.eye(n) + S - S.T - R @ R.T


def _closed(half: Paired) -> Diagonal:
    """The full spectrum of a half one whose real modes have real weights."""
    B, C = (np.where(half.A.imag == 0, array.real, array) for array in (half.B, half.C))
    return unpair(half._replace(B=B + 0j, C=C + 0j))


# Tolerance and laws


def assert_close(
    got: Array,
    expected: Array,
    *,
    scale: Any = None,
    condition: Any = 1.0,
    constant: float = 8.0,
    eps: float | None = None,
) -> None:
    r"""Two arrays of any libraries are equal up to rounding, by norm and not entry by entry:

    .. math::  \max |x - \hat x| \le c\, \epsilon\, \kappa\, s, \qquad s = \max |x| \text{ unless given.}

    So an entry far below the largest may err by more than itself, as after any sum that cancels,
    and as the real part of a complex product does. eps is that of the coarser of the two, complex
    numbers counting as their parts. `condition` and `scale` are numbers or host arrays that
    broadcast against the entries, to judge each kernel of a batch by itself. Raises AssertionError
    for more, for shapes that differ, and for NaN and infinities; ValueError for a constant or eps
    not positive.

    >>> assert_close(np.array([1.0, 1e-20]), np.array([1.0, 0.0]))
    >>> assert_close(np.array([1.0, 1e-8]), np.array([1.0, 0.0]))
    Traceback (most recent call last):
    AssertionError: got differs from expected by 1e-08 at (1,), 5.6e+06 times the 1.8e-15 allowed (8 eps = 1.8e-15).
    """
    __tracebackhide__ = True
    constant = require.real("constant", constant, above=0)
    eps = max(map(_eps, (got, expected))) if eps is None else require.real("eps", eps, above=0)
    x, y = (_host(array) for array in (got, expected))
    if x.shape != y.shape:
        raise AssertionError(f"shapes must agree; got {x.shape} where {y.shape} is expected.")
    for name, array in (("got", x), ("expected", y)):
        if not require.all_finite(array):
            at = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
            raise AssertionError(f"{name} must be finite; it is {array[at]} at {at}.")
    scale = np.max(np.abs(y), initial=0.0) if scale is None else scale
    allowed = np.broadcast_to(constant * eps * np.asarray(condition) * np.asarray(scale), x.shape)
    error = np.abs(x - y)
    if np.all(error <= allowed):
        return
    ratio = np.where(error > 0, error / np.maximum(allowed, np.finfo(np.float64).tiny), 0)
    ratio = np.where(np.isnan(allowed), np.inf, ratio)
    at = tuple(int(i) for i in np.unravel_index(np.argmax(ratio), x.shape))
    unit = f"{constant:g} eps = {constant * eps:.2g}"
    much = f"{ratio[at]:.2g} times the {allowed[at]:.2g} allowed ({unit})"
    raise AssertionError(f"got differs from expected by {error[at]:.2g} at {at}, {much}.")


def assert_law(name: str, form: AnyForm, *, length: int = 96, rule: Rule = "zoh") -> None:
    """The form obeys one of `verification.LAWS`; AssertionError says by how much it does not.

    >>> assert_law("stable", inits.s4d_lin_init(8))
    """
    __tracebackhide__ = True
    _upheld([LAWS[require.known("name", name, LAWS)](form, length, rule)])


def assert_laws(form: AnyForm, *, length: int = 96, rule: Rule = "zoh") -> None:
    """The form obeys all of `verification.LAWS`; AssertionError lists those that it does not."""
    __tracebackhide__ = True
    _upheld([law(form, length, rule) for law in LAWS.values()])


def assert_kernel(
    kernel: Callable[[Any, int], Array],
    form: AnyForm,
    length: int = 96,
    *,
    rule: Rule = "zoh",
    condition: float = 1.0,
) -> None:
    r"""Another's `kernel(form, length)`, (..., L) or (..., P, M, L), is ours to 32 (n + log2 L) eps
    S, n^2 for matrices.

    S, the size of the modes, is that of `verification.laws`, of each kernel by itself; eps is that
    of the coarser of form and result. The error of a recurrence grows with time: pass
    condition=length for a kernel made by one. AssertionError says by how much they differ, and why,
    if `verification.diagnose` knows.

    >>> try:
    ...     assert_kernel(lambda form, length: kernel_of(form, length) / 2, inits.s4d_lin_init(8))
    ... except AssertionError as error:
    ...     str(error).partition("). ")[2]
    'Theirs is 0.5 times ours: a half spectrum was counted once.'
    """
    __tracebackhide__ = True
    theirs, host = kernel(form, length), move(form, "numpy")
    system: Any = sampled(move(host, "numpy", dtype="float64"), rule=rule)
    inner = system.system if isinstance(system, Delayed) else system
    n = inner.A.shape[-1] ** (2 if isinstance(inner, DenseRecurrence) else 1)
    ours, scale = kernel_of(host, length, rule=rule), size(system, length)[..., None]
    try:
        assert_close(
            theirs,
            ours,
            scale=scale,
            condition=condition * (n + math.log2(length + 1)),
            constant=32,
        )
    except AssertionError as error:
        raise _Disagreement(str(error), host, theirs, ours, rule) from None


def assert_recurrence(
    run: Callable[[Array], Array], kernel: Array, u: Array, *, condition: float = 1.0
) -> None:
    r"""Another's `run`, from a signal (..., L) to a signal, is the convolution with their kernel
    (..., L):

    .. math::  y_l = \sum_{m \le l} K_m u_{l-m}, \qquad |\Delta y| \le 32\, \epsilon\, L\, \sum |K|\, \max |u| .

    `u` belongs to the library of the kernel. Where modes cancel in K, pass their size over that of
    K as `condition`.

    >>> assert_recurrence(np.cumsum, np.ones(3), np.array([1.0, 2.0, 3.0]))
    """
    __tracebackhide__ = True
    y = run(u)
    length = u.shape[-1]
    scale = np.sum(np.abs(_host(kernel)), axis=-1)[..., None] * np.max(
        np.abs(_host(u)), initial=0.0
    )
    _named(
        "recurrence", y, convolve(u, kernel), scale=scale, condition=condition * length, constant=32
    )


def assert_causal(
    run: Callable[[Array], Array], u: Array, at: int, *, condition: float = 1.0
) -> None:
    """The output of `run` before sample `at` does not depend on u (..., L) from there on, up to the
    rounding of the whole.

    >>> assert_causal(np.cumsum, np.ones(8), 3)
    """
    __tracebackhide__ = True
    xp = backend.namespace(u=u)
    past = xp.where(backend.arange(u.shape[-1], u) < at, u, 0 * u)
    y = run(u)
    scale = np.max(np.abs(_host(y)), initial=0.0)
    _named(
        "causal", run(past)[..., :at], y[..., :at], scale=scale, condition=condition * u.shape[-1]
    )


def assert_linear(
    run: Callable[[Array], Array],
    u: Array,
    v: Array,
    *,
    factor: float = -1.7,
    condition: float = 1.0,
) -> None:
    """run(u + factor v) = run(u) + factor run(v), relative to the larger of the terms.

    >>> assert_linear(np.cumsum, np.ones(8), np.arange(8.0))
    """
    __tracebackhide__ = True
    x, y = run(u), run(v)
    scale = sum(np.max(np.abs(_host(term)), initial=0.0) for term in (x, factor * y))
    _named(
        "linear",
        run(u + factor * v),
        x + factor * y,
        scale=scale,
        condition=condition * u.shape[-1],
    )


def _upheld(checks: list[Check]) -> None:
    __tracebackhide__ = True
    broken = [
        f"{check.law}: {check.message} ({check.error:.3g}, allowed {check.allowed:.3g})"
        for check in checks
        if not check.holds
    ]
    if broken:
        raise AssertionError("\n".join(broken))


def _named(law: str, got: Array, expected: Array, **tolerance: Any) -> None:
    __tracebackhide__ = True
    try:
        assert_close(got, expected, **tolerance)
    except AssertionError as error:
        raise AssertionError(f"{law}: {error}") from None


class _Disagreement(AssertionError):
    """Explained when it is read and not before: hypothesis raises hundreds on its way to the
    simplest.
    """

    def __str__(self) -> str:
        error, form, theirs, ours, rule = self.args
        K = _host(theirs)
        known = K.shape == ours.shape and require.all_finite(K)
        findings = diagnose(form, K, rule=rule)[:1] if known else []
        return " ".join([f"kernel: {error}", *(finding.message for finding in findings)])


def _host(array: Array) -> np.ndarray:
    return (
        backend.to_numpy(backend.widened(array)) if hasattr(array, "dtype") else np.asarray(array)
    )


def _eps(array: Array) -> float:
    """That of the array's own numbers; of float64 for integers and what is no array."""
    precision = backend.precision(array) if hasattr(array, "dtype") else "float64"
    return {
        "float32": 2.0**-23,
        "float16": 2.0**-10,
        "complex32": 2.0**-10,
        "bfloat16": 2.0**-7,
    }.get(precision, 2.0**-52)
