"""Rows and columns drawn in the basis of the normal part are those of the dense definition."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from ssmlinalg import hippo, inits, perturb
from ssmlinalg.lossless.normal_part import NormalPart
from ssmlinalg.lossless.recognition import recognize
from ssmlinalg.perturb import lossless_figures

EXPANSIONS = 1e-6  # of `multipole`, relative to a row of length one
MEASURES = ["legs", "lagt", "tlagt", "fout", "fourier_decay"]


def real_eigenbasis(system: Any) -> np.ndarray:
    """[sqrt 2 Re v, sqrt 2 Im v, v] of the normal part, orthogonal."""
    found = perturb.lossless(system, tau=1.0)
    pairs = int(np.sum(found.Lambda.imag > 0))
    upper = np.sqrt(2) * found.V[:, :pairs]
    return np.concatenate([upper.real, upper.imag, found.V[:, 2 * pairs :].real], axis=-1)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("order", [1, 2, 5, 301])
@pytest.mark.parametrize("tau", [0.15, 0.9, 1.0])
def test_products_with_the_cauchy_matrix_are_those_of_the_definition(
    measure: str, order: int, tau: float
) -> None:
    system: Any = hippo.MEASURES[measure](order)
    structure = recognize(system.A, system.P)
    assert structure is not None
    normal, spectrum = structure.solve(1.0), structure.solve(tau)
    assert normal is not None
    assert spectrum is not None
    found = perturb.lossless(system, tau=tau)
    basis = NormalPart(normal, spectrum, tau)
    Q = real_eigenbasis(system)
    xi = np.random.default_rng(order).standard_normal((order, 3))
    C = basis.readout(xi.T)
    B = basis.drive(xi)
    scale = np.linalg.norm(xi) * found.condition
    assert np.linalg.norm(C - (Q @ xi).T @ found.V) <= EXPANSIONS * scale
    assert np.linalg.norm(B - found.V_inv @ (Q @ xi)) <= EXPANSIONS * scale


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("order", [48, 49])
def test_the_law_of_a_readout_is_that_of_normal_rows(
    measure: str, order: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cov C = V^* V and E C C^T = V^T V, exactly: of a normal c nothing else has to agree."""
    system: Any = hippo.MEASURES[measure](order)
    found = perturb.lossless(system, tau=0.2)
    V = found.V
    monkeypatch.setattr(lossless_figures, "ORDER", 16)
    rows = found.readout(np.eye(order))
    assert not np.allclose(rows, V)  # of another basis
    np.testing.assert_allclose(rows.conj().T @ rows, V.conj().T @ V, rtol=0, atol=EXPANSIONS)
    np.testing.assert_allclose(rows.T @ rows, V.T @ V, rtol=0, atol=EXPANSIONS)
    columns = found.drive(np.eye(order))
    expected = found.V_inv @ found.V_inv.conj().T
    scale = np.linalg.norm(expected)
    assert np.linalg.norm(columns @ columns.conj().T - expected) <= EXPANSIONS * scale
    np.testing.assert_allclose(columns @ rows, np.eye(order), rtol=0, atol=8 * EXPANSIONS)


@pytest.mark.parametrize("seed", [0, 1])
def test_an_order_of_a_hundred_thousand_takes_seconds(seed: int) -> None:
    start = time.process_time()
    model = inits.ptd_init(100_000, tau=0.2, seed=seed)
    assert time.process_time() - start < 20
    assert model.A.shape == (50_000,)
    assert model.A.real.max() < -0.5
    assert np.mean(np.abs(model.C) ** 2) == pytest.approx(1, abs=0.02)


def test_several_channels_and_blocks_of_a_large_order_are_drawn_alike() -> None:
    one = inits.ptd_init(4098, tau=0.2, seed=3)
    many = inits.ptd_init(4098, tau=0.2, seed=3, channels=2)
    np.testing.assert_array_equal(many.C[0], one.C)
    assert not np.array_equal(many.C[1], one.C)
    shared = inits.s5_ptd_init(2 * 4098, tau=0.2, blocks=2, channels=2)
    assert shared.B.shape == (4098, 2)
    assert shared.C.shape == (2, 4098)
    assert np.mean(np.abs(shared.C) ** 2) * 8196 == pytest.approx(2, abs=0.2)
