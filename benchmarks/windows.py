"""Where is the conditioning of the perturbed HiPPO-LegS worse than the law, kappa(V) > c = 2/tau -
1?

    python benchmarks/windows.py [FIGURE]

A study: each order is a row of benchmarks/results/windows, and what is there is not computed again.
For each order every tau from 1e-6 to 1 at which two eigenvalues of A + tau P P^T coincide (an
exceptional point), and the window around it where kappa(V) > c. With a_n = P_n^2 the eigenvalues
-1/2 + z solve Phi(z) = -c, where Phi(z) is the product of (z - a_n)/(z + a_n), and double ones are
zeros of Phi'. All of these are real, one between each two neighbours of the a_n and its mirror
image, and c is -Phi there: one monotone scalar equation for each, so none can be missed. A window
that holds no exceptional point would show as a change of sign of kappa(V) - c on a grid of c; there
is none. `law` is what c tends to. The picture goes to FIGURE, docs/_static/windows.svg if not
given.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import brentq
from scipy.special import digamma, gamma

from ssmlinalg import decompose, hippo, studies

EPS = float(np.finfo(np.float64).eps)
ORDERS = (*range(2, 65), 80, 96, 128, 129, 192, 256, 257, 384, 512)
SMALLEST = 1e-6


class Cascade(NamedTuple):
    """What the spectra of one order start from: a_n, the frequencies w > 0 at c = 1, and
    exceptional points (log c, x, k).
    """

    a: np.ndarray
    frequencies: np.ndarray
    meetings: list[tuple[float, float, int]]


class Window(NamedTuple):
    """An interval of log c in which kappa(V) > c, and the exceptional points (log c, k) in it."""

    low: float
    meetings: list[tuple[float, int]]
    high: float


def to_tau(log_c: float) -> float:
    """2/(c + 1)."""
    return 2 / (math.exp(log_c) + 1)


def law(order: int, k: int) -> float:
    """c at the k-th exceptional point for large N: 2 e N^{2k-1} (log N - digamma(k)) /
    Gamma(k)^2.
    """
    return float(2 * math.e * order ** (2 * k - 1) * (math.log(order) - digamma(k)) / gamma(k) ** 2)


def crossing(function: Callable[[float], float], low: float, high: float) -> float:
    """Where `function` changes sign."""
    return float(brentq(function, low, high, xtol=1e-300, rtol=4 * EPS))  # pyright: ignore[reportArgumentType]


def attenuation(a: np.ndarray, x: float) -> float:
    """log |Phi(-x)|."""
    return float(np.sum(np.log(x + a) - np.log(np.abs(x - a))))


def slope(a: np.ndarray, z: np.ndarray) -> np.ndarray:
    """d log Phi / dz."""
    return np.sum(2 * a / (z[:, None] ** 2 - a**2), axis=-1)


def within(a: np.ndarray, k: int) -> tuple[float, float]:
    """The gap from a_{k-1} to a_k, less its ends."""
    return a[k - 1] * (1 + 8 * EPS), a[k] * (1 - 8 * EPS)


def cascade(order: int) -> Cascade:
    """HiPPO-LegS of one order. In the k-th gap Phi(-x) is negative where N - k is odd: every second
    one is no solution.
    """
    a = hippo.legs(order).P[:, 0] ** 2
    w = decompose.eigenbasis(hippo.legs(order)).Lambda.imag
    gaps = [k for k in range(1, order) if (order - k) % 2]
    stationary = [crossing(lambda x: float(np.sum(a / (x**2 - a**2))), *within(a, k)) for k in gaps]
    meetings = [(attenuation(a, x), x, k) for x, k in zip(stationary, gaps, strict=True)]
    return Cascade(a, np.sort(w[w > 0]), meetings)


def real_roots(system: Cascade, log_c: float) -> np.ndarray:
    """Real solutions of Phi(z) = -c: two in each gap whose exceptional point is passed, and at odd
    N one above -a_0.
    """
    a, _, meetings = system
    brackets = [(0.0, a[0] * (1 - 8 * EPS))] if len(a) % 2 else []
    for met, x, k in meetings:
        low, high = within(a, k)
        brackets += [(low, x), (x, high)] if met < log_c else []
    return -np.array(
        [crossing(lambda x: attenuation(a, x) - log_c, *bracket) for bracket in brackets]
    )


def roots(system: Cascade, log_c: float) -> np.ndarray:
    """All N solutions: the complex ones by the iteration of Ehrlich and Aberth, started from those
    of c = 1.
    """
    a = system.a
    real = real_roots(system, log_c)
    z = 1j * system.frequencies[len(real) // 2 :]
    z = z + log_c / slope(a, z)
    themselves = np.arange(len(z))
    for _ in range(200):
        distance = z[:, None] - np.concatenate([z, z.conj(), real])
        distance[themselves, themselves] = np.inf
        ratio = np.exp(
            np.sum(np.log(z[:, None] - a) - np.log(z[:, None] + a), axis=-1) - log_c
        )  # Phi/c
        poles = np.sum(1 / (z[:, None] + a), axis=-1)
        step = (ratio + 1) / (
            ratio * slope(a, z) + (ratio + 1) * (poles - np.sum(1 / distance, axis=-1))
        )
        z = z - step
        if np.all(
            np.abs(step) < 1e-10 * np.abs(z)
        ):  # of a third-order iteration: the next step would be rounding
            return np.concatenate([z, z.conj(), real])
    raise ArithmeticError(f"the eigenvalues of order {len(a)} at log c = {log_c} were not found")


def log_condition(system: Cascade, log_c: float) -> float:
    """log kappa(V): kappa^2 is the norm of the Gram matrix G times that of its inverse, K conj(G) K
    up to phases.

    K holds the condition numbers of the eigenvalues, (c - 1/c)/2 / (|Re z| |d log Phi/dz|). No
    small singular value is computed, so kappa has full accuracy however large it is.
    """
    z = roots(system, log_c)
    damping = -np.real(z)
    G = 2 * np.sqrt(damping[:, None] * damping) / -(z.conj()[:, None] + z)
    K = math.sinh(log_c) / (damping * np.abs(slope(system.a, z)))
    return math.log(np.linalg.eigvalsh(G)[-1] * np.linalg.eigvalsh(K[:, None] * G * K)[-1]) / 2


def windows(order: int) -> list[Window]:
    """Every interval where kappa(V) > c, of c up to 2/SMALLEST - 1."""
    system = cascade(order)
    last = math.log(2 / SMALLEST - 1)

    def excess(log_c: float) -> float:
        return log_condition(system, log_c) - log_c

    met = sorted((log_c, k) for log_c, _, k in system.meetings if log_c < last)
    near = np.concatenate(
        [c + side * np.geomspace(1e-6, 1, 14) for c, _ in met for side in (-1, 1)] or [np.zeros(0)]
    )
    grid = np.sort(
        np.concatenate([np.linspace(0.05, last, 60), near[(near > 0.05) & (near < last)]])
    )
    above = np.array([excess(log_c) for log_c in grid]) > 0
    edges = [
        crossing(excess, grid[i], grid[i + 1]) for i in np.flatnonzero(above[1:] != above[:-1])
    ]
    edges += [last] if above[-1] else []  # that window goes on
    bars = zip(edges[::2], edges[1::2], strict=True)
    return [
        Window(low, [point for point in met if low < point[0] < high], high) for low, high in bars
    ]


def figures(order: int) -> dict[str, Any]:
    """The windows of one order, as a point of the study."""
    return {"windows": windows(order)}


def studied() -> dict[int, list[Window]]:
    """The windows of all orders."""
    found = studies.sweep({"order": ORDERS}, figures, Path(__file__).parent / "results/windows")
    return {
        row["point"]["order"]: [
            Window(low, [(c, k) for c, k in met], high)
            for low, met, high in row["figures"]["windows"]
        ]
        for row in found
    }


def draw(found: dict[int, list[Window]], path: Path) -> None:
    """Windows as bars, exceptional points as dots, the law for the first and second as lines."""
    figure, axes = plt.subplots(figsize=(9, 4.6), layout="constrained")
    N = np.geomspace(2, 560, 40)
    for k, name in ((1, "even N: c = 2e N (log N + 0.58)"), (2, "odd N: c = 2e N³ (log N − 0.42)")):
        shown = N[N > 3] if k == 2 else N
        tau = 2 / (np.array([law(n, k) for n in shown]) + 1)
        shown = shown[tau > SMALLEST]
        tau = tau[tau > SMALLEST]
        axes.plot(shown, tau, color="#c8ced6", linewidth=1, zorder=1)
        axes.annotate(
            name,
            (shown[len(shown) // 2], tau[len(shown) // 2]),
            (10, 10),
            textcoords="offset points",
            color="#5d6975",
        )
    bars = [
        (order, to_tau(high), to_tau(low)) for order, each in found.items() for low, _, high in each
    ]
    axes.vlines(*zip(*bars, strict=True), color="#c2410c", linewidth=1.6)
    dots = [
        (order, to_tau(c)) for order, each in found.items() for _, met, _ in each for c, _ in met
    ]
    axes.plot(*zip(*dots, strict=True), ".", color="#1d2733", markersize=2.5)
    axes.set(
        xscale="log",
        yscale="log",
        xlim=(1.8, 600),
        ylim=(SMALLEST, 1),
        xlabel="order N",
        ylabel="τ",
    )
    axes.set_xticks([2, 4, 8, 16, 32, 64, 128, 256, 512])
    axes.xaxis.set_major_formatter("{x:g}")
    axes.minorticks_off()
    axes.grid(color="#e8ebef", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})


def main(path: Path) -> None:
    """Print the table and draw the picture."""
    print("| N | window of tau | exceptional points: k, tau | c | law | width in log c |")
    print("|---|---|---|---|---|---|")
    found = studied()
    for order, bars in found.items():
        for low, met, high in bars:
            points = "; ".join(f"{k}, {to_tau(c):.5g}" for c, k in met)
            c = "; ".join(f"{math.exp(c):.5g}" for c, _ in met)
            laws = "; ".join(f"{law(order, k):.5g}" for _, k in met)
            tau = f"{to_tau(high):.5g} .. {to_tau(low):.5g}"
            print(f"| {order} | {tau} | {points} | {c} | {laws} | {high - low:.3f} |")
    draw(found, path)


if __name__ == "__main__":
    # No date and no random identifiers, so that the file changes only when the picture does.
    plt.rcParams |= {
        "font.size": 11,
        "svg.fonttype": "none",
        "svg.hashsalt": "windows",
        "text.color": "#1d2733",
    }
    main(
        Path(sys.argv[1])
        if len(sys.argv) > 1
        else Path(__file__).parents[1] / "docs" / "_static" / "windows.svg"
    )
