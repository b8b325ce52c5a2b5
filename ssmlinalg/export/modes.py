"""What targets do to forms alike: channels written out, halves and wholes of a spectrum,
logarithms, the C of a length.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from ..discretize import bilinear
from ..forms import DPLR, MIMO, Diagonal, Paired, Recurrence, check, move, real_modes
from ..ground.backend import Complex

SingleInput = TypeVar("SingleInput", Paired, Diagonal, DPLR, Recurrence)


def channels(form: SingleInput) -> SingleInput:
    """The form on the host in float64, every channel written out: one leading axis H of all fields.
    Without any, H = 1.

    Raises ValueError for more than one leading axis, and for one of size 0.
    """
    form = check(move(form, "numpy", dtype="float64"))  # on the host values are looked at
    fields = {name: np.asarray(array) for name, array in form._asdict().items()}
    core = {
        name: array.shape[array.ndim - {"P": 2, "D": 0, "step": 0}.get(name, 1) :]
        for name, array in fields.items()
    }
    shape = np.broadcast_shapes(
        *(array.shape[: array.ndim - len(core[name])] for name, array in fields.items())
    )
    if len(shape) > 1 or 0 in shape:
        raise ValueError(
            f"`form` must have one leading axis, of one channel or more; got {shape}. Reshape them into one."
        )
    H = (1, *shape)[-1]
    return form._replace(
        **{name: np.broadcast_to(array, (H, *core[name])) for name, array in fields.items()}
    )


def weights(B: Complex, C: Complex) -> Complex:
    """C B, for layers that have no B of their own; what overflows is refused by `stored`."""
    with np.errstate(over="ignore", invalid="ignore"):
        return B * C


def square(form: MIMO | Paired) -> MIMO:
    """The form on the host in float64, for a layer with as many outputs as inputs and a direct path
    from each to its own.

    The H channels of a `Paired` form become H blocks: a state of H n modes, zeros in B and C
    between them. Raises ValueError for leading axes and for a D that is not square and diagonal.
    """
    if type(form) is Paired:
        A, B, C, D, step = channels(form)
        H, n = A.shape
        own = np.repeat(np.eye(H), n, axis=0)  # (H n, H): which modes belong to which channel
        form = MIMO(
            A.ravel(), B.reshape(-1, 1) * own, C.ravel() * own.T, np.diag(D), np.repeat(step, n)
        )
    form = check(move(form, "numpy", dtype="float64"))  # on the host values are looked at
    D = np.asarray(form.D)
    if [array.ndim for array in form] != [1, 2, 2, 2, 1]:
        raise ValueError(
            f"`form` must have no leading axes; got A of shape {form.A.shape}. Export one layer after the other."
        )
    if D.shape[0] != D.shape[1]:
        raise ValueError(
            f"`form` must have as many outputs as inputs; got D of shape {D.shape}. Fill up with zeros."
        )
    if np.count_nonzero(D) > np.count_nonzero(np.diag(D)):
        elsewhere = float(np.max(np.abs(D - np.diag(np.diag(D)))))
        raise ValueError(
            f"`D` must be diagonal; got an entry of size {elsewhere:g} elsewhere. Mix channels outside the layer."
        )
    return form  # pyright: ignore[reportReturnType]


def both_halves(form: MIMO) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A (N,), B (N, M), C (P, N) and step (N,) of the same output without a factor 2, y = Re(C x) +
    D u.

    Complex modes come first, then their conjugates, then the real ones with B doubled.
    """
    A, B, C, _, step = (np.asarray(array) for array in form)
    real = real_modes(form)
    pairs, singles = np.flatnonzero(~real), np.flatnonzero(real)
    return (
        np.concatenate([A[pairs], A[pairs].conj(), A[singles]]),
        np.concatenate([B[pairs], B[pairs].conj(), 2 * B[singles]]),
        np.concatenate([C[:, pairs], C[:, pairs].conj(), C[:, singles]], axis=1),
        step[np.concatenate([pairs, pairs, singles])],
    )


def upper_half(
    A: np.ndarray, B: np.ndarray, C: np.ndarray, D: np.ndarray, step: np.ndarray
) -> MIMO:
    """The form of y = Re(C x) + D u.

    Where the second half of the complex modes are the conjugates of the first, bit for bit, as
    `both_halves` gives them, the first half and the real modes are kept. Otherwise every mode is,
    with B halved: a layer need not keep pairs together.
    """
    form = MIMO(A, B / 2, C, D, step)
    real = real_modes(form)
    n = np.count_nonzero(~real) // 2
    closed = all(np.array_equal(array[:n].conj(), array[n : 2 * n]) for array in (A, B, C.T, step))
    if closed and np.all(real[2 * n :]):
        kept = np.delete(np.arange(len(A)), slice(n, 2 * n))
        weight = np.where(real[kept], 0.5, 1.0)[:, None]
        form = MIMO(A[kept], weight * B[kept], C[:, kept], D, step[kept])
    return check(form)


def not_zero(A: np.ndarray) -> None:
    """Raise ValueError for a mode A = 0 of a layer that divides by it."""
    if not np.all(A):
        raise ValueError(
            "A must not be 0 in float32, for the layer divides by A; got a mode that is. Move it to the left."
        )


def logarithm(A: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """log|A|, -inf at A = 0, and the phase of A in [0, 2 pi). What rounding moved off the circle or
    the axis is put back.
    """
    eps = np.finfo(np.float64).eps
    with np.errstate(divide="ignore"):
        rate = np.log(np.abs(A))
    phase = np.angle(A) % (2 * np.pi)
    turn = phase > 2 * np.pi * (1 - 4 * eps)
    return np.where(np.abs(rate) < 4 * eps, 0.0, rate), np.where(turn, 0.0, phase)


def remainder(form: DPLR, length: int) -> np.ndarray:
    """I - A_d^L of every channel (H, N, N), sampled by the bilinear rule, once it is known to be
    invertible.

    Layers that compute with the discrete Fourier transform hold C (I - A_d^L). Cost O(H N^3 log L).
    """
    with np.errstate(over="ignore", invalid="ignore"):
        A_d = np.asarray(bilinear(form).A)
        R = np.eye(A_d.shape[-1]) - np.linalg.matrix_power(A_d, length)
    least = np.min(np.linalg.svd(R, compute_uv=False)[..., -1]) if np.all(np.isfinite(R)) else 0.0
    if not least > np.finfo(np.float64).eps * A_d.shape[-1]:
        rule = "I - A^L must be invertible, for the layer holds C (I - A^L)"
        got = f"a smallest singular value of {least:.1g} at length {length}"
        raise ValueError(f"{rule}; got {got}. Take a longer one, or other steps.")
    return R
