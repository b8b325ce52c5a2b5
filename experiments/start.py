"""Does the start matter? Init, rule, trained parts and decay, one changed at a time: study 4.

    python experiments/start.py --quick [--picture docs/_static/start.svg]

After the ablations of S4D (Gu et al. 2022), at small scale. Every change is made to the same base,
with the same seeds, so that a difference is taken seed by seed; it counts as more than the spread
where it has one sign at every seed and its mean is above twice its standard error.

--quick: digits, order 16, 3 seeds, about 4 minutes of one core. Full: digits, mnist1d and delays,
all combinations, 5 seeds.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np

import pictures
import records
from data import DATA, POOLS, STEPS
from networks import Shape, network, said_of, shape_of
from records import Point, Record, matching, spread, table
from training import Recipe, scored, train

STUDY = "start"
FACTORS: dict[str, tuple[str, ...]] = {
    "init": ("s4d-lin", "s4d-legs", "s4d-inv", "s4d-quad", "s4d-rand", "s4d-real", "ptd", "s4"),
    "rule": ("zoh", "bilinear", "foh"),
    "parts": ("A B C D step", "C D", "C D step", "A C D"),
    "decay": ("exp", "softplus", "square"),
}
BASE = {name: values[0] for name, values in FACTORS.items()}
SEEDS = {"smoke": 1, "quick": 3, "full": 5}


def point(seed: int, recipe: Recipe, data: str, **chosen: str) -> Point:
    """One run, with all that it depends on."""
    said = BASE | chosen
    options = {"train": tuple(said["parts"].split()), "step": STEPS[data]}
    options |= {"rule": said["rule"], "decay": said["decay"]}
    order = 16 if data in ("digits", "few") else 32
    shape = Shape(said["init"], order=order, pool=POOLS[data], options=options)
    run = {"shape": said_of(shape), "recipe": recipe._asdict()}
    return {"data": data, "seed": seed} | said | run


def points(form: str) -> list[Point]:
    """One change at a time, or all combinations."""
    recipe = Recipe(epochs={"smoke": 1, "quick": 8, "full": 30}[form])
    if form == "full":
        changes = [dict(zip(FACTORS, c, strict=True)) for c in itertools.product(*FACTORS.values())]
    else:
        changes = [BASE, *({n: x} for n, values in FACTORS.items() for x in values[1:])]
    changes = changes[:2] if form == "smoke" else changes
    sets = {"smoke": ("few",), "quick": ("digits",), "full": ("digits", "mnist1d", "delays")}
    return [
        point(seed, recipe, data, **change)
        for data in sets[form]
        for change in changes
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


def differences(found: list[Record], data: str, factor: str, value: str) -> np.ndarray:
    """The accuracy with a change less that without, seed by seed."""
    changed = matching(found, data=data, **(BASE | {factor: value}))
    plain = told(matching(found, data=data, **BASE))
    return np.array([x - plain[seed] for seed, x in told(changed).items() if seed in plain])


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
    for data in dict.fromkeys(one["point"]["data"] for one in found):
        print(f"\n{data}")
        rows = []
        for factor, values in FACTORS.items():
            for value in values:
                same = matching(found, data=data, **(BASE | {factor: value}))
                if not same:
                    continue
                early = [
                    one["result"]["validation"][min(2, len(one["result"]["validation"]) - 1)]
                    for one in same
                ]
                by = differences(found, data, factor, value)
                mark = "base" if value == BASE[factor] else "yes" if counts(by) else "no"
                test = spread([*told(same).values()])
                rows.append([factor, value, spread(early), test, f"{100 * by.mean():+.1f}", mark])
        table(("", "", "after 3 epochs", "test", "difference", "more than the spread"), rows)


def picture(found: list[Record], path: Path) -> None:
    """The difference of every change, seed by seed."""
    data = found[0]["point"]["data"]
    changes = [(name, x) for name, values in FACTORS.items() for x in values[1:]]
    figure, axes = pictures.panels(1, 1, (7, 4.2))
    for place, (factor, value) in enumerate(changes):
        by = 100 * differences(found, data, factor, value)
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


def main() -> None:
    """Train what is missing, print, draw."""
    options = records.options(records.command(__doc__, STUDY), STUDY)
    found = records.run(STUDY, points(options.form), measure, options)
    report(found)
    if options.picture:
        picture(found, options.picture)


if __name__ == "__main__":
    main()
