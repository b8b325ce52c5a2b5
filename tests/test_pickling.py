"""What `perturb` and `hippo` return is plain data: it goes to other processes and comes back."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ssmlinalg import forms, hippo, perturb
from ssmlinalg.ground.ondemand import ORDER, OnDemand
from ssmlinalg.perturb.diagonalization import FIGURES

NPLR = [name for name, make in hippo.MEASURES.items() if isinstance(make(2), forms.NPLR)]
WAYS: dict[str, Callable[[Any], Any]] = {
    "pickle": lambda thing: pickle.loads(pickle.dumps(thing)),
    "deep copy": copy.deepcopy,
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("method", perturb.PERTURBATIONS)
def test_a_diagonalization_that_went_away_is_the_one_that_comes_back(method: str, way: str) -> None:
    found = perturb.PERTURBATIONS[method](hippo.legs(8))
    before = WAYS[way](found)  # no figure has been asked for yet
    figures = {name: getattr(found, name) for name in FIGURES}
    for other in (before, WAYS[way](found)):
        assert type(other) is type(found)
        assert {name: getattr(other, name) for name in FIGURES} == figures
        assert other.facts == found.facts
        for field in ("Lambda", "B", "V", "V_inv", "E", "A"):
            np.testing.assert_array_equal(getattr(other, field), getattr(found, field))


@pytest.mark.parametrize("measure", ["legs", "legt", "lagt", "fout"])
@pytest.mark.parametrize("way", WAYS)
def test_a_lossless_perturbation_comes_back_for_every_structure(measure: str, way: str) -> None:
    system: Any = hippo.MEASURES[measure](9)
    for tau in (0.3, 1.0):
        found = perturb.lossless(system, tau=tau, progress=lambda **_: None)
        other = WAYS[way](found)
        assert other.tau == found.tau
        assert other.transfer_error == found.transfer_error
        assert other.condition == found.condition
        np.testing.assert_array_equal(other.V_inv, found.V_inv)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("measure", NPLR)
def test_matrices_on_demand_come_back(measure: str, way: str) -> None:
    system: Any = hippo.MEASURES[measure](ORDER + 3)
    other = WAYS[way](system)
    some = np.array([0, 1, 17, ORDER])
    assert isinstance(other.A, OnDemand)
    np.testing.assert_array_equal(other.A[some, some], system.A[some, some])
    np.testing.assert_array_equal(WAYS[way](system.A.T)[some, some], system.A[some, some].T)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("measure", ["legs", "lagt", "fout"])
def test_factors_on_demand_come_back(measure: str, way: str) -> None:
    system: Any = hippo.MEASURES[measure](ORDER + 3)
    found = perturb.lossless(system, tau=0.3)
    other = WAYS[way](found)
    some = np.array([0, 1, 17, ORDER])
    for field in ("V", "V_inv", "E"):
        block = getattr(found, field)[some, some]
        np.testing.assert_array_equal(getattr(other, field)[some, some], block)


def test_a_perturbation_computed_in_another_process_is_the_same() -> None:
    system = hippo.legs(12)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        there = pool.apply(perturb.gaussian, (system,), {"size": 1e-3})
    here = perturb.gaussian(system, size=1e-3)
    np.testing.assert_array_equal(there.V, here.V)
    assert there.figures() == here.figures()
