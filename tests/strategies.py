"""What the property tests draw from, beside `ssmlinalg.testing`: seeds, sizes of perturbations, and models in a fixed order."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from ssmlinalg import hippo, inits, testing
from ssmlinalg.forms import NPLR, Continuous

EPS = float(np.finfo(np.float64).eps)

orders = testing.orders()
measures = testing.measures()
corrected = st.sampled_from([name for name, make in hippo.MEASURES.items() if isinstance(make(2), NPLR)])
lossless = st.sampled_from(testing.LOSSLESS)
taus = st.floats(0.02, 1.0)
seeds = st.integers(0, 2**32 - 1)
init_names = st.sampled_from(sorted(inits.INITS))
continuous_names = st.sampled_from([name for name, make in sorted(inits.INITS.items()) if isinstance(make(2), Continuous)])


def nplr(measure: str, order: int) -> NPLR:
    """The matrices of a measure that has a low-rank correction."""
    system = hippo.MEASURES[measure](order)
    assert isinstance(system, NPLR)
    return system


def signal(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def models(names: st.SearchStrategy[str] = init_names, largest: int = 12) -> st.SearchStrategy[Any]:
    """A form made by some initialization."""
    return testing.models(names, largest=largest)
