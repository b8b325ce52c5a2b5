r"""The conditioning of unit eigenvectors from eigenvalues alone: Gram matrices of lossless systems
are Cauchy matrices.

If A + A^* = 2 sigma I - b b^*, with distinct eigenvalues sigma + z_j and alpha = -Re z > 0, the
unit eigenvectors of A have, up to phases, the Gram matrix G below. The inverse of a Cauchy matrix
is one again: up to phases G^{-1} is the conjugate of K G K,

.. math::  G_{ij} = \frac{2\sqrt{\alpha_i \alpha_j}}{-(\bar z_i + z_j)}, \qquad
           K_j = \prod_{k \ne j} \left|\frac{z_j + \bar z_k}{z_j - z_k}\right|, \qquad
           \kappa_2(V)^2 = \lambda_{\max}(G)\, \lambda_{\max}(K G K),

with K = diag(K_j), where K_j is the condition number of the eigenvalue z_j. So no small eigenvalue
is sought, and no digit lost to the square of kappa.

A spectrum closed under conjugation makes it real: the half c of an eigenvector (c, conj(c)) is N
real numbers. Products with G and the logarithms of K come from the fast multipole method (Greengard
& Rokhlin 1987): a binary tree of the eigenvalues of the upper half, expansions between boxes far
apart, plain sums between leaves that are not.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy.linalg
import scipy.special

from ..ground import require
from ..ground.backend import Complex, Real
from ..ground.formats import TINY

DENSE = 1024  # up to this order two symmetric eigenproblems are solved: a fifth of a second, and no digit lost
_TERMS, _RATIO = (
    16,
    1 / 3,
)  # of an expansion, and of one term to the one before: an error of 3^-16 = 2e-8
_LEAF = 20  # eigenvalues at most: more would cost more in near pairs, fewer more in boxes
TOLERANCE = 1e-4  # of a Ritz value
_STEPS, _LIMIT = (
    40,
    1000,
)  # a small residual at the first steps may only mean that an outlier has not been seen


class _Tree(NamedTuple):
    """Boxes in heap order (the children of b are 2 b and 2 b + 1, the root is 1), all leaves of one
    size S.

    `member` (leaves, S) says which eigenvalue sits where, `own` is 0 where one is repeated to fill
    a leaf up. With u the place in the box, (z - centre)/radius, `powers` (leaves, S, p) holds u^k,
    and `shift`, an array (boxes, p, p) for each level below the root, takes moments about the
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
    """Pairs of boxes a distance D apart, sorted by target: (R/D)^n and (r/D)^m, both (pairs, p),
    with their radii R and r.
    """

    target: np.ndarray
    source: np.ndarray
    distance: Complex
    left: Complex
    right: Complex


def condition(z: Complex, *, progress: Callable[[float], object] | None = None) -> float:
    r"""kappa_2 of the unit eigenvectors of a real lossless A of rank one, from its spectrum sigma +
    z alone.

    z (N,) is in canonical order: upper half plane, conjugates in the same order, real ones. 1 where
    no z is damped, inf where two damped ones coincide or no double can hold the result. `progress`
    is called with the fraction done, from 0 to 1.

    Raises ValueError where z is not in canonical order, not finite, empty, or to the right of the
    lossless axis.

    Accuracy: up to N = 1024 some N eps at any kappa, z taken as exact, at a cost of O(N^3). Beyond,
    Lanczos's method goes on until either Ritz value theta <= lambda_max has a residual r <= 1e-4
    theta, or for 1000 products, and theta + r enters: at most 1e-4 above kappa if it converged, and
    below kappa only if an eigenvector hardly shows in the start, a fixed vector plus a tenth of a
    random one. Expansions add about 1e-6. Cost O(N) memory, 2 kB for each eigenvalue, and one to
    three hundred products of O(N) for `legs` and `lagt`.

    Sources: derived here; Schechter 1959, On the inversion of certain matrices, for K; Paige 1972
    for Lanczos's method without reorthogonalization.

    >>> round(condition(np.array([-0.5 + 1j, -0.5 - 1j])), 6)
    1.618034
    """
    half, pairs = _damped_half(z)
    report = progress or (lambda fraction: None)
    if len(half) == 0 or len(np.unique(half)) < len(half):
        report(1.0)
        return math.inf if len(half) else 1.0
    weight = np.sqrt(-2 * half.real)
    weight[pairs:] /= math.sqrt(2)  # a real eigenvalue is half in either half plane
    if len(half) + pairs <= DENSE:
        log_K, largest = _log_K_plain(half, pairs), _largest_plain(half, pairs)
    else:
        tree = _tree(half)
        log_K, largest = _log_K(tree, pairs), _largest(tree, pairs)
    top = float(np.max(log_K))
    first = largest(weight, lambda fraction: report(fraction / 2))
    second = largest(weight * np.exp(log_K - top), lambda fraction: report((1 + fraction) / 2))
    with np.errstate(over="ignore"):
        return max(1.0, float(math.sqrt(first) * math.sqrt(second) * np.exp(top)))


def _damped_half(z: Complex) -> tuple[Complex, int]:
    """The damped z with Im >= 0, scaled to order 1, and how many of them stand for a pair; modes on
    the axis are orthogonal.
    """
    z = np.asarray(z, dtype=np.complex128)
    require.shape("z", z.shape, "(N,) with N >= 1", z.ndim == 1 and z.size > 0)
    require.finite("z", z)
    if np.max(z.real) > 0:
        got = f"Re z up to {np.max(z.real):.3g}"
        raise ValueError(
            f"`z` must not lie to the right of the lossless axis; got {got}. Subtract sigma from the eigenvalues."
        )
    pairs = int(np.count_nonzero(z.imag > 0))
    upper, lower, real = z[:pairs], z[pairs : 2 * pairs], z[2 * pairs :]
    if len(lower) < pairs or not (
        np.all(upper.imag > 0) and np.all(lower == upper.conj()) and np.all(real.imag == 0)
    ):
        rule = (
            "`z` must list the upper half plane, its conjugates in the same order, then real values"
        )
        raise ValueError(
            f"{rule}; got another order or an eigenvalue without its conjugate. Sort it, or take the SVD of V."
        )
    half = np.concatenate([upper, real])
    exponent = np.frexp(max(np.abs(half.real).max(), np.abs(half.imag).max()))[1] - 1
    half = half / 2.0**exponent  # exact, and squares neither overflow nor underflow
    damped = half.real < -4 * TINY
    return half[damped], int(np.count_nonzero(damped[:pairs]))


def _log_K_plain(half: Complex, pairs: int) -> Real:
    """log K_j by its definition; the spectrum being closed, the product may run over the conjugates
    in the numerator.
    """
    z = np.concatenate([half, half[:pairs].conj()])
    mirrored, plain = np.abs(half[:, None] + z), np.abs(half[:, None] - z)
    each = np.arange(len(half))
    plain[each, each] = 1.0
    return np.sum(np.log(mirrored) - np.log(plain), axis=-1) - np.log(-2 * half.real)


def _largest_plain(half: Complex, pairs: int) -> Callable[[Real, Callable[[float], object]], float]:
    """weight -> largest eigenvalue of c -> weight (A weight c + B conj(weight c)) in real
    coordinates (Re c, Im c).
    """
    A, B = (1 / -(half.conj()[:, None] + source) for source in (half, half.conj()))
    real = np.block([[A.real + B.real, B.imag - A.imag], [A.imag + B.imag, A.real - B.real]])
    real = real[: len(half) + pairs, : len(half) + pairs]

    def largest(weight: Real, report: Callable[[float], object]) -> float:
        both = np.concatenate([weight, weight[:pairs]])
        M = both[:, None] * real * both
        top = scipy.linalg.eigh(
            (M + M.T) / 2, eigvals_only=True, subset_by_index=[len(M) - 1, len(M) - 1]
        )
        report(1.0)
        return float(np.asarray(top)[0])

    return largest


def _largest(tree: _Tree, pairs: int) -> Callable[[Real, Callable[[float], object]], float]:
    """The same by Lanczos's method, a Ritz value and its residual: it needs products only, and
    keeps two vectors.
    """
    product = _product(tree)
    n = len(tree.z)
    rng = np.random.default_rng(0)

    def largest(weight: Real, report: Callable[[float], object]) -> float:
        def apply(x: Real) -> Real:
            c = x[:n] + 0j
            c[:pairs] += 1j * x[n:]
            y = weight * product(weight * c)
            return np.concatenate([y.real, y.imag[:pairs]])

        # Extreme eigenvectors of a smooth spectrum are near a constant c; the random part sees
        # those of any other.
        v = np.concatenate([np.ones(n), np.zeros(pairs)]) + 0.1 * rng.standard_normal(n + pairs)
        v, before = v / np.linalg.norm(v), np.zeros(n + pairs)
        diagonal, beside = [], []
        done = 0.0
        while True:
            w = apply(v) - (beside[-1] * before if beside else 0.0)
            diagonal.append(float(v @ w))
            w -= diagonal[-1] * v
            size = float(np.linalg.norm(w))
            last = len(diagonal) - 1
            theta, s = scipy.linalg.eigh_tridiagonal(
                diagonal, beside, select="i", select_range=(last, last)
            )
            residual = size * abs(float(s[-1, 0]))
            settled = residual <= TOLERANCE * theta[0] and len(diagonal) >= _STEPS
            if settled or size <= TINY or len(diagonal) == _LIMIT:
                report(1.0)
                return float(theta[0]) + residual
            done = max(
                done,
                min(
                    math.log(residual / theta[0]) / math.log(TOLERANCE), len(diagonal) / _STEPS, 1.0
                ),
            )
            report(done)
            before, v = v, w / size
            beside.append(size)

    return largest


def _tree(z: Complex) -> _Tree:
    """Halve the longer side of every box at the median, down to leaves; a few z are repeated, to
    make all leaves one size.
    """
    depth = max(0, math.ceil(math.log2(len(z) / _LEAF)))
    slots = -(-len(z) // 2**depth) * 2**depth
    index = np.arange(slots) * len(z) // slots
    own = np.diff(index, prepend=-1) > 0
    centre, radius = np.zeros(1, dtype=np.complex128), np.ones(1)
    for level in range(depth + 1):
        index, own = index.reshape(2**level, -1), own.reshape(2**level, -1)
        place = z[index]
        low = place.real.min(axis=1) + 1j * place.imag.min(axis=1)
        high = place.real.max(axis=1) + 1j * place.imag.max(axis=1)
        middle = (low + high) / 2
        centre = np.concatenate([centre, middle])
        radius = np.concatenate(
            [radius, np.maximum(np.abs(place - middle[:, None]).max(axis=1), TINY)]
        )
        if level < depth:
            tall = (high - low).imag >= (high - low).real
            rank = np.argsort(np.where(tall[:, None], place.imag, place.real), axis=1)
            index, own = (
                np.take_along_axis(index, rank, axis=1),
                np.take_along_axis(own, rank, axis=1),
            )
    leaves = slice(2**depth, None)
    u = (z[index] - centre[leaves, None]) / radius[leaves, None]
    k = np.arange(_TERMS)
    shift = []
    for level in range(1, depth + 1):
        box = np.arange(2**level, 2 ** (level + 1))
        offset = ((centre[box] - centre[box // 2]) / radius[box // 2])[:, None] ** k
        scale = (radius[box] / radius[box // 2])[:, None] ** k
        shift.append(
            scipy.special.comb(k[:, None], k)
            * offset[:, np.abs(k[:, None] - k)]
            * scale[:, None, :]
        )
    return _Tree(z, index, own.astype(np.float64), centre, radius, u[..., None] ** k, shift)


def _moments(tree: _Tree, charge: np.ndarray) -> Complex:
    """sum_j charge_j u_j^m of every box (boxes, p), charges given by leaf (leaves, S): up the
    tree.
    """
    moments = np.zeros((len(tree.centre), _TERMS), dtype=np.complex128)
    moments[len(moments) // 2 :] = (charge[:, None, :] @ tree.powers)[:, 0]
    for level in range(len(tree.shift), 0, -1):
        up = tree.shift[level - 1] @ moments[2**level : 2 ** (level + 1), :, None]
        moments[2 ** (level - 1) : 2**level] = up[..., 0].reshape(-1, 2, _TERMS).sum(axis=1)
    return moments


def _values(tree: _Tree, local: Complex) -> Complex:
    """sum_n local_n conj(u)^n of all boxes around a z, by leaf (leaves, S): down the tree, the
    adjoint of `_moments`.
    """
    total = local.conj()
    for level in range(1, len(tree.shift) + 1):
        here, parents = (
            slice(2**level, 2 ** (level + 1)),
            np.arange(2**level, 2 ** (level + 1)) // 2,
        )
        total[here] += (total[parents, None, :] @ tree.shift[level - 1])[:, 0]
    return (tree.powers @ total[len(total) // 2 :, :, None])[..., 0].conj()


def _meet(tree: _Tree, side: int, conjugate: bool) -> tuple[_Far, tuple[np.ndarray, np.ndarray]]:
    """Boxes that cover all pairs of x = -side conj(z_i) and y = z_j or conj(z_j): far ones, and
    near leaves.
    """
    x, y = -side * tree.centre.conj(), tree.centre.conj() if conjugate else tree.centre
    leaves = len(x) // 2
    far, near = [], []
    a = b = np.array([1])
    while len(a):
        R, r = tree.radius[a], tree.radius[b]
        apart = np.maximum(R, r) <= _RATIO * (np.abs(x[a] - y[b]) - np.minimum(R, r))
        ends = ~apart & (a >= leaves) & (b >= leaves)
        far.append((a[apart], b[apart]))
        near.append((a[ends], b[ends]))
        rest = ~apart & ~ends
        a, b, R, r = a[rest], b[rest], R[rest], r[rest]
        open_a, open_b = (
            (a < leaves) & ((r <= R) | (b >= leaves)),
            (b < leaves) & ((r >= R) | (a >= leaves)),
        )
        count = len(a)
        a, b, open_b = (
            np.concatenate([v, v[open_a]]) for v in (np.where(open_a, 2 * a, a), b, open_b)
        )
        a[count:] += 1
        count = len(a)
        a, b = (np.concatenate([v, v[open_b]]) for v in (a, np.where(open_b, 2 * b, b)))
        b[count:] += 1
    (a, b), near = _by_target(far), _by_target(near)
    distance, k = x[a] - y[b], np.arange(_TERMS)
    left, right = (
        (side * tree.radius[a] / distance)[:, None] ** k,
        (tree.radius[b] / distance)[:, None] ** k,
    )
    return _Far(a, b, distance, left, right), near


def _by_target(found: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    target, source = (np.concatenate(part) for part in zip(*found, strict=True))
    order = np.argsort(target, kind="stable")
    return target[order], source[order]


def _gather(total: np.ndarray, target: np.ndarray, parts: np.ndarray) -> None:
    """total[target] += parts, with a sorted target that repeats."""
    if len(target):
        start = np.flatnonzero(np.diff(target, prepend=-1))
        total[target[start]] += np.add.reduceat(parts, start, axis=0)


def _product(tree: _Tree) -> Callable[[Complex], Complex]:
    r"""c -> sum_j c_j/(x_i - z_j) + conj(c_j)/(x_i - conj(z_j)) at x_i = -conj(z_i).

    Between boxes 1/(D - alpha - beta) = sum_{m,n} binom(m+n, n) alpha^n beta^m / D^{m+n+1}.
    """
    k = np.arange(_TERMS)
    binomial = scipy.special.comb(k[:, None] + k, k).astype(np.complex128)
    leaves, first = len(tree.member), tree.z[tree.member]
    plans = []
    for conjugate in (False, True):
        far, (a, b) = _meet(tree, 1, conjugate)
        source = first[b - leaves].conj() if conjugate else first[b - leaves]
        near = 1 / (-first[a - leaves].conj()[:, :, None] - source[:, None, :])
        plans.append(
            (far._replace(right=far.right / far.distance[:, None]), a - leaves, b - leaves, near)
        )
    own = tree.own > 0

    def product(c: Complex) -> Complex:
        charge = tree.own * c[tree.member]
        moments = _moments(tree, charge)
        local, values = np.zeros_like(moments), np.zeros_like(charge)
        for (far, a, b, near), q, m in zip(
            plans, (charge, charge.conj()), (moments, moments.conj()), strict=True
        ):
            _gather(local, far.target, (m[far.source] * far.right) @ binomial * far.left)
            _gather(values, a, (near @ q[b][:, :, None])[..., 0])
        values += _values(tree, local)
        total = np.empty_like(c)
        total[tree.member[own]] = values[own]
        return total

    return product


def _log_K(tree: _Tree, pairs: int) -> Real:
    r"""sum_k log|z_j + conj(z_k)| - log|z_j - z_k| over the whole spectrum, k != j.

    Between boxes log(D - alpha - beta) = log D - sum_{m+n>0} (m+n-1)!/(m! n!) alpha^n beta^m /
    D^{m+n}.
    """
    k = np.arange(_TERMS)
    total = k[:, None] + k
    series = (-scipy.special.comb(total, k) / np.maximum(total, 1)).astype(np.complex128)
    series[0, 0] = 0.0
    charge = tree.own * np.where(tree.member < pairs, 1.0, 0.5)
    moments = _moments(tree, charge)
    leaves, place = len(tree.member), tree.z[tree.member]
    local, values = np.zeros_like(moments), np.zeros(charge.shape)
    for side in (1, -1):
        for conjugate in (False, True):
            far, (a, b) = _meet(tree, side, conjugate)
            source = moments.conj()[far.source] if conjugate else moments[far.source]
            parts = (source * far.right) @ series * far.left
            parts[:, 0] += np.log(np.abs(far.distance)) * source[:, 0].real
            _gather(local, far.target, side * parts)
            for part in np.array_split(
                np.arange(len(a)), 1 + len(a) // 1024
            ):  # no table of all at once
                y = place[b[part] - leaves]
                gap = np.abs(
                    -side * place[a[part] - leaves].conj()[:, :, None]
                    - (y.conj() if conjugate else y)[:, None, :]
                )
                gap[gap == 0] = 1.0  # z_j itself
                _gather(
                    values,
                    a[part] - leaves,
                    side * (np.log(gap) @ charge[b[part] - leaves][:, :, None])[..., 0],
                )
    values += _values(tree, local).real
    own = tree.own > 0
    log_K = np.empty(len(tree.z))
    log_K[tree.member[own]] = values[own]
    return log_K - np.log(-2 * tree.z.real)
