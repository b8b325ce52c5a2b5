"""What accuracy costs: seconds an epoch and memory, beside an LSTM and attention: study 6.

    python experiments/cost.py --quick [--picture docs/_static/cost.svg]

Every model is trained the same number of epochs. The line of a run has the seconds of one processor
that each epoch took, the first epoch at which the validation split was told as well as the target,
the bytes that a training step keeps for its gradient, and the accuracy in the end. Widths are such
that all have about as many parameters.

--quick: digits, 2 seeds, about 5 minutes of one core. Full: digits, mnist1d and delays, 5 seeds.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

import pictures
import records
from data import DATA, POOLS, STEPS, Data
from networks import Network, Shape, network, said_of, shape_of
from records import Point, Record, matching, spread, table
from training import Recipe, scored, train

STUDY = "cost"
TARGETS = {"digits": 0.9, "mnist1d": 0.7, "delays": 0.5, "few": 0.1}
MODELS = ("ptd", "s4", "s4d-lin", "s5", "dlr", "lstm", "attention")
SEEDS = {"smoke": 1, "quick": 2, "full": 5}


def point(model: str, data: str, seed: int, recipe: Recipe) -> Point:
    """One run, with all that it depends on."""
    stepless = model in ("dlr", "lstm", "attention")
    options = {} if stepless else {"step": STEPS[data]}
    shape = Shape(model, pool=POOLS[data], options=options)
    said = {"model": model, "data": data, "seed": seed}
    return said | {"shape": said_of(shape), "recipe": recipe._asdict()}


def points(form: str) -> list[Point]:
    """All models on the data of a form."""
    epochs = {"smoke": 1, "quick": 10, "full": 40}[form]
    rates = {"lstm": 2e-2, "attention": 1e-2}
    models = ("ptd", "attention") if form == "smoke" else MODELS
    sets = {"smoke": ("few",), "quick": ("digits",), "full": ("digits", "mnist1d", "delays")}
    return [
        point(model, data, seed, Recipe(epochs=epochs, lr=rates.get(model, 2e-2)))
        for data in sets[form]
        for model in models
        for seed in range(SEEDS[form])
    ]


def kept_for_the_gradient(made: Network, known: Data, batch: int) -> int:
    """The bytes of the arrays that one training step keeps, parameters left out."""
    own = {p.untyped_storage().data_ptr() for p in made.parameters()}
    held: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            held[storage.data_ptr()] = storage.nbytes()
        return tensor

    made.train()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        y = made(known.train.u[:batch])
        loss = torch.nn.functional.cross_entropy(y, known.train.y[:batch])
    loss.backward()
    made.zero_grad()
    return sum(held.values())


def measure(
    data: str, seed: int, shape: dict[str, Any], recipe: dict[str, Any], **_: Any
) -> dict[str, Any]:
    """Train one network and watch the clock."""
    known = DATA[data]()
    made = network(shape_of(shape), known.train.u.shape[-1], known.classes, seed)
    size = kept_for_the_gradient(made, known, recipe["batch"])
    clock: list[float] = []

    def each(_: int) -> None:
        clock.append(time.process_time())

    found = train(made, known, Recipe(**recipe), seed=seed, each=each)
    good = [epoch for epoch, told in enumerate(found, 1) if told >= TARGETS[data]]
    return {
        "validation": found,
        "test": scored(made, known.test),
        "seconds": np.diff(clock).tolist(),
        "reached": good[0] if good else None,
        "bytes": size,
        "parameters": sum(p.numel() for p in made.parameters() if p.requires_grad),
    }


def report(found: list[Record]) -> None:
    """Cost and accuracy of every model."""
    for data in dict.fromkeys(one["point"]["data"] for one in found):
        print(f"\n{data}, target {100 * TARGETS[data]:g} % of the validation split")
        rows = []
        for model in MODELS:
            same = [one["result"] for one in matching(found, data=data, model=model)]
            if same:
                epoch = min(min(one["seconds"]) for one in same)
                reached = [one["reached"] for one in same]
                known = all(x is not None for x in reached)
                after = spread(reached, 1) if known else "not reached"
                seconds = f"{epoch * np.mean(reached):.1f}" if known else "-"
                megabytes = f"{same[0]['bytes'] / 2**20:.1f}"
                told = spread([one["test"] for one in same])
                size = same[0]["parameters"]
                rows.append([model, size, told, f"{epoch:.2f}", megabytes, after, seconds])
        heads = ("model", "parameters", "test", "s an epoch", "MiB a step", "target after epochs")
        table((*heads, "s to target"), rows)


def picture(found: list[Record], path: Path) -> None:
    """Accuracy on the validation split over seconds."""
    data = found[0]["point"]["data"]
    figure, axes = pictures.panels(1, 1, (6, 3.6))
    for model in MODELS:
        for seed, one in enumerate(matching(found, data=data, model=model)):
            result = one["result"]
            look = {"color": pictures.COLOURS[model], "linewidth": 1.2}
            label = {} if seed else {"label": model}
            axes.semilogx(np.cumsum(result["seconds"]), result["validation"], **look, **label)
    axes.axhline(TARGETS[data], color=pictures.colours.INK, linewidth=0.8)
    axes.legend(frameon=False)
    pictures.dress(axes, title=f"{data}: accuracy, chosen split", xlabel="seconds of one core")
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
