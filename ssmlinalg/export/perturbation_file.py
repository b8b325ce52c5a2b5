"""The ptb.mat of AnnanYu/Approximate_Diagonal: a perturbation E of HiPPO-LegS, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial

import numpy as np

from .. import hippo
from ..checkpoints import Entry

_NAME = "ptb"


def spelled_out(entries: Mapping[str, Entry]) -> Mapping[str, Entry]:
    """The entries with Lam, V and Vinv of A + E in the place of a square array called ptb.

    So it is a layer of the target "ptd-mat". Its loader takes eigenvectors of A + E likewise.

    Args:
        entries: arrays by name, none of them read.

    Returns:
        The entries, none read yet.
    """
    found: dict[str, Entry] = {}
    for name, entry in entries.items():
        start = name.removesuffix(_NAME) if isinstance(name, str) else name
        square = len(entry.shape) == 2 and entry.shape[0] == entry.shape[1]
        if start == name or start[-1:] not in ("", ".", "/") or not square:
            found[name] = entry
            continue
        factors = cache(partial(_factors, entry.read))
        for factor in ("Lam", "V", "Vinv"):
            read = partial(_one_of, factors, factor)
            found[start + factor] = Entry(entry.shape, "complex128", read)
    return found


def _one_of(factors: Callable[[], dict[str, np.ndarray]], name: str) -> np.ndarray:
    return factors()[name].copy()


def _factors(read: Callable[[], np.ndarray]) -> dict[str, np.ndarray]:
    E = read()
    Lambda, V = np.linalg.eig(np.asarray(hippo.legs(len(E)).A) + E)
    return {"Lam": np.diag(Lambda) + 0j, "V": V + 0j, "Vinv": np.linalg.pinv(V) + 0j}
