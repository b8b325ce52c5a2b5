"""Why HiPPO, and what is faithful to it, does not find a late echo where S4D does: study 1b.

    python experiments/delays.py --quick [--picture docs/_static/delays.svg]

A signal is white noise with an echo, one of eight delays late, and the delay is to be told. To tell
d from a neighbour by a band about the angle theta, a filter must remember that band for d samples.
What filters with poles a_k can remember of it is the group delay of their all-pass,

    m(theta) = sum_k (1 - |a_k|^2) / |e^{i theta} - a_k|^2,

whose mean over all angles is the number of poles: modes share out a memory of N samples. Poles at
-1, ..., -N, those of HiPPO-LegS, have about 0.8 N/theta samples of a small angle at the best of all
steps. The study prints the part of the band that each start remembers, beside what is told.

--quick: 512 samples, delays 8 to 64, 2 seeds, about 4 minutes of one core. Full: 4096 samples,
delays 64 to 512, 5 seeds: 70 runs, a night.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.linalg

import pictures
import records
from data import delays
from networks import Shape, network, said_of, shape_of
from records import Options, Point, Record, matching, spread, table
from ssmlinalg import hippo, inits
from training import Recipe, scored, train

STUDY = "delays"
ORDER = 32
FROZEN = ("C", "D")
TRAINED = ("A", "B", "C", "D", "step")
STARTS: dict[str, dict[str, Any]] = {
    "s4d-legs": {"model": "s4d-legs"},
    "s4d-lin": {"model": "s4d-lin"},
    "ptd": {"model": "ptd"},
    "ptd, 128 modes": {"model": "ptd", "options": {"modes": 4 * ORDER}},
    "ptd of legt": {"model": "ptd", "options": {"measure": "legt"}},
    "s4": {"model": "s4"},
}
TWO = ("s4d-legs", "ptd")
SIZES = {"smoke": (128, 16), "quick": (512, 64), "full": (4096, 512)}
SMOOTH = 6.4  # of Nyquist, over the longest delay: 0.1 where that is 64
ROUGH = 0.1  # of the size of a state, for what gradients find in some hundred steps


def memory(A: np.ndarray, step: Any, angle: np.ndarray) -> np.ndarray:
    """m (..., S) in samples of models with eigenvalues A (..., N), sampled with `step` (...)."""
    pole = np.exp(np.asarray(step)[..., None] * A)[..., None, :]
    far = np.abs(np.exp(1j * angle)[:, None] - pole) ** 2
    return np.sum((1 - np.abs(pole) ** 2) / far, axis=-1)


def read_roughly(start: str, step: float, angle: np.ndarray, accuracy: float) -> np.ndarray:
    """m (S,) of a reader to whom every state is known to this part of its size."""
    A, B = system(start)
    unit = np.eye(len(A))
    step_of = scipy.linalg.expm(step * A)
    b = np.linalg.solve(A, (step_of - unit) @ B)
    M = scipy.linalg.solve_discrete_lyapunov(step_of, np.outer(b, b.conj()))
    size = np.sqrt(np.diag(M).real)
    x = np.linalg.solve(np.exp(1j * angle)[:, None, None] * unit - step_of, b[:, None])[..., 0]
    x = x / size
    noisy = M / np.outer(size, size) + accuracy**2 * unit
    return np.sum(x.conj() * np.linalg.solve(noisy, x.T).T, axis=1).real


def system(start: str) -> tuple[np.ndarray, np.ndarray]:
    """A (N, N) and B (N,) in the coordinates that C is trained in."""
    if STARTS[start]["model"] == "s4":
        legs = hippo.legs(ORDER)
        return np.asarray(legs.A), np.asarray(legs.B)
    A = eigenvalues(start)
    return np.diag(A), np.ones(len(A))  # a mode of another size is the same to C


def eigenvalues(start: str) -> np.ndarray:
    """Of one channel, both of every pair."""
    said = STARTS[start]
    if said["model"] == "s4":
        return -np.arange(1.0, ORDER + 1)  # HiPPO-LegS is triangular
    form: Any = inits.INITS[said["model"]](ORDER, **said.get("options", {}))
    pairs = form.A[form.A.imag != 0]
    return np.concatenate([form.A, pairs.conj()])


def steps(longest: int) -> dict[str, tuple[float, float]]:
    """Intervals of steps: the usual one, about 1/d of the delays, and longer and shorter ones."""
    return {
        "usual": (1e-3, 1e-1),
        "1/d": (1 / longest, 8 / longest),
        "short": (0.1 / longest, 1 / longest),
    }


def point(start: str, seed: int, form: str, **setting: Any) -> Point:
    """One run, with all that it depends on."""
    length, longest = SIZES[form]
    parts = setting.get("parts", FROZEN)
    interval = setting.get("step", "usual")
    step = steps(longest)[interval]
    said = STARTS[start]
    options = {"train": parts, "step": step} | said.get("options", {})
    shape = Shape(said["model"], depth=1, order=ORDER, options=options)
    recipe = Recipe(epochs=1 if form == "smoke" else 12, lr=5e-2)
    return {
        "start": start,
        "seed": seed,
        "parts": "".join(part[0] for part in parts),
        "interval": interval,
        "smooth": setting.get("smooth", 1.0),
        "length": length,
        "longest": longest,
        "shape": said_of(shape),
        "recipe": recipe._asdict(),
    }


def points(options: Options) -> list[Point]:
    """White noise by every start and interval, A frozen and trained; smooth noise by some."""
    form = options.form
    made = functools.partial(point, form=form)
    smooth = SMOOTH / SIZES[form][1]
    if form == "smoke":
        return [made("ptd", 0), made("s4d-legs", 0, smooth=smooth, step="1/d")]
    settings: list[dict[str, Any]] = [{"start": start, "step": "1/d"} for start in STARTS]
    for start in TWO:
        settings += [{"start": start, "step": name} for name in ("usual", "short")]
        settings += [{"start": start, "step": "1/d", "parts": TRAINED}]
        settings += [{"start": start, "step": "1/d", "smooth": smooth}]
    seeds = range({"quick": 2, "full": 5}[form])
    return [made(seed=seed, **setting) for seed in seeds for setting in settings]


def measure(
    length: int,
    longest: int,
    smooth: float,
    seed: int,
    shape: dict[str, Any],
    recipe: dict[str, Any],
    **_: Any,
) -> dict[str, Any]:
    """Train one network."""
    known = delays(length, longest, smooth)
    made = network(shape_of(shape), 1, known.classes, seed)
    found = train(made, known, Recipe(**recipe), seed=seed)
    return {"validation": found, "test": scored(made, known.test)}


def best(start: str, interval: tuple[float, float], angle: np.ndarray) -> np.ndarray:
    """The longest memory (S,) of any channel."""
    step = np.geomspace(*interval, 16)
    return memory(eigenvalues(start), step, angle).max(axis=0)


@functools.cache
def remembered(start: str, interval: tuple[float, float], longest: int) -> tuple[float, float]:
    """The part of the band that some channel remembers for the longest delay, and that a rough
    reader does.
    """
    angle = np.pi * np.arange(1, 129) / 128
    rough = [read_roughly(start, step, angle, ROUGH) for step in np.geomspace(*interval, 6)]
    exact = best(start, interval, angle)
    return float(np.mean(exact >= longest)), float(np.mean(np.max(rough, axis=0) >= longest))


def report(found: list[Record]) -> None:
    """The part of the band that is remembered, beside what was told."""
    longest = found[0]["point"]["longest"]
    heads = ("start", "steps", "band remembered", "by a rough reader")
    heads = (*heads, "A frozen", "A trained", "smooth noise")
    rows = []
    for start in STARTS:
        for name, interval in steps(longest).items():
            same = matching(found, start=start, interval=name)
            cells = [
                spread(
                    [one["result"]["test"] for one in matching(same, parts=parts, smooth=smooth)]
                )
                for parts, smooth in (("CD", 1.0), ("ABCDs", 1.0), ("CD", SMOOTH / longest))
            ]
            if same:
                shares = [f"{100 * x:.0f} %" for x in remembered(start, interval, longest)]
                rows.append([start, f"{interval[0]:.2g} to {interval[1]:.2g}", *shares, *cells])
    table(heads, rows)


def picture(found: Sequence[Record], path: Path) -> None:
    """Memory over frequency, and accuracy against the band that is remembered."""
    longest = found[0]["point"]["longest"]
    figure, panels = pictures.panels(1, 2, (9, 3.6))
    angle = np.geomspace(0.01, np.pi, 2000)
    interval = steps(longest)["1/d"]
    for start in STARTS:
        look = {"label": start, "linewidth": 1.2, "color": colour(start)}
        panels[0].loglog(angle, best(start, interval, angle), **look)
        for name, marker in (("usual", "o"), ("1/d", "s"), ("short", "v")):
            for one in matching(found, start=start, interval=name, parts="CD", smooth=1.0):
                _, share = remembered(start, steps(longest)[name], longest)
                told = one["result"]["test"]
                panels[1].plot(share, told, marker, color=colour(start), markersize=4)
    panels[0].axhline(longest, color=pictures.colours.INK, linewidth=0.8)
    panels[0].legend(frameon=False)
    said = "angle between samples"
    pictures.dress(panels[0], title="memory in samples", xlabel=said, ylim=(8, 4000))
    said = "part of the band that a rough reader remembers"
    pictures.dress(panels[1], title="accuracy, A frozen", xlabel=said)
    pictures.save(figure, path)


def colour(start: str) -> str:
    """That of the model, other than the plain one by their own."""
    own = {"ptd, 128 modes": "#6aa6dd", "ptd of legt": "#8661c5"}
    return own.get(start) or pictures.COLOURS[start]


if __name__ == "__main__":
    records.study(STUDY, records.command(__doc__, STUDY), points, measure, report, picture)
