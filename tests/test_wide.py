"""More modes than states: the first N states of a row of lossless systems."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import EPS, nplr
from targets import SINGLE, kernel_of, to

import ssmlinalg as ssm
from ssmlinalg import forms, hippo, inits, perturb
from ssmlinalg.export import TARGETS
from ssmlinalg.ground.ondemand import OnDemand
from ssmlinalg.lossless import chain, gram
from ssmlinalg.matrices.frequency_supremum import supremum
from ssmlinalg.perturb.cascade import cascade
from ssmlinalg.perturb.conditioning_budget import clip

RESOLVED = 1e-6  # relative: of a supremum that is searched
CHAINS = {"legs": -0.5, "lagt": 0.0, "tlagt": -0.5}  # the axes
counts = st.tuples(st.integers(1, 24), st.integers(0, 60)).map(lambda n: (n[0], n[0] + n[1]))


def row(order: int, modes: int, c: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lambda, V and B of `legs` by dense eigenvectors of the whole row, unscaled columns."""
    a = np.concatenate([np.arange(order) + 0.5, chain.further(np.arange(order) + 0.5, modes)])
    p = np.sqrt(a)
    A = np.diag(-0.5 - a) - 2 * np.tril(np.outer(p, p), -1)
    tau = 2 / (c + 1)
    Lambda, V = np.linalg.eig(A + tau * np.outer(p, p))
    B = np.linalg.solve(V, (1 - tau / 2) * math.sqrt(2) * p + 0j)
    return Lambda, V[:order], B


def state(found: perturb.Diagonalization, s: np.ndarray) -> np.ndarray:
    return found.V @ (found.B[:, None] / (s - found.Lambda[:, None]))


def exact(system: forms.NPLR, s: np.ndarray) -> np.ndarray:
    """(s - A)^{-1} B by dense solves."""
    A = np.asarray(system.A)
    pencil = s[:, None, None] * np.eye(len(A)) - A
    return np.linalg.solve(pencil, system.B[:, None] + 0j)[..., 0].T


@pytest.mark.parametrize(
    ("order", "modes", "c", "kappa", "error"),
    [
        (32, 32, 8, 7.51, 0.0684),
        (32, 32, 64, 56.5, 0.0079),
        (32, 64, 64, 7.50, 0.0061),
        (32, 96, 512, 7.50, 0.00064),
        (32, 64, 16, 3.83, 0.0251),
        (256, 512, 64, 7.94, 0.0061),
    ],
)
def test_the_published_table_is_met(
    order: int, modes: int, c: float, kappa: float, error: float
) -> None:
    found = perturb.lossless(hippo.legs(order), tau=2 / (c + 1), modes=modes)
    assert found.V.shape == (order, modes)
    assert found.condition == pytest.approx(kappa, rel=2e-3)
    assert found.transfer_error == pytest.approx(error, rel=2e-2)
    assert found.transfer_error <= found.transfer_bound <= 1.01 * found.transfer_error


@pytest.mark.parametrize(("order", "modes"), [(1, 3), (2, 3), (5, 9), (8, 16), (13, 39), (32, 48)])
@pytest.mark.parametrize("c", [1.5, 9.0, 70.0])
def test_modes_are_those_of_the_whole_row(order: int, modes: int, c: float) -> None:
    found = perturb.lossless(hippo.legs(order), tau=2 / (c + 1), modes=modes)
    Lambda, V, B = row(order, modes, c)
    # Eigenvalues of a dense solver err by eps |A| times their condition, here at most c.
    size = modes**2
    for one in found.Lambda:
        assert np.abs(Lambda - one).min() <= 64 * EPS * size * c
    s = 1j * np.linspace(-3 * order, 3 * order, 40) + 0.1
    expected = V @ (B[:, None] / (s - Lambda[:, None]))
    assert np.abs(state(found, s) - expected).max() <= 64 * EPS * size * c
    assert found.condition == pytest.approx(
        np.linalg.cond(V / np.linalg.norm(V, axis=0)), rel=64 * EPS * size * c
    )


@pytest.mark.parametrize(("order", "modes"), [(3, 6), (4, 7), (6, 18)])
def test_poles_solve_the_equation_of_the_row(order: int, modes: int) -> None:
    c = 64
    found = perturb.lossless(hippo.legs(order), tau=2 / (c + 1), modes=modes)
    a = [*(np.arange(order) + 0.5), *chain.further(np.arange(order) + 0.5, modes)]
    with mpmath.workdps(40):
        for one in found.Lambda:
            z = mpmath.mpc(one.real, one.imag) + mpmath.mpf(1) / 2
            phi = mpmath.fprod((z - x) / (z + x) for x in a)
            slope = mpmath.fsum(2 * x / (z**2 - mpmath.mpf(x) ** 2) for x in a)
            # -c within what rounding the pole does, which the slope says
            allowed = c * 8 * EPS * (1 + abs(z * slope))
            assert abs(phi + c) <= allowed


@given(st.sampled_from(sorted(CHAINS)), counts, st.floats(1.2, 60.0))
def test_columns_are_unit_and_the_inverse_is_a_right_one(
    measure: str, count: tuple[int, int], c: float
) -> None:
    order, modes = count
    system = nplr(measure, order)
    found = perturb.lossless(system, tau=2 / (c + 1), modes=modes)
    rounding = 256 * EPS * modes * found.condition
    assert found.V.shape == (order, modes)
    assert found.V_inv.shape == (modes, order)
    np.testing.assert_allclose(np.linalg.norm(found.V, axis=0), 1, rtol=rounding)
    assert np.abs(found.V @ found.V_inv - np.eye(order)).max() <= rounding
    assert found.residual <= rounding
    assert found.factorization_error <= rounding
    assert found.abscissa <= CHAINS[measure]
    assert found.scaled_condition >= order * (1 - rounding)


@given(st.sampled_from(["legs", "tlagt"]), counts, st.floats(1.05, 300.0))
def test_the_bound_holds_at_every_frequency(measure: str, count: tuple[int, int], c: float) -> None:
    order, modes = count
    system = nplr(measure, order)
    found = perturb.lossless(system, tau=2 / (c + 1), modes=modes)
    w = np.concatenate([np.geomspace(1e-3, 1e3, 40) * order, np.abs(found.Lambda.imag)])
    deviation = np.linalg.norm(state(found, 1j * w) - exact(system, 1j * w), axis=0)
    rounding = 64 * EPS * modes * found.condition * np.sqrt(order)
    assert np.max(deviation) <= found.transfer_error * (1 + RESOLVED) + rounding
    assert found.transfer_error <= found.transfer_bound


@pytest.mark.parametrize("copies", [2, 3, 4])
@pytest.mark.parametrize("tau", [0.9, 0.2, 1e-3])
def test_the_bound_of_copies_is_that_of_the_formula(copies: int, tau: float) -> None:
    """max_q (tau/2) q^m sqrt(1 - q^2)/(1 - (tau/2)(1 + q^m)), at every order."""
    t = tau / 2
    grid = np.linspace(0, 1, 200001)[1:-1]
    h = grid**copies
    expected = float(np.max(t * h * np.sqrt(1 - grid**2) / (1 - t - t * h)))
    for order in (4, 16, 65):
        found = perturb.lossless(hippo.legs(order), tau=tau, modes=copies * order)
        assert found.transfer_bound == pytest.approx(expected, rel=2e-6)


def test_the_bound_of_a_part_is_met_where_its_phase_allows() -> None:
    """A bound that ignores the phase is attained within a tenth at 48 of 32 modes."""
    found = perturb.lossless(hippo.legs(32), tau=0.1, modes=48)
    assert found.transfer_error <= found.transfer_bound <= 1.1 * found.transfer_error


@given(st.sampled_from(["lagt", "tlagt"]), counts, st.floats(1.1, 500.0))
def test_the_conditioning_of_laguerre_is_a_power(
    measure: str, count: tuple[int, int], c: float
) -> None:
    order, modes = count
    found = perturb.lossless(nplr(measure, order), tau=2 / (c + 1), modes=modes)
    law = c ** ((order - 1) / modes)
    assert found.condition == pytest.approx(law, rel=64 * EPS * modes * law)


@pytest.mark.parametrize("order", [9, 16, 33, 64])
@pytest.mark.parametrize("part", [0.25, 0.5, 1.0, 1.5, 2.0, 3.0])
def test_the_conditioning_of_legs_is_nearly_that_power(order: int, part: float) -> None:
    modes = order + int(part * order)
    for kappa in (2.0, 4.0, 8.0):
        c = kappa ** (modes / (order - 1))
        found = perturb.lossless(hippo.legs(order), tau=2 / (c + 1), modes=modes)
        assert abs(found.condition / kappa - 1) <= 0.2 / order


def test_an_even_number_of_copies_has_no_exceptional_point() -> None:
    """Phi^m is positive at every critical point, all of them real, and -c is not."""
    for order in (2, 3, 8, 9):
        for kappa in np.geomspace(1.5, 1e4, 40):
            system = hippo.legs(order)
            found = perturb.lossless(system, tau=2 / (kappa**2 + 1), modes=2 * order)
            assert found.spectrum is not None
            assert np.isfinite(found.condition)


@settings(deadline=None)
@given(st.integers(2, 40), st.integers(1, 80), st.floats(1.3, 30.0))
def test_a_budget_is_kept(order: int, more: int, budget: float) -> None:
    found = perturb.lossless(hippo.legs(order), conditioning=budget, modes=order + more)
    assert np.linalg.cond(found.V) <= budget * (1 + 256 * EPS * len(found.Lambda))


@pytest.mark.parametrize(("measure", "copies"), [("legt", 2), ("legt", 3), ("fout", 2)])
@pytest.mark.parametrize("order", [5, 8])
def test_other_systems_take_copies_of_themselves(measure: str, copies: int, order: int) -> None:
    system = nplr(measure, order)
    moved = int(np.count_nonzero(np.any(system.P != 0, axis=-1) | np.any(system.A != 0, axis=0)))
    modes = order + (copies - 1) * moved
    found = perturb.lossless(system, tau=0.1, modes=modes)
    assert found.V.shape == (order, modes)
    assert np.abs(found.V @ found.V_inv - np.eye(order)).max() <= 1e4 * EPS * modes
    w = np.geomspace(0.1, 20 * order, 300)
    deviation = np.linalg.norm(state(found, 1j * w) - exact(system, 1j * w), axis=0)
    assert deviation.max() <= found.transfer_bound * (1 + RESOLVED)
    assert found.transfer_error >= deviation.max() * (1 - RESOLVED)


@pytest.mark.parametrize("measure", ["fout", "fourier_decay"])
@pytest.mark.parametrize(("order", "copies"), [(3, 2), (8, 2), (9, 3), (16, 4), (33, 5), (32, 8)])
@pytest.mark.parametrize("tau", [0.9, 0.3, 0.05])
def test_copies_of_waves_are_solved_in_closed_form(
    measure: str, order: int, copies: int, tau: float
) -> None:
    system = nplr(measure, order)
    moved = order - (order % 2 == 0)
    found = perturb.lossless(system, tau=tau, modes=order + (copies - 1) * moved)
    assert found.spectrum is not None
    whole = cascade(system, copies)
    Lambda, vectors = np.linalg.eig(whole.A + tau * whole.P @ whole.P.T)
    # Eigenvalues of a dense solver err by eps |A| times their condition.
    rounding = 64 * EPS * np.linalg.norm(whole.A) * np.linalg.cond(vectors)
    for one in found.Lambda:
        assert np.abs(Lambda - one).min() <= rounding
    assert len(np.unique(found.Lambda.round(9))) == len(found.Lambda)
    np.testing.assert_allclose(np.linalg.norm(found.V, axis=0), 1, rtol=1e3 * EPS * order)
    inverse = np.linalg.norm(found.V, 2) * np.linalg.norm(found.V_inv, 2)
    assert np.abs(found.V @ found.V_inv - np.eye(order)).max() <= 64 * EPS * order * inverse
    assert found.residual <= 256 * EPS * order
    s = 1j * np.array([0.3, 2.0, 1.1 * order])
    g = system.B[0] / system.P[0, 0]
    passed = (1 - 2 * (system.P[:, 0] @ exact(system, s)) / g) ** copies
    shrunk = (1 - tau / 2) / (1 - tau / 2 + tau / 2 * passed)
    close = 256 * EPS * len(found.Lambda) * inverse * np.abs(exact(system, s)).max()
    assert np.abs(state(found, s) - exact(system, s) * shrunk).max() <= close


def test_copies_of_waves_reach_any_order() -> None:
    for order in (4400, 4401):
        modes = 2 * order - (order % 2 == 0)
        found = perturb.lossless(nplr("fout", order), tau=0.1, modes=modes)
        assert isinstance(found.V, OnDemand)
        assert found.residual <= 1e3 * EPS * order
        c, b = np.random.default_rng(0).standard_normal((2, order))
        product = found.readout(c) @ found.drive(b[:, None])[:, 0]
        assert abs(product - c @ b) <= 1e-5 * np.linalg.norm(c) * np.linalg.norm(b)
    with pytest.raises(ValueError, match="copies of what is driven"):
        perturb.lossless(nplr("fout", 5000), modes=9000)


def test_copies_of_legt_bring_its_error_down_to_one_over_kappa() -> None:
    """Square, it is about 1/sqrt(kappa): see the theory page."""
    square, wide = (
        perturb.lossless(hippo.legt(16), conditioning=16, modes=modes) for modes in (16, 32)
    )
    assert wide.transfer_error < square.transfer_error / 2


def test_what_has_no_parts_is_refused_with_the_nearest_counts() -> None:
    with pytest.raises(ValueError, match=r"got 20\. Give 16 or 24"):
        perturb.lossless(hippo.legt(8), modes=20)
    with pytest.raises(ValueError, match=r"got 16\. Give 15 or 22"):
        perturb.lossless(hippo.fout(8), modes=16)
    with pytest.raises(ValueError, match=r"at least the order, 8; got 7"):
        perturb.lossless(hippo.legs(8), modes=7)
    with pytest.raises(ValueError, match=r"below 1 with more modes than states; got 1"):
        perturb.lossless(hippo.legs(8), tau=1.0, modes=9)
    with pytest.raises(ValueError, match="has as many modes as states; got `modes`"):
        ssm.ptd_init(8, perturbation="gaussian", size=0.1, modes=16)
    with pytest.raises(ValueError, match="must divide `modes`; got 2 blocks for modes 19"):
        ssm.s5_ptd_init(16, blocks=2, modes=19)


@pytest.mark.parametrize(("order", "modes"), [(20, 40), (31, 50), (33, 99), (30, 300)])
def test_norms_from_eigenvalues_are_those_of_the_matrices(order: int, modes: int) -> None:
    found = perturb.lossless(hippo.legs(order), conditioning=6, modes=modes)
    assert found.spectrum is not None
    right, left = gram.wide_norms(found.spectrum)
    upper = 1 + 2 * gram.TOLERANCE
    for norm, matrix in ((right, found.V), (left, found.V_inv)):
        expected = np.linalg.norm(matrix, 2)
        assert expected * (1 - 1e-5) <= norm <= expected * upper
    assert found.condition <= right * left <= found.condition * (upper + 2e-3)


def test_norms_of_waves_have_the_mode_that_nothing_drives() -> None:
    found = perturb.lossless(nplr("fout", 16), tau=0.05, modes=46)
    assert found.spectrum is not None
    right, left = gram.wide_norms(found.spectrum)
    assert right == pytest.approx(np.linalg.norm(found.V, 2), rel=2 * gram.TOLERANCE)
    assert left == pytest.approx(np.linalg.norm(found.V_inv, 2), rel=2 * gram.TOLERANCE)


@pytest.mark.parametrize(("order", "modes"), [(2, 5000), (40, 1200)])
def test_many_modes_a_state_are_well_conditioned(order: int, modes: int) -> None:
    found = perturb.lossless(hippo.legs(order), conditioning=8, modes=modes)
    assert found.condition == pytest.approx(np.linalg.cond(np.asarray(found.V)), rel=1e-9)
    assert found.transfer_bound < 1e-15
    assert found.facts["steps"] == 0


def test_a_large_wide_v_is_made_on_demand() -> None:
    order, modes = 9_000, 15_001
    found = perturb.lossless(hippo.legs(order), tau=0.05, modes=modes)
    assert isinstance(found.V, OnDemand)
    assert found.V.shape == (order, modes)
    assert found.V_inv.shape == (modes, order)
    some = np.array([0, 3, 7_000, 15_000])
    columns = found.V[:, some]
    np.testing.assert_allclose(np.linalg.norm(columns, axis=0), 1, rtol=1e3 * EPS * order)
    assert found.residual <= 1e3 * EPS
    assert found.transfer_bound < 0.05


def test_beyond_the_size_of_an_array_readout_and_drive_are_inverse() -> None:
    found = perturb.lossless(hippo.legs(2100), tau=0.05, modes=4201)
    c, b = np.random.default_rng(0).standard_normal((2, 2100))
    product = found.readout(c) @ found.drive(b[:, None])[:, 0]
    size = np.linalg.norm(c) * np.linalg.norm(b)
    assert abs(product - c @ b) <= 1e-5 * size


def test_readout_and_drive_in_the_normal_part_are_v_in_other_coordinates() -> None:
    """The modal form of the normal part is orthogonal, so lengths of rows and columns stay."""
    from ssmlinalg.lossless.normal_part import NormalPart

    found = perturb.lossless(hippo.legs(21), tau=0.1, modes=50)
    assert found.structure is not None
    assert found.spectrum is not None
    normal = found.structure.normal()
    assert normal is not None
    basis = NormalPart(normal, found.spectrum, found.tau)
    V = basis.readout(np.eye(21))
    V_inv = basis.drive(np.eye(21))
    close = {"rtol": 0, "atol": 1e-6}
    np.testing.assert_allclose(V.conj().T @ V, found.V.conj().T @ found.V, **close)
    np.testing.assert_allclose(V_inv @ V, found.V_inv @ found.V, **close)


# Models


@pytest.mark.parametrize(("order", "modes"), [(8, 16), (8, 13), (9, 18)])
def test_the_kernel_is_that_of_hippo_within_the_bound(order: int, modes: int) -> None:
    """In the L2 norm over all frequencies: sup |c| |x~ - x^|, for the same readout."""
    model = ssm.ptd_init(order, modes=modes, step=0.01, seed=3)
    assert forms.unpair(model).A.shape == (modes,)
    found = inits.perturbed(order, modes=modes)
    c = np.random.default_rng(3).standard_normal(order)
    w = np.geomspace(0.01, 100, 50) * order
    ours = ssm.systems.transfer(model, 1j * w)
    theirs = c @ exact(hippo.legs(order), 1j * w)
    assert np.abs(ours - theirs).max() <= np.linalg.norm(c) * found.transfer_bound * (1 + 1e-9)


def test_all_inputs_of_a_wide_s5_reach_the_state_of_hippo() -> None:
    """V exp(Lambda t) V^{-1} tends to exp(A t): here as transfer functions, with M."""
    A = hippo.legs(12).A
    errors = []
    for modes in (12, 24, 36):
        found = perturb.lossless(hippo.legs(12), conditioning=8, modes=modes)
        V, V_inv, Lambda = found.V, found.V_inv, found.Lambda
        s = 1j * np.geomspace(0.1, 100, 30)
        ours = [(V / (one - Lambda)) @ V_inv for one in s]
        theirs = [np.linalg.inv(one * np.eye(12) - A) for one in s]
        errors.append(max(np.linalg.norm(x - y, 2) for x, y in zip(ours, theirs, strict=True)))
    assert errors[1] < errors[0] / 4
    assert errors[2] < errors[1] / 4


@pytest.mark.parametrize("target", ["s4d", "s4-diag", "annotated-s4d", "dss"])
def test_wide_models_go_through_the_targets_of_diagonal_ones(target: str) -> None:
    model = ssm.ptd_init(8, modes=16, channels=2, step=(1e-2, 1e-1))
    arrays = to(target, model)
    rule = TARGETS[target].rule or "zoh"
    expected = ssm.kernel(model, 50, rule=rule)
    found = kernel_of(target, arrays, 50)
    assert np.abs(found - expected).max() <= 1e3 * SINGLE * np.abs(expected).max()


@pytest.mark.parametrize("target", ["s5", "s5-full", "s5-pytorch"])
def test_wide_models_of_several_inputs_go_through_their_targets(target: str) -> None:
    model = ssm.s5_ptd_init(8, modes=14, channels=2, blocks=2, step=(1e-2, 1e-1))
    assert model.A.shape == (8,)  # three pairs and a real mode of each block
    found = kernel_of(target, to(target, model), 50)
    expected = ssm.kernel(model, 50)
    assert np.abs(found - expected).max() <= 1e3 * SINGLE * np.abs(expected).max()


def test_the_supremum_is_where_the_search_says() -> None:
    found = perturb.lossless(hippo.legs(16), conditioning=8, modes=24)
    system = hippo.legs(16)

    def deviation(w: np.ndarray) -> np.ndarray:
        return np.linalg.norm(state(found, 1j * w) - exact(system, 1j * w), axis=0)

    largest, _ = supremum(deviation, found.Lambda)
    assert found.transfer_error == pytest.approx(largest, rel=RESOLVED)


# Figures


EVERY = {
    "square": lambda: perturb.lossless(hippo.legs(12), conditioning=8),
    "wide": lambda: perturb.lossless(hippo.legs(12), conditioning=8, modes=23),
    "undamped axis": lambda: perturb.lossless(hippo.lagt(9), conditioning=8, modes=18),
    "waves": lambda: perturb.lossless(hippo.fout(9), tau=0.2),
    "two columns": lambda: perturb.lossless(hippo.legt(8), tau=0.2, modes=16),
    "dense": lambda: perturb.minimize(hippo.legs(8), conditioning=8),
    "complex": lambda: perturb.complex_gaussian(hippo.legs(6), size=0.05),
}
every_kind = pytest.mark.parametrize("kind", EVERY)


@every_kind
def test_weights_are_amplified_by_what_the_definition_says(kind: str) -> None:
    found = EVERY[kind]()
    beside = np.tan(np.linspace(-1.55, 1.55, 301))
    w = (found.Lambda.imag[:, None] + np.abs(found.Lambda.real)[:, None] * beside).ravel()
    w = np.concatenate([w, [1e9 * np.abs(found.Lambda).max()]])
    modes = np.linalg.norm(found.B / (1j * w[:, None] - found.Lambda), axis=-1)
    size = np.linalg.norm(exact(found.system, 1j * w), axis=0)
    expected = float(np.max(np.linalg.norm(found.V, 2) * modes / size))
    assert found.weight_amplification >= expected * (1 - 1e-3)  # measured, between lobes too
    assert found.weight_amplification <= expected * 1.01


@every_kind
def test_kernels_are_as_sensitive_as_random_changes_of_lambda_show(kind: str) -> None:
    """By quadrature in time and sampled phases: 400 of them leave a twentieth."""
    found = EVERY[kind]()
    rng = np.random.default_rng(0)
    pairs = int(np.sum(found.Lambda.imag > 0)) if kind != "complex" else 0
    alone = len(found.Lambda) - 2 * pairs
    nodes, weights = np.polynomial.legendre.leggauss(60)
    ends = np.concatenate([[0.0], np.geomspace(1e-4, 60 / -found.abscissa, 60)])
    half = np.diff(ends)[:, None] / 2
    t = (ends[:-1, None] + half * (1 + nodes)).ravel()
    dt = (half * weights).ravel()
    powers = found.B[:, None] * np.exp(found.Lambda[:, None] * t)
    energy = np.sum(np.abs(found.V @ powers) ** 2 * dt)
    changed = []
    for _ in range(400):
        turn = np.exp(2j * np.pi * rng.uniform(size=pairs))
        signs = (
            rng.choice([-1.0, 1.0], size=alone)
            if kind != "complex"
            else np.exp(2j * np.pi * rng.uniform(size=alone))
        )
        relative = np.concatenate([turn, turn.conj(), signs])
        moved = (relative * found.Lambda)[:, None] * t * powers
        changed.append(np.sum(np.abs(found.V @ moved) ** 2 * dt))
    sampled = math.sqrt(float(np.mean(changed)) / energy)
    assert found.kernel_sensitivity == pytest.approx(sampled, rel=0.05)


@pytest.mark.parametrize(
    ("modes", "c", "amplification", "sensitivity"),
    [(32, 8, 6.43, 10.67), (32, 64, 43.7, 26.54), (64, 64, 6.41, 7.575), (96, 512, 6.41, 6.185)],
)
def test_wide_modes_hide_no_cancellation(
    modes: int, c: float, amplification: float, sensitivity: float
) -> None:
    """Ten times as near at the same weights, and less sensitive to Lambda."""
    found = perturb.lossless(hippo.legs(32), tau=2 / (c + 1), modes=modes)
    assert found.weight_amplification == pytest.approx(amplification, rel=2e-3)
    assert found.kernel_sensitivity == pytest.approx(sensitivity, rel=2e-3)


def test_the_normal_part_is_the_most_sensitive() -> None:
    normal = perturb.lossless(hippo.legs(32), tau=1.0)
    assert normal.kernel_sensitivity > 400
    assert normal.condition < 1 + 1e-12


def test_figures_of_a_matrix_and_of_undamped_modes_say_so() -> None:
    matrix = perturb.gaussian(np.eye(3) - np.ones((3, 3)), size=0.1)
    assert math.isnan(matrix.weight_amplification)
    assert math.isnan(matrix.kernel_sensitivity)
    undamped = perturb.lossless(hippo.lagt(4), tau=1.0)
    assert undamped.weight_amplification == undamped.kernel_sensitivity == math.inf


# Searched


@pytest.mark.parametrize(("order", "modes", "least"), [(8, 16, 0.0013), (8, 12, 0.0030)])
def test_a_search_with_more_modes_ends_far_below_the_law(
    order: int, modes: int, least: float
) -> None:
    system = hippo.legs(order)
    law = perturb.lossless(system, conditioning=8, modes=modes)
    found = perturb.optimal(system, conditioning=8, modes=modes)
    assert found.V.shape == (order, modes)
    assert found.condition <= 8 * (1 + 1e-9)
    assert found.transfer_error <= least < law.transfer_error / 2
    # Nothing of it is cancellation.
    assert found.weight_amplification <= 1.25 * law.weight_amplification
    w = np.geomspace(1e-2, 1e4, 2000)
    deviation = np.linalg.norm(state(found, 1j * w) - exact(system, 1j * w), axis=0)
    assert deviation.max() <= found.transfer_bound
    assert np.abs(found.V @ found.V_inv - np.eye(order)).max() <= 1e3 * EPS * modes
    assert found.factorization_error <= 1e3 * EPS * modes
    assert found.proved_abscissa == found.abscissa < 0


def test_the_budget_of_a_wide_search_has_the_derivative_that_is_passed_back() -> None:
    rng = np.random.default_rng(0)
    X, to_R, move = rng.standard_normal((3, 4, 7))
    _, pullback = clip(X, 5.0)
    step = 1e-6
    ahead, back = (clip(X + sign * step * move, 5.0)[0] for sign in (1, -1))
    slope = np.sum(to_R * (ahead - back)) / (2 * step)
    assert np.sum(pullback(to_R) * move) == pytest.approx(slope, rel=1e-7)
    assert np.linalg.cond(clip(X * np.geomspace(1, 1e4, 7), 5.0)[0]) <= 5 * (1 + 1e-12)


def test_a_wide_search_wants_a_lossless_system() -> None:
    with pytest.raises(TypeError, match="must be an NPLR form"):
        perturb.optimal(hippo.lmu(4), modes=8)
    with pytest.raises(ValueError, match="at least the order, 8; got 7"):
        perturb.optimal(hippo.legs(8), modes=7)


@pytest.mark.parametrize("modes", [16, 20, 32])
def test_an_order_leaves_out_more_than_is_perturbed(modes: int) -> None:
    """|x~ - x^| <= q/(c - 1), q what the order leaves out of the nested state."""
    c = 9.0
    found = perturb.lossless(hippo.legs(16), tau=2 / (c + 1), modes=modes)
    w = np.geomspace(0.1, 1e3, 500)
    deviation = np.linalg.norm(state(found, 1j * w) - exact(hippo.legs(16), 1j * w), axis=0)
    q = w / np.hypot(w, 16)
    assert np.all(deviation <= q / (c - 1) * (1 + 1e-9))


def test_modes_that_nothing_drives_make_any_v_well_conditioned() -> None:
    """So kappa(V) alone bounds no error with 2 N - 1 modes: the amplification sees it."""
    found = perturb.lossless(hippo.legs(8), tau=1e-3)
    U, sizes, _ = np.linalg.svd(np.hstack([found.V.real, found.V.imag]))
    V = np.hstack([found.V, U[:, 1:] * np.sqrt(sizes[0] ** 2 - sizes[1:] ** 2)])
    assert found.condition > 300
    assert V.shape == (8, 15)
    assert np.linalg.cond(V) <= 1 + 1e-12
    assert found.weight_amplification > 100


def test_the_floor_is_one_of_at_most_as_many_modes_as_states() -> None:
    """And has to be: with twice as many, `lossless` lies below that of N."""
    system = hippo.legs(64)
    floor = perturb.error_floor(system, conditioning=8)
    assert floor > 0
    assert perturb.error_floor(system, conditioning=8, modes=64) == floor
    assert perturb.error_floor(system, conditioning=8, modes=128) == 0
    wide = perturb.lossless(system, conditioning=8, modes=128)
    assert wide.transfer_bound < floor
    with pytest.raises(ValueError, match="modes"):
        perturb.error_floor(system, conditioning=8, modes=0)


def test_a_budget_beyond_double_precision_reports_the_deviation_that_rounding_leaves() -> None:
    """tau is 3e-15, and LAPACK's modes of nearly triple poles miss the state by 1e-7, not 5e-16."""
    system = hippo.legs(9)
    found = perturb.lossless(system, conditioning=1e8, modes=27)
    w = 1.0
    kernel = np.asarray(found.V) @ (found.B / (1j * w - found.Lambda))
    exact = np.linalg.solve(1j * w * np.eye(9) - np.asarray(system.A), np.asarray(system.B))
    assert np.linalg.norm(kernel - exact) <= found.transfer_bound
