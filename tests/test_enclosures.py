"""Proofs of where a spectrum lies are never wrong, and about as sharp as doubles allow."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from gallery import GALLERY, companion, frank, jordan, random, rotated, toeplitz, unitary
from hypothesis import given
from hypothesis import strategies as st
from strategies import EPS, lossless, nplr, orders, seeds, taus

from ssmlinalg import hippo, perturb, reference
from ssmlinalg.matrices import (
    Enclosure,
    condeig,
    condition_numbers,
    discs,
    enclose,
    hinf,
    proved_abscissa,
    proved_below,
)

mp = mpmath.MPContext()
mp.dps = 60
EXACT = 1e-50  # ten digits short of what is computed above

fields = st.booleans()
small = st.integers(1, 8)
hard = st.builds(
    lambda name, order: GALLERY[name](order),
    st.sampled_from(sorted(GALLERY)),
    st.integers(1, 20),
)


def lost(A: np.ndarray) -> float:
    """The rounding errors that a proof allows for."""
    return 16 * (len(A) + 4) ** 2.5 * EPS * float(np.linalg.norm(A))


def sound(found: Enclosure, exact: Enclosure) -> None:
    """The discs of `found` hold the spectrum that `exact` knows better, and an isolated one holds
    one eigenvalue.
    """
    away = np.abs(exact.center[:, None] - found.center)
    near = away <= (found.radius + exact.radius[:, None]) * (1 + 8 * EPS)
    assert near.any(axis=1).all()
    np.testing.assert_array_equal(near.sum(axis=0)[found.isolated], 1)
    assert exact.center.real.max() <= found.abscissa + exact.radius.max()


@given(hard)
def test_discs_hold_the_exact_spectrum(A: np.ndarray) -> None:
    Lambda, V = np.linalg.eig(A)
    sound(discs(A, V, Lambda), enclose(A))


@given(seeds, small, fields, st.floats(1e-12, 1))
def test_discs_are_right_whatever_eigenvectors_they_are_given(
    seed: int, order: int, imag: bool, wrong: float
) -> None:
    A = random(seed, order, imag=imag)
    Lambda, V = np.linalg.eig(A)
    V = V + wrong * random(seed + 1, order)
    Lambda = Lambda + wrong * random(seed + 2, order)[0]
    sound(discs(A, V, Lambda), enclose(A))


def test_discs_hold_what_rounding_hides() -> None:
    """Here A V - V Lambda, as computed, is exactly zero, and the eigenvalues are 1 +- 2^-60."""
    tiny = 2.0**-60
    A = np.array([[1, tiny], [tiny, 1]])
    V = np.array([[1.0, 1], [1, -1]])
    assert not (A @ V - V).any()
    found = discs(A, V, np.ones(2))
    assert np.all(found.radius >= tiny)
    sound(found, enclose(A))


def test_discs_hold_what_underflow_hides() -> None:
    """Here every product is zero, as computed, and the eigenvalues are 2^-1074."""
    found = discs(5e-324 * np.eye(2), 0.4 * np.eye(2), np.zeros(2))
    assert np.all(found.radius >= 5e-324)


@given(seeds, st.integers(2, 5), st.floats(1e-14, 1e-6))
def test_radii_are_not_below_the_row_sums_they_stand_for(
    seed: int, order: int, least: float
) -> None:
    """Also where V^{-1} is known to a few digits only, or none: then V cannot be proved regular."""
    A = random(seed, order)
    wrong = random(seed + 1, order)[0]
    V = unitary(seed + 2, order) * np.geomspace(1, least, order) @ unitary(seed + 3, order)
    exact = mp.matrix(V.tolist())
    F = mp.inverse(exact) * mp.matrix(A.tolist()) * exact - mp.diag(wrong.tolist())
    for j, radius in enumerate(discs(A, V, wrong).radius):
        assert mp.fsum(abs(F[j, k]) for k in range(order)) <= radius


def test_discs_hold_what_an_approximate_inverse_hides() -> None:
    """V is singular but for its last digits, so its computed inverse is none."""
    A = np.array([[1.0, 1e-6], [0, 2]])
    for nearly in (1e-15, 1e-13, 1e-10):
        sound(
            discs(A, np.array([[1.0, 1], [1, 1 + nearly]]), np.array([1.0, 2])),
            enclose(A),
        )


@given(seeds, orders, fields)
def test_discs_are_as_small_as_stated(seed: int, order: int, imag: bool) -> None:
    A = random(seed, order, imag=imag)
    Lambda, V = np.linalg.eig(A)
    assert np.all(discs(A, V, Lambda).radius <= lost(A) * condition_numbers(V))


@pytest.mark.parametrize(
    "V",
    [np.zeros((2, 2)), np.ones((2, 2)), np.array([[1, 1], [1, 1 + EPS]]), 1e308 / 2 * np.eye(2)],
)
def test_discs_without_eigenvectors_prove_nothing(V: np.ndarray) -> None:
    found = discs(np.diag([1e300, 2.0]), V, np.array([1.0, 2.0]))
    np.testing.assert_array_equal(found.radius, np.inf)
    assert found.abscissa == np.inf
    assert not found.isolated.any()


def test_discs_that_touch_are_not_isolated() -> None:
    A = np.diag([0.0, 1, 5])
    found = discs(A, np.eye(3), np.array([0.25, 0.75, 5]) + 0j)
    np.testing.assert_allclose(found.radius, [0.25, 0.25, 0], atol=1e3 * EPS)
    np.testing.assert_array_equal(
        discs(A, np.eye(3), np.array([0.5, 0.5, 5]) + 0j).isolated, [False, False, True]
    )
    np.testing.assert_array_equal(discs(A, np.eye(3), np.diag(A)).isolated, True)


@given(seeds, st.integers(1, 24), fields)
def test_a_triangular_matrix_has_its_diagonal_as_spectrum(
    seed: int, order: int, imag: bool
) -> None:
    A = np.triu(random(seed, order, imag=imag))
    A[0, 0] = A[-1, -1]
    found = enclose(A)
    held = np.abs(np.diag(A)[:, None] - found.center) <= found.radius
    assert held.any(axis=0).all()
    assert held.any(axis=1).all()
    np.testing.assert_array_equal(
        ~found.isolated, (order > 1) & (np.abs(found.center - A[-1, -1]) <= found.radius)
    )


@given(seeds, small, fields)
def test_enclosures_hold_the_eigenvalues_of_the_reference(
    seed: int, order: int, imag: bool
) -> None:
    A = random(seed, order, imag=imag)
    found = enclose(A)
    for value in reference.eigenvalues(A):
        away = [abs(value - mp.convert(complex(c))) for c in found.center]
        assert (
            sum(distance <= radius for distance, radius in zip(away, found.radius, strict=True))
            == 1
        )
    assert found.isolated.all()


@given(hard)
def test_enclosures_are_as_small_as_stated(A: np.ndarray) -> None:
    found = enclose(A)
    assert np.all(found.radius <= 4 * EPS * np.abs(found.center) + 2.0**-200 * np.linalg.norm(A))
    assert len(found.center) == len(A)
    assert np.all(np.diff(found.center.imag) >= 0)
    trace = np.trace(A)
    rounding = len(A) ** 2 * EPS * np.linalg.norm(A)
    assert abs(found.center.sum() - trace) <= found.radius.sum() + 4 * rounding


@pytest.mark.parametrize("value", [0.0, -0.5, 1e-300, 3e100, 2 - 1j])
@pytest.mark.parametrize("order", [1, 2, 9, 40])
def test_a_jordan_block_has_one_eigenvalue_as_often_as_its_order(
    order: int, value: complex
) -> None:
    for A in (jordan(order, value), jordan(order, value).T):
        found = enclose(A)
        assert len(found.center) == order
        assert np.all(np.abs(found.center - value) <= found.radius)
        assert np.all(found.radius <= 4 * EPS * abs(value) + 2.0**-200 * order)
        np.testing.assert_array_equal(found.isolated, order == 1)
        assert np.real(value) <= found.abscissa <= np.real(value) + EPS * abs(np.real(value))


@pytest.mark.parametrize("turn", [1.0, 1j, 1 + 1j])
@pytest.mark.parametrize("order", [1, 2, 17, 48])
def test_a_toeplitz_matrix_has_cosines_as_spectrum_however_far_from_normal(
    order: int, turn: complex
) -> None:
    found = enclose(turn * toeplitz(order))
    turn = mp.convert(turn)
    for k in range(1, order + 1):
        value = turn * (2 * mp.cospi(mp.mpf(k) / (order + 1)) - 1)
        away = [
            abs(value - mp.convert(complex(c))) - r
            for c, r in zip(found.center, found.radius, strict=True)
        ]
        assert sum(distance <= EXACT for distance in away) == 1


def test_no_eigenvalue_is_lost_however_far_apart_the_entries_are() -> None:
    A = np.array([[1e-300 - 1e10j, 1.0], [0, 1e200 - 1j]])
    found = enclose(A)
    assert np.all(np.abs(found.center - np.diag(A)) <= found.radius)
    assert np.all(found.radius <= 4 * EPS * np.abs(found.center) + 2.0**-200 * 1e200)
    assert np.abs(enclose(A[:1, :1]).center - A[0, 0]) <= enclose(A[:1, :1]).radius


@pytest.mark.parametrize("order", [1, 2, 8, 15])
def test_a_companion_matrix_has_the_roots_it_was_made_of(order: int) -> None:
    roots = np.arange(1, order + 1)
    found = enclose(companion(roots))
    assert np.all(np.abs(np.sort(found.center.real) - roots) <= found.radius)
    assert found.isolated.all()
    assert order <= found.abscissa <= order * (1 + EPS)


@pytest.mark.parametrize("order", [2, 7, 16])
def test_eigenvalues_of_frank_are_reciprocal_in_pairs(order: int) -> None:
    found = enclose(frank(order))
    np.testing.assert_allclose(found.center[::-1].real * found.center.real, 1, rtol=16 * EPS)
    assert np.all(np.abs(found.center.imag) <= found.radius)


@given(seeds, small)
def test_undamped_systems_have_abscissa_zero_however_fast_they_are(seed: int, order: int) -> None:
    S = 2.0**40 * random(seed, order, imag=False)
    found = enclose(S - S.T)
    assert 0 <= found.abscissa <= 2.0**-200


@given(hard)
def test_no_eigenvalue_is_to_the_right_of_a_proved_abscissa(A: np.ndarray) -> None:
    exact = enclose(A)
    assert exact.center.real.max() - exact.radius.max() <= exact.abscissa
    assert exact.center.real.max() - exact.radius.max() <= proved_abscissa(A)


@given(seeds, orders, fields)
def test_a_proved_abscissa_is_sharp_where_eigenvectors_are_well_conditioned(
    seed: int, order: int, imag: bool
) -> None:
    A = random(seed, order, imag=imag)
    kappa = condeig(A).condition.max()
    assert proved_abscissa(A) <= enclose(A).abscissa + lost(A) * kappa


@pytest.mark.parametrize("order", [2, 16, 64, 256])
def test_legs_is_proved_stable_by_its_numerical_range(order: int) -> None:
    A = hippo.legs(order).A
    assert proved_abscissa(A) <= -0.5 + lost(A)
    # Discs give less than -0.5 while they are small.
    assert order < 64 or proved_abscissa(A) >= -0.5 - lost(A)
    assert proved_abscissa(rotated(A, seed=order)) <= -0.5 + lost(A)


@given(lossless, orders, taus)
def test_a_perturbed_model_is_proved_stable(measure: str, order: int, tau: float) -> None:
    found = perturb.lossless(nplr(measure, order), tau=tau)
    A = found.system.A + found.E
    rounding = lost(np.asarray(found.system.A))
    axis = {"legs": -0.5, "tlagt": -0.5}.get(measure, 0.0)
    assert proved_abscissa(A) <= axis + rounding
    exact = enclose(A)
    sound(discs(A, found.V, found.Lambda), exact)
    assert exact.abscissa == pytest.approx(found.abscissa, abs=rounding * found.condition)


@pytest.mark.parametrize("size", [5e-324, 1e-300, 1e-160, 1e150, 1e300, 2e307])
@pytest.mark.parametrize("name", sorted(GALLERY))
def test_neither_large_nor_small_numbers_make_a_proof_wrong(name: str, size: float) -> None:
    A = GALLERY[name](3)
    A = size * (A / np.abs(A).max() if A.any() else A)
    exact = enclose(A)
    found = condeig(A)
    assert not np.isnan(found.condition).any()
    assert np.all(found.condition >= 1)
    assert exact.center.real.max() - exact.radius.max() <= proved_abscissa(A)
    sound(discs(A, found.V, found.Lambda), exact)


def test_a_matrix_whose_columns_overflow_is_bounded_and_never_nan() -> None:
    """Rows that double precision can sum, columns that it cannot."""
    A = np.zeros((8, 8))
    A[:, 0] = 1e308
    assert not np.isnan(proved_abscissa(A))
    assert proved_abscissa(A) >= 1e308


# Refusals

two = np.eye(2)
CASES: dict[str, tuple[Callable[[], Any], str]] = {
    "objects": (
        lambda: enclose(np.eye(2, dtype=object)),
        "`A` must hold integers or numbers of at most double precision; got object",
    ),
    "NaN": (lambda: proved_abscissa(two * np.nan), "`A` must be finite; got nan"),
    "overflow": (
        lambda: enclose(1e308 * np.ones((2, 2))),
        "must have row sums below 1.8e.308; got some that overflow",
    ),
    "other eigenvectors": (
        lambda: discs(two, np.eye(3), np.ones(2)),
        r"`V` must have shape .* N = 2 from `A`; got \(3, 3",
    ),
    "other eigenvalues": (
        lambda: discs(two, two, np.ones(3)),
        r"`Lambda` must have shape .* N = 2 from `A`; got \(3,\)",
    ),
    "infinite eigenvalues": (
        lambda: discs(two, two, np.array([1, np.inf])),
        "`Lambda` must be finite; got inf",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_refused_in_a_sentence(case: str) -> None:
    call, sentence = CASES[case]
    with pytest.raises((TypeError, ValueError), match=sentence):
        call()


def test_single_precision_is_taken_exactly() -> None:
    A = np.array([[0.1, 1.0], [0.0, 0.3]], dtype=np.float32)
    found = enclose(A)
    exact = np.diag(A).astype(float)
    assert np.all(np.abs(found.center - exact) <= found.radius)


def test_enclose_names_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "flint", None)
    sentence = r"needs python-flint; got none .*pip install 'ssmlinalg\[flint\]'"
    with pytest.raises(ImportError, match=sentence):
        enclose(two)


def test_enclose_leaves_the_precision_of_flint_alone() -> None:
    import flint

    with flint.ctx.workprec(71):
        enclose(two)
        assert flint.ctx.prec == 71


@given(seeds, st.integers(2, 8), st.floats(-17, 1))
def test_the_proof_holds_for_a_matrix_in_two_words(seed: int, order: int, power: float) -> None:
    """Against the eigenvalues of A + rest in 60 digits."""
    A, rest = np.random.default_rng(seed).standard_normal((2, order, order))
    rest = 10.0**power * rest
    with mpmath.workdps(60):
        whole = mpmath.matrix(A.tolist()) + mpmath.matrix(rest.tolist())
        exact = max(mpmath.re(value) for value in mpmath.mp.eig(whole, left=False, right=False))
        assert proved_abscissa(A, rest) >= exact
    far = np.diag([-1.0, -2.0])
    assert -0.999 <= proved_abscissa(far, np.diag([1e-3, 0.0])) < -0.99


@pytest.mark.parametrize("order", [1, 2, 5, 8])
def test_a_gain_is_proved_to_stay_below_what_level_sets_bound(order: int) -> None:
    pytest.importorskip("flint")
    A, B, _ = hippo.legs(order)
    C = np.random.default_rng(order).standard_normal((2, order))
    gain = hinf(A, B, C)
    assert proved_below(A, B, C, gain.upper * (1 + 1e-9))
    assert not proved_below(A, B, C, gain.lower * (1 - 1e-9))
    assert not proved_below(-A, B, C, 1e9)
    turned = A + 3j * np.eye(order)  # the same gains at other frequencies
    assert proved_below(turned, B, C, gain.upper * (1 + 1e-9))
    assert not proved_below(turned, B, C, gain.lower * (1 - 1e-9))
