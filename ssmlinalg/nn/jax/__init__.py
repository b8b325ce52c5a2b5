"""The layer as functions of JAX: parameters are a pytree, and jit, vmap and grad take them.

`equinox_layer.SSM` and `flax_layer.SSM` are the same layer as a module of these libraries.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from ...discretize import RULES, Rule
from ...export.real_parameters import NAMES, check_names, form_of, real_parameters
from ...forms import batch, check, kind
from ...ground import backend, layer_inputs, require
from ...inits import Step
from ...kernels import convolve, kernel, scan, stepper
from ...kernels.softmax import normalized
from ..starting_forms import starting_form

__all__ = ["apply", "form", "init", "step"]

Parameters = dict[str, dict[str, jax.Array]]


def __dir__() -> list[str]:
    return __all__


def init(
    key: jax.Array,
    width: int,
    order: int = 64,
    *,
    init: Any = "ptd",
    step: Step | None = None,
    decay: str = "exp",
    **options: Any,
) -> Parameters:
    """The parameters of a layer, real arrays named as in `export.real_parameters`.

    Args:
        key: of C and the steps. It must be known: init runs on the host, outside of jit.
        width: H, the channels of the input and of the output.
        order: order N of the state.
        init: a name in `INITS`, or a form.
        step: a number, or the interval from which steps are drawn; None is that of the
            initialization.
        decay: how the decay rate is written.
        **options: what the initialization takes besides.

    Returns:
        The arrays, below the name of the form.

    Raises:
        TypeError: for options that the initialization does not take, and a form without modes.
        ValueError: for unknown names, and numbers out of range.

    Example:
        >>> list(init(jax.random.key(0), 4, 16, init="s4d-lin"))
        ['Paired']
    """
    width = require.integer("width", width)
    for name in options.keys() & {"bidirectional", "window", "seed"}:
        rule = f"`{name}` must be no option of parameters in JAX"
        remedy = "The key is the seed, `apply` takes the window, and nn.SSM has two directions."
        raise TypeError(f"{rule}; got one. {remedy}")
    try:
        seed = int(jax.random.randint(key, (), 0, 2**31 - 1))
    except (TypeError, ValueError):
        rule = "`key` must be one key of jax.random, known outside of jit"
        raise TypeError(f"{rule}; got {require.said(key)}. Call jax.random.key(0).") from None
    start = starting_form(init, width, order, step=step, seed=seed, **options)
    arrays = real_parameters(start, decay=decay)
    held = {name: jnp.asarray(array, jnp.float32) for name, array in arrays.items()}
    return {type(start).__name__: held}


def form(params: Parameters, *, rule: Rule = "zoh", window: int | None = None) -> Any:
    """The form that the layer computes with.

    Args:
        params: those of `init`, or what was learnt since.
        rule: how it will be sampled.
        window: the samples over which every mode is normalized, which makes "dss" DSS (softmax).

    Returns:
        A form of the type that it started from.

    Raises:
        TypeError: for what is no parameters, and for arrays of other than real numbers.
        ValueError: for arrays that are missing, unknown, or of shapes that do not fit.

    Example:
        >>> params = init(jax.random.key(0), 4, 16, init="s4d-lin")
        >>> form(params).A.shape
        (4, 8)
    """
    if not isinstance(params, Mapping) or len(params) != 1 or not params.keys() <= NAMES.keys():
        rule = "`params` must be what `init` returned, arrays below the name of a form"
        raise TypeError(f"{rule}; got {require.said(params)}. Give all of it.")
    ((name, arrays),) = params.items()
    check_names(name, arrays)
    require.known("rule", rule, RULES)
    wide = {key: jnp.asarray(backend.widened(array)) for key, array in arrays.items()}
    found = check(form_of(name, wide))
    return found if window is None else normalized(found, window, rule=rule)


def apply(
    params: Parameters,
    u: jax.Array,
    state: jax.Array | None = None,
    *,
    rule: Rule = "zoh",
    window: int | None = None,
    return_state: bool = False,
) -> Any:
    """The outputs for signals.

    Args:
        params: those of `init`, or what was learnt since.
        u: real signals (..., L, H).
        state: the state before the first sample, as returned; None is a system at rest.
        rule: how a continuous form is sampled.
        window: the samples over which every mode is normalized.
        return_state: whether the state after the last sample is returned as well.

    Returns:
        y (..., L, H) in the type of u; with `return_state` y and the state.

    Raises:
        TypeError: what `kernels.scan` raises.
        ValueError: what `kernels.scan` raises.

    Example:
        >>> params = init(jax.random.key(0), 4, 16)
        >>> apply(params, jnp.zeros((2, 100, 4))).shape
        (2, 100, 4)
    """
    require.switch("return_state", return_state)
    system = form(params, rule=rule, window=window)
    layer_inputs.signal(u, _width(system), ("...", "length", "width"), system.D)
    x = jnp.swapaxes(u, -1, -2).astype(system.D.dtype)
    if return_state or state is not None or kind(system).ports:
        y, state = scan(system, x, state, rule=rule)
    else:
        y = convolve(x, kernel(system, x.shape[-1], rule=rule))
    y = jnp.swapaxes(y, -1, -2).astype(u.dtype)
    return (y, state) if return_state else y


def step(
    params: Parameters,
    u: jax.Array,
    state: jax.Array | None = None,
    *,
    rule: Rule = "zoh",
    window: int | None = None,
) -> tuple[jax.Array, jax.Array]:
    """One sample of the layer as a recurrence.

    Under jit the model is sampled in each call; `kernels.stepper(form(params))` does it once.

    Args:
        params: those of `init`, or what was learnt since.
        u: (..., H).
        state: as returned last; None is a system at rest.
        rule: how a continuous form is sampled.
        window: the samples over which every mode is normalized.

    Returns:
        The output (..., H), and the state after the sample.

    Raises:
        TypeError: what `kernels.stepper` raises.
        ValueError: what `kernels.stepper` raises.

    Example:
        >>> params = init(jax.random.key(0), 4, 16)
        >>> y, state = step(params, jnp.zeros((2, 4)))
    """
    system = form(params, rule=rule, window=window)
    rest = (*batch(system), system[0].shape[-1])
    layer_inputs.sample(u, _width(system), system.D, state, rest)
    y, after = stepper(system, rule=rule)(jnp.asarray(u, system.D.dtype), state)
    return y.astype(u.dtype), after


def _width(system: Any) -> int:
    return system.B.shape[-1] if kind(system).ports else batch(system)[-1]
