"""What the property tests draw from: orders of both parities, whole catalogues, models, signals."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from ssmlinalg import hippo, inits
from ssmlinalg.forms import NPLR, Continuous

EPS = float(np.finfo(np.float64).eps)

orders = st.integers(1, 24)
measures = st.sampled_from(sorted(hippo.MEASURES))
corrected = st.sampled_from([name for name, make in hippo.MEASURES.items() if isinstance(make(2), NPLR)])
lossless = st.sampled_from(["legs", "lagt", "tlagt", "fout", "fourier2"])
taus = st.floats(0.02, 1.0)
seeds = st.integers(0, 2**32 - 1)
channels = st.one_of(st.none(), st.integers(1, 3))
init_names = st.sampled_from(sorted(inits.INITS))
continuous_names = st.sampled_from([name for name, make in sorted(inits.INITS.items()) if isinstance(make(2), Continuous)])


def nplr(measure: str, order: int) -> NPLR:
    """The matrices of a measure that has a low-rank correction."""
    system = hippo.MEASURES[measure](order)
    assert isinstance(system, NPLR)
    return system


def signal(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


@st.composite
def models(draw: Any, names: st.SearchStrategy[str] = init_names, largest: int = 12) -> Any:
    """A form made by some initialization."""
    return inits.INITS[draw(names)](draw(st.integers(1, largest)), channels=draw(channels), seed=draw(st.integers(0, 99)))
