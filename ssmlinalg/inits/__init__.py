r"""The named initializations: with which A, B, C and step each published model starts.

Every function takes (order, *, channels=None, step=(low, high), seed=0) and returns a form on the
host in float64. These facts hold for all of them:

========  ======================================================================================
order     N, the order of the state. A half spectrum stores N/2 modes, (N+1)/2 at odd orders, where
          one mode is real. Real and one-sided spectra (s4d-real, mamba, dss, dlr, ...) store N;
          the page of conventions has them all.
          ptd and s5-ptd take `modes`, M > N modes of a state of order N, and store M/2.
channels  H gives every field a leading axis H; None gives none. Models with several inputs take it
          for their width.
step      a number, or an interval from which each channel draws log-uniformly, in the time of the
          measure. The steps have a stream of their own, so that no change of C moves them.
seed      of C and the steps, see the page of conventions. A and B are the same for every seed, but
          for s4d-rand, s4d-rndimag, dlr, lru, s5, s5-ptd, mamba2, rg-lru, linoss, d-linoss, by
          their decays s4d-dfout, s4d-dfout-half and s4d-token, and by their steps dss-softmax and
          dss-no-scale.
C         normal with E|C|^2 = 1, in the coordinates it is drawn in, unless said.
stable    no mode grows: what does is refused, with the remedy. ptd and s5-ptd take it if
          `unstable` says so.
D         zero where the published layer adds a skip connection of its own.
========  ======================================================================================

`INITS` lists them all. Where reference code departs from its paper, it has a name of its own
(`s4d_legs_clipped_init`), and is never the default. `built` returns a model with its certificate.
`scale_frequencies`, `normalized` and `combine` change models, of any library.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from .. import perturb
from ..forms import Continuous, Discrete
from ..ground import require
from . import hippo_models
from .dss_models import dlr_init, dss_init, dss_no_scale_init, dss_softmax_init
from .fourier_grids import (
    s4d_dfout_half_init,
    s4d_dfout_init,
    s4d_rndimag_init,
    s4d_token_init,
)
from .gated_models import mamba2_init, rg_lru_init
from .hippo_models import perturbed, ptd_init, reading, s4_init
from .memory_door import in_memory
from .mimo_models import lru_init, s5_init, s5_ptd_init
from .oscillators import d_linoss_init, linoss_init
from .random_parameters import STEP, Step
from .s4d_models import (
    mamba_init,
    s4d_inv2_init,
    s4d_inv_init,
    s4d_legs_clipped_init,
    s4d_legs_init,
    s4d_lin_init,
    s4d_quad_init,
    s4d_rand_init,
    s4d_real_init,
)
from .transforms import combine, normalized, scale_frequencies

__all__ = [
    "INITS",
    "STEP",
    "Built",
    "Step",
    "built",
    "certified",
    "combine",
    "d_linoss_init",
    "dlr_init",
    "dss_init",
    "dss_no_scale_init",
    "dss_softmax_init",
    "linoss_init",
    "lru_init",
    "mamba2_init",
    "mamba_init",
    "normalized",
    "options",
    "perturbed",
    "ptd_init",
    "reading",
    "rg_lru_init",
    "s4_init",
    "s4d_dfout_half_init",
    "s4d_dfout_init",
    "s4d_inv2_init",
    "s4d_inv_init",
    "s4d_legs_clipped_init",
    "s4d_legs_init",
    "s4d_lin_init",
    "s4d_quad_init",
    "s4d_rand_init",
    "s4d_real_init",
    "s4d_rndimag_init",
    "s4d_token_init",
    "s5_init",
    "s5_ptd_init",
    "scale_frequencies",
]


def __dir__() -> list[str]:
    return __all__


INITS: dict[str, Callable[..., Continuous | Discrete]] = {
    "ptd": ptd_init,
    "s4d-lin": s4d_lin_init,
    "s4d-inv": s4d_inv_init,
    "s4d-inv2": s4d_inv2_init,
    "s4d-quad": s4d_quad_init,
    "s4d-rand": s4d_rand_init,
    "s4d-real": s4d_real_init,
    "s4d-legs": s4d_legs_init,
    "s4d-legs-clipped": s4d_legs_clipped_init,
    "s4d-dfout": s4d_dfout_init,
    "s4d-dfout-half": s4d_dfout_half_init,
    "s4d-token": s4d_token_init,
    "s4d-rndimag": s4d_rndimag_init,
    "s4": s4_init,
    "dss": dss_init,
    "dss-softmax": dss_softmax_init,
    "dss-no-scale": dss_no_scale_init,
    "dlr": dlr_init,
    "lru": lru_init,
    "s5": s5_init,
    "s5-ptd": s5_ptd_init,
    "mamba": mamba_init,
    "mamba2": mamba2_init,
    "rg-lru": rg_lru_init,
    "linoss": linoss_init,
    "d-linoss": d_linoss_init,
}


class Built(NamedTuple):
    """An initialization as it was built.

    Attributes:
        form: the model, as the function of that name returns it.
        certificate: the diagonalization whose state the model reads; None for a model without one.
        figures: the figures of the certificate by name; empty without one.
    """

    form: Any
    certificate: perturb.Diagonalization | None
    figures: Mapping[str, Any]


# Initializations that read the state of one diagonalization: how to make it, how to read it.
_CERTIFIED: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {"ptd": (perturbed, reading)}


def options(name: str) -> tuple[str, ...]:
    """The options that an initialization takes, `order` first.

    Args:
        name: one of `INITS`.

    Returns:
        Their names, in the order of the function.

    Raises:
        ValueError: for an unknown name.

    Example:
        >>> options("s5")
        ('order', 'channels', 'blocks', 'step', 'seed')
    """
    make = INITS[require.known("name", name, INITS)]
    return tuple(inspect.signature(make).parameters)


def certified(name: str) -> bool:
    """Whether `built` returns a certificate for an initialization.

    Args:
        name: one of `INITS`.

    Returns:
        True where the model reads the state of one perturbed system.

    Raises:
        ValueError: for an unknown name.

    Example:
        >>> certified("ptd"), certified("s4")
        (True, False)
    """
    return require.known("name", name, INITS) in _CERTIFIED


def built(
    name: str, order: int, *, progress: Callable[..., object] | None = None, **given: Any
) -> Built:
    """An initialization with its certificate; the perturbation is computed once.

    Args:
        name: one of `INITS`.
        order: order N of the state.
        progress: called as the perturbation says, where there is one that takes long.
        **given: options that the initialization takes, see `options`.

    Returns:
        The model, and for "ptd" the diagonalization that it reads, with its figures.

    Raises:
        TypeError: for an option that the initialization does not take; what it raises.
        ValueError: for an unknown name; what the initialization raises.

    Example:
        >>> found = built("ptd", 8, conditioning=4.0)
        >>> found.form.A.shape, found.figures["condition"] <= 4
        ((4,), True)
        >>> built("s4d-lin", 8).certificate is None
        True
    """
    require.progress(progress)
    takes = options(name)
    for option in given:
        if option not in takes:
            rule = f"{name} must be given options it has"
            raise TypeError(f"{rule}; got {option}. It takes {', '.join(takes)}.")
    if name not in _CERTIFIED:
        return Built(INITS[name](order, **given), None, {})
    return _with_certificate(order, name=name, progress=progress, **given)


@in_memory
def _with_certificate(
    order: int, *, name: str, progress: Callable[..., object] | None, **given: Any
) -> Built:
    certify, read = _CERTIFIED[name]
    found = certify(order, progress=progress, **hippo_models.accepted(certify, given))
    return Built(read(found, **hippo_models.accepted(read, given)), found, found.figures())
