"""Linear recurrences without a loop over time: products inside a chunk, halving between chunks."""

from __future__ import annotations

from collections.abc import Callable

from ..ground import backend
from ..ground.backend import Array


def powers(z: Array, length: int) -> Array:
    """z^0, z^1, ..., z^{length-1} along a new last axis, by doubling.

    Args:
        z: numbers (..., n).
        length: how many powers.

    Returns:
        The powers (..., n, length).

    Accuracy:
        About l eps relative, for z^l is a product of rounded numbers (see `powers.tables`).

    Example:
        >>> import numpy as np
        >>> powers(np.array([2.0, 0.0]), 4)
        array([[1., 2., 4., 8.],
               [1., 0., 0., 0.]])
    """
    xp = backend.library(z)
    table = xp.ones_like(z)[..., None]
    stride = z[..., None]
    while table.shape[-1] < length:
        table = xp.concat([table, table * stride], axis=-1)
        stride = stride * stride
    return table[..., :length]


def causal(k: Array) -> Array:
    """The Toeplitz matrix of causal convolution: T_{ml} = k_{l-m} for m <= l, else 0.

    u @ T is the convolution of a signal u (..., L) with k.

    Args:
        k: a kernel (..., L).

    Returns:
        The matrix (..., L, L), upper triangular.

    Example:
        >>> import numpy as np
        >>> causal(np.array([1, 2, 3.]))
        array([[1., 2., 3.],
               [0., 1., 2.],
               [0., 0., 1.]])
    """
    # No indices: rows of 2 L numbers, read as rows of 2 L - 1, are shifted by one each.
    xp = backend.library(k)
    *batch, length = k.shape
    width = 2 * length
    padded = backend.row(xp.concat([k, xp.zeros_like(k)], axis=-1))
    rows = xp.broadcast_to(padded, (*batch, length, width))
    flat = xp.reshape(rows, (*batch, length * width))
    flat = flat[..., : length * (width - 1)]
    shifted = xp.reshape(flat, (*batch, length, width - 1))
    return shifted[..., :length]


def accumulate(a: Array, x: Array) -> Array:
    """The states of the linear recurrence x_l <- a_l x_{l-1} + x_l, from zero.

    Two samples are one with (a_1 a_0, a_1 x_0 + x_1). So the recurrence of half the length gives
    every second state, and the others follow. The a_l may grow or vanish: nothing is divided.

    Args:
        a: factors (..., L, n).
        x: inputs (..., L, n), broadcast against `a`.

    Returns:
        The states (..., L, n).

    Cost:
        O(n L) operations in 2 log2 L calls.

    Source:
        Blelloch 1990, Prefix sums and their applications, Section 1.4.

    Example:
        >>> import numpy as np
        >>> accumulate(np.full((4, 1), 0.5), np.ones((4, 1)))[:, 0]
        array([1.   , 1.5  , 1.75 , 1.875])
    """
    pairs = x.shape[-2] // 2
    if not pairs:
        return x
    first_a, second_a, later_a = _samples(a, pairs)
    first, second, later = _samples(x, pairs)
    odd = accumulate(second_a * first_a, second_a * first + second)
    before = odd[..., : later.shape[-2], :]
    even = later_a * before + later
    return _interleave(x[..., :1, :], even, odd)


def continued(a: Array, x: Array, state: Array) -> Array:
    """The states of the linear recurrence x_l <- a_l x_{l-1} + x_l, from a state before.

    Args:
        a: factors (..., L, n).
        x: inputs (..., L, n), with all leading axes of the state.
        state: (..., n).

    Returns:
        The states (..., L, n).

    Cost:
        That of `accumulate`.

    Example:
        >>> import numpy as np
        >>> continued(np.full((3, 1), 0.5), np.zeros((3, 1)), np.array([8.0]))[:, 0]
        array([4., 2., 1.])
    """
    first = a[..., :1, :] * state[..., None, :] + x[..., :1, :]
    return accumulate(a, backend.library(x).concat([first, x[..., 1:, :]], axis=-2))


def geometric(
    A: Array,
    x: Array,
    apply: Callable[[Array, Array], Array],
    square: Callable[[Array], Array],
) -> Array:
    """The states of the linear recurrence x_l <- A x_{l-1} + x_l, from zero, with one A.

    Args:
        A: a factor, a matrix, or whatever `apply` and `square` take.
        x: inputs (..., L, n).
        apply: from A and states (..., L', n) to A times each of them.
        square: from A to A^2.

    Returns:
        The states (..., L, n).

    Cost:
        About 2 L applications and log2 L squares.

    Source:
        As `accumulate`.

    Example:
        >>> import numpy as np
        >>> geometric(np.asarray(0.5), np.ones((4, 1)), lambda A, x: A * x, lambda A: A * A)[:, 0]
        array([1.   , 1.5  , 1.75 , 1.875])
    """
    pairs = x.shape[-2] // 2
    if not pairs:
        return x
    first, second, later = _samples(x, pairs)
    odd = geometric(square(A), apply(A, first) + second, apply, square)
    before = odd[..., : later.shape[-2], :]
    even = apply(A, before) + later
    return _interleave(x[..., :1, :], even, odd)


def states_of_inputs(u: Array, table: Array) -> Array:
    """The states that real inputs cause, u @ table, in one real product.

    Args:
        u: real inputs (..., L).
        table: real or complex (..., L, n): the state that a unit input causes at each l.

    Returns:
        The states (..., n).

    Example:
        >>> import numpy as np
        >>> states_of_inputs(np.array([[1.0, 2.0]]), np.array([[1j], [1.0]]))
        array([[2.+1.j]])
    """
    if not backend.is_complex(table):
        return backend.matmul(u, table)
    n = table.shape[-1]
    product = backend.matmul(u, real_left(table))  # real and imaginary parts side by side
    return backend.complex_of(product[..., :n], product[..., n:])


def output_of_states(x: Array, table: Array) -> Array:
    """The real output of states, Re(x @ table), in one real product.

    Args:
        x: real or complex states (..., n).
        table: of the same type (..., n, L): the output of a unit state at each l.

    Returns:
        Real outputs (..., L).

    Example:
        >>> import numpy as np
        >>> output_of_states(np.array([[1j, 1.0]]), np.array([[1j], [3.0 + 0j]]))
        array([[2.]])
    """
    return backend.matmul(real_left(x), real_right(table))


def real_left(x: Array) -> Array:
    """The left factor of a complex product of which only the real part is asked.

    Re(x y) = real_left(x) real_right(y), in half the operations of the complex product.

    Args:
        x: (..., M, n).

    Returns:
        [Re x, Im x], (..., M, 2 n); of a real x, itself.

    Example:
        >>> import numpy as np
        >>> real_left(np.array([[1j, 1.0]]))
        array([[0., 1., 1., 0.]])
    """
    if not backend.is_complex(x):
        return x
    xp = backend.library(x)
    return xp.concat([xp.real(x), xp.imag(x)], axis=-1)


def real_right(y: Array) -> Array:
    """The right factor of a complex product of which only the real part is asked.

    Args:
        y: (..., n, L).

    Returns:
        [Re y; -Im y], (..., 2 n, L); of a real y, itself.

    Example:
        >>> import numpy as np
        >>> real_left(np.array([[1j, 1.0]])) @ real_right(np.array([[1j], [3.0 + 0j]]))
        array([[2.]])
    """
    if not backend.is_complex(y):
        return y
    xp = backend.library(y)
    return xp.concat([xp.real(y), -xp.imag(y)], axis=-2)


def _samples(x: Array, pairs: int) -> tuple[Array, Array, Array]:
    """The first and the second of each pair of samples, and the first of each pair but one."""
    first = x[..., : 2 * pairs : 2, :]
    second = x[..., 1::2, :]
    later = x[..., 2::2, :]
    return first, second, later


def _interleave(first: Array, later: Array, odd: Array) -> Array:
    """States 0, 2, 4, ... in `first` and `later`, 1, 3, 5, ... in `odd`, in the order of time."""
    xp = backend.library(odd)
    *batch, pairs, n = odd.shape
    first = xp.broadcast_to(first, (*batch, 1, n))
    even = xp.concat([first, later], axis=-2)
    both = xp.stack([even[..., :pairs, :], odd], axis=-2)
    both = xp.reshape(both, (*batch, 2 * pairs, n))
    return xp.concat([both, even[..., pairs:, :]], axis=-2)
