"""Half a spectrum and the whole: each mode beside its conjugate, for layers without a factor 2."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..forms import MIMO, check, real_modes
from ..ground.backend import Array

MOVED = "the factor 2 of a half spectrum into conjugate modes, and into B of real ones"


class FullSpectrum(NamedTuple):
    """All modes of y = Re(C x) + D u, with several inputs and outputs and a step for each mode."""

    A: Array
    B: Array
    C: Array
    D: Array
    step: Array


def both_halves(form: MIMO) -> FullSpectrum:
    """The full spectrum with the same output.

    Complex modes come first, then their conjugates, then the real ones with B doubled.
    """
    A, B, C, D, step = (np.asarray(array) for array in form)
    real = real_modes(form)
    pairs = np.flatnonzero(~real)
    singles = np.flatnonzero(real)
    return FullSpectrum(
        A=np.concatenate([A[pairs], A[pairs].conj(), A[singles]]),
        B=np.concatenate([B[pairs], B[pairs].conj(), 2 * B[singles]]),
        C=np.concatenate([C[:, pairs], C[:, pairs].conj(), C[:, singles]], axis=1),
        D=D,
        step=step[np.concatenate([pairs, pairs, singles])],
    )


def upper_half(modes: FullSpectrum) -> MIMO:
    """The form with the output of a full spectrum.

    Where the second half of the complex modes are the conjugates of the first, bit for bit, as
    `both_halves` gives them, the first half and the real modes are kept. Otherwise every mode is,
    with B halved: a layer need not keep pairs together.
    """
    form = MIMO(modes.A, modes.B / 2, modes.C, modes.D, modes.step)
    real = real_modes(form)
    n = np.count_nonzero(~real) // 2
    rows = (modes.A, modes.B, modes.C.T, modes.step)
    closed = all(np.array_equal(array[:n].conj(), array[n : 2 * n]) for array in rows)
    if closed and np.all(real[2 * n :]):
        kept = np.delete(np.arange(len(form.A)), slice(n, 2 * n))
        weight = np.where(real[kept], 0.5, 1.0)[:, None]
        form = MIMO(
            A=form.A[kept],
            B=weight * modes.B[kept],
            C=form.C[:, kept],
            D=form.D,
            step=form.step[kept],
        )
    return check(form)
