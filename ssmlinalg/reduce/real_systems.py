"""Modal forms as the real systems they stand for: modes on and above the real axis.

Whatever the layout (half or whole spectrum, one input or several, a step for each mode), the real
system has every mode off the real axis together with its conjugate. Its output is the sum of
2 Re(C x) over modes above the axis and of C x over real ones.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from .. import forms
from ..forms import DPLR, NPLR
from ..ground import backend
from ..ground.backend import Complex
from ..matrices.scaling import times_power
from ..systems.realization import on_host


class RealSystems(NamedTuple):
    """The modes of m real systems that are reduced together.

    A mode of weight 0 stands at rest: B = C = 0, A = -1, or 1/2 in discrete time.

    Attributes:
        A: (m, n), Im >= 0.
        B: (m, n, M), real for real modes.
        C: (m, P, n), real for real modes. With one input and one output |b| = |c| and b > 0.
        discrete: whether time is discrete, y_l = Re(C x_l) with x_l = A x_{l-1} + B u_l.
        rate: (m,), even exponents: A in the units of the form is 2^rate times this one.
        weight: (m,), exponents: C B is 2^weight times this one.
        batch: the batch axes of the form, m members together.
    """

    A: Complex
    B: Complex
    C: Complex
    discrete: bool
    rate: np.ndarray
    weight: np.ndarray
    batch: tuple[int, ...]

    def exponents(self, norm: str = "hinf") -> np.ndarray:
        """The exponents (m,) of the unit in which a norm of these systems is found."""
        return self.weight - (self.rate // 2 if norm == "h2" else self.rate)

    @property
    def pairs(self) -> np.ndarray:
        """Which modes (m, n) stand for their conjugate too."""
        return self.A.imag > 0

    @property
    def used(self) -> np.ndarray:
        """Which modes (m, n) have weight."""
        return np.any(self.B != 0, axis=-1)

    @property
    def order(self) -> np.ndarray:
        """How many states (m,) of the real systems have weight."""
        return np.sum(self.used * (1 + self.pairs), axis=-1)


def has_modes(form: Any) -> bool:
    """Whether A are eigenvalues: whether `modes_of` takes the form."""
    return not forms.kind(form).matrix


def readable(form: Any) -> Any:
    """The checked form with fields A, B, C, D, or a `DPLR`.

    Raises TypeError for `NPLR`, which has no output, and what `forms.check` raises.
    """
    if isinstance(form, NPLR):
        remedy = "Turn it into a system with forms.to_dense, and replace C there."
        raise TypeError(f"`form` must have an output; got NPLR, which has none. {remedy}")
    form = forms.check(form)
    return form if isinstance(forms.inner(form), DPLR) else forms.plain(form)


def most_states(form: Any) -> int:
    """How many states the real system of a form of modes can have: 2 for a mode off the axis."""
    A: Complex = backend.to_numpy(forms.inner(form).A)
    closed = not forms.kind(form).half and is_closed(form)
    return A.shape[-1] * (1 if closed or not np.any(A.imag) else 2)


def is_closed(form: Any) -> bool:
    """Whether the spectrum of a form with y = Re(C x) holds the conjugate of every mode."""
    A: Complex = backend.to_numpy(forms.inner(form).A)
    above = np.sort(np.where(A.imag > 0, A, 0), axis=-1)
    below = np.sort(np.where(A.imag < 0, A.conj(), 0), axis=-1)
    slack = 64 * np.finfo(A.dtype).eps * np.max(np.abs(A))
    return bool(np.all(np.abs(above - below) <= slack))


def modes_of(form: Any) -> RealSystems:
    """The modes of a form of any library whose A are eigenvalues.

    Modes of a `MIMO` form, which have a step each, are taken in a time that all share, in samples:
    A step and B step.

    Raises TypeError for matrices, what `forms.check` raises, and ValueError for undamped modes.
    """
    form = on_host(form)
    known = forms.kind(form)
    A, B, C, _ = forms.view(form)
    if known.ports and known.continuous:
        A = A * form.step
        B = B * form.step[..., None]
    batch = forms.batch(form)
    m = math.prod(batch)
    if not m:
        remedy = "Give at least one system."
        raise ValueError(f"batch axes must not be empty; got shape {batch}. {remedy}")
    A, B, C = (_flat(X, core, batch) for X, core in ((A, 1), (B, 2), (C, 2)))
    discrete = not known.continuous
    rate = np.zeros(len(A), int) if discrete else _rate(A)
    A = times_power(A, -rate[:, None]) + 0j
    B, drive = _scaled(B)
    C, readout = _scaled(C)
    below = A.imag < 0
    A = np.where(below, A.conj(), A)
    B = np.where(below[..., None], B.conj(), B)
    C = np.where(below[:, None], C.conj(), C)
    divide = _one_real_weight if B.shape[-1] == C.shape[-2] == 1 else _real_parts
    like = RealSystems(A, B, C, discrete, rate, drive + readout, batch)
    return _damped(assembled(*divide(A, B, C), like))


def rest(discrete: bool) -> float:
    """A of modes without weight: damped, with a logarithm that every layer can hold."""
    return 0.5 if discrete else -1.0


def whole(modes: RealSystems) -> RealSystems:
    """All modes (m, 2n) of the real systems: conjugates follow, those of real modes at rest.

    The output is the sum of C x over all of them.
    """
    pairs = modes.pairs
    A = np.where(pairs, modes.A.conj(), rest(modes.discrete))
    B = np.where(pairs[..., None], modes.B.conj(), 0)
    C = np.where(pairs[:, None], modes.C.conj(), 0)
    return modes._replace(
        A=np.concatenate([modes.A, A], axis=-1),
        B=np.concatenate([modes.B, B], axis=-2),
        C=np.concatenate([modes.C, C], axis=-1),
    )


def _flat(X: np.ndarray, core: int, batch: tuple[int, ...]) -> Complex:
    """X with all its batch axes as one."""
    own = X.shape[X.ndim - core :]
    return np.broadcast_to(X, batch + own).reshape(-1, *own) + 0j


def _scaled(X: Complex) -> tuple[Complex, np.ndarray]:
    """X below 1 and the exponents (m,) of the powers of two it was divided by."""
    largest = np.max(np.maximum(np.abs(X.real), np.abs(X.imag)), axis=(-1, -2))
    exponents = np.frexp(largest)[1]
    return times_power(X, -exponents[:, None, None]), exponents


def _rate(A: Complex) -> np.ndarray:
    """Even exponents (m,) half way between the fastest and the least damped mode."""
    fast = np.max(np.maximum(np.abs(A.real), np.abs(A.imag)), axis=-1)
    slow = np.min(np.where(A.real == 0, np.inf, np.abs(A.real)), axis=-1)
    middle = (np.frexp(fast)[1] + np.frexp(np.where(slow < np.inf, slow, fast))[1]) // 2
    return middle - middle % 2


def _one_real_weight(A: Complex, B: Complex, C: Complex) -> tuple[Complex, Complex, Complex]:
    """One input and output: a weight for each mode, equal modes taken together, |b| = |c|.

    The output is Re(C x): half of it belongs to the conjugate of a mode off the axis.
    """
    w = B[..., 0] * C[:, 0]
    return _merged(A, np.where(A.imag > 0, w / 2, w.real + 0j))


def _merged(A: Complex, w: Complex) -> tuple[Complex, Complex, Complex]:
    """A, B and C of modes with the weights w (m, n), which equal modes share."""
    sort = np.lexsort((A.real, A.imag), axis=-1)
    A = np.take_along_axis(A, sort, -1)
    w = np.take_along_axis(w, sort, -1)
    again = A[:, 1:] == A[:, :-1]
    for k in np.flatnonzero(np.any(again, axis=0)):
        moved = np.where(again[:, k], w[:, k], 0)
        w[:, k] -= moved
        w[:, k + 1] += moved
    b = np.sqrt(np.abs(w))
    c = w / np.where(b > 0, b, 1)
    return A, b[..., None] + 0j, c[:, None] + 0j


def _real_parts(A: Complex, B: Complex, C: Complex) -> tuple[Complex, Complex, Complex]:
    """Several inputs or outputs: a real mode of complex B or C is two real states."""
    real = A.imag == 0
    C = np.where(real[:, None], C, C / 2)
    first = np.where(real[..., None], B.real, B), np.where(real[:, None], C.real, C)
    second = np.where(real[..., None], B.imag, 0), np.where(real[:, None], -C.imag, 0)
    return (
        np.concatenate([A, A.real + 0j], axis=-1),
        np.concatenate([first[0], second[0]], axis=-2),
        np.concatenate([first[1], second[1]], axis=-1),
    )


def assembled(A: Complex, B: Complex, C: Complex, like: RealSystems) -> RealSystems:
    """Systems of these modes in the units of others, modes without weight at rest.

    Those that no member uses are left out but for one.
    """
    used = np.any(B != 0, axis=-1) & np.any(C != 0, axis=-2)
    kept = np.any(used, axis=0)
    kept[0] |= not np.any(kept)
    used = used[:, kept]
    return like._replace(
        A=np.where(used, A[:, kept], rest(like.discrete)),
        B=np.where(used[..., None], B[:, kept], 0),
        C=np.where(used[:, None], C[..., kept], 0),
    )


def difference(first: RealSystems, second: RealSystems) -> RealSystems:
    """The systems whose output is that of the first less that of the second.

    Modes that both have are taken together where there is one input and one output.
    """
    moved = second.weight - first.weight
    faster = times_power(second.A, (second.rate - first.rate)[:, None])
    A = np.concatenate([first.A, faster], axis=-1)
    B = np.concatenate([first.B, second.B], axis=-2)
    C = np.concatenate([first.C, -times_power(second.C, moved[:, None, None])], axis=-1)
    if B.shape[-1] == C.shape[-2] == 1:
        A, B, C = _merged(A, B[..., 0] * C[:, 0])
    return assembled(A, B, C, first)


def members(systems: RealSystems, chosen: Any) -> RealSystems:
    """Some of the systems, an index array or a mask, as a batch of one axis."""
    weight = systems.weight[chosen]
    return RealSystems(
        A=systems.A[chosen],
        B=systems.B[chosen],
        C=systems.C[chosen],
        discrete=systems.discrete,
        rate=systems.rate[chosen],
        weight=weight,
        batch=weight.shape,
    )


def _damped(modes: RealSystems) -> RealSystems:
    """The modes, once they are known to be damped."""
    A = modes.A
    undamped = (np.abs(A) >= 1) if modes.discrete else (A.real >= -_LEAST_DAMPING)
    if not np.any(undamped):
        return modes
    member, mode = np.argwhere(undamped)[0]
    pole = A[member, mode]
    if not modes.discrete:
        pole = complex(times_power(pole, int(modes.rate[member])))
    got = f"|z| = {abs(pole):.6g}" if modes.discrete else f"Re = {pole.real:.6g}"
    if len(A) > 1:
        got = f"{got} in member {member}"
    rule = "every mode must be damped for its norms and Gramians to exist; got a mode with"
    raise ValueError(f"{rule} {got}. Move it into the stable region, or set its C to 0.")


_LEAST_DAMPING = 2.0**-480  # half way to the fastest mode: beyond, quotients overflow
