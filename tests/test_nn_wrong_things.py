"""Every layer is given every wrong thing in every argument: it answers in our sentence, or runs."""

# pyright: reportArgumentType=false

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from test_bad_input import QUANTIZED, SHARE, TRACER, WRONG, verdict

from ssmlinalg import inits

torch = pytest.importorskip("torch")
from ssmlinalg import nn  # noqa: E402

WIDTH = 3
LARGE = {"10^13": lambda: 10**13}
SIZES = ("width", "order", "length", "dimension", "batch_size", "d_input", "d_output", "depth")


def layer() -> nn.SSM:
    return nn.SSM(WIDTH, 4, init="s4d-lin")


def zeros(*shape: int) -> Any:
    return torch.zeros(*shape)


signal = {"u": zeros(2, 5, WIDTH)}
CALLS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "SSM": (
        nn.SSM,
        {
            "width": WIDTH,
            "order": 4,
            "init": "ptd",
            "rule": "zoh",
            "step": 0.1,
            "train": ("A",),
            "decay": "exp",
            "bidirectional": False,
            "window": None,
            "seed": 0,
        },
    ),
    "SSM.from_form": (nn.SSM.from_form, {"form": inits.s4d_lin_init(4, channels=WIDTH)}),
    "SSM.from_checkpoint": (nn.SSM.from_checkpoint, {"path": "no file.npz", "layer": None}),
    "SSM.forward": (
        lambda **given: layer()(**given),
        {
            **signal,
            "state": None,
            "lengths": None,
            "reset": None,
            "steps": None,
            "step_scale": 1.0,
            "return_state": False,
        },
    ),
    "SSM.initial_state": (layer().initial_state, {"batch_size": 2}),
    "SGConv": (
        nn.SGConv,
        {"width": WIDTH, "length": 20, "dimension": 4, "decay": 0.5, "seed": 0},
    ),
    "SGConv.forward": (nn.SGConv(WIDTH, 9), signal),
    "Hankel": (nn.Hankel, {"width": WIDTH, "order": 4, "step": (1e-3, 1e-1), "seed": 0}),
    "Hankel.forward": (nn.Hankel(WIDTH, 4), signal),
    "Block": (nn.Block, {"layer": layer(), "norm": "layer", "dropout": 0.0}),
    "Block.forward": (nn.Block(layer()), {**signal, "state": None}),
    "Sequence": (
        nn.Sequence,
        {
            "d_input": 1,
            "d_output": 2,
            "width": 4,
            "depth": 1,
            "pool": "mean",
            "norm": "layer",
            "dropout": 0.0,
            "seed": 0,
            "order": 4,
        },
    ),
    "Sequence.forward": (nn.Sequence(WIDTH, 2, 4, 1, order=4), {**signal, "lengths": None}),
    "RealStep": (nn.RealStep, {"layer": layer()}),
    "RealStep.forward": (
        nn.RealStep(layer()),
        {"u": zeros(2, WIDTH), "state": zeros(2, WIDTH, 4)},
    ),
    "RealStep.initial_state": (nn.RealStep(layer()).initial_state, {"batch_size": 2}),
    "FixedLength": (nn.FixedLength, {"layer": layer(), "length": 5}),
    "FixedLength.forward": (nn.FixedLength(layer(), 5), signal),
    "param_groups": (
        nn.param_groups,
        {"model": layer(), "lr": 0.1, "weight_decay": 0.0, "ssm_lr": 1e-3, "recipe": None},
    ),
}


def calls_of_jax() -> dict[str, tuple[Callable[..., Any], dict[str, Any]]]:
    jax = pytest.importorskip("jax")
    from ssmlinalg.nn import jax as functions

    key = jax.random.key(0)
    params = functions.init(key, WIDTH, 4, init="s4d-lin")
    given = {"params": params, "state": None, "rule": "zoh"}
    return {
        "init": (
            functions.init,
            {"key": key, "width": WIDTH, "order": 4, "init": "s4d-lin", "step": 0.1},
        ),
        "form": (functions.form, {"params": params}),
        "apply": (
            functions.apply,
            {**given, "u": np.zeros((2, 5, WIDTH)), "return_state": False},
        ),
        "step": (functions.step, {**given, "u": np.zeros((2, WIDTH))}),
    }


def verdicts(calls: dict[str, tuple[Callable[..., Any], dict[str, Any]]]) -> dict[str, str]:
    """What is wrong with the answers to a share of the wrong things, each time another one."""
    found = {}
    for name, (function, given) in calls.items():
        for place, key in enumerate(given):
            for number, (wrong, make) in enumerate((WRONG | LARGE).items()):
                large = wrong in LARGE
                chosen = (number + place + len(name)) % SHARE == 0 or large
                if wrong in (TRACER, QUANTIZED) or not chosen or (large and key not in SIZES):
                    continue
                try:
                    function(**(given | {key: make()}))
                except Exception as error:
                    if said := verdict(error):
                        found[f"{name}({key}={wrong})"] = said
    return found


def test_layers_answer_wrong_things_in_a_sentence() -> None:
    for function, given in CALLS.values():
        if "path" not in given:
            function(**given)
    assert verdicts(CALLS) == {}


def test_functions_of_jax_answer_wrong_things_in_a_sentence() -> None:
    calls = calls_of_jax()
    for function, given in calls.values():
        function(**given)
    assert verdicts(calls) == {}
