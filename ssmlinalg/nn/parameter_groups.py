"""The parameters of a model in the groups in which published models train them."""

from __future__ import annotations

from typing import Any

import torch

from ..export.real_parameters import TRAINING
from ..ground import require
from .long_convolutions import Hankel
from .state_space_layer import SSM


def param_groups(
    model: torch.nn.Module, *, lr: float, weight_decay: float = 0.0, ssm_lr: float = 1e-3
) -> list[dict[str, Any]]:
    """Groups for any optimizer of PyTorch: A, B and the step at a rate of their own, no decay.

    Which parameter belongs where is said by `export.real_parameters.TRAINING`. Frozen parameters
    are left out.

    Args:
        model: any module.
        lr: the learning rate of the rest of the model.
        weight_decay: the weight decay of the rest of the model.
        ssm_lr: the learning rate of A, B and the step.

    Returns:
        Two lists of parameters, each with its `lr` and `weight_decay`.

    Raises:
        TypeError: for what is no module.

    Example:
        >>> from ssmlinalg.nn import Sequence
        >>> groups = param_groups(Sequence(1, 10, 8, 2, order=8), lr=4e-3, weight_decay=0.01)
        >>> [(group["lr"], group["weight_decay"]) for group in groups]
        [(0.004, 0.01), (0.001, 0.0)]
    """
    if not isinstance(model, torch.nn.Module):
        rule = "`model` must be a torch.nn.Module"
        raise TypeError(f"{rule}; got {type(model).__name__}. Pass the model itself.")
    lr = require.real("lr", lr, above=0)
    ssm_lr = require.real("ssm_lr", ssm_lr, above=0)
    weight_decay = require.real("weight_decay", weight_decay)
    own = {id(parameter) for module in model.modules() for parameter in _own(module)}
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    rest = [parameter for parameter in trained if id(parameter) not in own]
    ssm = [parameter for parameter in trained if id(parameter) in own]
    return [
        {"params": rest, "lr": lr, "weight_decay": weight_decay},
        {"params": ssm, "lr": ssm_lr, "weight_decay": 0.0},
    ]


def _own(module: torch.nn.Module) -> list[torch.nn.Parameter]:
    """The parameters of a module that have a learning rate of their own."""
    if isinstance(module, Hankel):
        return [module.log_step]
    if not isinstance(module, SSM):
        return []
    return [
        parameter for name, parameter in module.named_parameters() if TRAINING[name]["lr"] == "ssm"
    ]
