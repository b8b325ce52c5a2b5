"""Draw pictures of docs/_static: python docs/figures.py

ptd.svg, of the README; growth.svg, what kernels cost; pseudospectra.svg, why HiPPO cannot be
diagonalized; conditions.svg, matrices.svg, poiseuille.svg, perturbing.svg and distances.svg, of the
page of matrices.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
import numpy as np
import scipy.linalg
import scipy.stats
from numpy.polynomial import legendre

from ssmlinalg import forms, hippo, matrices, perturb, reduce, report

PAGES = Path(__file__).parent
INK = "#1d2733"
FAINT = "#5d6975"
RULE = "#c8ced6"


def ptd(path: Path) -> None:
    """The size of the state at each frequency: HiPPO-LegS of order 64, S4D-LegS, and PTD with
    kappa(V) <= 8.
    """
    found = perturb.lossless(hippo.legs(64), conditioning=8)
    shown = report.curves(found)
    figure, axes = plt.subplots(figsize=(9, 4.2), layout="constrained")
    axes.loglog(shown.w, shown.hippo, color=report.HIPPO, linewidth=6, solid_capstyle="round")
    axes.loglog(shown.w, shown.s4d, color=report.S4D, linewidth=1.1)
    axes.loglog(shown.w, shown.ptd, color=report.PTD, linewidth=1.8)

    def say(
        lines: tuple[str, str], w: float, size: float, right: float, up: float, color: str
    ) -> None:
        for line, down, weight in zip(lines, (0, 16), ("bold", "normal"), strict=True):
            shift = {"xytext": (right, up - down), "textcoords": "offset points"}
            axes.annotate(line, (w, size), va="center", color=color, weight=weight, **shift)

    top = shown.s4d.argmax()
    say(("HiPPO-LegS", "order 64"), 0.2, 1, 0, 32, FAINT)
    near = f"off by at most {found.transfer_error:.2g} at any frequency"
    say((f"PTD, κ(V) = {found.condition:.1f}", near), 0.2, 1, 0, -18, report.PTD)
    spike = f"{shown.s4d[top]:.0f} where HiPPO has {shown.hippo[top]:.2f}"
    say(("S4D-LegS", spike), shown.w[top], shown.s4d[top], 9, -2, report.S4D)

    axes.set(xlim=(0.15, 2e4), ylim=(6e-3, 70), xlabel="ω  (rad / unit time)", ylabel="|x(iω)|")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.minorticks_off()
    axes.tick_params(color=RULE, labelcolor=FAINT)
    axes.grid(color="#e8ebef", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(RULE)
    figure.savefig(path, metadata={"Date": None})


def growth(path: Path) -> None:
    """Milliseconds of a kernel against L, H and N, as benchmarks/kernels.py printed them and
    docs/benchmarks.md has them.
    """
    lines = (PAGES / "benchmarks.md").read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("| varied |"))
    stop = next(i for i in range(start, len(lines)) if not lines[i])
    head, _, *rows = (
        [cell.strip() for cell in line.strip("| ").split("|")] for line in lines[start:stop]
    )
    figure, panels = plt.subplots(1, 3, figsize=(9, 3.4), sharey=True, layout="constrained")
    for axes, name in zip(panels, ("L", "H", "N"), strict=True):
        shown = [row for row in rows if row[0] == name]
        x = [int(row[head.index(name)]) for row in shown]
        for column, color in zip(
            range(4, len(head), 2), (report.PTD, report.S4D, FAINT), strict=False
        ):
            ours, bound = ([float(row[at]) for row in shown] for at in (column, column + 1))
            axes.loglog(
                x, ours, color=color, marker="o", markersize=3.5, linewidth=1.6, label=head[column]
            )
            axes.loglog(x, bound, color=color, linestyle=":", linewidth=1.2)
        fixed = zip(("H", "N", "L"), shown[0][1:4], strict=True)
        axes.set_title(
            ", ".join(f"{other} = {size}" for other, size in fixed if other != name),
            fontsize=10,
            color=FAINT,
        )
        axes.set(xlabel=name, xticks=x)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.minorticks_off()
        axes.tick_params(color=RULE, labelcolor=FAINT)
        axes.grid(color="#e8ebef", linewidth=0.8)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(RULE)
    panels[0].set_ylabel("ms")
    panels[0].legend(frameon=False, title="dotted: the product alone", title_fontsize=9, fontsize=9)
    figure.savefig(path, metadata={"Date": None})


def pseudospectra(path: Path) -> None:
    """sigma_min(z I - A) of HiPPO-LegS of order 32 and of its lossless perturbation, and their
    eigenvalues as found.
    """
    legs = hippo.legs(32)
    found = perturb.lossless(legs, conditioning=8)
    # rotated, so that no zero gives them away
    A = np.asarray(legs.A)
    rotation = scipy.stats.ortho_group.rvs(32, random_state=0)
    x = np.linspace(-70, 30, 401)
    y = np.linspace(-60, 60, 401)
    figure, panels = plt.subplots(1, 2, figsize=(9, 4.4), sharey=True, layout="constrained")
    levels = np.arange(-20, 2)
    for axes, M, true, name in (
        (panels[0], A, -np.arange(1.0, 33) + 0j, "HiPPO-LegS"),
        (panels[1], A + np.asarray(found.E), found.Lambda, f"PTD, κ(V) = {found.condition:.1f}"),
    ):
        size = np.log10(matrices.pseudospectrum(M, x, y).sigma + 1e-300)
        shown = axes.contour(x, y, size, levels, cmap="viridis", linewidths=0.9)
        computed = np.linalg.eigvals(rotation @ M @ rotation.T)
        axes.plot(true.real, true.imag, ".", color=INK, markersize=4, label="eigenvalues")
        axes.plot(
            computed.real,
            computed.imag,
            "x",
            color=report.S4D,
            markersize=5,
            label="as LAPACK finds them, A rotated",
        )
        axes.set(xlim=x[[0, -1]], ylim=y[[0, -1]], xlabel="Re z", aspect="equal")
        axes.set_title(name, fontsize=11, color=FAINT)
        axes.tick_params(color=RULE, labelcolor=FAINT)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(RULE)
    panels[0].set_ylabel("Im z")
    figure.legend(
        *panels[0].get_legend_handles_labels(),
        frameon=False,
        fontsize=9,
        loc="outside upper left",
        ncols=2,
    )
    figure.colorbar(shown, ax=panels, label="log₁₀ σ_min(z I − A)", ticks=levels[::4])
    figure.savefig(path, metadata={"Date": None})


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


def tridiagonal(order: int, below: float, centre: float, above: float) -> np.ndarray:
    """A tridiagonal Toeplitz matrix."""
    bands = ((below, -1), (centre, 0), (above, 1))
    return sum((value * np.eye(order, k=k) for value, k in bands), np.zeros((order, order)))


def wilkinson(order: int) -> np.ndarray:
    """The companion matrix of the polynomial with the roots 1 .. N."""
    return scipy.linalg.companion(np.poly(np.arange(1, order + 1)))


GALLERY = {
    "Grcar, 64": grcar(64),
    "Kahan, 32": kahan(32),
    "Frank, 12": frank(12),
    "convection-diffusion, 64": tridiagonal(64, 0.1, -2, 1.9),
    "Toeplitz, 300": tridiagonal(300, 0.25, -1, 4),
    "Jordan block, 20": np.eye(20, k=1),
}


def gallery(path: Path) -> None:
    """Pseudospectra of six matrices, eigenvalues and numerical range on top."""
    figure, panels = plt.subplots(2, 3, figsize=(9, 6.4), layout="constrained")
    levels = np.arange(-10, 1)
    shown: Any = None
    for axes, (name, A) in zip(panels.flat, GALLERY.items(), strict=True):
        field = matrices.numerical_range(A).boundary
        x, y = matrices.window(A, 61)
        edges = (np.append(x, field.real), np.append(y, field.imag))
        axis = [np.linspace(edge.min(), edge.max(), 61) for edge in edges]
        found = matrices.pseudospectrum(A, *axis)
        power = np.log10(np.maximum(found.sigma, 1e-300))
        shown = axes.contourf(found.x, found.y, power, levels, cmap="Blues_r", extend="both")
        axes.plot(found.Lambda.real, found.Lambda.imag, ".", color=report.S4D, markersize=3)
        closed = np.append(field, field[:1])
        axes.plot(closed.real, closed.imag, "--", color=INK, linewidth=0.9)
        axes.set_aspect("equal")
        axes.set_title(name, fontsize=10, color=FAINT)
        axes.tick_params(color=RULE, labelcolor=FAINT, labelsize=8)
        axes.spines[:].set_color(RULE)
    figure.colorbar(shown, ax=panels, label="log₁₀ ε", ticks=levels[::2])
    figure.savefig(path, metadata={"Date": None})


def conditions(path: Path) -> None:
    """Condition numbers of eigenvalues, and where eigenvalues of a companion matrix go."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
    C = wilkinson(12)
    shown = {name: GALLERY[name] for name in ("Grcar, 64", "Kahan, 32", "Frank, 12")}
    shown["companion of 1 .. 12"] = C
    colours = (FAINT, RULE, report.S4D, report.PTD)
    for (name, A), colour in zip(shown.items(), colours, strict=True):
        _, Lambda, kappa = matrices.condeig(A)
        sizes = np.abs(Lambda)
        left.loglog(sizes, kappa, ".", color=colour, markersize=5, label=name)
    left.set(xlabel="|λ|", ylabel="κ of the eigenvalue", title="double precision has 16 digits")
    rng = np.random.default_rng(0)
    for _ in range(200):
        E = rng.standard_normal(C.shape)
        E *= 1e-16 * np.linalg.norm(C, 2) / np.linalg.norm(E, 2)
        moved = np.linalg.eigvals(C + E)
        right.plot(moved.real, moved.imag, ".", color=report.PTD, markersize=1.5)
    right.plot(np.arange(1, 13), np.zeros(12), "o", color=report.S4D, markersize=4)
    right.set(xlabel="Re λ", ylabel="Im λ")
    right.set_title("companion of 1 .. 12, and A + E, |E| = 10⁻¹⁶ |A|")
    for axes in (left, right):
        axes.title.set(fontsize=10, color=FAINT)
        axes.tick_params(color=RULE, labelcolor=FAINT, labelsize=8)
        axes.minorticks_off()
        axes.grid(color="#e8ebef", linewidth=0.8)
        axes.spines[:].set_color(RULE)
    left.legend(frameon=False, fontsize=8)
    figure.savefig(path, metadata={"Date": None})


def distances(path: Path) -> None:
    """How near a stable matrix is to an unstable one, and how near a small system to its own."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
    A = grcar(32) - 2 * np.eye(32)
    w = np.linspace(-4, 4, 801)
    sigma = matrices.pseudospectrum(A, [0.0], w).sigma[:, 0]
    left.semilogy(w, sigma, color=report.PTD, linewidth=1.8, label="σ_min(iω − A)")
    eye = np.eye(32)
    beta = 1 / matrices.hinf(A, eye, eye).lower
    left.axhline(beta, color=INK, linestyle="--", linewidth=1, label=f"distance {beta:.2g}")
    abscissa = -float(np.linalg.eigvals(A).real.max())
    left.axhline(abscissa, color=report.S4D, linestyle=":", label=f"−max Re λ = {abscissa:.2g}")
    left.set(xlabel="ω", title="Grcar, 32, less 2: from the nearest unstable matrix")
    system = forms.Dense(A, np.ones(32), np.eye(32)[0], np.asarray(0.0), np.asarray(1.0))
    orders = range(1, 13)
    found = [reduce.balanced(system, order=order) for order in orders]
    error = [one.lower for one in found]
    right.semilogy(orders, error, "o-", color=report.PTD, markersize=3, label="error, lower bound")
    upper = [one.upper for one in found]
    right.semilogy(orders, upper, "--", color=INK, linewidth=1, label="upper bound")
    right.set(xlabel="states kept", title="the same matrix with an input: from a smaller one")
    for axes in (left, right):
        axes.title.set(fontsize=10, color=FAINT)
        axes.legend(frameon=False, fontsize=8)
        axes.tick_params(color=RULE, labelcolor=FAINT, labelsize=8)
        axes.minorticks_off()
        axes.grid(color="#e8ebef", linewidth=0.8)
        axes.spines[:].set_color(RULE)
    figure.savefig(path, metadata={"Date": None})


def orr_sommerfeld(order: int, R: float, alpha: float) -> np.ndarray:
    """Plane Poiseuille flow, disturbed by a wave, as the page has it."""
    k = np.arange(order)
    c = np.zeros((order + 4, order))
    c[k, k] = 1
    c[k + 2, k] = -2 * (2 * k + 5) / (2 * k + 7)
    c[k + 4, k] = (2 * k + 3) / (2 * k + 7)
    y, w = legendre.leggauss(order + 8)
    f, f1, f2 = (legendre.legval(y, legendre.legder(c, m)) * np.sqrt(w) for m in range(3))
    curl = f2 - alpha**2 * f
    K = 1j * alpha * (((1 - y**2) * f) @ curl.T + 2 * f @ f.T) - curl @ curl.T / R
    half = np.linalg.inv(np.linalg.cholesky(f1 @ f1.T + alpha**2 * f @ f.T))
    return half @ K @ half.T


def poiseuille(path: Path) -> None:
    """Pseudospectra of the Orr-Sommerfeld matrix, and its energy before it decays."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
    A = orr_sommerfeld(80, 10000, 1)
    x = np.linspace(-0.9, 0.1, 121)
    y = np.linspace(-1.05, -0.15, 111)
    found = matrices.pseudospectrum(A, x, y)
    levels = np.arange(-9, 0)
    power = np.log10(found.sigma)
    shown = left.contourf(x, y, power, levels, cmap="Blues_r", extend="both")
    left.plot(found.Lambda.real, found.Lambda.imag, ".", color=report.S4D, markersize=4)
    left.axvline(0, color=INK, linewidth=0.8)
    left.set(xlim=x[[0, -1]], ylim=y[[0, -1]], xlabel="Re z", ylabel="Im z")
    left.set_title("Orr-Sommerfeld, R = 10000, α = 1", fontsize=10, color=FAINT)
    figure.colorbar(shown, ax=left, label="log₁₀ ε", ticks=levels[::2])
    for R, colour in ((1000, RULE), (2000, FAINT), (5000, report.PTD)):
        A = orr_sommerfeld(60, R, 1)
        time, norm = matrices.flow_norms(A, 60)
        right.plot(time, norm, color=colour, linewidth=1.8, label=f"R = {R}")
        decay = np.exp(time * np.linalg.eigvals(A).real.max())
        right.plot(time, decay, ":", color=colour, linewidth=1.2)
    right.set(xlabel="t", ylabel="|exp(tA)|", title="dotted: what the eigenvalues promise")
    right.title.set(fontsize=10, color=FAINT)
    right.legend(frameon=False, fontsize=9)
    for axes in (left, right):
        axes.tick_params(color=RULE, labelcolor=FAINT, labelsize=8)
        axes.spines[:].set_color(RULE)
    figure.savefig(path, metadata={"Date": None})


def perturbing(path: Path) -> None:
    """What perturbations buy on Grcar's matrix, and what the exponential of a Jordan block pays."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
    colours = (FAINT, RULE, report.S4D, report.PTD)
    for one, colour in zip(perturb.buying_curves(grcar(64)), colours, strict=True):
        left.loglog(one.size, one.condition, "o-", color=colour, markersize=3, label=one.method)
    left.set(xlabel="|E| / |A|", ylabel="κ(V)", title="Grcar, 64")
    J = np.eye(20, k=1)
    sizes = np.geomspace(1e-13, 1e-2, 23)
    exact = scipy.linalg.expm(J)
    found = [perturb.gaussian(J, size=size) for size in sizes]
    errors = [np.linalg.norm(one.apply(np.exp) - exact, 2) for one in found]
    bounds = np.array([perturb.exponential_bound(one, 1.0) for one in found])
    right.loglog(sizes, errors, "o-", color=report.PTD, markersize=3, label="error of V e^Λ V⁻¹")
    right.loglog(sizes, bounds[:, 0], "--", color=INK, linewidth=1, label="bound: E")
    right.loglog(sizes, bounds[:, 1], ":", color=INK, linewidth=1, label="bound: rounding")
    right.set(xlabel="|E| / |A|", ylabel="error", title="exponential of a Jordan block, 20")
    for axes in (left, right):
        axes.title.set(fontsize=10, color=FAINT)
        axes.legend(frameon=False, fontsize=8)
        axes.tick_params(color=RULE, labelcolor=FAINT, labelsize=8)
        axes.minorticks_off()
        axes.grid(color="#e8ebef", linewidth=0.8)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(RULE)
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    # No date and no random identifiers, so that the file changes only when the picture does.
    plt.rcParams |= {
        "font.size": 11,
        "text.color": INK,
        "axes.labelcolor": INK,
        "svg.hashsalt": "ptd",
    }
    ptd(PAGES / "_static" / "ptd.svg")
    growth(PAGES / "_static" / "growth.svg")
    pseudospectra(PAGES / "_static" / "pseudospectra.svg")
    conditions(PAGES / "_static" / "conditions.svg")
    distances(PAGES / "_static" / "distances.svg")
    gallery(PAGES / "_static" / "matrices.svg")
    poiseuille(PAGES / "_static" / "poiseuille.svg")
    perturbing(PAGES / "_static" / "perturbing.svg")
