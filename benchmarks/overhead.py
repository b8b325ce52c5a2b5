"""What does a call cost beside its arithmetic: a sample by `stepper`, and one short kernel?

    OPENBLAS_NUM_THREADS=1 python benchmarks/overhead.py

Microseconds, the least of many runs in turns. By hand: x = A x + B u, y = 2 Re sum(C x) + D u on
the same arrays. The error is the largest difference of the two outputs.
"""

from __future__ import annotations

import importlib.util
import timeit
from collections.abc import Callable
from typing import Any

import numpy as np

from ssmlinalg import discretize, forms, inits, kernel, step, stepper
from ssmlinalg.ground import backend

LIBRARIES = [name for name in ("numpy", "torch", "jax") if importlib.util.find_spec(name)]
RUNS = 150


def by_hand(system: Any) -> Callable[[Any, Any], tuple[Any, Any]]:
    """The recurrence of a `PairedRecurrence` as one would write it."""
    A, B, C, D = system

    def advance(u: Any, x: Any) -> tuple[Any, Any]:
        x = A * x + B * u[..., None]
        return 2 * (C * x).sum(-1).real + D * u, x

    return advance


def compiled(advance: Callable[[Any, Any], tuple[Any, Any]], library: str) -> Callable[..., Any]:
    """The function, under jax.jit in JAX, where nobody would run it otherwise."""
    if library != "jax":
        return advance
    import jax

    jitted = jax.jit(advance)
    return lambda u, x: jax.block_until_ready(jitted(u, x))


def in_turns(*functions: Callable[[], Any]) -> list[float]:
    """The least microseconds of each, run one after the other."""
    least = [float("inf")] * len(functions)
    for _ in range(RUNS):
        for k, function in enumerate(functions):
            least[k] = min(least[k], timeit.timeit(function, number=50) / 50)
    return [1e6 * seconds for seconds in least]


def of_samples(library: str, channels: int) -> None:
    """A line for one library and number of channels."""
    form = forms.move(inits.s4d_lin_init(64, channels=channels), library)
    u = backend.move(np.full(channels, 0.5), library)
    ours = compiled(stepper(form), library)
    hand = compiled(by_hand(discretize.zoh(form)), library)
    _, x = stepper(form)(u)
    y, expected = (backend.to_numpy(advance(u, x)[0]) for advance in (ours, hand))
    times = in_turns(lambda: ours(u, x), lambda: hand(u, x))
    error = np.abs(y - expected).max()
    print(f"{library:8}{channels:9}{times[0]:10.2f}{times[1]:10.2f}{error:10.1e}")


def of_calls() -> None:
    """Calls on one small model of order 8 in NumPy."""
    form = inits.s4d_lin_init(8, step=0.01)
    sampled = discretize.zoh(form)
    u = np.asarray(1.0)
    x = np.zeros(4) + 0j
    calls = {
        "kernel(form, 64)": lambda: kernel(form, 64),
        'kernel(form, 64, rule="bilinear")': lambda: kernel(form, 64, rule="bilinear"),
        "kernel(zoh(form), 64)": lambda: kernel(sampled, 64),
        "step(zoh(form), u, x)": lambda: step(sampled, u, x),
    }
    for name, call in calls.items():
        print(f"{name:40}{in_turns(call)[0]:8.0f}")


def main() -> None:
    """Print both tables."""
    if "jax" in LIBRARIES:
        import jax

        jax.config.update("jax_enable_x64", True)
    print(f"{'a sample':8}{'channels':>9}{'stepper':>10}{'by hand':>10}{'error':>10}")
    for library in LIBRARIES:
        for channels in (1, 64):
            of_samples(library, channels)
    print(f"\n{'a call':40}{'us':>8}")
    of_calls()


if __name__ == "__main__":
    main()
