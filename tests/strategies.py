"""What the property tests draw from, beside `ssmlinalg.testing`: seeds, sizes of perturbations, and
models in a fixed order.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ssmlinalg import discretize, export, forms, hippo, inits, perturb, testing
from ssmlinalg.forms import NPLR, Continuous

EPS = float(np.finfo(np.float64).eps)

orders = testing.orders()
measures = testing.measures()
corrected = st.sampled_from(
    [name for name, make in hippo.MEASURES.items() if isinstance(make(2), NPLR)]
)
lossless = st.sampled_from(testing.LOSSLESS)
taus = st.floats(0.02, 1.0)
seeds = st.integers(0, 2**32 - 1)
init_names = st.sampled_from(sorted(inits.INITS))
continuous_names = st.sampled_from(
    [name for name, make in sorted(inits.INITS.items()) if isinstance(make(2), Continuous)]
)


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


def _sources() -> dict[str, Any]:
    """All there is to export: from an order, channels and a seed to what a target is given, and the
    form it stands for.
    """

    def plain(make: Any, change: Any = lambda form: form) -> Any:
        def source(order: int, channels: int | None, seed: int) -> tuple[Any, Any]:
            form = change(make(order, channels=channels, seed=seed))
            return form, form

        return source

    def dense(make: Any, change: Any = lambda form: form) -> Any:
        def source(order: int, channels: int | None, seed: int) -> tuple[Any, Any]:
            form = forms.to_dense(make(order))
            form = change(form._replace(C=signal(seed, *form.C.shape), step=np.asarray(1e-2)))
            return form, form

        return source

    def perturbed(order: int, channels: int | None, seed: int) -> tuple[Any, Any]:
        found = perturb.lossless(hippo.legs(order), conditioning=8.0)
        b, one = hippo.legs(order).B, np.eye(order)
        E = found.tau * np.outer(b, b) / 2
        inputs = one - found.tau / 2 * np.outer(b, b) / (
            b @ b
        )  # what the method scales is its own input
        # From every input to every coefficient: inputs by row, for the matrix is symmetric.
        return found, forms.Dense(
            hippo.legs(order).A + E, inputs, one[:, None], np.asarray(0.0), np.asarray(1.0)
        )

    def heads(order: int, channels: int | None, seed: int) -> tuple[Any, Any]:
        form = inits.mamba_init(1, channels=channels, seed=seed)
        form = form._replace(A=-np.random.default_rng(seed).uniform(1, 16, form.A.shape) + 0j)
        return form, form

    made = {name: plain(make) for name, make in inits.INITS.items()}
    for name, make in inits.INITS.items():
        if isinstance(make(2), forms.Paired):
            made[f"{name}, both halves"] = plain(make, forms.unpair)
        if isinstance(make(2), Continuous):
            made[f"{name}, sampled"] = plain(make, discretize.zoh)
    made |= {f"{name}, dense": dense(make) for name, make in hippo.MEASURES.items()}
    made |= {
        f"{name}, dense, sampled": dense(make, discretize.zoh)
        for name, make in hippo.MEASURES.items()
    }
    return made | {"mamba, one mode": heads, "lossless": perturbed}


SOURCES = _sources()


@cache
def exports(target: str, length: int) -> st.SearchStrategy[Any]:
    """What a target takes, of all there is, with channels and without, and the form each stands
    for.
    """
    there = export.TARGETS[target]
    options = {"length": length} if there.sized else {}
    taken = []
    for name, source in SOURCES.items():
        for channels in (None, 3):
            given = source(4, channels, 0)[0]
            if type(given) in there.takes:
                try:
                    there.to(given, **options)
                except (
                    ValueError
                ):  # a type it takes and a value it does not, such as B where a layer has none
                    continue
                taken.append((name, channels))
    if not taken:
        raise AssertionError(f"nothing that there is to export goes to {target}")
    return st.builds(
        lambda chosen, order, seed: SOURCES[chosen[0]](order, chosen[1], seed),
        st.sampled_from(taken),
        st.integers(1, 17),
        seeds,
    )
