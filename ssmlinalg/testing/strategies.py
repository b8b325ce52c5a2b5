"""Hypothesis strategies for models, their parts and signals.

All that is drawn lives on the host in float64, passes `forms.check`, is stable up to rounding and
shrinks: to order 1, no batch, step 1, A = -1 (0 for recurrences), and zeros. With `hard`, the
default, three kinds of modes are drawn on purpose: on and beside the boundary of stability, stiff,
and nearly coincident. Single precision may want `hard=False`.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from .. import hippo, inits
from ..discretize import RULES
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
    unpair,
)
from ..ground import require
from ..ground.backend import Array, Complex
from ..verification.laws import KEEP_STABILITY

try:
    from hypothesis import strategies as st
except ImportError as missing:
    remedy = "Install it: pip install 'ssmlinalg[testing]'."
    raise ImportError(f"strategies are drawn with hypothesis; got {missing}. {remedy}") from missing

# Measures with A + A^T = 2 sigma I - 2 P P^T and B in the span of P.
LOSSLESS = ("legs", "lagt", "tlagt", "fout", "fourier2")
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
Shape = tuple[int, ...]


# Numbers and names


def orders(largest: int = 24) -> st.SearchStrategy[int]:
    """An order or a number of modes from 1 to `largest`, of either parity.

    Args:
        largest: the largest order.

    Returns:
        A strategy for integers.

    Raises:
        TypeError: if `largest` is no integer.
        ValueError: if it is below 1.

    Example:
        >>> from hypothesis import find
        >>> find(orders(), lambda order: order > 2)
        3
    """
    return st.integers(1, require.integer("largest", largest))


def batches(axes: int = 2, largest: int = 3) -> st.SearchStrategy[Shape]:
    """Leading axes: at most `axes` of them, each from 1 to `largest`.

    Args:
        axes: the largest number of axes.
        largest: the largest axis.

    Returns:
        A strategy for shapes.

    Raises:
        TypeError: if an argument is no integer.
        ValueError: if `axes` is below 0 or `largest` below 1.

    Example:
        >>> from hypothesis import find
        >>> find(batches(), lambda batch: len(batch) == 2)
        (1, 1)
    """
    entries = st.integers(1, require.integer("largest", largest))
    return st.lists(entries, max_size=require.integer("axes", axes, least=0)).map(tuple)


def steps(least: float = 1e-4, largest: float = 1.0) -> st.SearchStrategy[float]:
    """A step from `least` to `largest`, spread evenly over its powers of ten.

    Args:
        least: the smallest step.
        largest: the largest step.

    Returns:
        A strategy for numbers.

    Raises:
        TypeError: if an argument is no number.
        ValueError: unless 0 < least <= largest.

    Example:
        >>> from hypothesis import find
        >>> find(steps(), lambda step: True)
        1.0
    """
    least, largest = require.interval("step", (least, largest))
    powers = st.floats(math.log10(least), math.log10(largest))
    return powers.map(lambda power: min(max(10.0**power, least), largest))


def measures() -> st.SearchStrategy[str]:
    """A name from `hippo.MEASURES`.

    Returns:
        A strategy for names.

    Example:
        >>> from hypothesis import find
        >>> find(measures(), lambda name: name.startswith("f"))
        'fout'
    """
    return st.sampled_from(list(hippo.MEASURES))


def rules() -> st.SearchStrategy[str]:
    """A name from `discretize.RULES`.

    Returns:
        A strategy for names.

    Example:
        >>> from hypothesis import find
        >>> find(rules(), lambda name: True)
        'zoh'
    """
    return st.sampled_from(list(RULES))


def stable_rules() -> st.SearchStrategy[str]:
    """A rule under which a stable model stays stable: all but Euler's, "forward".

    Returns:
        A strategy for names.

    Example:
        >>> from hypothesis import find
        >>> find(stable_rules(), lambda name: True)
        'zoh'
    """
    return st.sampled_from(KEEP_STABILITY)


def signals(length: int, *, batch: Shape = ()) -> st.SearchStrategy[np.ndarray]:
    """A real signal (*batch, length) with entries from -2 to 2.

    Args:
        length: its samples.
        batch: its leading axes.

    Returns:
        A strategy for arrays.

    Raises:
        TypeError: if `length` is no integer.
        ValueError: if it is below 1.

    Example:
        >>> from hypothesis import find
        >>> find(signals(3), lambda u: u[1] > 0)
        array([0.  , 0.01, 0.  ])
    """
    return _array_of(_REAL, *batch, require.integer("length", length))


# Made once, as those of the functions below: a strategy is read anew each time that it is made,
# which takes half of a draw.
_BATCHES = batches()
_STEPS = steps()
_PORTS = st.tuples(st.integers(1, 3), st.integers(1, 3))  # inputs M, outputs P


# Modes


@st.composite
def spectra(draw: st.DrawFn, n: int, *, hard: bool = True) -> Complex:
    r"""Stable modes A (n,) of x' = A x, one of each conjugate pair.

    -10 <= Re A <= -1/10, 0 <= Im A <= 10. With `hard` also Re A from `HARD_RATES`, zero included,
    Im A from `HARD_FREQUENCIES`, and a last mode (1 + gap) A_1 with gap from `GAPS`.

    Args:
        n: the number of modes.
        hard: whether hard modes are drawn as well.

    Returns:
        A strategy for complex vectors.

    Example:
        >>> from hypothesis import find
        >>> find(spectra(2), lambda A: True)
        array([-1.+0.j, -1.+0.j])
    """
    return _near(draw, draw(_array_of(_damped(hard), n)), hard)


@st.composite
def multipliers(draw: st.DrawFn, n: int, *, hard: bool = True) -> Complex:
    """Stable modes A (n,) of x_l = A x_{l-1}, one of each conjugate pair.

    |A| < 1, zero included, at any angle from 0 to pi. With `hard` also |A| from `HARD_RADII`, one
    included, and a last mode (1 - gap) A_1 with gap from `GAPS`.

    Args:
        n: the number of modes.
        hard: whether hard modes are drawn as well.

    Returns:
        A strategy for complex vectors.

    Example:
        >>> from hypothesis import find
        >>> find(multipliers(2), lambda A: True)
        array([0.+0.j, 0.+0.j])
    """
    return _near(draw, draw(_array_of(_inside(hard), n)), hard, sign=-1)


@cache
def _damped(hard: bool) -> st.SearchStrategy[complex]:
    rates = st.floats(-1, 1).map(lambda power: -(10.0**power))
    frequencies = st.just(0.0) | st.integers(1, 1000).map(lambda k: k / 100)
    if hard:
        rates = rates | st.sampled_from(HARD_RATES)
        frequencies = frequencies | st.sampled_from(HARD_FREQUENCIES)
    return st.builds(complex, rates, frequencies)


@cache
def _inside(hard: bool) -> st.SearchStrategy[complex]:
    radii = st.integers(0, 99).map(lambda k: k / 100)
    if hard:
        radii = radii | st.sampled_from(HARD_RADII)
    angles = st.integers(1, 314).map(lambda k: k / 100)
    turns = st.sampled_from([1 + 0j, -1 + 0j]) | angles.map(lambda x: complex(np.exp(1j * x)))
    return st.builds(operator.mul, radii, turns)


def _near(draw: st.DrawFn, A: Complex, hard: bool, sign: int = 1) -> Complex:
    """A (..., n), with `hard` perhaps with a last mode that is nearly the first."""
    if not hard or A.shape[-1] == 1 or not draw(st.booleans()):
        return A
    last = (1 + sign * draw(st.sampled_from(GAPS))) * A[..., :1]
    return np.concatenate([A[..., :-1], last], axis=-1)


# Forms


@st.composite
def paired(draw: st.DrawFn, largest: int = 6, *, hard: bool = True) -> Paired:
    """A half spectrum; each field has the leading axes of a batch, or none.

    Args:
        largest: the largest number of modes.
        hard: whether hard modes are drawn as well.

    Returns:
        A strategy for `Paired` forms.

    Example:
        >>> from hypothesis import find
        >>> find(paired(), lambda form: True)._asdict()
        {'A': array([-1.+0.j]), 'B': array([0.+0.j]), 'C': array([0.+0.j]),
         'D': array(0.), 'step': array(1.)}
    """
    batch = draw(_BATCHES)
    A, B, C = _by_mode(draw, largest, batch, (_damped(hard),), (_COMPLEX,), (_COMPLEX,))
    A = _near(draw, A, hard)
    D = _over(draw, batch, _REAL)
    return Paired(A, B, C, D, _over(draw, batch, _STEPS))


@st.composite
def diagonal(draw: st.DrawFn, largest: int = 6, *, hard: bool = True) -> Diagonal:
    """A spectrum closed under conjugation, with conjugate weights.

    Args:
        largest: the largest number of modes on or above the real axis.
        hard: whether hard modes are drawn as well.

    Returns:
        A strategy for `Diagonal` forms.

    Example:
        >>> from hypothesis import find
        >>> find(diagonal(hard=False), lambda form: form.A.size == 2 and form.A[0].imag > 0).A
        array([-1.+0.01j, -1.-0.01j])
    """
    return _closed(draw(paired(largest, hard=hard)))


@st.composite
def dplr(draw: st.DrawFn, largest: int = 6, *, hard: bool = True) -> DPLR:
    """diag(Lambda) - P P^H with Re Lambda <= 0, so that no norm of the state grows.

    Args:
        largest: the largest order.
        hard: whether hard modes are drawn as well.

    Returns:
        A strategy for `DPLR` forms, P of rank 0 to 2.

    Example:
        >>> from hypothesis import find
        >>> find(dplr(), lambda form: True).P.shape
        (1, 0)
    """
    batch = draw(_BATCHES)
    rank = draw(st.integers(0, 2))
    fields = ((_damped(hard),), (_COMPLEX, rank), (_COMPLEX,), (_COMPLEX,))
    Lambda, P, B, C = _by_mode(draw, largest, batch, *fields)
    Lambda = _near(draw, Lambda, hard)
    D = _over(draw, batch, _REAL)
    return DPLR(Lambda=Lambda, P=P, B=B, C=C, D=D, step=_over(draw, batch, _STEPS))


@st.composite
def dense(draw: st.DrawFn, largest: int = 6, *, hard: bool = True) -> Dense:
    """A real system that dissipates, A + A^T <= 0; not normal as a rule.

    A = S - R R^T - I/2 with S skew. With `hard` without I/2, which leaves modes undamped, and
    scaled by 1e-3, 1 or 1e3.

    Args:
        largest: the largest order.
        hard: whether hard systems are drawn as well.

    Returns:
        A strategy for `Dense` forms.

    Example:
        >>> from hypothesis import find
        >>> find(dense(hard=False), lambda form: True).A
        array([[-0.5]])
    """
    batch = draw(_BATCHES)
    n = draw(orders(largest))
    rank = draw(st.integers(0, 2))
    scale = draw(st.sampled_from([1.0, 1e-3, 1e3])) if hard else 1.0
    A = scale * _over(draw, batch, _dissipative(n, rank, 0.0 if hard else -0.5))
    B, C, D = _vectors(draw, batch, n)
    return Dense(A, B, C, D, _over(draw, batch, _STEPS))


@st.composite
def mimo(draw: st.DrawFn, largest: int = 6, *, hard: bool = True) -> MIMO:
    """A half spectrum between 1 to 3 inputs and 1 to 3 outputs, with a step for each mode.

    Args:
        largest: the largest number of modes.
        hard: whether hard modes are drawn as well.

    Returns:
        A strategy for `MIMO` forms.

    Example:
        >>> from hypothesis import find
        >>> find(mimo(), lambda form: form.B.shape[-1] == 2).D.shape  # one output
        (1, 2)
    """
    batch = draw(batches(axes=1))
    M, P = draw(_PORTS)
    fields = ((_damped(hard),), (_COMPLEX, M), (_COMPLEX, P), (_STEPS,))
    A, B, C, step = _by_mode(draw, largest, batch, *fields)
    A = _near(draw, A, hard)
    D = _over(draw, batch, _array_of(_REAL, P, M))
    return MIMO(A, B, C.swapaxes(-1, -2), D, step)


@st.composite
def paired_recurrence(draw: st.DrawFn, largest: int = 6, *, hard: bool = True) -> PairedRecurrence:
    """A half spectrum, discrete.

    Args:
        largest: the largest number of modes.
        hard: whether hard modes are drawn as well.

    Returns:
        A strategy for `PairedRecurrence` forms.

    Example:
        >>> from hypothesis import find
        >>> find(paired_recurrence(), lambda form: True).A
        array([0.+0.j])
    """
    batch = draw(_BATCHES)
    A, B, C = _by_mode(draw, largest, batch, (_inside(hard),), (_COMPLEX,), (_COMPLEX,))
    return PairedRecurrence(_near(draw, A, hard, sign=-1), B, C, _over(draw, batch, _REAL))


@st.composite
def recurrence(draw: st.DrawFn, largest: int = 6, *, hard: bool = True) -> Recurrence:
    """A spectrum closed under conjugation, discrete, with conjugate weights.

    Args:
        largest: the largest number of modes on or above the real axis.
        hard: whether hard modes are drawn as well.

    Returns:
        A strategy for `Recurrence` forms.

    Example:
        >>> from hypothesis import find
        >>> find(recurrence(), lambda form: True).A
        array([0.+0.j])
    """
    half = draw(paired_recurrence(largest, hard=hard))
    A, B, C, D, _ = _closed(Paired(*half, step=np.asarray(1.0)))
    return Recurrence(A, B, C, D)


@st.composite
def dense_recurrence(draw: st.DrawFn, largest: int = 6, *, hard: bool = True) -> DenseRecurrence:
    """A real contraction, |A| < 1 in the spectral norm; with `hard` also |A| = 1.

    Args:
        largest: the largest order.
        hard: whether hard systems are drawn as well.

    Returns:
        A strategy for `DenseRecurrence` forms.

    Example:
        >>> from hypothesis import find
        >>> find(dense_recurrence(), lambda form: True).A
        array([[0.]])
    """
    batch = draw(_BATCHES)
    n = draw(orders(largest))
    A = _over(draw, batch, _array_of(_REAL, n, n))
    norm = np.linalg.norm(A, 2, axis=(-2, -1))[..., None, None]
    B, C, D = _vectors(draw, batch, n)
    return DenseRecurrence(A / (np.maximum(1.0, norm) if hard else 1 + norm), B, C, D)


@st.composite
def mimo_recurrence(draw: st.DrawFn, largest: int = 6, *, hard: bool = True) -> MIMORecurrence:
    """A half spectrum between 1 to 3 inputs and 1 to 3 outputs, discrete.

    Args:
        largest: the largest number of modes.
        hard: whether hard modes are drawn as well.

    Returns:
        A strategy for `MIMORecurrence` forms.

    Example:
        >>> from hypothesis import find
        >>> find(mimo_recurrence(), lambda form: True).B
        array([[0.+0.j]])
    """
    batch = draw(batches(axes=1))
    M, P = draw(_PORTS)
    A, B, C = _by_mode(draw, largest, batch, (_inside(hard),), (_COMPLEX, M), (_COMPLEX, P))
    D = _over(draw, batch, _array_of(_REAL, P, M))
    return MIMORecurrence(_near(draw, A, hard, sign=-1), B, C.swapaxes(-1, -2), D)


@st.composite
def delayed(draw: st.DrawFn, largest: int = 6, *, hard: bool = True) -> Delayed:
    """A recurrence read one sample late beside a direct path, as a first-order hold makes.

    Args:
        largest: the largest number of modes, or the largest order.
        hard: whether hard systems are drawn as well.

    Returns:
        A strategy for `Delayed` forms.

    Example:
        >>> from hypothesis import find
        >>> bool(np.any(find(delayed(), lambda form: bool(np.any(form.D))).system.D))
        False
    """
    system = draw(st.one_of([make(largest, hard=hard) for make in _RECURRENT.values()]))
    return Delayed(system._replace(D=np.zeros_like(system.D)), system.D)


@st.composite
def lossless(draw: st.DrawFn, largest: int = 6) -> NPLR:
    r"""A lossless system: A + A^T = 2 sigma I - 2 P P^T and B = P g.

    Those of `LOSSLESS` among the measures, and A = sigma I + S - P P^T with S skew, -1 <= sigma <=
    0 and P of rank 1 or 2.

    Args:
        largest: the largest order.

    Returns:
        A strategy for `NPLR` forms.

    Example:
        >>> from hypothesis import find
        >>> find(lossless(), lambda system: True).A
        array([[-1.]])
    """
    n = draw(orders(largest))
    name = draw(st.sampled_from([*LOSSLESS, None]))
    if name is not None:
        found = hippo.MEASURES[name](n)
        assert isinstance(found, NPLR)
        return found
    rank = draw(st.integers(1, 2))
    P = draw(_array_of(_REAL, n, rank))
    g = draw(_array_of(_REAL, rank))
    sigma = -draw(st.integers(0, 100)) / 100
    return NPLR(draw(_dissipative(n, 0, sigma)) - P @ P.T, P @ g, P)


def continuous(largest: int = 6, *, hard: bool = True) -> st.SearchStrategy[Continuous]:
    """One of the forms with a step.

    Args:
        largest: the largest number of modes, or the largest order.
        hard: whether hard systems are drawn as well.

    Returns:
        A strategy for forms.

    Example:
        >>> from hypothesis import find
        >>> hasattr(find(continuous(), lambda form: True), "step")
        True
    """
    return st.one_of([make(largest, hard=hard) for make in _CONTINUOUS.values()])


def discrete(largest: int = 6, *, hard: bool = True) -> st.SearchStrategy[Discrete]:
    """One of the forms without a step that have an output.

    Args:
        largest: the largest number of modes, or the largest order.
        hard: whether hard systems are drawn as well.

    Returns:
        A strategy for forms.

    Example:
        >>> from hypothesis import find
        >>> hasattr(find(discrete(), lambda form: True), "step")
        False
    """
    made = [make(largest, hard=hard) for make in _RECURRENT.values()]
    return st.one_of([*made, delayed(largest, hard=hard)])


def forms(largest: int = 6, *, hard: bool = True) -> st.SearchStrategy[AnyForm]:
    """One of all forms with an output: every one but NPLR.

    Args:
        largest: the largest number of modes, or the largest order.
        hard: whether hard systems are drawn as well.

    Returns:
        A strategy for forms.

    Example:
        >>> from hypothesis import find
        >>> find(forms(), lambda form: isinstance(form, MIMO)).step
        array([1.])
    """
    return continuous(largest, hard=hard) | discrete(largest, hard=hard)


@st.composite
def models(
    draw: st.DrawFn, names: st.SearchStrategy[str] | None = None, *, largest: int = 12
) -> AnyForm:
    """A form made by one of the named initializations, with 1 to 3 channels or none.

    Args:
        names: a strategy for names in `inits.INITS`. None: all of them.
        largest: the largest order.

    Returns:
        A strategy for forms.

    Example:
        >>> from hypothesis import find
        >>> find(models(st.just("s4d-lin")), lambda form: form.A.size == 2).A
        array([-0.5+0.j        , -0.5+3.14159265j])
    """
    name = draw(st.sampled_from(list(inits.INITS)) if names is None else names)
    order = draw(orders(largest))
    channels = draw(st.none() | st.integers(1, 3))
    return inits.INITS[name](order, channels=channels, seed=draw(st.integers(0, 99)))


_CONTINUOUS: dict[str, Callable[..., st.SearchStrategy[Any]]] = {
    "Paired": paired,
    "Diagonal": diagonal,
    "DPLR": dplr,
    "Dense": dense,
    "MIMO": mimo,
}
_RECURRENT: dict[str, Callable[..., st.SearchStrategy[Any]]] = {
    "PairedRecurrence": paired_recurrence,
    "Recurrence": recurrence,
    "DenseRecurrence": dense_recurrence,
    "MIMORecurrence": mimo_recurrence,
}
STRATEGIES: dict[str, Callable[..., st.SearchStrategy[Any]]] = {
    **_CONTINUOUS,
    "NPLR": lossless,
    **_RECURRENT,
    "Delayed": delayed,
}


@cache
def _array_of(entry: st.SearchStrategy[Any], *shape: int) -> st.SearchStrategy[np.ndarray]:
    size = math.prod(shape)
    entries = st.lists(entry, min_size=size, max_size=size)
    return entries.map(lambda values: np.reshape(np.array(values), shape))


def _by_mode(
    draw: st.DrawFn, largest: int, batch: Shape, *fields: tuple[Any, ...]
) -> list[np.ndarray]:
    """For each field (entry, *core) an array (*batch, n, *core) or (n, *core).

    All of them are drawn as one list of modes, which shrinks mode by mode.
    """
    leads = [draw(st.sampled_from([(), batch])) for _ in fields]
    strategies = (
        _array_of(entry, *lead, *core) for lead, (entry, *core) in zip(leads, fields, strict=True)
    )
    most = require.integer("largest", largest)
    modes = draw(st.lists(st.tuples(*strategies), min_size=1, max_size=most))
    columns = zip(*modes, strict=True)
    return [np.stack(values, axis=len(lead)) for lead, values in zip(leads, columns, strict=True)]


def _over(draw: st.DrawFn, batch: Shape, core: st.SearchStrategy[Any]) -> np.ndarray:
    """An array over the axes of the batch, each member drawn from `core`; or one for all of it."""
    shape = draw(st.sampled_from([(), batch]))
    members = np.array([draw(core) for _ in range(math.prod(shape))])
    return np.reshape(members, (*shape, *members.shape[1:]))


def _vectors(draw: st.DrawFn, batch: Shape, n: int) -> tuple[Array, Array, Array]:
    """B, C (..., n) and D (...), real."""
    B = _over(draw, batch, _array_of(_REAL, n))
    C = _over(draw, batch, _array_of(_REAL, n))
    return B, C, _over(draw, batch, _REAL)


@st.composite
def _dissipative(draw: st.DrawFn, n: int, rank: int, sigma: float) -> np.ndarray:
    """sigma I + S - R R^T with S skew and R (n, rank)."""
    S = draw(_array_of(_REAL, n, n))
    R = draw(_array_of(_REAL, n, rank))
    return sigma * np.eye(n) + S - S.T - R @ R.T


def _closed(half: Paired) -> Diagonal:
    """The full spectrum of a half one whose real modes have real weights."""
    real = half.A.imag == 0
    B = np.where(real, half.B.real, half.B) + 0j
    C = np.where(real, half.C.real, half.C) + 0j
    return unpair(half._replace(B=B, C=C))
