"""The modes of the initializations whose A is a formula, folded into the upper half plane."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from .. import decompose, hippo, inits
from ..forms import DPLR, kind

_REAL = 1e-9  # beside the largest mode: the imaginary part of a real mode that was computed


class Known(NamedTuple):
    """The modes of an initialization.

    Attributes:
        name: the name of the initialization.
        order: order of its state.
        blocks: the number of equal blocks of the spectrum.
        modes: the modes (n,), folded.
    """

    name: str
    order: int
    blocks: int
    modes: np.ndarray


def fold(A: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Modes in the upper half plane, by rising frequency, and the places where they stood.

    So neither order nor conjugation counts.
    """
    folded = np.real(A) + 1j * np.abs(np.imag(A))
    rising = np.lexsort((np.real(folded), np.imag(folded)), axis=-1)
    return np.take_along_axis(folded, rising, axis=-1), rising


def known_modes(rows: np.ndarray, form: Any) -> Iterator[Known]:
    """Every initialization with as many modes as `rows` (H, n) have.

    As half a spectrum or whole, and for several inputs as several equal blocks. Those that take
    long come last.
    """
    for name in LOW_RANK if isinstance(form, DPLR) else FORMULAS:
        for blocks in _blocks(rows, form):
            yield from _in_blocks(name, rows.shape[-1] // blocks, blocks)


def _blocks(rows: np.ndarray, form: Any) -> list[int]:
    """The numbers of equal blocks that the spectrum may be made of."""
    known = kind(form)
    if not (known.ports and known.continuous):
        return [1]
    _, repeats = np.unique(rows, return_counts=True)
    often = int(np.bincount(repeats).argmax())  # how often most modes occur
    modes = rows.shape[-1]
    fitting = {blocks for blocks in (often, often // 2) if blocks and modes % blocks == 0}
    return sorted({1} | fitting)


def _in_blocks(name: str, size: int, blocks: int) -> Iterator[Known]:
    """The initialization of every order that stores `size` modes, `blocks` times."""
    orders = (2 * size, 2 * size - 1, size, size // 2)  # the last is DSS unpaired
    for order in filter(None, dict.fromkeys(orders)):
        half = _half(name, order)
        whole = np.repeat(half, np.where(np.imag(half) == 0, 1, 2))
        spectra = [half] if len(half) == len(whole) else [half, whole]
        for modes in spectra:
            if len(modes) == size:
                yield Known(
                    name=name,
                    order=blocks * order,
                    blocks=blocks,
                    modes=fold(np.tile(modes, blocks))[0],
                )


@cache
def _half(name: str, order: int) -> np.ndarray:
    """The modes of an initialization in the upper half plane; those of DSS are all there."""
    if name not in LOW_RANK:
        return np.asarray(inits.INITS[name](order, step=1.0)[0])
    Lambda = decompose.eigenbasis(hippo.orthonormal(LOW_RANK[name], order)).Lambda
    upper = Lambda[Lambda.imag >= 0]
    real = upper.imag <= _REAL * np.max(np.abs(Lambda))
    return np.where(real, upper.real, upper)


# A is drawn, or depends on the seed.
DRAWN = (
    "s4d-rand",
    "lru",
    "dlr",
    "dss-softmax",
    "dss-no-scale",
    "s4d-dfout",
    "s4d-dfout-half",
    "s4d-token",
    "s4d-rndimag",
    "mamba2",
    "rg-lru",
    "linoss",
    "d-linoss",
)
SLOW = ("ptd", "s5-ptd")
# Initializations that share their A with another one.
SAME = {"s5-ptd": "ptd", "s5": "s4d-legs", "s4d-legs-clipped": "s4d-legs", "mamba": "s4d-real"}
FORMULAS = sorted(
    (name for name in inits.INITS if name not in (*DRAWN, *SAME, "s4")),
    key=lambda name: name in SLOW,
)
# The measures by the names of the S4 models made of them.
LOW_RANK = {
    "s4" if measure == "legs" else f"s4, measure={measure}": measure for measure in hippo.CORRECTED
}
