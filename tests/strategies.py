"""The strategies of the property tests, beside those of `ssmlinalg.testing`."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ssmlinalg import discretize, export, forms, hippo, inits, perturb, testing
from ssmlinalg.forms import NPLR, Continuous
from ssmlinalg.ground.formats import EPS as EPS

orders = testing.orders()
measures = testing.measures()
corrected = st.sampled_from(hippo.CORRECTED)
lossless = st.sampled_from(testing.LOSSLESS)
taus = st.floats(0.02, 1.0)
seeds = st.integers(0, 2**32 - 1)
init_names = st.sampled_from(sorted(inits.INITS))
continuous_names = st.sampled_from(
    [name for name, make in sorted(inits.INITS.items()) if isinstance(make(2), Continuous)]
)


def nplr(measure: str, order: int) -> NPLR:
    """The matrices of a measure that has a low-rank correction, in coordinates that show it."""
    return hippo.orthonormal(measure, order)


def signal(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def models(names: st.SearchStrategy[str] = init_names, largest: int = 12) -> st.SearchStrategy[Any]:
    """A form made by some initialization."""
    return testing.models(names, largest=largest)


Given = tuple[Any, Any]  # what a target is given, and the form it stands for
Source = Callable[[int, int | None, int], Given]  # from an order, channels and a seed


def _same(form: Any) -> Any:
    return form


def _initialized(make: Any, change: Callable[[Any], Any] = _same) -> Source:
    """An initialization, changed."""

    def source(order: int, channels: int | None, seed: int) -> Given:
        form = change(make(order, channels=channels, seed=seed))
        return form, form

    return source


def _dense(make: Any, change: Callable[[Any], Any] = _same) -> Source:
    """A measure with a random readout, changed."""

    def source(order: int, channels: int | None, seed: int) -> Given:
        form = forms.to_dense(make(order))
        C = signal(seed, *form.C.shape)
        form = change(form._replace(C=C, step=np.asarray(1e-2)))
        return form, form

    return source


def _perturbed(order: int, channels: int | None, seed: int) -> Given:
    """A diagonalization, and its system from every input to every coefficient.

    The method scales its own input only. Inputs stand by row: the matrix is symmetric.
    """
    legs = hippo.legs(order)
    found = perturb.lossless(legs, conditioning=8.0)
    unit = np.eye(order)
    square = np.outer(legs.B, legs.B)
    A = legs.A + found.tau * square / 2
    inputs = unit - found.tau / 2 * square / (legs.B @ legs.B)
    return found, forms.Dense(A, inputs, unit[:, None], np.asarray(0.0), np.asarray(1.0))


def _heads(order: int, channels: int | None, seed: int) -> Given:
    """Mamba with one mode, as Mamba-2 has it."""
    form = inits.mamba_init(1, channels=channels, seed=seed)
    A = -np.random.default_rng(seed).uniform(1, 16, form.A.shape)
    form = form._replace(A=A + 0j)
    return form, form


def _decays(order: int, channels: int | None, seed: int) -> Given:
    """The heads of Gated DeltaNet, whose values start whole."""
    form = inits.mamba2_init(1, channels=channels, seed=seed)
    form = form._replace(C=1 / form.step[..., None] + 0j, D=np.zeros_like(form.D))
    return form, form


def _lossless_oscillators(order: int, channels: int | None, seed: int) -> Given:
    form = inits.linoss_init(order, channels=channels, scheme="imex", seed=seed)
    return form, form


def _sources() -> dict[str, Source]:
    """All there is to export."""
    made = {name: _initialized(make) for name, make in inits.INITS.items()}
    for name, make in inits.INITS.items():
        if isinstance(make(2), forms.Paired):
            made[f"{name}, both halves"] = _initialized(make, forms.unpair)
        if isinstance(make(2), Continuous):
            made[f"{name}, sampled"] = _initialized(make, discretize.zoh)
    measures = hippo.MEASURES.items()
    made |= {f"{name}, dense": _dense(make) for name, make in measures}
    made |= {f"{name}, dense, sampled": _dense(make, discretize.zoh) for name, make in measures}
    return made | {
        "mamba, one mode": _heads,
        "gated decays": _decays,
        "linoss, imex": _lossless_oscillators,
        "lossless": _perturbed,
    }


SOURCES = _sources()


@cache
def exports(target: str, length: int) -> st.SearchStrategy[Given]:
    """What a target takes, of all there is, with channels and without."""
    taken = [
        (name, channels)
        for name in SOURCES
        for channels in (None, 3)
        if _takes(target, SOURCES[name](4, channels, 0)[0], length)
    ]
    if not taken:
        raise AssertionError(f"nothing that there is to export goes to {target}")

    def drawn(chosen: tuple[str, int | None], order: int, seed: int) -> Given:
        name, channels = chosen
        return SOURCES[name](order, channels, seed)

    return st.builds(drawn, st.sampled_from(taken), st.integers(1, 17), seeds)


def _takes(target: str, given: Any, length: int) -> bool:
    """Whether a target takes the value, which it may refuse though it takes its type."""
    there = export.TARGETS[target]
    if type(given) not in there.takes:
        return False
    try:
        there.to(given, **({"length": length} if there.sized else {}))
    except ValueError:  # such as B where a layer has none
        return False
    return True
