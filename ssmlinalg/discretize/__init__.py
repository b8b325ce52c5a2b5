r"""Discretization: x' = A x + B u becomes x_l = A_d x_{l-1} + B_d u_l, sample l held over (l-1, l].

A rule is a function from a continuous form to the discrete one that its kind is sampled to. With
z = step A it is a pair of functions, A_d = f(z) and B_d = step g(z) B. `RULES` names them, and
`SCHEMES` holds their arithmetic. The order is the power of the step with which the state at a fixed
time converges, for an input held constant over each step (for `foh`: linear).

==========  ==========================  ===============  =====  ==============================
rule        f(z)                        g(z)             order  stable for all Re z < 0
==========  ==========================  ===============  =====  ==============================
zoh         e^z                         (e^z - 1)/z      exact  yes
foh         e^z                         two taps         exact  yes
bilinear    (1 + z/2)/(1 - z/2)         1/(1 - z/2)      2      yes; a contraction when A is
                                                                dissipative
gbt(alpha)  (1 + (1-alpha)z)/(1-az)     1/(1 - alpha z)  1      alpha >= 1/2
forward     1 + z                       1                1      only |1 + z| < 1
backward    1/(1 - z)                   1/(1 - z)        1      yes
impulse     e^z                         1                1      yes; K_l = step K(l step), the
                                                                sampled impulse response
mamba       e^z                         1                1      yes; the same as `impulse`
==========  ==========================  ===============  =====  ==============================

lambda = 0 is legal everywhere: nothing divides by A.
"""

from __future__ import annotations

from .continuous_time import continuous
from .exponential_integrators import modulo_turns, phi1, phi2
from .rules import (
    RULES,
    Rule,
    backward,
    bilinear,
    discretize,
    foh,
    forward,
    gbt,
    impulse,
    low_rank,
    sampled,
    sampled_with_base,
    zoh,
)
from .schemes import SCHEMES, Samples, Scheme

__all__ = [
    "RULES",
    "SCHEMES",
    "Rule",
    "Samples",
    "Scheme",
    "backward",
    "bilinear",
    "continuous",
    "discretize",
    "foh",
    "forward",
    "gbt",
    "impulse",
    "low_rank",
    "modulo_turns",
    "phi1",
    "phi2",
    "sampled",
    "sampled_with_base",
    "zoh",
]


def __dir__() -> list[str]:
    return __all__
