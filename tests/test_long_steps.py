"""Steps so long that step A overflows: samples are their limits, and so are their derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ssmlinalg import forms, kernel, kernels, systems

LENGTH = 3
WEIGHTS = np.array([1.0, -2.0, 3.0])
# K_l A / (C B) as step grows; under impulse K_l / (step C B).
LIMITS = {
    "zoh": [-1.0, 0.0, 0.0],
    "foh": [-1.0, 0.0, 0.0],
    "bilinear": [-2.0, 2.0, -2.0],
    "backward": [-1.0, 0.0, 0.0],
    "impulse": [1.0, 0.0, 0.0],
}
MODES = {
    "float64": [-1.0, -1e10, -1e-10, -1e10 + 1e10j, -1e-3 + 1e6j, -1e300 + 1e300j],
    "float32": [-1.0, -1e10, -1e-4, -1e4 + 1e4j, -1e-3 + 1e3j],
}
# The second step A of a mode -1 is a number, but its square is none.
STEPS = {"float64": [1e100, 1e200, 1e300, 1.7e308], "float32": [1e16, 1e30, 3e38]}
precisions = pytest.mark.parametrize("dtype", ["float32", "float64"])
every_rule = pytest.mark.parametrize("rule", LIMITS)


def form_of(modes: list[complex], step: float, dtype: str) -> Any:
    A = np.asarray(modes, dtype={"float32": "complex64", "float64": "complex128"}[dtype]).reshape(
        -1, 1
    )
    one = np.ones_like(A)
    zero = np.zeros(len(modes), dtype=dtype)
    return forms.Diagonal(A, one, one, zero, np.full(len(modes), step, dtype=dtype))


def assert_limit(form: Any, rule: str, found: Any) -> None:
    expected = kernel_in_limit(form, rule)
    scale = np.finfo(found.dtype).eps * np.abs(expected[:, :1])
    assert np.all(np.abs(found - expected.real) <= 16 * scale), (found, expected)


def kernel_in_limit(form: Any, rule: str) -> Any:
    scale = form.step[:, None] if rule == "impulse" else 1 / form.A
    return np.asarray(LIMITS[rule]) * scale


@pytest.mark.parametrize("library", ["numpy", "torch"])
@precisions
@every_rule
def test_a_kernel_tends_to_its_limit(rule: str, dtype: str, library: str) -> None:
    pytest.importorskip(library)
    for step in STEPS[dtype]:
        form = form_of(MODES[dtype], step, dtype)
        found = np.asarray(kernel(forms.move(form, library, dtype=dtype), LENGTH, rule=rule))
        assert_limit(form, rule, found)


@precisions
@pytest.mark.parametrize("rule", ["zoh", "foh", "bilinear", "backward"])
def test_pytorch_differentiates_the_limit(rule: str, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    for step in STEPS[dtype]:
        host = form_of(MODES[dtype][:-1], step, dtype)
        form = forms.move(host, "torch", dtype=dtype)
        form = form._replace(A=form.A.requires_grad_(), step=form.step.requires_grad_())
        weights = torch.as_tensor(WEIGHTS.astype(dtype))
        (kernel(form, LENGTH, rule=rule) * weights).sum().backward()
        assert_limit_of_slopes(host, rule, form.A.grad.numpy().conj(), form.step.grad.numpy())


@precisions
@pytest.mark.parametrize("rule", ["zoh", "foh", "bilinear", "backward"])
def test_jax_computes_and_differentiates_the_limit(rule: str, dtype: str) -> None:
    jax = pytest.importorskip("jax")
    with jax.enable_x64(dtype == "float64"):
        weights = jax.numpy.asarray(WEIGHTS.astype(dtype))

        def weighed(form: Any) -> Any:
            K = kernel(form, LENGTH, rule=rule)
            return (K * weights).sum(), K

        slopes = jax.jit(jax.grad(weighed, has_aux=True))
        for step in STEPS[dtype]:
            host = form_of(MODES[dtype][:-1], step, dtype)
            found, K = slopes(forms.move(host, "jax", dtype=dtype))
            assert_limit(host, rule, np.asarray(K))
            assert_limit_of_slopes(host, rule, np.asarray(found.A), np.asarray(found.step))


def assert_limit_of_slopes(host: Any, rule: str, of_A: Any, of_step: Any) -> None:
    eps = np.finfo(host.step.dtype).eps
    A = host.A.astype(complex)
    expected = -(kernel_in_limit(host._replace(A=A), rule) / A) @ WEIGHTS
    assert np.all(np.abs(of_A[:, 0] - expected) <= 64 * eps * np.abs(expected)), (of_A, expected)
    relative = np.abs(of_step) * host.step * np.abs(host.A[:, 0])  # of K, by log step
    assert np.all(relative <= 64 * eps), of_step


def test_an_undamped_mode_has_no_limit_and_is_refused() -> None:
    for rule in ("zoh", "foh", "impulse", "forward"):
        with pytest.raises(ValueError, match="overflow"):
            kernel(form_of([1e10j], 1e300, "float64"), LENGTH, rule=rule)
    with pytest.raises(ValueError, match="overflow"):
        kernel(form_of([-1e10], 1e300, "float64"), LENGTH, rule="forward")


def test_a_growing_mode_has_a_limit_where_the_rule_makes_it_one() -> None:
    form = form_of([1e10], 1e300, "float64")
    assert np.allclose(kernel(form, LENGTH, rule="bilinear"), [-2e-10, 2e-10, -2e-10], atol=0)
    with pytest.raises(ValueError, match="overflow"):
        kernel(form, LENGTH)


def test_an_integrator_beside_fast_modes_keeps_its_step() -> None:
    for step in (3e5, 1e300):
        form = form_of([-1e10, 0.0], step, "float64")
        assert np.array_equal(kernel(form, LENGTH, rule="bilinear")[1], np.full(LENGTH, step))


def test_responses_at_late_times_are_over() -> None:
    form = form_of([-1e10 + 1j], 1.0, "float64")
    times = np.array([0.0, 1e300])
    assert np.array_equal(kernels.kernel_at(form, times), [[1.0, 0.0]])
    found = systems.step_response(form, times)
    assert np.allclose(found, [[0.0, 1e-10]], rtol=1e-15, atol=0)
