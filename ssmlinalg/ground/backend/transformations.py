"""Values under compilers and automatic differentiation: reading, loops, and constants."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from .libraries import Array, is_numpy, is_tracer, kind, library


def compiling(array: Array) -> bool:
    """Whether a compiler reads what is done with an array: it orders the work itself.

    Args:
        array: an array.

    Returns:
        True under jax.jit and the like, and under torch.compile.

    Example:
        >>> compiling(np.ones(2))
        False
    """
    if kind(array) == "torch":
        import torch

        return torch.compiler.is_compiling()
    return is_tracer(array)


def readable(array: Array) -> bool:
    """Whether values may be read now: on the host, while no compiler or transformation traces.

    Args:
        array: an array.

    Returns:
        False on other devices, under jax.jit, torch.compile, torch.func.vmap and the like.

    Example:
        >>> readable(np.ones(2))
        True
    """
    if kind(array) == "torch":
        import torch

        functorch: Any = torch._C._functorch  # pyright: ignore[reportAttributeAccessIssue]
        traced = compiling(array) or functorch.is_functorch_wrapped_tensor(array)
        return array.device.type == "cpu" and not traced
    if kind(array) == "jax":
        return not compiling(array) and {place.platform for place in array.devices()} == {"cpu"}
    return is_numpy(array)


def differentiated(array: Array) -> bool:
    """Whether a derivative may be asked for in an array of PyTorch; JAX has tracers for that.

    Args:
        array: an array.

    Returns:
        True for a tensor that requires a gradient or has a tangent.

    Example:
        >>> differentiated(np.ones(2))
        False
    """
    if kind(array) != "torch":
        return False
    from torch.autograd import forward_ad

    return array.requires_grad or forward_ad.unpack_dual(array).tangent is not None


def quietly(array: Array) -> AbstractContextManager[Any]:
    """A context without NumPy's warnings, for work whose result is looked at afterwards.

    Args:
        array: an array of the library that does the work.

    Returns:
        For PyTorch, JAX and CuPy a context that does nothing: their compilers may be reading.

    Example:
        >>> with quietly(np.ones(1)):
        ...     np.ones(1) / 0
        array([inf])
    """
    if kind(array) in ("torch", "jax", "cupy"):
        return contextlib.nullcontext()
    return np.errstate(all="ignore")


def exactly(array: Array) -> AbstractContextManager[Any]:
    """A context in which torch.autocast rounds no product; none at all where it is off.

    Args:
        array: an array.

    Returns:
        A context manager.

    Example:
        >>> with exactly(np.ones(1)):
        ...     pass
    """
    if kind(array) == "torch":
        import torch

        where = array.device.type
        if torch.amp.is_autocast_available(where) and torch.is_autocast_enabled(where):
            return torch.autocast(where, enabled=False)
    return contextlib.nullcontext()


def constant(array: Array) -> Array:
    """The same values, through which no derivative passes.

    Args:
        array: an array.

    Returns:
        An array of the same library, shape and type.

    Example:
        >>> constant(np.ones(1))
        array([1.])
    """
    if kind(array) == "torch":
        return array.detach()
    if kind(array) == "jax":
        import jax

        return jax.lax.stop_gradient(array)
    return array


def analytic(
    function: Callable[..., Array], slope: Callable[..., Array], z: Array, *others: Array
) -> Array:
    """function(z, *others), differentiable in z, in PyTorch by a slope that is known.

    Autograd would go back through every step of a series, at several times the cost of the value.

    Args:
        function: analytic in z, evaluated entry by entry.
        slope: its derivative from the same arguments, differentiable itself.
        z: complex numbers.
        *others: what is known of z besides, such as z modulo 2 pi i.

    Returns:
        The values.

    Example:
        >>> analytic(np.square, lambda z: 2 * z, np.array([1j]))
        array([-1.+0.j])
    """
    if kind(z) == "torch" and not compiling(z):  # a compiler fuses what stands open
        from .torch_derivatives import analytic as differentiable

        return differentiable(function, slope, z, *others)
    return function(z, *others)


def iterate(function: Callable[[Any], Any], start: Any, times: int) -> list[Any]:
    """start, function(start), ...: a loop in JAX too, whose compiler would fuse a chain endlessly.

    Args:
        function: from a tuple of arrays to one of the same types and shapes.
        start: a tuple of arrays.
        times: how many tuples.

    Returns:
        The tuples, `start` first.

    Example:
        >>> iterate(lambda pair: (2 * pair[0],), (np.ones(1),), 3)
        [(array([1.]),), (array([2.]),), (array([4.]),)]
    """
    if kind(start[0]) == "jax":
        import jax

        def advance(value: Any, _: None) -> tuple[Any, Any]:
            return function(value), value

        _, found = jax.lax.scan(advance, start, None, length=times)
        return [jax.tree.map(lambda array, k=k: array[k], found) for k in range(times)]
    found = [start]
    while len(found) < times:
        found.append(function(found[-1]))
    return found[:times]


def fold(
    step: Callable[..., tuple[Any, Array]], state: Any, pieces: tuple[Array, ...]
) -> tuple[Any, Array]:
    """state, y_k <- step(state, piece k of each array), along the first axis of the arrays.

    Args:
        step: from a state and one piece of each array to a state and an output.
        state: the state before the first piece.
        pieces: arrays of one length along their first axis.

    Returns:
        The last state, and all outputs on a new first axis.

    Cost:
        A loop, whose body JAX compiles once (jax.lax.scan).

    Example:
        >>> fold(lambda state, u: (state + u, state + u), 0.0, (np.array([1.0, 2.0]),))
        (np.float64(3.0), array([1., 3.]))
    """
    if kind(pieces[0]) == "jax":
        import jax

        return jax.lax.scan(lambda state, piece: step(state, *piece), state, pieces)
    outputs = []
    for k in range(pieces[0].shape[0]):
        state, y = step(state, *(array[k, ...] for array in pieces))
        outputs.append(y)
    return state, library(pieces[0]).stack(outputs)
