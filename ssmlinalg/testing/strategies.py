"""Forms to draw, one strategy for each, and models by name.

All that is drawn lives on the host in float64, passes `forms.check`, is stable up to rounding and
shrinks: to order 1, no batch, step 1, A = -1 (0 for recurrences), and zeros. With `hard`, the
default, hard modes are drawn as well. Single precision may want `hard=False`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import hippo, inits
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
from ..ground.backend import Array
from .elements import (
    COMPLEX,
    REAL,
    Shape,
    array_of,
    batches,
    damped,
    inside,
    near,
    orders,
    st,
    steps,
)

# Measures with A + A^T = 2 sigma I - 2 P P^T and B in the span of P.
LOSSLESS = ("legs", "lagt", "tlagt", "fout", "fourier2")

AnyForm = Continuous | Discrete

# Made once: a strategy is read anew each time that it is made, which takes half of a draw.
_BATCHES = batches()
_ONE_AXIS = batches(axes=1)
_STEPS = steps()
_PORTS = st.tuples(st.integers(1, 3), st.integers(1, 3))  # inputs M, outputs P


@dataclass(frozen=True)
class _Batch:
    """Fields to draw, each with the leading axes of a batch, or without any."""

    draw: st.DrawFn
    axes: Shape

    def members(self, core: st.SearchStrategy[Any]) -> np.ndarray:
        """An array (*axes, *core), each member drawn by itself; or (*core,)."""
        shape = self.draw(st.sampled_from([(), self.axes]))
        members = np.array([self.draw(core) for _ in range(math.prod(shape))])
        return np.reshape(members, (*shape, *members.shape[1:]))

    def modes(self, largest: int, *fields: tuple[Any, ...]) -> list[np.ndarray]:
        """For each field (entry, *core) an array (*axes, n, *core); or (n, *core).

        All of them are drawn as one list of modes, which shrinks mode by mode.
        """
        leads = [self.draw(st.sampled_from([(), self.axes])) for _ in fields]
        strategies = []
        for lead, (entry, *core) in zip(leads, fields, strict=True):
            strategies.append(array_of(entry, *lead, *core))
        modes = st.lists(st.tuples(*strategies), min_size=1, max_size=largest)
        columns = zip(*self.draw(modes), strict=True)
        return [np.stack(each, axis=len(lead)) for lead, each in zip(leads, columns, strict=True)]

    def vectors(self, n: int) -> tuple[Array, Array, Array]:
        """B, C (..., n) and D (...), real."""
        B = self.members(array_of(REAL, n))
        C = self.members(array_of(REAL, n))
        return B, C, self.members(REAL)


def paired(largest: int = 6, *, hard: bool = True) -> st.SearchStrategy[Paired]:
    """A half spectrum; each field has the leading axes of a batch, or none.

    Args:
        largest: the largest number of modes.
        hard: whether hard modes are drawn as well.

    Returns:
        A strategy for `Paired` forms.

    Raises:
        TypeError: if `largest` is no integer.
        ValueError: if it is below 1.

    Example:
        >>> from hypothesis import find
        >>> find(paired(), lambda form: True)._asdict()
        {'A': array([-1.+0.j]), 'B': array([0.+0.j]), 'C': array([0.+0.j]),
         'D': array(0.), 'step': array(1.)}
    """
    return _paired(require.integer("largest", largest), hard)


@st.composite
def _paired(draw: st.DrawFn, largest: int, hard: bool) -> Paired:
    batch = _Batch(draw, draw(_BATCHES))
    A, B, C = batch.modes(largest, (damped(hard),), (COMPLEX,), (COMPLEX,))
    A = near(draw, A, hard)
    D = batch.members(REAL)
    return Paired(A, B, C, D, batch.members(_STEPS))


def diagonal(largest: int = 6, *, hard: bool = True) -> st.SearchStrategy[Diagonal]:
    """A spectrum closed under conjugation, with conjugate weights.

    Args:
        largest: the largest number of modes on or above the real axis.
        hard: whether hard modes are drawn as well.

    Returns:
        A strategy for `Diagonal` forms.

    Raises:
        TypeError: if `largest` is no integer.
        ValueError: if it is below 1.

    Example:
        >>> from hypothesis import find
        >>> find(diagonal(hard=False), lambda form: True).A
        array([-1.+0.j])
    """
    return paired(largest, hard=hard).map(_closed)


def dplr(largest: int = 6, *, hard: bool = True) -> st.SearchStrategy[DPLR]:
    """diag(Lambda) - P P^H with Re Lambda <= 0, so that no norm of the state grows.

    Args:
        largest: the largest order.
        hard: whether hard modes are drawn as well.

    Returns:
        A strategy for `DPLR` forms, P of rank 0 to 2.

    Raises:
        TypeError: if `largest` is no integer.
        ValueError: if it is below 1.

    Example:
        >>> from hypothesis import find
        >>> find(dplr(), lambda form: True).P.shape
        (1, 0)
    """
    return _dplr(require.integer("largest", largest), hard)


@st.composite
def _dplr(draw: st.DrawFn, largest: int, hard: bool) -> DPLR:
    batch = _Batch(draw, draw(_BATCHES))
    rank = draw(st.integers(0, 2))
    fields = ((damped(hard),), (COMPLEX, rank), (COMPLEX,), (COMPLEX,))
    Lambda, P, B, C = batch.modes(largest, *fields)
    Lambda = near(draw, Lambda, hard)
    D = batch.members(REAL)
    return DPLR(Lambda=Lambda, P=P, B=B, C=C, D=D, step=batch.members(_STEPS))


def dense(largest: int = 6, *, hard: bool = True) -> st.SearchStrategy[Dense]:
    """A real system that dissipates, A + A^T <= 0; not normal as a rule.

    A = S - R R^T - I/2 with S skew. With `hard` without I/2, which leaves modes undamped, and
    scaled by 1e-3, 1 or 1e3.

    Args:
        largest: the largest order.
        hard: whether hard systems are drawn as well.

    Returns:
        A strategy for `Dense` forms.

    Raises:
        TypeError: if `largest` is no integer.
        ValueError: if it is below 1.

    Example:
        >>> from hypothesis import find
        >>> find(dense(hard=False), lambda form: True).A
        array([[-0.5]])
    """
    return _dense(require.integer("largest", largest), hard)


@st.composite
def _dense(draw: st.DrawFn, largest: int, hard: bool) -> Dense:
    batch = _Batch(draw, draw(_BATCHES))
    n = draw(orders(largest))
    rank = draw(st.integers(0, 2))
    scale = draw(st.sampled_from([1.0, 1e-3, 1e3])) if hard else 1.0
    A = scale * batch.members(_dissipative(n, rank, 0.0 if hard else -0.5))
    B, C, D = batch.vectors(n)
    return Dense(A, B, C, D, batch.members(_STEPS))


def mimo(largest: int = 6, *, hard: bool = True) -> st.SearchStrategy[MIMO]:
    """A half spectrum between 1 to 3 inputs and 1 to 3 outputs, with a step for each mode.

    Args:
        largest: the largest number of modes.
        hard: whether hard modes are drawn as well.

    Returns:
        A strategy for `MIMO` forms.

    Raises:
        TypeError: if `largest` is no integer.
        ValueError: if it is below 1.

    Example:
        >>> from hypothesis import find
        >>> find(mimo(), lambda form: True).D.shape  # one output of one input
        (1, 1)
    """
    return _mimo(require.integer("largest", largest), hard)


@st.composite
def _mimo(draw: st.DrawFn, largest: int, hard: bool) -> MIMO:
    batch = _Batch(draw, draw(_ONE_AXIS))
    M, P = draw(_PORTS)
    fields = ((damped(hard),), (COMPLEX, M), (COMPLEX, P), (_STEPS,))
    A, B, C, step = batch.modes(largest, *fields)
    A = near(draw, A, hard)
    D = batch.members(array_of(REAL, P, M))
    return MIMO(A, B, C.swapaxes(-1, -2), D, step)


def paired_recurrence(
    largest: int = 6, *, hard: bool = True
) -> st.SearchStrategy[PairedRecurrence]:
    """A half spectrum, discrete.

    Args:
        largest: the largest number of modes.
        hard: whether hard modes are drawn as well.

    Returns:
        A strategy for `PairedRecurrence` forms.

    Raises:
        TypeError: if `largest` is no integer.
        ValueError: if it is below 1.

    Example:
        >>> from hypothesis import find
        >>> find(paired_recurrence(), lambda form: True).A
        array([0.+0.j])
    """
    return _paired_recurrence(require.integer("largest", largest), hard)


@st.composite
def _paired_recurrence(draw: st.DrawFn, largest: int, hard: bool) -> PairedRecurrence:
    batch = _Batch(draw, draw(_BATCHES))
    A, B, C = batch.modes(largest, (inside(hard),), (COMPLEX,), (COMPLEX,))
    A = near(draw, A, hard, sign=-1)
    return PairedRecurrence(A, B, C, batch.members(REAL))


def recurrence(largest: int = 6, *, hard: bool = True) -> st.SearchStrategy[Recurrence]:
    """A spectrum closed under conjugation, discrete, with conjugate weights.

    Args:
        largest: the largest number of modes on or above the real axis.
        hard: whether hard modes are drawn as well.

    Returns:
        A strategy for `Recurrence` forms.

    Raises:
        TypeError: if `largest` is no integer.
        ValueError: if it is below 1.

    Example:
        >>> from hypothesis import find
        >>> find(recurrence(), lambda form: True).A
        array([0.+0.j])
    """
    return paired_recurrence(largest, hard=hard).map(_closed_recurrence)


def dense_recurrence(largest: int = 6, *, hard: bool = True) -> st.SearchStrategy[DenseRecurrence]:
    """A real contraction, |A| < 1 in the spectral norm; with `hard` also |A| = 1.

    Args:
        largest: the largest order.
        hard: whether hard systems are drawn as well.

    Returns:
        A strategy for `DenseRecurrence` forms.

    Raises:
        TypeError: if `largest` is no integer.
        ValueError: if it is below 1.

    Example:
        >>> from hypothesis import find
        >>> find(dense_recurrence(), lambda form: True).A
        array([[0.]])
    """
    return _dense_recurrence(require.integer("largest", largest), hard)


@st.composite
def _dense_recurrence(draw: st.DrawFn, largest: int, hard: bool) -> DenseRecurrence:
    batch = _Batch(draw, draw(_BATCHES))
    n = draw(orders(largest))
    A = batch.members(array_of(REAL, n, n))
    norm = np.linalg.norm(A, 2, axis=(-2, -1))[..., None, None]
    A = A / (np.maximum(1.0, norm) if hard else 1 + norm)
    B, C, D = batch.vectors(n)
    return DenseRecurrence(A, B, C, D)


def mimo_recurrence(largest: int = 6, *, hard: bool = True) -> st.SearchStrategy[MIMORecurrence]:
    """A half spectrum between 1 to 3 inputs and 1 to 3 outputs, discrete.

    Args:
        largest: the largest number of modes.
        hard: whether hard modes are drawn as well.

    Returns:
        A strategy for `MIMORecurrence` forms.

    Raises:
        TypeError: if `largest` is no integer.
        ValueError: if it is below 1.

    Example:
        >>> from hypothesis import find
        >>> find(mimo_recurrence(), lambda form: True).B
        array([[0.+0.j]])
    """
    return _mimo_recurrence(require.integer("largest", largest), hard)


@st.composite
def _mimo_recurrence(draw: st.DrawFn, largest: int, hard: bool) -> MIMORecurrence:
    batch = _Batch(draw, draw(_ONE_AXIS))
    M, P = draw(_PORTS)
    A, B, C = batch.modes(largest, (inside(hard),), (COMPLEX, M), (COMPLEX, P))
    A = near(draw, A, hard, sign=-1)
    D = batch.members(array_of(REAL, P, M))
    return MIMORecurrence(A, B, C.swapaxes(-1, -2), D)


def delayed(largest: int = 6, *, hard: bool = True) -> st.SearchStrategy[Delayed]:
    """A recurrence read one sample late beside a direct path, as a first-order hold makes.

    Args:
        largest: the largest number of modes, or the largest order.
        hard: whether hard systems are drawn as well.

    Returns:
        A strategy for `Delayed` forms.

    Raises:
        TypeError: if `largest` is no integer.
        ValueError: if it is below 1.

    Example:
        >>> from hypothesis import find
        >>> bool(np.any(find(delayed(), lambda form: True).system.D))
        False
    """
    return st.one_of([make(largest, hard=hard) for make in _RECURRENT.values()]).map(_late)


def lossless(largest: int = 6) -> st.SearchStrategy[NPLR]:
    r"""A lossless system: A + A^T = 2 sigma I - 2 P P^T and B = P g.

    Those of `LOSSLESS` among the measures, and A = sigma I + S - P P^T with S skew, -1 <= sigma <=
    0 and P of rank 1 or 2.

    Args:
        largest: the largest order.

    Returns:
        A strategy for `NPLR` forms.

    Raises:
        TypeError: if `largest` is no integer.
        ValueError: if it is below 1.

    Example:
        >>> from hypothesis import find
        >>> find(lossless(), lambda system: True).A
        array([[-1.]])
    """
    return _lossless(require.integer("largest", largest))


@st.composite
def _lossless(draw: st.DrawFn, largest: int) -> NPLR:
    n = draw(orders(largest))
    name = draw(st.sampled_from([*LOSSLESS, None]))
    if name is not None:
        found = hippo.MEASURES[name](n)
        assert isinstance(found, NPLR)
        return found
    rank = draw(st.integers(1, 2))
    P = draw(array_of(REAL, n, rank))
    g = draw(array_of(REAL, rank))
    sigma = -draw(st.integers(0, 100)) / 100
    return NPLR(draw(_dissipative(n, 0, sigma)) - P @ P.T, P @ g, P)


def continuous(largest: int = 6, *, hard: bool = True) -> st.SearchStrategy[Continuous]:
    """One of the forms with a step.

    Args:
        largest: the largest number of modes, or the largest order.
        hard: whether hard systems are drawn as well.

    Returns:
        A strategy for forms.

    Raises:
        TypeError: if `largest` is no integer.
        ValueError: if it is below 1.

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

    Raises:
        TypeError: if `largest` is no integer.
        ValueError: if it is below 1.

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

    Raises:
        TypeError: if `largest` is no integer.
        ValueError: if it is below 1.

    Example:
        >>> from hypothesis import find
        >>> from ssmlinalg.forms import Dense
        >>> type(find(forms(), lambda form: isinstance(form, Dense))).__name__
        'Dense'
    """
    return continuous(largest, hard=hard) | discrete(largest, hard=hard)


def models(
    names: st.SearchStrategy[str] | None = None, *, largest: int = 12
) -> st.SearchStrategy[AnyForm]:
    """A form made by one of the named initializations, with 1 to 3 channels or none.

    Args:
        names: a strategy for names in `inits.INITS`. None: all of them.
        largest: the largest order.

    Returns:
        A strategy for forms.

    Raises:
        TypeError: if `largest` is no integer.
        ValueError: if it is below 1.

    Example:
        >>> from hypothesis import find
        >>> find(models(st.just("s4d-lin")), lambda form: form.A.size == 2).A
        array([-0.5+0.j        , -0.5+3.14159265j])
    """
    return _models(names, require.integer("largest", largest))


@st.composite
def _models(draw: st.DrawFn, names: st.SearchStrategy[str] | None, largest: int) -> AnyForm:
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


@st.composite
def _dissipative(draw: st.DrawFn, n: int, rank: int, sigma: float) -> np.ndarray:
    """sigma I + S - R R^T with S skew and R (n, rank)."""
    S = draw(array_of(REAL, n, n))
    R = draw(array_of(REAL, n, rank))
    return sigma * np.eye(n) + S - S.T - R @ R.T


def _closed(half: Paired) -> Diagonal:
    """The full spectrum of a half one whose real modes have real weights."""
    real = half.A.imag == 0
    B = np.where(real, half.B.real, half.B) + 0j
    C = np.where(real, half.C.real, half.C) + 0j
    return unpair(half._replace(B=B, C=C))


def _closed_recurrence(half: PairedRecurrence) -> Recurrence:
    A, B, C, D, _ = _closed(Paired(*half, step=np.asarray(1.0)))
    return Recurrence(A, B, C, D)


def _late(system: Any) -> Delayed:
    """A recurrence read one sample late, its D beside it."""
    return Delayed(system._replace(D=np.zeros_like(system.D)), system.D)
