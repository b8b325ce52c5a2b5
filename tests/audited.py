"""Helpers of the tests of audits: layers of every target, and what is said of them."""

from __future__ import annotations

import os
import re
from functools import cache
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from strategies import SOURCES

from ssmlinalg import inits
from ssmlinalg.audit import audit
from ssmlinalg.audit.spectrum_checks import stores_halves
from ssmlinalg.export import TARGETS
from ssmlinalg.perturb import Diagonalization

LENGTH = 64
EPS = float(np.finfo(np.float32).eps)  # of the arrays that most layers hold
laws = settings(max_examples=150 if os.environ.get("HYPOTHESIS_PROFILE") == "long" else 4)
seeds = st.integers(0, 2**32 - 1)
# The initializations that draw as these targets declare; what others sample is not drawn.
OWN = {
    "dss-softmax": "dss-softmax",
    "dlr": "dlr",
    "minimal-lru": "lru",
    "s4": "s4",
    "linoss": "linoss",
    "d-linoss": "d-linoss",
}
# A that is drawn, or other in each channel, is no formula to a layer whose channels share one A;
# two are wrong on purpose.
UNKNOWN = re.compile(r"s4d-legs-clipped|mamba, one mode|s4d-rand")


@cache
def small(name: str) -> Any:
    return SOURCES[name](4, 2, 0)[0]


@cache
def sources(target: str) -> list[str]:
    """The names of what its own kind of layer starts from, of all there is to export to it."""
    there = TARGETS[target]
    names = []
    for name in SOURCES:
        try:
            made = small(name)
            if type(made) is there.takes[0] or isinstance(made, Diagonalization):
                there.to(made, **options(target))
                own = OWN.get(target, name) == name
                names += [name] * (own and not UNKNOWN.search(name) and type(made) in there.takes)
        except (TypeError, ValueError):
            continue
    return names


def options(target: str) -> dict[str, int]:
    return {"length": LENGTH} if TARGETS[target].sized else {}


@st.composite
def healthy(
    draw: Any,
    target: str,
    least: int = 2,
    *,
    channels: int | None = None,
    without: tuple[str, ...] = (),
) -> dict[str, np.ndarray]:
    """The arrays of a layer as our inits fill it, but those of the names in `without`."""
    if target == "mamba2":  # one mode for each head, and the spectrum across the heads
        form: Any = inits.mamba_init(
            1,
            channels=draw(st.integers(12, 40)) if channels is None else channels,
            seed=draw(seeds),
        )
        return TARGETS[target].to(form._replace(A=-1.0 - np.arange(len(form.A))[:, None]))
    name = draw(st.sampled_from([name for name in sources(target) if name not in without]))
    order = draw(st.integers(least, 12))
    width = draw(st.integers(12, 40)) if channels is None else channels
    try:
        made = SOURCES[name](order, width, draw(seeds))[0]
        return TARGETS[target].to(made, **options(target))
    except ValueError:  # an even order, or another that the layer has no place for
        return draw(healthy(target, least, channels=channels, without=without))


def look(arrays: Any, target: str, **more: Any) -> Any:
    return audit(arrays, target=target, length=LENGTH, **more)


def kinds(found: Any) -> set[str]:
    return {finding.kind for finding in found.findings}


def accused(found: Any, kind: str) -> set[str]:
    return {finding.array for finding in found.findings if finding.kind == kind}


def message(found: Any, kind: str) -> str:
    """The sentence of the first finding of a kind."""
    return next(finding.message for finding in found.findings if finding.kind == kind)


def stepped(target: str) -> str:
    """The array that holds the steps of a target."""
    return next(
        name
        for name in TARGETS[target].layout
        if re.search(r"(log_dt|inv_dt|log_step|dt_bias|dt_proj\.bias|dt_projs?_bias)$", name)
    )


# Qwen3-Next starts Gated DeltaNet with ones.
STEPPED = [
    name
    for name, there in TARGETS.items()
    if "log step" in there.declared and name != "gated-deltanet"
]
HALVES = [name for name in TARGETS if stores_halves(name)]
