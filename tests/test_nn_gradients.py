"""Gradients of a whole stack against the same stack in 50 digits, by differences there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

from ssmlinalg.ground.formats import EPS

torch = pytest.importorskip("torch")
from ssmlinalg import nn  # noqa: E402

WIDTH = 2
ORDER = 4
LENGTH = 8
DEPTH = 2
NORM = mpmath.mpf(1e-5)  # the eps of torch.nn.LayerNorm
SMALL = mpmath.mpf(10) ** -15  # of differences in 50 digits: their error is 1e-30

Arrays = dict[str, Any]  # arrays of mpf by the names of the parameters


def erf_gelu(x: Any) -> Any:
    return x * (1 + mpmath.erf(x / mpmath.sqrt(2))) / 2


def linear(x: Any, arrays: Arrays, name: str) -> Any:
    return x @ arrays[f"{name}.weight"].T + arrays[f"{name}.bias"]


def layer_norm(x: Any, arrays: Arrays, name: str) -> Any:
    mean = x.sum(axis=-1, keepdims=True) / x.shape[-1]
    variance = ((x - mean) ** 2).sum(axis=-1, keepdims=True) / x.shape[-1]
    root = np.vectorize(mpmath.sqrt, otypes=[object])(variance + NORM)
    return (x - mean) / root * arrays[f"{name}.weight"] + arrays[f"{name}.bias"]


def state_space(u: Any, arrays: Arrays, name: str, rule: str) -> Any:
    """One channel after another, one sample after another."""
    held = {key.rpartition(".")[2]: value for key, value in arrays.items() if key.startswith(name)}
    y = np.empty_like(u)
    for h in range(u.shape[1]):
        step = mpmath.exp(held["log_step"][h])
        modes = []
        for n in range(held["log_decay"].shape[1]):
            A = mpmath.mpc(-mpmath.exp(held["log_decay"][h, n]), held["frequency"][h, n])
            z = step * A
            f = mpmath.exp(z) if rule == "zoh" else (1 + z / 2) / (1 - z / 2)
            gain = (f - 1) / A if rule == "zoh" else step / (1 - z / 2)
            B = mpmath.mpc(*held["B"][h, n])
            C = mpmath.mpc(*held["C"][h, n])
            modes.append((f, gain * B, C))
        states = [mpmath.mpc(0)] * len(modes)
        for k in range(u.shape[0]):
            states = [f * x + B * u[k, h] for (f, B, _), x in zip(modes, states, strict=True)]
            heard = sum((C * x).real for (_, _, C), x in zip(modes, states, strict=True))
            y[k, h] = 2 * heard + held["D"][h] * u[k, h]
    return y


def loss_of(arrays: Arrays, u: Any, weights: Any, rule: str) -> Any:
    """The weighted output of `nn.Sequence`, written out."""
    x = linear(u, arrays, "encoder")
    for k in range(DEPTH):
        y = layer_norm(x, arrays, f"blocks.{k}.norm")
        y = state_space(y, arrays, f"blocks.{k}.layer", rule)
        y = linear(np.vectorize(erf_gelu, otypes=[object])(y), arrays, f"blocks.{k}.mix")
        value, gate = y[:, :WIDTH], y[:, WIDTH:]
        x = x + value / (1 + np.vectorize(mpmath.exp, otypes=[object])(-gate))
    pooled = layer_norm(x, arrays, "norm").sum(axis=0) / LENGTH
    return (linear(pooled, arrays, "decoder") * weights).sum()


def in_digits(array: Any) -> Any:
    return np.vectorize(mpmath.mpf, otypes=[object])(np.asarray(array, dtype=np.float64))


def slope(loss: Callable[[Arrays], Any], arrays: Arrays, name: str, index: Any) -> float:
    """A central difference in one number."""
    sides = []
    for sign in (1, -1):
        moved = arrays[name].copy()
        moved[index] = moved[index] + sign * SMALL
        sides.append(loss(arrays | {name: moved}))
    return float((sides[0] - sides[1]) / (2 * SMALL))


@pytest.mark.parametrize("rule", ["zoh", "bilinear"])
def test_gradients_of_a_stack_are_those_of_multiple_precision(rule: str) -> None:
    torch.manual_seed(0)
    model = nn.Sequence(1, 2, WIDTH, DEPTH, order=ORDER, rule=rule, step=(0.05, 0.5)).double()
    u = torch.randn(1, LENGTH, 1, dtype=torch.float64)
    weights = torch.tensor([1.0, -0.5], dtype=torch.float64)
    loss = (model(u)[0] * weights).sum()
    loss.backward()
    found = {name: np.asarray(p.grad) for name, p in model.named_parameters() if p.grad is not None}
    drawn = np.random.default_rng(0)
    with mpmath.workdps(50):
        arrays = {name: in_digits(p.detach()) for name, p in model.named_parameters()}
        rest = (in_digits(u[0]), in_digits(weights), rule)
        value = loss_of(arrays, *rest)
        assert abs(value - mpmath.mpf(loss.item())) <= 64 * EPS * abs(value)
        scale = max(np.abs(gradient).max() for gradient in found.values())
        for name, gradient in found.items():
            places = list(np.ndindex(gradient.shape))
            chosen = drawn.permutation(len(places))[: 1 if "mix" in name else 2]
            for index in (places[k] for k in chosen):
                expected = slope(lambda held: loss_of(held, *rest), arrays, name, index)
                # Sums over LENGTH samples of terms of the size of the largest gradient.
                assert abs(gradient[index] - expected) <= 8 * LENGTH * EPS * scale, (name, index)


@pytest.mark.parametrize("rule", ["zoh", "bilinear"])
def test_gradients_of_a_layer_of_jax_are_those_of_multiple_precision(rule: str) -> None:
    jax = pytest.importorskip("jax")
    from ssmlinalg.nn import jax as layers

    drawn = np.random.default_rng(0)
    u = drawn.standard_normal((LENGTH, WIDTH))
    weights = drawn.standard_normal((LENGTH, WIDTH))
    with jax.enable_x64(True):
        params = layers.init(jax.random.key(0), WIDTH, ORDER, step=(0.05, 0.5))
        params = jax.tree.map(lambda leaf: leaf.astype("float64"), params)

        def loss(params: Any) -> Any:
            y = layers.apply(params, jax.numpy.asarray(u)[None], rule=rule)[0]
            return (y * jax.numpy.asarray(weights)).sum()

        gradients = jax.jit(jax.grad(loss))(params)["Paired"]
        found = {name: np.asarray(gradient) for name, gradient in gradients.items()}
    scale = max(np.abs(gradient).max() for gradient in found.values())
    with mpmath.workdps(50):
        arrays = {f"layer.{name}": in_digits(value) for name, value in params["Paired"].items()}

        def far(arrays: Arrays) -> Any:
            return (state_space(in_digits(u), arrays, "layer", rule) * in_digits(weights)).sum()

        for name, gradient in found.items():
            index = tuple(drawn.integers(size) for size in gradient.shape)
            expected = slope(far, arrays, f"layer.{name}", index)
            assert abs(gradient[index] - expected) <= 8 * LENGTH * EPS * scale, (name, index)
