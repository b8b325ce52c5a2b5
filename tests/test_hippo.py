"""The measures: what their matrices promise, and that they remember."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import flint
import numpy as np
import pytest
import scipy.linalg
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st
from strategies import EPS, corrected, measures, nplr, orders

from ssmlinalg import hippo

# Exact at every order; the others in the limit of large order, away from the ends of the window.
QUADRATURE = 2.0**22 * EPS  # of the panels below, whose nodes lie dense at both ends
EXACT = ["legs", "lagt", "tlagt", "glagt", "foud"]
FADING = {"lagt", "tlagt", "glagt"}  # functions that die away into the past: they hold no constant


def norm(matrix: np.ndarray) -> float:
    return float(np.linalg.norm(matrix))


@given(corrected, orders)
def test_the_correction_makes_a_normal(measure: str, order: int) -> None:
    A, _, P = nplr(measure, order)
    M = A + P @ P.T
    size = norm(A) + norm(P) ** 2
    assert norm(M @ M.T - M.T @ M) <= 4 * EPS * size**2


@given(measures, orders)
def test_every_measure_is_finite_and_of_its_order(measure: str, order: int) -> None:
    system = hippo.MEASURES[measure](order)
    assert system.A.shape == (order, order)
    assert system.B.shape == (order,)
    assert all(np.all(np.isfinite(array)) and array.dtype == np.float64 for array in system)


@given(measures, orders)
def test_no_measure_grows(measure: str, order: int) -> None:
    # Every one is stable; at even orders the Fourier ones keep a sine of frequency zero that
    # nothing drives.
    A = hippo.MEASURES[measure](order).A
    nonnormal = (
        order if measure in ("legs", "lagt", "tlagt", "glagt") else 1
    )  # triangular: the diagonal tells
    abscissa = np.diag(A).max() if nonnormal > 1 else np.linalg.eigvals(A).real.max()
    assert abscissa <= 64 * EPS * norm(A)


@given(orders)
def test_legs_is_lossless(order: int) -> None:
    A, B, _ = hippo.legs(order)
    assert norm(A + A.T + np.eye(order) + np.outer(B, B)) <= 4 * EPS * norm(B) ** 2


@given(orders)
def test_lagt_and_fout_are_lossless_about_the_imaginary_axis(order: int) -> None:
    for A, _, P in (hippo.lagt(order), hippo.fout(order), hippo.fourier2(order)):
        assert norm(A + A.T + 2 * P @ P.T) <= 4 * EPS * (norm(A) + norm(P) ** 2)


@given(orders)
def test_legt_is_lossless_of_rank_two(order: int) -> None:
    A, _, P = hippo.legt(order)
    assert P.shape == (order, min(order, 2))
    assert norm(A + A.T + 2 * P @ P.T) <= 4 * EPS * norm(P) ** 2


def test_legs_is_twice_the_correction_in_its_input() -> None:
    _, B, P = hippo.legs(7)
    np.testing.assert_allclose(B, math.sqrt(2) * P[:, 0], rtol=4 * EPS)


def commutator_rank(A: list[list[Any]], squares: list[Any]) -> int:
    """The rank of A A^T - A^T A, A = L^{-1} A' L for rational A' and L^2 = diag(squares), exactly.

    L (A A^T - A^T A) L = A' L^2 A'^T - L^2 A'^T L^{-2} A' L^2 is rational.
    """
    order = len(A)
    square = flint.fmpq_mat(order, order)
    inverse = flint.fmpq_mat(order, order)
    for n, value in enumerate(squares):
        square[n, n] = value
        inverse[n, n] = 1 / value
    M = flint.fmpq_mat([[flint.fmpq(entry) for entry in row] for row in A])
    inward = M * square * M.transpose()
    outward = square * M.transpose() * inverse * M * square
    return (inward - outward).rank()


@pytest.mark.parametrize("order", [8, 21, 30])
def test_lmu_is_normal_plus_no_small_rank(order: int) -> None:
    """[A, A^T] of normal plus rank r has a rank of at most 4 r; here it is N, legt's is 4."""
    A = hippo.lmu(order).A.astype(int).tolist()
    rank = commutator_rank(A, [flint.fmpq(1)] * order)
    assert rank == order >= order / 2 - 6
    squares = [flint.fmpq(2 * n + 1) for n in range(order)]
    assert commutator_rank(A, squares) == 4  # that is legt, but for signs


@pytest.mark.parametrize("alpha", ["0", "1/2", "-1/3", "9/10"])
@pytest.mark.parametrize("order", [8, 23])
def test_glagt_is_normal_plus_no_small_rank_unless_alpha_is_zero(order: int, alpha: str) -> None:
    power = flint.fmpq(*map(int, (*alpha.split("/"), 1)[:2]))
    squares = [flint.fmpq(1)]
    for n in range(1, order):
        squares.append(squares[-1] * (n + power) / n)
    strict = [[-1 if n > k else 0 for k in range(order)] for n in range(order)]
    rank = commutator_rank(strict, squares)
    assert rank == (2 if alpha == "0" else order)


@given(st.sampled_from(sorted(hippo.MEASURES.keys() - {"chebt"})), orders, st.floats(-0.9, 0.9))
def test_orthonormal_coordinates_scale_to_the_measure(
    measure: str, order: int, alpha: float
) -> None:
    options: dict[str, float] = {"alpha": alpha} if measure == "glagt" else {}
    system = hippo.MEASURES[measure](order, **options)
    A, B, _ = hippo.orthonormal(measure, order, **options)
    scale = hippo.scaling(measure, order, **options)
    back = scale[:, None] * A / scale
    np.testing.assert_allclose(back, system.A, rtol=64 * EPS, atol=4 * EPS * norm(A))
    np.testing.assert_allclose(scale * B, system.B, rtol=64 * EPS)


def test_chebt_has_no_coordinates_with_a_correction() -> None:
    assert set(hippo.CORRECTED) == hippo.MEASURES.keys() - {"chebt"}
    for refuse in (hippo.orthonormal, hippo.scaling):
        with pytest.raises(ValueError, match="`measure` must have a low-rank correction"):
            refuse("chebt", 4)
        with pytest.raises(TypeError, match="window"):
            refuse("legs", 4, window=1.0)


@pytest.mark.parametrize("order", [1, 4, 9])
def test_lmu_is_legt_in_other_coordinates(order: int) -> None:
    W = np.diag((-1.0) ** np.arange(order) * np.sqrt(2 * np.arange(order) + 1))
    legt = hippo.legt(order, window=1.0)
    lmu = hippo.lmu(order)
    np.testing.assert_allclose(lmu.A, W @ legt.A @ np.linalg.inv(W), rtol=16 * EPS)
    np.testing.assert_allclose(lmu.B, W @ legt.B, rtol=16 * EPS)


@pytest.mark.parametrize("order", [1, 4, 9])
def test_glagt_at_alpha_zero_is_tlagt(order: int) -> None:
    beta = 0.25
    glagt = hippo.glagt(order, beta=beta)
    tlagt = hippo.tlagt(order, tilt=beta)
    np.testing.assert_allclose(glagt.A, tlagt.A, atol=16 * EPS)
    np.testing.assert_allclose(glagt.B * math.sqrt(beta), tlagt.B, rtol=16 * EPS)


def test_tlagt_without_tilt_is_lagt() -> None:
    np.testing.assert_array_equal(hippo.tlagt(5, tilt=0.0).A, hippo.lagt(5).A)


@pytest.mark.parametrize("measure", ["legt", "lmu", "fout", "chebt"])
def test_a_window_scales_time(measure: str) -> None:
    make = hippo.MEASURES[measure]
    short = make(6, window=1.0)
    long = make(6, window=3.0)
    np.testing.assert_allclose(short.A, 3 * long.A, rtol=16 * EPS)
    np.testing.assert_allclose(short.B, 3 * long.B, rtol=16 * EPS)


# Values that state-spaces/s4 gives at N = 4, from its formulas, so that nobody's checkpoint changes
# meaning.
PUBLISHED = {
    "legs": ([2, 1], -math.sqrt(15), math.sqrt(3)),
    "legt": ([1, 2], 0.5 * math.sqrt(15), math.sqrt(3) / 2),
    "lmu": ([1, 2], -3.0, -3.0),
    "lagt": ([2, 1], -1.0, 1.0),
    "tlagt": ([1, 1], -1.0, 1.0),
    "glagt": ([1, 1], -0.505, 0.1),
    "fout": ([2, 3], -math.pi, 0.0),
    "foud": ([2, 3], -2 * math.pi, 0.0),
    "fourier_decay": ([2, 3], -math.pi, 0.0),
    "fourier2": ([2, 3], -2 * math.pi, 0.0),
}


@pytest.mark.parametrize("measure", PUBLISHED)
def test_matrices_have_the_published_scale(measure: str) -> None:
    (row, column), entry, drive = PUBLISHED[measure]
    system = hippo.MEASURES[measure](4)
    assert system.A[row, column] == pytest.approx(entry, rel=8 * EPS)
    assert system.B[1] == pytest.approx(drive, rel=8 * EPS)


@pytest.mark.parametrize("measure", EXACT)
@pytest.mark.parametrize("order", [1, 2, 7])
def test_the_kernel_is_the_weighted_basis(measure: str, order: int) -> None:
    system = hippo.MEASURES[measure](order)
    lags = np.array([0.05, 0.7, 3.3])
    expected = np.stack([scipy.linalg.expm(t * system.A) @ system.B for t in lags])
    got = hippo.BASES[measure](order, lags).kernel
    size = np.exp(norm(system.A) * 0.05) * norm(system.B)
    scale = max(size, norm(system.A) * norm(system.B))
    assert np.abs(got - expected).max() <= 256 * EPS * order * scale


@pytest.mark.parametrize("measure", sorted(hippo.MEASURES))
def test_the_weight_takes_what_rebuilds_to_what_remembers(measure: str) -> None:
    values, kernel, weight = hippo.BASES[measure](5, [0.05, 0.3, 0.7])
    squares = 2 * np.arange(5) + 1 if measure == "lmu" else 1  # its polynomials are not normalized
    np.testing.assert_allclose(weight[:, None] * values * squares, kernel, rtol=16 * EPS)


@pytest.mark.parametrize("measure", sorted(hippo.MEASURES))
@pytest.mark.parametrize("order", [1, 2, 5])
def test_values_and_kernel_are_biorthogonal(measure: str, order: int) -> None:
    """int k_n g_m dt = delta_nm over the window, one period, or the whole past: so that the sum of
    x_n g_n rebuilds.
    """
    window = {"lmu": 1.0, "fourier2": 1.0, "foud": 1.0}.get(measure, 2.0)
    finite = measure in ("legt", "lmu", "fout", "fourier2", "chebt", "foud", "fourier_decay")
    y, dy = _panels()
    # t = window sin^2(x) takes the square-root ends of the Chebyshev weight away; the whole past is
    # cut at 3000.
    angle = y * math.pi / 2
    t = window * np.sin(angle) ** 2
    dt = window * np.sin(2 * angle) * dy * math.pi / 2
    if not finite:
        t = 3000 * y**3
        dt = 3000 * 3 * y**2 * dy
    values, kernel, weight = hippo.BASES[measure](order, t)
    gram = (kernel * dt[:, None]).T @ values
    if measure in ("foud", "fourier_decay"):
        gram = gram / np.array([_period_mass(measure)])
    live = np.abs(values).max(axis=0) > 0  # the sine of frequency zero stands for nothing
    np.testing.assert_allclose(gram[np.ix_(live, live)], np.eye(int(live.sum())), atol=QUADRATURE)
    assert np.all(weight >= 0)


def _panels() -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights on [0, 1]: 16-point Gauss-Legendre on each of 128 panels."""
    x, weights = np.polynomial.legendre.leggauss(16)
    edges = np.linspace(0, 1, 129)[:-1, None]
    return (edges + (x + 1) / 256).ravel(), np.tile(weights / 256, 128)


@pytest.mark.parametrize("lag", [0.3, 900.0, 1600.0, 1e4])
def test_laguerre_functions_are_right_far_out(lag: float) -> None:
    """Where L_n overflows and e^{-t/2} underflows; against Laguerre polynomials in multiple
    precision.
    """
    import mpmath

    orders = [0, 7, 60, 500]
    with mpmath.workdps(400):
        fading = mpmath.exp(-mpmath.mpf(lag) / 2)
        expected = [float(mpmath.laguerre(n, 0, lag) * fading) for n in orders]
    got = hippo.lagt_basis(501, np.array([lag])).values[0, orders]
    rounding = 64 * EPS * (501 + lag)  # of the recurrence, and of the exponent
    np.testing.assert_allclose(got, expected, rtol=rounding, atol=1e3 * EPS)


@pytest.mark.parametrize("lag", [1480.0, 1495.0, 1600.0])
def test_small_laguerre_functions_keep_their_digits(lag: float) -> None:
    """Where e^{-t/2} alone has few digits, or none."""
    import mpmath

    orders = [18, 40, 53]
    with mpmath.workdps(100):
        fading = mpmath.exp(-mpmath.mpf(lag) / 2)
        expected = [float(mpmath.laguerre(n, 0, lag) * fading) for n in orders]
    got = hippo.lagt_basis(54, [lag]).values[0, orders]
    np.testing.assert_allclose(got, expected, rtol=64 * EPS * (54 + lag))


EXTREMES = [1.1e-150, 1e-9, 1.0, 1e9, 0.9e150]
SCALES = {"tlagt": "tilt", "glagt": "beta", "foud": "period", "fourier_decay": "period"}
SCALES |= dict.fromkeys(("legt", "lmu", "fout", "chebt"), "window")


@pytest.mark.parametrize("measure", SCALES)
@pytest.mark.parametrize("order", [1, 2, 33])
def test_no_scale_of_time_ends_in_a_warning_or_nan(measure: str, order: int) -> None:
    """Warnings are errors here."""
    for scale in EXTREMES:
        options = {SCALES[measure]: scale}
        assert all(np.all(np.isfinite(part)) for part in hippo.MEASURES[measure](order, **options))
        basis = hippo.BASES[measure](order, [0.0, 5e-324, *EXTREMES, 1e150], **options)
        assert not any(np.isnan(part).any() for part in basis)
    for scale in (1e-151, 1e151):
        with pytest.raises(ValueError, match=r"must be a finite number .*1e\+150; got"):
            hippo.BASES[measure](order, [0.0], **{SCALES[measure]: scale})
    with pytest.raises(ValueError, match=r"`lags` must be at most 1e\+150; got 2e\+150\."):
        hippo.BASES[measure](order, [2e150])


@pytest.mark.parametrize("alpha", [-0.5, 0.0, 0.5])
def test_no_basis_is_undefined_at_the_present(alpha: float) -> None:
    for measure in sorted(hippo.MEASURES):
        options = {"alpha": alpha} if measure == "glagt" else {}
        for part in hippo.BASES[measure](5, np.array([0.0]), **options):
            assert not np.isnan(part).any()


def _period_mass(measure: str) -> float:
    """The share of the memory that lies in the newest period."""
    return {"foud": -math.expm1(-0.5), "fourier_decay": 2 / 3}[measure]


def _state(measure: str, order: int, end: float) -> np.ndarray:
    """The state at time `end` of the system driven by the test signal from rest, by SciPy's
    simulation.
    """
    system = hippo.MEASURES[measure](order)
    t = np.linspace(0, end, 12001)
    matrices = (system.A, system.B[:, None], np.eye(order), np.zeros((order, 1)))
    _, _, x = scipy.signal.lsim(matrices, _signal_of(measure)(t), t)
    return x[-1]


def _signal_of(measure: str) -> Callable[[Any], Any]:
    if measure in ("foud", "fourier_decay", "fout", "fourier2"):
        # Periodic: the Fourier bases can have no jump.
        period = {"foud": 1.0, "fourier2": 1.0}.get(measure, 2.0)
        return lambda t: np.exp(np.sin(2 * math.pi * t / period))
    if measure in FADING:
        # Dies away into the past, as the Laguerre functions do.
        return lambda t: np.exp(0.4 * (t - 40)) * np.cos(t - 40)
    return lambda t: np.exp(np.sin(1.3 * t)) + np.cos(0.4 * t)


@pytest.mark.parametrize("measure", sorted(hippo.MEASURES))
def test_the_past_is_rebuilt_better_at_higher_order(measure: str) -> None:
    end = 8.0 if measure in ("legs", "legt", "lmu", "chebt") else 40.0
    lags = np.linspace(0.15, {"lmu": 0.85, "fourier2": 0.85, "foud": 0.85}.get(measure, 1.8), 60)
    errors = []
    for order in (5, 21):
        rebuilt = hippo.BASES[measure](order, lags).values @ _state(measure, order, end)
        errors.append(float(np.abs(rebuilt - _signal_of(measure)(end - lags)).max()))
    assert errors[1] < 0.35 * errors[0]
    assert errors[1] < 0.12


@pytest.mark.parametrize("measure", sorted(hippo.MEASURES.keys() - FADING))
def test_a_constant_is_remembered(measure: str) -> None:
    """At rest under u = 1 the state is -A^{-1} B; it must rebuild 1."""
    order = 9
    system = hippo.MEASURES[measure](order)
    state = np.linalg.solve(system.A, -system.B)
    lags = np.linspace(0.1, 0.9, 9)
    rebuilt = hippo.BASES[measure](order, lags).values @ state
    tolerance = 0.25 if measure == "foud" else 1e3 * EPS * np.linalg.cond(system.A)
    assert np.abs(rebuilt - 1).max() <= tolerance


def test_legt_reads_a_delay_as_its_pade_approximant() -> None:
    from numpy.polynomial import polynomial

    order = 5
    s = 0.7 + 2.0j
    A, B, _ = hippo.legt(order, window=1.0)
    readout = hippo.legt_basis(order, np.array([1.0]), window=1.0).values[0]
    got = readout @ np.linalg.solve(s * np.eye(order) - A, B)
    # [N-1/N] Pade of e^{-s}: coefficients (2N-1-k)!/(k! (N-1-k)!) and (2N-1-k)!/(k! (N-k)!), both
    # but for factors free of k.
    f = math.factorial
    above = range(order)
    below = range(order + 1)
    p = [(-1) ** k * f(2 * order - 1 - k) / (f(k) * f(order - 1 - k)) for k in above]
    q = [f(2 * order - 1 - k) / (f(k) * f(order - k)) for k in below]
    scale = f(order) / f(order - 1)
    exact = polynomial.polyval(s, p) / polynomial.polyval(s, q) / scale
    assert got == pytest.approx(exact, rel=1e3 * EPS)


def test_chebt_obeys_its_definition() -> None:
    """p' by NumPy's polynomials: the residual v_T + v_t has no component below degree N, and v(0) =
    u.
    """
    order = 6
    window = 1.5
    system = hippo.chebt(order, window=window)
    rng = np.random.default_rng(3)
    x = rng.standard_normal(order)
    u = 0.7
    norm = np.array([1.0] + [math.sqrt(2)] * order)
    at_zero = norm * (-1.0) ** np.arange(order + 1)
    last = (u - at_zero[:order] @ x) / at_zero[order]
    v = np.polynomial.Chebyshev(np.append(x, last) * norm, domain=[0, window])
    drift = -v.deriv().coef / norm[: len(v.deriv().coef)]
    rounding = 64 * EPS * norm.size**2 * np.abs(drift).max()
    np.testing.assert_allclose(system.A @ x + system.B * u, drift, atol=rounding)


def test_measures_and_bases_are_neighbours() -> None:
    assert hippo.MEASURES.keys() == hippo.BASES.keys()


POINTS = [0.5, 2j, 3.0 - 1j, -0.25]


@pytest.mark.parametrize("order", [1, 2, 9])
def test_the_state_of_legs_solves_its_equation(order: int) -> None:
    A, B, _ = hippo.legs(order)
    for s, state in zip(POINTS, hippo.legs_state(order, POINTS).T, strict=True):
        M = s * np.eye(order) - A
        assert norm(M @ state - B) <= 16 * EPS * order * norm(M) * norm(state)


@pytest.mark.parametrize("s", [[-2.0], [1j, -4.0], [[1.0]], [np.nan], ["1"], [True]])
def test_points_where_legs_has_no_state_are_refused_in_one_sentence(s: Any) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        hippo.legs_state(4, s)
    assert re.fullmatch(r"`s` must [^\n]*; got [^\n]+\. [A-Z][^\n]*\.", str(caught.value))


def test_the_condition_of_legs_is_infinite_where_no_double_holds_it() -> None:
    """It grows by 5.83 = 3 + 2 sqrt(2) an order."""
    assert hippo.legs_condition(404) / hippo.legs_condition(403) == pytest.approx(5.83, rel=1e-3)
    assert hippo.legs_condition(405) == math.inf


@pytest.mark.parametrize("order", [10**9, 10**15])
def test_an_order_that_no_memory_holds_is_refused(order: int) -> None:
    limit = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if 64 * order <= limit:
        pytest.skip("this machine may hold it")
    calls = [partial(make, order) for make in hippo.MEASURES.values()]
    calls += [partial(make, order, np.zeros(8)) for make in hippo.BASES.values()]
    for name in hippo.CORRECTED:
        calls += [partial(make, name, order) for make in (hippo.orthonormal, hippo.scaling)]
    for call in calls:
        with pytest.raises(ValueError, match=r"must fit in .* of memory; got"):
            call()
