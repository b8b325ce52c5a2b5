"""Does the start matter? Init, rule, trained parts and decay, one changed at a time: study 4.

    python experiments/start.py --quick [--picture docs/_static/start.svg]

After the ablations of S4D (Gu et al. 2022), at small scale. Every change is made to the same base,
with the same seeds, so that a difference is taken seed by seed; it counts as more than the spread
where it has one sign at every seed and its mean is above twice its standard error.

--quick: digits, order 16, 3 seeds, about 5 minutes of one core. Full: mnist1d and delays, order 32,
5 seeds: 150 runs, a night of one core. `--only data=mnist1d seed=0` takes some.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import pictures
import records
from data import DATA, EPOCHS, POOLS, STEPS
from networks import Shape, network, said_of, shape_of
from records import Options, Point, Record, matching, spread, table
from training import Recipe, scored, train

STUDY = "start"
FACTORS: dict[str, tuple[str, ...]] = {
    "init": ("s4d-lin", "s4d-legs", "s4d-inv", "s4d-quad", "s4d-rand", "s4d-real", "ptd", "s4"),
    "rule": ("zoh", "bilinear", "foh"),
    "parts": ("A B C D step", "C D", "C D step", "A C D"),
    "decay": ("exp", "softplus", "square"),
}
BASE = {name: values[0] for name, values in FACTORS.items()}
LONGER = ("s4d-lin", "ptd", "s4")
SEEDS = {"smoke": 1, "quick": 3, "full": 5}
SETS = {"smoke": ("few",), "quick": ("digits",), "full": ("mnist1d", "delays")}


def point(seed: int, recipe: Recipe, data: str, **chosen: str) -> Point:
    """One run, with all that it depends on."""
    said = BASE | chosen
    options = {"train": tuple(said["parts"].split()), "step": STEPS[data]}
    options |= {"rule": said["rule"], "decay": said["decay"]}
    order = 16 if data in ("digits", "few") else 32
    shape = Shape(said["init"], order=order, pool=POOLS[data], options=options)
    run = {"shape": said_of(shape), "recipe": recipe._asdict()}
    return {"data": data, "seed": seed} | said | run


def points(options: Options) -> list[Point]:
    """One change at a time; in the quick form some starts for longer."""
    form = options.form
    changes = [BASE, *({n: x} for n, values in FACTORS.items() for x in values[1:])]
    runs = [(1, change) for change in changes[: 2 if form == "smoke" else None]]
    if form == "quick":
        runs += [(3, {"init": name}) for name in LONGER]
    return [
        point(seed, Recipe(epochs=times * EPOCHS[data]), data, **change)
        for data in SETS[form]
        for times, change in runs
        for seed in range(SEEDS[form])
    ]


def measure(
    data: str, seed: int, shape: dict[str, Any], recipe: dict[str, Any], **_: Any
) -> dict[str, Any]:
    """Train one network."""
    known = DATA[data]()
    made = network(shape_of(shape), known.train.u.shape[-1], known.classes, seed)
    found = train(made, known, Recipe(**recipe), seed=seed)
    return {"validation": found, "test": scored(made, known.test)}


def differences(found: list[Record], factor: str, value: str) -> np.ndarray:
    """The accuracy with a change less that without, seed by seed."""
    changed = told(matching(found, **(BASE | {factor: value})))
    plain = told(matching(found, **BASE))
    return np.array([x - plain[seed] for seed, x in changed.items() if seed in plain])


def told(found: list[Record]) -> dict[int, float]:
    """The accuracy on the test split by the seed."""
    return {one["point"]["seed"]: one["result"]["test"] for one in found}


def counts(difference: np.ndarray) -> bool:
    """Whether it exceeds the spread over seeds."""
    if len(difference) < 2:
        return False
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    one_sign = bool(np.all(difference > 0) or np.all(difference < 0))
    return one_sign and abs(difference.mean()) > 2 * error


def report(found: list[Record]) -> None:
    """Every change with its accuracy, and whether it exceeds the spread."""
    for data, epochs in dict.fromkeys(map(group, found)):
        print(f"\n{data}, {epochs} epochs")
        same = [one for one in found if group(one) == (data, epochs)]
        changes = [(name, value) for name, values in FACTORS.items() for value in values]
        rows = [row(same, *change) for change in changes if runs(same, *change)]
        table(("", "", "after 3 epochs", "test", "difference", "more than the spread"), rows)


def group(record: Record) -> tuple[str, int]:
    """What the runs of one table have in common."""
    return record["point"]["data"], record["point"]["recipe"]["epochs"]


def runs(found: list[Record], factor: str, value: str) -> list[Record]:
    """Those with a change; those without only beside others of their factor."""
    same = matching(found, **(BASE | {factor: value}))
    others = {one["point"][factor] for one in found}
    return same if value != BASE[factor] or len(others) > 1 else []


def row(found: list[Record], factor: str, value: str) -> list[object]:
    """The cells of one change."""
    same = runs(found, factor, value)
    early = spread([one["result"]["validation"][:3][-1] for one in same])
    by = differences(found, factor, value)
    mark = "base" if value == BASE[factor] else "yes" if counts(by) else "no"
    difference = f"{100 * by.mean():+.1f}" if len(by) else "-"
    return [factor, value, early, spread([*told(same).values()]), difference, mark]


def picture(found: list[Record], path: Path) -> None:
    """The difference of every change, seed by seed."""
    data, _ = group(found[0])
    same = [one for one in found if group(one) == group(found[0])]
    changes = [(name, x) for name, values in FACTORS.items() for x in values[1:]]
    figure, axes = pictures.panels(1, 1, (7, 4.2))
    for place, (factor, value) in enumerate(changes):
        by = 100 * differences(same, factor, value)
        if not len(by):
            continue
        colour = pictures.colours.PTD if counts(by) else pictures.colours.FAINT
        axes.plot(by, np.full(len(by), place), "o", color=colour, markersize=4, alpha=0.7)
        axes.plot([by.mean()], [place], "|", color=colour, markersize=14)
    axes.set_yticks(range(len(changes)), [f"{factor}: {value}" for factor, value in changes])
    axes.invert_yaxis()
    axes.axvline(0, color=pictures.colours.INK, linewidth=0.8)
    said = "accuracy in per cent, beside " + ", ".join(BASE.values())
    pictures.dress(axes, title=data, xlabel=said)
    pictures.save(figure, path)


if __name__ == "__main__":
    records.study(STUDY, records.command(__doc__, STUDY), points, measure, report, picture)
