"""Pseudospectra on a grid of 200 x 200 points: seconds, beside pseudopy's, and how far both are
from dense decompositions.

    python benchmarks/pseudospectra.py [--orders 64 256] [--points 200] [--peer-points 200]
    python benchmarks/pseudospectra.py --large 2000

For each order: HiPPO-LegS, Grcar's matrix and a random one, each on its window
(ssmlinalg.matrices.window). pseudopy (pip install pseudopy==1.2.5 "shapely<2" matplotlib) takes one
point at a time, so it is timed on `--peer-points` points drawn from the grid, and the seconds are
those of that many points times the size of the grid: "svd" is its default, "lanczosinv" the method
that is ours, both in this process. Errors are the largest relative ones against numpy.linalg.svd at
100 of those points where sigma_min is above 1e-10 |A|. The bound is what the flops of our
triangular solves take at the rate of a square complex product in this process, with as many
threads. `--large` takes a grid of 20 x 20 at one order and prints seconds and the peak of memory
beyond A itself, in copies of A.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from collections.abc import Callable

import numpy as np

from ssmlinalg import hippo
from ssmlinalg.matrices import pseudospectra, shifted

try:
    setattr(np, "complex", complex)  # noqa: B010  # pseudopy 1.2.5 still asks for it
    from pseudopy import nonnormal  # pyright: ignore[reportMissingImports]
except ImportError:
    nonnormal = None


def grcar(order: int) -> np.ndarray:
    """-1 beneath the diagonal, 1 on it and on three above it."""
    return sum((np.eye(order, k=k) for k in range(4)), -np.eye(order, k=-1))


MATRICES: dict[str, Callable[[int], np.ndarray]] = {
    "legs": lambda order: hippo.legs(order).A,
    "grcar": grcar,
    "random": lambda order: (
        np.random.default_rng(0).standard_normal((order, order)) / np.sqrt(order)
    ),
}


def rate(order: int = 512) -> float:
    """Flops a second of a complex matrix product, the best of five."""
    X = np.ones((order, order)) + 1j
    times = []
    for _ in range(6):
        start = time.perf_counter()
        np.matmul(X, X)
        times.append(time.perf_counter() - start)
    return 8 * order**3 / min(times[1:])


def flops(A: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, float]:
    """The grid again, and the flops of its triangular solves: 4 N^2 for each point and solve, half
    that for real T.
    """
    solved = [0]
    substitute = shifted.substitute

    def counted(T: np.ndarray, X: np.ndarray, inverse: np.ndarray) -> None:
        if len(T) == len(A):
            solved[0] += X.shape[-1]
        substitute(T, X, inverse)

    shifted.substitute = counted
    try:
        sigma = pseudospectra.pseudospectrum(A, x, y).sigma
    finally:
        shifted.substitute = substitute
    each = (4 if np.any(shifted.triangular(A)[0].imag) else 2) * len(A) ** 2
    return sigma, float(solved[0] * each)


def error(values: np.ndarray, exact: np.ndarray, size: float) -> float:
    """The largest relative error where the value is not rounding."""
    seen = exact > 1e-10 * size
    return float(np.max(np.abs(values - exact)[seen] / exact[seen], initial=0.0))


def peer(A: np.ndarray, z: np.ndarray, method: str) -> tuple[np.ndarray, float] | None:
    """pseudopy's values at z, and its seconds for a point."""
    if nonnormal is None:
        return None
    start = time.perf_counter()
    values = np.array(nonnormal._Nonnormal(A, z, method=method).vals)
    return values, (time.perf_counter() - start) / len(z)


def large(order: int) -> None:
    """A coarse grid at one large order."""
    for name, make in MATRICES.items():
        A = make(order)
        # no symmetry: every point is computed
        x = np.linspace(-2, 3, 20)
        y = np.linspace(0.1, 4, 20)
        tracemalloc.start()
        start = time.perf_counter()
        pseudospectra.pseudospectrum(A, x, y)
        seconds = time.perf_counter() - start
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        print(f"| {order} | {name} | 20 x 20 | {seconds:.3g} | {peak / A.nbytes:.1f} |", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--orders", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--points", type=int, default=200)
    parser.add_argument("--peer-points", type=int, default=200)
    parser.add_argument("--large", type=int)
    arguments = parser.parse_args()
    if arguments.large:
        print("| N | matrix | grid | seconds | memory, in copies of A |\n|---|---|---|---|---|")
        return large(arguments.large)
    print("| N | matrix | ours | bound | error | pseudopy svd | ratio | error ", end="")
    print("| pseudopy lanczosinv | ratio | error |")
    print("|---" * 11 + "|")
    for order in arguments.orders:
        for name, make in MATRICES.items():
            cells = compared(make(order), arguments.points, arguments.peer_points)
            print(f"| {order} | {name} | {' | '.join(cells)} |", flush=True)
    return None


def compared(A: np.ndarray, points: int, peer_points: int) -> list[str]:
    """Our seconds, their bound and our error, then the seconds, ratio and error of each peer."""
    x, y = pseudospectra.window(A, points)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        pseudospectra.pseudospectrum(A, x, y)
        times.append(time.perf_counter() - start)
    seconds = min(times)
    sigma, work = flops(A, x, y)
    i, j = np.random.default_rng(1).integers(0, points, (2, peer_points))
    z = x[j] + 1j * y[i]
    some = z[:100, None, None] * np.eye(len(A)) - A
    exact = np.linalg.svd(some, compute_uv=False)[:, -1]
    size = float(np.linalg.norm(A, 2))
    own = error(sigma[i, j][:100], exact, size)
    cells = [f"{seconds:.3g}", f"{work / rate():.2g}", f"{own:.1e}"]
    for method in ("svd", "lanczosinv"):
        theirs = peer(A, z, method)
        if theirs is None:
            cells += ["not installed", "-", "-"]
        else:
            whole = theirs[1] * sigma.size
            away = error(theirs[0][:100], exact, size)
            cells += [f"{whole:.3g}", f"{whole / seconds:.3g}", f"{away:.1e}"]
    return cells


if __name__ == "__main__":
    main()
