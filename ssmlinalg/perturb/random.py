r"""Random perturbations: what is almost surely diagonalizable, and how well conditioned it is with
good probability.
"""

from __future__ import annotations

import math

import numpy as np

from ..forms import NPLR, Dense
from ..ground import require
from ..ground.backend import Array
from .diagonalization import Diagonalization, diagonalized, split


def gaussian(
    system: NPLR | Dense | Array, *, size: float = 1e-2, tries: int = 1, seed: int = 0
) -> Diagonalization:
    r"""A Gaussian perturbation of the size asked for, of any square matrix A (N, N): the best of
    `tries`.

    .. math::  E = \text{size}\; |A|_2\, \frac{G}{|G|_2}, \qquad G_{jk} \sim \mathcal N(0, 1) \text{ independently}

    (size G/|G|_2 where A = 0), G complex where A is. So |E|_2/|A|_2 is `size` exactly, E is real
    for a real A, and the spectrum of A + E closed under conjugation. The best is the one of
    smallest kappa_2(V) among those that keep a stable A stable, among all if none does: a random E
    knows nothing of stability, so look at `abscissa`. Draws depend on `seed` only.

    `facts`: `size`; `existence_bound` = 4 N^{3/2} (1 + 1/size), which kappa_2(V) is proved not to
    exceed for *some* complex E of at most this size, where size < 1 (inf beyond). It is no bound
    for the E drawn. For a real Gaussian E, kappa_2(V) is known to be of the order N^3/size^{3/2}
    with high probability: an order of growth, for which no number is reported.

    Raises TypeError or ValueError for what is no finite square matrix, `size` <= 0, `tries` < 1,
    and when A + E is not diagonalizable in double precision. Cost O(N^3) for each try.

    Sources: Davies 2007 (SIAM J. Matrix Anal. Appl. 29); Banks, Kulkarni, Mukherjee & Srivastava
    2021 (arXiv 1906.11819), Theorem 1.1; Banks, Garza-Vargas, Kulkarni & Srivastava 2020 (arXiv
    2005.08930) for real E.

    >>> d = gaussian(np.eye(32, k=1), size=0.1)
    >>> round(d.backward_error, 6), d.condition < d.facts["existence_bound"]
    (0.1, True)
    """
    return _best("gaussian", system, size, tries, seed, whole=False)


def complex_gaussian(
    system: NPLR | Dense | Array, *, size: float = 1e-2, tries: int = 1, seed: int = 0
) -> Diagonalization:
    r"""The same with a complex Ginibre matrix, for a real A as well: what the theorem of Banks et
    al. is about.

    .. math::  E = \text{size}\; |A|_2\, \frac{G}{|G|_2}, \qquad
               \mathrm{Re}\, G_{jk},\ \mathrm{Im}\, G_{jk} \sim \mathcal N(0, 1) \text{ independently.}

    The spectrum of a real A + E is not closed under conjugation, so no real model comes of it.
    Everything else is as for `gaussian`.

    Source: Banks, Kulkarni, Mukherjee & Srivastava 2021 (arXiv 1906.11819), Theorem 1.1.

    >>> d = complex_gaussian(np.eye(32, k=1), size=0.1)
    >>> round(d.backward_error, 6), np.iscomplexobj(d.E)
    (0.1, True)
    """
    return _best("complex_gaussian", system, size, tries, seed, whole=True)


def draw(rng: np.random.Generator, shape: tuple[int, ...], *, whole: bool) -> Array:
    """Independent standard normal entries, complex ones if `whole`."""
    G = rng.standard_normal(shape)
    return G + 1j * rng.standard_normal(shape) if whole else G


def _best(
    method: str, system: NPLR | Dense | Array, size: float, tries: int, seed: int, *, whole: bool
) -> Diagonalization:
    A, _ = split(system)
    size, tries = require.real("size", size, above=0), require.integer("tries", tries)
    rng = np.random.default_rng(require.integer("seed", seed, least=0))
    unit = float(np.linalg.norm(A, 2)) or 1.0
    stable = np.real(np.linalg.eigvals(A)).max() < 0

    def drawn() -> Array:
        G = draw(rng, A.shape, whole=whole or np.iscomplexobj(A))
        return size * unit * (G / np.linalg.norm(G, 2))

    def defects(E: Array) -> tuple[bool, float]:
        Lambda, V = np.linalg.eig(A + E)
        return bool(stable and np.real(Lambda).max() >= 0), float(np.linalg.cond(V))

    E = drawn() if tries == 1 else min((drawn() for _ in range(tries)), key=defects)
    existence = 4 * len(A) ** 1.5 * (1 + 1 / size) if size < 1 else math.inf
    return diagonalized(
        system, E, method=method, facts={"size": size, "existence_bound": existence}
    )
