"""What a sinusoid does to models of HiPPO-LegS at initialization: worst frequencies, and the
published noise as layers hear it.

    python benchmarks/robustness.py [--order 32] [--published FOLDER] [--picture FILE.svg]

Three tables. The state of each model at the published noise frequency, the top eigenvalue of the
normal part (325.4 at order 32), and at its own worst. The worst of S4D and PTD from order to order.
The amplitude at which layers with random unit rows C pass the noise on after sampling, over that of
HiPPO-LegS with the same rows, step by step; a few are run on the signal itself. `--published` names
a folder with the matrices ptbHiPPO<N>.mat of the repository of Yu et al. 2024.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.io

from ssmlinalg import convolve, decompose, forms, hippo, kernel, perturb
from ssmlinalg.comparison.robustness import Sweep, fourier_sweep, noise_gain
from ssmlinalg.inits import s4d_legs_clipped_init
from ssmlinalg.systems import legs_state

ROWS = 1000  # draws of C
STEPS = (
    1e-3,
    3e-3,
    1e-2,
    3e-2,
    1e-1,
)  # the published configurations draw theirs log-uniformly between the ends


class Published(NamedTuple):
    """A + E = V diag(Lambda) V^{-1} of a published file and B = V^{-1} B of HiPPO-LegS."""

    Lambda: npt.NDArray[np.complex128]
    B: npt.NDArray[np.complex128]
    V: npt.NDArray[np.complex128]


def published(path: Path, order: int) -> Published:
    """One file, in the sign of this library."""
    file = scipy.io.loadmat(path)
    A, B, _ = hippo.legs(order)
    Lambda, V, V_inv = (np.asarray(file[name]) for name in ("Lam", "V", "Vinv"))
    Lambda = np.diag(Lambda) if min(Lambda.shape) > 1 else Lambda.ravel()
    sign = min((1, -1), key=lambda sign: float(np.linalg.norm(sign * (V * Lambda) @ V_inv - A)))
    return Published(sign * Lambda, V_inv @ B, V)


def swept(name: str, file: Published, w: np.ndarray) -> Sweep:
    """On a grid that has w, zero and every eigenvalue, and on both sides of zero, for E is
    complex.
    """
    near = np.abs(
        file.Lambda.imag[:, None] + file.Lambda.real[:, None] * np.tan(np.linspace(-1.5, 1.5, 61))
    ).ravel()
    w = np.union1d(np.append(w, 0.0), near)
    states = [
        file.V @ (file.B[:, None] / (1j * side * w - file.Lambda[:, None])) for side in (1, -1)
    ]
    rest = [
        state - legs_state(len(file.V), 1j * side * w)
        for state, side in zip(states, (1, -1), strict=True)
    ]
    gain, error = (np.max(np.linalg.norm(both, axis=1), axis=0) for both in (states, rest))
    top = int(np.argmax(error))
    return Sweep(name, w, gain, error, float(w[top]), float(error[top]))


def noise_frequency(order: int) -> float:
    """The top eigenvalue of the normal part of HiPPO-LegS, where the published noise is."""
    return float(decompose.eigenbasis(hippo.legs(order)).Lambda.imag.max())


def states(order: int, files: dict[str, Published]) -> list[Sweep]:
    """Print what the noise and the worst frequency make of each state."""
    noise = noise_frequency(order)
    found = fourier_sweep(order)
    found += [
        swept(name, file, np.append(found[0].frequencies, noise)) for name, file in files.items()
    ]
    at_noise = {
        one.name: (one.gain[0], one.error[0]) for one in fourier_sweep(order, frequencies=[noise])
    }
    for one in found:
        if one.name in files:
            k = np.searchsorted(one.frequencies, noise)
            at_noise[one.name] = one.gain[k], one.error[k]
    print(f"\nN = {order}, noise at {noise:.3f}\n")
    print("| | amplitude at the noise | error there | worst error | at w |\n|---|---|---|---|---|")
    for one in found:
        gain, error = at_noise[one.name]
        worst = f"{one.worst_error:.4g} | {one.worst_frequency:.6g}"
        print(f"| {one.name} | {gain:.4g} | {error:.4g} | {worst} |")
    return found


def orders() -> None:
    """Print the worst of each order."""
    print("\n| N | worst w of S4D | N^2/pi | its error | 2N/pi | clipped | ptd | ptd-optimal |")
    print("|---" * 8 + "|")
    for order in (8, 16, 32, 64, 128, 256):
        found = {one.name: one for one in fourier_sweep(order, perturbations=["optimal"])}
        s4d, *others = (
            found[name] for name in ("s4d-legs", "s4d-legs-clipped", "ptd", "ptd-optimal")
        )
        frequency = f"{s4d.worst_frequency:.3f} | {order**2 / math.pi:.3f}"
        height = f"{s4d.worst_error:.4g} | {2 * order / math.pi:.4g}"
        rest = " | ".join(f"{one.worst_error:.4g}" for one in others)
        print(f"| {order} | {frequency} | {height} | {rest} |")


def layers(
    order: int, files: dict[str, Published], steps: np.ndarray
) -> dict[str, forms.Continuous]:
    """Every model reading its state with the same random rows C (H, N) of norm one, with `steps`
    (H,).
    """
    legs = hippo.legs(order)
    C = np.random.default_rng(0).standard_normal((len(steps), order))
    C = C / np.linalg.norm(C, axis=1, keepdims=True)
    D = np.zeros(len(steps))
    normal = perturb.lossless(legs, tau=1.0)
    half = normal.paired(C, steps)
    V = decompose.eigenbasis(legs).V
    turn = np.exp(-1j * np.angle(V[0]))  # the phases that the clipped input is cut in
    clipped = forms.pair(forms.Diagonal(normal.Lambda, normal.B, C @ V * turn, D, steps))._replace(
        B=s4d_legs_clipped_init(order).B
    )
    return {
        "hippo-legs": forms.Dense(legs.A, legs.B, C, D, steps),
        "s4d-legs": half,
        "s4d-legs-clipped": clipped,
        "ptd": perturb.lossless(legs).paired(C, steps),
        "ptd-optimal": perturb.optimal(legs).paired(C, steps),
        "ptd-last_column": perturb.last_column(legs).paired(C, steps),
    } | {
        name: forms.Diagonal(file.Lambda, file.B, C @ file.V, D, steps)
        for name, file in files.items()
    }


def amplified(order: int, files: dict[str, Published]) -> None:
    """Print the noise that comes out over the noise that HiPPO-LegS lets out, root mean squares,
    after a zero-order hold.
    """
    noise = np.array([noise_frequency(order)])
    drawn = 10 ** np.random.default_rng(1).uniform(-3, -1, ROWS)
    for step in (*STEPS, None):
        made = layers(order, files, drawn if step is None else np.full(ROWS, step))
        if step is not None:  # one step, so that a dense matrix is sampled once
            made = {name: form._replace(step=np.asarray(step)) for name, form in made.items()}
        size = {
            name: math.sqrt(np.mean(noise_gain(form, noise) ** 2)) for name, form in made.items()
        }
        if step == STEPS[0]:
            print(f"\n| step | w step/pi | {' | '.join(size)} |\n{'|---' * (2 + len(size))}|")
        exact = size.pop("hippo-legs")
        head = "drawn | -" if step is None else f"{step:g} | {float(noise[0]) * step / math.pi:.3g}"
        ratios = " | ".join(f"x {one / exact:.3g}" for one in size.values())
        print(f"| {head} | {exact:.3g} | {ratios} |")


def filtered(order: int, files: dict[str, Published], step: float = 1e-2) -> None:
    """Print how far the amplitude of a signal that was really filtered is from the formula."""
    noise = noise_frequency(order)
    length = math.ceil(80 / step)
    late = np.arange(length - 1000, length) * (noise * step)
    waves = np.stack([np.cos(late), np.sin(late)], axis=1)
    signal = f"0.1 cos({noise:.3f} step l)"
    print(f"\nsignals {signal} through 8 rows at step {step:g}, ", end="")
    print("relative difference from the formula:")
    for name, form in layers(order, files, np.full(8, step)).items():
        y = convolve(0.1 * np.cos(noise * step * np.arange(length)), kernel(form, length))
        amplitude = np.linalg.norm(np.linalg.lstsq(waves, y[:, -1000:].T)[0], axis=0)
        rest = amplitude / (0.1 * noise_gain(form, np.array([noise]))[:, 0]) - 1
        print(f"- {name}: {np.max(np.abs(rest)):.1e}")


INK = "#1d2733"
FAINT = "#5d6975"
RULE = "#c8ced6"
LOOKS = {
    "hippo-legs": ("HiPPO-LegS", "#98a2ae", 5.0),
    "s4d-legs": ("S4D-LegS", "#d9601a", 1.1),
    "s4d-legs-clipped": ("S4D-LegS, clipped", "#c19c00", 1.1),
    "ptbHiPPO32": ("PTD, published file", "#c239b3", 1.1),
    "s5": ("S5, mean of its inputs", "#5d6975", 1.1),
    "ptd": ("PTD, lossless", "#0f6cbd", 1.6),
    "ptd-optimal": ("PTD, optimal", "#107c41", 1.3),
    "ptd-last_column": ("PTD, last column", "#8661c5", 1.3),
}


def picture(found: list[Sweep], path: Path) -> None:
    """Amplitude and error of the state over frequency."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    pyplot.rcParams |= {
        "svg.hashsalt": "ssmlinalg",
        "font.size": 10,
        "text.color": INK,
        "axes.labelcolor": INK,
    }
    by_name = {one.name: one for one in found}
    noise = by_name["s4d-legs"].worst_frequency
    figure, (amplitudes, errors) = pyplot.subplots(
        1, 2, figsize=(9, 4.4), sharex=True, layout="constrained"
    )
    for name, (label, colour, width) in LOOKS.items():
        if name in by_name:
            one = by_name[name]
            amplitudes.loglog(one.frequencies, one.gain, color=colour, linewidth=width, label=label)
            if one.error.any():
                errors.loglog(one.frequencies, one.error, color=colour, linewidth=width)
    amplitudes.set(
        ylabel="amplitude of the state",
        xlim=(0.2, 3e3),
        ylim=(5e-3, 60),
        xlabel="ω  (rad / unit time)",
    )
    errors.set(
        ylabel="distance from the state of HiPPO", ylim=(2e-5, 60), xlabel="ω  (rad / unit time)"
    )
    for axes in (amplitudes, errors):
        dress(axes, noise)
    figure.legend(loc="outside upper center", ncols=4, frameon=False)
    figure.savefig(path, metadata={"Date": None})


def dress(axes: Any, noise: float) -> None:
    """A line at the noise, plain numbers, no frame."""
    axes.axvline(noise, color=RULE, linewidth=1, zorder=0)
    foot = (noise, axes.get_ylim()[0])
    axes.annotate(f"{noise:.1f}", foot, (3, 4), textcoords="offset points", color=FAINT)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.minorticks_off()
    axes.tick_params(color=RULE, labelcolor=FAINT)
    axes.grid(color="#e8ebef", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(RULE)


def main() -> None:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--order", type=int, default=32)
    parser.add_argument("--published", type=Path)
    parser.add_argument("--picture", type=Path)
    arguments = parser.parse_args()
    paths = (
        sorted(arguments.published.glob(f"ptbHiPPO{arguments.order}.mat"))
        if arguments.published
        else []
    )
    files = {path.stem: published(path, arguments.order) for path in paths}
    found = states(arguments.order, files)
    orders()
    amplified(arguments.order, files)
    filtered(arguments.order, files)
    if arguments.picture:
        picture(found, arguments.picture)


if __name__ == "__main__":
    main()
