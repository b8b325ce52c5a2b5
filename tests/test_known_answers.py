"""Answers that are known without us: EigTool's demonstrations by singular values, and closed forms.

Values that are only printed in pictures of the book or of EigTool are not copied: what is compared
here is exact, or follows from the definition.
"""

from __future__ import annotations

from typing import Any

import eigtool
import flint
import gallery
import mpmath
import numpy as np
import pytest
from strategies import EPS

from ssmlinalg import matrices, perturb

DEMOS = pytest.mark.parametrize("name", eigtool.DEMOS)
ORDER = 24


def demo(name: str, order: int = ORDER) -> np.ndarray:
    return eigtool.DEMOS[name](order)


def shifted_left(name: str, order: int) -> np.ndarray:
    """The demonstration with its computed spectrum moved left of -0.05 |A|."""
    A = demo(name, order)
    size = float(np.linalg.norm(A, 2))
    right = float(np.linalg.eigvals(A).real.max())
    return A - (right + 0.05 * size) * np.eye(len(A))


def least_singular_value(A: np.ndarray, z: complex) -> float:
    return float(np.linalg.svd(z * np.eye(len(A)) - A, compute_uv=False)[-1])


@DEMOS
def test_pseudospectra_of_a_demonstration_are_its_singular_values(name: str) -> None:
    A = demo(name)
    found = matrices.pseudospectrum(A, points=9)
    dense = [[least_singular_value(A, x + 1j * y) for x in found.x] for y in found.y]
    floor = 8 * len(A) * EPS * float(np.linalg.norm(A))
    np.testing.assert_allclose(found.sigma, dense, rtol=1e-3, atol=floor)


@DEMOS
def test_the_abscissa_of_a_pseudospectrum_is_attained_and_no_point_lies_right(name: str) -> None:
    A = demo(name)
    size = float(np.linalg.norm(A, 2))
    eps = 1e-3 * size
    found = matrices.pseudospectral_abscissa(A, eps)
    rounding = 64 * len(A) * EPS * size
    assert least_singular_value(A, found.at) == pytest.approx(eps, abs=rounding, rel=1e-9)
    spread = size * np.linspace(-1.2, 1.2, 200)
    at = found.upper + 1j * np.append(spread, np.linalg.eigvals(A).imag)
    assert min(least_singular_value(A, z) for z in at) >= eps - rounding


@DEMOS
def test_kreiss_constant_and_growth_hold_for_every_sample(name: str) -> None:
    A = shifted_left(name, 12)
    size = float(np.linalg.norm(A, 2))
    kreiss = matrices.kreiss(A)
    rng = np.random.default_rng(0)
    z = size * (10.0 ** rng.uniform(-4, 1, 200) + 1j * rng.uniform(-1, 1, 200))
    ratios = np.array([s.real / least_singular_value(A, s) for s in z])
    assert ratios.max() <= kreiss.upper * (1 + 1e-9)
    if np.isfinite(abs(complex(kreiss.at))):
        attained = complex(kreiss.at).real / least_singular_value(A, complex(kreiss.at))
        assert attained == pytest.approx(kreiss.lower, rel=1e-6)
    growth = matrices.transient_growth(A)
    _, norms = matrices.flow_norms(A, 30 / size, 60)
    assert norms.max() <= growth.upper * (1 + 1e-9)
    assert kreiss.lower <= growth.upper * (1 + 1e-9)
    assert growth.lower <= np.e * len(A) * kreiss.upper


@pytest.mark.parametrize("name", ["davies", "demmel", "frank", "grcar", "kahan", "twisted"])
def test_condition_numbers_of_a_demonstration_are_those_of_60_digits(name: str) -> None:
    A = demo(name, 7)
    with mpmath.workdps(60):
        values, left, right = mpmath.eig(mpmath.matrix(A.tolist()), left=True, right=True)
        n = len(values)
        exact = []
        for j in range(n):
            x = mpmath.matrix([right[i, j] for i in range(n)])
            y = mpmath.matrix([left[j, i] for i in range(n)])
            paired = abs(sum(y[i] * x[i] for i in range(n)))
            exact.append(float(mpmath.norm(x) * mpmath.norm(y) / paired))
        at = np.array([complex(value) for value in values])
    _, Lambda, kappa = matrices.condeig(A)
    nearest = np.abs(Lambda[:, None] - at).argmin(axis=1)
    if name == "demmel":  # one eigenvalue, defective
        assert np.all(np.isinf(kappa))
        return
    assert sorted(nearest) == list(range(n))
    gap = np.abs(at[:, None] - at + np.diag(np.full(n, np.inf))).min(axis=1)
    allowed = 256 * EPS * np.linalg.norm(A) * max(exact) / gap.min()
    np.testing.assert_allclose(kappa, np.array(exact)[nearest], rtol=allowed)


def test_moler_3_by_3_has_the_condition_numbers_that_moler_prints() -> None:
    """Source: Moler 2004, Numerical Computing with MATLAB, section 10.6: 603.6390, 395.2366,
    219.2920 for the eigenvalues 1, 2, 3.
    """
    _, Lambda, kappa = matrices.condeig(eigtool.gallery3())
    rising = np.argsort(Lambda.real)
    np.testing.assert_allclose(Lambda[rising], [1, 2, 3], rtol=1e-9)
    np.testing.assert_allclose(kappa[rising], [603.6390, 395.2366, 219.2920], atol=1e-4)


def test_moler_5_by_5_is_nilpotent_and_its_eigenvalues_are_as_far_off_as_they_say() -> None:
    A = eigtool.gallery5()
    assert not np.linalg.matrix_power(A.astype(object), 5).any()
    _, Lambda, kappa = matrices.condeig(A)
    assert kappa.min() > 1e9
    off = float(np.abs(Lambda).max())
    assert 1e-3 < off < 1  # (eps |A|)^{1/5}
    assert least_singular_value(A.astype(float), off) <= 64 * EPS * np.linalg.norm(A)
    assert matrices.pseudospectral_abscissa(A, 1e-11).lower > 1e-3


def test_eigenvalues_of_godunov_are_integers_that_no_solver_finds() -> None:
    """The characteristic polynomial in integers; LAPACK is off by up to 7, within its kappa."""
    A = eigtool.godunov()
    roots = np.array([-4, -2, -1, 0, 1, 2, 4])
    exact = flint.fmpz_mat(A.tolist()).charpoly()
    expected = flint.fmpz_poly([1])
    for root in roots.tolist():
        expected *= flint.fmpz_poly([-root, 1])
    assert exact == expected
    _, Lambda, kappa = matrices.condeig(A)
    off = np.abs(Lambda[:, None] - roots).min(axis=1)
    assert off.max() > 0.5
    assert kappa.max() > 1e12
    spectra = matrices.pseudospectral_abscissa(A, 64 * EPS * float(np.linalg.norm(A)))
    assert spectra.lower <= 20
    assert Lambda.real.max() <= spectra.upper
    proved = matrices.enclose(A)
    np.testing.assert_allclose(np.sort(proved.center.real), roots, atol=1e-12)


def test_frank_has_reciprocal_pairs_and_determinant_1() -> None:
    """Source: Golub & Wilkinson 1976 (SIAM Review 18)."""
    proved = matrices.enclose(gallery.frank(12))
    values = np.sort(proved.center.real)
    np.testing.assert_allclose(values * values[::-1], 1, rtol=1e-12)
    _, Lambda, kappa = matrices.condeig(gallery.frank(12))
    rising = np.argsort(Lambda.real)
    off = np.abs(Lambda[rising].real - values)
    assert np.all(off <= 64 * EPS * np.linalg.norm(gallery.frank(12)) * kappa[rising])


def test_riffle_shuffles_have_powers_of_one_half() -> None:
    """Source: Bayer & Diaconis 1992: 1, 1/2, ..., 2^{1-n}, each once; rows are probabilities."""
    P = eigtool.riffle(14)
    np.testing.assert_allclose(P.sum(axis=1), 1, rtol=14 * EPS)
    _, Lambda, kappa = matrices.condeig(P)
    falling = np.argsort(-Lambda.real)
    off = np.abs(Lambda[falling] - 0.5 ** np.arange(14))
    assert np.all(off <= 64 * EPS * np.linalg.norm(P) * kappa[falling])


@pytest.mark.parametrize("peclet", [0.0, 0.5, -0.5])
def test_gauss_seidel_has_squares_of_jacobi(peclet: float) -> None:
    """Source: Young 1954 (Trans. AMS 76): (1 - p^2) cos^2(k pi/(n + 1)), and as many zeros."""
    n = 10
    Lambda = np.linalg.eigvals(eigtool.gauss_seidel(n, peclet))
    k = np.arange(1, n // 2 + 1)
    exact = (1 - peclet**2) * np.cos(k * np.pi / (n + 1)) ** 2
    largest = np.sort(Lambda.real)[::-1][: n // 2]
    np.testing.assert_allclose(largest[:2], exact[:2], rtol=1e-6)
    found = matrices.pseudospectrum(eigtool.gauss_seidel(n, peclet), [0.0], [0.0])
    assert found.sigma[0, 0] <= 4 * EPS  # 0 is an eigenvalue


def test_davies_oscillator_has_the_odd_numbers_on_a_turned_line() -> None:
    """sqrt(i) (2 k + 1), with Hermite functions of c^{1/4} x, c = i: kappa_k = |h|^2/|(h, conj h)|.

    In L2, by Clenshaw and Curtis; kappa_0 = 2^{1/4}. Source: Davies 1999, Davies & Kuijlaars 2004
    (J. London Math. Soc. 70).
    """
    n = 80
    weight = np.sqrt(np.sin(np.pi * np.arange(1, n + 1) / (n + 1)))
    A = weight[:, None] * eigtool.davies(n) / weight
    _, Lambda, kappa = matrices.condeig(A)
    x = np.linspace(-9, 9, 4001)
    turned = np.exp(1j * np.pi / 8) * x
    for k in range(8):
        exact = np.sqrt(1j) * (2 * k + 1)
        nearest = int(np.argmin(np.abs(Lambda - exact)))
        assert abs(Lambda[nearest] - exact) < 1e-6
        h = np.polynomial.hermite.hermval(turned, np.eye(k + 1)[k]) * np.exp(-(turned**2) / 2)
        condition = np.sum(np.abs(h) ** 2) / abs(np.sum(h**2))
        assert kappa[nearest] == pytest.approx(condition, rel=1e-4)
        assert condition > 1.3 ** (k + 0.5)  # it grows exponentially


@pytest.mark.parametrize("order", [10, 40])
@pytest.mark.parametrize("peclet", [0.1, 0.3])
def test_a_tridiagonal_toeplitz_matrix_is_known_in_closed_form(order: int, peclet: float) -> None:
    """Eigenvalues -2 + 2 sqrt(1 - p^2) cos(j pi/(N+1)); eigenvectors r^k sin(j k pi/(N+1)).

    Source: Reichel & Trefethen 1992 (Linear Algebra Appl. 162), section 7.
    """
    A = gallery.convection_diffusion(order, peclet)
    k = np.arange(1, order + 1)
    angle = np.pi * np.outer(k, k) / (order + 1)
    r = np.sqrt((1 - peclet) / (1 + peclet)) ** k
    right = r[:, None] * np.sin(angle)
    left = np.sin(angle) / r[:, None]
    lengths = np.linalg.norm(right, axis=0) * np.linalg.norm(left, axis=0)
    exact = lengths / (np.sin(angle) ** 2).sum(axis=0)
    values = -2 + 2 * np.sqrt(1 - peclet**2) * np.cos(angle[0])
    _, Lambda, kappa = matrices.condeig(A)
    falling = np.argsort(-Lambda.real)
    allowed = 64 * EPS * exact.max() * 4
    np.testing.assert_allclose(Lambda[falling], values, atol=allowed)
    gap = np.abs(np.diff(values)).min()
    np.testing.assert_allclose(kappa[falling], exact, rtol=allowed / gap)
    omega = -2 + 2 * np.cos(np.pi / (order + 1))
    assert matrices.numerical_abscissa(A) == pytest.approx(omega, abs=8 * EPS)


def test_the_field_of_grcar_fills_that_of_its_symbol() -> None:
    """omega(T_N) rises to max Re f(theta), f = -e^{i t} + 1 + e^{-i t} + e^{-2 i t} + e^{-3 i t}.

    Source: Trefethen & Embree 2005, section 7 (numerical ranges of Toeplitz matrices).
    """
    t = np.linspace(0, np.pi, 20001)
    most = float((-np.cos(t) + 1 + np.cos(t) + np.cos(2 * t) + np.cos(3 * t)).max())
    found = [matrices.numerical_abscissa(gallery.grcar(order)) for order in (50, 100, 200)]
    assert found == sorted(found)
    assert found[-1] < most
    assert most - found[2] < (most - found[1]) / 3.5  # the gap is O(1/N^2)


def test_convection_holds_on_until_all_has_flowed_out_and_diffusion_is_late() -> None:
    """u'' + u' on [0, d]: eigenvalues promise e^{-t/4}, and |e^{tA}| stays at e^{t omega}, omega =
    -pi^2/d^2, until about t = d.

    Source: Reddy & Trefethen 1994 (SIAM J. Appl. Math. 54).
    """
    d = 16.0
    n = 159
    h = d / (n + 1)
    A = gallery.convection_diffusion(n, h / 2) / h**2
    abscissa = (-2 + 2 * np.sqrt(1 - h**2 / 4) * np.cos(np.pi / (n + 1))) / h**2
    assert abscissa == pytest.approx(-0.25 - np.pi**2 / d**2, abs=1e-3)
    omega = matrices.numerical_abscissa(A)
    assert omega == pytest.approx(-(np.pi**2) / d**2, rel=1e-3)
    time, norm = matrices.flow_norms(A, 2 * d, 32)
    assert np.all(norm <= np.exp(omega * time) * (1 + 1e-9))
    half = int(np.argmin(np.abs(time - d / 2)))
    assert norm[half] > 0.8 * np.exp(omega * d / 2)
    assert norm[half] > 5 * np.exp(abscissa * d / 2)
    late = np.log(norm[-1] / norm[-5]) / (time[-1] - time[-5])
    assert late == pytest.approx(abscissa, rel=0.3)  # decays as promised in the end
    assert matrices.transient_growth(A).upper == 1  # a contraction
    assert matrices.kreiss(A).upper == 1


@pytest.mark.parametrize(("coupling", "decay"), [(1.0, -1.0), (5.0, -2.0), (40.0, -2.0)])
def test_kreiss_constant_and_growth_of_two_states_are_known(coupling: float, decay: float) -> None:
    """A = (-1, c; 0, d): exponential and resolvent in closed form, searched by mpmath. The first
    two are those of Trefethen & Embree 2005, section 14.
    """
    A = np.array([[-1.0, coupling], [0.0, decay]])

    def minus_norm_of_flow(t: Any) -> Any:
        a = mpmath.e ** (-t)
        b = mpmath.e ** (decay * t)
        off = coupling * (t * a if decay == -1 else (a - b) / (-1 - decay))
        return largest(a * a + b * b + off * off, a * b)

    def kreiss_ratio(x: Any) -> Any:
        det = (x + 1) * (x - decay)
        return x * largest((x + 1) ** 2 + (x - decay) ** 2 + coupling**2, det) / det

    def largest(squares: Any, det: Any) -> Any:
        return mpmath.sqrt((squares + mpmath.sqrt(squares**2 - 4 * det**2)) / 2)

    def supremum(f: Any, grid: np.ndarray) -> float:
        best = max(grid.tolist(), key=lambda s: f(mpmath.mpf(s)))
        fine = np.linspace(best / 1.1, best * 1.1, 401)
        return max(1.0, float(max(f(mpmath.mpf(s)) for s in fine.tolist())))

    grid = np.geomspace(1e-3, 1e3, 400)
    growth = matrices.transient_growth(A, tolerance=1e-4)
    exact = supremum(minus_norm_of_flow, grid)
    assert growth.lower <= exact * (1 + 1e-9)
    assert exact <= growth.upper * (1 + 1e-9)
    assert growth.upper <= 1.001 * exact
    kreiss = matrices.kreiss(A, tolerance=1e-4)
    exact = supremum(kreiss_ratio, grid)
    assert exact <= kreiss.upper * (1 + 1e-9)
    assert kreiss.lower == pytest.approx(exact, rel=1e-3)
    omega = (-1 + decay + np.hypot(1 + decay, coupling)) / 2
    assert matrices.numerical_abscissa(A) == pytest.approx(omega, abs=1e-14)


def test_poiseuille_flow_is_unstable_as_orszag_found() -> None:
    """R = 10000, alpha = 1: omega = 0.23752649 + 0.00373967 i, x' = A x with A = -i omega.

    Neutral at R = 5772.22, alpha = 1.02056. Source: Orszag 1971 (J. Fluid Mech. 50).
    """
    Lambda = matrices.condeig(eigtool.orr_sommerfeld(60)).Lambda
    right = Lambda[np.argmax(Lambda.real)]
    assert abs(right - (0.00373967 - 0.23752649j)) < 1e-8
    assert matrices.transient_growth(eigtool.orr_sommerfeld(60)).lower == np.inf
    critical = matrices.condeig(eigtool.orr_sommerfeld(60, 5772.22, 1.02056)).Lambda
    assert abs(critical.real.max()) < 1e-7


@pytest.mark.parametrize("R", [300, 1000])
def test_streaks_grow_as_the_square_of_the_reynolds_number(R: int) -> None:
    """The energy by 1.96e-4 R^2, at time 0.076 R, of disturbances alike along the stream.

    Source: Trefethen, Trefethen, Reddy & Driscoll 1993 (Science 261); Reddy & Henningson 1993: the
    most of all disturbances, at beta = 2.04.
    """
    growth = matrices.transient_growth(eigtool.streaks(20, R, 2.04))
    assert growth.lower**2 == pytest.approx(1.96e-4 * R**2, rel=2e-2)
    assert growth.upper**2 <= 2.0e-4 * R**2 * 1.03
    assert growth.at == pytest.approx(0.076 * R, rel=5e-2)  # a flat crest


def test_two_discretizations_of_one_flow_grow_alike() -> None:
    """Galerkin's and collocation by Chebyshev, whose energy is integrated by Clenshaw and Curtis.

    Source: Trefethen 2000, Spectral Methods in MATLAB, program 40.
    """
    R = 2000.0
    n = 60
    D, x = eigtool.chebyshev(n)
    D2 = (D @ D)[1:-1, 1:-1]
    S = np.diag(np.concatenate([[0], 1 / (1 - x[1:-1] ** 2), [0]]))
    D3 = D @ D @ D
    D4 = (np.diag(1 - x**2) @ D3 @ D - 8 * np.diag(x) @ D3 - 12 * D @ D) @ S
    unit = np.eye(n - 1)
    U = np.diag(1 - x[1:-1] ** 2)
    A = (D4[1:-1, 1:-1] - 2 * D2 + unit) / R - 2j * unit - 1j * U @ (D2 - unit)
    A = np.linalg.solve(D2 - unit, A)
    right = np.linalg.eigvals(eigtool.orr_sommerfeld(50, R))
    ours = np.linalg.eigvals(A)
    leading = right[np.argsort(-right.real)[:6]]
    assert np.abs(ours[:, None] - leading).min(axis=0).max() < 1e-6
    growth = matrices.transient_growth(eigtool.orr_sommerfeld(50, R))
    finer = matrices.transient_growth(eigtool.orr_sommerfeld(64, R))
    assert growth.lower == pytest.approx(finer.lower, rel=1e-4)
    assert growth.lower > 3  # the spectrum is stable


def test_what_a_perturbation_is_worth_is_seen_in_pseudospectra() -> None:
    """A gaussian of size eps puts eigenvalues into the pseudospectrum of |E|, for every demo."""
    for name in eigtool.DEMOS:
        A = demo(name, 10)
        found = perturb.complex_gaussian(A, size=1e-4)
        size = float(np.linalg.norm(found.E, 2))
        sigma = [least_singular_value(A, z) for z in found.Lambda]
        assert max(sigma) <= size * (1 + 1e-9) + 256 * EPS * np.linalg.norm(A)
