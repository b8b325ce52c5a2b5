"""What a form says does not depend on how it is written down."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import EPS, models

from ssmlinalg import forms, inits, kernel

paired = models(
    st.sampled_from(
        ["ptd", "s4d-lin", "s4d-inv", "s4d-real", "s4d-legs", "s4d-quad", "dss", "mamba"]
    )
)


def scale(form: Any) -> float:
    return float(np.max(np.sum(np.abs(form.C * form.B), axis=-1)) * max(1.0, np.max(form.step)))


@given(paired)
def test_unpairing_then_pairing_is_the_identity(form: forms.Paired) -> None:
    again = forms.pair(forms.unpair(form))
    rising = np.lexsort((form.A.real, form.A.imag), axis=-1)
    for name in ("A", "B", "C"):
        whole = np.broadcast_to(
            getattr(form, name), np.broadcast_shapes(form.A.shape, form.C.shape)
        )
        np.testing.assert_array_equal(getattr(again, name), np.take_along_axis(whole, rising, -1))


@given(paired)
def test_half_and_full_spectrum_have_one_kernel(form: forms.Paired) -> None:
    half, full = kernel(form, 20), kernel(forms.unpair(form), 20)
    assert np.abs(half - full).max() <= 16 * EPS * 20 * scale(form)


def test_the_sign_of_the_imaginary_part_does_not_matter_to_a_real_kernel() -> None:
    form = inits.s4d_lin_init(8)
    mirrored = form._replace(A=form.A.conj(), B=form.B.conj(), C=form.C.conj())
    np.testing.assert_array_equal(kernel(form, 30), kernel(mirrored, 30))


def test_a_real_mode_is_kept_with_its_input_halved() -> None:
    full = forms.Diagonal(
        np.array([-2.0 + 0j]),
        np.array([3.0 + 0j]),
        np.array([5.0 + 0j]),
        np.asarray(0.0),
        np.asarray(0.1),
    )
    assert forms.pair(full).B == 1.5
    np.testing.assert_allclose(kernel(full, 5), kernel(forms.pair(full), 5), rtol=4 * EPS)


def test_dplr_is_diagonal_minus_low_rank() -> None:
    form = inits.s4_init(6, measure="legt")
    np.testing.assert_allclose(
        forms.to_dense(form).A, np.diag(form.Lambda) - form.P @ form.P.conj().T, rtol=4 * EPS
    )


def test_pairing_refuses_an_open_spectrum() -> None:
    one = np.ones(2) + 0j
    with pytest.raises(
        ValueError, match="closed under conjugation; got 2 modes above the real axis and 0 below"
    ):
        forms.pair(
            forms.Diagonal(np.array([1j, 2j]) - 1, one, one, np.asarray(0.0), np.asarray(1.0))
        )
    with pytest.raises(ValueError, match="`A`"):
        forms.pair(
            forms.Diagonal(np.array([1j, -2j]) - 1, one, one, np.asarray(0.0), np.asarray(1.0))
        )
    with pytest.raises(ValueError, match="`C B`"):
        forms.pair(
            forms.Diagonal(
                np.array([1j, -1j]) - 1, one, np.array([1.0, 2j]), np.asarray(0.0), np.asarray(1.0)
            )
        )


@pytest.mark.parametrize("library", ["numpy", "torch", "jax"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_moving_keeps_values_and_gives_the_precision_asked_for(library: str, dtype: str) -> None:
    form = inits.ptd_init(9, channels=2)
    moved = forms.move(form, library, dtype=dtype)
    back = forms.move(moved, "numpy")
    assert back.step.dtype == dtype
    for ours, theirs in zip(form, back, strict=True):
        np.testing.assert_allclose(theirs, ours, rtol=float(np.finfo(dtype).eps))


def test_moving_a_delayed_form_moves_both_its_parts() -> None:
    from ssmlinalg import discretize

    moved = forms.move(discretize.foh(inits.s4d_lin_init(4)), "torch")
    assert type(moved.D).__module__ == type(moved.system.A).__module__ == "torch"


@pytest.mark.parametrize("library", ["numpy", "torch", "jax"])
def test_real_modes_may_be_given_as_real_arrays(library: str) -> None:
    real = forms.Paired(
        -np.arange(1.0, 4), np.full(3, 0.5), np.ones(3), np.asarray(0.0), np.asarray(0.1)
    )
    whole = forms.Paired(real.A + 0j, real.B + 0j, real.C + 0j, real.D, real.step)
    np.testing.assert_array_equal(
        kernel(forms.move(real, library), 9), kernel(forms.move(whole, library), 9)
    )


def test_python_numbers_stand_for_arrays() -> None:
    one = np.ones(1, dtype=np.complex64)
    form = forms.check(forms.Paired(-one, one, one, 0.0, 0.5))
    assert form.D.dtype == form.step.dtype == np.float32
