"""The laws that Mamba and layers written after it are drawn from, by the config.json of a model.

transformers states one for each architecture, state-spaces/mamba its own for the same arrays. A
model that a config.json names has the laws of its code, with the numbers of that file.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from operator import itemgetter
from typing import Any

import numpy as np

from .published import Declared, Laws, constant, normal, uniform

Config = Mapping[str, Any]

# Their mixers are those of Mamba-2, and so are the laws that their trained models started from.
HEADS = ("mamba2", "bamba", "falcon_h1", "granitemoehybrid", "zamba2", "nemotron_h")
_FLOORED = 1e-3  # beside its floor a step is the floor itself, in any precision of 16 bits or more
_BIASES = ("dt_bias", "dt_proj.bias", "dt_proj_bias", "dt_projs_bias")
_DELTA = {"min": 0.0, "max": 16.0}
_OWN = {"min": "dt_min", "max": "dt_max", "floor": "dt_init_floor"}  # in state-spaces/mamba


def mamba(config: Config) -> tuple[Laws, ...]:
    """The laws of the mixer of Mamba: of transformers, and of state-spaces/mamba."""
    return _one_of(config, _transformers(config, "mamba"), _state_spaces(config))


def falcon_mamba(config: Config) -> tuple[Laws, ...]:
    """The laws of the mixer of Falcon-Mamba."""
    return (_transformers(config, "falcon_mamba"),)


def jamba(config: Config) -> tuple[Laws, ...]:
    """The laws of the mixer of Jamba, its step as its code for training draws it.

    In transformers the bias of the step of a fresh model is 0, which no trained model started from.
    """
    source = _source("jamba")
    deviation = _number(config, "initializer_range", 0.02)
    weights = ("dt_proj.weight", "x_proj.weight")
    drawn = {name: normal(itemgetter(name), source, deviation=deviation) for name in weights}
    return (_state(config, source) | drawn,)


def zamba(config: Config) -> tuple[Laws, ...]:
    """The laws of the mixer of Zamba."""
    source = _source("zamba")
    deviation = _number(config, "initializer_range", 0.02)
    drawn = {
        "dt_proj_weight sqrt(rank)": uniform(_scaled_step, source, low=-1.0, width=2.0),
        "x_proj_weight": normal(itemgetter("x_proj_weight"), source, deviation=deviation),
    }
    return (_state(config, source) | drawn,)


def vmamba(config: Config) -> tuple[Laws, ...]:
    """The laws of SS2D of VMamba with initialize="v0", the default; no config.json says another."""
    source = "MzeroMiko/VMamba, classification/models/vmamba.py"
    laws = {
        "log step": _log_step({}, source, _OWN),
        "A_n / -(n + 1)": constant(_over_integers, source, value=1.0),
        "Ds": constant(itemgetter("Ds"), source, value=1.0),
        "dt_projs_weight sqrt(rank)": uniform(_scaled_step, source, low=-1.0, width=2.0),
        "x_proj_weight sqrt(width)": uniform(_scaled_projection, source, low=-1.0, width=2.0),
    }
    return (laws,)


def heads(config: Config) -> tuple[Laws, ...]:
    """The laws of the mixer of Mamba-2: of transformers, and of state-spaces/mamba."""
    ours = _state(config, _source(str(config.get("model_type", "mamba2"))), "A_h / -(h + 1)")
    low, high = config.get("ssm_cfg", {}).get("A_init_range", (1, 16))
    source = "state-spaces/mamba, mamba_ssm/modules/mamba2.py"
    theirs = {
        "log step": _log_step(config.get("ssm_cfg", {}), source, _OWN),
        "-A": uniform(_rates, source, low=low, width=high - low),
        "D": constant(itemgetter("D"), source, value=1.0),
    }
    return _one_of(config, ours, theirs)


def gated_delta(config: Config) -> tuple[Laws, ...]:
    """The laws of Gated DeltaNet: of flash-linear-attention, and of Qwen3-Next in transformers."""
    kind = config.get("model_type")
    source = "fla-org/flash-linear-attention, fla/layers/gated_deltanet.py"
    names = {end: f"linear_{name}" for end, name in _OWN.items()}
    low, high = (config.get(f"linear_a_log_{end}", value) for end, value in _DELTA.items())
    theirs = {
        "log step": _log_step(config, source, names),
        "-A": uniform(_rates, source, low=low, width=high - low),
    }
    source = _source("qwen3_next")
    qwen = {
        "dt_bias": constant(itemgetter("dt_bias"), source, value=1.0),
        "-A": uniform(_rates, source, low=0.01, width=15.99),
    }
    if kind == "olmo_hybrid":
        return (theirs,)
    return (theirs, qwen) if kind is None else (qwen,)


def _one_of(config: Config, ours: Laws, theirs: Laws) -> tuple[Laws, ...]:
    """Those of the code that a config.json is for; without one both."""
    if "ssm_cfg" in config:
        return (theirs,)
    return (ours,) if "model_type" in config else (ours, theirs)


def _transformers(config: Config, name: str) -> Laws:
    source = _source(name)
    scale = _number(config, "time_step_scale", 1.0)
    weight = uniform(_scaled_step, source, low=-scale, width=2 * scale)
    if config.get("time_step_init_scheme") == "constant":
        weight = constant(_scaled_step, source, value=scale)
    deviation = _number(config, "initializer_range", 0.1)
    return _state(config, source) | {
        "dt_proj.weight sqrt(rank)": weight,
        "x_proj.weight": normal(itemgetter("x_proj.weight"), source, deviation=deviation),
    }


def _state_spaces(config: Config) -> Laws:
    """`Mamba` of mamba_simple.py; torch.nn.Linear draws its x_proj."""
    own = config.get("ssm_cfg", {})
    source = "state-spaces/mamba, mamba_ssm/modules/mamba_simple.py"
    scale = _number(own, "dt_scale", 1.0)
    weight = uniform(_scaled_step, source, low=-scale, width=2 * scale)
    if own.get("dt_init") == "constant":
        weight = constant(_scaled_step, source, value=scale)
    return {
        "log step": _log_step(own, source, _OWN),
        "A_n / -(n + 1)": constant(_over_integers, source, value=1.0),
        "D": constant(itemgetter("D"), source, value=1.0),
        "dt_proj.weight sqrt(rank)": weight,
        "x_proj.weight sqrt(width)": uniform(_scaled_projection, source, low=-1.0, width=2.0),
    }


def _state(config: Config, source: str, rates: str = "A_n / -(n + 1)") -> dict[str, Declared]:
    """The laws of all mixers of transformers: of the step, A = -1, -2, ... and D = 1."""
    names = {end: f"time_step_{end}" for end in _OWN}
    return {
        "log step": _log_step(config, source, names),
        rates: constant(_over_integers, source, value=1.0),
        "D": constant(itemgetter("D"), source, value=1.0),
    }


def _log_step(config: Config, source: str, names: Mapping[str, str]) -> Declared:
    """log step, uniform between two bounds; of steps raised to a floor nothing is said."""
    low = _number(config, names["min"], 1e-3)
    high = _number(config, names["max"], 1e-1)
    floor = _number(config, names["floor"], 1e-4)
    least = max(low, floor)

    def steps(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
        drawn = np.log(np.logaddexp(0, _first(arrays, _BIASES)))
        raised = np.abs(drawn - math.log(floor)) <= _FLOORED
        return drawn[~raised] if floor > low else drawn

    return uniform(steps, source, low=math.log(least), width=math.log(high / least))


def _rates(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    return np.exp(_first(arrays, ("A_log", "A_logs")))


def _over_integers(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """-A over 1, 2, 3, ... along the last axis."""
    rates = _rates(arrays)
    return rates / np.arange(1, rates.shape[-1] + 1)


def _scaled_step(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """The weight (..., H, R) of the step, times sqrt(R)."""
    weight = _first(arrays, ("dt_proj.weight", "dt_proj_weight", "dt_projs_weight"))
    return weight * math.sqrt(weight.shape[-1])


def _scaled_projection(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """The weight (..., X, H) that B, C and the step come from, times sqrt(H)."""
    weight = _first(arrays, ("x_proj.weight", "x_proj_weight"))
    return weight * math.sqrt(weight.shape[-1])


def _first(arrays: Mapping[str, np.ndarray], names: tuple[str, ...]) -> np.ndarray:
    """The array of the first of the names that is there; KeyError where none is, as of a lookup."""
    return arrays[next((name for name in names if name in arrays), names[0])]


def _source(name: str) -> str:
    return f"huggingface/transformers 5.24, models/{name}/modeling_{name}.py"


def _number(config: Config, name: str, default: float) -> float:
    """A positive number of a config.json."""
    value = config.get(name, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
        rule = f"{name!r} of config.json must be a positive number"
        raise ValueError(f"{rule}; got {value!r}. Correct it, or move the file away.")
    return float(value)
