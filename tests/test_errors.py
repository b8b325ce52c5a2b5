"""Bad input: one sentence each, with the rule, what was got, and a remedy."""

# Arguments of wrong types are what is tested.
# pyright: reportArgumentType=false

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ssmlinalg import (
    compare,
    convolve,
    decompose,
    discretize,
    forms,
    hippo,
    inits,
    kernel,
    perturb,
    products,
    scan,
    step,
    transfer,
    verify,
)

one = np.ones(2) + 0j
GOOD = forms.Paired(-one, one, one, np.asarray(0.0), np.asarray(0.1))


NONE = np.ones((0, 2)) + 0j


def dense(value: float) -> forms.Dense:
    return forms.Dense(value * np.eye(2), np.ones(2), np.ones(2), np.asarray(0.0), np.asarray(1.0))


def bad(**fields: Any) -> forms.Paired:
    return GOOD._replace(**fields)


ORDERS = [0, -1, 2.5, True, "64", None, np.nan]
CASES: dict[str, Callable[[], Any]] = {
    "NaN in A": lambda: kernel(bad(A=one * np.nan), 4),
    "infinity in C": lambda: kernel(bad(C=np.array([1, np.inf]) + 0j), 4),
    "NaN in the input": lambda: scan(GOOD, np.array([1.0, np.nan])),
    "NaN in a signal": lambda: convolve(np.array([np.nan]), np.ones(1)),
    "zero step": lambda: kernel(bad(step=np.asarray(0.0)), 4),
    "negative step": lambda: kernel(bad(step=np.asarray(-0.1)), 4),
    "step 0 in an init": lambda: inits.s4d_lin_init(4, step=0.0),
    "reversed interval": lambda: inits.s4d_lin_init(4, step=(0.1, 0.001)),
    "interval of three": lambda: inits.s4d_lin_init(4, step=(1, 2, 3)),
    "NaN interval": lambda: inits.ptd_init(4, step=(np.nan, 1)),
    "wrong shape of B": lambda: kernel(bad(B=np.ones(3) + 0j), 4),
    "batch that does not broadcast": lambda: kernel(bad(D=np.zeros(3), step=np.ones(2)), 4),
    "no axis at all": lambda: kernel(bad(A=np.asarray(1j)), 4),
    "P transposed": lambda: decompose.diagonalize(hippo.legs(4)._replace(P=hippo.legs(4).P.T)),
    "mixed precision": lambda: kernel(bad(C=one.astype(np.complex64)), 4),
    "mixed libraries": lambda: kernel(bad(C=_torch(one)), 4),
    "mixed devices": lambda: kernel(
        forms.Paired(*(_on(f"device{1 + (i == 2)}", field) for i, field in enumerate(GOOD))), 4
    ),
    "integers": lambda: kernel(
        forms.Paired(*(np.ones_like(field, dtype=int) for field in GOOD)), 4
    ),
    "half precision": lambda: scan(GOOD, np.ones(3, dtype=np.float16)),
    "signals of another batch": lambda: scan(
        GOOD._replace(C=np.ones((3, 2)) + 0j), np.ones((2, 5))
    ),
    "kernel of another batch": lambda: convolve(np.ones((2, 5)), np.ones((3, 5))),
    "NaN frequency": lambda: transfer(GOOD, np.array([np.nan + 0j])),
    "a list instead of an array": lambda: kernel(bad(A=[1, 2]), 4),
    "a delay of a delay": lambda: kernel(forms.Delayed(forms.Delayed(GOOD, GOOD.D), GOOD.D), 4),
    "a delay with a path of its own": lambda: kernel(
        forms.Delayed(forms.Recurrence(one, one, one, GOOD.D + 3), GOOD.D), 4
    ),
    "a complex direct path": lambda: kernel(bad(D=np.asarray(1j)), 4),
    "a complex step": lambda: kernel(bad(step=np.asarray(0.1 + 0j)), 4),
    "no form at all": lambda: kernel((1, 2, 3), 4),
    "a matrix pair without output": lambda: kernel(hippo.legs(4), 4),
    "a length of 400 digits": lambda: kernel(GOOD, 10**400),
    "a tolerance of 400 digits": lambda: perturb.lossless(hippo.legs(4), conditioning=10**400),
    "perturbations that are no list": lambda: compare(4, perturbations="gaussian"),
    "a list for a kernel": lambda: verify(GOOD, 4, kernel=[1.0, 2.0]),
    "laws of no model at all": lambda: verify(bad(D=np.zeros(0)), 4),
    "laws under a rule that is none": lambda: verify(GOOD, 4, rule=3),
    "laws over a length beyond any memory": lambda: verify(GOOD, 10**12),
    "a negative length": lambda: kernel(GOOD, -1),
    "a fraction of a sample": lambda: kernel(GOOD, 2.5),
    "no memory at all": lambda: kernel(GOOD, 4, max_bytes=0),
    "an integer step": lambda: kernel(bad(step=np.asarray(1)), 4),
    "an unknown library": lambda: kernel(bad(A=memoryview(b"ab")), 4),
    "length beyond any memory": lambda: kernel(GOOD, 10**30),
    "dense length beyond any memory": lambda: kernel(inits.s4_init(4), 10**14),
    "no modes": lambda: kernel(forms.Paired(one[:0], one[:0], one[:0], 0.0, 1.0), 4),
    "no state at all": lambda: decompose.eigenbasis(
        forms.NPLR(np.zeros((0, 0)), np.zeros(0), np.zeros((0, 1)))
    ),
    "pairing nothing": lambda: forms.pair(
        forms.Diagonal(NONE, NONE, NONE, np.zeros(0), np.ones(0))
    ),
    "overflow in one step": lambda: kernel(bad(A=one * 1e5), 3),
    "overflow of an exponential": lambda: kernel(dense(1e5), 3),
    "overflow of weights": lambda: kernel(bad(B=one * 1e200, C=one * 1e200), 3),
    "overflow of step A": lambda: kernel(dense(-1.5)._replace(step=np.asarray(1.7e308)), 3),
    "overflow of exponential sums": lambda: products.vandermonde(one, 2 * one, 2000),
    "overflow of exponential sums that turn": lambda: products.vandermonde(one, 2j * one, 2000),
    "overflow of weights of sums": lambda: products.vandermonde(1e308 * one, one, 2),
    "overflow of moments": lambda: products.moments(np.ones(2000), -2 * one),
    "overflow of signals in moments": lambda: products.moments(np.full(4, 1e308), one),
    "overflow of a convolution": lambda: convolve(np.full(8, 1e308), np.full(8, 1e308)),
    "mode at the pole of a rule": lambda: kernel(
        bad(A=2 * one, step=np.asarray(1.0)), 3, rule="bilinear"
    ),
    "matrix at the pole of a rule": lambda: kernel(dense(2.0), 3, rule="bilinear"),
    "frequency at a pole of a matrix": lambda: transfer(dense(-1.0), np.array([-1.0 + 0j])),
    "state with NaN": lambda: scan(GOOD, np.ones(3), one * np.nan),
    "state in another precision": lambda: scan(GOOD, np.ones(3), one.astype(np.complex64)),
    "state as a list": lambda: scan(GOOD, np.ones(3), [0, 0]),
    "one sample as a number": lambda: step(GOOD, 1.0),
    "seed of random frequencies": lambda: inits.s4d_rand_init(4, seed=-1),
    "seed of a ring": lambda: inits.lru_init(4, seed=-1),
    "lags as a word": lambda: hippo.legs_basis(4, "soon"),
    "order beyond any memory": lambda: hippo.chebt(10**6),
    "whole of a matrix beyond any memory": lambda: np.asarray(hippo.legs(10**7).A),
    "length 2.5": lambda: kernel(GOOD, 2.5),
    "complex signal": lambda: scan(GOOD, np.ones(3) + 0j),
    "empty signal": lambda: scan(GOOD, np.ones(0)),
    "state of another size": lambda: scan(GOOD, np.ones(3), np.ones(5) + 0j),
    "input of another width": lambda: scan(inits.s5_init(4, channels=3), np.ones((2, 5))),
    "unstable and long": lambda: kernel(bad(A=one), 10**5),
    "a dense matrix that grows": lambda: kernel(inits.s4_init(64, step=0.1), 10**4, rule="forward"),
    "a dense recurrence that grows": lambda: scan(
        inits.s4_init(64, step=0.1), np.ones(10**4), rule="forward"
    ),
    "unknown rule": lambda: kernel(GOOD, 4, rule="zho"),
    "unknown measure": lambda: inits.ptd_init(4, measure="leg"),
    "unknown perturbation": lambda: inits.ptd_init(4, perturbation="losless"),
    "unknown library": lambda: forms.move(GOOD, "pytorch"),
    "unknown dtype": lambda: forms.move(GOOD, "numpy", dtype="float16"),
    "measure without correction": lambda: inits.s4_init(4, measure="chebt"),
    "perturbing what is not lossless": lambda: perturb.lossless(
        hippo.legs(4)._replace(P=np.ones((4, 1)))
    ),
    "an input aside": lambda: perturb.lossless(hippo.legt(4)._replace(B=np.arange(4.0))),
    "a form without P, lossless": lambda: perturb.lossless(hippo.lmu(4)),
    "a matrix, lossless": lambda: perturb.lossless(np.eye(4)),
    "complex, lossless": lambda: perturb.lossless(hippo.legs(4)._replace(A=hippo.legs(4).A + 0j)),
    "a readout of another order": lambda: perturb.lossless(hippo.legs(8)).paired(np.ones(5)),
    "a product on demand of another order": lambda: hippo.legs(5000).A @ np.ones(3),
    "a product from the left of another order": lambda: np.ones(3) @ hippo.legs(5000).A,
    "a proof beyond any memory": lambda: (
        perturb.lossless(hippo.legs(10**6), tau=0.2).proved_abscissa
    ),
    "seconds as text": lambda: perturb.optimal(hippo.legs(5), seconds="1"),
    "no seconds at all": lambda: perturb.optimal(hippo.legs(5), seconds=0),
    "a size the perturbation is not measured in": lambda: inits.ptd_init(
        4, perturbation="gaussian", conditioning=8.0
    ),
    "a complex perturbation of a real model": lambda: inits.ptd_init(
        4, perturbation="complex_gaussian"
    ),
    "a complex perturbation of S5": lambda: inits.s5_ptd_init(4, perturbation="complex_gaussian"),
    "a model of a matrix": lambda: perturb.gaussian(np.eye(3)).paired(np.eye(3)),
    "perturbing a rectangle": lambda: perturb.gaussian(np.ones((2, 3))),
    "perturbing NaN": lambda: perturb.minimize(np.full((2, 2), np.nan)),
    "perturbing nothing": lambda: perturb.gaussian(np.zeros((0, 0))),
    "perturbing text": lambda: perturb.gaussian(np.array([["a"]])),
    "perturbing a batch": lambda: perturb.gaussian(np.ones((2, 3, 3))),
    "Gaussian of size 0": lambda: perturb.gaussian(np.eye(3), size=0),
    "beyond the limit and beyond the windows": lambda: perturb.lossless(hippo.legs(5001), tau=1e-9),
    "nothing to perturb along": lambda: perturb.lossless(
        hippo.legs(3)._replace(A=-np.eye(3), P=np.zeros((3, 1)))
    ),
    "tau 0": lambda: perturb.lossless(hippo.legs(4), tau=0),
    "tau above 1": lambda: perturb.lossless(hippo.legs(4), tau=1.5),
    "tau NaN": lambda: perturb.lossless(hippo.legs(4), tau=np.nan),
    "conditioning 1": lambda: perturb.lossless(hippo.legs(4), conditioning=1),
    "conditioning as a string": lambda: perturb.lossless(hippo.legs(4), conditioning="8"),
    "complex NPLR": lambda: decompose.eigenbasis(hippo.legs(4)._replace(A=hippo.legs(4).A + 0j)),
    "alpha outside": lambda: discretize.gbt(GOOD, alpha=1.5),
    "window 0": lambda: hippo.legt(4, window=0),
    "window as a boolean": lambda: hippo.legt(4, window=True),
    "negative tilt": lambda: hippo.tlagt(4, tilt=-1),
    "alpha of glagt": lambda: hippo.glagt(4, alpha=1.0),
    "beta of glagt": lambda: hippo.glagt(4, beta=0.0),
    "negative lag": lambda: hippo.legs_basis(4, np.array([-1.0])),
    "blocks that do not divide": lambda: inits.s5_init(7, blocks=2),
    "ring upside down": lambda: inits.lru_init(4, r_min=0.9, r_max=0.5),
    "negative seed": lambda: inits.ptd_init(4, seed=-1),
    "no channels": lambda: inits.ptd_init(4, channels=0),
    "frequency at a pole": lambda: transfer(GOOD, np.array([-1.0 + 0j])),
    "frequencies in a table": lambda: transfer(GOOD, np.ones((2, 2)) + 0j),
    "dense form of several inputs": lambda: forms.to_dense(inits.s5_init(4)),
}


def _torch(array: np.ndarray) -> Any:
    import torch

    return torch.asarray(array)


def _on(device: str, array: np.ndarray) -> Any:
    import array_api_strict

    return array_api_strict.asarray(array, device=array_api_strict.Device(device))


def complaint(call: Callable[[], Any]) -> str:
    with pytest.raises((ValueError, TypeError)) as caught:
        call()
    assert type(caught.value) in (ValueError, TypeError), "an error of a library below came through"
    return str(caught.value)


def assert_is_a_sentence(text: str) -> None:
    """rule; got ... . Remedy."""
    assert re.fullmatch(r"[^\n]+; got [^\n]+\. [A-Z0-9-][^\n]*[.?]", text), text


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_refused_in_one_sentence(case: str) -> None:
    assert_is_a_sentence(complaint(CASES[case]))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    "take_order",
    [*hippo.MEASURES.values(), *inits.INITS.values(), compare],
    ids=lambda f: f.__name__,
)
def test_an_order_is_a_whole_number_of_at_least_one(
    take_order: Callable[..., Any], order: Any
) -> None:
    text = complaint(lambda: take_order(order))
    assert_is_a_sentence(text)
    assert text.startswith("`order` must be an integer of at least 1")


def test_the_nearest_name_is_offered() -> None:
    assert "Did you mean 'bilinear'?" in complaint(lambda: kernel(GOOD, 4, rule="bilinera"))
    leg = complaint(lambda: inits.ptd_init(8, measure="leg"))
    assert "Did you mean 'legs' or 'legt'?" in leg, "both are as near"
    assert "Did you mean 'torch'?" in complaint(lambda: forms.move(GOOD, "pytorch"))


def test_jax_without_64_bits_is_refused_in_a_sentence() -> None:
    import jax

    jax.config.update("jax_enable_x64", False)
    try:
        text = complaint(lambda: forms.move(GOOD, "jax"))
        assert "jax_enable_x64" in text
        assert forms.move(GOOD, "jax", dtype="float32").A.dtype == "complex64"
    finally:
        jax.config.update("jax_enable_x64", True)
