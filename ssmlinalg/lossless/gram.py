r"""The conditioning of unit eigenvectors of lossless systems, from their eigenvalues alone.

If A + A^* = 2 sigma I - b b^*, with distinct eigenvalues sigma + z_j and alpha = -Re z > 0, the
unit eigenvectors of A have, up to phases, the Gram matrix G below, a Cauchy matrix. The inverse of
a Cauchy matrix is one again: up to phases G^{-1} is the conjugate of K G K,

.. math::  G_{ij} = \frac{2\sqrt{\alpha_i \alpha_j}}{-(\bar z_i + z_j)}, \qquad
           K_j = \prod_{k \ne j} \left|\frac{z_j + \bar z_k}{z_j - z_k}\right|, \qquad
           \kappa_2(V)^2 = \lambda_{\max}(G)\, \lambda_{\max}(K G K),

with K = diag(K_j), where K_j is the condition number of the eigenvalue z_j. So no small eigenvalue
is sought, and no digit lost to the square of kappa.

A spectrum closed under conjugation makes it real: the half c of an eigenvector (c, conj(c)) is N
real numbers. Products with G and the logarithms of K come from `multipole` at large orders.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import scipy.linalg

from ..ground import require
from ..ground.backend import Complex, Real
from ..ground.formats import TINY
from . import multipole
from .recognition import Spectrum

DENSE = 1024  # up to here two symmetric eigenproblems are solved: 0.2 s, and no digit is lost
TOLERANCE = 1e-4  # of a Ritz value
_STEPS = 40  # at least: a small residual before may only mean that an outlier was not seen
_LIMIT = 1000  # steps at most

Report = Callable[[float], object]
Largest = Callable[[Real, Report], float]


def condition(z: Complex, *, progress: Report | None = None) -> float:
    r"""kappa_2 of the unit eigenvectors of a real lossless A of rank one, from its spectrum alone.

    .. math::  \kappa_2(V)^2 = \lambda_{\max}(G)\, \lambda_{\max}(K G K)

    Args:
        z: the eigenvalues less sigma in canonical order: upper half plane, conjugates in the same
            order, real ones, (N,).
        progress: called with the fraction done, from 0 to 1.

    Returns:
        kappa_2: 1 where no z is damped, inf where two damped ones coincide or no double can hold
        the result.

    Raises:
        ValueError: if z is not in canonical order, not finite, empty, or to the right of the
            lossless axis.

    Accuracy:
        Up to N = 1024 some N eps at any kappa, z taken as exact. Beyond, Lanczos's method goes on
        until either Ritz value theta <= lambda_max has a residual r <= 1e-4 theta, or for 1000
        products, and theta + r enters: at most 1e-4 above kappa if it converged, and below kappa
        only if an eigenvector hardly shows in the start, a fixed vector plus a tenth of a random
        one. Expansions add about 1e-6.

    Cost:
        O(N^3) up to N = 1024. Beyond, O(N) memory, 2 kB for each eigenvalue, and one to three
        hundred products of O(N) for `legs` and `lagt`.

    Source:
        Derived here; Schechter 1959, On the inversion of certain matrices, for K; Paige 1972 for
        Lanczos's method without reorthogonalization.

    Example:
        >>> round(condition(np.array([-0.5 + 1j, -0.5 - 1j])), 6)
        1.618034
    """
    half, pairs = _damped_half(z)
    report = progress or (lambda fraction: None)
    distinct = len(np.unique(half)) == len(half)
    if len(half) == 0 or not distinct:
        report(1.0)
        return 1.0 if distinct else math.inf
    weight = np.sqrt(-2 * half.real)
    weight[pairs:] /= math.sqrt(2)  # a real eigenvalue is half in either half plane
    if len(half) + pairs <= DENSE:
        log_K = log_sensitivities(half, pairs)
        largest = _largest_dense(half, pairs)
    else:
        tree = multipole.tree_of(half)
        log_K = multipole.log_sensitivities(tree, pairs)
        largest = _largest_by_lanczos(multipole.cauchy_product(tree, tree), len(half), pairs)
    top = float(np.max(log_K))
    sensitive = weight * np.exp(log_K - top)
    first = largest(weight, lambda fraction: report(fraction / 2))
    second = largest(sensitive, lambda fraction: report((1 + fraction) / 2))
    with np.errstate(over="ignore"):
        sizes = math.sqrt(first) * math.sqrt(second)
        kappa = float(sizes * np.exp(top))
    return max(1.0, kappa)


def wide_norms(
    spectrum: Spectrum,
    *,
    progress: Report | None = None,
) -> tuple[float, float]:
    r"""|V|_2 and |V^{-1}|_2 of a lossless system with more modes than states.

    .. math::  (V^* V)_{ij} = G_{ij}\, \frac{\overline{\Phi_i} \Phi_j - 1}{\rho_i \rho_j}, \qquad
               \rho_j^2 = |\Phi_j|^2 - 1,

    and V^{-1} V^{-*} is K V^T \overline{V} K up to phases, for the right inverse of the spectrum.
    K_j is the condition number of z_j.

    Args:
        spectrum: that of a system of one column, all of it damped but perhaps a mode that nothing
            drives.
        progress: called with the fraction done, from 0 to 1.

    Returns:
        Both norms; their product is at least kappa_2(V).

    Accuracy:
        As `condition` beyond order 1024; expansions add 1e-6 |Phi|^2/rho^2.

    Cost:
        O(M) memory and O(M) a product, twice those of `condition`.

    Source:
        Derived here: (2) of the theory page for two arguments in place of one.

    Example:
        >>> from ssmlinalg import hippo
        >>> from ssmlinalg.lossless.recognition import recognize
        >>> legs = hippo.legs(8)
        >>> spectrum = recognize(legs.A, legs.P, modes=16).solve(0.05)
        >>> V = spectrum.V(np.arange(8), np.arange(16))
        >>> bool(abs(wide_norms(spectrum)[0] - np.linalg.norm(V, 2)) < 1e-4)
        True
    """
    half, pairs = _damped_half(spectrum.z)
    report = progress or (lambda fraction: None)
    upper = int(np.count_nonzero(spectrum.z.imag > 0))
    kept = np.r_[:upper, 2 * upper : len(spectrum.z)]
    kept = kept[: len(half)]  # an undamped mode is the last
    phi = spectrum.phi[kept]
    weight = np.sqrt(-2 * half.real)
    weight[pairs:] /= math.sqrt(2)
    tree = multipole.tree_of(half)
    product = _displaced(multipole.cauchy_product(tree, tree), phi)
    largest = _largest_by_lanczos(product, len(half), pairs)
    sensitive = weight * spectrum.sensitivity[kept]
    first = largest(weight, lambda fraction: report(fraction / 2))
    second = largest(sensitive, lambda fraction: report((1 + fraction) / 2))
    still = len(half) < len(spectrum.z) - upper  # a mode of its own direction
    return math.sqrt(first), math.sqrt(max(second, float(still)))


def _displaced(product: Callable[[Complex], Complex], phi: Complex) -> Callable[[Complex], Complex]:
    """The product with C_ij (conj(Phi_i) Phi_j - 1)/(rho_i rho_j) from that with C."""
    rho = np.sqrt(np.abs(phi) ** 2 - 1)
    leading = phi / rho

    def displaced(c: Complex) -> Complex:
        return leading.conj() * product(leading * c) - product(c / rho) / rho

    return displaced


def log_sensitivities(half: Complex, pairs: int) -> Real:
    """log K_j (n,) by its definition, O(N^2), of the upper half and the real eigenvalues (n,).

    The spectrum being closed, the product may run over the conjugates in the numerator.
    """
    z = np.concatenate([half, half[:pairs].conj()])
    mirrored = np.abs(half[:, None] + z)
    plain = np.abs(half[:, None] - z)
    each = np.arange(len(half))
    plain[each, each] = 1.0
    logarithms = np.log(mirrored) - np.log(plain)
    own = np.log(-2 * half.real)
    return np.sum(logarithms, axis=-1) - own


def _damped_half(z: Complex) -> tuple[Complex, int]:
    """The damped z with Im >= 0, scaled to order 1, and how many of them stand for a pair.

    Modes on the axis are orthogonal to all others.
    """
    z = np.asarray(z, dtype=np.complex128)
    require.shape("z", z.shape, "(N,) with N >= 1", z.ndim == 1 and z.size > 0)
    require.finite("z", z)
    if np.max(z.real) > 0:
        got = f"Re z up to {np.max(z.real):.3g}"
        remedy = "Subtract sigma from the eigenvalues."
        rule = "`z` must not lie to the right of the lossless axis"
        raise ValueError(f"{rule}; got {got}. {remedy}")
    pairs = int(np.count_nonzero(z.imag > 0))
    upper = z[:pairs]
    lower = z[pairs : 2 * pairs]
    real = z[2 * pairs :]
    closed = len(lower) == pairs and np.all(lower == upper.conj())
    in_order = np.all(upper.imag > 0) and np.all(real.imag == 0)
    if not (closed and in_order):
        rule = "`z` must list the upper half plane, its conjugates in the same order, then real"
        got = "another order or an eigenvalue without its conjugate"
        raise ValueError(f"{rule} values; got {got}. Sort it, or take the SVD of V.")
    half = np.concatenate([upper, real])
    damping = np.abs(half.real).max()
    frequency = np.abs(half.imag).max()
    exponent = np.frexp(max(damping, frequency))[1] - 1
    half = half / 2.0**exponent  # exact, and squares neither overflow nor underflow
    damped = half.real < -4 * TINY
    return half[damped], int(np.count_nonzero(damped[:pairs]))


def _largest_dense(half: Complex, pairs: int) -> Largest:
    """The function from a weight to the largest eigenvalue of the weighted G, by LAPACK.

    In real coordinates (Re c, Im c) of c -> weight (A weight c + B conj(weight c)).
    """
    A = 1 / -(half.conj()[:, None] + half)
    B = 1 / -(half.conj()[:, None] + half.conj())
    upper = [A.real + B.real, B.imag - A.imag]
    lower = [A.imag + B.imag, A.real - B.real]
    size = len(half) + pairs
    real = np.block([upper, lower])[:size, :size]

    def largest(weight: Real, report: Report) -> float:
        both = np.concatenate([weight, weight[:pairs]])
        M = both[:, None] * real * both
        last = [size - 1, size - 1]
        symmetric = (M + M.T) / 2
        top = scipy.linalg.eigh(symmetric, eigvals_only=True, subset_by_index=last)
        report(1.0)
        return float(np.asarray(top)[0])

    return largest


def _largest_by_lanczos(
    product: Callable[[Complex], Complex],
    n: int,
    pairs: int,
) -> Largest:
    """The same by Lanczos's method, which needs products only and keeps two vectors."""
    rng = np.random.default_rng(0)

    def largest(weight: Real, report: Report) -> float:
        def apply(x: Real) -> Real:
            c = x[:n] + 0j
            c[:pairs] += 1j * x[n:]
            y = weight * product(weight * c)
            return np.concatenate([y.real, y.imag[:pairs]])

        # Extreme eigenvectors of a smooth spectrum are near a constant c; the random part sees
        # those of any other.
        constant = [np.ones(n), np.zeros(pairs)]
        start = np.concatenate(constant)
        start += 0.1 * rng.standard_normal(n + pairs)
        return _lanczos(apply, start / np.linalg.norm(start), report)

    return largest


def _lanczos(
    apply: Callable[[Real], Real],
    v: Real,
    report: Report,
) -> float:
    """An upper bound of the largest eigenvalue: a Ritz value and its residual, from a unit v."""
    before = np.zeros(len(v))
    diagonal: list[float] = []
    beside: list[float] = []
    done = 0.0
    while True:
        w = apply(v) - (beside[-1] * before if beside else 0.0)
        diagonal.append(float(v @ w))
        w -= diagonal[-1] * v
        size = float(np.linalg.norm(w))
        steps = len(diagonal)
        last = (steps - 1, steps - 1)
        theta, s = scipy.linalg.eigh_tridiagonal(diagonal, beside, select="i", select_range=last)
        residual = size * abs(float(s[-1, 0]))
        settled = residual <= TOLERANCE * theta[0] and steps >= _STEPS
        if settled or size <= TINY or steps == _LIMIT:
            report(1.0)
            return float(theta[0]) + residual
        converged = math.log(residual / theta[0]) / math.log(TOLERANCE)
        done = max(done, min(converged, steps / _STEPS, 1.0))
        report(done)
        before = v
        v = w / size
        beside.append(size)
