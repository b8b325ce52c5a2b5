r"""Steps so long that a longer one changes nothing: step A need not overflow beyond them.

Under most rules f(z) and step g(z) have a limit as step grows, such as 0 and -1/A. At the steps
below they are their limits to rounding, and so is the derivative in A, which a larger z would lose:
1/z^2 is 0 in double precision from |z| = 1e162 on.
"""

from __future__ import annotations

from ..ground import backend
from ..ground.backend import Array

# |z| far beyond 1/eps, whose square neither overflows nor underflows, nor its square in double.
_LARGE = {"float32": 2.0**60, "float64": 2.0**250}
_DECAYED = 2.0**11  # -Re z with which e^z is 0 in every precision


def of_fractions(step: Array, A: Array) -> Array:
    """The step, or one with which (1 + a z)/(1 - b z) and step/(1 - b z), b > 0, are their limits.

    Args:
        step: positive (...).
        A: complex (...), broadcast.

    Returns:
        (...), with no derivative where it is not the step.

    Example:
        >>> import numpy as np
        >>> bool(of_fractions(np.array([1e300]), np.array([-2 + 0j]))[0] < 2.0**250)
        True
    """
    return backend.library(A).minimum(step, _large(backend.constant(A)))


def of_exponentials(step: Array, A: Array) -> Array:
    """The step, or one with which e^z is 0 and step phi_1(z) and step phi_2(z) are -1/A.

    Modes that do not decay have no limit, and every step as it is.

    Args:
        step: positive (...).
        A: complex (...), broadcast.

    Returns:
        (...), with no derivative where it is not the step.

    Example:
        >>> import numpy as np
        >>> bool(of_exponentials(np.array([1e300]), np.array([-2 + 0j]))[0] < 2.0**250)
        True
    """
    xp = backend.library(A)
    A = backend.constant(A)
    rate = xp.real(A)
    rate = xp.where(rate < 0, -rate, xp.zeros_like(rate))
    return xp.minimum(step, xp.maximum(_large(A), _DECAYED / rate))


def _large(A: Array) -> Array:
    """The step with |z| = _LARGE, infinite for A = 0; |A| itself may overflow."""
    return 0.5 * _LARGE[backend.precision(A)] / backend.library(A).abs(0.5 * A)
