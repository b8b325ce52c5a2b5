"""The layer in JAX is the layer in PyTorch, as functions and as a module of its libraries."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ssmlinalg import forms, kernel
from ssmlinalg.ground.formats import SINGLE
from ssmlinalg.kernels import dss_softmax

jax = pytest.importorskip("jax")
import jax.numpy as jnp  # noqa: E402

from ssmlinalg.nn import jax as layers  # noqa: E402

WIDTH = 3
LENGTH = 32
KEY = jax.random.key(3)
U = jax.random.normal(jax.random.key(0), (2, LENGTH, WIDTH))
# One initialization of each form; compiling takes seconds each.
every_form = pytest.mark.parametrize("name", ["ptd", "s4", "s5", "dlr", "lru"])


def assert_alike(got: Any, expected: Any, factor: float = 1.0) -> None:
    tolerance = factor * 20 * SINGLE * LENGTH**0.5 * np.abs(expected).max()
    assert np.abs(np.asarray(got) - np.asarray(expected)).max() <= tolerance


@every_form
def test_steps_pieces_and_the_whole_are_one(name: str) -> None:
    params = layers.init(KEY, WIDTH, 8, init=name)
    whole = jax.jit(layers.apply)(params, U)
    piece = jax.jit(lambda u, state: layers.apply(params, u, state, return_state=True))
    first, state = piece(U[:, :16], None)
    rest, _ = piece(U[:, 16:], state)
    assert_alike(jnp.concatenate([first, rest], axis=1), whole)
    advance = jax.jit(layers.step)
    state = None
    outputs = []
    for sample in jnp.moveaxis(U, 1, 0)[:6]:
        y, state = advance(params, sample, state)
        outputs.append(y)
    assert_alike(jnp.stack(outputs, axis=1), whole[:, :6])


def test_the_outputs_are_the_convolution_with_the_kernel_of_the_form() -> None:
    params = layers.init(KEY, WIDTH, 8, init="s4d-lin")
    form = forms.move(layers.form(params), "numpy", dtype="float64")
    K = kernel(form, LENGTH)
    expected = np.zeros((LENGTH, WIDTH))
    for channel in range(WIDTH):
        expected[:, channel] = np.convolve(np.asarray(U[0, :, channel]), K[channel])[:LENGTH]
    assert_alike(layers.apply(params, U)[0], expected)


@every_form
def test_jit_grad_and_vmap_take_the_parameters(name: str) -> None:
    params = layers.init(KEY, WIDTH, 8, init=name)

    @jax.jit
    def loss(params: Any) -> Any:
        return jnp.mean((layers.apply(params, U) - jnp.roll(U, 2, axis=1)) ** 2)

    gradient = jax.grad(loss)(params)
    for leaf in jax.tree.leaves(gradient):
        assert not jnp.iscomplexobj(leaf)
        assert jnp.all(jnp.isfinite(leaf))
    trained = jax.tree.map(lambda p, g: p - 1e-2 * g, params, gradient)
    assert loss(trained) < loss(params)
    two = jax.tree.map(lambda one, other: jnp.stack([one, other]), params, trained)
    assert_alike(jax.vmap(loss)(two), jnp.stack([loss(params), loss(trained)]))


def test_a_window_makes_dss_the_softmax_layer() -> None:
    """Outputs, steps and pieces are those of the form that `kernels.dss_softmax` describes."""
    params = layers.init(KEY, WIDTH, 8, init="dss")
    whole = jax.jit(lambda u: layers.apply(params, u, window=LENGTH))(U)
    form = forms.move(layers.form(params), "numpy", dtype="float64")
    weights = 2 * form.C * form.B / form.A
    K = dss_softmax(form.A, weights, form.step, LENGTH)
    expected = np.zeros((LENGTH, WIDTH))
    for channel in range(WIDTH):
        expected[:, channel] = np.convolve(np.asarray(U[0, :, channel]), K[channel])[:LENGTH]
    assert_alike(whole[0], expected + np.asarray(U[0]) * form.D)
    state = None
    for at in range(4):
        y, state = layers.step(params, U[:, at], state, window=LENGTH)
        assert_alike(y, whole[:, at])
    for rule, window in (("foh", LENGTH), ("zoh", 0)):
        with pytest.raises(ValueError, match="window"):
            layers.apply(params, U, rule=rule, window=window)
    with pytest.raises(TypeError, match="window"):
        layers.apply(layers.init(KEY, WIDTH, 8, init="s5"), U, window=LENGTH)


def test_the_key_draws_c_and_the_steps() -> None:
    one = layers.init(KEY, WIDTH, 8)
    again = layers.init(KEY, WIDTH, 8)
    other = layers.init(jax.random.key(4), WIDTH, 8)
    assert np.array_equal(one["Paired"]["C"], again["Paired"]["C"])
    assert not np.array_equal(one["Paired"]["C"], other["Paired"]["C"])


def test_a_misspelt_option_raises() -> None:
    with pytest.raises(TypeError, match="conditionning"):
        layers.init(KEY, WIDTH, 8, conditionning=4.0)


def test_equinox_trains_the_layer() -> None:
    equinox = pytest.importorskip("equinox")
    from ssmlinalg.nn.jax.equinox_layer import EquinoxSSM

    layer = EquinoxSSM(WIDTH, 8, key=KEY, init="s4d-lin")
    params = layers.init(KEY, WIDTH, 8, init="s4d-lin")
    assert_alike(jax.vmap(layer)(U), layers.apply(params, U))

    @equinox.filter_jit
    @equinox.filter_value_and_grad
    def loss(layer: Any) -> Any:
        return jnp.mean((jax.vmap(layer)(U) - jnp.roll(U, 2, axis=1)) ** 2)

    before, gradient = loss(layer)
    layer = equinox.apply_updates(layer, jax.tree.map(lambda g: -1e-2 * g, gradient))
    assert loss(layer)[0] < before
    y, _ = layer.step(U[0, 0])
    assert_alike(y, layer(U[0])[0])


def test_flax_trains_the_layer() -> None:
    nnx = pytest.importorskip("flax.nnx")
    from ssmlinalg.nn.jax.flax_layer import FlaxSSM

    layer = FlaxSSM(WIDTH, 8, rngs=nnx.Rngs(0), init="s4d-lin")

    @nnx.jit
    def loss(layer: Any) -> Any:
        return jnp.mean((layer(U) - jnp.roll(U, 2, axis=1)) ** 2)

    before = loss(layer)
    gradient = nnx.grad(loss)(layer)
    state = nnx.state(layer, nnx.Param)
    nnx.update(layer, jax.tree.map(lambda p, g: p - 1e-2 * g, state, gradient))
    assert loss(layer) < before
    y, _ = layer.step(U[:, 0])
    assert_alike(y, layer(U)[:, 0])
