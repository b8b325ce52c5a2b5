"""The conditioning of eigenvectors is a function of the eigenvalues."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import EPS, seeds

from ssmlinalg import reference
from ssmlinalg.ground.backend import Complex, Real
from ssmlinalg.lossless import gram, multipole
from ssmlinalg.lossless.gram import condition

LANCZOS = 1e-4  # what the fast route may lie above
EXPANSIONS = 1e-6  # what its expansions may add either way


def closed(half: Complex, real: Real | tuple[()] = ()) -> Complex:
    """The canonical spectrum of these eigenvalues of the upper half plane, and real ones."""
    half = half[np.argsort(half.imag)]
    return np.concatenate([half, half.conj(), np.sort(real)]).astype(np.complex128)


def spectrum(values: Complex) -> Complex:
    """Eigenvalues as they come from elsewhere, in canonical order."""
    values = np.asarray(values, dtype=np.complex128)
    real = np.abs(values.imag) <= EPS * np.abs(values)
    return closed(values[(values.imag > 0) & ~real], values[real].real)


@st.composite
def spectra(draw: Any) -> Complex:
    """Up to seven eigenvalues over six decades of damping and frequency."""
    size = st.floats(-3, 3).map(lambda x: 10**x)
    half = draw(st.lists(st.tuples(size, size), max_size=3, unique=True))
    real = draw(st.lists(size, min_size=0 if half else 1, max_size=2, unique=True))
    return closed(
        np.array([complex(-a, w) for a, w in half], dtype=complex), -np.asarray(real, dtype=float)
    )


def lagt(order: int, c: float) -> Complex:
    """z = (1 + q)/(1 - q)/2 over the q with q^N = -c, the eigenvalues of `lagt` for c = 2/tau - 1,
    each part accurate.
    """
    m = np.arange((order + 1) // 2)
    angle = np.pi * (2 * m + 1) / order
    log_size = np.log(c) / order
    distance = np.expm1(log_size) ** 2 + 4 * np.exp(log_size) * np.sin(angle / 2) ** 2
    z = (-np.expm1(2 * log_size) / 2 + 1j * np.exp(log_size) * np.sin(angle)) / distance
    return closed(z[: order // 2], z[order // 2 :].real)


def cloud(kind: str, pairs: int, real: int, seed: int) -> Complex:
    rng = np.random.default_rng(seed)
    a = rng.random(pairs)
    w = rng.random(pairs)
    if kind == "graded":
        a = np.exp(-20 * a)
        w = np.exp(-20 * w)
    if kind == "clustered":
        a = 1e-4 * a
        w = np.repeat(rng.random(pairs // 20 + 1), 20)[:pairs] + 1e-4 * w
    if kind == "beside the axis":
        a = 1e-3 * a / pairs
    return closed(-a + 1j * w, -rng.random(real))


@given(spectra())
def test_it_is_that_of_the_gram_matrix_at_any_condition(z: Complex) -> None:
    with mpmath.workdps(120):
        exact = [mpmath.mpc(complex(value)) for value in z]
        a = [mpmath.sqrt(-2 * value.real) for value in exact]
        G = mpmath.matrix(len(z), len(z))
        for i, x in enumerate(exact):
            for j, y in enumerate(exact):
                G[i, j] = a[i] * a[j] / -(mpmath.conj(x) + y)
        values = mpmath.eighe(G, eigvals_only=True)
        expected = float(mpmath.sqrt(max(values) / min(values)))
    assert condition(z) == pytest.approx(expected, rel=16 * len(z) * EPS)


@given(st.integers(1, 40), st.floats(0.05, 0.9), seeds)
def test_it_is_that_of_the_eigenvectors_of_any_lossless_matrix(
    order: int, tau: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    S = rng.standard_normal((order, order))
    P = rng.standard_normal(order)
    A = S - S.T - (1 - tau) * np.outer(P, P)
    z, V = (np.asarray(part, dtype=np.complex128) for part in np.linalg.eig(A))
    expected = np.linalg.cond(V)
    gap = np.min(np.abs(z[:, None] - z) + np.diag(np.full(order, np.inf)))
    error = EPS * order * np.linalg.norm(A) * expected  # of an eigenvalue
    assert condition(spectrum(z)) == pytest.approx(
        expected, rel=8 * error * (1 / gap + 1 / np.min(-z.real))
    )


@pytest.mark.parametrize("tau", [0.02, 0.2])
@pytest.mark.parametrize("order", [2, 9, 24])
def test_it_is_that_of_the_eigenvectors_of_legs(order: int, tau: float) -> None:
    z = spectrum(
        np.array([complex(value) + 0.5 for value in reference.legs_lossless_spectrum(order, tau)])
    )
    a = np.arange(order)[:, None] + 0.5
    through = np.cumprod((z - a) / (z + a), axis=0)
    V = np.sqrt(a) / (z + a) * np.concatenate([np.ones((1, order)), through[:-1]])
    expected = np.linalg.cond(V / np.linalg.norm(V, axis=0))
    assert condition(z) == pytest.approx(expected, rel=64 * EPS * order * expected)


@pytest.mark.parametrize("c", [1.5, 8.0, 300.0])
@pytest.mark.parametrize(
    ("order", "above"), [(2, 0), (85, 0), (1000, 0), (1501, LANCZOS), (10000, LANCZOS)]
)
def test_lagt_has_exactly_the_conditioning_derived(order: int, above: float, c: float) -> None:
    law = c ** ((order - 1) / order)
    slack = EXPANSIONS if above else 16 * EPS * order
    assert law * (1 - slack) <= condition(lagt(order, c)) <= law * (1 + above + slack)


@given(st.floats(1e-3, 1e3), st.floats(-290, 3))
def test_one_pair_has_the_conditioning_of_a_triangle(damping: float, exponent: float) -> None:
    """kappa = (|z| + alpha)/Im z, to the edge of an exceptional point."""
    z = complex(-damping, 10**exponent)
    expected = (abs(z) + damping) / z.imag
    assert condition(np.array([z, z.conjugate()])) == pytest.approx(
        expected, rel=64 * EPS * (1 + abs(np.log(expected)))
    )


@given(spectra(), st.integers(-900, 900))
def test_units_do_not_matter(z: Complex, exponent: int) -> None:
    assert condition(z * 2.0**exponent) == condition(z)


@given(spectra())
def test_low_and_high_frequencies_change_places(z: Complex) -> None:
    """z -> 1/z is a motion of the half plane, and the Gram matrix knows its geometry only."""
    gap = np.min((np.abs(z[:, None] - z) / np.abs(z)) + np.diag(np.full(len(z), np.inf)))
    steep = 1 / gap + np.max(np.abs(z) / -z.real)
    assert condition(spectrum(1 / z)) == pytest.approx(
        condition(z), rel=16 * EPS * len(z) ** 2 * steep
    )


@given(spectra(), st.lists(st.floats(0.1, 100), max_size=3))
def test_undamped_modes_are_orthogonal_to_all_others(z: Complex, w: list[float]) -> None:
    pairs = np.count_nonzero(z.imag > 0)
    more = closed(np.concatenate([z[:pairs], 1j * np.array(w)]), z[2 * pairs :].real)
    assert condition(more) == pytest.approx(condition(z), rel=16 * len(z) * EPS)


def test_an_undamped_spectrum_has_condition_one() -> None:
    assert condition(np.array([1j, 2j, -1j, -2j, 0])) == 1
    assert condition(np.zeros(3, dtype=complex)) == 1


def test_eigenvalues_that_coincide_have_an_infinite_condition() -> None:
    assert condition(np.array([-1 + 1j, -1 + 1j, -1 - 1j, -1 - 1j])) == np.inf
    assert condition(np.array([-1.0, -1.0], dtype=complex)) == np.inf


CLOUDS = ["spread", "graded", "clustered", "beside the axis"]


@pytest.mark.parametrize("kind", CLOUDS)
@pytest.mark.parametrize(("pairs", "real"), [(400, 0), (337, 61), (0, 300)])
def test_the_tree_sums_what_plain_sums_do(kind: str, pairs: int, real: int) -> None:
    z = cloud(kind, pairs, real, seed=pairs)
    half = np.concatenate([z[:pairs], z[2 * pairs :]])
    tree = multipole.tree_of(half)
    rng = np.random.default_rng(1)
    a = np.sqrt(-half.real)
    c = rng.standard_normal(len(half)) + 1j * rng.standard_normal(len(half))
    x = -half.conj()[:, None]
    y = half
    expected = a * ((1 / (x - y)) @ (a * c) + (1 / (x - y.conj())) @ (a * c).conj())
    found = a * multipole.cauchy_product(tree, tree)(a * c)
    assert np.linalg.norm(found - expected) <= EXPANSIONS * np.linalg.norm(expected)
    np.testing.assert_allclose(
        multipole.log_sensitivities(tree, pairs),
        gram.log_sensitivities(half, pairs),
        rtol=0,
        atol=EXPANSIONS,
    )


@pytest.mark.parametrize("kind", CLOUDS)
@pytest.mark.parametrize(("targets", "sources"), [(400, 1500), (900, 70), (5, 300), (300, 5)])
def test_trees_of_targets_and_of_sources_may_differ(kind: str, targets: int, sources: int) -> None:
    z = cloud(kind, targets, 0, seed=1)[:targets]
    y = cloud(kind, sources, 0, seed=2)[:sources]
    c = np.random.default_rng(3).standard_normal(sources) + 0j
    x = -z.conj()[:, None]
    a = np.sqrt(-z.real)
    expected = a * ((1 / (x - y)) @ c + (1 / (x - y.conj())) @ c.conj())
    product = multipole.cauchy_product(multipole.tree_of(z), multipole.tree_of(y))
    scale = a * ((1 / abs(x - y)) @ abs(c) + (1 / abs(x - y.conj())) @ abs(c))
    assert np.linalg.norm(a * product(c) - expected) <= EXPANSIONS * np.linalg.norm(scale)


@pytest.mark.parametrize("kind", CLOUDS)
@pytest.mark.parametrize(("pairs", "real"), [(300, 0), (150, 31), (0, 120)])
def test_the_fast_route_is_at_most_its_tolerance_above_the_dense_one(
    kind: str, pairs: int, real: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    z = cloud(kind, pairs, real, seed=pairs)
    dense = condition(z)
    monkeypatch.setattr(gram, "DENSE", 0)
    fast = condition(z)
    assert dense * (1 - 2 * EXPANSIONS) <= fast <= dense * (1 + LANCZOS + 2 * EXPANSIONS)


@pytest.mark.parametrize("gap", [1e-7, 1e-4])
def test_one_close_pair_among_thousands_is_found(gap: float) -> None:
    w = np.arange(1.0, 3001)
    w[777] = w[776] + gap
    z = -1e-7 + 1j * w
    comb = closed(z)
    alone = condition(closed(z[776:778]))
    assert alone > 1 + 10 * LANCZOS
    assert condition(comb) == pytest.approx(alone, rel=LANCZOS)


@pytest.mark.parametrize("order", [30, 2000])
def test_progress_rises_to_one(order: int) -> None:
    seen: list[float] = []
    condition(lagt(order, 4.0), progress=seen.append)
    assert seen == sorted(seen)
    assert seen[0] >= 0
    assert seen[-1] == 1


@pytest.mark.parametrize(
    ("z", "message"),
    [
        (np.array([1 + 1j, 1 - 1j]), "right of the lossless axis; got Re z up to 1"),
        (np.array([-1 - 1j, -1 + 1j]), "conjugates in the same order"),
        (np.array([-1 + 1j]), "without its conjugate"),
        (np.array([-1 + 1j, -1 - 2j]), "without its conjugate"),
        (np.array([-1.0, -1 + 1j, -1 - 1j]), "then real values"),
        (np.array([np.nan, -1.0]), "must be finite"),
        (np.zeros(0), "N >= 1"),
        (np.full((2, 2), -1.0), "N >= 1"),
    ],
)
def test_what_is_no_canonical_spectrum_is_refused(z: Complex, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        condition(z)
