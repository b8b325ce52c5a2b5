"""Conditioning against distance from HiPPO-LegS: every perturbation, S4D and published files, at
orders 8 to 256.

    python benchmarks/frontier.py [--orders 8 16 32 64 128 256] [--published FOLDER] [--picture
    FILE.svg] [--wide FILE.svg] [--fresh] [--rows FOLDER]

A study: each perturbation of each order is a row of FOLDER; what is there is not computed again.
Columns: kappa_2(V) with unit columns; the sum of the condition numbers of the eigenvalues over N;
|E|_2/|A|_2; the transfer error sup_w |x~(iw) - x^(iw)| as attained and as certified by level sets
or proved (the state of HiPPO-LegS is at most 1); the abscissa; seconds for the perturbation alone,
without its certificate. `--published` names a folder with the matrices ptbHiPPO<N>.mat or .npz
(Lam, V, Vinv) of the repository of Yu et al. 2024. `--fresh` searches again for what the package
keeps of `optimal`.
`--wide` draws the error of `lossless` against kappa(V) with 1, 1.5, 2, 3 and 4 modes a state, and
does nothing else.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy.io

from ssmlinalg import forms, hippo, perturb, studies
from ssmlinalg.matrices import h_infinity
from ssmlinalg.perturb.least_transfer_error import searched

BUDGETS = (4.0, 8.0, 16.0)
WIDTHS = (1.0, 1.5, 2.0, 3.0, 4.0)  # modes a state


class Point(NamedTuple):
    """One line of the table."""

    order: int
    method: str
    condition: float
    mean_sensitivity: float
    backward_error: float
    transfer_error: float
    transfer_bound: float
    abscissa: float
    seconds: float


def methods(order: int, *, fresh: bool) -> dict[str, Callable[[], perturb.Diagonalization]]:
    """What is compared, by the name in the table."""
    legs = hippo.legs(order)
    chosen: dict[str, Callable[[], perturb.Diagonalization]] = {
        "S4D": lambda: perturb.lossless(legs, tau=1.0)
    }
    for budget in BUDGETS:
        chosen[f"lossless, budget {budget:g}"] = lambda budget=budget: perturb.lossless(
            legs, conditioning=budget
        )
        for width in WIDTHS[1:]:
            modes = int(width * order)
            chosen[f"wide {width:g}, budget {budget:g}"] = partial(
                perturb.lossless, legs, conditioning=budget, modes=modes
            )
        chosen[f"optimal, budget {budget:g}"] = lambda budget=budget: optimal(
            legs, budget, fresh=fresh
        )
        chosen[f"minimize, budget {budget:g}"] = lambda budget=budget: perturb.minimize(
            legs, conditioning=budget
        )
    for size in (1e-2, 1e-1):
        chosen[f"gaussian {size:g}"] = lambda size=size: perturb.gaussian(legs, size=size, tries=5)
    absolute = float(np.linalg.norm(legs.A, 2))
    for size in (0.01, 0.1):
        chosen[f"last column, {size:g} absolute"] = lambda size=size: perturb.last_column(
            legs, size=size / absolute
        )
    return chosen


def optimal(legs: forms.NPLR, budget: float, *, fresh: bool) -> perturb.Diagonalization:
    """As kept with the package, or searched for again."""
    return (
        searched(legs, conditioning=budget) if fresh else perturb.optimal(legs, conditioning=budget)
    )


def measured(order: int, method: str, make: Callable[[], perturb.Diagonalization]) -> Point:
    """One perturbation with its figures and the time it took."""
    start = time.perf_counter()
    found = make()
    seconds = time.perf_counter() - start
    figures = found.condition, found.scaled_condition / order, found.backward_error
    return Point(
        order, method, *figures, found.transfer_error, found.transfer_bound, found.abscissa, seconds
    )


def figures(order: int, method: str, fresh: bool) -> dict[str, Any]:
    """The figures of one point of the study."""
    found = measured(order, method, methods(order, fresh=fresh)[method])
    return {name: value for name, value in found._asdict().items() if isinstance(value, float)}


def studied(orders: list[int], rows: Path, *, fresh: bool) -> list[Point]:
    """All perturbations of all orders."""
    over = {"order": orders, "method": [*methods(8, fresh=fresh)], "fresh": [fresh]}
    found = studies.sweep(over, figures, rows)
    for row in found:
        if row["error"]:
            print(f"{row['point']}: {row['error']}")
    good = [row for row in found if row["figures"]]
    return [
        Point(
            row["point"]["order"],
            row["point"]["method"],
            *(float(row["figures"][name]) for name in Point._fields[2:]),
        )
        for row in good
    ]


def published(folder: Path, order: int) -> Iterator[Point]:
    """The files of that order: A + E = V diag(Lam) V^{-1}, of the sign of this library or the
    other.
    """
    A, B, _ = hippo.legs(order)
    for path in sorted(folder.glob("*.mat")) + sorted(folder.glob("*.npz")):
        file = scipy.io.loadmat(path) if path.suffix == ".mat" else dict(np.load(path))
        V = np.asarray(file["V"])
        V_inv = np.asarray(file["Vinv"])
        Lambda = np.asarray(file["Lam"])
        if len(V) != order:
            continue
        Lambda = np.diag(Lambda) if Lambda.ndim == 2 and min(Lambda.shape) > 1 else Lambda.ravel()
        perturbed = (V * Lambda) @ V_inv
        sign = min((1, -1), key=lambda sign: float(np.linalg.norm(sign * perturbed - A)))
        perturbed = sign * perturbed
        unit = np.eye(order)
        V = V / np.linalg.norm(V, axis=0)
        sensitivity = float(np.mean(np.linalg.norm(np.linalg.inv(V), axis=1)))
        size = float(np.linalg.norm(perturbed - A, 2) / np.linalg.norm(A, 2))
        error = h_infinity.hinf_distance((perturbed, B, unit), (A, B, unit))
        abscissa = float(np.real(sign * Lambda).max())
        condition = float(np.linalg.cond(V))
        yield Point(
            order,
            f"published {path.stem}",
            condition,
            sensitivity,
            size,
            error.lower,
            error.upper,
            abscissa,
            math.nan,
        )


def at_their_own(file: Point) -> Iterator[Point]:
    """What we make of the conditioning that a published file has."""
    legs = hippo.legs(file.order)
    budget = file.condition
    for name, make in (("optimal", perturb.optimal), ("minimize", perturb.minimize)):
        yield measured(
            file.order, f"{name}, budget {budget:.4g}", partial(make, legs, conditioning=budget)
        )


HEAD = (
    "| N | | kappa(V) | sum kappa_j/N | \\|E\\|/\\|A\\| "
    "| transfer error | certified | max Re | seconds |\n" + "|---" * 9 + "|"
)
LOOKS = {
    "S4D": ("s", "#d9601a"),
    "lossless": ("o", "#0f6cbd"),
    "wide 2": ("P", "#004578"),
    "optimal": ("*", "#107c41"),
    "minimize": ("^", "#8661c5"),
    "gaussian": ("x", "#98a2ae"),
    "last column": ("v", "#c19c00"),
    "published": ("D", "#c239b3"),
}


def line(p: Point) -> str:
    """One line of the table, in Markdown."""
    numbers = " | ".join("-" if math.isnan(x) else f"{x:.4g}" for x in p[2:])
    return f"| {p.order} | {p.method} | {numbers} |"


def picture(points: list[Point], path: Path) -> None:
    """kappa(V) against the transfer error, one panel an order; down and to the left is better."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    pyplot.rcParams |= {"svg.hashsalt": "ssmlinalg", "font.size": 9}
    orders = sorted({p.order for p in points})
    figure, axes = pyplot.subplots(
        2, math.ceil(len(orders) / 2), figsize=(9, 5.6), sharex=True, sharey=True, squeeze=False
    )
    for axis, order in zip(axes.flat, orders, strict=False):
        mine = [p for p in points if p.order == order and math.isfinite(p.transfer_error)]
        for name, (marker, colour) in LOOKS.items():
            some = [p for p in mine if p.method.startswith(name)]
            x = [p.condition for p in some]
            y = [p.transfer_error for p in some]
            (drawn,) = axis.loglog(x, y, marker=marker, color=colour, linewidth=1, markersize=6)
            drawn.set_label(name)
            drawn.set_linestyle(
                "-" if name in ("lossless", "wide 2", "optimal", "minimize") else ""
            )
        axis.set_title(f"N = {order}", fontsize=9)
        axis.grid(color="#e8ebef")
    figure.supxlabel("condition number of the eigenbasis")
    figure.supylabel("largest deviation of the state")
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="upper center", ncols=len(labels), frameon=False)
    figure.tight_layout(rect=(0, 0, 1, 0.95))
    figure.savefig(path, metadata={"Date": None})


def wide_picture(path: Path) -> None:
    """The transfer error of `lossless` against kappa(V), a curve for each number of modes."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    pyplot.rcParams |= {"svg.hashsalt": "ssmlinalg", "font.size": 9}
    figure, axes = pyplot.subplots(1, 2, figsize=(9, 3.8), sharey=True)
    budgets = np.geomspace(1.5, 64, 9)
    for axis, order in zip(axes, (32, 256), strict=True):
        legs = hippo.legs(order)
        for width, colour in zip(
            WIDTHS, pyplot.colormaps["viridis"](np.linspace(0, 0.85, 5)), strict=True
        ):
            modes = int(width * order)
            found = [perturb.lossless(legs, conditioning=K, modes=modes) for K in budgets]
            x = [one.condition for one in found]
            y = [one.transfer_error for one in found]
            axis.loglog(x, y, "o-", color=colour, markersize=4, label=f"M = {width:g} N")
            for kappa, error in zip(x, y, strict=True):
                print(f"| {order} | {modes} | {kappa:.3f} | {error:.3g} |", flush=True)
        kept = [perturb.optimal(legs, conditioning=K) for K in BUDGETS]
        axis.loglog(
            [one.condition for one in kept],
            [one.transfer_error for one in kept],
            "k*",
            label="optimal",
        )
        axis.set_title(f"N = {order}", fontsize=9)
        axis.grid(color="#e8ebef")
        axis.set_xlabel("condition number of the eigenbasis")
        axis.set_xticks([2, 4, 8, 16, 32, 64], labels=["2", "4", "8", "16", "32", "64"])
        axis.set_xticks([], minor=True)
    axes[0].set_ylabel("largest deviation of the state")
    axes[0].legend(frameon=False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--orders", type=int, nargs="+", default=[8, 16, 32, 64, 128, 256])
    parser.add_argument("--published", type=Path)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--wide", type=Path)
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--rows", type=Path, default=Path(__file__).parent / "results/frontier")
    arguments = parser.parse_args()
    if arguments.wide:
        wide_picture(arguments.wide)
        return
    points: list[Point] = []
    made = studied(arguments.orders, arguments.rows, fresh=arguments.fresh)
    print(HEAD)
    for order in arguments.orders:
        files = list(published(arguments.published, order)) if arguments.published else []
        ours = [point for point in made if point.order == order]
        for point in chain(ours, files, *(at_their_own(file) for file in files)):
            points.append(point)
            print(line(point), flush=True)
    if arguments.picture:
        picture(points, arguments.picture)


if __name__ == "__main__":
    main()
