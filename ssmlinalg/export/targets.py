"""The catalogue of targets: a new one is an import and a line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..ground import require
from ..inits import INITS
from . import (
    annotated_s4,
    discretax,
    dlr,
    dss,
    gated_delta,
    griffin,
    linoss,
    lmu,
    lrnnx,
    lru,
    mamba,
    mamba_copies,
    mamba_gguf,
    plain,
    ptd,
    real,
    real_parameters,
    s4,
    s4_versions,
    s4d,
    s5,
    s5_pytorch,
    statespace,
    striped_hyena,
)
from .layout import Target
from .published import FIXED, Rates


class Catalogue(dict[str, Target]):
    """Targets by name; a name may go on with options of its layer: "s4:dt_transform=softplus".

    It lists the layers with the options that they have by default.
    """

    def __missing__(self, name: object) -> Target:
        found = self._with_options(name)
        if found is None:
            raise KeyError(name)
        return found

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or self._with_options(name) is not None

    def _with_options(self, name: object) -> Target | None:
        first, options = _parts(name) if isinstance(name, str) else ("", [])
        there = self.get(first)
        if there is None or there.variant is None or not options:
            return None
        chosen = dict(options)
        known = all(value in there.options.get(option, ()) for option, value in options)
        return there.variant(there, chosen) if known and len(chosen) == len(options) else None


def _parts(name: str) -> tuple[str, list[tuple[str, str]]]:
    """The layer that a name begins with, and its options and their values."""
    first, colon, rest = name.partition(":")
    options = [part.partition("=") for part in rest.split(",")] if colon else []
    return first, [(option.strip(), value.strip()) for option, _, value in options]


_LISTED: dict[str, Target] = {
    "s4": s4.TARGET,
    "s4-diag": s4.TARGET_DIAGONAL,
    "s4-v3": s4_versions.TARGET,
    "s4-diag-v3": s4_versions.TARGET_DIAGONAL,
    "s4-v2": s4_versions.TARGET_TWO,
    "s4d": s4d.TARGET,
    "discretax-s4d": discretax.TARGET,
    "annotated-s4": annotated_s4.TARGET,
    "annotated-s4d": annotated_s4.TARGET_DIAGONAL,
    "s5": s5.TARGET,
    "s5-full": s5.TARGET_FULL,
    "s5-pytorch": s5_pytorch.TARGET,
    "lrnnx-s5": lrnnx.TARGET,
    "dss": dss.TARGET_EXP,
    "dss-clip": dss.TARGET_CLIP,
    "dss-softmax": dss.TARGET_SOFTMAX,
    "dss-no-scale": dss.TARGET_EXP_NO_SCALE,
    "dss-clip-no-scale": dss.TARGET_CLIP_NO_SCALE,
    "dlr": dlr.TARGET,
    "minimal-lru": lru.TARGET,
    "ptd-mat": ptd.TARGET,
    "mamba": mamba.TARGET,
    "falcon-mamba": mamba.TARGET_FALCON,
    "jamba": mamba.TARGET_JAMBA,
    "zamba": mamba_copies.TARGET,
    "vmamba": mamba_copies.TARGET_DIRECTIONS,
    "mamba2": mamba.TARGET_MAMBA2,
    "mamba-gguf": mamba_gguf.TARGET,
    "mamba2-gguf": mamba_gguf.TARGET_HEADS,
    "gated-deltanet": gated_delta.TARGET,
    "griffin": griffin.TARGET,
    "recurrent-gemma": griffin.TARGET_TRANSFORMERS,
    "linoss": linoss.TARGET,
    "linoss-imex": linoss.TARGET_IMEX,
    "d-linoss": linoss.TARGET_DAMPED,
    "striped-hyena": striped_hyena.TARGET,
    "evo2": striped_hyena.TARGET_EVO2,
    "keras-lmu": lmu.TARGET,
    "statespace": statespace.TARGET,
    "real": real.TARGET,
    "ssm": real_parameters.TARGET,
    "plain": plain.TARGET,
}
TARGETS = Catalogue(_LISTED)

# The layer that each initialization was published with, where that is not the minimal S4D.
HOMES: dict[str, str] = dict.fromkeys(INITS, "s4d") | {
    "s4": "s4",
    "dss": "dss",
    "dss-softmax": "dss-softmax",
    "dss-no-scale": "dss-no-scale",
    "dlr": "dlr",
    "lru": "minimal-lru",
    "s5": "s5",
    "s5-ptd": "s5",
    "mamba": "mamba",
    "mamba2": "mamba2",
    "rg-lru": "griffin",
    "linoss": "linoss",
    "d-linoss": "d-linoss",
    "s4d-dfout": "ssm",
    "s4d-dfout-half": "ssm",
    "s4d-token": "ssm",
    "s4d-rndimag": "ssm",
}


def known_target(argument: str, name: Any) -> str:
    """One of `TARGETS`, which may go on with options of its layer.

    Args:
        argument: the name of the value in errors.
        name: anything.

    Returns:
        The name.

    Raises:
        ValueError: for an unknown target, option or value of an option, with what is known of it;
            for an option that is given twice.

    Example:
        >>> known_target("target", "s4:dt_transform=softplus")
        's4:dt_transform=softplus'
    """
    if isinstance(name, str) and name not in TARGETS:
        first, options = _parts(name)
        there = TARGETS.get(first)
        if there is not None and options:
            if not there.options:
                rule = f"`{argument}` must be {first!r} alone, for the layer has no options"
                raise ValueError(f"{rule}; got {require.said(name)}. Leave out what follows it.")
            for option, value in options:
                require.known(f"option of {first}", option, there.options)
                require.known(option, value, there.options[option])
            rule = f"`{argument}` must give each option once"
            raise ValueError(f"{rule}; got {require.said(name)}. Leave one out.")
    return require.known(argument, name, TARGETS)


# How published layers begin the names of the arrays that hold a field.
_HOLD = {
    "A": ("Lam", "A_", "G_", "nu_", "theta_", "a_param", "recurrent_param"),
    "B": ("B", "gamma_"),
    "C": ("C", "W"),
    "D": ("D",),
    "P": ("P",),
    "step": ("log_dt", "inv_dt", "log_step", "dt_", "steps"),
}


def recipe(name: str) -> dict[str, dict[str, Any]]:
    """How a published layer trains each field of a form.

    Args:
        name: one of `INITS`, for the layer that it was published with, or one of `TARGETS`.

    Returns:
        By field what `published.trains` returns. Fields that the layer does not have are absent.

    Raises:
        ValueError: for an unknown name.

    Example:
        >>> {field: rule["lr"] for field, rule in recipe("dss").items()}
        {'step': 'ssm', 'C': 'ssm', 'D': 'model', 'A': 'ssm'}
    """
    name = require.known("recipe", name, TARGETS | HOMES)
    training = TARGETS[HOMES.get(name, name)].training
    found: dict[str, dict[str, Any]] = {}
    for array, rule in training.items():
        parts = array.split(".")
        for field, starts in _HOLD.items():
            if any(part.startswith(starts) for part in parts):
                found.setdefault(field, rule)
    return found


def rates(name: str) -> Rates | None:
    """The learning rates and the weight decay with which a published model was trained.

    Args:
        name: one of `INITS`, for the layer that it was published with, or one of `TARGETS`.

    Returns:
        The numbers and the file that states them; None where no such file is known.

    Raises:
        ValueError: for an unknown name.

    Example:
        >>> rates("s4").ssm_lr, rates("s4").task
        (0.001, 'LRA Image')
    """
    name = require.known("recipe", name, TARGETS | HOMES)
    return TARGETS[HOMES.get(name, name)].rates


def trained(array: str, published: str | None = None) -> dict[str, Any]:
    """How an array of `nn.SSM` is trained.

    Args:
        array: its name, as "Paired.log_decay".
        published: a name that `recipe` takes, for how that layer trains the field that the array
            holds. None: as most layers do, A, B and the step at a rate of their own.

    Returns:
        What `published.trains` returns.

    Raises:
        ValueError: for an unknown name.

    Example:
        >>> trained("Paired.C")["lr"], trained("Paired.C", "dss")["lr"]
        ('model', 'ssm')
    """
    if published is None:
        return real_parameters.TRAINING[array]
    return recipe(published).get(real_parameters.field_of(array), FIXED)


def sized(target: str, length: int | None) -> dict[str, int]:
    """The `length` that `to` and `back` of a target take besides, where they take one."""
    if not TARGETS[target].sized:
        return {}
    if length is None:
        rule = f"`length` must be given for {target!r}, whose arrays depend on it"
        raise ValueError(f"{rule}; got None. Give that of its sequences.")
    return {"length": require.integer("length", length)}


def named_by(config: Mapping[str, Any]) -> tuple[str | None, Mapping[str, Any]]:
    """The target that a config.json names, and the part of the file that describes its layers.

    None and {} where it names none. In a model of several media, the part is that of the text.
    """
    for part in (config, *(value for value in config.values() if isinstance(value, dict))):
        for name, there in TARGETS.items():
            if part.get("model_type") in there.model_types:
                return name, part
    own = config.get("ssm_cfg")
    if isinstance(own, dict):  # state-spaces/mamba names no model
        return ("mamba2" if own.get("layer") == "Mamba2" else "mamba"), config
    return None, {}
