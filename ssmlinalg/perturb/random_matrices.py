"""Random perturbations: A + E is almost surely diagonalizable, and rarely badly conditioned."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..ground import require
from ..ground.backend import Array
from ..ground.formats import EPS
from ..matrices.factorizations import eigenpairs
from .diagonalization import Diagonalization, System, diagonalized, split


def gaussian(
    system: System,
    *,
    size: float = 1e-2,
    tries: int = 1,
    seed: int = 0,
) -> Diagonalization:
    r"""A real Gaussian perturbation of a given relative size, of any square matrix.

    .. math::  E = \text{size}\; |A|_2\, \frac{G}{|G|_2}, \qquad
               G_{jk} \sim \mathcal N(0, 1) \text{ independently}

    (size G/|G|_2 where A = 0). G is complex where A is. So |E|_2/|A|_2 is `size` exactly, E is real
    for a real A, and the spectrum of A + E is then closed under conjugation.

    A random E knows nothing of stability, so look at `abscissa`. The best of the tries is the one
    of smallest kappa_2(V) among those that keep a stable A stable, among all if none does.

    Args:
        system: a form with A (N, N) and B (N,), or a square matrix.
        size: |E|_2/|A|_2.
        tries: how many E are drawn; the best is returned.
        seed: the draws depend on it only.

    Returns:
        The factors of A + E, with the facts "size" and "existence_bound" = 4 N^{3/2} (1 + 1/size).
        kappa_2(V) is proved not to exceed that bound for *some* complex E of at most this size,
        where size < 1 (inf beyond). It is no bound for the E drawn. For a real Gaussian E,
        kappa_2(V) is known to be of the order N^3/size^{3/2} with high probability: an order of
        growth, for which no number is reported.

    Raises:
        TypeError: for what is no form with one input and no matrix of numbers.
        ValueError: for what is no finite square matrix, `size` out of range, `tries` < 1, and when
            A + E is not diagonalizable in double precision.

    Cost:
        O(N^3) for each try.

    Source:
        Davies 2007 (SIAM J. Matrix Anal. Appl. 29).
        Banks, Kulkarni, Mukherjee & Srivastava 2021 (arXiv 1906.11819), Theorem 1.1.
        Banks, Garza-Vargas, Kulkarni & Srivastava 2020 (arXiv 2005.08930) for real E.

    Example:
        >>> d = gaussian(np.eye(32, k=1), size=0.1)
        >>> round(d.backward_error, 6), d.condition < d.facts["existence_bound"]
        (0.1, True)
    """
    return _best("gaussian", system, size, tries, seed, imaginary=False)


def complex_gaussian(
    system: System,
    *,
    size: float = 1e-2,
    tries: int = 1,
    seed: int = 0,
) -> Diagonalization:
    r"""A complex Gaussian perturbation of a given relative size, for a real matrix as well.

    .. math::  E = \text{size}\; |A|_2\, \frac{G}{|G|_2}, \qquad
               \mathrm{Re}\, G_{jk},\ \mathrm{Im}\, G_{jk} \sim \mathcal N(0, 1)
               \text{ independently.}

    G is a complex Ginibre matrix, the subject of the theorem of Banks et al. The spectrum of a real
    A + E is not closed under conjugation, so no real model comes of it. Everything else is as for
    `gaussian`.

    Args:
        system: a form with A (N, N) and B (N,), or a square matrix.
        size: |E|_2/|A|_2.
        tries: how many E are drawn; the best is returned.
        seed: the draws depend on it only.

    Returns:
        The factors of A + E, with the facts of `gaussian`.

    Raises:
        TypeError: what `gaussian` raises.
        ValueError: what `gaussian` raises.

    Source:
        Banks, Kulkarni, Mukherjee & Srivastava 2021 (arXiv 1906.11819), Theorem 1.1.

    Example:
        >>> d = complex_gaussian(np.eye(32, k=1), size=0.1)
        >>> round(d.backward_error, 6), np.iscomplexobj(d.E)
        (0.1, True)
    """
    return _best("complex_gaussian", system, size, tries, seed, imaginary=True)


def checked_size(size: float, A: Array) -> tuple[float, float]:
    """A relative size, once A + E is known to be finite and not E alone, and its unit.

    Args:
        size: |E|_2/|A|_2.
        A: the matrix (N, N).

    Returns:
        The size, and |A|_2 or 1 where A = 0.

    Raises:
        TypeError: for no number.
        ValueError: for a number that is not between 0 and 1/eps, and an E that overflows.

    Example:
        >>> checked_size(0.1, np.eye(2))
        (0.1, 1.0)
    """
    size = require.real("size", size, above=0, below=1 / EPS)
    unit = float(np.linalg.norm(A, 2)) or 1.0
    if math.isinf(unit * (1 + size)):
        raise ValueError(f"A + E must be finite; got |A| = {unit:g}. Make `size` smaller.")
    return size, unit


def draw(rng: np.random.Generator, shape: tuple[int, ...], *, imaginary: bool) -> Array:
    """Independent standard normal entries, complex ones if `imaginary`."""
    G = rng.standard_normal(shape)
    return G + 1j * rng.standard_normal(shape) if imaginary else G


def _best(
    method: str,
    system: System,
    size: float,
    tries: int,
    seed: int,
    *,
    imaginary: bool,
) -> Diagonalization:
    A, _ = split(system)
    size, unit = checked_size(size, A)
    tries = require.integer("tries", tries)
    seed = require.integer("seed", seed, least=0)
    length = size * unit
    imaginary = imaginary or np.iscomplexobj(A)
    rng = np.random.default_rng(seed)
    candidates = (_scaled(rng, A.shape, length, imaginary=imaginary) for _ in range(tries))
    E = next(candidates) if tries == 1 else _least_conditioned(A, candidates)
    existence = math.inf
    if size < 1:
        existence = 4 * len(A) ** 1.5 * (1 + 1 / size)
    facts = {"size": size, "existence_bound": existence}
    return diagonalized(system, E, method=method, facts=facts)


def _scaled(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    length: float,
    *,
    imaginary: bool,
) -> Array:
    """A Gaussian matrix of norm |E|_2 = length."""
    G = draw(rng, shape, imaginary=imaginary)
    return length * (G / np.linalg.norm(G, 2))


def _least_conditioned(A: Array, candidates: Iterator[Array]) -> Array:
    """The E of smallest kappa_2(V) among those that keep a stable A stable, or among all."""
    stable = eigenpairs(A)[0].real.max() < 0

    def defects(E: Array) -> tuple[bool, float]:
        Lambda, V = eigenpairs(A + E, "A + E")
        lost = stable and np.real(Lambda).max() >= 0
        return bool(lost), float(np.linalg.cond(V))

    return min(candidates, key=defects)
