r"""Factors of Gramians of modes, which are Cauchy matrices, to high relative accuracy.

The Gramian of modes a driven by b is

.. math::  P_{ij} = \frac{b_i \bar b_j}{-(a_i + \bar a_j)}, \qquad
           \text{discrete:}\quad P_{ij} = \frac{b_i \bar b_j}{1 - z_i \bar z_j}.

After an elimination step with the pivot p what is left is again such a matrix, with

.. math::  b_i \leftarrow b_i \frac{a_i - a_p}{a_i + \bar a_p}, \qquad
           b_i \leftarrow b_i \frac{z_i - z_p}{1 - z_i \bar z_p}:

only products, quotients, and differences of given numbers. So every entry of the factor has a few
correct roundings a step, however small it is.
"""

from __future__ import annotations

import numpy as np

from ..ground.backend import Complex
from ..matrices.graded_svd import squared_up
from ..powers.double_words import one_minus_product


def denominators(nodes: Complex, others: Complex, *, discrete: bool) -> Complex:
    """-(a + conj(b)), or 1 - a conj(b) in discrete time, to a few eps of itself.

    Args:
        nodes: a (...).
        others: b (...), broadcast against `nodes`.
        discrete: whether the nodes are those of a recurrence.

    Returns:
        Complex numbers (...).

    Example:
        >>> denominators(np.array([-1 + 2j]), np.array([-1 + 2j]), discrete=False)
        array([2.-0.j])
    """
    if discrete:
        return one_minus_product(*np.broadcast_arrays(nodes, others))
    return -(nodes + np.conj(others))


def gramian_factor(nodes: Complex, weights: Complex, *, discrete: bool) -> Complex:
    """F with P = F F^* for the Gramian of modes, by elimination with complete pivoting.

    The largest entry of what is left is on its diagonal, so columns fall in size. Repeated nodes
    and nodes of weight 0 add columns of zeros.

    Args:
        nodes: (..., N), Re < 0, in discrete time |z| < 1.
        weights: (..., N), of the input of each mode.
        discrete: whether the nodes are those of a recurrence.

    Returns:
        F (..., N, N).

    Accuracy:
        N times a few eps, of each entry relative to itself.

    Cost:
        O(N^2), N steps for the whole batch at once.

    Source:
        Demmel 1999, SIAM J. Matrix Anal. Appl. 21, 562-580 (any Cauchy matrix); Haut & Beylkin
        2011, SIAM J. Matrix Anal. Appl. 32, 1101-1125, Algorithm 2 (these).

    Example:
        >>> F = gramian_factor(np.array([-1.0, -2.0]) + 0j, np.ones(2) + 0j, discrete=False)
        >>> (F @ F.conj().T).real.round(4)
        array([[0.5   , 0.3333],
               [0.3333, 0.25  ]])
    """
    nodes, g = np.broadcast_arrays(nodes, weights)
    shape = nodes.shape
    N = shape[-1]
    nodes = nodes.reshape(-1, N)
    g = g.reshape(-1, N).astype(complex)
    own = denominators(nodes, nodes, discrete=discrete).real
    members = np.arange(len(nodes))
    F = np.zeros((len(nodes), N, N), complex)
    for k in range(N):
        left = np.abs(g) / np.sqrt(own)
        pivot = np.argmax(left, axis=-1)
        size = left[members, pivot]
        if not np.any(size):
            break
        node = nodes[members, pivot][:, None]
        across = denominators(nodes, node, discrete=discrete)
        unit = np.conj(g[members, pivot]) / np.where(size > 0, size, 1.0)
        F[..., k] = g * unit[:, None] / across
        g *= (nodes - node) / across
    return F.reshape(*shape, N)


def joined_factor(nodes: Complex, weights: Complex, *, discrete: bool) -> Complex:
    """F with P = F F^* for modes with several inputs, whose Gramian is a sum.

    Args:
        nodes: (m, N), as those of `gramian_factor`.
        weights: (m, M, N), of each input.
        discrete: whether the nodes are those of a recurrence.

    Returns:
        F (m, N, N).

    Accuracy:
        That of `gramian_factor` for one input; else N eps, relative to P.

    Cost:
        O(M N^2), and a QR of an (M N, N) matrix for several inputs.

    Example:
        >>> F = joined_factor(np.array([[-1.0 + 0j]]), np.array([[[3.0], [4.0]]]), discrete=False)
        >>> (F @ F.conj()).real.round(9)
        array([[[12.5]]])
    """
    if weights.shape[-2] == 1:
        return gramian_factor(nodes, weights[..., 0, :], discrete=discrete)
    ports = [gramian_factor(nodes, w, discrete=discrete) for w in np.moveaxis(weights, 1, 0)]
    joined = np.concatenate(ports, axis=-1)
    return np.stack([squared_up(F) for F in joined])
