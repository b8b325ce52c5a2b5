"""Every claim of the catalogue at random orders, and every figure by another way."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from pathlib import Path

import mpmath
import numpy as np
import pytest
import scipy.integrate
import scipy.linalg
from hypothesis import given
from hypothesis import strategies as st
from strategies import EPS

from ssmlinalg import hippo, reference
from ssmlinalg.comparison import CLAIMS, Claim, ClaimedFigure, measured, s4d_convergence

DASH = "\N{EN DASH}"
PRINTED = 1e-4  # five digits
SLOW = {
    "pointwise": 64,
    "lossless-law": 256,
    "published-bound": 16,
    "resolvent-bound": 16,
    "driven-bound": 24,
    "state-spike": 256,
}


@pytest.mark.parametrize("name", CLAIMS)
@given(st.floats(0, 1))
def test_what_is_measured_is_what_is_claimed(name: str, place: float) -> None:
    """At orders between the least and the greatest, of which each doubling is as likely."""
    order = round(CLAIMS[name].least ** (1 - place) * most(name) ** place)
    assert measured(name, order).holds, order


@pytest.mark.parametrize("name", CLAIMS)
def test_a_claim_holds_at_its_ends(name: str) -> None:
    least = CLAIMS[name].least
    for order in (least, least + 1, most(name)):
        assert measured(name, order).holds, order


def most(name: str) -> int:
    """The largest order at which a test measures a claim."""
    return min(CLAIMS[name].greatest, SLOW.get(name, 1024))


def test_a_figure_holds_in_its_interval_with_its_ends() -> None:
    for value, holds in ((0.9, False), (1.0, True), (1.5, True), (2.0, True), (2.1, False)):
        assert ClaimedFigure(value, 1.0, 2.0).holds == holds
    assert not ClaimedFigure(math.nan, 1.0, 2.0).holds


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS.keys())
def test_a_claim_says_whose_it_is_and_how_well_it_is_known(claim: Claim) -> None:
    assert claim.status in {"proved", "verified", "refuted"}
    assert claim.statement.endswith(".")
    assert claim.source
    assert 1 <= claim.least < claim.greatest


def test_the_table_of_the_page_says_what_is_measured() -> None:
    """Its figures at orders 8 and 32 to the five digits they have; those of `pade` are rounding."""
    page = (Path(__file__).parent.parent / "docs" / "convergence.md").read_text(encoding="utf-8")
    first, *lines = page[page.index("| claim |") :].splitlines()
    rows = [cells(line) for line in lines[1 : len(CLAIMS) + 1]]
    assert first == "| claim | status | orders | N = 8 | N = 32 | at the last | claimed there |"
    assert [row[0] for row in rows] == [f"`{name}`" for name in CLAIMS]
    sections = page.split("## ", 1)[1]
    for (name, claim), row in zip(CLAIMS.items(), rows, strict=True):
        _, status, orders, *figures, _, _ = row
        assert status == claim.status
        assert orders == f"{claim.least}{DASH}{claim.greatest}"
        for order, figure in zip((8, 32), figures, strict=True):
            if not claim.least <= order <= claim.greatest:
                assert figure == DASH
            elif name != "pade":
                assert float(figure) == pytest.approx(measured(name, order).value, rel=PRINTED)
        assert f"`{name}`" in sections, "and a section explains it"


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def difference(order: int) -> tuple[np.ndarray, np.ndarray]:
    """x' = M x + b u holds the states of LegS and of S4D-LegS one below the other, by their
    matrices.
    """
    A, b, _ = hippo.legs(order)
    A = np.asarray(A)
    none = np.zeros_like(A)
    return np.block([[A, none], [none, A + np.outer(b, b) / 2]]), np.concatenate([b, b / 2])


def state_error(order: int, w: float) -> np.ndarray:
    """x^(iw) - x~^(iw) by a dense solve."""
    M, b = difference(order)
    x = np.linalg.solve(1j * w * np.eye(2 * order) - M, b)
    return x[:order] - x[order:]


@pytest.mark.parametrize("order", [1, 2, 7, 24])
def test_the_error_at_a_frequency_is_that_of_the_matrices(order: int) -> None:
    value = measured("fixed-frequency", order).value
    state = [complex(x) for x in reference.legs_state(order, 1j)]
    error = state_error(order, 1.0)
    assert abs(order * np.linalg.norm(error) / np.linalg.norm(state) - value) <= 64 * EPS * order**2
    for k in range(order):  # the same factor in every coefficient
        factor = abs(error[k]) / abs(state[k])
        assert abs(order * factor - value) <= 64 * EPS * order**2


@pytest.mark.parametrize("order", [2, 3, 8, 17])
def test_energies_are_those_of_a_gramian(order: int) -> None:
    M, b = difference(order)
    C = np.concatenate([np.eye(order), -np.eye(order)], axis=1)
    error = C @ scipy.linalg.solve_continuous_lyapunov(M, -np.outer(b, b)) @ C.T
    slack = 64 * EPS * order**3
    assert abs(error[0, 0] - measured("impulse", order).value) <= slack
    assert abs(np.trace(error) * 2 / order - measured("impulse-state", order).value) <= slack
    # One more state makes the input: u' = -u from u(0) = 1.
    driven = np.block([[M, b[:, None]], [np.zeros((1, 2 * order)), -np.ones((1, 1))]])
    start = np.append(np.zeros(2 * order), 1.0)
    X = scipy.linalg.solve_continuous_lyapunov(driven, -np.outer(start, start))
    c = np.append(C[0], 0.0)
    energy = order**2 * (c @ X @ c)
    assert abs(energy - measured("decaying-input", order).value ** 2) <= slack * order**2


@pytest.mark.parametrize("order", [4, 9])
def test_the_energy_of_an_impulse_is_the_integral_over_frequency(order: int) -> None:

    def density(t: float) -> float:
        return abs(state_error(order, math.tan(t))[0]) ** 2 / math.cos(t) ** 2

    quadrature = 1e-9
    integral, _ = scipy.integrate.quad(density, 0, math.pi / 2, limit=400, epsabs=quadrature)
    assert abs(integral / math.pi - measured("impulse", order).value) <= quadrature


@pytest.mark.parametrize("order", [8, 15])
def test_spikes_stand_where_the_reference_finds_the_frequencies(order: int) -> None:
    w = [float(x) for x in reference.legs_normal_spectrum(order)][::-1]
    beyond = w[0] - order**2 / math.pi
    assert abs(beyond - measured("largest-frequency", order).value) <= 4 * EPS * order**2
    third = abs(state_error(order, w[2])[0]) * 5 * math.pi / 2
    assert abs(third - measured("third-spike", order).value) <= 64 * EPS * order**2
    grid = w[0] + np.linspace(-0.5, 0.5, 201)
    errors = np.stack([state_error(order, x) for x in grid])
    highest = float(np.max(np.abs(errors[:, 0]))) * math.pi / 2
    # The peaks are of width 1/2 and the grid 1/200 wide: (1/200)^2 of their height may be missed.
    assert highest <= measured("spike", order).value * (1 + 64 * EPS * order**2)
    assert highest >= measured("spike", order).value * (1 - 1 / 200**2)
    whole = float(np.max(np.linalg.norm(errors, axis=1))) * math.pi / (2 * order)
    assert abs(whole / measured("state-spike", order).value - 1) <= 1 / 200**2


def test_the_published_constant_of_the_largest_frequency_has_the_other_sign() -> None:
    """40 digits, N = 64: the difference from N^2/pi is -0.52345, not 0.5236."""
    w = max(reference.legs_normal_spectrum(64, digits=40))
    digit = 1e-6  # the last of the page
    assert abs(float(w - 64**2 / mpmath.mp.pi) + 0.523451) <= digit


@given(st.integers(2, 40), st.floats(-0.4, 2), st.floats(0.1, 5))
def test_the_error_of_a_laplace_transform_is_that_of_the_product(
    order: int, right: float, up: float
) -> None:
    ctx = mpmath.mp
    s = mpmath.mpc(right, up)
    Phi = ctx.fprod((s - k) / (s + k + 1) for k in range(order))
    limit = abs(ctx.gamma(s + 1) / ctx.gamma(-s)) * mpmath.mpf(order) ** (-2 * right - 1)
    expected = float(abs(Phi / (1 + Phi)) / limit)
    condition = float(1 / abs(1 + Phi)) * order * (1 + abs(complex(s)))
    found = s4d_convergence.weak_limit(order, complex(s)).value
    assert abs(found / expected - 1) <= 512 * EPS * condition


@pytest.mark.parametrize("order", [3, 8])
def test_kernels_are_those_of_the_exponential(order: int) -> None:
    M, b = difference(order)
    step = 0.05
    samples = 100
    turn = scipy.linalg.expm(step * M)
    hold = np.linalg.solve(M, (turn - np.eye(2 * order)) @ b)
    error = []
    for _ in range(samples):
        error.append(abs(hold[0] - hold[order]) / step)
        hold = turn @ hold
    rounding = 64 * EPS * order**4 * samples
    assert abs(max(error) - s4d_convergence.sampled_error(order, step)) <= rounding


@pytest.mark.parametrize("order", [1, 2, 5])
def test_legt_is_the_pade_approximant_in_rational_numbers(order: int) -> None:
    """By the LMU, whose entries are rational: G(s) agrees with e^{-s} to s^{2N-1}."""
    A = [[Fraction(int(x)) for x in row] for row in hippo.lmu(order).A]
    B = [Fraction(int(x)) for x in hippo.lmu(order).B]
    # C (s - A)^{-1} B = -sum_j s^j C A^{-j-1} B, and the last of the window is read by P_n(2 - 1) =
    # 1.
    x = B
    series = []
    for _ in range(2 * order):
        x = solved(A, x)
        series.append(-sum(x))
    assert series == [Fraction((-1) ** j, math.factorial(j)) for j in range(2 * order)]


def solved(A: list[list[Fraction]], b: list[Fraction]) -> list[Fraction]:
    """A^{-1} b by elimination."""
    rows = [[*row, right] for row, right in zip(A, b, strict=True)]
    for i in range(len(rows)):
        at = next(j for j in range(i, len(rows)) if rows[j][i])
        pivot = rows.pop(at)
        pivot = [entry / pivot[i] for entry in pivot]
        rows.insert(i, pivot)
        for j, row in enumerate(rows):
            if j != i:
                rows[j] = [x - row[i] * y for x, y in zip(row, pivot, strict=True)]
    return [row[-1] for row in rows]


@pytest.mark.parametrize("order", [3, 8, 12])
def test_the_sensitivity_of_eigenvalues_is_that_of_the_eigenvectors(order: int) -> None:
    """|y||x|/|y^* x| of eigenvectors by substitution in 60 digits, against the binomials."""
    ctx = mpmath.MPContext()
    ctx.dps = 60
    r = [ctx.sqrt(2 * n + 1) for n in range(order)]
    A = ctx.zeros(order)
    for n in range(order):
        A[n, n] = -(n + 1)
        for k in range(n):
            A[n, k] = -r[n] * r[k]
    V = ctx.zeros(order)
    for j in range(order):
        V[j, j] = 1
        for n in range(j + 1, order):
            V[n, j] = ctx.fsum(A[n, k] * V[k, j] for k in range(j, n)) / (n - j)
    inverse = ctx.inverse(V)
    worst = max(ctx.norm(V[:, j]) * ctx.norm(inverse[j, :]) for j in range(order))
    law = (1 + ctx.sqrt(2)) ** (2 * order) / (2 * ctx.sqrt(2) * ctx.pi * order)
    assert abs(float(worst / law) / measured("sensitivity", order).value - 1) <= 64 * EPS * order


@pytest.mark.parametrize("order", [2, 9, 33])
def test_the_all_pass_of_fout_is_that_of_the_matrix(order: int) -> None:
    A, B, _ = hippo.fout(order, window=1.0)
    s = 1 + 2j
    M = 2 * ((order - 1) // 2) + 1
    Phi = 1 - complex(reference.transfer(np.asarray(A), B, B, 0, s))
    law = abs(s * (1 - np.exp(-s)) ** 2) / (math.pi**2 * M)
    found = abs(Phi + np.exp(-s)) / law
    assert abs(found - measured("all-pass-limit", order).value) <= 64 * EPS * order**2


@given(st.integers(2, 12), st.floats(0.01, 0.45), st.integers(0, 99))
def test_no_small_perturbation_moves_the_resolvent_beyond_either_bound(
    order: int, size: float, seed: int
) -> None:
    """At random frequencies and for random E: 4 e/(1 - 2e), and what follows from that."""
    rng = np.random.default_rng(seed)
    A = np.asarray(hippo.legs(order).A)
    E = rng.standard_normal((order, order))
    E = E * (size / np.linalg.norm(E, 2))
    published = 2 * math.log(order) + 4
    for w in np.append(0.0, rng.lognormal(1, 2, 8)):
        shifted = 1j * w * np.eye(order) - A
        difference = np.linalg.inv(shifted - E) - np.linalg.inv(shifted)
        moved = float(np.linalg.norm(difference, 2))
        assert moved <= 4 * size / (1 - 2 * size)
        if size <= math.log(order) / published:
            assert moved <= published * size


def test_what_is_asked_wrongly_is_refused() -> None:
    sentence = re.compile(r"[^\n]+; got [^\n]+\. [A-Z0-9-][^\n]*[.?]")
    for name, order, error in (
        ("spikes", 8, ValueError),
        ("spike", 3, ValueError),
        ("spike", 8.0, TypeError),
    ):
        with pytest.raises(error) as caught:
            measured(name, order)  # pyright: ignore[reportArgumentType]
        assert sentence.fullmatch(str(caught.value))
