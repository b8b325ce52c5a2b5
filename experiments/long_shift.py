r"""A shift of 0.5M samples by one layer of DLR, without training: a part of study 2.

    python experiments/long_shift.py [--quick]

The modes of DLR start as e^{-d/2 + 2 pi i n/N}. With as many modes as samples, N = L, they are a
discrete Fourier basis under an envelope, and

.. math::  C_n = \tfrac1N e^{s d/2 - 2 \pi i n s/N} \quad\Rightarrow\quad
           K_l = \mathrm{Re} \sum_n C_n A_n^l = e^{(s - l) d/2} [l = s \bmod N]

delays by s samples and does nothing else. C is put in by this formula, the kernel comes from
`ssmlinalg.kernel` as for any model, 4 N L operations, and the signal is convolved with it.

Published: such a layer learns delays up to 7/8 of 2^20 samples. Here: that it can hold them, to
rounding, at N = L = 2^19 = 524288 and the delay 7/8 L; about 3 minutes of one core. --quick: 2^14.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import pictures
import records
from records import Options, Point, Record, table
from ssmlinalg import convolve, dlr_init, forms, kernel, move
from synthetic import late, noise

STUDY = "long_shift"
DECAY = 1e-5  # published: dt_min = dt_max = 1e-5
BLOCKS = 64  # of the picture
LENGTHS = {"smoke": (1 << 8,), "quick": (1 << 11, 1 << 14), "full": (1 << 14, 1 << 17, 1 << 19)}


def shifting(length: int, delay: int) -> forms.Recurrence:
    """The layer of one channel that delays by so many samples, fewer than its length."""
    start: Any = dlr_init(length, step=DECAY)
    turns = np.arange(length) * delay % length / length  # whole turns away, exactly
    C = np.exp(delay * DECAY / 2 - 2j * np.pi * turns) / length
    return start._replace(C=C)


def measure(length: int, delay: int, precision: str) -> dict[str, Any]:
    """The largest error of the kernel and of a signal, normal over its largest modulus."""
    form = shifting(length, delay)
    if precision == "single":
        form = move(form, "numpy", dtype="float32")
    k = np.asarray(kernel(form, length))
    exact = np.zeros(length)
    exact[delay] = 1.0
    u = noise(np.random.default_rng(0), 1, length)[0].astype(k.dtype)
    y = np.asarray(convolve(u, k))
    wanted = late(u.astype(float), delay)
    return {
        "kernel": float(np.abs(k - exact).max()),
        "signal": float(np.abs(y - wanted).max()),
        "unexplained": float(np.mean((y - wanted) ** 2) / wanted.var()),
        "profile": np.abs(k).reshape(BLOCKS, -1).max(axis=1).tolist(),
    }


def points(options: Options) -> list[Point]:
    """Every length in both precisions."""
    return [
        {"length": length, "delay": length - length // 8, "precision": precision}
        for length in LENGTHS[options.form]
        for precision in ("double", "single")
    ]


def report(found: list[Record]) -> None:
    """The errors by length."""
    heads = ("N = L", "delay", "precision", "kernel", "signal", "1 - R^2", "CPU s")
    rows = []
    for one in found:
        told = one["result"]
        errors = [f"{told[name]:.1e}" for name in ("kernel", "signal", "unexplained")]
        rows.append([*one["point"].values(), *errors, one["seconds"]])
    table(heads, rows)


def picture(found: list[Record], path: Path) -> None:
    """The largest samples of kernels in each of 64 parts."""
    figure, axes = pictures.panels(1, 1, (6, 3))
    place = (np.arange(BLOCKS) + 0.5) / BLOCKS
    for one in found:
        said = one["point"]
        style = "-" if said["precision"] == "double" else "--"
        label = f"L = {said['length']}, {said['precision']}"
        axes.semilogy(place, one["result"]["profile"], style, linewidth=1.2, label=label)
    pictures.dress(axes, title="kernels that delay by 7/8 L: size", xlabel="age / L")
    axes.legend(frameon=False, fontsize=7, ncols=2, loc="center left", bbox_to_anchor=(0, 0.5))
    pictures.save(figure, path)


if __name__ == "__main__":
    records.study(STUDY, records.command(__doc__, STUDY), points, measure, report, picture)
