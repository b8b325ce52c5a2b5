"""Layers that train: signals are (batch, length, width), as `torch.nn.LSTM` has them.

==============  ============================================================================
`SSM`           a state space model of any initialization: trained in parallel, run by steps
`SGConv`        a convolution whose kernel has scales
`Hankel`        a convolution whose kernel is a Hankel operator (HOPE)
`Block`         a residual block around any of them
`Sequence`      a model of blocks, for classification, forecasting and tagging
`RealStep`      one sample of a trained layer in real arithmetic, for ONNX
`FixedLength`   a trained layer for signals of one length, for ONNX
`param_groups`  the parameters in the groups in which published models train them
`jax`           the layer as functions of JAX, and as modules of Equinox and Flax
==============  ============================================================================

All but `jax` are of PyTorch. Neither library is loaded before a name of it is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import jax as jax
    from .long_convolutions import Hankel, SGConv
    from .parameter_groups import param_groups
    from .real_arithmetic import FixedLength, RealStep
    from .residual_stack import Block, Sequence
    from .state_space_layer import SSM

_NAMES = {
    "state_space_layer": ("SSM",),
    "long_convolutions": ("SGConv", "Hankel"),
    "residual_stack": ("Block", "Sequence"),
    "parameter_groups": ("param_groups",),
    "real_arithmetic": ("RealStep", "FixedLength"),
}
_FILES = {name: file for file, names in _NAMES.items() for name in names}
__all__ = [
    "SSM",
    "Block",
    "FixedLength",
    "Hankel",
    "RealStep",
    "SGConv",
    "Sequence",
    "param_groups",
]


def __getattr__(name: str) -> Any:
    if name == "jax":
        return importlib.import_module(".jax", __name__)
    if name not in _FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_FILES[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
