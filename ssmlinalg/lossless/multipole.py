r"""Sums over pairs of eigenvalues by the fast multipole method, in O(N).

Wanted are, for the eigenvalues z_j of one half plane, sums of 1/(x_i - y_j) and of log|x_i - y_j|
with x = -conj(z) and y = z or conj(z). A binary tree of boxes is laid around the z; between boxes
far apart an expansion is used, between leaves that are not a plain sum (Greengard & Rokhlin 1987).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy

from ..ground.backend import Complex, Real
from ..ground.formats import TINY

_TERMS = 16  # of an expansion, and
_RATIO = 1 / 3  # of one term to the one before: an error of 3^-16 = 2e-8
_LEAF = 20  # eigenvalues at most: more would cost more in near pairs, fewer more in boxes
_PAIRS = 1024  # of leaves at a time: no table of all at once


class Tree(NamedTuple):
    """Boxes in heap order: the children of b are 2 b and 2 b + 1, the root is 1.

    Attributes:
        z: the eigenvalues, (N,).
        member: which eigenvalue sits where, S to a leaf, (leaves, S).
        own: 0 where an eigenvalue is repeated to fill a leaf up, else 1, (leaves, S).
        centre: of each box, (boxes,).
        radius: of each box, (boxes,).
        powers: u^k for the place u = (z - centre)/radius in its leaf, (leaves, S, p).
        shift: for each level below the root an array (boxes, p, p), which takes moments about the
            centre of a box to the centre of its parent.
    """

    z: Complex
    member: np.ndarray
    own: Real
    centre: Complex
    radius: Real
    powers: Complex
    shift: list[Complex]


class _Far(NamedTuple):
    """Pairs of boxes a distance D apart, sorted by target.

    `left` is (R/D)^n and `right` (r/D)^m, both (pairs, p), with their radii R and r.
    """

    target: np.ndarray
    source: np.ndarray
    distance: Complex
    left: Complex
    right: Complex


class _Near(NamedTuple):
    """Pairs of leaves that are not far apart, sorted by target."""

    target: np.ndarray
    source: np.ndarray


class _Plan(NamedTuple):
    """The parts of the products with one kernel: far boxes, near leaves, and the kernel between."""

    far: _Far
    near: _Near
    kernel: Complex


def tree_of(z: Complex) -> Tree:
    """Boxes around z (N,): the longer side of each is halved at the median, down to leaves.

    A few z are repeated, to make all leaves one size.
    """
    depth = max(0, math.ceil(math.log2(len(z) / _LEAF)))
    slots = -(-len(z) // 2**depth) * 2**depth
    index = np.arange(slots) * len(z) // slots
    own = np.diff(index, prepend=-1) > 0
    centres = [np.zeros(1, dtype=np.complex128)]
    radii = [np.ones(1)]
    for level in range(depth + 1):
        index = index.reshape(2**level, -1)
        own = own.reshape(2**level, -1)
        place = z[index]
        x = place.real
        y = place.imag
        low = x.min(axis=1) + 1j * y.min(axis=1)
        high = x.max(axis=1) + 1j * y.max(axis=1)
        middle = (low + high) / 2
        extent = np.abs(place - middle[:, None]).max(axis=1)
        centres.append(middle)
        radii.append(np.maximum(extent, TINY))
        if level < depth:
            side = high - low
            tall = side.imag >= side.real
            along = np.where(tall[:, None], y, x)
            rank = np.argsort(along, axis=1)
            index = np.take_along_axis(index, rank, axis=1)
            own = np.take_along_axis(own, rank, axis=1)
    centre = np.concatenate(centres)
    radius = np.concatenate(radii)
    leaves = slice(2**depth, None)
    u = (z[index] - centre[leaves, None]) / radius[leaves, None]
    return Tree(
        z=z,
        member=index,
        own=own.astype(np.float64),
        centre=centre,
        radius=radius,
        powers=u[..., None] ** np.arange(_TERMS),
        shift=[_shift(centre, radius, level) for level in range(1, depth + 1)],
    )


def cauchy_product(tree: Tree, sources: Tree) -> Callable[[Complex], Complex]:
    r"""The function c -> sum_j c_j/(x_i - y_j) + conj(c_j)/(x_i - conj(y_j)) at x_i = -conj(z_i).

    The z are those of `tree`, the y those of `sources`, and no y is an x. Between boxes
    1/(D - alpha - beta) = sum_{m,n} binom(m+n, n) alpha^n beta^m / D^{m+n+1}.
    """
    k = np.arange(_TERMS)
    binomial = scipy.special.comb(k[:, None] + k, k)
    binomial = binomial.astype(np.complex128)
    plans = [_cauchy_plan(tree, sources, conjugate) for conjugate in (False, True)]
    own = tree.own > 0

    def product(c: Complex) -> Complex:
        charge = sources.own * c[sources.member]
        moments = _moments(sources, charge)
        local = np.zeros((len(tree.centre), _TERMS), dtype=np.complex128)
        values = np.zeros(tree.member.shape, dtype=np.complex128)
        given = ((charge, moments), (charge.conj(), moments.conj()))
        for (far, near, kernel), (q, m) in zip(plans, given, strict=True):
            expanded = (m[far.source] * far.right) @ binomial * far.left
            _gather(local, far.target, expanded)
            _gather(values, near.target, _applied(kernel, q[near.source]))
        values += _values(tree, local)
        total = np.empty(len(tree.z), dtype=np.complex128)
        total[tree.member[own]] = values[own]
        return total

    return product


def log_sensitivities(tree: Tree, pairs: int) -> Real:
    r"""log K_j = sum_k log|z_j + conj(z_k)| - log|z_j - z_k| over the spectrum, k != j: (N,).

    The first `pairs` of z stand for their conjugates as well. Between boxes log(D - alpha - beta) =
    log D - sum_{m+n>0} (m+n-1)!/(m! n!) alpha^n beta^m / D^{m+n}.
    """
    k = np.arange(_TERMS)
    total = k[:, None] + k
    binomial = scipy.special.comb(total, k)
    series = (-binomial / np.maximum(total, 1)).astype(np.complex128)
    series[0, 0] = 0.0
    charge = tree.own * np.where(tree.member < pairs, 1.0, 0.5)
    moments = _moments(tree, charge)
    local = np.zeros_like(moments)
    values = np.zeros(charge.shape)
    for side in (1, -1):
        for conjugate in (False, True):
            far, near = _meet(tree, tree, side, conjugate)
            source = moments.conj()[far.source] if conjugate else moments[far.source]
            parts = (source * far.right) @ series * far.left
            leading = np.log(np.abs(far.distance))
            parts[:, 0] += leading * source[:, 0].real
            _gather(local, far.target, side * parts)
            _add_near_logarithms(values, tree, near, charge, side, conjugate)
    values += _values(tree, local).real
    own = tree.own > 0
    found = np.empty(len(tree.z))
    found[tree.member[own]] = values[own]
    return found - np.log(-2 * tree.z.real)


def _shift(
    centre: Complex,
    radius: Real,
    level: int,
) -> Complex:
    """The moments of the boxes of a level about the centres of their parents: (boxes, p, p)."""
    k = np.arange(_TERMS)
    box = np.arange(2**level, 2 ** (level + 1))
    parent = box // 2
    place = (centre[box] - centre[parent]) / radius[parent]
    ratio = radius[box] / radius[parent]
    offset = place[:, None] ** k
    scale = ratio[:, None] ** k
    binomial = scipy.special.comb(k[:, None], k)
    power = np.abs(k[:, None] - k)
    return binomial * offset[:, power] * scale[:, None, :]


def _moments(tree: Tree, charge: np.ndarray) -> Complex:
    """sum_j charge_j u_j^m of every box (boxes, p), charges by leaf (leaves, S): up the tree."""
    moments = np.zeros((len(tree.centre), _TERMS), dtype=np.complex128)
    of_leaves = charge[:, None, :] @ tree.powers
    moments[len(moments) // 2 :] = of_leaves[:, 0]
    for level in range(len(tree.shift), 0, -1):
        here = slice(2**level, 2 ** (level + 1))
        parents = slice(2 ** (level - 1), 2**level)
        up = _applied(tree.shift[level - 1], moments[here])
        children = up.reshape(-1, 2, _TERMS)
        moments[parents] = children.sum(axis=1)
    return moments


def _values(tree: Tree, local: Complex) -> Complex:
    """sum_n local_n conj(u)^n of all boxes around a z, by leaf (leaves, S): down the tree.

    It is the adjoint of `_moments`.
    """
    total = local.conj()
    for level in range(1, len(tree.shift) + 1):
        here = slice(2**level, 2 ** (level + 1))
        parents = np.arange(2**level, 2 ** (level + 1)) // 2
        down = total[parents, None, :] @ tree.shift[level - 1]
        total[here] += down[:, 0]
    of_leaves = total[len(total) // 2 :]
    return _applied(tree.powers, of_leaves).conj()


def _cauchy_plan(tree: Tree, sources: Tree, conjugate: bool) -> _Plan:
    far, pairs = _meet(tree, sources, 1, conjugate)
    far = far._replace(right=far.right / far.distance[:, None])
    y = sources.z[sources.member[pairs.source]]
    y = y.conj() if conjugate else y
    x = -tree.z[tree.member[pairs.target]].conj()
    kernel = 1 / (x[:, :, None] - y[:, None, :])
    return _Plan(far, pairs, kernel)


def _add_near_logarithms(
    values: Real,
    tree: Tree,
    near: _Near,
    charge: Real,
    side: int,
    conjugate: bool,
) -> None:
    """values += side sum_k charge_k log|x_j - y_k| over near leaves, z_j itself left out."""
    place = tree.z[tree.member]
    count = len(near.target)
    for part in np.array_split(np.arange(count), 1 + count // _PAIRS):
        target = near.target[part]
        source = near.source[part]
        y = place[source]
        y = y.conj() if conjugate else y
        x = -side * place[target].conj()
        gap = np.abs(x[:, :, None] - y[:, None, :])
        gap[gap == 0] = 1.0  # z_j itself
        sums = _applied(np.log(gap), charge[source])
        _gather(values, target, side * sums)


def _meet(
    tree: Tree,
    sources: Tree,
    side: int,
    conjugate: bool,
) -> tuple[_Far, _Near]:
    """Boxes that cover all pairs of x = -side conj(z_i) and a source y_j or conj(y_j).

    Pairs of boxes are opened, the larger box first, until they are far apart or both are leaves.
    """
    x = -side * tree.centre.conj()
    y = sources.centre.conj() if conjugate else sources.centre
    leaves = (len(x) // 2, len(y) // 2)
    far = []
    near = []
    a = np.array([1])
    b = np.array([1])
    while len(a):
        R = tree.radius[a]
        r = sources.radius[b]
        distance = np.abs(x[a] - y[b])
        gap = distance - np.minimum(R, r)
        apart = np.maximum(R, r) <= _RATIO * gap
        ends = ~apart & (a >= leaves[0]) & (b >= leaves[1])
        far.append((a[apart], b[apart]))
        near.append((a[ends] - leaves[0], b[ends] - leaves[1]))
        rest = ~apart & ~ends
        a, b = _opened(
            a[rest],
            b[rest],
            R[rest],
            r[rest],
            leaves,
        )
    target, source = _by_target(far)
    distance = x[target] - y[source]
    k = np.arange(_TERMS)
    left = (side * tree.radius[target] / distance)[:, None] ** k
    right = (sources.radius[source] / distance)[:, None] ** k
    return (
        _Far(target, source, distance, left, right),
        _Near(*_by_target(near)),
    )


def _opened(
    a: np.ndarray,
    b: np.ndarray,
    R: Real,
    r: Real,
    leaves: tuple[int, int],
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of boxes with radii R and r, the larger of each pair replaced by its children."""
    last_a = a >= leaves[0]
    last_b = b >= leaves[1]
    open_a = ~last_a & ((r <= R) | last_b)
    open_b = ~last_b & ((r >= R) | last_a)
    count = len(a)
    a = np.where(open_a, 2 * a, a)
    a = np.concatenate([a, a[open_a]])
    b = np.concatenate([b, b[open_a]])
    open_b = np.concatenate([open_b, open_b[open_a]])
    a[count:] += 1
    count = len(a)
    b = np.where(open_b, 2 * b, b)
    a = np.concatenate([a, a[open_b]])
    b = np.concatenate([b, b[open_b]])
    b[count:] += 1
    return a, b


_Pairs = tuple[np.ndarray, np.ndarray]  # of targets and sources


def _by_target(found: list[_Pairs]) -> _Pairs:
    """All targets, sorted, with their sources."""
    target = np.concatenate([pair[0] for pair in found])
    source = np.concatenate([pair[1] for pair in found])
    order = np.argsort(target, kind="stable")
    return target[order], source[order]


def _applied(matrices: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """The product of each matrix (pairs, S, k) with its vector (pairs, k)."""
    return (matrices @ vectors[:, :, None])[..., 0]


def _gather(
    total: np.ndarray,
    target: np.ndarray,
    parts: np.ndarray,
) -> None:
    """total[target] += parts, with a sorted target that repeats."""
    if len(target):
        start = np.flatnonzero(np.diff(target, prepend=-1))
        total[target[start]] += np.add.reduceat(parts, start, axis=0)
