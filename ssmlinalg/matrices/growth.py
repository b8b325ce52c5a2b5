r"""What a stable system may do before it decays, from both sides: pseudospectral abscissa, Kreiss
constant, transient growth.

The first two follow from the least singular value on a vertical line,

.. math::  g(x) = \min_w \sigma_{\min}\bigl((x + i w) I - A\bigr),

rises for x above the abscissa alpha of A, by at most the step in x, and log g is concave there, for
sup_w |R(x + i w)| = 1/g is the supremum of a subharmonic function over the lines of a strip
(Hadamard's three lines). So a chord of log g bounds it from below and hence x/g, whose supremum is
the Kreiss constant, from above. That nothing on a line was missed is read from a level set, as in
`norms`: sigma_min = h at x + i w exactly when i w is an eigenvalue of

.. math::  H(x, h) = \begin{pmatrix} x I - A^* & h I \\ -h I & A - x I \end{pmatrix}.

The eigenvalues found are those of H + E, and by Weyl's theorem E moves the level by at most |E|.
Those of a valley of depth d and width W are thrown about |E| W/d off the axis: what is within 32
times that is a candidate, never fewer than eight are, and d is subtracted from the level for what
is shallower. That is a bound to first order in eps, on a measured |E|.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import scipy.linalg
import scipy.optimize

from ..ground import require
from ..ground.backend import Array, Complex, Real
from ..ground.bounds import Bounds
from ..ground.formats import TINY
from . import shifted
from .eigen import condition
from .nonnormality import hermitian_part, rightmost_of_field, scaled, unit_of
from .units import eigenvalue_rounding, times_power

_LINES, _TIMES = 64, 2048  # where a bound is given up: at most as many lines, and as many times


class _Line(NamedTuple):
    """The least singular value on a line, from both sides, and the w where `upper` is attained."""

    lower: float
    upper: float
    w: float


def pseudospectral_abscissa(A: Array, eps: float, *, tolerance: float = 1e-6) -> Bounds:
    r"""How far right a perturbation of norm `eps` can move an eigenvalue of A (N, N).

    .. math::  \alpha_\epsilon(A) = \max_{|E|_2 \le \epsilon} \alpha(A + E)
               = \max \{\operatorname{Re} z : \sigma_{\min}(z I - A) \le \epsilon\}.

    alpha + eps for a normal matrix, about alpha + eps^{1/N} for a Jordan block. `lower` is attained
    at `at` (of nonnegative imaginary part for a real A), where sigma_min is `eps` but for its
    rounding, N u |A| with u = 2^{-52}. On the line through `upper`, and right of it, sigma_min is
    at least `eps`.

    Accuracy: `upper` - `lower` is `tolerance` (`lower` - alpha), or 4 or 16 times that where
    sigma_min rises slowly to the right, unless rounding forbids. It does where `eps` nears N u |A|:
    then the gap grows, at most to `upper` = omega + eps of the numerical range, and for `eps` below
    that `lower` is little more than the abscissa as LAPACK finds it.

    Raises TypeError or ValueError for what is no finite square matrix, and for an `eps` or
    `tolerance` that is not positive. Cost: three to six Schur forms of order 2N, and some ten
    singular value decompositions each.

    Sources: Burke, Lewis & Overton 2003 (IMA J. Numer. Anal. 23) for the criss-cross search;
    `norms` for the certificate.

    >>> import numpy as np
    >>> found = pseudospectral_abscissa(np.array([[-1.0, 0.0], [0.0, -2.0]]), 0.25)
    >>> round(found.lower, 6), round(found.upper, 5)
    (-0.75, -0.75)
    """
    A, exponent = unit_of(A)
    eps = require.real("eps", eps, above=0)
    tolerance = require.real("tolerance", tolerance, above=0)
    shift = max(exponent, math.frexp(eps)[1]) - exponent
    A, exponent, eps = (
        times_power(A, -shift),
        exponent + shift,
        max(math.ldexp(eps, -exponent - shift), TINY),
    )
    poles = _poles(A)
    right = poles[np.argmax(poles.real)]
    alpha, far = float(right.real), rightmost_of_field(A) + eps
    rounding = eigenvalue_rounding(len(A)) * float(np.linalg.norm(A))
    point = complex(alpha + eps, right.imag)
    step, least = (
        0.0,
        rounding / 64,
    )  # steps below the rounding lead nowhere, and ever longer ones to an end
    while True:
        step, least = max(step, tolerance * max(point.real - alpha, eps), least), 2 * least
        x = point.real + step
        if x >= far + rounding:
            upper = max(far + rounding, point.real)
            break
        depth = max(tolerance * eps / 4, 4 * _perturbation(A, x, eps), TINY)
        w = _candidates(A, x, eps + depth, depth)
        sigma = _sigma(A, x + 1j * w)
        inside = sigma <= eps
        if np.any(inside):
            point = max(
                (_rightmost(A, eps, x, v, far + rounding) for v in w[inside]), key=lambda z: z.real
            )
            step = 0.0
        elif np.all(sigma >= eps + depth):
            upper = x
            break
        else:
            step *= 4
    imag = point.imag if np.iscomplexobj(A) else abs(point.imag)
    point = complex(scaled(point.real, exponent), scaled(imag, exponent))
    return Bounds(point.real, scaled(upper, exponent), point)


def kreiss(A: Array, *, tolerance: float = 1e-2) -> Bounds:
    r"""The Kreiss constant of A (N, N) for the half-plane: what transient growth the pseudospectra
    foretell.

    .. math::  K(A) = \sup_{\operatorname{Re} z > 0} \operatorname{Re} z \, |(z I - A)^{-1}|_2
               = \sup_{\epsilon > 0} \frac{\alpha_\epsilon(A)}{\epsilon}, \qquad
               K(A) \le \sup_{t \ge 0} |e^{tA}|_2 \le e N K(A).

    At least 1, the limit far out, where `at` is inf. With r = 4 sqrt(N) u |A|_F, u = 2^{-52}:

    - numerical abscissa at most r: exactly 1, on both sides. (A - r I is dissipative; double precision cannot tell more.)
    - sigma_min on the imaginary axis above the rounding of its level set: what is right of the axis is decided, and K = inf if
      anything is. Otherwise `lower` is attained at `at`, and `upper` is a chord of log g (module docstring), within
      `tolerance` of it unless rounding forbids.
    - else not decided: `lower` is the best of a few lines, and `upper` that of `transient_growth`.

    Raises TypeError or ValueError for what is no finite square matrix, and for a `tolerance` that
    is not positive. Cost: 5 to 15 lines, each two to four Schur forms of order 2N.

    Sources: Kreiss 1962 (BIT 2); Spijker 1991 (BIT 31) for e N; Mitchell 2020 (SIAM J. Matrix Anal.
    Appl. 41) for other certificates; derived here: the chord.

    >>> import numpy as np
    >>> found = kreiss(np.array([[-1.0, 30.0], [0.0, -2.0]]))
    >>> round(found.lower, 2), found.upper < 1.01 * found.lower
    (5.19, True)
    """
    A, exponent = unit_of(A)
    tolerance = require.real("tolerance", tolerance, above=0)
    poles, omega, rounding = (
        _poles(A),
        rightmost_of_field(A),
        eigenvalue_rounding(len(A)) * float(np.linalg.norm(A)),
    )
    if omega <= rounding:
        return Bounds(1.0, 1.0, complex(math.inf, 0.0))
    right = poles[np.argmax(poles.real)]
    axis = _line(A, 0.0, poles[np.argsort(-poles.real)[:8]].imag, tolerance / 4)
    if axis.lower > 0 and right.real > 0:
        lower, upper, point = math.inf, math.inf, complex(right)
    elif axis.lower > 0:
        lower, upper, point = _kreiss(A, omega, axis, tolerance)
    else:
        w, lines = np.array([axis.w, right.imag]), []
        for x in (omega * 10.0 ** -np.arange(-1, 11)).tolist():
            line = _line(A, x, w, tolerance)
            w, lines = (
                np.array([axis.w, right.imag, line.w]),
                [*lines, (_ratio(A, x, line.w), complex(x, line.w))],
            )
        lower, point = max(lines, key=lambda entry: entry[0])
        upper = max(lower, transient_growth(A, tolerance=tolerance).upper)
    point = complex(scaled(point.real, exponent), scaled(point.imag, exponent))
    return (
        Bounds(lower, upper, point)
        if lower > 1
        else Bounds(1.0, max(upper, 1.0), complex(math.inf, 0.0))
    )


def transient_growth(A: Array, *, tolerance: float = 1e-2) -> Bounds:
    r"""How large |e^{tA}|_2 becomes for A (N, N): the largest factor by which a state of x' = A x
    grows before it decays.

    .. math::  \sup_{t \ge 0} |e^{tA}|_2.

    At least 1, `at` 0. Between two times at which the norms are n_1 and n_2 nothing is left
    open: with H = (A + A^*)/2,

    .. math::  \frac{d^2}{dt^2} |e^{tA} x|^2 = 2\, y^* (H A + A^* H)\, y \ge -k^2 |y|^2, \quad y = e^{tA} x, \qquad
               k^2 = \max(0, -2 \lambda_{\min}(H A + A^* H)),

    so by Sturm's comparison |e^{tA} x|^2 stays below the solution of f'' = -k^2 f with the end
    values n_1^2 and n_2^2 if the times are less than pi/k apart. The norm is also at most n_1 e^{s
    omega}, s the time since the first, and n_1 times the growth until s. Beyond a time where it is
    below 1 all is repetition, for it is submultiplicative.

    1 on both sides for a numerical abscissa within rounding of 0 or less; inf on both if A has an
    eigenvalue right of the axis, both decided as in `kreiss`. Where stability is not decided and no
    norm below 1/2 is found, `lower` is the best of a few times, and `upper` kappa_2 of the computed
    eigenvectors if none of the eigenvalues is found right of the axis by more than rounding: a
    bound where those at the axis are on it and semisimple. inf if one is, or if the eigenvectors
    are dependent.

    `lower` is attained at `at`, but for the rounding of scipy.linalg.expm, which `upper` does not
    include either. `upper` is (1 + tolerance) `lower` unless that takes more than 2048 times, as it
    may where k is far above the rates that matter.

    Raises TypeError or ValueError for what is no finite square matrix, and for a `tolerance` that
    is not positive. Cost: some 50 to 200 exponentials.

    Source: Trefethen & Embree 2005, Spectra and Pseudospectra, sections 14 to 17; derived here: the
    bound by Sturm's theorem.

    >>> import numpy as np
    >>> found = transient_growth(np.array([[-1.0, 30.0], [0.0, -2.0]]))  # about 30 (e^{-t} - e^{-2t}), at most 7.5
    >>> round(found.lower, 1), found.upper < 1.01 * found.lower
    (7.5, True)
    """
    A, exponent = unit_of(A)
    tolerance = require.real("tolerance", tolerance, above=0)
    poles, omega, rounding = (
        _poles(A),
        rightmost_of_field(A),
        eigenvalue_rounding(len(A)) * float(np.linalg.norm(A)),
    )
    if omega <= rounding:
        return Bounds(1.0, 1.0, 0.0)
    right = poles[np.argmax(poles.real)]
    axis = _line(A, 0.0, poles[np.argsort(-poles.real)[:8]].imag, 0.1)
    if axis.lower > 0 and right.real > 0:
        return Bounds(math.inf, math.inf, math.inf)
    t, n, settled = _doubled(A, until=1e3 / rounding if axis.lower > 0 else 1e8)
    if settled:
        t, n, upper = _filled(A, omega, t, n, tolerance)
    else:
        upper = (
            max(_marginal(A, right, rounding), float(np.max(n))) if axis.lower == 0 else math.inf
        )
    best = int(np.argmax(n))
    return Bounds(float(n[best]), upper, scaled(float(t[best]), -exponent))


def _poles(A: np.ndarray) -> Complex:
    """The eigenvalues, those of a triangular matrix exactly."""
    return np.diag(shifted.triangular(A)[0])


def _sigma(A: np.ndarray, z: np.ndarray) -> Real:
    """sigma_min(z I - A) for each z."""
    return np.array([np.linalg.svd(s * np.eye(len(A)) - A, compute_uv=False)[-1] for s in z])


def _ratio(A: np.ndarray, x: float, w: float) -> float:
    """x |R(x + i w)|, its rounding taken off."""
    rounding = eigenvalue_rounding(len(A)) * (float(np.linalg.norm(A)) + math.hypot(x, w))
    return float(x / (_sigma(A, np.array([x + 1j * w]))[0] + rounding))


def _hamiltonian(A: np.ndarray, x: float, level: float) -> np.ndarray:
    F, h = A - x * np.eye(len(A)), level * np.eye(len(A))
    return np.block([[-F.conj().T, h], [-h, F]])


def _perturbation(A: np.ndarray, x: float, level: float) -> float:
    """|E|, the eigenvalues found on the line being those of H + E."""
    return eigenvalue_rounding(2 * len(A)) * float(np.linalg.norm(_hamiltonian(A, x, level)))


def _candidates(A: np.ndarray, x: float, level: float, depth: float) -> Real:
    """Heights w at which a valley deeper than `depth` below the level is met, if there is one on
    the line Re z = x.
    """
    H = _hamiltonian(A, x, level)
    poles = _poles(
        H
    )  # by the Schur form, for `eigvals` balances, and E would be small row by row, not as a whole
    width = 2 * (float(np.linalg.norm(A)) + level)
    off = np.abs(poles.real)
    near = off <= max(
        32 * width * _perturbation(A, x, level) / depth, float(np.sort(off)[min(7, len(off) - 1)])
    )
    w = poles.imag[near] if np.iscomplexobj(A) else np.append(np.abs(poles.imag[near]), 0.0)
    w = np.unique(w)
    return np.sort(np.concatenate([w, (w[1:] + w[:-1]) / 2]))


def _line(A: np.ndarray, x: float, w: Real, tolerance: float) -> _Line:
    """min over w of sigma_min((x + i w) I - A), searched from the heights `w` (W,)."""
    w = np.append(w, 0.0)
    sigma = _sigma(A, x + 1j * w)
    least, best = float(np.min(sigma)), float(w[np.argmin(sigma)])
    while True:
        depth = max(tolerance * least / 4, 2 * _perturbation(A, x, least))
        level = (1 - tolerance / 2) * least
        if level <= depth:
            return _Line(0.0, least, best)
        w = _candidates(A, x, level, depth)
        sigma = _sigma(A, x + 1j * w)
        if np.min(sigma) >= level:
            return _Line(level - depth, least, best)
        least, best = float(np.min(sigma)), float(w[np.argmin(sigma)])


def _rightmost(A: np.ndarray, eps: float, x: float, w: float, far: float) -> complex:
    """A point of the pseudospectrum right of x + i w, which is one: where sigma_min becomes `eps`
    on the horizontal line.
    """

    def excess(x: float) -> float:
        return float(_sigma(A, np.array([x + 1j * w]))[0]) - eps

    if excess(far) <= 0:
        return complex(far, w)
    end = float(scipy.optimize.brentq(excess, x, far, xtol=1e-300, rtol=1e-14))  # pyright: ignore[reportArgumentType]
    return complex(max(x, end), w)


def _kreiss(
    A: np.ndarray, omega: float, axis: _Line, tolerance: float
) -> tuple[float, float, complex]:
    """The bounds for A with all eigenvalues left of the axis, and numerical abscissa omega > 0."""

    def chord(left: int) -> tuple[float, float]:
        """The largest x/g on one interval if log g is its chord, which it is not below, and
        where.
        """
        (x1, x2), (g1, g2) = x[left : left + 2], g[left : left + 2]
        slope = math.log(g2 / g1) / (x2 - x1)
        at = min(max(1 / slope, x1), x2) if slope > 0 else x2
        return at / (g1 * math.exp(slope * (at - x1))), at

    lower, point = 1.0, complex(math.inf, 0.0)
    w = [axis.w]
    far = omega * (
        1 + 4 / tolerance
    )  # from there on x/g <= x/(x - omega), which is on the last chord
    x, g = [0.0, far], [axis.lower, far - omega]
    for _ in range(_LINES):
        upper, at = max(chord(left) for left in range(len(x) - 1))
        if upper <= (1 + tolerance) * lower or at in x:
            break
        line = _line(A, at, np.array(w), tolerance / 4)
        w = [axis.w, line.w]
        if (found := _ratio(A, at, line.w)) > lower:
            lower, point = found, complex(at, line.w)
        place = int(np.searchsorted(x, at))
        x.insert(place, at)
        g.insert(
            place, min(max(line.lower, g[place - 1], at - omega), line.upper)
        )  # g rises: rounding takes nothing away
    upper = max(chord(left)[0] for left in range(len(x) - 1))
    return lower, max(upper, lower), point


def _marginal(A: np.ndarray, right: complex, rounding: float) -> float:
    """kappa_2 of the eigenvectors as a bound of all growth, if no eigenvalue is right of the axis
    by more than rounding.
    """
    return condition(np.linalg.eig(A)[1]) if right.real <= rounding else math.inf


def _size(A: np.ndarray, t: float) -> float:
    """|e^{tA}|_2, inf where it is out of range."""
    with np.errstate(all="ignore"):
        E = scipy.linalg.expm(t * A)
    return float(np.linalg.norm(E, 2)) if np.all(np.isfinite(E)) else math.inf


def _doubled(A: np.ndarray, until: float) -> tuple[Real, Real, bool]:
    """Times 0, 1, 2, 4, ... and the norms, to the first norm below 1/2 or the time `until`; whether
    there was such a norm.
    """
    t, n = [0.0, 1.0], [1.0, _size(A, 1.0)]
    while n[-1] >= 0.5 and t[-1] < until:
        t.append(2 * t[-1])
        n.append(_size(A, t[-1]))
    return np.array(t), np.array(n), n[-1] < 0.5


def _filled(
    A: np.ndarray, omega: float, t: Real, n: Real, tolerance: float
) -> tuple[Real, Real, float]:
    """The times and norms with as many between them as it takes, and what no norm until the last
    time exceeds.
    """
    H = hermitian_part(A)
    k = math.sqrt(max(0.0, -2 * float(np.linalg.eigvalsh(H @ A + A.conj().T @ H)[0])))
    while True:
        bound = _between(k, omega, t, n)
        open_ = bound > (1 + tolerance) * np.max(n)
        if not np.any(open_) or len(t) + np.sum(open_) > _TIMES:
            return t, n, max(float(np.max(bound)), float(np.max(n)))
        middle = ((t[1:] + t[:-1]) / 2)[open_]
        t, n = np.append(t, middle), np.append(n, [_size(A, s) for s in middle])
        order = np.argsort(t)
        t, n = t[order], n[order]


def _between(k: float, omega: float, t: Real, n: Real) -> Real:
    """What the norm does not exceed from one time to the next (T - 1,)."""
    s, most, ratio = (
        np.diff(t),
        np.maximum(n[1:], n[:-1]),
        np.minimum(n[1:], n[:-1]) / np.maximum(n[1:], n[:-1]),
    )
    turn = np.minimum(k * s, math.pi)
    with np.errstate(all="ignore"):
        # The sinusoid through both squares has its crest between them if the lower one is above
        # cos(k s) of the higher.
        crest = np.sqrt(np.hypot(1, (ratio**2 - np.cos(turn)) / np.sin(turn)))
        sturm = most * np.where(turn >= 3, np.inf, np.where(ratio**2 > np.cos(turn), crest, 1.0))
        bound = np.minimum(sturm, n[:-1] * np.exp(omega * s))
    for j in range(
        1, len(bound)
    ):  # submultiplicative: n_1 times the growth until s, which intervals before this one hold
        until = int(np.searchsorted(t, s[j]))
        if until <= j:
            bound[j] = min(bound[j], max(n[j], n[j] * float(np.max(bound[:until]))))
    return bound
