"""Kernels that are no modes, SGConv and HOPE, on the same data: study 5.

    python experiments/others.py --quick [--picture docs/_static/others.svg]

Accuracy without noise and with a wave of amplitude 0.3 in every layer, at the worst of 24
frequencies up to Nyquist and at their mean.

--quick: digits, 3 seeds, about a minute of one core. Full: mnist1d, acsf1 and delays, 5 seeds:
60 runs, some hours. `--only data=mnist1d seed=0` takes some.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

import pictures
import records
from data import DATA, EPOCHS, LENGTHS, POOLS, STEPS
from disturbance import Noise, disturbed
from networks import Shape, network, said_of, shape_of
from records import Options, Point, Record, matching, spread, table
from training import Recipe, scored, train

STUDY = "others"
LOUD = 0.3
MODELS = ("sgconv", "hope", "ptd", "s4d-legs")
SEEDS = {"smoke": 1, "quick": 3, "full": 5}


def point(model: str, data: str, seed: int) -> Point:
    """One run, with all that it depends on."""
    recipe = Recipe(epochs=EPOCHS[data])
    options: dict[str, Any] = {"step": STEPS[data]}
    if model == "sgconv":
        options = {"length": LENGTHS[data]}
    shape = Shape(model, pool=POOLS[data], options=options)
    said = {"model": model, "data": data, "seed": seed}
    return said | {"shape": said_of(shape), "recipe": recipe._asdict()}


def points(options: Options) -> list[Point]:
    """All models on the data of a form."""
    form = options.form
    models = MODELS[:2] if form == "smoke" else MODELS
    sets = {"smoke": ("few",), "quick": ("digits",), "full": ("mnist1d", "acsf1", "delays")}
    return [
        point(model, data, seed)
        for data in sets[form]
        for model in models
        for seed in range(SEEDS[form])
    ]


def measure(
    data: str, seed: int, shape: dict[str, Any], recipe: dict[str, Any], **_: Any
) -> dict[str, Any]:
    """Train one network, and listen to it through waves of 24 angles between samples."""
    known = DATA[data]()
    made = network(shape_of(shape), known.train.u.shape[-1], known.classes, seed)
    found = train(made, known, Recipe(**recipe), seed=seed)
    sweep = []
    for angle in np.linspace(math.pi / 24, math.pi, 24):
        with disturbed(made, Noise("layers", LOUD, angle=float(angle)), 1.0):
            sweep.append(scored(made, known.test))
    parameters = sum(p.numel() for p in made.parameters() if p.requires_grad)
    told = {"clean": scored(made, known.test), "sweep": sweep, "parameters": parameters}
    return {"validation": found} | told


def report(found: list[Record]) -> None:
    """Accuracy without and with a wave."""
    for data in dict.fromkeys(one["point"]["data"] for one in found):
        print(f"\n{data}")
        rows = []
        for model in MODELS:
            same = [one["result"] for one in matching(found, data=data, model=model)]
            if same:
                cells = (
                    [one["clean"] for one in same],
                    [min(one["sweep"]) for one in same],
                    [float(np.mean(one["sweep"])) for one in same],
                )
                rows.append([model, same[0]["parameters"], *map(spread, cells)])
        table(("model", "parameters", "clean", "worst wave", "mean over waves"), rows)


def picture(found: list[Record], path: Path) -> None:
    """Accuracy over the angle of the wave."""
    data = found[0]["point"]["data"]
    figure, axes = pictures.panels(1, 1, (6, 3.6))
    for model in MODELS:
        same = [one["result"]["sweep"] for one in matching(found, data=data, model=model)]
        if same:
            look = {"color": pictures.COLOURS[model], "label": model}
            pictures.band(axes, np.linspace(1 / 24, 1, 24), same, look)
    axes.legend(frameon=False)
    said = f"accuracy with a wave of amplitude {LOUD:g} in every layer"
    pictures.dress(axes, title=f"{data}: {said}", xlabel="frequency / Nyquist")
    pictures.save(figure, path)


if __name__ == "__main__":
    records.study(STUDY, records.command(__doc__, STUDY), points, measure, report, picture)
