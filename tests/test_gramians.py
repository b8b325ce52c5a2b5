"""Gramians solve their equations, Hankel singular values are those of the Hankel operator,
truncation keeps its bound.
"""

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

from ssmlinalg import forms, hippo, inits, kernel
from ssmlinalg.forms import (
    MIMO,
    Delayed,
    Dense,
    DenseRecurrence,
    MIMORecurrence,
    Paired,
    PairedRecurrence,
    Recurrence,
)
from ssmlinalg.matrices import h_infinity
from ssmlinalg.systems.gramians import (
    Reduced,
    balanced_truncation,
    controllability_gramian,
    hankel_singular_values,
    observability_gramian,
)
from ssmlinalg.systems.norms import hinf_distance

SENTENCE = re.compile(r"[^\n]+; got [^\n]+\. [A-Z0-9-][^\n]*[.?]")


def dense(seed: int, order: int) -> Dense:
    """A random real system whose rightmost eigenvalue is 0.1 to 1.1 from the axis."""
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((order, order))
    A = A - (np.linalg.eigvals(A).real.max() + 0.1 + rng.random()) * np.eye(order)
    return Dense(
        A,
        rng.standard_normal(order),
        rng.standard_normal(order),
        np.asarray(rng.standard_normal()),
        np.asarray(1.0),
    )


def sampled(seed: int, order: int) -> PairedRecurrence:
    """A random half spectrum within |z| < 0.9."""
    rng = np.random.default_rng(seed)
    A = 0.9 * rng.random(order) * np.exp(1j * np.pi * rng.random(order))
    B, C = rng.standard_normal((2, order, 2)) @ [1, 1j]
    return PairedRecurrence(A, B, C, np.asarray(rng.standard_normal()))


def real_recurrence(form: PairedRecurrence) -> DenseRecurrence:
    A, B, C, D, _ = forms.to_dense(Paired(*form, np.asarray(1.0)))
    return DenseRecurrence(A, B, C, D)


def init(name: str, order: int, **options: Any) -> Any:
    return inits.INITS[name](order, **options)


def truncated(form: Any, order: int) -> tuple[Any, Any, Any]:
    return balanced_truncation(form, order)


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
    part = Dense(
        A[np.ix_(kept, kept)], system.B[kept], system.B[kept], np.asarray(0.0), np.asarray(1.0)
    )
    assert np.abs(
        controllability_gramian(part) - np.eye(kept.sum()) / 2
    ).max() <= 4 * order * EPS * np.linalg.norm(A, 2)
    with pytest.raises(ValueError, match="stable"):
        controllability_gramian(system)


@given(models(continuous_names))
def test_gramians_solve_their_lyapunov_equations(form):
    assume(not isinstance(form, MIMO))
    A, B, C, _, _ = forms.to_dense(form)
    P, Q = controllability_gramian(form), observability_gramian(form)
    if np.iscomplexobj(A) or np.iscomplexobj(B) or np.iscomplexobj(C):
        A = np.block([[A.real, -A.imag], [A.imag, A.real]])
        B, C = np.concatenate([B.real, B.imag], -1), np.concatenate([C.real, -C.imag], -1)
    T = np.swapaxes(A, -1, -2)
    for X, left, b in ((P, A, B), (Q, T, C)):
        residual = left @ X + X @ np.swapaxes(left, -1, -2) + b[..., :, None] * b[..., None, :]
        scale = np.linalg.norm(A, axis=(-1, -2)) * np.linalg.norm(X, axis=(-1, -2))
        assert np.all(np.linalg.norm(residual, axis=(-1, -2)) <= 8 * A.shape[-1] * EPS * scale)
        assert np.array_equal(X, np.swapaxes(X, -1, -2))


@given(seeds, st.integers(1, 8))
def test_discrete_gramians_solve_their_stein_equations(seed, order):
    form = sampled(seed, order)
    A, B, C, _ = real_recurrence(form)
    P, Q = controllability_gramian(form), observability_gramian(form)
    for X, left, b in ((P, A, B), (Q, A.T, C @ A)):
        residual = left @ X @ left.T - X + np.outer(b, b)
        assert (
            np.linalg.norm(residual)
            <= 16 * len(A) * EPS * np.linalg.norm(X) / np.abs(1 + form.A).min()
        )


@given(seeds, orders)
def test_gramians_and_hankel_singular_values_are_those_of_slicot(seed, order):
    form = dense(seed, order)
    witness = control.ss(form.A, form.B[:, None], form.C[None], 0)
    ours = controllability_gramian(form), observability_gramian(form)
    # Both solve to N eps relative to the distance of A from instability, which the size of the
    # Gramians bounds.
    far = np.linalg.norm(
        scipy.linalg.solve_continuous_lyapunov(form.A, -np.eye(order)), 2
    ) * np.linalg.norm(form.A, 2)
    for X, which in zip(ours, "co", strict=True):
        gramian: Any = control.gram(witness, which)
        assert np.abs(X - gramian).max() <= 16 * order * EPS * far * np.linalg.norm(X, 2)
    sigma = hankel_singular_values(form)
    reduce: Any = slycot.ab09ad
    theirs = np.asarray(
        reduce(
            "C", "B", "N", order, 1, 1, form.A.copy(), form.B[:, None].copy(), form.C[None].copy()
        )[4]
    )
    assert np.max(np.abs(sigma - np.asarray(theirs))) <= 16 * order * EPS * far * sigma[0]


@given(st.floats(0.01, 100), st.floats(-10, 10), st.floats(-10, 10))
def test_the_hankel_singular_value_of_one_state_is_half_its_gain(rate, b, c):
    form = Dense(
        np.array([[-rate]]), np.array([b]), np.array([c]), np.asarray(0.0), np.asarray(1.0)
    )
    assert (
        abs(hankel_singular_values(form)[0] - abs(b * c) / (2 * rate))
        <= 8 * EPS * abs(b * c) / rate
    )


@given(seeds, st.integers(1, 6))
def test_hankel_singular_values_are_those_of_the_hankel_matrix_of_the_kernel(seed, order):
    form = sampled(seed, order)
    K = kernel(form, 800)
    matrix = scipy.linalg.hankel(K[1:400], K[399:799])
    sigma = np.linalg.svd(matrix, compute_uv=False)[: 2 * order]
    scale = np.sum(np.abs(form.B * form.C) / (1 - np.abs(form.A)))
    assert (
        np.abs(hankel_singular_values(form) - sigma).max()
        <= 64 * order * EPS * scale / np.abs(1 + form.A).min()
    )


@given(seeds, orders)
def test_hankel_singular_values_are_the_same_in_all_coordinates_and_do_not_see_the_direct_path(
    seed, order
):
    form = dense(seed, order)
    V = np.linalg.qr(np.random.default_rng(seed).standard_normal((order, order)))[0]
    turned = form._replace(A=V @ form.A @ V.T, B=V @ form.B, C=form.C @ V.T, D=form.D + 1)
    sigma = hankel_singular_values(form)
    far = np.linalg.norm(
        scipy.linalg.solve_continuous_lyapunov(form.A, -np.eye(order)), 2
    ) * np.linalg.norm(form.A, 2)
    assert np.abs(hankel_singular_values(turned) - sigma).max() <= 16 * order * EPS * far * sigma[0]


@given(seeds, st.integers(2, 16), st.data())
def test_truncation_errs_less_than_twice_what_it_leaves_out(seed, order, data):
    form = dense(seed, order)
    kept = data.draw(st.integers(1, int(np.sum(hankel_singular_values(form) > 1e-10))))
    small, bound, sigma = truncated(form, kept)
    assert (small.A.shape, sigma.shape) == ((kept, kept), (order,))
    error = h_infinity.hinf_distance(tuple(form)[:4], tuple(small)[:4]).lower
    assert error <= bound + 1e-9 * sigma[0]
    assert (
        kept == order or error >= sigma[kept] * (1 - 1e-6) - 1e-9 * sigma[0]
    )  # no model of that order does better
    assert np.linalg.eigvals(small.A).real.max() < 0
    assert np.abs(hankel_singular_values(small) - sigma[:kept]).max() <= 1e-8 * sigma[0]


@pytest.mark.parametrize("name", ["s4d-legs", "ptd", "s4d-real", "s4"])
def test_a_catalogued_model_is_truncated_within_its_bound(name):
    form = init(name, 32, seed=1)
    small, bound, sigma = truncated(form, 8)
    assert isinstance(small, Dense)
    assert not np.iscomplexobj(small.A)
    assert np.array_equal(small.step, form.step)
    assert sigma[8] * (1 - 1e-6) <= hinf_distance(form, small).lower <= bound
    assert np.linalg.eigvals(small.A).real.max() < 0


@given(seeds, st.integers(2, 6), st.data())
def test_a_recurrence_is_truncated_within_its_bound(seed, order, data):
    form = sampled(seed, order)
    kept = data.draw(st.integers(1, int(np.sum(hankel_singular_values(form) > 1e-8))))
    small, bound, sigma = truncated(form, kept)
    assert isinstance(small, Delayed)
    assert np.abs(np.linalg.eigvals(small.system.A)).max() < 1
    error = np.abs(np.fft.rfft(kernel(form, 512) - kernel(small, 512), 4096)).max()
    assert error <= bound + 1e-8 * sigma[0]


@given(st.sampled_from(["s4d-legs", "lru", "ptd", "dlr", "s5", "s4"]), st.integers(1, 8))
def test_the_batch_is_a_loop(name, order):
    form = init(name, order, channels=2)
    if isinstance(form, (MIMO, MIMORecurrence)):
        form = form._replace(A=np.stack([form.A, form.A]))
    whole = [
        controllability_gramian(form),
        observability_gramian(form),
        hankel_singular_values(form),
    ]
    for h in range(2):
        member = [
            controllability_gramian(one(form, h)),
            observability_gramian(one(form, h)),
            hankel_singular_values(one(form, h)),
        ]
        assert all(np.array_equal(X[h], Y) for X, Y in zip(whole, member, strict=True))


def one(form, h):
    """Member h of a batch of two."""
    core = {"A": 2 if isinstance(form, Dense) else 1, "P": 2}
    if isinstance(form, (MIMO, MIMORecurrence)):
        return form._replace(A=form.A[h])
    return form._replace(**{
        name: array[h] if array.ndim > core.get(name, 0 if name in ("D", "step") else 1) else array
        for name, array in form._asdict().items()
    })  # fmt: skip


def test_a_truncated_batch_is_a_loop():
    form = inits.s4d_legs_init(8, channels=2)
    whole: Any = balanced_truncation(form, 3)
    assert whole.bound.shape == (2,)
    for h in range(2):
        member: Any = balanced_truncation(one(form, h), 3)
        assert all(np.array_equal(X[h], Y) for X, Y in zip(whole.form, member.form, strict=True))
        assert whole.bound[h] == member.bound
        assert np.array_equal(whole.hankel[h], member.hankel)


@given(seeds, st.integers(1, 4))
def test_kinds_of_one_recurrence_have_one_set_of_hankel_singular_values(seed, order):
    form = sampled(seed, order)
    dense_form = real_recurrence(form)
    late = Delayed(
        form._replace(C=form.C * form.A, D=np.asarray(0.0)), form.D
    )  # heard one sample late, C (A^l) B for l > 0
    padded = Delayed(dense_form._replace(C=dense_form.C @ dense_form.A, D=np.asarray(0.0)), form.D)
    sigma = hankel_singular_values(form)
    tolerance = (
        64
        * order
        * EPS
        * np.sum(np.abs(form.B * form.C) / (1 - np.abs(form.A)))
        / np.abs(1 + form.A).min()
    )
    for other in (dense_form, late, padded):
        assert np.abs(hankel_singular_values(other) - sigma).max() <= tolerance


def test_gramians_take_forms_of_every_library(carry):
    form = inits.s4d_legs_init(6, channels=2)
    expected, found = (hankel_singular_values(f) for f in (form, carry(form)))
    assert np.array_equal(found, expected)
    assert np.array_equal(truncated(carry(form), 3)[0].A, truncated(form, 3)[0].A)


ONE = np.ones(1) + 0j
NOTHING: Any = None
WRONG: dict[str, tuple[type[Exception], Any]] = {
    "unstable": (
        ValueError,
        lambda: controllability_gramian(Paired(ONE, ONE, ONE, np.asarray(0.0), np.asarray(1.0))),
    ),
    "integrator": (
        ValueError,
        lambda: observability_gramian(Paired(0 * ONE, ONE, ONE, np.asarray(0.0), np.asarray(1.0))),
    ),
    "on the circle": (
        ValueError,
        lambda: hankel_singular_values(Recurrence(-ONE, ONE, ONE, np.asarray(0.0))),
    ),
    "marginal matrix": (
        ValueError,
        lambda: controllability_gramian(
            Dense(
                np.array([[0.0, 1], [-1, 0]]),
                np.ones(2),
                np.ones(2),
                np.asarray(0.0),
                np.asarray(1.0),
            )
        ),
    ),
    "no output": (TypeError, lambda: observability_gramian(hippo.legs(3))),
    "no form": (TypeError, lambda: hankel_singular_values(NOTHING)),
    "several inputs": (TypeError, lambda: balanced_truncation(inits.s5_init(4, channels=2), 1)),
    "order zero": (ValueError, lambda: balanced_truncation(inits.s4d_lin_init(4), 0)),
    "order beyond": (ValueError, lambda: balanced_truncation(inits.s4d_lin_init(4), 5)),
    "silent": (
        ValueError,
        lambda: balanced_truncation(inits.s4d_lin_init(4)._replace(C=np.zeros(2) + 0j), 1),
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_has_no_gramian_is_refused_in_one_sentence(case):
    kind, call = WRONG[case]
    with pytest.raises(kind) as error:
        call()
    assert SENTENCE.fullmatch(str(error.value))


def test_a_reduced_model_says_what_it_is():
    reduced = balanced_truncation(inits.s4d_lin_init(8), 4)
    assert isinstance(reduced, Reduced)
    assert isinstance(reduced.bound, float)


@given(st.integers(-120, 120), st.integers(-120, 120), st.integers(-120, 120))
def test_gramians_follow_the_units_of_time_and_gain_wherever_they_are_doubles(
    rate: int, drive: int, view: int
) -> None:
    one = dense(0, 3)
    other = one._replace(A=4.0**rate * one.A, B=2.0**drive * one.B, C=2.0**view * one.C)
    assert np.array_equal(
        controllability_gramian(other), 4.0 ** (drive - rate) * controllability_gramian(one)
    )
    np.testing.assert_allclose(
        observability_gramian(other),
        4.0 ** (view - rate) * observability_gramian(one),
        rtol=16 * EPS,
    )
    sigma = hankel_singular_values(one)
    np.testing.assert_allclose(
        hankel_singular_values(other), 2.0 ** (drive + view) * 4.0**-rate * sigma, rtol=0,
        atol=2.0 ** (drive + view) * 4.0**-rate * 64 * EPS * sigma[0],
    )  # fmt: skip


def test_a_truncated_model_keeps_the_units_of_what_it_came_from() -> None:
    one = dense(1, 4)
    far = one._replace(
        A=2.0**-300 * one.A, B=2.0**200 * one.B, C=2.0**-460 * one.C, D=2.0**40 * one.D
    )
    small, bound, hankel = balanced_truncation(far, 2)
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
