r"""What a start remembers, without training: study 3, after Gu et al. 2023 (HTTYH), Section 4.

    python experiments/memory.py --quick [--picture docs/_static/memory.svg]

Two tasks of that paper are linear in C, so the best C is a least-squares solution and its error is
that of the start alone. The input is noise of L samples, normal in f = 1, 2, ... cycles over L up
to a band, and begins at 0, as published.

- Delay: y_l = u_{l - L/4} for all l, from rest. L = 4000, band 1000 cycles, order 1024. Narrow is
  the same of an eighth of that band.
- Reconstruct: the last L/4 samples from the last state. L = 4000, band 100 cycles, order 256.

The means over all such inputs are exact: the error of a kernel is a quadratic form in its samples,
whose square root stands before the kernels of the states. The error is told as the mean square
over that of what is wanted, with states that are known to a relative accuracy sigma (independent
errors, each of sigma times the size of its state), the noise of the best C included: 1e-13 about
double precision, 1e-7 about single, 1e-3 a rough one.

Every initialization and measure has as many real unknowns as the order, the two of a pair counted.
Steps (of models that are born discrete, the decays of a sample) are multiples of 2 / (L/4), and as
published intervals from which 4 channels draw. A last task, Function, is a picture: what each
measure of order 32 says of one signal.

--quick: L = 1000, order 256 and 64, about two minutes of one core. Full: the published sizes, about
40 minutes.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.linalg
from scipy.linalg.lapack import dtrcon  # pyright: ignore[reportAttributeAccessIssue]

import pictures
import records
from records import Options, Point, Record, matching, table
from ssmlinalg import discretize, forms, hippo, inits

STUDY = "memory"
Complex = npt.NDArray[np.complex128]
LENGTHS = {"smoke": 40, "quick": 1000, "full": 4000}
SIGMAS = {"double": 1e-13, "single": 1e-7, "rough": 1e-3}
FACTORS = (0.25, 0.5, 0.75, 0.9, 1.0, 1.1, 1.5, 2.0, 4.0)  # times 2 / lag
# Of 1 / lag, as published: (1e-3, 2e-3), (1e-3, 1e-1) and (2e-3, 1e-1) at 1000 samples.
INTERVALS = ((1.0, 2.0), (1.0, 100.0), (2.0, 100.0))
CHANNELS = 4
MEASURES = tuple(name for name in hippo.MEASURES if name != "legs")  # which is s4
PTD_OF_LEGT = "ptd of legt"
SCALES = ("step", "decay")  # one of them is what an initialization takes
FUNCTION_ORDER = 32
FUNCTION_TIME = 1e-3  # between the samples of the function
SHOWN = ("s4", "ptd", "s4d-legs", "s4d-inv", "legt", PTD_OF_LEGT, "fout", "s4d-lin", "s4d-dfout")
COLOURS = pictures.COLOURS | {
    "legt": "#107c41",
    PTD_OF_LEGT: "#8fd0a8",
    "fout": "#c19c00",
    "s4d-dfout": "#8661c5",
}


class Task(NamedTuple):
    """A task by its weights and its target.

    The mean square of the error of kernels (L, N), mixed by c, is |root (kernels c - target)|^2.
    """

    order: int
    root: np.ndarray
    target: np.ndarray


def signals(length: int, band: int) -> np.ndarray:
    """F (2 band, L): a normal z gives the input z^T F, of mean square 1, less its first sample."""
    angle = 2 * math.pi * np.arange(1, band + 1)[:, None] * np.arange(length) / length
    waves = np.concatenate([np.cos(angle), np.sin(angle)]) / math.sqrt(band)
    return waves - waves[:, :1]


def delay_moments(F: np.ndarray) -> np.ndarray:
    """M (L, L): the mean of the sum of squares of the outputs of a kernel k is k^T M k.

    M_ij is the sum over l of E u_{l-i} u_{l-j}, along the diagonals of E u_i u_j.
    """
    length = F.shape[1]
    M = F.T @ F
    for row in range(1, length):
        M[row, 1:] += M[row - 1, :-1]
    return M[::-1, ::-1]


def square_root(M: np.ndarray) -> np.ndarray:
    """R with R^T R = M, without the directions that rounding hides."""
    value, vector = scipy.linalg.eigh(M)
    kept = value > len(M) * np.finfo(float).eps * value[-1]
    return np.sqrt(value[kept])[:, None] * vector[:, kept].T


@functools.cache
def delay(length: int, *, part: int = 1) -> Task:
    """y_l = u_{l - L/4}, of signals that have half of all frequencies, or a part of those."""
    root = square_root(delay_moments(signals(length, length // (4 * part))))
    target = np.zeros((length, 1))
    target[length // 4] = 1.0
    return Task(max(8, length * 1024 // 4000), root, target)


@functools.cache
def reconstruct(length: int) -> Task:
    """u_{L-1-j} for j < L/4 from the state after sample L - 1."""
    root = signals(length, length // 40)[:, ::-1]
    return Task(max(4, length * 256 // 4000), root, np.eye(length, length // 4))


PROBLEMS: dict[str, Callable[[int], Task]] = {
    "delay": delay,
    "narrow": functools.partial(delay, part=8),
    "reconstruct": reconstruct,
}


# The kernels of states


def impulse_responses(A: np.ndarray, B: np.ndarray, length: int) -> np.ndarray:
    """A^l B, l < L, (L, N), for modes A (N,) or a matrix (N, N)."""
    if A.ndim == 1:
        log = np.log(np.where(A == 0, 1e-300, A).astype(complex))  # a mode may have no digit left
        return B * np.exp(np.arange(length)[:, None] * log)
    found = B[:, None]
    power = A
    while found.shape[1] < length:
        found = np.concatenate([found, power @ found], axis=1)
        power = power @ power
    return found[:, :length].T


def one_of_each_pair(spectrum: Complex) -> np.ndarray:
    """Whether a mode is kept: its conjugate is not among those before it."""
    digits = 10
    turned = np.round(np.stack([spectrum.real, np.abs(spectrum.imag)], axis=1), digits)
    _, first = np.unique(turned, axis=0, return_index=True)
    kept = np.zeros(len(spectrum), dtype=bool)
    kept[first] = True
    return kept


def states_of(form: Any, length: int) -> np.ndarray:
    """The kernels (L, N) of the real states of a form with one input and no leading axes."""
    system = discretize.sampled(form, rule="zoh") if forms.kind(form).continuous else form
    A = np.asarray(system.A)
    B = np.asarray(system.B)
    B = B if B.ndim == 1 else B[:, 0]
    X: Any = impulse_responses(A, B, length)
    if np.iscomplexobj(X):
        kept = one_of_each_pair(form.Lambda if isinstance(form, forms.DPLR) else A)
        X = np.concatenate([X[:, kept].real, X[:, kept].imag], axis=1)
    size = np.abs(X).max(axis=0)
    return X[:, size > 1e-12 * size.max()]  # a real mode has no imaginary part


def form_of(start: str, order: int, step: Any, channels: int | None = None) -> Any:
    """An initialization or a measure of that order and step, or interval of steps."""
    if start == PTD_OF_LEGT:
        return inits.ptd_init(order, measure="legt", step=step, channels=channels)
    if start in inits.INITS:
        scale = {name: step for name in SCALES if name in inits.options(start)}
        return inits.INITS[start](order, channels=channels, **scale)
    A, B = hippo.MEASURES[start](order)[:2]
    zero = np.zeros(order)
    return forms.Dense(np.asarray(A), np.asarray(B), zero, np.asarray(0.0), np.asarray(step))


def kernels_of(start: str, order: int, step: float, length: int) -> np.ndarray:
    """The kernels (L, N) of as many real states as the order, or one fewer."""
    X = states_of(form_of(start, order, step), length)
    if X.shape[1] <= order:
        return X
    return states_of(form_of(start, order // 2, step), length)  # one-sided spectra


def kernels_of_channels(
    start: str, order: int, interval: tuple[float, float], length: int
) -> np.ndarray:
    """The kernels of four channels, whose steps are drawn as models draw them."""
    parts = [states_of(form, length) for form in four(start, order, interval)]
    X = np.concatenate(parts, axis=1)
    if X.shape[1] <= CHANNELS * order:
        return X
    parts = [states_of(form, length) for form in four(start, order // 2, interval)]
    return np.concatenate(parts, axis=1)


def four(start: str, order: int, interval: tuple[float, float]) -> list[Any]:
    """The forms of the channels, one by one."""
    if start in MEASURES:
        steps = inits.s4d_lin_init(2, channels=CHANNELS, step=interval).step
        return [form_of(start, order, float(step)) for step in steps]
    one = form_of(start, order, interval)
    all_four = form_of(start, order, interval, CHANNELS)
    return [
        type(one)(
            *(
                field[channel] if field.ndim > single.ndim else field
                for field, single in zip(all_four, one, strict=True)
            )
        )
        for channel in range(CHANNELS)
    ]


# Least squares


class Fit(NamedTuple):
    """The best C: mean squares by sigma, over that of the target, and what it costs in digits.

    `condition` is an estimate in the 1-norm, of kernels scaled to the same size. `gain` is |c| over
    the size of the target in single precision: by how much more than states the output errs.
    """

    errors: dict[str, float]
    gain: float
    condition: float
    unknowns: int


class Reduced(NamedTuple):
    """R (n, n), Z (n, k) and rest with |root (X c - target)|^2 = |R c - Z|^2 + rest.

    X are the kernels scaled to unit size by `scale`. With more unknowns than equations R is a lower
    triangle, and c the coordinates of the smallest solution.
    """

    R: np.ndarray
    Z: np.ndarray
    rest: float
    scale: np.ndarray
    lower: bool


def reduced(kernels: np.ndarray, task: Task) -> Reduced:
    """The problem by orthogonal transformations, which square no condition."""
    X = task.root @ kernels
    scale = np.linalg.norm(X, axis=0)
    X = X / scale
    wanted = task.root @ task.target
    if X.shape[0] < X.shape[1]:
        R = np.asarray(scipy.linalg.qr(X.T, mode="r")[0])[: len(X)].T
        return Reduced(R, wanted, 0.0, scale, lower=True)
    both = np.concatenate([X, wanted], axis=1)
    R = np.asarray(scipy.linalg.qr(both, mode="r")[0])
    n = X.shape[1]
    return Reduced(R[:n, :n], R[:n, n:], float(np.sum(R[n:, n:] ** 2)), scale, lower=False)


def ridge(problem: Reduced, sigma: float) -> tuple[np.ndarray, float]:
    """The c with the least |R c - Z|^2 + sigma^2 |c|^2, and that mean square with the rest."""
    n = len(problem.R)
    below = np.zeros_like(problem.Z)
    noisy = np.block([[problem.R, problem.Z], [sigma * np.eye(n), below]])
    T = np.asarray(scipy.linalg.qr(noisy, mode="r")[0])
    c = scipy.linalg.solve_triangular(T[:n, :n], T[:n, n:])
    return c, problem.rest + float(np.sum(T[n:, n:] ** 2))


def best(kernels: np.ndarray, task: Task) -> Fit:
    """The least mean squares over all C."""
    problem = reduced(kernels, task)
    whole = problem.rest + float(np.sum(problem.Z**2))
    found = {name: ridge(problem, sigma) for name, sigma in SIGMAS.items()}
    uplo = "L" if problem.lower else "U"
    inverse = max(dtrcon(problem.R, uplo=uplo)[0], 1e-300)
    return Fit(
        {name: value / whole for name, (_, value) in found.items()},
        float(np.linalg.norm(found["single"][0])) / math.sqrt(whole),
        float(1 / inverse),
        kernels.shape[1],
    )


def best_kernel(kernels: np.ndarray, task: Task, sigma: float) -> np.ndarray:
    """The kernel (L,) with the least mean square, of more equations than unknowns."""
    problem = reduced(kernels, task)
    return (kernels / problem.scale) @ ridge(problem, sigma)[0][:, 0]


# What a measure says of one signal


class Seen(NamedTuple):
    """A signal at lags (T,), what a state says of it, the weight, and the relative error in it."""

    lags: np.ndarray
    signal: np.ndarray
    rebuilt: np.ndarray
    weight: np.ndarray
    error: float


def past(lags: np.ndarray) -> np.ndarray:
    """A wave, a jump and a bump, none of it older than 6."""
    wave = np.sin(5 * lags) * (lags < 6)  # whose period is that of no measure
    jump = 0.6 * ((lags > 1.2) & (lags < 1.8))
    return wave + jump + np.exp(-(((lags - 3) / 0.3) ** 2))


def seen(measure: str, order: int) -> Seen:
    """The signal rebuilt from the state of the system of a measure."""
    lags = FUNCTION_TIME * (np.arange(6000) + 0.5)
    signal = past(lags)
    states = signal @ states_of(form_of(measure, order, FUNCTION_TIME), len(lags))
    basis = hippo.BASES[measure](order, lags)
    values = basis.values
    if len(states) < order:  # a state that nothing drives
        values = values[:, driven(measure, order)]
    rebuilt = values @ states
    weight = basis.weight
    error = np.sum(weight * (rebuilt - signal) ** 2) / np.sum(weight * signal**2)
    return Seen(lags, signal, rebuilt, weight, math.sqrt(error))


def driven(measure: str, order: int) -> np.ndarray:
    """Which states of a measure its input reaches."""
    form = form_of(measure, order, FUNCTION_TIME)
    system: Any = discretize.sampled(form, rule="zoh")
    size = np.abs(impulse_responses(system.A, system.B, 6000)).max(axis=0)
    return size > 1e-12 * size.max()


# Points


def measure(
    task: str,
    start: str,
    length: int = 0,
    factor: float = 0.0,
    interval: tuple[float, float] | None = None,
) -> dict[str, Any]:
    """One start with one step, or with four."""
    if task == "function":
        return {"error": seen(start, FUNCTION_ORDER).error}
    problem = PROBLEMS[task](length)
    lag = length // 4
    if interval:
        steps = (interval[0] / lag, interval[1] / lag)
        kernels = kernels_of_channels(start, problem.order, steps, length)
    else:
        kernels = kernels_of(start, problem.order, 2 * factor / lag, length)
    return best(kernels, problem)._asdict()


def points(options: Options) -> list[Point]:
    """Every start by every step; at the published sizes only few by intervals."""
    form = options.form
    length = LENGTHS[form]
    starts = (*inits.INITS, PTD_OF_LEGT, *MEASURES)
    found: list[Point] = [{"task": "function", "start": name} for name in hippo.MEASURES]
    for task in PROBLEMS:
        for start in starts:
            stepped = start not in inits.INITS or {*SCALES} & {*inits.options(start)}
            factors = FACTORS if stepped and form != "smoke" else (1.0,)
            said = {"task": task, "start": start, "length": length}
            found += [said | {"factor": factor} for factor in factors]
    found += [
        {"task": "delay", "start": start, "length": length, "interval": interval}
        for start in (SHOWN if form != "smoke" else SHOWN[:1])
        for interval in INTERVALS
    ]
    return found


# What is printed and drawn


def digits(x: float) -> str:
    """The decimal logarithm."""
    return f"{math.log10(x):.1f}"


def stepped(found: list[Record], task: str, start: str) -> dict[float, Fit]:
    """What was found with one step, by its factor."""
    same = [one for one in matching(found, task=task, start=start) if "factor" in one["point"]]
    return {one["point"]["factor"]: Fit(**one["result"]) for one in same}


def least(fits: dict[float, Fit]) -> float:
    """The factor with the least error in single precision."""
    return min(fits, key=lambda factor: fits[factor].errors["single"])


def report(found: list[Record]) -> None:
    """Errors by start and step; by precision; with four channels; of the function."""
    starts = list(dict.fromkeys(one["point"]["start"] for one in matching(found, task="delay")))
    heads = [f"{task}: best, at 2/lag, at 3/lag" for task in PROBLEMS]
    print("\nlog10 of the relative mean square, single precision")
    table(
        ("start", *heads), [[name, *(by_step(found, t, name) for t in PROBLEMS)] for name in starts]
    )
    rows = []
    for task in PROBLEMS:
        for start in SHOWN:
            fits = stepped(found, task, start)
            if fits:
                fit = fits[least(fits)]
                errors = [digits(fit.errors[name]) for name in SIGMAS]
                rows.append([task, start, *errors, digits(fit.condition), digits(fit.gain)])
    print("\nlog10 at the best step")
    table(("task", "start", *SIGMAS, "condition", "gain"), rows)
    drawn(found)
    rows = [
        [one["point"]["start"], f"{one['result']['error']:.3f}"]
        for one in matching(found, task="function")
    ]
    table(("measure", f"error of the function at order {FUNCTION_ORDER}"), rows)


def by_step(found: list[Record], task: str, start: str) -> str:
    """The best error with its step, and those at two others."""
    fits = stepped(found, task, start)
    if len(fits) < 2:
        return ", ".join(digits(fit.errors["single"]) for fit in fits.values())
    top = least(fits)
    others = [digits(fits[x].errors["single"]) for x in (1.0, 1.5)]
    return f"{digits(fits[top].errors['single'])} at {2 * top:g}/lag, {others[0]}, {others[1]}"


def drawn(found: list[Record]) -> None:
    """The errors with four channels, of steps in the published intervals."""
    rows = []
    for start in SHOWN:
        same = {
            tuple(one["point"]["interval"]): one["result"]["errors"]
            for one in matching(found, task="delay", start=start)
            if "interval" in one["point"]
        }
        if same:
            cells = [f"{digits(same[x]['double'])}, {digits(same[x]['single'])}" for x in INTERVALS]
            rows.append([start, *cells])
    print("\ndelay, four channels: double, single")
    table(("start", *(f"steps {low:g}/lag to {high:g}/lag" for low, high in INTERVALS)), rows)


def picture(found: list[Record], path: Path) -> None:
    """Errors against the step, and kernels of S4D-Lin that are to be one late impulse."""
    length = matching(found, task="delay")[0]["point"]["length"]
    figure, panels = pictures.panels(2, 3, (10, 6))
    for axes, task in zip(panels[0], PROBLEMS, strict=True):
        for start in SHOWN:
            fits = stepped(found, task, start)
            x = list(fits)
            y = [fit.errors["single"] for fit in fits.values()]
            axes.loglog(x, y, "o-", color=COLOURS[start], markersize=3, linewidth=1.2, label=start)
        ticks = (0.25, 0.5, 1, 1.5, 2, 4)
        axes.set_xticks(ticks, [f"{x:g}" for x in ticks])
        axes.minorticks_off()
        pictures.dress(axes, title=f"{task}: mean square", xlabel="step / (2 / lag)")
    panels[0, 0].legend(frameon=False, fontsize=7, loc="lower left")
    problem = delay(length)
    lag = length // 4
    for axes, start in zip(panels[1], ("s4d-lin", "ptd", "legt"), strict=True):
        for factor, colour in ((0.5, "#98a2ae"), (1.0, "#0f6cbd"), (1.5, "#d9601a")):
            X = kernels_of(start, problem.order, 2 * factor / lag, length)
            k = best_kernel(X, problem, SIGMAS["single"])
            axes.plot(np.arange(length) / lag, k, color=colour, linewidth=0.8, label=f"{factor:g}")
        pictures.dress(axes, title=f"{start}: kernel for delay", xlabel="age / lag", ylim=(-0.5, 1))
    panels[1, 2].legend(frameon=False, title="step / (2 / lag)")
    pictures.save(figure, path)


def picture_of_measures(path: Path) -> None:
    """One signal as the state of each measure says it was."""
    names = list(hippo.MEASURES)
    columns = 3
    rows = math.ceil(len(names) / columns)
    figure, panels = pictures.panels(rows, columns, (9, 1.7 * rows), sharex=True, sharey=True)
    for axes, name in zip(panels.flat, names, strict=False):
        one = seen(name, FUNCTION_ORDER)
        weight = one.weight / one.weight.max()
        lags = one.lags[::20]
        axes.fill_between(lags, -1.4, -1.4 + weight[::20], color=pictures.colours.GRID)
        axes.plot(lags, one.signal[::20], color=pictures.colours.HIPPO, linewidth=1.6)
        axes.plot(lags, one.rebuilt[::20], color=pictures.colours.PTD, linewidth=1)
        pictures.dress(axes, title=f"{name}: {one.error:.3f}", ylim=(-1.5, 2), xlim=(0, 4))
    for axes in panels.flat[len(names) :]:
        axes.set_axis_off()
    pictures.save(figure, path)


def main() -> None:
    """As every study, and a picture of its own."""
    parser = records.command(__doc__, STUDY)
    parser.add_argument("--measures", type=Path, help="an .svg to draw of the task Function")
    measures = parser.parse_args().measures
    records.study(STUDY, parser, points, measure, report, picture)
    if measures:
        picture_of_measures(measures)


if __name__ == "__main__":
    main()
