"""One loop for all that is trained here: AdamW, the groups of `nn.param_groups`, a cosine schedule.

What it returns is the model after the last epoch; the score on the validation split is kept epoch
by epoch, for recipes are chosen by it. The test split is not looked at.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from data import Data, Split
from ssmlinalg import nn

Score = Callable[[Tensor, Tensor], float]
Loss = Callable[[Tensor, Tensor], Tensor]


class Recipe(NamedTuple):
    """How a model is trained; `ssm_lr` is the rate of A, B and the step, which have no decay."""

    epochs: int = 15
    batch: int = 64
    lr: float = 2e-2
    ssm_lr: float = 3e-3
    weight_decay: float = 0.01
    warmup: float = 0.05


def accuracy(outputs: Tensor, y: Tensor) -> float:
    """The share that is told right."""
    return (outputs.argmax(1) == y).float().mean().item()


@torch.no_grad()
def outputs(model: torch.nn.Module, u: Tensor, batch: int = 256) -> Tensor:
    """What a model says of signals, some at a time."""
    model.eval()
    return torch.cat([model(rows) for rows in u.split(batch)])


def scored(model: torch.nn.Module, part: Split, score: Score = accuracy) -> float:
    """The score of a model on a split."""
    return score(outputs(model, part.u), part.y)


def schedule(recipe: Recipe, steps: int) -> Callable[[int], float]:
    """The factor of the rates at each step: up in a line, down along a cosine."""
    rise = max(1, round(recipe.warmup * steps))

    def factor(step: int) -> float:
        if step < rise:
            return (step + 1) / rise
        return 0.5 + 0.5 * math.cos(math.pi * (step - rise) / max(1, steps - rise))

    return factor


def train(
    model: torch.nn.Module,
    data: Data,
    recipe: Recipe,
    *,
    seed: int = 0,
    loss: Loss = torch.nn.functional.cross_entropy,
    score: Score = accuracy,
    each: Callable[[int], object] | None = None,
) -> list[float]:
    """Train a model where it stands; its score on the validation split after every epoch.

    `each` is called with 0 before the first epoch, and with the number of every epoch after it.
    """
    drawn = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)  # dropout
    count = len(data.train.u)
    groups = nn.param_groups(
        model, lr=recipe.lr, ssm_lr=recipe.ssm_lr, weight_decay=recipe.weight_decay
    )
    optimizer = torch.optim.AdamW(groups)
    steps = recipe.epochs * math.ceil(count / recipe.batch)
    slowed = torch.optim.lr_scheduler.LambdaLR(optimizer, schedule(recipe, steps))
    found = []
    if each:
        each(0)
    for epoch in range(recipe.epochs):
        model.train()
        for rows in torch.randperm(count, generator=drawn).split(recipe.batch):
            optimizer.zero_grad()
            loss(model(data.train.u[rows]), data.train.y[rows]).backward()
            optimizer.step()
            slowed.step()
        found.append(scored(model, data.validation, score))
        if each:
            each(epoch + 1)
    return found
