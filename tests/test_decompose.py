"""The normal part is diagonalized by a unitary basis, always the same one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import EPS, corrected, nplr, orders

from ssmlinalg import decompose, forms, hippo, inits, perturb, reference
from ssmlinalg.forms import NPLR


def skew(order: int, seed: int) -> np.ndarray:
    X = np.random.default_rng(seed).standard_normal((order, order))
    return X - X.T


def defects(system: NPLR) -> tuple[float, float]:
    """Residual and orthogonality by the definition, in complex arithmetic."""
    Lambda, V, _, _ = decompose.eigenbasis(system)
    M = system.A + system.P @ system.P.T
    scale = np.linalg.norm(system.A) + np.linalg.norm(system.P) ** 2
    residual = np.linalg.norm(M @ V - V * Lambda) / (scale or 1.0)
    defect = np.linalg.norm(V.conj().T @ V - np.eye(len(V)))
    return float(residual), float(defect / np.sqrt(len(V)))


@given(corrected, st.one_of(orders, st.sampled_from([64, 127])))
def test_the_basis_is_unitary_and_diagonalizes(measure: str, order: int) -> None:
    system = nplr(measure, order)
    residual, orthogonality = defects(system)
    assert max(residual, orthogonality) <= 16 * EPS * np.sqrt(order)
    basis = decompose.eigenbasis(system)
    assert basis.residual == pytest.approx(residual, abs=4 * EPS * np.sqrt(order))
    assert basis.orthogonality == pytest.approx(orthogonality, abs=4 * EPS * np.sqrt(order))


@pytest.mark.parametrize("measure", ["legs", "lagt"])
def test_the_basis_of_many_sections_is_as_unitary_as_that_of_few(measure: str) -> None:
    """The last digit of a frequency turns the end of the chain, which is mended afterwards."""
    assert decompose.eigenbasis(nplr(measure, 200)).orthogonality <= 8 * EPS


def test_a_direction_that_b_all_but_holds_starts_no_vector() -> None:
    """What is left of e_0 beside B is 1e-10 long, and its own direction rounding to six digits."""
    B = np.array([1.0, 1e-10, 0])
    V = decompose.eigenbasis(NPLR(-np.eye(3), B, np.zeros((3, 1)))).V
    np.testing.assert_allclose(V, np.eye(3), atol=2e-10)


@given(corrected, orders)
def test_dplr_is_the_original_matrix_in_that_basis(measure: str, order: int) -> None:
    system = nplr(measure, order)
    form = decompose.diagonalize(system)
    V = decompose.eigenbasis(system).V
    scale = np.linalg.norm(system.A) + np.linalg.norm(system.P) ** 2
    again = V @ forms.to_dense(form).A @ V.conj().T
    assert np.linalg.norm(again - system.A) <= 32 * EPS * np.sqrt(order) * scale
    drive = np.linalg.norm(system.B)
    assert np.linalg.norm(V @ form.B - system.B) <= 32 * EPS * np.sqrt(order) * drive


@given(corrected, orders)
def test_order_and_phase_are_canonical(measure: str, order: int) -> None:
    system = nplr(measure, order)
    Lambda, V, _, _ = decompose.eigenbasis(system)
    pairs = int(np.sum(Lambda.imag > 0))
    assert np.all(np.diff(Lambda.imag[:pairs]) >= 0)
    np.testing.assert_array_equal(Lambda[pairs : 2 * pairs], Lambda[:pairs].conj())
    np.testing.assert_array_equal(V[:, pairs : 2 * pairs], V[:, :pairs].conj())
    assert not V[:, 2 * pairs :].imag.any()
    drive = V.conj().T @ system.B
    rounding = 16 * EPS * np.sqrt(order) * np.linalg.norm(system.B)
    assert np.abs(drive.imag).max() <= rounding
    assert drive.real.min() >= -rounding


@pytest.mark.parametrize("order", [1, 2, 3, 8, 16])
def test_legs_frequencies_are_those_of_the_phase_equation(order: int) -> None:
    expected = np.sort([float(w) for w in reference.legs_normal_spectrum(order)])
    got = np.sort(decompose.eigenbasis(hippo.legs(order)).Lambda.imag)
    np.testing.assert_allclose(got, expected, rtol=8 * EPS, atol=0)


def test_legs_frequencies_keep_relative_accuracy_from_the_smallest_to_the_largest() -> None:
    expected = np.sort([float(w) for w in reference.legs_normal_spectrum(257, digits=30)])
    got = np.sort(decompose.eigenbasis(hippo.legs(257)).Lambda.imag)
    np.testing.assert_allclose(got, expected, rtol=32 * EPS, atol=0)


@pytest.mark.parametrize("measure", ["legs", "lagt", "tlagt"])
@pytest.mark.parametrize("order", [1, 2, 7, 40])
def test_cascade_and_skew_routes_agree(measure: str, order: int) -> None:
    system = nplr(measure, order)
    M = system.A + system.P @ system.P.T
    # The same normal part without its low rank hides the cascade.
    hidden = NPLR(M, system.B, np.zeros((order, 0)))
    one = decompose.eigenbasis(system)
    other = decompose.eigenbasis(hidden)
    scale = float(np.linalg.norm(system.A) + np.linalg.norm(system.P) ** 2)
    np.testing.assert_allclose(one.Lambda, other.Lambda, rtol=0, atol=64 * EPS * scale)
    w = np.sort(one.Lambda.imag)
    gap = float(min(np.diff(w), default=1.0))
    turn = 64 * EPS * np.sqrt(order) * scale / gap
    np.testing.assert_allclose(one.V, other.V, rtol=0, atol=turn)


@given(st.integers(1, 40), st.integers(0, 99))
def test_any_skew_matrix_plus_a_shift(order: int, seed: int) -> None:
    system = NPLR(skew(order, seed) - 0.3 * np.eye(order), np.ones(order), np.zeros((order, 0)))
    assert max(defects(system)) <= 16 * EPS * np.sqrt(order)
    Lambda = decompose.eigenbasis(system).Lambda
    np.testing.assert_allclose(Lambda.real, -0.3, rtol=4 * EPS * order)


@given(st.integers(1, 6), st.integers(0, 99))
def test_repeated_eigenvalues_have_one_basis(order: int, seed: int) -> None:
    """Two rotations of the same thing: the eigenspaces are the same, so must the vectors be."""
    S = np.kron(np.eye(3), skew(order, seed))
    system = NPLR(S, np.arange(1.0, len(S) + 1), np.zeros((len(S), 0)))
    assert max(defects(system)) <= 32 * EPS * np.sqrt(len(S))
    swap = np.roll(np.arange(len(S)), order)
    turned = NPLR(S[np.ix_(swap, swap)], system.B[swap], system.P)
    one = decompose.eigenbasis(system)
    other = decompose.eigenbasis(turned)
    # Rounding turns an eigenspace by eps over its distance from others, relative.
    turn = 2.0**22 * EPS * float(np.linalg.norm(system.B))
    found = one.V.conj().T @ system.B
    np.testing.assert_allclose(found, other.V.conj().T @ turned.B, atol=turn)


@given(st.integers(1, 30), st.integers(0, 99))
def test_any_real_normal_matrix(order: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    Q, _ = np.linalg.qr(rng.standard_normal((order, order)))
    symmetric = Q @ np.diag(rng.integers(-2, 3, order)) @ Q.T
    for M in (Q, (symmetric + symmetric.T) / 2, Q @ Q, np.zeros((order, order))):
        assert max(defects(NPLR(M, np.ones(order), np.zeros((order, 0))))) <= 64 * EPS * order


def test_removing_the_diagonal_first_changes_nothing() -> None:
    """A published worry: Hermitian solvers are handed -i (A + P P^T) with its real part on an
    imaginary diagonal.
    """
    system = hippo.legs(64)
    M = system.A + system.P @ system.P.T
    kept = np.linalg.eigvalsh(-1j * M)
    removed = np.linalg.eigvalsh(-1j * (M + 0.5 * np.eye(64)))
    np.testing.assert_allclose(kept, removed, atol=8 * EPS * float(np.linalg.norm(M)))


def test_a_matrix_that_is_not_normal_is_refused() -> None:
    legs = hippo.legs(8)
    sentence = r"A \+ P P\^T must be normal; got a departure of 0\.\d+ of its size"
    with pytest.raises(ValueError, match=sentence):
        decompose.diagonalize(legs._replace(P=0.5 * legs.P))


@pytest.mark.parametrize("distance", [1e-4, 1e-5])
def test_a_basis_of_a_repeated_eigenvalue_is_orthogonal_however_close_its_seeds(
    distance: float,
) -> None:
    """The basis starts along B and goes on along e_0: here both are all but parallel."""
    Q, _ = np.linalg.qr(np.random.default_rng(5).standard_normal((6, 6)))
    space = Q[:, :3]
    along = space @ space[0]
    across = np.cross(space[0], np.ones(3))
    A = (Q * [1.0, 1, 1, 2, 3, 4]) @ Q.T
    for B in (along + distance * (space @ across), space[:, 0] + distance * space[:, 1]):
        system = NPLR((A + A.T) / 2, B, np.zeros((6, 0)))
        assert max(defects(system)) <= 16 * EPS * np.sqrt(6)
        V = decompose.eigenbasis(system).V
        np.testing.assert_allclose(np.sort(np.abs(V.conj().T @ B))[:-1], 0, atol=64 * EPS)


ON_THE_AXIS = ("legt", "lagt", "fout", "fourier2", "fourier_decay")


@pytest.mark.parametrize("measure", ON_THE_AXIS)
@pytest.mark.parametrize("order", [1, 2, 3, 8, 9, 64, 127])
def test_a_real_part_known_to_be_zero_is_zero(measure: str, order: int) -> None:
    """sigma = 0 of all measures but the damped ones, however P^2 rounds."""
    system = nplr(measure, order)
    for scale in (1.0, 1 / 3, 1e6):
        scaled = system._replace(A=scale * system.A, P=np.sqrt(scale) * system.P)
        for found in (decompose.eigenbasis(scaled), decompose.diagonalize(scaled)):
            assert not found.Lambda.real.any()
        assert not perturb.lossless(scaled, tau=1.0).Lambda.real.any()
    assert not inits.s4_init(order, measure=measure).Lambda.real.any()


def test_a_small_real_part_that_rounding_does_not_explain_is_kept() -> None:
    legt = hippo.legt(16)
    shifted = legt._replace(A=legt.A - 1e-12 * np.eye(16))
    assert decompose.eigenbasis(shifted).Lambda.real == pytest.approx(-1e-12, rel=0.1)


@pytest.mark.parametrize("order", [2, 9, 32])
def test_the_whole_perturbation_of_two_columns_is_the_unitary_normal_part(order: int) -> None:
    system = hippo.legt(order)
    found = perturb.lossless(system, tau=1.0)
    M = system.A + system.P @ system.P.T
    assert np.linalg.norm((found.V * found.Lambda) @ found.V_inv - M) <= 64 * EPS * np.sum(abs(M))
    assert found.condition == pytest.approx(1, abs=64 * EPS * order)
    assert found.sigma == 0.0
    assert np.isinf(found.transfer_error)
