"""The 13 synthetic tasks of DLR, by one layer of each kind: study 2, after Gupta et al. 2022.

    python experiments/tasks.py --quick [--picture docs/_static/tasks.svg]

A point is one task, one model, one seed: a network of one block (two for the last two tasks) is
trained on fresh samples, except for a pool of expressions and of images. What is told is R^2, one
less the squared error over the variance of what was wanted, on samples that were not trained on;
for the two tasks of classes the accuracy, beside the share of the commonest class. No rate suits
all tasks, so each model has for each task the best of five, on samples and a seed of their own, at
the size of the quick form.

--quick: L = 64, 3 seeds, about 50 minutes of one core. Full: L = 256, order 32, five times as many
steps, 3 seeds: a night. `--only task=shift,cumsum seed=0` takes some. The long task of the paper, a
shift of 0.5M samples, is `long_shift.py`.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

import pictures
import records
from networks import Network, Shape, network, said_of, shape_of
from records import Options, Point, Record, matching, spread, table
from ssmlinalg import nn
from synthetic import CLASSES, TASKS
from training import Recipe, outputs, schedule

STUDY = "tasks"
MODELS = ("dlr", "s4d-lin", "ptd", "s5", "lstm", "attention")
LARGE = ("s4d-lin (N = L)", "ptd (N = L)")  # with the order of DLR, for tasks that it does
DONE_BY_DLR = ("shift", "reverse", "masked-select-fixed", "solve-fixed")
RATES = (3e-3, 1e-2, 3e-2, 1e-1, 3e-1)
SEED_OF_CHOICE = 1000
HELD_OUT = 256


class Size(NamedTuple):
    """How large a form of the study is."""

    length: int
    width: int
    order: int
    steps: int
    batch: int
    seeds: int
    pool: int  # expressions and images are made once


SIZES = {
    "smoke": Size(64, 8, 4, 2, 4, 1, 8),
    "quick": Size(64, 32, 16, 400, 16, 3, 2000),
    "full": Size(256, 32, 32, 2000, 16, 3, 8000),
}


def sized(task: str, length: int) -> int:
    """The length that a task is asked for: images have four times as many pixels."""
    return 4 * length if task == "pathfinder" else length


def shape(task: str, model: str, size: Size) -> Shape:
    """The network for a task: one block, or two of both directions for the paths."""
    length = wide(task, sized(task, size.length))
    options: dict[str, Any] = {}
    order = length if model in LARGE else size.order
    model = small(model)
    if model == "dlr":  # published: as many modes as samples, a discrete Fourier basis
        order = length
        options["step"] = 1e-5
    elif model == "attention":
        options["causal"] = task != "pathfinder"
    elif model != "lstm":  # published for DSS at 4096 samples: 1e-4 to 1e-2
        options["step"] = (0.5 / size.length, 50 / size.length)
    if task == "pathfinder" and model not in ("attention", "lstm"):
        options["bidirectional"] = True
    depth = 2 if task in CLASSES else 1
    return Shape(model, size.width, depth, order, pool=None, options=options)


@functools.cache
def wide(task: str, length: int) -> int:
    """L', the samples of a signal as the task has it."""
    return TASKS[task](np.random.default_rng(0), 1, length).x.shape[1]


def point(task: str, model: str, seed: int, lr: float, size: Size) -> Point:
    """One run, with all that it depends on."""
    recipe = Recipe(epochs=1, batch=size.batch, lr=lr, ssm_lr=lr / 10, weight_decay=0.0)
    run = {"length": sized(task, size.length), "steps": size.steps, "pool": size.pool}
    run |= {"recipe": recipe._asdict()}
    made = said_of(shape(task, model, size))
    return {"task": task, "model": model, "seed": seed, "shape": made} | run


def sample(task: str, seed: tuple[int, ...], count: int, length: int) -> tuple[Tensor, Tensor]:
    """Samples of a task by a seed."""
    made = TASKS[task](np.random.default_rng(seed), count, length)
    return torch.tensor(made.x, dtype=torch.float32), torch.tensor(made.y, dtype=torch.float32)


kept_sample = functools.cache(sample)


def held_out(task: str, seed: int, length: int) -> tuple[Tensor, Tensor]:
    """Samples that are not trained on: those by which rates are chosen, or the others."""
    return kept_sample(task, (int(seed != SEED_OF_CHOICE),), HELD_OUT, length)


def batch(
    task: str, seed: int, step: int, count: int, length: int, pool: int
) -> tuple[Tensor, Tensor]:
    """What is trained on in one step: fresh samples, or some of the pool."""
    if task not in CLASSES:
        return sample(task, (3, seed, step), count, length)
    u, y = kept_sample(task, (2,), pool, length)
    rows = np.random.default_rng((3, seed, step)).integers(len(u), size=count)
    return u[rows], y[rows]


def error(told: Tensor, y: Tensor) -> Tensor:
    """The loss where something is wanted: squares, or cross-entropy of classes."""
    wanted = torch.isfinite(y).any(dim=-1)
    if told.shape[-1] == y.shape[-1]:
        return (told[wanted] - y[wanted]).square().mean()
    return torch.nn.functional.cross_entropy(told[wanted], y[wanted][:, 0].long())


def score(told: Tensor, y: Tensor) -> float:
    """R^2 over all that is wanted, or the share of classes that is told right."""
    wanted = torch.isfinite(y).any(dim=-1)
    if told.shape[-1] == y.shape[-1]:
        return 1.0 - float((told[wanted] - y[wanted]).square().mean() / y[wanted].var())
    return float((told[wanted].argmax(-1) == y[wanted][:, 0]).float().mean())


def commonest(task: str, y: Tensor) -> float:
    """What saying the same everywhere scores."""
    if task not in CLASSES:
        return 0.0
    counts = y[torch.isfinite(y)].long().bincount()
    return float(counts.max() / counts.sum())


def fit(
    made: Network, task: str, seed: int, length: int, steps: int, pool: int, recipe: Recipe
) -> list[float]:
    """Train a network where it stands; the loss of a twentieth of the steps each."""
    groups = nn.param_groups(made, lr=recipe.lr, ssm_lr=recipe.ssm_lr)
    optimizer = torch.optim.AdamW(groups, weight_decay=recipe.weight_decay, fused=True)
    slowed = torch.optim.lr_scheduler.LambdaLR(optimizer, schedule(recipe, steps))
    found = []
    made.train()
    for step in range(steps):
        u, y = batch(task, seed, step, recipe.batch, length, pool)
        optimizer.zero_grad()
        loss = error(made(u), y)
        loss.backward()
        optimizer.step()
        slowed.step()
        found.append(loss.item())
    return [float(np.mean(part)) for part in np.array_split(found, min(20, steps))]


def measure(
    task: str,
    model: str,
    seed: int,
    shape: dict[str, Any],
    length: int,
    steps: int,
    pool: int,
    recipe: dict[str, Any],
) -> dict[str, Any]:
    """Train one network on one task."""
    u, y = held_out(task, seed, length)
    made = network(shape_of(shape), u.shape[-1], CLASSES.get(task) or y.shape[-1], seed)
    losses = fit(made, task, seed, length, steps, pool, Recipe(**recipe))
    return {
        "score": score(outputs(made, u), y),
        "losses": losses,
        "parameters": sum(p.numel() for p in made.parameters()),
        "commonest": commonest(task, y),
    }


# Points


def rates(options: Options) -> dict[tuple[str, str], float]:
    """The rate of each model for each task: the best of five, at a small size."""
    size = SIZES["quick"]
    pairs = [(task, model) for task in TASKS for model in MODELS]
    if options.form == "smoke":
        return dict.fromkeys(pairs, RATES[0])
    tried = [point(*pair, SEED_OF_CHOICE, lr, size) for pair in pairs for lr in RATES]
    one = {
        "only": [entry for entry in options.only if entry.startswith("task=")],
        "results": options.results.with_name("task-rates.jsonl"),
    }
    found = records.run("task-rates", tried, measure, Options(**vars(options) | one))
    best: dict[tuple[str, str], Record] = {}
    for one in sorted(found, key=lambda one: one["result"]["score"]):
        best[one["point"]["task"], one["point"]["model"]] = one
    return {pair: rate(one) for pair, one in best.items()}


def points(options: Options) -> list[Point]:
    """Every task by every model and seed; a smoke run has two models for most tasks."""
    size = SIZES[options.form]
    smoke = options.form == "smoke"
    chosen = rates(options)
    few = DONE_BY_DLR[: 1 if smoke else None]
    runs = [
        (task, model) for task in TASKS for model in MODELS if not smoke or is_tried(task, model)
    ]
    runs += [(task, model) for task in few for model in LARGE]
    return [
        point(task, model, seed, chosen[task, small(model)], size)
        for seed in range(size.seeds)
        for task, model in runs
        if (task, small(model)) in chosen
    ]


def is_tried(task: str, model: str) -> bool:
    """Whether a smoke run has them."""
    return task == "shift" or model in ("dlr", "lstm")


def small(model: str) -> str:
    """The model of a large one."""
    return model.partition(" (")[0]


# What is printed and drawn


def scores(found: list[Record], task: str, model: str) -> list[float]:
    """Of every seed; R^2 below zero counts as zero."""
    same = matching(found, task=task, model=model)
    return [max(0.0, one["result"]["score"]) for one in same]


def rate(record: Record) -> float:
    """That of C and of what is no layer."""
    return record["point"]["recipe"]["lr"]


def report(found: list[Record]) -> None:
    """R^2, or accuracy, by task and model; the rates; what each model is."""
    tasks = list(dict.fromkeys(one["point"]["task"] for one in found))
    rows = []
    for task in tasks:
        common = matching(found, task=task)[0]["result"]["commonest"]
        name = f"{task} (commonest {100 * common:.0f})" if common else task
        rows.append([name, *(spread(scores(found, task, model)) for model in MODELS)])
    table(("task", *MODELS), rows)
    rows = [
        [task, *(spread(scores(found, task, model)) for model in LARGE)] for task in DONE_BY_DLR
    ]
    table(("task", *LARGE), rows)
    rows = []
    for task in tasks:
        runs = [matching(found, task=task, model=model) for model in MODELS]
        rows.append([task, *(f"{rate(same[0]):g}" if same else "-" for same in runs)])
    table(("rate for", *MODELS), rows)
    rows = []
    for model in (*MODELS, *LARGE):
        same = matching(found, model=model)
        if same:
            counts = [one["result"]["parameters"] for one in same]
            seconds = np.mean([one["seconds"] for one in same])
            rows.append([model, f"{min(counts)} to {max(counts)}", f"{seconds:.0f}"])
    table(("model", "parameters", "seconds a run"), rows)


def picture(found: list[Record], path: Path) -> None:
    """The score of every model on every task, with its range over seeds."""
    figure, axes = pictures.panels(1, 1, (9, 3.8))
    names = list(dict.fromkeys(one["point"]["task"] for one in found))
    for place, model in enumerate(MODELS):
        color = pictures.COLOURS[model]
        for at, task in enumerate(names):
            told = scores(found, task, model)
            if told:
                x = at + (place - (len(MODELS) - 1) / 2) * 0.12
                axes.plot([x, x], [min(told), max(told)], color=color, linewidth=1.2)
                label = model if at == 0 else None
                axes.plot(x, np.mean(told), "o", color=color, markersize=4, label=label)
    for at, task in enumerate(names):
        common = matching(found, task=task)[0]["result"]["commonest"]
        if common:
            axes.plot([at - 0.4, at + 0.4], [common] * 2, ":", color=pictures.colours.FAINT)
    axes.set_xticks(range(len(names)), names, rotation=35, ha="right")
    said = "R^2, of the last two tasks accuracy (dotted: the commonest class)"
    pictures.dress(axes, title=said, ylim=(-0.03, 1.03))
    axes.legend(frameon=False, ncols=len(MODELS), loc="upper center", bbox_to_anchor=(0.5, 1.2))
    pictures.save(figure, path)


if __name__ == "__main__":
    records.study(STUDY, records.command(__doc__, STUDY), points, measure, report, picture)
