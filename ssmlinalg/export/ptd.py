r"""The .mat file of AnnanYu/Approximate_Diagonal, read by its S4-PTD and S5-PTD.

It holds A + E = V diag(Lam) V^{-1}:

======  =========  ===========  ===================================================================
name    shape      type         holds
======  =========  ===========  ===================================================================
Lam     (N, N)     complex128   diag(Lambda)
V       (N, N)     complex128   unit eigenvectors, one a column
Vinv    (N, N)     complex128   V^{-1} + (B - V^{-1} b) b^T/|b|^2, so that Vinv b = B
======  =========  ===========  ===================================================================

Write with `scipy.io.savemat(path, arrays)`; `export.save` cannot, for safetensors has no
complex128. Both loaders take the same sign: S4-PTD turns Lam to -Lam and back. S5-PTD draws B (N,
M) and C (M, N) in the coordinates of A and computes, beside its direct path,

.. math::  y = \operatorname{Re} \left( C\, V e^{t \Lambda}\, V_{inv} B \right) * u .

S4-PTD solves V x = b with b_n = sqrt(2 n + 1) and never reads Vinv. A perturbation with an input of
its own, such as (1 - tau/2) b of `perturb.lossless`, has no place in the file but Vinv; inputs
orthogonal to b are as they were. Without such an input Vinv is the inverse of V. Published files
have real arrays as well, and Lam as a column (N, 1), which is read as the diagonal that is meant.
`back` is the map from all N inputs to all N coefficients, `forms.MIMO` of every mode, with B =
Vinv/2, C = V, D = 0 and step 1. A ptb.mat, which holds E alone, is read as the file of A + E where
layers are looked for. Accuracy: float64 as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..forms import MIMO, check
from ..ground.backend import Array
from ..perturb import Diagonalization, Lossless
from ..perturb.diagonalization import split
from .channels import on_host
from .layout import Layout, Target, expect, read, stored
from .published import FIXED

LAYOUT: Layout = dict.fromkeys(("Lam", "V", "Vinv"), ("z", ("N", "N")))
TAKES = (Diagonalization, Lossless, MIMO)
TRAINING = dict.fromkeys(LAYOUT, FIXED)  # the loaders start from these; none is a parameter


def to(form: Diagonalization | MIMO) -> dict[str, np.ndarray]:
    """The arrays of the file, for a diagonalized perturbation or the form that `back` gives.

    Args:
        form: a diagonalization of order N, or a `MIMO` form with N inputs and outputs.

    Returns:
        The arrays of the table above, complex128.

    Raises:
        TypeError: for other things.
        ValueError: for a diagonalization with more modes than states, whose V is not square; for a
            `MIMO` form with other numbers of inputs or outputs than modes, with a D other than 0 or
            steps other than 1.

    Example:
        >>> from ssmlinalg import hippo, perturb
        >>> found = perturb.lossless(hippo.legs(8), conditioning=8)
        >>> bool(abs(to(found)["Vinv"] @ hippo.legs(8).B - found.B).max() < 1e-13)
        True
    """
    expect(form, TAKES, "ptd-mat", "Diagonalize with a method of perturb.")
    if isinstance(form, MIMO):
        return _square(form)
    if form.wide:
        rule = "`form` must have as many modes as states, for the loaders take square matrices"
        got = f"{len(form.Lambda)} modes of {form.order} states"
        raise ValueError(f"{rule}; got {got}. Leave `modes` out, or export the model it reads.")
    V = np.asarray(form.V)
    Vinv = np.asarray(form.V_inv)
    _, b = split(form.system)
    if b is not None:
        Vinv = Vinv + np.outer(form.B - Vinv @ b, b.conj()) / np.vdot(b, b).real
    return stored({"Lam": np.diag(form.Lambda), "V": V, "Vinv": Vinv}, LAYOUT)


def back(arrays: Mapping[str, Array]) -> MIMO:
    """The map from all N inputs to all N coefficients: y = Re C x with A = Lam, B = Vinv and C = V.

    Args:
        arrays: those of the table above, of any library.

    Returns:
        The form in complex128.

    Raises:
        TypeError: for what is no dense array.
        ValueError: for other names, types or shapes, for values that are not finite, and for a Lam
            that is not diagonal.

    Example:
        >>> from ssmlinalg import hippo, perturb
        >>> back(to(perturb.lossless(hippo.legs(8), conditioning=8))).B.shape
        (8, 8)
    """
    Lam, V, Vinv = read({name: _whole(array) for name, array in arrays.items()}, LAYOUT).values()
    A = np.diagonal(Lam)
    elsewhere = float(np.max(np.abs(Lam - np.diag(A))))
    if elsewhere:
        got = f"an entry of size {elsewhere:g} elsewhere"
        raise ValueError(f"`Lam` must be diagonal; got {got}. Diagonalize it.")
    return check(MIMO(A, Vinv / 2, V, np.zeros(V.shape), np.ones(len(A))))


def _whole(array: Any) -> Any:
    """A complex matrix where a file has real numbers, or a column of eigenvalues."""
    if isinstance(array, np.ndarray) and array.dtype.kind in "fc":
        column = array.ndim == 2 and array.shape[-1] == 1 < array.shape[0]
        return (np.diag(array[:, 0]) if column else array).astype(np.complex128)
    return array


def _square(form: MIMO) -> dict[str, np.ndarray]:
    A, B, C, D, step = on_host(form)
    N = A.shape[-1]
    if not (A.ndim == step.ndim == 1 and B.shape == C.shape == D.shape == (N, N)):
        rule = f"`form` must have as many inputs and outputs as modes, {N}"
        got = f"B of shape {B.shape}, C of {C.shape}"
        raise ValueError(f"{rule}; got {got}. Diagonalize with perturb.")
    if np.any(D) or np.any(step != 1):
        rule = "`form` must have D = 0 and the step 1, for the file holds neither"
        got = f"D up to {np.max(np.abs(D)):g} and steps from {np.min(step):g} to {np.max(step):g}"
        raise ValueError(f"{rule}; got {got}. Set them so.")
    return stored({"Lam": np.diag(A), "V": C, "Vinv": 2 * B}, LAYOUT)


TARGET = Target(
    about="the .mat file of AnnanYu/Approximate_Diagonal",
    to=to,
    back=back,
    layout=LAYOUT,
    takes=TAKES,
    rule="zoh",
    training=TRAINING,
    moved="the input of the method, such as (1 - tau/2) b, into Vinv",
)
