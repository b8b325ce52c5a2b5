r"""Definitions in multiple precision: the slow and obviously right twin of everything fast.

Each function is the transcription of a definition. Nothing of the rest of the library is imported,
so an agreement with it means something.

Arrays of any library are accepted if they have ``tolist``, and so are nested sequences and mpmath
matrices. A binary float is an exact number and is converted exactly: a result belongs to the
numbers given, not to their decimal form.

Every function takes ``digits``, at least 15. The work is done in twice as many, in a private
context: no global precision is touched and a problem may lose as many digits as it keeps (a
condition number of 10^digits) before an answer suffers. Matrices and states come back as mpmath
matrices (N, N) and (N, 1).

Convention: x_l = Abar x_{l-1} + Bnow u_l + Bprevious u_{l-1},  y_l = C x_l + D u_l, with no input
before the first.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral
from typing import Any, TypeAlias

import mpmath

__all__ = [
    "RULES",
    "condition",
    "convolve",
    "discretize",
    "eigenvalues",
    "impulse_response",
    "kernel",
    "legs_lossless_spectrum",
    "legs_normal_spectrum",
    "legs_state",
    "scan",
    "spectral_norm",
    "transfer",
]


def __dir__() -> list[str]:
    return __all__


_MOST = 10**6  # digits, samples or states: more would never end


Array: TypeAlias = Any  # what has `tolist`, a nested sequence, or an mpmath matrix
Matrix: TypeAlias = Any  # mpmath has no stubs: a matrix,
Number: TypeAlias = Any  # a number,
Context: TypeAlias = Any  # and the precision that both belong to

RULES = ("zoh", "foh", "impulse", "mamba", "forward", "bilinear", "backward", "gbt")


def discretize(
    A: Array, B: Array, step: Number, rule: str, alpha: Number | None = None, *, digits: int = 50
) -> tuple[Matrix, Matrix, Matrix]:
    r"""The recurrence that stands for x' = A x + B u sampled every h = `step`.

    ==============  =============================  ===========================  ===================
    rule            Abar                           Bnow                         Bprevious
    ==============  =============================  ===========================  ===================
    zoh             e^{hA}                         int_0^h e^{(h-t)A} B dt      0
    foh             e^{hA}                         int_0^h e^{(h-t)A} B t/h dt  the same of 1 - t/h
    impulse, mamba  e^{hA}                         h B                          0
    gbt             (I - a h A)^{-1}(I + (1-a)hA)  (I - a h A)^{-1} h B         0
    ==============  =============================  ===========================  ===================

    The input is constant over a step for zoh, and linear for foh. forward, bilinear and backward
    are gbt with a = `alpha` = 0, 1/2 and 1. A may be singular.

    Args:
        A: the system matrix (N, N).
        B: the input vector (N,).
        step: h, positive.
        rule: one of `RULES`.
        alpha: a, for "gbt" only.
        digits: the digits of the result.

    Returns:
        Abar (N, N), Bnow (N, 1) and Bprevious (N, 1).

    Raises:
        TypeError: if `A` or `B` is no array.
        ValueError: for shapes that do not fit, entries that are not finite, a step that is not
            positive, an unknown rule, an `alpha` beside another rule, and a singular I - alpha h A.

    Source:
        Van Loan 1978 (the integrals from one exponential); Zhang, Chen & Chen 2009 (gbt).

    Example:
        >>> Abar, Bnow, Bprevious = discretize([[0]], [1], 0.25, "foh")  # the trapezoidal rule
        >>> float(Abar[0]), float(Bnow[0]), float(Bprevious[0])
        (1.0, 0.125, 0.125)
    """
    if not isinstance(rule, str) or rule not in RULES:
        raise ValueError(
            f"`rule` must be a known one; got {_said(rule)}. Choose from {', '.join(RULES)}."
        )
    if (rule == "gbt") != (alpha is not None):
        raise ValueError(
            "`alpha` belongs to the rule 'gbt', and only to it; "
            f"got alpha={_said(alpha)} with {rule!r}. Change either."
        )
    ctx = _context(digits)
    A = _square(ctx, "A", A)
    B = _vector(ctx, "B", B, like=A)
    h = _positive(ctx, "step", step)
    if rule in ("zoh", "foh", "impulse", "mamba"):
        return _held(ctx, h * A, h * B, rule)
    alpha = {"forward": 0, "bilinear": 0.5, "backward": 1}.get(rule, alpha)
    a = _number(ctx, "alpha", alpha)
    one = ctx.eye(A.rows)
    with _singular(
        "I - alpha step A must be regular; "
        f"got it singular at step={step}, alpha={alpha}. Change either."
    ):
        inverse = ctx.inverse(one - a * h * A)
    return inverse * (one + (1 - a) * h * A), inverse * (h * B), ctx.zeros(A.rows, 1)


def _held(ctx: Context, A: Matrix, B: Matrix, rule: str) -> tuple[Matrix, Matrix, Matrix]:
    """The rules with e^A, of a system in units of the step."""
    N = A.rows
    M = ctx.zeros(N + 2)  # d/dt (x, u, u') = M (x, u, u'): a linear input is a state too
    M[:N, :N] = A
    M[:N, N] = B
    M[N, N + 1] = 1
    exponential = ctx.expm(M)
    Abar = exponential[:N, :N]
    constant = exponential[:N, N]
    ramp = exponential[:N, N + 1]
    if rule == "foh":
        return Abar, ramp, constant - ramp
    return Abar, constant if rule == "zoh" else B, ctx.zeros(N, 1)


def scan(
    A: Array,
    B: Array,
    C: Array,
    D: Number,
    step: Number,
    inputs: Array,
    rule: str = "zoh",
    alpha: Number | None = None,
    state: Array | None = None,
    *,
    digits: int = 50,
) -> tuple[list[Number], Matrix]:
    r"""The outputs y_l = C x_l + D u_l of the recurrence of `discretize`, one step after another.

    Args:
        A: the system matrix (N, N).
        B: the input vector (N,).
        C: the output vector (N,).
        D: the direct path, a number.
        step: the step, positive.
        inputs: u_0 .. u_{L-1}; the input before u_0 is zero.
        rule: one of `RULES`.
        alpha: for "gbt" only.
        state: x_{-1} (N,), zero if None.
        digits: the digits of the result.

    Returns:
        y_0 .. y_{L-1}, and x_{L-1} (N, 1). To go on from there with "foh" loses the last input.

    Raises:
        TypeError: if an array is none.
        ValueError: for shapes that do not fit, and what `discretize` raises.

    Example:
        >>> outputs, state = scan([[0]], [1], [1], 0, 0.5, [1, 2, 3])  # the running sum
        >>> [float(y) for y in outputs], float(state[0])
        ([0.5, 1.5, 3.0], 3.0)
    """
    Abar, Bnow, Bprevious = discretize(A, B, step, rule, alpha, digits=digits)
    ctx = Abar.ctx
    C = _vector(ctx, "C", C, like=Abar).T
    D = _number(ctx, "D", D)
    x = ctx.zeros(Abar.rows, 1) if state is None else _vector(ctx, "state", state, like=Abar)
    outputs = []
    previous = ctx.zero
    for now in _vector(ctx, "inputs", inputs):
        x = Abar * x + Bnow * now + Bprevious * previous
        outputs.append((C * x)[0] + D * now)
        previous = now
    return outputs, x


def kernel(
    A: Array,
    B: Array,
    C: Array,
    D: Number,
    step: Number,
    length: int,
    rule: str = "zoh",
    alpha: Number | None = None,
    *,
    digits: int = 50,
) -> list[Number]:
    r"""The impulse response K_0 .. K_{L-1} of the recurrence, found by giving it an impulse.

    .. math::  K_0 = C B_{now} + D, \qquad
               K_l = C \bar A^{l-1} (\bar A B_{now} + B_{previous}).

    Args:
        A: the system matrix (N, N).
        B: the input vector (N,).
        C: the output vector (N,).
        D: the direct path, a number.
        step: the step, positive.
        length: L.
        rule: one of `RULES`.
        alpha: for "gbt" only.
        digits: the digits of the result.

    Returns:
        The L numbers.

    Raises:
        TypeError: if an array is none.
        ValueError: for shapes that do not fit, a length below 1, and what `discretize` raises.

    Example:
        >>> [float(k) for k in kernel([[-1]], [1], [1], 7, 1, 3, "backward")]
        [7.5, 0.25, 0.125]
    """
    impulse = [1] + [0] * (_count("length", length) - 1)
    return scan(A, B, C, D, step, impulse, rule, alpha, digits=digits)[0]


def convolve(u: Array, k: Array, *, digits: int = 50) -> list[Number]:
    r"""The causal convolution y_l = sum_{j <= l} k_j u_{l-j}, as long as `u`.

    Args:
        u: the input (L,).
        k: the kernel, of any length; zero beyond its end.
        digits: the digits of the result.

    Returns:
        The L outputs.

    Raises:
        TypeError: if an argument is no array.
        ValueError: for entries that are not finite, and anything but vectors.

    Example:
        >>> [float(y) for y in convolve([1, 2, 3], [1, 10])]
        [1.0, 12.0, 23.0]
    """
    ctx = _context(digits)
    u = list(_vector(ctx, "u", u))
    k = list(_vector(ctx, "k", k))
    return [ctx.fsum(k[j] * u[i - j] for j in range(min(i + 1, len(k)))) for i in range(len(u))]


def transfer(A: Array, B: Array, C: Array, D: Number, s: Number, *, digits: int = 50) -> Number:
    r"""The transfer function C (s I - A)^{-1} B + D of the continuous system, by LU.

    Args:
        A: the system matrix (N, N).
        B: the input vector (N,).
        C: the output vector (N,).
        D: the direct path, a number.
        s: one complex frequency.
        digits: the digits of the result.

    Returns:
        A complex number.

    Raises:
        TypeError: if an array is none.
        ValueError: if `s` is an eigenvalue of A, for shapes that do not fit, and entries that are
            not finite.

    Example:
        >>> complex(transfer([[-1]], [1], [1], 0, 1j))
        (0.5-0.5j)
    """
    ctx = _context(digits)
    A = _square(ctx, "A", A)
    B = _vector(ctx, "B", B, like=A)
    C = _vector(ctx, "C", C, like=A).T
    D = _number(ctx, "D", D)
    M = _number(ctx, "s", s) * ctx.eye(A.rows) - A
    with _singular(f"`s` must not be an eigenvalue of A; got {s}. Move it off the spectrum."):
        x = ctx.lu_solve(M, B)
    return (C * x)[0] + D


def impulse_response(A: Array, B: Array, t: Number, *, digits: int = 50) -> Matrix:
    r"""The state e^{tA} B a time t after an impulse.

    Args:
        A: the system matrix (N, N).
        B: the input vector (N,).
        t: one time.
        digits: the digits of the result.

    Returns:
        The state (N, 1).

    Raises:
        TypeError: if an array is none.
        ValueError: for shapes that do not fit, and entries that are not finite.

    Example:
        >>> position, speed = impulse_response([[0, 1], [0, 0]], [0, 1], 3)
        >>> float(position), float(speed)
        (3.0, 1.0)
    """
    ctx = _context(digits)
    A = _square(ctx, "A", A)
    return ctx.expm(_number(ctx, "t", t) * A) * _vector(ctx, "B", B, like=A)


def eigenvalues(A: Array, *, digits: int = 50) -> list[Number]:
    r"""The eigenvalues of a matrix, in no particular order.

    Args:
        A: a matrix (N, N).
        digits: the digits of the result.

    Returns:
        The N eigenvalues.

    Raises:
        TypeError: if `A` is no array.
        ValueError: if it is not square, and for entries that are not finite.

    Accuracy:
        Those of a Jordan block of size n keep 2/n of the `digits`.

    Example:
        >>> sorted(float(value) for value in eigenvalues([[2, 1], [1, 2]]))
        [1.0, 3.0]
    """
    ctx = _context(digits)
    A = _square(ctx, "A", A)
    if A.rows == 1:  # where mpmath returns vectors as well
        return [A[0]]
    return list(ctx.eig(A, left=False, right=False))


def spectral_norm(A: Array, *, digits: int = 50) -> Number:
    r"""The spectral norm: the largest singular value.

    Args:
        A: a matrix (M, N).
        digits: the digits of the result.

    Returns:
        A number.

    Raises:
        TypeError: if `A` is no array.
        ValueError: if it is no matrix, and for entries that are not finite.

    Example:
        >>> float(spectral_norm([[0, 3], [-4, 0]]))
        4.0
    """
    return max(_singular_values("A", A, digits))


def condition(V: Array, *, digits: int = 50) -> Number:
    r"""The condition number in the 2-norm: the largest singular value over the smallest.

    Args:
        V: a matrix (M, N).
        digits: the digits of the result.

    Returns:
        A number; infinite for a matrix without full rank, and beyond 10^(2 digits), which cannot be
        told from it.

    Raises:
        TypeError: if `V` is no array.
        ValueError: if it is no matrix, and for entries that are not finite.

    Example:
        >>> float(condition([[1, 0], [0, 8]])), float(condition([[1, 2], [2, 4]]))
        (8.0, inf)
    """
    values = _singular_values("V", V, digits)
    largest = max(values)
    smallest = min(values)
    if smallest <= largest * len(values) * values.ctx.eps:
        return values.ctx.inf
    return largest / smallest


def legs_state(order: int, s: Number, *, digits: int = 50) -> list[Number]:
    r"""The states (s I - A)^{-1} B of HiPPO-LegS in closed form.

    .. math::
        x_n(s) = \frac{\sqrt{2n+1}}{s+n+1} \prod_{m<n} \frac{s-m}{s+m+1}, \qquad n = 0 .. N-1,

    of A_nk = -sqrt(2n+1) sqrt(2k+1) (n > k), -(n+1) (n = k), 0 (n < k), and B_n = sqrt(2n+1).

    Args:
        order: N.
        s: one complex frequency.
        digits: the digits of the result.

    Returns:
        The N states.

    Raises:
        ValueError: if `s` is one of the poles -1 .. -N, or not finite; for an order below 1.

    Source:
        Gu et al. 2020 (HiPPO), Theorem 2 (A and B).

    Example:
        >>> [float(x) for x in legs_state(3, 0)]
        [1.0, 0.0, 0.0]
    """
    ctx = _context(digits)
    N = _count("order", order)
    s = _number(ctx, "s", s)
    if any(s == -(n + 1) for n in range(N)):
        raise ValueError(
            f"`s` must not be one of the poles -1 .. -{N}; got {complex(s)}. Move it off them."
        )
    return [
        ctx.sqrt(2 * n + 1) / (s + n + 1) * ctx.fprod((s - m) / (s + m + 1) for m in range(n))
        for n in range(N)
    ]


def legs_normal_spectrum(order: int, *, digits: int = 50) -> list[Number]:
    r"""The eigenvalues -1/2 + i w of the normal part A + B B^T / 2 of HiPPO-LegS.

    .. math::
        \sum_{k=1}^{N} \arctan \frac{w}{k - 1/2} = (N+1) \frac{\pi}{2} - m \pi, \qquad m = 1 .. N.

    It is Phi(i w) = -1, by phase, with the Phi of `legs_lossless_spectrum`. The sum is the
    imaginary part of log Gamma(N + 1/2 + i w) - log Gamma(1/2 + i w). It increases and, for w > 0,
    is concave: Newton's method started left of a root never passes it.

    Args:
        order: N.
        digits: the digits of the result.

    Returns:
        The N numbers w, increasing.

    Raises:
        ValueError: if `order` is no positive integer.

    Example:
        >>> [round(float(w), 3) for w in legs_normal_spectrum(3)]
        [-2.398, 0.0, 2.398]
    """
    ctx = _context(digits)
    N = _count("order", order)
    tolerance = ctx.mpf(10) ** -digits  # of a change; what is left is its square

    def difference(function: Any, w: Number) -> Number:
        return function(ctx.mpc(N + 0.5, w)) - function(ctx.mpc(0.5, w))

    positive = []
    w = ctx.zero
    for m in range(N // 2, 0, -1):
        while True:
            missing = (N + 1) * ctx.pi / 2 - m * ctx.pi - difference(ctx.loggamma, w).imag
            change = missing / difference(ctx.digamma, w).real
            w += change
            if abs(change) <= tolerance * w:
                break
        positive.append(w)
    return [-w for w in reversed(positive)] + [ctx.zero] * (N % 2) + positive


def legs_lossless_spectrum(order: int, tau: Number, *, digits: int = 50) -> list[Number]:
    r"""The eigenvalues sigma - 1/2 of A + (tau/2) B B^T, A and B of HiPPO-LegS.

    .. math::
        \prod_{k=1}^{N} (\sigma - k + 1/2) - (1 - 2/\tau) \prod_{k=1}^{N} (\sigma + k - 1/2) = 0.

    Phi(sigma) = 1 - B^T (sigma I - A - I/2)^{-1} B is the quotient of the two products, and sigma -
    1/2 an eigenvalue where it equals 1 - 2/tau. All roots are found at once by the iteration of
    Weierstrass (Durand and Kerner): each moves as Newton's method would if the others stood where
    they should.

    Args:
        order: N.
        tau: 0 < tau <= 1.
        digits: the digits of the result.

    Returns:
        The N eigenvalues, in no particular order.

    Raises:
        ValueError: if `tau` or `order` is out of range.

    Cost:
        Seconds at N = 32.

    Example:
        >>> [complex(value) for value in legs_lossless_spectrum(1, 0.5)]
        [(-0.75+0j)]
    """
    ctx = _context(digits)
    N = _count("order", order)
    tau = _positive(ctx, "tau", tau)
    if tau > 1:
        raise ValueError(
            f"`tau` must lie in (0, 1]; got {float(tau)}. Use 1 for the normal matrix."
        )

    ctx.dps += digits  # a double root, where two eigenvalues meet, halves the digits
    tolerance = ctx.mpf(10) ** -digits
    half = [ctx.mpf(k) - 0.5 for k in range(1, N + 1)]

    def monic(sigma: Number) -> Number:
        zeros = ctx.fprod(sigma - k for k in half)
        poles = ctx.fprod(sigma + k for k in half)
        return tau / 2 * zeros + (1 - tau / 2) * poles

    roots = [N * ctx.mpc(0.4, 0.9) ** n for n in range(N)]  # any start without symmetry
    moving = True
    while moving:
        moving = False
        for i, sigma in enumerate(roots):
            change = monic(sigma) / ctx.fprod(sigma - other for other in roots[:i] + roots[i + 1 :])
            roots[i] -= change
            moving |= abs(change) > tolerance * max(1, abs(sigma))
    return [sigma - 0.5 for sigma in roots]


def _context(digits: int) -> Context:
    if _count("digits", digits) < 15:
        raise ValueError(
            f"`digits` must be at least 15, for a float has as many; got {digits}. 50 is usual."
        )
    ctx = mpmath.MPContext()
    ctx.dps = 2 * digits
    return ctx


def _count(name: str, value: int) -> int:
    if not isinstance(value, Integral) or value < 1:
        got = _said(value)
        raise ValueError(f"`{name}` must be a positive integer; got {got}. Give one of at least 1.")
    if value > _MOST:
        raise ValueError(f"`{name}` must be at most {_MOST}; got {_said(value)}. Give less.")
    return int(value)


def _said(value: Any) -> str:
    """A value in one line, as the sentence of an error says it."""
    text = repr(value)
    return text if len(text) <= 80 and text.isprintable() else f"a {type(value).__name__}"


def _listed(name: str, value: Any) -> Any:
    """An array as lists of numbers, anything else as it is."""
    try:
        return value.tolist() if hasattr(value, "tolist") else value
    except (TypeError, RuntimeError, ValueError):
        got = type(value).__name__
        rule = f"`{name}` must be made of numbers"
        raise TypeError(f"{rule}; got a {got} without. Convert it with numpy.asarray.") from None


def _number(ctx: Context, name: str, value: Number) -> Number:
    try:
        plain = _listed(name, value)
        if isinstance(plain, (str, bytes, bool, list, tuple)):
            raise TypeError
        number = ctx.convert(plain)
    except (TypeError, ValueError):
        got = _said(value)
        raise TypeError(f"`{name}` must be a number; got {got}. Give one of Python.") from None
    if not ctx.isfinite(number):
        raise ValueError(f"`{name}` must be finite; got {number}. Look for where it arose.")
    return number


def _positive(ctx: Context, name: str, value: Number) -> Number:
    number = _number(ctx, name, value)
    if number.imag != 0 or not number.real > 0:
        raise ValueError(f"`{name}` must be real and positive; got {value}. Give a number above 0.")
    return number.real


def _matrix(ctx: Context, name: str, array: Array) -> Matrix:
    """The array, exactly; a vector becomes a column."""
    rows = _listed(name, array)
    if not isinstance(rows, (list, tuple)):
        raise TypeError(
            f"`{name}` must be an array, a list or a tuple; "
            f"got {type(array).__name__}. Wrap it in a list."
        )
    rows = [row if isinstance(row, (list, tuple)) else [row] for row in rows]
    if len({len(row) for row in rows}) != 1 or not rows[0]:
        raise ValueError(
            f"`{name}` must be a matrix or a vector; "
            f"got rows of lengths {[*map(len, rows)]}. Make them equal."
        )
    return ctx.matrix([[_number(ctx, name, entry) for entry in row] for row in rows])


def _square(ctx: Context, name: str, array: Array) -> Matrix:
    M = _matrix(ctx, name, array)
    if M.rows != M.cols:
        raise ValueError(
            f"`{name}` must have shape (N, N); got ({M.rows}, {M.cols}). Use a square matrix."
        )
    return M


def _vector(ctx: Context, name: str, array: Array, like: Matrix | None = None) -> Matrix:
    """A column, with as many entries as `like` has rows."""
    M = _matrix(ctx, name, array)
    N = M.rows if like is None else like.rows
    if (M.rows, M.cols) != (N, 1):
        raise ValueError(
            f"`{name}` must be a vector of length {N}; got shape ({M.rows}, {M.cols}). Reshape it."
        )
    return M


def _singular_values(name: str, array: Array, digits: int) -> Matrix:
    ctx = _context(digits)
    return ctx.svd(_matrix(ctx, name, array), compute_uv=False)


@contextmanager
def _singular(sentence: str) -> Iterator[None]:
    try:
        yield
    except (ZeroDivisionError, TypeError):  # the second is how mpmath meets a column of zeros
        raise ValueError(sentence) from None
