"""Helpers of the tests of export and conversion: models, arrays of a target and back, refusals."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import pytest

from ssmlinalg import INITS, forms, kernel
from ssmlinalg.export import TARGETS
from ssmlinalg.ground.formats import SINGLE

__all__ = [
    "SENTENCE",
    "SINGLE",
    "added",
    "back",
    "init",
    "kernel_of",
    "refused",
    "same",
    "shapes_and_types",
    "sized",
    "to",
]

SENTENCE = re.compile(r"[^\n]+; got [^\n]+\. [A-Z0-9-][^\n]*[.?]")  # rule, got, remedy


def init(name: str, order: int = 8, **options: Any) -> Any:
    """A form of the catalogue."""
    return INITS[name](order, **options)


def sized(target: str, length: int | None) -> dict[str, int]:
    """The length that a target takes besides, where it takes one."""
    return {"length": length} if TARGETS[target].sized and length is not None else {}


def to(target: str, form: Any, length: int | None = None) -> dict[str, np.ndarray]:
    return TARGETS[target].to(form, **sized(target, length))


def back(target: str, arrays: Mapping[str, Any], length: int | None = None) -> Any:
    return TARGETS[target].back(arrays, **sized(target, length))


def kernel_of(target: str, arrays: Mapping[str, Any], length: int) -> np.ndarray:
    """The kernel of the layer of these arrays, by its own rule."""
    rule = TARGETS[target].rule or "zoh"  # a discrete form needs none
    return kernel(back(target, arrays, length), length, rule=rule)


def same(found: Any, expected: Any) -> bool:
    """Whether two forms, or arrays by name, are equal."""
    if isinstance(found, Mapping):
        names = found.keys() == expected.keys()
        return names and all(np.array_equal(found[name], expected[name]) for name in found)
    return all(np.array_equal(*pair) for pair in zip(found, expected, strict=True))


def shapes_and_types(arrays: Mapping[str, np.ndarray]) -> dict[str, tuple[tuple[int, ...], str]]:
    return {name: (array.shape, array.dtype.name) for name, array in arrays.items()}


@contextmanager
def refused(error: Any, sentence: str) -> Iterator[None]:
    """The error is raised, with one sentence in which `sentence` is found."""
    with pytest.raises(error, match=sentence) as caught:
        yield
    assert SENTENCE.fullmatch(str(caught.value)), caught.value


class Lag(NamedTuple):
    """A first-order lag: unit gain at rest after the time constant."""

    time_constant: Any
    step: Any


def added(monkeypatch: pytest.MonkeyPatch) -> Lag:
    """A form that a user added to `forms.KINDS`, with fields of its own, in three channels."""

    def plain(lag: Lag) -> forms.Diagonal:
        rate = 1 / lag.time_constant[..., None] + 0j
        return forms.Diagonal(-rate, rate, np.ones_like(rate), np.zeros(()), lag.step)

    axes: dict[str, tuple[str, ...]] = {"time_constant": (), "step": ()}
    line = forms.Kind(axes, sampled=forms.Recurrence, plain=plain)
    monkeypatch.setitem(forms.KINDS, Lag, line)
    return Lag(np.array([0.5, 1.0, 2.0]), np.array(0.1))
