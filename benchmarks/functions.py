"""Functions of a matrix through a perturbation, beside SciPy's: errors, bounds and processor time.

    python benchmarks/functions.py [--order 64]

For each matrix, turned so that its spectrum lies right of the axis: e^{-A} beside
scipy.linalg.expm, A^{1/4} beside fractional_matrix_power, sin A beside funm. E is Gaussian, of the
size among 1e-4, 1e-5, ..., 1e-13 of which our own bound, for the exponential, is least. Errors are
in the 2-norm, relative to |f(A)|_2, against python-flint in 1000 bits. The last table is processor
time, one thread, the least of three: one exponential, and 200 times of e^{-tA} x, for SciPy as 200
calls of expm_multiply; ours includes drawing E and diagonalizing.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable

import flint
import numpy as np
import scipy.linalg
import scipy.sparse.linalg

from ssmlinalg import hippo, perturb
from ssmlinalg.perturb import FunctionBound, exponential_bound, fractional_power_bound

SIZES = 10.0 ** -np.arange(4, 14)
TIMES = np.linspace(0, 4, 200)
BITS = 1000


def grcar(order: int) -> np.ndarray:
    """-1 beneath the diagonal, 1 on it and on three above it."""
    return np.triu(np.tril(np.ones((order, order)), 3)) - np.eye(order, k=-1)


def kahan(order: int) -> np.ndarray:
    """A triangle much nearer to singular than its diagonal shows."""
    unit = np.eye(order) - np.cos(1.2) * np.triu(np.ones((order, order)), 1)
    return np.sin(1.2) ** np.arange(order)[:, None] * unit


def frank(order: int) -> np.ndarray:
    """Hessenberg, of integers, its eigenvalues in reciprocal pairs."""
    i = np.arange(order)
    return np.triu(order - np.maximum.outer(i, i), -1).astype(float)


def convection_diffusion(order: int) -> np.ndarray:
    """Central differences of -u'' - c u', the Peclet number of a cell 0.9."""
    return 2 * np.eye(order) - 0.1 * np.eye(order, k=-1) - 1.9 * np.eye(order, k=1)


MATRICES: dict[str, Callable[[int], np.ndarray]] = {
    "Grcar": grcar,
    "Kahan": lambda order: kahan(min(order, 24)),
    "Frank": lambda order: frank(min(order, 12)),
    "Jordan": lambda order: np.eye(min(order, 20)) + np.eye(min(order, 20), k=1),
    "Jordan, rotated": lambda order: rotated(np.eye(min(order, 20)) + np.eye(min(order, 20), k=1)),
    "convection-diffusion": convection_diffusion,
    "LegS": lambda order: -np.asarray(hippo.legs(order).A),
    "normal": lambda order: rotated(np.diag(np.linspace(0.5, 2, order))),
}


def rotated(A: np.ndarray) -> np.ndarray:
    """The matrix in other orthonormal coordinates."""
    Q = np.linalg.qr(np.random.default_rng(0).standard_normal(A.shape))[0]
    return Q @ A @ Q.T


def exact(A: np.ndarray) -> flint.acb_mat:
    """The matrix in ball arithmetic."""
    return flint.acb_mat(A.tolist())


def on_the_host(M: flint.acb_mat) -> np.ndarray:
    """The middle of each ball."""
    return np.array([[complex(entry.mid()) for entry in row] for row in M.tolist()])


def root(M: flint.acb_mat) -> flint.acb_mat:
    """The principal square root by the iteration of Denman and Beavers."""
    size = M.nrows()
    Y, Z = M, flint.acb_mat(size, size, [int(i == j) for i in range(size) for j in range(size)])
    for _ in range(40):
        Y, Z = (Y + Z.inv()) * flint.acb(0.5), (Z + Y.inv()) * flint.acb(0.5)
        Y, Z = Y.mid(), Z.mid()
    return Y


def references(A: np.ndarray) -> dict[str, np.ndarray]:
    """The three functions, from 1000 bits."""
    M = exact(A)
    turned = (M * flint.acb(0, 1)).exp()
    back = (M * flint.acb(0, -1)).exp()
    return {
        "exp": on_the_host((M * flint.acb(-1)).exp()),
        "power": on_the_host(root(root(M))),
        "sin": on_the_host((turned - back) * flint.acb(0, -0.5)),
    }


def best(A: np.ndarray) -> tuple[perturb.Diagonalization, FunctionBound]:
    """The perturbation of -A whose bound for its exponential at 1 is least."""
    found = []
    for size in SIZES:
        try:
            d = perturb.gaussian(-A, size=float(size))
        except ValueError:
            continue
        found.append((d, exponential_bound(d, 1.0)))
    return min(found, key=lambda one: one[1].perturbation + one[1].rounding)


def seconds(call: Callable[[], object]) -> float:
    """Processor time of a call, the least of three."""
    times = []
    for _ in range(3):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return min(times)


def relative(found: np.ndarray, true: np.ndarray) -> float:
    """|found - true|/|true|."""
    return float(np.linalg.norm(found - true, 2) / np.linalg.norm(true, 2))


def errors(name: str, A: np.ndarray) -> None:
    """Print the line of a matrix in the table of errors."""
    true = references(A)
    d, bound = best(A)
    positive = perturb.gaussian(A, size=float(d.facts["size"]))
    of_power = fractional_power_bound(positive, 0.25)
    scipy_of = {
        "exp": lambda: scipy.linalg.expm(-A),
        "power": lambda: scipy.linalg.fractional_matrix_power(A, 0.25),
        "sin": lambda: scipy.linalg.funm(A, np.sin, disp=False)[0],
    }
    ours_of = {
        "exp": d.apply(np.exp),
        "power": positive.apply(lambda z: z**0.25),
        "sin": positive.apply(np.sin),
    }
    print(f"| {name}, {len(A)} | {d.facts['size']:.0e} | {d.condition:.1e} |", end="")
    for f, ours in ours_of.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = scipy_of[f]()
        size = np.linalg.norm(true[f], 2)
        limit = {"exp": bound, "power": of_power}.get(f)
        said = f" {(limit.perturbation + limit.rounding) / size:.0e} |" if limit else ""
        pair = f" {relative(ours, true[f]):.0e} |{said} {relative(theirs, true[f]):.0e} |"
        print(pair, end="")
    print(flush=True)


def times(name: str, A: np.ndarray) -> None:
    """Print the line of a matrix in the table of times."""
    x = np.ones(len(A))

    def ours(t: np.ndarray, *vector: np.ndarray) -> None:
        perturb.gaussian(-A, size=1e-8).exponential(t, *vector)

    def many() -> None:
        for t in TIMES:
            scipy.sparse.linalg.expm_multiply(-t * A, x)

    single = seconds(lambda: ours(np.asarray(1.0))), seconds(lambda: scipy.linalg.expm(-A))
    several = seconds(lambda: ours(TIMES, x)), seconds(many)
    cells = " | ".join(f"{1e3 * value:.2f}" for value in (*single, *several))
    print(f"| {name}, {len(A)} | {cells} |", flush=True)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--order", type=int, default=64)
    order = parser.parse_args().order
    flint.ctx.prec = BITS
    print(
        "| matrix | size of E | kappa(V) | exp: error | bound | expm | power: error | bound |"
        " fractional_matrix_power | sin: error | funm |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for name, make in MATRICES.items():
        errors(name, make(order))
    print("\n| matrix | exp, ms | expm | 200 times, ms | expm_multiply |")
    print("|---|---|---|---|---|")
    for name, make in MATRICES.items():
        times(name, make(order))


if __name__ == "__main__":
    main()
