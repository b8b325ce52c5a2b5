r"""The layer `S5` of the package s5-pytorch (0.2.1): its whole state.

=============  =============  ==========  ================================================
name           shape          type        holds
=============  =============  ==========  ================================================
seq.Lambda     (P,)           complex64   A of the full spectrum
seq.B          (P, H, 2)      float32     real and imaginary part of B
seq.C          (H, P)         complex64   C
seq.D          (H,)           float32     the diagonal of D
seq.log_step   (P,)           float32     log step, one for each mode
=============  =============  ==========  ================================================

Load into `S5(width=H, state_width=P)`. It samples by zero-order hold and reads y = Re(C x) + D u: no factor 2, so each mode
stands beside its conjugate. Complex modes come first, then their conjugates, then the real ones with the B that `forms.MIMO`
halves. Accuracy: the layer forms e^{step A} - 1 in float32, which costs it digits for small |step A|.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from .._array import Array
from ..forms import MIMO, Paired, check, move, real_modes
from ._layout import Declared, Layout, Target, channels, expect, read, stored, trains

LAYOUT: Layout = {
    "seq.Lambda": ("c", ("P",)),
    "seq.B": ("f", ("P", "H", 2)),
    "seq.C": ("c", ("H", "P")),
    "seq.D": ("f", ("H",)),
    "seq.log_step": ("f", ("P",)),
}

TAKES = (MIMO, Paired)

MOVED = "the factor 2 of a half spectrum into conjugate modes, and into B of real ones"

# The package groups no parameters.
TRAINING = dict.fromkeys(LAYOUT, trains())

_SOURCE = "s5-pytorch 0.2.1, s5/s5_model.py"
DECLARED = {
    "log step": Declared(lambda arrays: arrays["seq.log_step"], "uniform", (math.log(1e-3), math.log(100)), _SOURCE),
    "D": Declared(lambda arrays: arrays["seq.D"], "uniform", (0.0, 1.0), _SOURCE),
}


def to(form: MIMO | Paired) -> dict[str, np.ndarray]:
    """The arrays of the layer for a model with as many outputs as inputs and a direct path from each to its own.

    The H channels of a `Paired` form become H blocks: a state of H N modes, zeros in B and C between them. That is exact, but
    training fills the zeros. Raises TypeError for other forms; ValueError for leading axes, a D that is not square and
    diagonal, a mode A = 0 (the layer divides by A), and numbers beyond float32.

    >>> from ssmlinalg import s5_init
    >>> {name: array.shape for name, array in to(s5_init(8, channels=3)).items()}
    {'seq.Lambda': (8,), 'seq.B': (8, 3, 2), 'seq.C': (3, 8), 'seq.D': (3,), 'seq.log_step': (8,)}
    """
    expect(form, TAKES, "s5-pytorch", "Halve a Diagonal with forms.pair.")
    if type(form) is Paired:
        form = _blocks(form)
    form = check(move(form, "numpy", dtype="float64"))  # on the host values are looked at
    A, B, C, D, step = (np.asarray(array) for array in form)
    if [array.ndim for array in form] != [1, 2, 2, 2, 1]:
        raise ValueError(f"`form` must have no leading axes; got A of shape {A.shape}. Export one layer after the other.")
    if D.shape[0] != D.shape[1]:
        raise ValueError(f"`form` must have as many outputs as inputs; got D of shape {D.shape}. Fill up with zeros.")
    if np.count_nonzero(D) > np.count_nonzero(np.diag(D)):
        elsewhere = float(np.max(np.abs(D - np.diag(np.diag(D)))))
        raise ValueError(f"`D` must be diagonal; got an entry of size {elsewhere:g} elsewhere. Mix channels outside the layer.")
    real = real_modes(form)
    pairs, singles = np.flatnonzero(~real), np.flatnonzero(real)
    B = np.concatenate([B[pairs], B[pairs].conj(), 2 * B[singles]])
    arrays = {
        "seq.Lambda": np.concatenate([A[pairs], A[pairs].conj(), A[singles]]),
        "seq.B": np.stack([np.real(B), np.imag(B)], axis=-1),
        "seq.C": np.concatenate([C[:, pairs], C[:, pairs].conj(), C[:, singles]], axis=1),
        "seq.D": np.diag(D),
        "seq.log_step": np.log(step[np.concatenate([pairs, pairs, singles])]),
    }
    cast = stored(arrays, LAYOUT)
    if not np.all(cast["seq.Lambda"]):
        raise ValueError("A must not be 0 in float32, for the layer divides by A; got a mode that is. Move it to the left.")
    return cast


def back(arrays: Mapping[str, Array]) -> MIMO:
    """The form the layer computes with, in float64.

    Where the second half of the complex modes are the conjugates of the first, bit for bit, as `to` writes them, the first
    half and the real modes are kept. Otherwise every mode is, with B halved: the layer need not keep pairs together.
    Raises ValueError for names, types and shapes that are not the layer's, and for values that are not finite.

    >>> from ssmlinalg import s5_init
    >>> back(to(s5_init(8, channels=3))).A.shape
    (4,)
    """
    found = read(arrays, LAYOUT)
    A, C = found["seq.Lambda"], found["seq.C"]
    B = found["seq.B"][..., 0] + 1j * found["seq.B"][..., 1]
    with np.errstate(over="ignore"):  # the form is checked
        step = np.exp(found["seq.log_step"])
    form = MIMO(A, B / 2, C, np.diag(found["seq.D"]), step)
    real = real_modes(form)
    n = np.count_nonzero(~real) // 2
    closed = all(np.array_equal(array[:n].conj(), array[n : 2 * n]) for array in (A, B, C.T, step))
    if closed and np.all(real[2 * n :]):
        kept = np.delete(np.arange(len(A)), slice(n, 2 * n))
        weight = np.where(real[kept], 0.5, 1.0)[:, None]
        form = MIMO(A[kept], weight * B[kept], C[:, kept], form.D, step[kept])
    return check(form)


def _blocks(form: Paired) -> MIMO:
    A, B, C, D, step = channels(form)
    H, n = A.shape
    own = np.repeat(np.eye(H), n, axis=0)  # (H n, H): which modes belong to which channel
    return MIMO(A.ravel(), B.reshape(-1, 1) * own, C.ravel() * own.T, np.diag(D), np.repeat(step, n))


TARGET = Target("the layer S5 of the package s5-pytorch", to, back, LAYOUT, TAKES, "zoh", TRAINING, MOVED, declared=DECLARED)
