"""Gramians solve their equations, and truncation by Hankel singular values keeps its bound."""

from __future__ import annotations

import re
from typing import Any

import control
import numpy as np
import pytest
import scipy.linalg
import slycot
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import EPS, continuous_names, models, orders, seeds

from ssmlinalg import forms, hippo, inits, kernel, reduce
from ssmlinalg.forms import (
    Delayed,
    Dense,
    DenseRecurrence,
    Paired,
    PairedRecurrence,
    Recurrence,
)
from ssmlinalg.ground import backend
from ssmlinalg.ground.formats import FORMATS
from ssmlinalg.matrices import h_infinity
from ssmlinalg.systems.gramians import (
    controllability_gramian,
    hankel_singular_values,
    observability_gramian,
)
from ssmlinalg.systems.norms import hinf_distance

SENTENCE = re.compile(r"[^\n]+; got [^\n]+\. [A-Z0-9-][^\n]*[.?]")
HINF = 1e-6  # how close the bounds of `hinf_distance` are by default
ONE = np.ones(1) + 0j
ZERO = np.asarray(0.0)
UNIT = np.asarray(1.0)


def dense(seed: int, order: int) -> Dense:
    """A random real system whose rightmost eigenvalue is 0.1 to 1.1 from the axis."""
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((order, order))
    A = A - (np.linalg.eigvals(A).real.max() + 0.1 + rng.random()) * np.eye(order)
    B = rng.standard_normal(order)
    C = rng.standard_normal(order)
    return Dense(A, B, C, np.asarray(rng.standard_normal()), UNIT)


def condition(form: Dense, *others: Dense) -> float:
    """How much Gramians magnify the rounding of A: |A| over the distance from instability, of the
    form and of others that were made from it. The size of the Gramian of unit noise bounds it.
    """
    sizes = []
    for A in (form.A, *(other.A for other in others)):
        X = scipy.linalg.solve_continuous_lyapunov(A, -np.eye(len(A)))
        sizes.append(np.linalg.norm(X, 2))
    return float(max(sizes) * np.linalg.norm(form.A, 2))


def sampled(seed: int, order: int) -> PairedRecurrence:
    """A random half spectrum within |z| < 0.9."""
    rng = np.random.default_rng(seed)
    A = 0.9 * rng.random(order) * np.exp(1j * np.pi * rng.random(order))
    B, C = rng.standard_normal((2, order, 2)) @ [1, 1j]
    return PairedRecurrence(A, B, C, np.asarray(rng.standard_normal()))


def real_recurrence(form: PairedRecurrence) -> DenseRecurrence:
    A, B, C, D, _ = forms.to_dense(Paired(*form, UNIT))
    return DenseRecurrence(A, B, C, D)


def sampled_condition(form: PairedRecurrence) -> float:
    """sum |C B|/(1 - |A|), and 1/|1 + A| of the bilinear map."""
    weights = np.abs(form.B * form.C)
    total = np.sum(weights / (1 - np.abs(form.A)))
    return float(total / np.abs(1 + form.A).min())


def init(name: str, order: int, **options: Any) -> Any:
    return inits.INITS[name](order, **options)


def truncated(form: Any, order: int) -> tuple[Any, Any, Any]:
    """The balanced model, the bound of its error, and the Hankel singular values of the whole."""
    small = reduce.balanced(form, order=order, relative=False)
    return small.form, small.upper, hankel_singular_values(form)


def jacobi(order: int) -> np.ndarray:
    """Multiplication by x among the Legendre polynomials on [0, 1]."""
    k = np.arange(1.0, order)
    off = k / (2 * np.sqrt(4 * k**2 - 1))
    return np.eye(order) / 2 + np.diag(off, 1) + np.diag(off, -1)


@pytest.mark.parametrize("order", [1, 2, 3, 8, 33, 64, 128])
def test_the_gramian_of_legs_is_the_jacobi_matrix_of_legendre(order):
    P = controllability_gramian(hippo.legs(order))
    assert np.abs(P - jacobi(order)).max() <= order * EPS
    nodes = (np.polynomial.legendre.leggauss(order)[0] + 1) / 2
    assert np.abs(np.linalg.eigvalsh(P) - nodes).max() <= order * EPS


@pytest.mark.parametrize("order", [1, 2, 16, 65])
def test_the_gramian_of_lagt_is_the_identity(order):
    assert np.abs(controllability_gramian(hippo.lagt(order)) - np.eye(order)).max() <= order * EPS


@pytest.mark.parametrize("order", [4, 16, 64])
def test_the_gramian_of_fout_is_half_the_identity_on_what_is_controllable(order):
    system = hippo.fout(order)
    A = np.asarray(system.A)
    kept = np.any(A != 0, axis=1) | (system.B != 0)  # not the sine of frequency zero
    part = Dense(A[np.ix_(kept, kept)], system.B[kept], system.B[kept], ZERO, UNIT)
    error = controllability_gramian(part) - np.eye(kept.sum()) / 2
    assert np.abs(error).max() <= 4 * order * EPS * np.linalg.norm(A, 2)
    with pytest.raises(ValueError, match="stable"):
        controllability_gramian(system)


@given(models(continuous_names))
def test_gramians_solve_their_lyapunov_equations(form):
    assume(not forms.kind(form).ports)
    A, B, C, _, _ = forms.to_dense(form)
    P = controllability_gramian(form)
    Q = observability_gramian(form)
    if any(map(np.iscomplexobj, (A, B, C))):
        A = np.block([[A.real, -A.imag], [A.imag, A.real]])
        B = np.concatenate([B.real, B.imag], -1)
        C = np.concatenate([C.real, -C.imag], -1)
    for X, left, b in ((P, A, B), (Q, np.swapaxes(A, -1, -2), C)):
        product = left @ X
        residual = product + np.swapaxes(product, -1, -2) + b[..., :, None] * b[..., None, :]
        scale = np.linalg.norm(A, axis=(-1, -2)) * np.linalg.norm(X, axis=(-1, -2))
        assert np.all(np.linalg.norm(residual, axis=(-1, -2)) <= 8 * A.shape[-1] * EPS * scale)
        assert np.array_equal(X, np.swapaxes(X, -1, -2))


@given(seeds, st.integers(1, 8))
def test_discrete_gramians_solve_their_stein_equations(seed, order):
    form = sampled(seed, order)
    A, B, C, _ = real_recurrence(form)
    P = controllability_gramian(form)
    Q = observability_gramian(form)
    mapped = 1 / np.abs(1 + form.A).min()
    for X, left, b in ((P, A, B), (Q, A.T, C @ A)):
        residual = left @ X @ left.T - X + np.outer(b, b)
        assert np.linalg.norm(residual) <= 16 * len(A) * EPS * np.linalg.norm(X) * mapped


@given(seeds, orders)
def test_gramians_and_hankel_singular_values_are_those_of_slicot(seed, order):
    form = dense(seed, order)
    witness = control.ss(form.A, form.B[:, None], form.C[None], 0)
    rounding = 16 * order * EPS * condition(form)
    for gramian, which in ((controllability_gramian, "c"), (observability_gramian, "o")):
        X = gramian(form)
        theirs: Any = control.gram(witness, which)
        assert np.abs(X - theirs).max() <= rounding * np.linalg.norm(X, 2)
    sigma = hankel_singular_values(form)
    reduce: Any = slycot.ab09ad
    A = form.A.copy()
    B = form.B[:, None].copy()
    C = form.C[None].copy()
    theirs = np.asarray(reduce("C", "B", "N", order, 1, 1, A, B, C)[4])
    assert np.max(np.abs(sigma - theirs)) <= rounding * sigma[0]


@given(st.floats(0.01, 100), st.floats(-10, 10), st.floats(-10, 10))
def test_the_hankel_singular_value_of_one_state_is_half_its_gain(rate, b, c):
    form = Dense(np.array([[-rate]]), np.array([b]), np.array([c]), ZERO, UNIT)
    gain = abs(b) / rate * abs(c)
    least = FORMATS["float64"].least  # a gain may have few digits
    assert abs(hankel_singular_values(form)[0] - gain / 2) <= 8 * EPS * gain + least


@given(seeds, st.integers(1, 6))
def test_hankel_singular_values_are_those_of_the_hankel_matrix_of_the_kernel(seed, order):
    form = sampled(seed, order)
    K = kernel(form, 800)
    matrix = scipy.linalg.hankel(K[1:400], K[399:799])
    sigma = np.linalg.svd(matrix, compute_uv=False)[: 2 * order]
    error = np.abs(hankel_singular_values(form) - sigma)
    assert error.max() <= 64 * order * EPS * sampled_condition(form)


@given(seeds, orders)
def test_hankel_singular_values_depend_on_neither_coordinates_nor_direct_path(seed, order):
    form = dense(seed, order)
    V = np.linalg.qr(np.random.default_rng(seed).standard_normal((order, order)))[0]
    turned = form._replace(A=V @ form.A @ V.T, B=V @ form.B, C=form.C @ V.T, D=form.D + 1)
    sigma = hankel_singular_values(form)
    error = np.abs(hankel_singular_values(turned) - sigma)
    assert error.max() <= 16 * order * EPS * condition(form) * sigma[0]


@given(seeds, st.integers(2, 16), st.data())
def test_truncation_errs_less_than_twice_what_it_leaves_out(seed, order, data):
    form = dense(seed, order)
    kept = data.draw(st.integers(1, int(np.sum(hankel_singular_values(form) > 1e-10))))
    small, bound, sigma = truncated(form, kept)
    assert (small.A.shape, sigma.shape) == ((kept, kept), (order,))
    # The basis is made of factors over sqrt(sigma_k): so much is their rounding magnified.
    magnified = sigma[0] / sigma[kept - 1]
    rounding = 16 * order * EPS * condition(form, small) * magnified * sigma[0]
    error = h_infinity.hinf_distance(tuple(form)[:4], tuple(small)[:4]).lower
    assert error <= bound + rounding
    assert bound <= 2 * np.sum(sigma[kept:]) * (1 + 1e-3) + rounding
    if kept < order:  # no model of that order does better
        assert error >= sigma[kept] * (1 - HINF) - rounding
    assert np.linalg.eigvals(small.A).real.max() < 0
    assert np.abs(hankel_singular_values(small) - sigma[:kept]).max() <= rounding


@pytest.mark.parametrize("name", ["s4d-legs", "ptd", "s4d-real", "s4"])
def test_a_catalogued_model_is_truncated_within_its_bound(name):
    form = init(name, 32, seed=1)
    small, bound, sigma = truncated(form, 8)
    assert type(small) is type(form)
    assert np.array_equal(small.step, form.step)
    assert sigma[8] * (1 - HINF) <= hinf_distance(form, small).lower <= bound
    assert forms.inner(small)[0].real.max() < 0


@given(seeds, st.integers(2, 6), st.data())
def test_a_recurrence_is_truncated_within_its_bound(seed, order, data):
    form = sampled(seed, order)
    kept = data.draw(st.integers(1, 2 * order))
    small, bound, _ = truncated(form, kept)
    assert isinstance(small, PairedRecurrence)
    assert np.abs(small.A).max() < 1
    error = np.abs(np.fft.rfft(kernel(form, 512) - kernel(small, 512), 4096)).max()
    assert error <= bound + 64 * order * EPS * sampled_condition(form)


@given(st.sampled_from(["s4d-legs", "lru", "ptd", "dlr", "s5", "s4"]), st.integers(1, 8))
def test_the_batch_is_a_loop(name, order):
    form = init(name, order, channels=2)
    if forms.kind(form).ports:
        form = form._replace(A=np.stack([form.A, form.A]))
    measures: Any = [controllability_gramian, observability_gramian, hankel_singular_values]
    for measure in measures:
        whole = measure(form)
        for h in range(2):
            assert np.array_equal(whole[h], measure(one(form, h)))


def one(form: Any, h: int) -> Any:
    """Member h of a batch of two."""
    axes = forms.kind(form).axes
    fields = form._asdict()
    batched = [name for name, array in fields.items() if array.ndim > len(axes[name])]
    return form._replace(**{name: fields[name][h] for name in batched})


@given(seeds, st.integers(1, 4))
def test_kinds_of_one_recurrence_have_one_set_of_hankel_singular_values(seed, order):
    form = sampled(seed, order)
    dense_form = real_recurrence(form)
    # Read one sample late: C A^l B for l > 0.
    late = Delayed(form._replace(C=form.C * form.A, D=ZERO), form.D)
    padded = Delayed(dense_form._replace(C=dense_form.C @ dense_form.A, D=ZERO), form.D)
    sigma = hankel_singular_values(form)
    tolerance = 64 * order * EPS * sampled_condition(form)
    for other in (dense_form, late, padded):
        assert np.abs(hankel_singular_values(other) - sigma).max() <= tolerance


def test_gramians_take_forms_of_every_library(carry):
    form = inits.s4d_legs_init(6, channels=2)
    assert np.array_equal(hankel_singular_values(carry(form)), hankel_singular_values(form))
    small = truncated(carry(form), 4)[0]
    assert np.array_equal(backend.to_numpy(small.A), truncated(form, 4)[0].A)


NOTHING: Any = None
TURN = np.array([[0.0, 1.0], [-1.0, 0.0]])
WRONG: dict[str, tuple[type[Exception], Any]] = {
    "unstable": (
        ValueError,
        lambda: controllability_gramian(Paired(ONE, ONE, ONE, ZERO, UNIT)),
    ),
    "integrator": (
        ValueError,
        lambda: observability_gramian(Paired(0 * ONE, ONE, ONE, ZERO, UNIT)),
    ),
    "on the circle": (
        ValueError,
        lambda: hankel_singular_values(Recurrence(-ONE, ONE, ONE, ZERO)),
    ),
    "marginal matrix": (
        ValueError,
        lambda: controllability_gramian(Dense(TURN, np.ones(2), np.ones(2), ZERO, UNIT)),
    ),
    "no output": (TypeError, lambda: observability_gramian(hippo.legs(3))),
    "no form": (TypeError, lambda: hankel_singular_values(NOTHING)),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_has_no_gramian_is_refused_in_one_sentence(case):
    kind, call = WRONG[case]
    with pytest.raises(kind) as error:
        call()
    assert SENTENCE.fullmatch(str(error.value))


@given(st.integers(-120, 120), st.integers(-120, 120), st.integers(-120, 120))
def test_gramians_follow_the_units_of_time_and_gain_wherever_they_are_doubles(
    rate: int, drive: int, view: int
) -> None:
    one = dense(0, 3)
    other = one._replace(A=4.0**rate * one.A, B=2.0**drive * one.B, C=2.0**view * one.C)
    P = 4.0 ** (drive - rate) * controllability_gramian(one)
    assert np.array_equal(controllability_gramian(other), P)
    Q = 4.0 ** (view - rate) * observability_gramian(one)
    np.testing.assert_allclose(observability_gramian(other), Q, rtol=16 * EPS)
    sigma = 2.0 ** (drive + view) * 4.0**-rate * hankel_singular_values(one)
    error = np.abs(hankel_singular_values(other) - sigma)
    assert error.max() <= 64 * EPS * sigma[0]


def test_a_truncated_model_keeps_the_units_of_what_it_came_from() -> None:
    one = dense(1, 4)
    far = Dense(
        A=2.0**-300 * one.A,
        B=2.0**200 * one.B,
        C=2.0**-460 * one.C,
        D=2.0**40 * one.D,
        step=one.step,
    )
    small, bound, hankel = truncated(far, 2)
    assert hinf_distance(far, small).lower <= bound * (1 + 1e3 * EPS)
    assert hankel_singular_values(small)[0] == pytest.approx(hankel[0], rel=1e3 * EPS)


@pytest.mark.parametrize(
    "function", [controllability_gramian, observability_gramian, hankel_singular_values]
)
def test_gramians_beyond_the_range_of_doubles_are_refused(function: Any) -> None:
    one = np.ones(1)
    with pytest.raises(ValueError, match="double precision") as error:
        function(Dense(-one[:, None], 1e200 * one, 1e200 * one, 0.0, 1.0))
    assert SENTENCE.fullmatch(str(error.value))
