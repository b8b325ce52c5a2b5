"""The arguments of layers: signals, width last, and numbers beside them, in PyTorch and JAX."""

from __future__ import annotations

import math

import numpy as np

from . import backend, require
from .backend import Array
from .formats import FORMATS

# By library: what makes an array of it, and what makes one of real numbers.
_CALLS = {
    "torch": ("torch.as_tensor", "float()"),
    "jax": ("jax.numpy.asarray", "astype(float)"),
    "numpy": ("numpy.asarray", "astype(float)"),
}
# Of the arguments beside a signal: how many of its axes they have, what they hold, and a remedy.
_BESIDE: dict[str, tuple[int, tuple[str, ...], str]] = {
    "lengths": (1, ("integers",), "Cast them to integers."),
    "reset": (2, ("truth values",), "Compare it, as in reset > 0."),
    "steps": (2, ("real numbers", "integers"), "They are times."),
}


def signal(u: Array, width: int, axes: tuple[str, ...], like: Array) -> None:
    """Refuse what is no signal of a layer.

    Args:
        u: anything.
        width: H, the channels of the layer.
        axes: the names of its axes, the first of them "..." for any number of leading ones.
        like: an array of the layer.

    Raises:
        TypeError: for what holds no real numbers, and for another library.
        ValueError: for other axes, no sample, another device, and for more than any memory holds.

    Example:
        >>> signal(np.ones((2, 100, 4)), 4, ("batch", "length", "width"), np.ones(1))
    """
    real_numbers("u", u, like)
    shape = tuple(u.shape)
    enough = len(shape) >= len(axes) - 1 if axes[0] == "..." else len(shape) == len(axes)
    said = f"({', '.join(axes)})"
    if enough and shape[-2] == width != shape[-1]:
        rule = f"`u` must be {said} with width = {width} last"
        remedy = "Call u.mT: its axis before the last is the width."
        raise ValueError(f"{rule}; got {shape}. {remedy}")
    fits = enough and shape[-1] == width and shape[-2] > 0
    require.shape("u", shape, f"{said} with width = {width}, length > 0", fits)
    if not backend.compiling(u):
        size = math.prod(shape) * np.dtype(backend.precision(like)).itemsize
        require.room("the outputs", size, host=backend.readable(u))


def sample(
    u: Array, width: int, like: Array, state: Array | None = None, rest: tuple[int, ...] = ()
) -> None:
    """Refuse what is no sample of a layer, and a state that does not go with it.

    Args:
        u: anything.
        width: H, the channels of the layer.
        like: an array of the layer.
        state: anything; None is a system at rest.
        rest: the shape of the state of one signal.

    Raises:
        TypeError: for a sample of other than real numbers, and for another library.
        ValueError: for another shape, and another device.

    Example:
        >>> sample(np.ones((2, 3)), 3, np.ones(1), np.zeros((2, 3, 8)), (3, 8))
    """
    real_numbers("u", u, like)
    shape = tuple(u.shape)
    require.shape("u", shape, f"(..., width) with width = {width}", shape[-1:] == (width,))
    if state is not None:
        of_library("state", state, like)
        got = tuple(state.shape)
        wanted = (*shape[:-1], *rest)
        require.shape("state", got, f"{wanted} beside this `u`", got == wanted)


def real_numbers(name: str, value: Array, like: Array) -> None:
    """Refuse what holds no real numbers, in the library and on the device of a layer.

    Args:
        name: the name of the value in errors.
        value: anything.
        like: an array of the layer. With JAX arrays of NumPy are taken as well.

    Raises:
        TypeError: for what holds no real numbers, and for another library.
        ValueError: for another device.

    Example:
        >>> real_numbers("u", np.ones(3), np.ones(1))
    """
    of_library(name, value, like)
    _, cast = _CALLS[backend.kind(like)]
    require.numbers(name, value, ("real numbers",), f"Call {name}.{cast}.")
    if getattr(value, "is_sparse", False):
        rule = f"`{name}` must hold all of its entries"
        raise TypeError(f"{rule}; got a sparse tensor. Call {name}.to_dense().")
    here = backend.device(value)
    there = backend.device(like)
    known = backend.kind(value) == backend.kind(like) and None not in (here, there)
    if known and here != there:
        rule = f"`{name}` must be where the layer is"
        raise ValueError(f"{rule}; got {here} and {there}. Move one of them.")


def of_library(name: str, value: Array, like: Array) -> None:
    """Refuse what is no array of the library of a layer.

    Args:
        name: the name of the value in errors.
        value: anything.
        like: an array of the layer. With JAX arrays of NumPy are taken as well.

    Raises:
        TypeError: for what is none.

    Example:
        >>> of_library("u", np.ones(3), np.ones(1))
    """
    library = backend.kind(like)
    taken = ("jax", "numpy") if library == "jax" else (library,)
    if not hasattr(value, "shape") or backend.kind(value) not in taken:
        rule = f"`{name}` must be an array of {library}"
        raise TypeError(f"{rule}; got {require.said(value)}. Call {_CALLS[library][0]}.")


def beside(name: str, value: Array, u: Array) -> None:
    """Refuse lengths, resets and steps that do not go with a signal.

    Args:
        name: "lengths", "reset" or "steps".
        value: anything.
        u: the signal (batch, length, width).

    Raises:
        TypeError: for other kinds of numbers, and for another library.
        ValueError: for another shape; where values can be read for lengths outside of the signal,
            and steps below 0.

    Example:
        >>> beside("lengths", np.array([3, 1]), np.ones((2, 3, 4)))
    """
    of_library(name, value, u)
    axes, kinds, remedy = _BESIDE[name]
    require.numbers(name, value, kinds, remedy)
    wanted = tuple(u.shape[:axes])
    got = tuple(value.shape)
    require.shape(name, got, f"{wanted} as `u` has it", got == wanted)
    if name == "lengths":
        _within(name, value, (1, u.shape[1]), "Cut them, and leave empty signals out.")
    if name == "steps":
        _within(name, value, (0, math.inf), "Sort the times.")


def step_scale(scale: Array, steps: tuple[int, ...]) -> None:
    """Refuse a scale of steps that is not a positive number for all of them or for each.

    Args:
        scale: an array.
        steps: the shape of the steps.

    Raises:
        TypeError: for other numbers.
        ValueError: for another shape; where values can be read for one that is not positive.

    Example:
        >>> step_scale(np.array(0.5), (4,))
    """
    got = tuple(scale.shape)
    require.shape("step_scale", got, f"() or {steps}, that of the steps", got in ((), (1,), steps))
    require.numbers("step_scale", scale, ("real numbers", "integers"), "Take its real part.")
    _within("step_scale", scale, (FORMATS["float32"].normal, math.inf), "It is a ratio.")


def _within(name: str, values: Array, interval: tuple[float, float], remedy: str) -> None:
    """Refuse values outside of an interval with its ends."""
    if backend.compiling(values) or 0 in values.shape:
        return
    low, high = interval
    least = values.min().item()
    most = values.max().item()
    if not low <= least <= most <= high:  # NaN is refused
        rule = f"`{name}` must lie from {low} to {high}"
        raise ValueError(f"{rule}; got {least:g} to {most:g}. {remedy}")
