"""What accuracy costs: seconds an epoch and memory, beside an LSTM and attention: study 6.

    python experiments/cost.py --quick [--picture docs/_static/cost.svg]

The line of a run has the seconds of one processor that each epoch took, the first epoch at which
the validation split was told as well as the target, the bytes that a training step keeps for its
gradient, and the accuracy in the end. All have two layers of 16 channels. LSTM and attention have
five times as many epochs, and the best of three rates by the validation split.

--quick: digits, 2 seeds, about 3 minutes of one core. Full: digits, mnist1d and delays, 5 seeds.
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
from records import Options, Point, Record, matching, spread, table
from training import Recipe, scored, train

STUDY = "cost"
TARGETS = {"digits": 0.9, "mnist1d": 0.7, "delays": 0.5, "few": 0.1}
PEERS = ("lstm", "attention")
MODELS = ("ptd", "s4", "s4d-lin", "s5", *PEERS)
RATES = (3e-3, 1e-2, 3e-2)
LONGER = 5  # times as many epochs for peers, which take longer to the same accuracy
SEED_OF_CHOICE = 1000
SEEDS = {"smoke": 1, "quick": 2, "full": 5}
EPOCHS = {"smoke": 1, "quick": 8, "full": 40}
SETS = {"smoke": ("few",), "quick": ("digits",), "full": ("digits", "mnist1d", "delays")}


def point(model: str, data: str, seed: int, recipe: Recipe) -> Point:
    """One run, with all that it depends on."""
    stepless = model in PEERS
    options = {} if stepless else {"step": STEPS[data]}
    shape = Shape(model, pool=POOLS[data], options=options)
    said = {"model": model, "data": data, "seed": seed}
    return said | {"shape": said_of(shape), "recipe": recipe._asdict()}


def recipes(form: str, data: str, options: Options) -> dict[str, Recipe]:
    """How each model is trained: as in all studies, peers longer and at the best of three rates.

    Rates are tried on a seed of its own and judged on the validation split.
    """
    here = Recipe(epochs=EPOCHS[form])
    if form == "smoke":
        return dict.fromkeys(("ptd", "attention"), here)
    longer = here._replace(epochs=LONGER * here.epochs)
    rates = [longer._replace(lr=lr) for lr in RATES]
    tried = [point(model, data, SEED_OF_CHOICE, one) for model in PEERS for one in rates]
    every = Options(**vars(options) | {"only": []})
    found = records.run("rates", tried, measure, every)
    best = sorted(found, key=lambda one: one["result"]["validation"][-1])
    return dict.fromkeys(MODELS, here) | {
        one["point"]["model"]: Recipe(**one["point"]["recipe"]) for one in best
    }


def points(options: Options) -> list[Point]:
    """All models on the data of a form."""
    return [
        point(model, data, seed, recipe)
        for data in SETS[options.form]
        for model, recipe in recipes(options.form, data, options).items()
        for seed in range(SEEDS[options.form])
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


HEADS = ("model", "parameters", "rate", "epochs", "test", "s an epoch", "MiB a step")
HEADS = (*HEADS, "target after epochs", "s to target")


def report(found: list[Record]) -> None:
    """Cost and accuracy of every model."""
    for data in dict.fromkeys(one["point"]["data"] for one in found):
        print(f"\n{data}, target {100 * TARGETS[data]:g} % of the validation split")
        same = [matching(found, data=data, model=model) for model in MODELS]
        table(HEADS, map(row, filter(None, same)))


def row(same: list[Record]) -> list[object]:
    """The cells of one model."""
    results = [one["result"] for one in same]
    epoch = min(min(one["seconds"]) for one in results)
    reached = [one["reached"] for one in results]
    known = None not in reached
    size = results[0]["parameters"]
    recipe = Recipe(**same[0]["point"]["recipe"])
    told = spread([one["test"] for one in results])
    megabytes = f"{results[0]['bytes'] / 2**20:.1f}"
    after = spread(reached, 1) if known else "not reached"
    seconds = f"{epoch * np.mean(reached):.1f}" if known else "-"
    how = (f"{recipe.lr:g}", recipe.epochs)
    return [same[0]["point"]["model"], size, *how, told, f"{epoch:.2f}", megabytes, after, seconds]


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


if __name__ == "__main__":
    records.study(STUDY, records.command(__doc__, STUDY), points, measure, report, picture)
