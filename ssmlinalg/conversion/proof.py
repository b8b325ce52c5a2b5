"""The kernels of a layer before and after a conversion, and the change that rounding allows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ..forms import kind
from ..ground.formats import EPS, format_of
from ..kernels import kernel

_MIXTURES = 4  # of inputs, along which a model of more inputs is compared
_DRAWS = 4  # roundings of the arrays that are tried
_SAFETY = 16  # times the worst of them is allowed
_SHARE = 2.0**-6  # of its scale, beyond which no rounding excuses a change


class Sampled(NamedTuple):
    """A form and the rule by which it is sampled."""

    form: Any
    rule: str


class Proof(NamedTuple):
    """Of every kernel (each output, each input or mixture) how far it moved.

    Attributes:
        error: its largest change.
        allowed: the change that rounding allows.
        scale: its largest entry.
    """

    error: np.ndarray
    allowed: np.ndarray
    scale: np.ndarray


def prove(
    before: Sampled,
    arrays: Mapping[str, np.ndarray],
    read: Callable[[Mapping[str, np.ndarray]], Sampled],
    length: int,
) -> Proof:
    """Compare the kernels of a model with those of the arrays that `read` takes to a model.

    Every array is moved by one unit in its last place, up or down at random, some times. A kernel
    may move by a small multiple of the worst that does to it, and of the rounding in `kernel`.
    """
    after = read(arrays)
    mixtures = _mixtures(before.form, after.form)
    ours = _kernel(before, length, mixtures)
    theirs = _kernel(after, length, mixtures)
    scale = _largest(ours)
    error = _largest(theirs.reshape(ours.shape) - ours)
    rng = np.random.default_rng(0)
    moved = np.zeros(scale.shape)
    for _ in range(_DRAWS):
        rounded = {name: _rounded(array, rng) for name, array in arrays.items()}
        change = _kernel(read(rounded), length, mixtures) - theirs
        moved = np.maximum(moved, _largest(change))
    evaluated = EPS * length * max(1.0, _fastest(before.form)) * scale
    allowed = np.minimum(_SAFETY * (moved + evaluated), _SHARE * scale)
    return Proof(error, allowed, scale)


def _mixtures(*models: Any) -> np.ndarray | None:
    """Mixtures (M, k) of the inputs, all of them apart if they are few; None for one input each."""
    inputs = next((form.D.shape[-1] for form in models if kind(form).ports), 0)
    if not inputs:
        return None
    if inputs <= _MIXTURES:
        return np.eye(inputs)
    return np.random.default_rng(0).standard_normal((inputs, _MIXTURES))


def _kernel(model: Sampled, length: int, mixtures: np.ndarray | None) -> np.ndarray:
    """The kernel (..., L), or (P, k, L) along mixtures of inputs; a channel has its own input."""
    form = model.form
    if kind(form).ports:
        form = form._replace(B=form.B @ mixtures, D=form.D @ mixtures)
        return kernel(form, length, rule=model.rule)
    K = kernel(form, length, rule=model.rule)
    return K if mixtures is None else K.reshape(-1, 1, length) * mixtures[..., None]


def _largest(kernels: np.ndarray) -> np.ndarray:
    """The largest entry of every kernel."""
    return np.max(np.abs(kernels), axis=-1).ravel()


def _fastest(form: Any) -> float:
    """The largest |step A|, of the diagonal part where there is one; |A_d| of a recurrence."""
    step = getattr(form, "step", 1.0)
    return float(np.max(np.abs(form[0]), initial=0.0) * np.max(step, initial=0.0))


def _rounded(array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The array with every number moved by one unit in its last place, up or down."""
    known = format_of(array.dtype)
    if known is None:  # whole numbers
        return array
    size = np.maximum(np.abs(array).astype(np.float64), known.normal * known.eps)
    unit = known.eps * np.maximum(1, known.normal / size)  # below normal all units are of one size
    return array * (1 + unit * rng.choice([-1.0, 1.0], array.shape))
