"""The parameters of a model in the groups in which published models train them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from ..export.published import MODEL, own_group
from ..export.targets import recipe as published_recipe
from ..export.targets import trained
from ..ground import require
from .long_convolutions import Hankel
from .state_space_layer import SSM


def param_groups(
    model: torch.nn.Module,
    *,
    lr: float,
    weight_decay: float = 0.0,
    ssm_lr: float = 1e-3,
    recipe: str | None = None,
) -> list[dict[str, Any]]:
    """Groups for any optimizer of PyTorch: A, B and the step at a rate of their own, no decay.

    Which parameter belongs where is said by `export.real_parameters.TRAINING`, or by the published
    layer of a recipe. Parameters that do not train, or that this layer does not have, such as B of
    S4D, are in no group, and so stay.

    Args:
        model: any module.
        lr: the learning rate of the rest of the model.
        weight_decay: the weight decay of the rest of the model.
        ssm_lr: the learning rate of A, B and the step.
        recipe: a name in `INITS`, whose published layer says how each field of `SSM` is trained, or
            one in `export.TARGETS`. None: A, B and the step have their own rate.

    Returns:
        A group for the rest of the model, one for the parameters with a rate of their own, and
        more where the recipe has other decays: lists of parameters, each with its `lr` and
        `weight_decay`.

    Raises:
        TypeError: for what is no module.
        ValueError: for an unknown recipe, and numbers out of range.

    Example:
        >>> from ssmlinalg.nn import Sequence
        >>> groups = param_groups(Sequence(1, 10, 8, 2, order=8), lr=4e-3, weight_decay=0.01)
        >>> [(group["lr"], group["weight_decay"]) for group in groups]
        [(0.004, 0.01), (0.001, 0.0)]
    """
    require.instance("model", model, torch.nn.Module, "Pass a torch.nn.Module.")
    rates = {
        "model": require.real("lr", lr, above=0),
        "ssm": require.real("ssm_lr", ssm_lr, above=0),
    }
    decays = {"model": require.real("weight_decay", weight_decay, least=0)}
    if recipe is not None:
        published_recipe(recipe)  # which refuses unknown names
    own = {id(p): rule for module in model.modules() for p, rule in _rules(module, recipe)}
    groups = {(rule["lr"], rule["weight_decay"]): [] for rule in (MODEL, own_group())}
    for parameter in model.parameters():
        rule = own.get(id(parameter), MODEL)
        if parameter.requires_grad and rule["trainable"]:
            groups.setdefault((rule["lr"], rule["weight_decay"]), []).append(parameter)
    return [
        {"params": parameters, "lr": rates[rate], "weight_decay": decays.get(decay, decay)}
        for (rate, decay), parameters in groups.items()
    ]


def _rules(
    module: torch.nn.Module, recipe: str | None
) -> list[tuple[torch.nn.Parameter, Mapping[str, Any]]]:
    """The parameters of one layer with how each is trained."""
    if isinstance(module, Hankel):
        return [(module.log_step, own_group())]
    if not isinstance(module, SSM):
        return []
    return [(parameter, trained(name, recipe)) for name, parameter in module.named_parameters()]
