"""Bare matrices (N, N): how well an eigenproblem is posed, how far from normal, how large over all
frequencies.

=============================  =======================================================================
question                       functions
=============================  =======================================================================
how exact are eigenvalues      `condeig`, `condition`, `proved_abscissa`
how far from normal            `departure`, `numerical_abscissa`, `numerical_range`, `pseudospectrum`,
                               `window`
what that does in time         `pseudospectral_abscissa`, `kreiss`, `transient_growth`
how large, how far apart       `hinf`, `hinf_distance`
=============================  =======================================================================
"""

from ..ground.bounds import Bounds
from .eigen import (
    Condeig,
    Enclosure,
    condeig,
    condition,
    condition_numbers,
    discs,
    enclose,
    proved_abscissa,
    scaled_condition,
)
from .growth import kreiss, pseudospectral_abscissa, transient_growth
from .h_infinity import hinf, hinf_distance
from .nonnormality import Departure, NumericalRange, departure, numerical_abscissa, numerical_range
from .pseudospectra import pseudospectrum, window

__all__ = [
    "Bounds",
    "Condeig",
    "Departure",
    "Enclosure",
    "NumericalRange",
    "condeig",
    "condition",
    "condition_numbers",
    "departure",
    "discs",
    "enclose",
    "hinf",
    "hinf_distance",
    "kreiss",
    "numerical_abscissa",
    "numerical_range",
    "proved_abscissa",
    "pseudospectral_abscissa",
    "pseudospectrum",
    "scaled_condition",
    "transient_growth",
    "window",
]
