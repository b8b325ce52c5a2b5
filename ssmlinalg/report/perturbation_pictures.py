"""Pictures of a perturbation, as plotly figures for pages and notebooks."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from .. import decompose, forms, perturb
from ..ground import require
from ..matrices import shifted
from .axes import capped, curve, empty, frequencies, log_axes
from .colours import HIPPO, PTD, S4D
from .complex_plane import Points, plane

_FREQUENCY = "ω  (rad / unit time)"
_SHOWN = 1e-5  # of the largest deviation: those below do not stretch the axis


class Curves(NamedTuple):
    """Sizes of states over S frequencies, each (S,).

    Attributes:
        w: frequencies, rising and positive.
        hippo: |x(iw)| of HiPPO.
        s4d: |x(iw)| of S4D, the normal part with half the input.
        ptd: |x(iw)| of the perturbed system.
        s4d_error: |x~ - x^| of S4D.
        ptd_error: |x~ - x^| of the perturbed system.
    """

    w: np.ndarray
    hippo: np.ndarray
    s4d: np.ndarray
    ptd: np.ndarray
    s4d_error: np.ndarray
    ptd_error: np.ndarray


def curves(found: perturb.Diagonalization) -> Curves:
    """The size of the state of HiPPO, of S4D and of a perturbed system over frequency.

    The frequencies lie where poles make the states vary.

    Args:
        found: the diagonalization of a perturbed `NPLR` system.

    Returns:
        The `Curves`. Frequencies closer to a pole than 1e-12 of the largest are left out, so every
        value is finite.

    Raises:
        TypeError: for the diagonalization of a system that is no `NPLR`.

    Accuracy:
        HiPPO by its Schur form, backward stable however ill-conditioned its eigenvectors; the
        others by partial fractions.

    Cost:
        O(N^2 S), S about 800 + 15 N.

    Example:
        >>> from ssmlinalg import hippo
        >>> seen = curves(perturb.lossless(hippo.legs(64)))
        >>> bool(np.allclose(seen.hippo, 64 / np.hypot(seen.w, 64)))
        True
    """
    nplr = nplr_of(found)
    normal = decompose.eigenbasis(nplr)
    T, Q = shifted.triangular(nplr.A)
    w = frequencies(np.diag(T), normal.Lambda, found.Lambda)
    s = 1j * w
    driven = np.repeat((Q.conj().T @ nplr.B)[:, None], len(w), axis=1)
    hippo = Q @ shifted.solve(T, driven, s)
    half = normal.V.conj().T @ nplr.B / 2
    s4d = normal.V @ (half / (s[:, None] - normal.Lambda)).T
    ptd = found.V @ (found.B / (s[:, None] - found.Lambda)).T
    return Curves(
        w=w,
        hippo=np.linalg.norm(hippo, axis=0),
        s4d=np.linalg.norm(s4d, axis=0),
        ptd=np.linalg.norm(ptd, axis=0),
        s4d_error=np.linalg.norm(s4d - hippo, axis=0),
        ptd_error=np.linalg.norm(ptd - hippo, axis=0),
    )


def spectrum(found: perturb.Diagonalization) -> go.Figure:
    """The eigenvalues of HiPPO, of S4D and of a perturbed system, both axes in asinh scale.

    Args:
        found: the diagonalization of a perturbed `NPLR` system.

    Returns:
        A plotly figure.

    Raises:
        TypeError: for the diagonalization of a system that is no `NPLR`.

    Example:
        >>> from ssmlinalg import hippo
        >>> [trace.name for trace in spectrum(perturb.lossless(hippo.legs(4))).data]
        ['HiPPO', 'S4D', 'PTD']
    """
    nplr = nplr_of(found)
    hippo = np.diag(shifted.triangular(nplr.A)[0])
    normal = decompose.eigenbasis(nplr).Lambda
    return plane(
        Points("HiPPO", hippo, {"color": HIPPO, "size": 10}),
        Points("S4D", normal, {"color": S4D, "size": 7, "symbol": "diamond"}),
        Points("PTD", found.Lambda, {"color": PTD, "size": 7}),
    )


def response(shown: Curves) -> go.Figure:
    """|x(iw)| of HiPPO, of S4D and of a perturbed system over w; both axes logarithmic.

    Args:
        shown: what `curves` returns.

    Returns:
        A plotly figure.

    Raises:
        TypeError: for what is no `Curves`.

    Example:
        >>> from ssmlinalg import hippo
        >>> len(response(curves(perturb.lossless(hippo.legs(4)))).data)
        3
    """
    require.instance("shown", shown, Curves, "Take it from report.curves.")
    figure = empty(_FREQUENCY, "|x(iω)|")
    sizes = [shown.hippo, shown.ptd, capped(shown.s4d, shown.hippo)]
    log_axes(figure, shown.w, np.concatenate(sizes))
    curve(figure, "HiPPO", shown.w, shown.hippo, {"color": HIPPO, "width": 6})
    curve(figure, "S4D", shown.w, shown.s4d, {"color": S4D, "width": 1.5})
    curve(figure, "PTD", shown.w, shown.ptd, {"color": PTD, "width": 2})
    return figure


def deviation(shown: Curves, bound: float = math.inf) -> go.Figure:
    """|x~(iw) - x^(iw)| of S4D and of a perturbed system over w; both axes logarithmic.

    Args:
        shown: what `curves` returns.
        bound: the bound that is proved for the perturbed system, drawn if it is finite.

    Returns:
        A plotly figure.

    Raises:
        TypeError: for what is no `Curves`, and a bound that is no number.

    Example:
        >>> from ssmlinalg import hippo
        >>> found = perturb.lossless(hippo.legs(4))
        >>> [trace.name for trace in deviation(curves(found), found.transfer_bound).data]
        ['S4D', 'PTD', 'bound']
    """
    require.instance("shown", shown, Curves, "Take it from report.curves.")
    if not (isinstance(bound, float) and bound == math.inf):
        bound = require.real("bound", bound, above=0)
    figure = empty(_FREQUENCY, "|x̃(iω) − x̂(iω)|")
    sizes = np.concatenate([shown.ptd_error, capped(shown.s4d_error, shown.hippo)])
    log_axes(figure, shown.w, sizes[sizes >= _SHOWN * sizes.max()])
    curve(figure, "S4D", shown.w, shown.s4d_error, {"color": S4D, "width": 1.5})
    curve(figure, "PTD", shown.w, shown.ptd_error, {"color": PTD, "width": 2})
    if math.isfinite(bound):
        line = {"color": PTD, "width": 2, "dash": "dash"}
        curve(figure, "bound", shown.w[[0, -1]], np.full(2, bound), line)
    return figure


def nplr_of(found: perturb.Diagonalization) -> forms.NPLR:
    """The system that was perturbed, A written out; TypeError if it is no `NPLR`."""
    require.instance("found", found, perturb.Diagonalization, "Take it from ssmlinalg.perturb.")
    if not isinstance(found.system, forms.NPLR):
        rule = "a report must be drawn of a perturbed NPLR system"
        got = type(found.system).__name__
        raise TypeError(f"{rule}; got {got}. Perturb what ssmlinalg.hippo returns.")
    return found.system._replace(A=np.asarray(found.system.A))
