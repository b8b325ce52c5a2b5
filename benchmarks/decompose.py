"""How fast is the normal part diagonalized, against NumPy's complex Hermitian solver, and how
accurately?

    python benchmarks/decompose.py [ORDER]

Each row is one matrix, its two solvers in turn in one run. `ratio` is the peer's time over ours,
medians of five. The bound is two real N x N matrix products, what assembling a basis from two real
halves spends at the least. Residual |M V - V Lambda|/|A| and orthogonality |V^H V - I|/sqrt(N),
both in the Frobenius norm and by the same formula for both solvers.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ssmlinalg import decompose, hippo
from ssmlinalg.forms import NPLR


def seconds(call: Callable[[], Any]) -> float:
    """One run of `call`."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def defects(M: np.ndarray, scale: float, Lambda: np.ndarray, V: np.ndarray) -> tuple[float, float]:
    """Residual and orthogonality by their definitions."""
    residual = np.linalg.norm(M @ V - V * Lambda) / scale
    return float(residual), float(np.linalg.norm(V.conj().T @ V - np.eye(len(M))) / np.sqrt(len(M)))


def matrices(order: int) -> dict[str, NPLR]:
    """What is diagonalized: each route of `decompose` at least once."""
    found = {name: hippo.MEASURES[name](order) for name in ("legs", "lagt", "legt", "fout")}
    X = np.random.default_rng(0).standard_normal((order, order))
    found["random skew"] = NPLR(X - X.T, np.ones(order), np.zeros((order, 0)))
    return {name: system for name, system in found.items() if isinstance(system, NPLR)}


def row(name: str, system: NPLR) -> str:
    """One matrix: both solvers and the bound in turn, five times, then the defects of both."""
    order = len(system.B)
    M = system.A + system.P @ system.P.T
    sigma = float(np.trace(M)) / order
    scale = float(np.linalg.norm(system.A) + np.linalg.norm(system.P) ** 2)
    H = -1j * (M - sigma * np.eye(order))
    contenders = (
        lambda: decompose.eigenbasis(system),
        lambda: np.linalg.eigh(H),
        lambda: (M @ M, M.T @ M),
    )
    runs = [[seconds(contender) for contender in contenders] for _ in range(5)]
    ours, peer, bound = (statistics.median(column) for column in zip(*runs, strict=True))
    basis = decompose.eigenbasis(system)
    w, V = np.linalg.eigh(H)
    mine = defects(M, scale, basis.Lambda, basis.V)
    theirs = defects(M, scale, sigma + 1j * w, V)
    return (
        f"| {name} | {ours:.3f} | {peer:.3f} | {peer / ours:.1f} | {bound:.3f} "
        f"| {mine[0]:.1e} | {theirs[0]:.1e} | {mine[1]:.1e} | {theirs[1]:.1e} |"
    )


def main(order: int) -> None:
    """Print the table."""
    print(f"order {order}; NumPy {np.__version__}; medians of five, in seconds")
    print("| matrix | ours | peer | ratio | bound | residual | peer | orthogonality | peer |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, system in matrices(order).items():
        print(row(name, system))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1024)
