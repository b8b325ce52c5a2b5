"""Bare matrices (N, N): conditioning of eigenproblems, non-normality, growth, H-infinity norms.

===============================  ================================================================
question                         functions
===============================  ================================================================
how well posed are eigenvalues   `condeig`, `condition_numbers`, `condition`, `scaled_condition`
where are they, with proof       `discs`, `proved_abscissa`, `enclose`
how far from normal              `departure`, `numerical_abscissa`, `numerical_range`
where a perturbation moves them  `pseudospectrum`, `window`, `pseudospectral_abscissa`
how large before it decays       `kreiss`, `transient_growth`
how large, how far apart         `hinf`, `hinf_distance`; `proved_below`
all of a matrix at once          `profile`; `flow_norms`
of large sparse ones             `sparse_pseudospectrum`, `projected_pseudospectrum`,
                                 `sparse_condeig`
===============================  ================================================================

A matrix may be a NumPy array, an array of any other library on any device, or a nested list, of
integers or numbers of at most double precision; `ground.gate` makes all of them alike.
"""

from ..ground.bounds import Bounds
from .eigen import Condeig, condeig, condition, condition_numbers, scaled_condition
from .enclosures import Enclosure, discs, enclose, proved_abscissa, proved_below
from .growth import kreiss, transient_growth
from .h_infinity import hinf, hinf_distance
from .matrix_profile import EpsilonAbscissa, Profile, flow_norms, profile
from .nonnormality import Departure, NumericalRange, departure, numerical_abscissa, numerical_range
from .pseudospectra import Pseudospectrum, pseudospectral_abscissa, pseudospectrum, window
from .sparse_matrices import (
    SparseCondeig,
    projected_pseudospectrum,
    sparse_condeig,
    sparse_pseudospectrum,
)

__all__ = [
    "Bounds",
    "Condeig",
    "Departure",
    "Enclosure",
    "EpsilonAbscissa",
    "NumericalRange",
    "Profile",
    "Pseudospectrum",
    "SparseCondeig",
    "condeig",
    "condition",
    "condition_numbers",
    "departure",
    "discs",
    "enclose",
    "flow_norms",
    "hinf",
    "hinf_distance",
    "kreiss",
    "numerical_abscissa",
    "numerical_range",
    "profile",
    "projected_pseudospectrum",
    "proved_abscissa",
    "proved_below",
    "pseudospectral_abscissa",
    "pseudospectrum",
    "scaled_condition",
    "sparse_condeig",
    "sparse_pseudospectrum",
    "transient_growth",
    "window",
]


def __dir__() -> list[str]:
    return __all__
