"""How many modes does a kernel need, by which method, and how long does it take to find them?

    python benchmarks/kernel_fits.py [--all]

Every kernel is fitted to a relative error in l1 over its window. `bound` is the order below which
no model is as near, proved by `reduce.fit`. The peers are a plain eigensystem realization (Kung
1978: singular vectors of the dense Hankel matrix, shifted) and scipy's AAA on the unit circle. Both
get the best weights for their poles by least squares, poles outside the circle mirrored, a free
direct path, and the smallest order that bisection finds, up to three times the bound. The last
columns are the error of each, and processor seconds. `--all` adds kernels that take minutes.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy.linalg
from scipy.interpolate import AAA

from ssmlinalg import inits, kernel, kernels, reduce

LENGTH = 1024
lags = np.arange(LENGTH)
Poles = Callable[[np.ndarray, int], np.ndarray]


class Fit(NamedTuple):
    """A model: how many states, its relative error, and the seconds it took."""

    order: int
    error: float
    seconds: float


def spectral(number: int) -> np.ndarray:
    """An eigenvector of 2/((i+j)^3 - (i+j)): a filter of spectral transform units."""
    i = np.arange(1.0, LENGTH + 1)
    s = i[:, None] + i
    return np.linalg.eigh(2 / (s**3 - s))[1][:, -number]


def implicit(decay: float, seed: int = 0) -> np.ndarray:
    """A filter of Hyena: a perceptron of sines on positions, damped by e^-decay in the window."""
    rng = np.random.default_rng(seed)
    t = np.linspace(0, 1, LENGTH)[:, None]
    phase = 2 * np.pi * np.array([[1e-4, 1.0]]) * lags[:, None] / LENGTH
    x = np.concatenate([t, np.cos(phase), -np.sin(phase)], axis=1)
    for outputs in (64, 64, 64):
        bound = x.shape[1] ** -0.5
        W = rng.uniform(-bound, bound, (x.shape[1], outputs))
        x = np.sin(10 * (x @ W + rng.uniform(-bound, bound, outputs)))
    return x @ rng.uniform(-0.125, 0.125, 64) * np.exp(-decay * t[:, 0])


def modal(seed: int = 0) -> np.ndarray:
    """A real modal filter of 16 states with poles and residues as Evo 2 draws them."""
    rng = np.random.default_rng(seed)
    rate = np.exp(np.prod(rng.standard_normal((16, 4)), axis=1)) * rng.uniform(0.001, 0.1, 16)
    residue = np.prod(rng.standard_normal((16, 4)) / 4, axis=1)
    return np.exp(-rate * lags[:, None]) @ residue


def multiscale() -> np.ndarray:
    """A kernel of SGConv: 7 scales of 16 weights."""
    return kernels.sgconv(np.random.default_rng(0).standard_normal((7, 16)), LENGTH)


KERNELS: dict[str, tuple[Callable[[], np.ndarray], float]] = {
    "S4D-Lin 64": (lambda: kernel(inits.s4d_lin_init(64, step=0.01), LENGTH), 1e-3),
    "STU 7": (lambda: spectral(7), 1e-3),
    "STU 11": (lambda: spectral(11), 1e-3),
    "STU 15": (lambda: spectral(15), 1e-3),
    "Evo 2, first": (lambda: modal(0), 1e-3),
    "Evo 2, second": (lambda: modal(1), 1e-3),
    "Hyena, fast": (lambda: implicit(15.0), 1e-2),
    "Hyena, slow": (lambda: implicit(6.0), 1e-1),
}
LONG: dict[str, tuple[Callable[[], np.ndarray], float]] = {
    "Hyena, fast, nearer": (lambda: implicit(15.0), 1e-3),
    "Hyena, slow, nearer": (lambda: implicit(6.0), 1e-2),
    "SGConv 7 x 16": (multiscale, 1e-2),
}


def realization(h: np.ndarray, order: int) -> np.ndarray:
    """Poles of the eigensystem realization."""
    m = (len(h) + 1) // 2
    U = np.linalg.svd(scipy.linalg.hankel(h[: len(h) - m + 1], h[len(h) - m :]))[0][:, :order]
    return np.linalg.eigvals(np.linalg.lstsq(U[:-1], U[1:])[0])


def rational(h: np.ndarray, order: int) -> np.ndarray:
    """Poles of AAA on twice as many points of the circle as there are samples."""
    points = np.exp(2j * np.pi * np.arange(2 * len(h)) / (2 * len(h)))
    found = AAA(points, np.fft.fft(h, 2 * len(h)).conj(), max_terms=order + 1, rtol=0)
    z = found.poles()
    return z[np.isfinite(z)]


def miss(h: np.ndarray, poles: np.ndarray) -> float:
    """The relative error in l1 of the best weights in l2."""
    size = np.maximum(np.abs(poles), 1e-8)
    z = np.where(size > 1, poles / size**2, poles)
    table = z ** lags[: len(h) - 1, None]
    both = np.concatenate([table.real, -table.imag], axis=1)
    w = np.linalg.lstsq(both, h[1:], rcond=1e-14)[0]
    return float(np.sum(np.abs(h[1:] - both @ w)) / np.sum(np.abs(h)))


def smallest(h: np.ndarray, poles: Poles, error: float, least: int) -> Fit:
    """The smallest order of a peer, by bisection."""
    start = time.process_time()
    failed = least - 1
    order = least
    tail = h[1:]
    most = min(LENGTH // 2, 3 * least + 8)
    while miss(h, poles(tail, order)) > error:
        if order == most:
            return Fit(order, np.inf, time.process_time() - start)
        failed = order
        order = min(most, order + max(1, order // 4))
    while order - failed > 1:
        middle = (order + failed) // 2
        if miss(h, poles(tail, middle)) <= error:
            order = middle
        else:
            failed = middle
    return Fit(order, miss(h, poles(tail, order)), time.process_time() - start)


def shown(fit: Fit) -> str:
    """An order, or the one up to which none was found."""
    return str(fit.order) if np.isfinite(fit.error) else f"> {fit.order}"


def main() -> None:
    """The table."""
    np.seterr(all="ignore")
    print("| kernel | error | bound | fit | ERA | AAA | errors | seconds |")
    print("|---|---|---|---|---|---|---|---|")
    chosen = KERNELS | (LONG if "--all" in sys.argv else {})
    for name, (make, error) in chosen.items():
        h = make()
        start = time.process_time()
        found = reduce.fit(h, error=error)
        ours = Fit(found.order, found.upper, time.process_time() - start)
        peers = [smallest(h, poles, error, found.least) for poles in (realization, rational)]
        orders = " | ".join(shown(fit) for fit in (ours, *peers))
        errors = ", ".join(f"{fit.error:.1e}" for fit in (ours, *peers))
        took = ", ".join(f"{fit.seconds:.2f}" for fit in (ours, *peers))
        print(f"| {name} | {error:g} | {found.least} | {orders} | {errors} | {took} |", flush=True)


if __name__ == "__main__":
    main()
