"""The least transfer error that a budget of conditioning buys: searched for, certified, and for the
usual orders kept.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from types import MappingProxyType
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from ..forms import NPLR, Dense
from ..ground import require
from ..hippo import legs
from ..matrices import eigen
from .closed_form import lossless
from .diagonalization import (
    Diagonalization,
    Factors,
    Progress,
    canonical_eig,
    diagonalized,
    like_conjugates,
    split,
)
from .error_search import System, fit, search, transport
from .least_size import minimize

_LARGE = 30.0  # from here on moved poles are a worse start for `legs` than those of the law
KEPT = files("ssmlinalg.perturb") / "optimal.safetensors"


def optimal(
    system: NPLR | Dense,
    *,
    conditioning: float = 8.0,
    seconds: float = math.inf,
    progress: Progress | None = None,
) -> Diagonalization:
    r"""The smallest transfer error found under a budget for kappa(V): a search over V, Lambda and
    the input at once.

    .. math::  \min_{V, \Lambda, \tilde B} \sup_\omega \left| V (i\omega - \Lambda)^{-1} \tilde B - (i\omega - A)^{-1} B \right|
               \quad \text{subject to} \quad \kappa_2(V) \le K, \quad |V e_j| = 1,

    V and Lambda closed under conjugation, Lambda stable; E = V Lambda V^{-1} - A is real and
    nothing is asked of its size. The search starts from `lossless` (for `legs` with its poles
    moved), or from `minimize` where the system is not lossless, and ends in a local minimum; for
    `legs` the deviation is then 0.4 to 0.7 of that of `lossless`, and `error_floor` says how much
    is left to gain at most. For `legs` of order 8, 16, 32, 64, 128 and 256 with K = 4, 8 and 16
    results are kept with the package (benchmarks/optimal.py makes them again) and returned at once;
    otherwise the search takes seconds up to N = 64 and a minute at N = 256, O(N^3) a step.
    `seconds` ends it early; so does an interrupt (KeyboardInterrupt), with the best so far.
    `progress` is called after each stage with its `p` and the `error` on a grid.

    `transfer_error` and `transfer_bound` bracket the error over all frequencies, by level sets.
    `facts`: "conditioning" is the budget, "kept" 1 for a result that was kept, "interrupted" 1 for
    a search that was stopped early.

    Raises TypeError or ValueError for a mere matrix, an unstable or complex system, and
    conditioning not above 1.

    Source: derived here; the start is that of `lossless`.

    >>> d = optimal(legs(8), conditioning=8)
    >>> d.condition <= 8, d.transfer_error < 0.03
    (True, True)
    """
    budget = require.real("conditioning", conditioning, above=1)
    seconds = math.inf if seconds == math.inf else require.real("seconds", seconds, above=0)
    A, B = split(system)
    if B is None:
        raise TypeError(
            "`system` must have an input to be near to; got a matrix. Give an NPLR or Dense form, or use minimize."
        )
    if np.iscomplexobj(A) or np.iscomplexobj(B):
        raise TypeError("`system` must be real; got complex entries. Use minimize.")
    Lambda, V = canonical_eig(A, B)
    abscissa = float(Lambda.real.max())
    if abscissa >= 0:
        raise ValueError(
            f"`system` must be stable; got an eigenvalue with real part {abscissa:.3g}. Use minimize."
        )
    if eigen.condition(V) <= budget:  # nothing needs to be done
        return diagonalized(
            system, np.zeros_like(A), method="optimal", facts={"conditioning": budget, "kept": 0.0}
        )
    found = _kept(system, budget)
    if found is not None:
        return _certified(system, found, {"conditioning": budget, "kept": 1.0})
    return searched(system, conditioning=budget, seconds=seconds, progress=progress)


def searched(
    system: NPLR | Dense,
    *,
    conditioning: float = 8.0,
    iterations: int = 200,
    seconds: float = math.inf,
    progress: Progress | None = None,
) -> Diagonalization:
    """What `optimal` does for a system of which no result is kept: the search itself, `iterations`
    steps in each stage.
    """
    start = _start(system, conditioning)
    tell = progress and (lambda p, error: progress(p=p, error=error))
    limits = {"iterations": iterations, "seconds": seconds}
    found, stopped = search(
        np.asarray(system.A), system.B, start, conditioning, **limits, progress=tell
    )
    return _certified(
        system, found, {"conditioning": conditioning, "kept": 0.0, "interrupted": float(stopped)}
    )


def _start(system: NPLR | Dense, budget: float) -> System:
    """`lossless` where that is defined, and for `legs` its poles moved to where they are needed;
    else `minimize`.
    """
    try:
        found = (
            lossless(system, conditioning=budget)
            if isinstance(system, NPLR)
            else minimize(system, conditioning=budget)
        )
    except ValueError:
        found = minimize(system, conditioning=budget)
    order = len(found.Lambda)
    if budget < _LARGE and np.array_equal(system.A, legs(order).A):
        return fit(np.asarray(system.A), system.B, transport(found.Lambda, float(order), budget))
    return System(found.Lambda, found.V, found.B)


def _kept(system: NPLR | Dense, budget: float) -> System | None:
    """The result kept for this system and budget, if there is one."""
    order = len(system.B)
    if (
        (order, budget) not in kept()
        or np.any(legs(order).A != system.A)
        or np.any(legs(order).B != system.B)
    ):
        return None
    with _opened() as file:
        half, R, b = (
            file.get_tensor(f"{order}/{budget:g}/{field}") for field in ("Lambda", "R", "B")
        )
    return _unpacked(half.view(np.complex128), R, b)


def kept() -> set[tuple[int, float]]:
    """The orders and budgets for which `optimal` of `legs` is kept with the package."""
    with _opened() as file:
        names = [name.split("/") for name in file.keys()]
    return {(int(order), float(budget)) for order, budget, _ in names}


@contextmanager
def _opened() -> Iterator[Any]:
    try:
        with as_file(KEPT) as path, safe_open(path, "np") as file:
            yield file
    except (OSError, SafetensorError) as error:
        raise OSError(
            f"the results kept in {KEPT.name} must be readable; got {error}. Install ssmlinalg again."
        ) from error


def packed(found: System) -> dict[str, np.ndarray]:
    """What is kept of a result, all of it real: the upper and the real eigenvalues, their B, and V
    in real coordinates.
    """
    pairs = int(np.count_nonzero(found.Lambda.imag > 0))
    half = np.r_[:pairs, 2 * pairs : len(found.Lambda)]
    V = found.V[:, half]
    R = np.concatenate([V[:, :pairs].real, V[:, :pairs].imag, V[:, pairs:].real], axis=-1)
    return {
        "Lambda": found.Lambda[half].copy().view(np.float64),
        "R": R,
        "B": found.B[half].real.copy(),
    }


def _unpacked(half: np.ndarray, R: np.ndarray, b: np.ndarray) -> System:
    pairs = len(R) - len(half)
    up, upper = half[:pairs], R[:, :pairs] + 1j * R[:, pairs : 2 * pairs]
    return System(
        np.concatenate([up, up.conj(), half[pairs:]]),
        np.concatenate([upper, upper.conj(), R[:, 2 * pairs :]], axis=-1),
        np.concatenate([b[:pairs], b]).astype(np.complex128),
    )


def _certified(system: NPLR | Dense, found: System, facts: dict[str, float]) -> Diagonalization:
    V_inv = like_conjugates(np.linalg.inv(found.V), found.Lambda)
    E = ((found.V * found.Lambda) @ V_inv).real - system.A
    factors = Factors(found.V, V_inv, E)
    return Diagonalization(
        system, found.Lambda, found.B, lambda: factors, "optimal", MappingProxyType(facts)
    )
