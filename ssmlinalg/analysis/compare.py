"""Every initialization of one order side by side: conditioning, distance from HiPPO, stability."""

from __future__ import annotations

import inspect
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.special

from .. import _require, decompose, hippo, perturb
from .._array import Complex
from .._axis import supremum
from ..forms import DPLR, Diagonal, MIMORecurrence, Paired, Recurrence, pair
from ..inits import INITS, perturbed, s4d_legs_clipped_init
from .transfer import legs_state

_STEP = 1e-2


class Row(NamedTuple):
    """One initialization. NaN stands for "does not apply": the model approximates no HiPPO system in a basis of its own.

    `condition` kappa_2(V) of the eigenvectors; `backward_error` |E|_2/|A|_2; `transfer_error` the largest |x~(iw) - x^(iw)|
    over w, where the HiPPO-LegS state has |x^(iw)| <= 1; `abscissa` max Re and `fastest` max |Im| of the eigenvalues (of
    log A in discrete models); `modes` the number stored.
    """

    name: str
    condition: float
    backward_error: float
    transfer_error: float
    abscissa: float
    fastest: float
    modes: int


def compare(order: int, *, conditioning: float = 8.0, perturbations: Sequence[str] | None = None) -> list[Row]:
    """HiPPO-LegS as it is, then every entry of INITS at its defaults, at one order and step 0.01.

    `perturbations` names entries of `perturb.PERTURBATIONS` to add beside "lossless", each as "ptd-" and its name; None stands
    for those that take no search, among them "optimal" where a result is kept. Those that take a budget get `conditioning`, the
    others their default size. The transfer error is that of the whole state against the closed form of HiPPO-LegS (theory:
    x^_n is a product), not against anything the initialization was made from. Raises TypeError or ValueError for what is no
    order, for unknown names, and for a conditioning not above 1. Cost O(N^3) but for searches.

    >>> for row in compare(8)[:2]:
    ...     print(f"{row.name:10} {row.condition:8.4g} {row.transfer_error:6.2g}")
    hippo-legs 7.703e+04      0
    ptd           7.993  0.047
    """
    order = _require.integer("order", order)
    if perturbations is None:
        kept = ["optimal"] if (order, conditioning) in perturb.kept() else []
        perturbations = [*kept, "last_column", "gaussian"]
    for name in perturbations:
        _require.known("perturbations", name, perturb.PERTURBATIONS)
    legs = hippo.legs(order)
    ptd = perturb.lossless(legs, conditioning=conditioning)
    normal = perturb.lossless(legs, tau=1.0)
    clipped = _clipped_state(order)
    figures = {
        "ptd": (ptd.condition, ptd.backward_error, state_error(ptd.paired(np.eye(order)))),
        "s4d-legs": (normal.condition, normal.backward_error, state_error(normal.paired(np.eye(order)))),
        "s4d-legs-clipped": (normal.condition, normal.backward_error, state_error(clipped)),
        "s4": (1.0, 0.0, _s4_error(order)),
        "s5": (normal.condition, normal.backward_error, math.nan),
        "s5-ptd": (ptd.condition, ptd.backward_error, math.nan),
    }
    rows = [Row("hippo-legs", legs_condition(order), 0.0, 0.0, -1.0, 0.0, order)]
    for name, init in INITS.items():
        options = {"step": _STEP, "conditioning": conditioning}
        options = {option: value for option, value in options.items() if option in inspect.signature(init).parameters}
        form = init(order, **options)
        spectrum = _spectrum(form)
        figure = figures.get(name, (math.nan, math.nan, math.nan))
        rows.append(Row(name, *figure, float(spectrum.real.max()), float(np.abs(spectrum.imag).max()), form[0].shape[-1]))
        if name == "ptd":
            rows += [_perturbed_row(order, method, conditioning) for method in perturbations if method != "lossless"]
    return rows


def _perturbed_row(order: int, method: str, conditioning: float) -> Row:
    takes = inspect.signature(perturb.PERTURBATIONS[method]).parameters
    found = perturbed(order, perturbation=method, conditioning=conditioning if "conditioning" in takes else None)
    figures = found.condition, found.backward_error, found.transfer_error, found.abscissa
    modes = int(np.count_nonzero(found.Lambda.imag >= 0)) if not np.iscomplexobj(found.E) else order
    return Row(f"ptd-{method}", *figures, float(np.abs(found.Lambda.imag).max()), modes)


def state_error(form: Paired) -> float:
    """The largest |x~(iw) - x^(iw)| over w, where the N channels of `form` are to read the state of HiPPO-LegS of order N.

    >>> from ssmlinalg import perturb
    >>> round(state_error(perturb.lossless(hippo.legs(64), tau=0.2).paired(np.eye(64))), 4)
    0.0603
    """
    order = form.C.shape[0]
    A, B = form.A[0], form.B[0]

    def deviation(w: np.ndarray) -> np.ndarray:
        s = 1j * w
        state = form.C @ (B[:, None] / (s - A[:, None])) + form.C.conj() @ (B.conj()[:, None] / (s - A.conj()[:, None]))
        return np.linalg.norm(state - legs_state(order, s), axis=0)

    return supremum(deviation, A)[0]


def legs_condition(order: int) -> float:
    r"""kappa_2 of the unit eigenvectors of HiPPO-LegS, from closed forms: ~ 5.8^N, inf beyond the range of doubles.

    Up to signs their Gram matrix is G_ij = r_i r_j/(i+j+1), a scaled Hilbert matrix, whose inverse is explicit; the largest
    eigenvalue of each is well conditioned, however ill G is.

    >>> round(legs_condition(8))
    77032
    """
    i, j = np.arange(order)[:, None], np.arange(order)
    root = np.sqrt(np.outer(2 * i + 1, 2 * j + 1))
    log = scipy.special.gammaln
    n = order
    # Hilbert's inverse: (i+j+1) C(n+i, n-j-1) C(n+j, n-i-1) C(i+j, i)^2, the alternating signs left out: they keep eigenvalues.
    size = (
        np.log((i + j + 1) / root)
        + log(n + i + 1) - log(n - j) - log(i + j + 2)
        + log(n + j + 1) - log(n - i) - log(i + j + 2)
        + 2 * (log(i + j + 1) - log(i + 1) - log(j + 1))
    )  # fmt: skip
    shift = float(size.max())
    inverse = np.linalg.eigvalsh(np.exp(size - shift))[-1]
    gram = np.linalg.eigvalsh(root / (i + j + 1))[-1]
    log_condition = (shift + math.log(inverse) + math.log(gram)) / 2
    return math.exp(log_condition) if log_condition < 709 else math.inf


def _clipped_state(order: int) -> Paired:
    Lambda, V, _, _ = decompose.eigenbasis(hippo.legs(order))
    V = V * np.exp(-1j * np.angle(V[0]))  # the phase that `s4d-legs-clipped` clips in
    half = pair(Diagonal(Lambda, np.ones(order) + 0j, V, np.zeros(order), np.asarray(1.0)))
    B = s4d_legs_clipped_init(order, step=_STEP).B
    return half._replace(B=np.broadcast_to(B, half.B.shape))


def _s4_error(order: int) -> float:
    legs = hippo.legs(order)
    Lambda, V, _, _ = decompose.eigenbasis(legs)
    adjoint = V.conj().T
    P, B = (adjoint @ legs.P)[:, 0], adjoint @ legs.B

    def deviation(w: np.ndarray) -> np.ndarray:
        R = 1 / (1j * w - Lambda[:, None])
        feedback = (P.conj() * B) @ R / (1 + np.abs(P) ** 2 @ R)
        return np.linalg.norm(V @ (R * (B[:, None] - P[:, None] * feedback)) - legs_state(order, 1j * w), axis=0)

    return supremum(deviation, Lambda)[0]


def _spectrum(form: Any) -> Complex:
    if isinstance(form, DPLR):  # similar to HiPPO-LegS, whose eigenvalues no eigensolver could find and everybody knows
        return -np.arange(1.0, form.Lambda.shape[-1] + 1) + 0j
    if isinstance(form, (Recurrence, MIMORecurrence)):
        return np.log(form.A)
    return form.A
