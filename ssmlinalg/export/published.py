"""The facts that published code states of its layers: how it trains each array, and the law that
each is drawn from.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

Quantity = Callable[[Mapping[str, np.ndarray]], np.ndarray]


class Declared(NamedTuple):
    """The law that a published layer draws one quantity of its arrays from.

    Attributes:
        of: the function from the arrays of one layer, by name and in float64, to independent
            draws of the quantity, of any shape.
        kind: the name of a distribution of `scipy.stats`, or "constant".
        parameters: the shapes, location and scale of the distribution; the value of a constant.
        source: the file of the published code that states it.
    """

    of: Quantity
    kind: str
    parameters: tuple[float, ...]
    source: str


class Rates(NamedTuple):
    """The learning rates with which one published model was trained.

    Attributes:
        lr: of the model.
        ssm_lr: of the arrays with a rate of their own.
        weight_decay: of the model.
        task: the task.
        source: the file of the published code that states them.
    """

    lr: float
    ssm_lr: float
    weight_decay: float
    task: str
    source: str


Laws = Mapping[str, Declared]  # by quantity, of one published layer


def normal(of: Quantity, source: str, *, deviation: float = 1.0) -> Declared:
    """A normal distribution of mean 0."""
    return Declared(of, "norm", (0.0, deviation), source)


def uniform(of: Quantity, source: str, *, low: float, width: float) -> Declared:
    """A uniform distribution over (low, low + width)."""
    return Declared(of, "uniform", (low, width), source)


def log_step(of: Quantity, source: str) -> Declared:
    """log step, uniform between the steps 1e-3 and 1e-1 that most published layers have."""
    return uniform(of, source, low=math.log(1e-3), width=math.log(100))


def constant(of: Quantity, source: str, *, value: float) -> Declared:
    """One value everywhere."""
    return Declared(of, "constant", (value,), source)


def trains(
    *,
    trainable: bool = True,
    lr: str = "model",
    weight_decay: str | float = "model",
    constraint: str = "none",
) -> dict[str, Any]:
    """How a layer trains one array.

    Args:
        trainable: whether it is trained at all.
        lr: "model" for the learning rate of the rest of the model, "ssm" for one of its own group.
        weight_decay: "model" likewise, or a number.
        constraint: the rule in words that keeps the values in place, such as "Re A = -exp".

    Returns:
        These four by name.

    Example:
        >>> trains(trainable=False)["lr"]
        'model'
    """
    return {
        "trainable": trainable,
        "lr": lr,
        "weight_decay": weight_decay,
        "constraint": constraint,
    }


def own_group(constraint: str = "none") -> dict[str, Any]:
    """How most layers train A, B and the step: at a rate of their own and without decay."""
    return trains(lr="ssm", weight_decay=0.0, constraint=constraint)


MODEL = trains()  # as the rest of the model
FIXED = trains(trainable=False)
