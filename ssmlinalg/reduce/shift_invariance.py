"""First nodes of a fit: the shift of the singular vectors of a Hankel matrix."""

from __future__ import annotations

import numpy as np

from ..ground.backend import Complex

_LEAST = 0.02  # |z| to begin with: weights of the nodes of a filter of few taps overflow near 0


def first_nodes(left: np.ndarray, order: int, slowest: float) -> tuple[Complex, np.ndarray]:
    """The nodes by which the singular vectors of a Hankel matrix are shifted.

    The columns of U span those of powers z^i, so that U without its first row is U without its
    last times a matrix whose eigenvalues are the nodes (Kung 1978).

    Args:
        left: U (n, k), orthonormal columns.
        order: how many to take, at most k.
        slowest: the largest Re log z allowed; nodes beyond are mirrored at the unit circle.

    Returns:
        log z, conjugates left out where U is real, and which of them are real.

    Example:
        >>> U = 0.5 ** np.arange(8)[:, None] / np.sqrt(4 / 3)
        >>> rates, single = first_nodes(U, 1, 0.0)
        >>> np.exp(rates).real.round(4), single
        (array([0.5]), array([ True]))
    """
    U = left[:, :order]
    last = U[-1]
    shifted = np.conj(U[:-1].T) @ U[1:]
    room = max(1 - float(np.linalg.norm(last)) ** 2, 1e-8)
    shifted += np.outer(np.conj(last), last @ shifted) / room  # the inverse of 1 - last^* last
    z = np.linalg.eigvals(shifted) + 0j
    return kept_rates(z, slowest, real=not np.iscomplexobj(left))


def kept_rates(z: Complex, slowest: float, real: bool) -> tuple[Complex, np.ndarray]:
    """log z of nodes within bounds, those below the real axis left out if the samples are real.

    Args:
        z: nodes (n,), closed under conjugation if `real`.
        slowest: the largest Re log z; nodes beyond are mirrored at the unit circle, or set there.
        real: whether nodes stand for their conjugates.

    Returns:
        log z and which are real.

    Example:
        >>> kept_rates(np.array([0.5j, -0.5j, 1.0]), -0.1, True)[0].round(4)
        array([-0.6931+1.5708j, -0.1   +0.j    ])
    """
    rates = np.log(np.maximum(np.abs(z), _LEAST)) + 1j * np.angle(z)
    mirrored = -np.abs(rates.real) if slowest < 0 else rates.real
    rates = np.minimum(mirrored, slowest) + 1j * rates.imag
    if not real:
        return rates, np.zeros(len(z), bool)
    single = z.imag == 0
    upper = z.imag >= 0
    rates.imag[single] = np.where(z.real[single] < 0, np.pi, 0.0)
    return rates[upper], single[upper]
