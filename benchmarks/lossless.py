"""What closed forms cost and how accurate they are: spectra of HiPPO-LegS from order 64 to 1 000
000.

    python benchmarks/lossless.py [--orders 64 1024 10000 100000 1000000] [--tau 0.2] [--peer 1024]

For each order: seconds for hippo.legs, for decompose.diagonalize and for perturb.lossless(tau=...),
best of five; peak memory of the latter, in bytes for each eigenvalue; the largest relative error of
eigenvalues and of B against 50-digit arithmetic, at the two ends and six random indices; kappa(V)
and the seconds its measurement took. Then, at order `--peer`, the same matrix by numpy.linalg.eig,
which the closed form replaces.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from collections.abc import Callable

import mpmath
import numpy as np

from ssmlinalg import decompose, hippo, perturb


def best(make: Callable[[], object], repeats: int = 5) -> float:
    """The least time of several calls, in seconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        make()
        times.append(time.perf_counter() - start)
        if times[0] > 1:
            break
    return min(times)


def errors(order: int, tau: float, found: perturb.Lossless) -> tuple[float, float]:
    """The largest relative errors of Lambda and of B, at a few indices, by log-gamma and digamma
    functions with 50 digits.
    """
    ctx = mpmath.MPContext()
    ctx.dps = 50
    half = ctx.mpf(0.5)
    c = 2 / ctx.mpf(tau) - 1
    pairs = order // 2
    some = np.unique(
        np.concatenate([[0, pairs - 1], np.random.default_rng(0).integers(0, pairs, 6)])
    )
    of_Lambda = []
    of_B = []
    for j in some:
        z = ctx.mpc(complex(found.Lambda[j])) + half
        slope = ctx.zero
        for _ in range(5):
            log_phi = ctx.loggamma(order + half - z) - ctx.loggamma(order + half + z)
            log_phi += ctx.loggamma(half + z) - ctx.loggamma(half - z) + ctx.mpc(0, order) * ctx.pi
            turns = ctx.nint((log_phi.imag / ctx.pi - 1) / 2)
            slope = ctx.digamma(half + z) + ctx.digamma(half - z)
            slope -= ctx.digamma(order + half - z) + ctx.digamma(order + half + z)
            z -= (log_phi - ctx.log(c) - ctx.mpc(0, 2 * turns + 1) * ctx.pi) / slope
        size = ctx.sqrt((c * c - 1) / (-4 * z.real))
        of_Lambda.append(abs(ctx.mpc(complex(found.Lambda[j])) - z + half) / abs(z - half))
        of_B.append(
            abs(ctx.mpc(complex(found.B[j])) + ctx.sqrt(2) * size / slope)
            / abs(ctx.sqrt(2) * size / slope)
        )
    return float(max(of_Lambda)), float(max(of_B))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--orders", type=int, nargs="+", default=[64, 1024, 10_000, 100_000, 1_000_000]
    )
    parser.add_argument("--tau", type=float, default=0.2)
    parser.add_argument("--peer", type=int, default=1024)
    arguments = parser.parse_args()
    print("| N | legs | diagonalize | lossless | bytes/N ", end="")
    print("| error of Lambda | error of B | kappa(V) | its seconds |")
    print("|---" * 9 + "|")
    for order in arguments.orders:
        legs = hippo.legs(order)
        seconds = [
            best(lambda order=order: hippo.legs(order)),
            best(lambda legs=legs: decompose.diagonalize(legs)),
        ]
        seconds.append(best(lambda legs=legs: perturb.lossless(legs, tau=arguments.tau)))
        tracemalloc.start()
        found = perturb.lossless(legs, tau=arguments.tau)
        memory = tracemalloc.get_traced_memory()[1] / order
        tracemalloc.stop()
        of_Lambda, of_B = errors(order, arguments.tau, found)
        start = time.perf_counter()
        condition = found.condition
        measured = time.perf_counter() - start
        times = " | ".join(f"{s:.2g}" for s in seconds)
        figures = f"{memory:.0f} | {of_Lambda:.1e} | {of_B:.1e} | {condition:.4f} | {measured:.2g}"
        print(f"| {order} | {times} | {figures} |", flush=True)
    legs = hippo.legs(arguments.peer)
    dense = legs.A + arguments.tau * legs.P @ legs.P.T
    ours = best(lambda: perturb.lossless(legs, tau=arguments.tau))
    peer = best(lambda: np.linalg.eig(dense), 1)
    print(f"order {arguments.peer}: numpy.linalg.eig {peer:.3g} s, {peer / ours:.0f} times as long")


if __name__ == "__main__":
    main()
