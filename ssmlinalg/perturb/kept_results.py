"""Results of `optimal` for LegS that are kept with the package, in optimal.safetensors.

A result is named "order/budget/field", with fields Lambda, R and B, see `packed`. They are made by
benchmarks/optimal.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from ..ground.backend import Array
from ..hippo import legs
from .modal_coordinates import ModalSystem, real_columns

KEPT = files("ssmlinalg.perturb") / "optimal.safetensors"


def kept() -> set[tuple[int, float]]:
    """The orders and budgets for which `optimal` of `legs` is kept with the package.

    Returns:
        Pairs (order, budget).

    Raises:
        OSError: if the file of results is missing or damaged.

    Example:
        >>> (64, 8.0) in kept()
        True
    """
    with _opened() as file:
        names = [name.split("/") for name in file.keys()]  # noqa: SIM118 (no mapping)
    return {(int(order), float(budget)) for order, budget, _ in names}


def recalled(A: Array, B: Array, budget: float) -> ModalSystem | None:
    """The result kept for A (N, N), B (N,) and a budget of kappa(V), if there is one."""
    order = len(B)
    if (order, budget) not in kept():
        return None
    exact = legs(order)
    same = np.all(exact.A == A) and np.all(exact.B == B)
    if not same:
        return None
    with _opened() as file:
        name = f"{order}/{budget:g}"
        return unpacked(
            {field: file.get_tensor(f"{name}/{field}") for field in ("Lambda", "R", "B")}
        )


@contextmanager
def _opened() -> Iterator[Any]:
    try:
        with as_file(KEPT) as path, safe_open(path, "np") as file:
            yield file
    except (OSError, SafetensorError) as error:
        rule = f"the results kept in {KEPT.name} must be readable"
        raise OSError(f"{rule}; got {error}. Install ssmlinalg again.") from error


def packed(found: ModalSystem) -> dict[str, np.ndarray]:
    """A system by real arrays: upper and real eigenvalues, their B, and V in real coordinates.

    Args:
        found: a system in canonical order, with a real input.

    Returns:
        "Lambda" (2n,) real and imaginary parts in turn, "R" (N, N), "B" (n,).

    Example:
        >>> one = ModalSystem(np.array([-1.0 + 0j]), np.ones((1, 1)) + 0j, np.ones(1) + 0j)
        >>> unpacked(packed(one)).Lambda
        array([-1.+0.j])
    """
    pairs = int(np.count_nonzero(found.Lambda.imag > 0))
    half = np.r_[:pairs, 2 * pairs : len(found.Lambda)]
    Lambda = found.Lambda[half].copy()
    return {
        "Lambda": Lambda.view(np.float64),
        "R": real_columns(found.V, pairs),
        "B": found.B[half].real.copy(),
    }


def unpacked(fields: dict[str, np.ndarray]) -> ModalSystem:
    """The system that `packed` has made arrays of.

    Args:
        fields: "Lambda", "R" and "B".

    Returns:
        The system in canonical order.

    Example:
        >>> unpacked({"Lambda": np.array([-1.0, 2.0]), "R": np.eye(2), "B": np.ones(1)}).Lambda
        array([-1.+2.j, -1.-2.j])
    """
    half = fields["Lambda"].view(np.complex128)
    R = fields["R"]
    B = fields["B"]
    pairs = len(R) - len(half)
    up = half[:pairs]
    real, imaginary, alone = np.split(R, [pairs, 2 * pairs], axis=-1)
    upper = real + 1j * imaginary
    return ModalSystem(
        Lambda=np.concatenate([up, up.conj(), half[pairs:]]),
        V=np.concatenate([upper, upper.conj(), alone], axis=-1),
        B=np.concatenate([B[:pairs], B]) + 0j,
    )
