"""What LAPACK returns is looked at: with a fault in it a function refuses, or does not use it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gallery
import numpy as np
import pytest
import scipy.linalg
from hypothesis import given
from hypothesis import strategies as st
from strategies import EPS

from ssmlinalg import forms, matrices, perturb
from ssmlinalg.matrices import factorizations, shifted

ORDER = 12
A = gallery.grcar(ORDER) - 2 * np.eye(ORDER)
SYSTEM = forms.Dense(A, np.ones(ORDER), np.eye(ORDER)[0], np.asarray(0.0), np.asarray(1.0))
FAULT = 1e-10  # relative: LAPACK's own errors are 1e-15

FUNCTIONS: dict[str, Callable[[], Any]] = {
    "condeig": lambda: matrices.condeig(A),
    "departure": lambda: matrices.departure(A),
    "exponential_bound": lambda: perturb.exponential_bound(perturb.gaussian(A, size=1e-6), 1.0),
    "gaussian": lambda: perturb.gaussian(A, size=1e-6).Lambda,
    "gaussian of several": lambda: perturb.gaussian(A, size=1e-6, tries=2).Lambda,
    "complex_gaussian": lambda: perturb.complex_gaussian(A, size=1e-6).Lambda,
    "column": lambda: perturb.column(A, size=1e-2, iterations=3).Lambda,
    "kreiss": lambda: matrices.kreiss(A),
    "minimize": lambda: perturb.minimize(A, gamma=1e3, iterations=3).Lambda,
    "numerical_abscissa": lambda: matrices.numerical_abscissa(A),
    "numerical_range": lambda: matrices.numerical_range(A, 12),
    "optimal": lambda: perturb.least_transfer_error.searched(SYSTEM, iterations=2).Lambda,
    "profile": lambda: matrices.profile(A, points=4),
    "pseudospectral_abscissa": lambda: matrices.pseudospectral_abscissa(A, 1e-2),
    "pseudospectrum": lambda: matrices.pseudospectrum(A, points=4),
    "resolvent_bound": lambda: perturb.resolvent_bound(perturb.gaussian(A, size=1e-6), 1j),
    "transient_growth": lambda: matrices.transient_growth(A),
    "window": lambda: matrices.window(A, 4),
}
ROUTINES = [
    (np.linalg, "eig"),
    (np.linalg, "eigvalsh"),
    (np.linalg, "svd"),
    (scipy.linalg, "eig"),
    (scipy.linalg, "eigh"),
    (scipy.linalg, "schur"),
]


def spoiled(found: Any) -> Any:
    """Every array of a result a little off, at random and by as much."""
    if isinstance(found, np.ndarray):
        rng = np.random.default_rng(1)
        return found * (1 + FAULT * rng.uniform(1, 2, found.shape))
    return (
        type(found)(*map(spoiled, found)) if hasattr(found, "_fields") else [*map(spoiled, found)]
    )


def gives_up(*_: Any, **__: Any) -> Any:
    raise np.linalg.LinAlgError("Eigenvalues did not converge")


@pytest.mark.parametrize(("library", "routine"), ROUTINES, ids=lambda part: str(part)[:12])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_refuses_an_eigensolver_that_errs_or_never_calls_it(
    monkeypatch: pytest.MonkeyPatch, name: str, library: Any, routine: str
) -> None:
    truth = FUNCTIONS[name]()
    right = getattr(library, routine)
    called: list[bool] = []

    def wrong(*arguments: Any, **options: Any) -> Any:
        called.append(True)
        return spoiled(right(*arguments, **options))

    monkeypatch.setattr(library, routine, wrong)
    found = outcome(name)
    if called and not used_in_a_search_only(name, routine):
        assert "times its rounding" in str(found)
    elif not called:
        assert repr(found) == repr(truth)


def outcome(name: str) -> Any:
    """The result of a function, or the error that it raises."""
    try:
        return FUNCTIONS[name]()
    except ValueError as error:
        return error


def used_in_a_search_only(name: str, routine: str) -> bool:
    """What only steers a search is not looked at: the model that it ends with is."""
    return (name, routine) in {("optimal", "svd"), ("column", "svd"), ("minimize", "svd")}


def test_where_lapack_gives_up_a_norm_is_refused_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """That its bounds hold for an eigensolver that errs is tested in test_h_infinity."""
    monkeypatch.setattr(np.linalg, "eigvals", gives_up)
    with pytest.raises(ValueError, match="must be one that LAPACK can factor; got 'Eigenvalues"):
        matrices.hinf(A, np.eye(ORDER), np.eye(ORDER))


@pytest.mark.parametrize(("library", "routine"), ROUTINES, ids=lambda part: str(part)[:12])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_where_lapack_gives_up_it_is_said_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, name: str, library: Any, routine: str
) -> None:
    truth = FUNCTIONS[name]()
    monkeypatch.setattr(library, routine, gives_up)
    found = outcome(name)
    if isinstance(found, ValueError):
        assert not isinstance(found, np.linalg.LinAlgError)
        assert "must be one that LAPACK can factor; got 'Eigenvalues did not" in str(found)
    else:
        assert repr(found) == repr(truth)


def test_a_proof_does_not_need_lapack(monkeypatch: pytest.MonkeyPatch) -> None:
    """With eigenvectors that are wrong, and with none."""
    abscissa = float(np.linalg.eigvals(A).real.max())
    right = np.linalg.eig
    for wrong in (gives_up, lambda M: spoiled(right(M))):
        monkeypatch.setattr(np.linalg, "eig", wrong)
        assert matrices.proved_abscissa(A) >= abscissa


@pytest.mark.parametrize("name", gallery.GALLERY)
@pytest.mark.parametrize("order", [3, 20])
def test_nothing_that_lapack_can_do_is_refused(name: str, order: int) -> None:
    M = gallery.GALLERY[name](order)
    size = np.linalg.norm(M)
    T, Q = factorizations.schur(M)
    assert np.linalg.norm(M - Q @ T @ Q.conj().T) <= factorizations.rounding(len(M)) * size
    factorizations.eigenpairs(M)
    Lambda, V, W = factorizations.both_eigenpairs(M)
    for U in (V, W):
        np.testing.assert_allclose(np.linalg.norm(U, axis=0), 1, rtol=len(M) * EPS)
    assert len(Lambda) == len(M)


@given(st.integers(0, 2**16), st.integers(1, 12), st.floats(0, 140))
def test_entries_over_many_powers_of_ten_are_balanced_not_refused(
    seed: int, order: int, span: float
) -> None:
    """Eigenvalues of a triangle scaled by diagonal matrices, which are known."""
    rng = np.random.default_rng(seed)
    scale = 10.0 ** rng.uniform(-span / 2, span / 2, order)
    M = rng.standard_normal((order, order)) * scale[:, None] / scale
    found = np.sort_complex(matrices.condeig(M).Lambda)
    kappa = matrices.condeig(M / scale[:, None] * scale).condition
    exact = np.sort_complex(np.linalg.eigvals(M / scale[:, None] * scale))
    apart = np.abs(found[:, None] - exact).min(axis=0)
    assert np.all(
        apart <= 256 * order * EPS * np.linalg.norm(M / scale[:, None] * scale) * kappa.max()
    )


@pytest.mark.parametrize("seed", range(12))
def test_entries_over_three_hundred_powers_of_ten_have_eigenvalues(seed: int) -> None:
    """Those of a balanced matrix, without a warning; kappa_j says what they are worth."""
    rng = np.random.default_rng(seed)
    M = rng.standard_normal((10, 10)) * 10.0 ** rng.uniform(-150, 150, (10, 10))
    Lambda, V = factorizations.eigenpairs(M)
    assert np.all(np.isfinite(Lambda))
    np.testing.assert_allclose(np.linalg.norm(V, axis=0), 1, rtol=64 * EPS)
    assert np.abs(matrices.condeig(M).Lambda).max() == pytest.approx(np.abs(Lambda).max())
    matrices.profile(M, points=2)


@pytest.mark.parametrize("power", [-1000, -540, -400, 400, 540, 1000])
def test_eigenvalues_of_a_matrix_of_any_size_are_those_of_its_multiple(power: int) -> None:
    """scipy.linalg.eig of some builds is wrong by 10^20 beyond 2^486."""
    V, Lambda, kappa = matrices.condeig(A)
    scaled = matrices.condeig(np.ldexp(A, power))
    np.testing.assert_array_equal(scaled.V, V)
    np.testing.assert_array_equal(scaled.condition, kappa)
    np.testing.assert_array_equal(np.ldexp(scaled.Lambda.real, -power), Lambda.real)
    drawn = perturb.gaussian(A, size=1e-6)
    again = perturb.gaussian(np.ldexp(A, power), size=1e-6)
    assert again.condition == pytest.approx(drawn.condition, rel=1e-6)
    assert again.backward_error == pytest.approx(1e-6, rel=1e-6)
    for figure in ("residual", "factorization_error"):
        assert getattr(drawn, figure) / 9 < getattr(again, figure) < 9 * getattr(drawn, figure)
    figures = matrices.profile(A, points=3)
    of_multiple = matrices.profile(np.ldexp(A, power), points=3)
    assert of_multiple.condition == pytest.approx(figures.condition, rel=1e-9)
    assert 0 < of_multiple.residual < 1e-14
    assert of_multiple.kreiss.lower == pytest.approx(figures.kreiss.lower, rel=1e-6)


def test_the_smallest_numbers_are_numbers() -> None:
    """Denormal entries, which are integers in their own unit."""
    unit = 2.0**-1074
    J = np.array([[3, 1], [-1, 1]])  # defective, eigenvalue 2
    assert np.abs(matrices.condeig(J * unit).Lambda - 2 * unit).max() <= unit
    assert matrices.numerical_abscissa(J * unit) == 3 * unit
    assert matrices.profile(J * unit, points=2).norm == pytest.approx(4 * unit, abs=unit)


def test_a_residual_in_balanced_coordinates_is_a_residual() -> None:
    """Random columns over 12 orders: |A v - lambda v| is above rounding, and is allowed for."""
    M = gallery.stiff(ORDER)
    Lambda, V = factorizations.eigenpairs(M)
    rest = np.linalg.norm(M @ V - V * Lambda, axis=0)
    assert rest.max() > factorizations.rounding(ORDER) * np.linalg.norm(M)
    T = shifted.triangular(M)[0]
    largest = np.abs(np.diag(T)).max()
    assert np.abs(Lambda).max() == pytest.approx(largest, rel=1e-10)
