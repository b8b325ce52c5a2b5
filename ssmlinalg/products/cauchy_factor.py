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

import math

import numpy as np

from ..ground.backend import Complex, Real
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


def real_gramian_factor(nodes: Complex, weights: Real, *, discrete: bool) -> Complex:
    r"""F of the modes on and above the real axis, P = F F^* once their conjugates have rows too.

    The columns are the values of orthonormal real functions at the mirror images of the modes
    (Kautz; Laguerre where a pivot is real), so that Re F and Im F are a real factor of the Gramian
    of Re x and Im x. The two columns of a pair p, conj(p) are

    .. math::  \frac{2 \sqrt{-\operatorname{Re} p}}{(a_i + p)(a_i + \bar p)} \,(a_i,\, |p|),
               \qquad \text{discrete:}\quad
               \frac{\sqrt{(1 - |p|^2)/2}}{(1 - p z_i)(1 - \bar p z_i)}
               \,(|1 - p| (1 + z_i),\, |1 + p| (1 - z_i)) .

    Args:
        nodes: (m, N), Re < 0 and Im >= 0, in discrete time |z| < 1.
        weights: (m, N), of the input of each mode, at least 0.
        discrete: whether the nodes are those of a recurrence.

    Returns:
        F (m, N, 2 N), two columns for each pivot; the rows of real nodes are real.

    Accuracy:
        N times a few eps, of each entry relative to its absolute value.

    Cost:
        O(N^2), N steps for the whole batch at once.

    Source:
        Kautz 1954, IRE Trans. Circuit Theory 1, 29-39; Wahlberg & Makila 1996, Automatica 32,
        693-708 (discrete time).

    Example:
        >>> F = real_gramian_factor(np.array([[-1 + 2j]]), np.ones((1, 1)), discrete=False)[0]
        >>> (F @ F.conj().T).real.round(9)
        array([[0.5]])
    """
    m, N = nodes.shape
    own = denominators(nodes, nodes, discrete=discrete).real
    members = np.arange(m)
    F = np.zeros((m, 2 * N, N), complex)
    g = weights + 0j
    for k in range(N):
        pivot = np.argmax(np.abs(g) / np.sqrt(own), axis=-1)
        if not np.any(g[members, pivot]):
            break
        node = nodes[members, pivot][:, None]
        root = np.sqrt(own[members, pivot])[:, None]
        pair = node.imag > 0
        across = denominators(nodes, node, discrete=discrete)
        beside = denominators(nodes, node.conj(), discrete=discrete)
        first = g * root / across
        for column, top in enumerate(_kautz(nodes, node, discrete=discrete)):
            alone = first if column == 0 else 0.0
            F[:, 2 * k + column] = np.where(pair, first * (top / beside), alone)
        g = g * ((nodes - node) / across)
        g = np.where(pair, g * ((nodes - node.conj()) / beside), g)
    return np.swapaxes(F, 1, 2)


def _kautz(nodes: Complex, pole: Complex, *, discrete: bool) -> tuple[Complex, Complex]:
    """The numerators of the two functions of a pair of poles at the mirror images of nodes."""
    root = math.sqrt(2)
    if discrete:
        return np.abs(1 - pole) * (1 + nodes) / root, np.abs(1 + pole) * (1 - nodes) / root
    return root * nodes, root * np.abs(pole) + 0 * nodes


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
