r"""Perturb, then diagonalize: A + E = V diag(Lambda) V^{-1} with a small E and a moderate kappa(V).

HiPPO matrices are so far from normal that diagonalizing them as they are is ill-posed (kappa(V) ~ 5.8^N for `legs`). A small
perturbation makes it well-posed; how good a perturbation is shows in three numbers, and each `Diagonalization` carries them:
the condition number kappa(V), the backward error |E|/|A|, and the transfer error, the largest deviation over all frequencies of
the state x^(iw) from that of the unperturbed system. `PERTURBATIONS` lists the methods.
"""

from collections.abc import Callable

from .diagonalization import Diagonalization as Diagonalization
from .diagonalization import Factors as Factors
from .lossless import Lossless as Lossless
from .lossless import lossless as lossless

PERTURBATIONS: dict[str, Callable[..., Diagonalization]] = {"lossless": lossless}
