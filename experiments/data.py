"""Data that comes inside packages or is made here, standardized and split once.

=========  ========================================================  =======  ===================
name       what                                                      samples  train, chosen, test
=========  ========================================================  =======  ===================
digits     handwritten digits of scikit-learn, pixel by pixel             64  1257, 180, 360
mnist1d    one-dimensional digits, resampled (Greydanus & Kobak)         256  3500, 500, 1000
acsf1      power consumption of appliances, of aeon before 1.7           1460  80, 20, 100
delays     which of eight delays an echo in white noise has             4096  1024, 256, 512
=========  ========================================================  =======  ===================

Models and recipes are chosen on the second part. Splits are the same for every seed: a seed is that
of a model, of the order of its batches and of noise.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy.signal
import torch
from torch import Tensor


class Split(NamedTuple):
    """Signals u (n, L, d) and what is to be told of them, y (n,) for classes."""

    u: Tensor
    y: Tensor


class Data(NamedTuple):
    """What is trained on, what is chosen on, what is reported; and the number of classes."""

    train: Split
    validation: Split
    test: Split
    classes: int


def split(
    u: np.ndarray, y: np.ndarray, sizes: tuple[int, int], test: tuple[np.ndarray, np.ndarray]
) -> Data:
    """Signals (n, L), mixed and cut into what is trained and chosen on, beside a test set."""
    mean = u.mean()
    deviation = u.std()
    order = np.random.default_rng(0).permutation(len(u))
    cut = order[: sizes[0]], order[sizes[0] : sum(sizes)]
    parts = [(u[rows], y[rows]) for rows in cut]
    splits = [
        Split(
            torch.tensor((signals - mean) / deviation, dtype=torch.float32)[..., None],
            torch.tensor(labels, dtype=torch.int64),
        )
        for signals, labels in [*parts, test]
    ]
    return Data(*splits, classes=int(y.max()) + 1)


@functools.cache
def digits() -> Data:
    """Handwritten digits, 64 pixels in a row."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(images))
    u = np.asarray(images)[order]
    y = np.asarray(labels)[order]
    return split(u[:1437], y[:1437], (1257, 180), (u[1437:], y[1437:]))


@functools.cache
def mnist1d(length: int = 256) -> Data:
    """One-dimensional digits of 40 samples, joined by straight lines and sampled anew."""
    from mnist1d.data import (  # pyright: ignore[reportMissingImports]
        get_dataset_args,
        make_dataset,
    )

    made = make_dataset(get_dataset_args())
    time = np.linspace(0, 39, length)
    u, late = (
        np.array([np.interp(time, np.arange(40), row) for row in made[name]])
        for name in ("x", "x_test")
    )
    return split(u, made["y"], (3500, 500), (late, made["y_test"]))


@functools.cache
def acsf1() -> Data:
    """Power consumption of ten kinds of appliances."""
    try:
        from aeon.datasets import load_acsf1  # pyright: ignore[reportMissingImports]
    except ImportError:
        rule = "acsf1 is part of the package aeon before 1.7, which is not installed"
        remedy = "It asks for an older NumPy: install it in an environment of its own."
        raise SystemExit(f"{rule}. {remedy}") from None
    u, y = load_acsf1(split="train")
    late, told = load_acsf1(split="test")
    return split(u[:, 0], y.astype(int), (80, 20), (late[:, 0], told.astype(int)))


@functools.cache
def delays(length: int = 4096, longest: int = 512, smooth: float = 1.0) -> Data:
    """White noise with an echo, d = longest/8, 2 longest/8, ..., longest samples late: which d?

    `smooth` is the band of the signal as a part of Nyquist: 1 is white. Other noise, of a tenth of
    its power and as wide, is added, so that no sample tells anything by itself.
    """
    rng = np.random.default_rng(0)
    count = 1024 + 256 + 512
    y = rng.integers(8, size=count)
    source = rng.standard_normal((count, length + longest))
    rest = rng.standard_normal((count, length))
    if smooth < 1:
        band = scipy.signal.butter(6, smooth, output="sos")
        source, rest = (scipy.signal.sosfiltfilt(band, x, axis=1) for x in (source, rest))
    at = np.arange(length) + longest
    late = at - (y[:, None] + 1) * longest // 8
    u = np.take_along_axis(source, at[None], 1) + np.take_along_axis(source, late, 1)
    u = u + rest * np.sqrt(0.2)
    return split(u[:1280], y[:1280], (1024, 256), (u[1280:], y[1280:]))


def few() -> Data:
    """A few of the digits, to see whether a study runs."""
    train, validation, test, classes = digits()
    sizes = ((train, 128), (validation, 32), (test, 32))
    parts = [Split(part.u[:size], part.y[:size]) for part, size in sizes]
    return Data(*parts, classes=classes)


DATA: dict[str, Callable[..., Data]] = {
    "digits": digits,
    "mnist1d": mnist1d,
    "acsf1": acsf1,
    "delays": delays,
    "few": few,
}
LENGTHS = {"digits": 64, "mnist1d": 256, "acsf1": 1460, "delays": 4096, "few": 64}
# Of steps, in the time of the measure: memories from a few samples to the whole signal.
STEPS = {
    "digits": (0.02, 0.5),
    "mnist1d": (3e-3, 0.1),
    "acsf1": (1e-3, 0.1),
    "delays": (1e-3, 0.1),
    "few": (0.02, 0.5),
}
EPOCHS = {"few": 1, "digits": 8, "mnist1d": 12, "acsf1": 100, "delays": 12}
POOLS = {name: "last" if LENGTHS[name] == 64 else "mean" for name in DATA}
