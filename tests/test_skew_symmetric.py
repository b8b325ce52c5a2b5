"""Skew-symmetric matrices in real arithmetic, beside the complex Hermitian solver and mpmath."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmlinalg.matrices import bidiagonal_svd as svd
from ssmlinalg.matrices.skew_symmetric import SkewModes, skew_modes

EPS = float(np.finfo(np.float64).eps)


def drawn(order: int, seed: int = 0) -> np.ndarray:
    X = np.random.default_rng(seed).standard_normal((order, order))
    return X - X.T


def of_rank_two(order: int) -> np.ndarray:
    u, v = np.random.default_rng(1).standard_normal((2, order))
    return np.outer(u, v) - np.outer(v, u)


def graded(order: int) -> np.ndarray:
    scales = 10.0 ** -np.arange(order)
    return drawn(order) * np.outer(scales, scales)


def hadamard(S: np.ndarray) -> np.ndarray:
    """S in coordinates that hide its structure."""
    Q, _ = np.linalg.qr(np.random.default_rng(2).standard_normal(S.shape))
    turned = Q @ S @ Q.T
    return (turned - turned.T) / 2


def check(S: np.ndarray, found: SkewModes) -> None:
    """Residual, orthogonality, and every vector there."""
    order = len(S)
    V = np.concatenate([found.pairs, found.pairs.conj(), found.kernel], axis=1)
    assert V.shape == (order, order)
    allowed = 8 * EPS * np.sqrt(order)
    assert np.linalg.norm(V.conj().T @ V - np.eye(order)) <= allowed * np.sqrt(order)
    values = np.concatenate([1j * found.w, -1j * found.w, np.zeros(found.kernel.shape[1])])
    size = np.linalg.norm(S, 2)
    rest = np.linalg.norm(S / (size or 1) @ V - V * (values / (size or 1)), axis=0)
    assert np.all(rest <= 8 * order * EPS)
    assert np.all(found.w > 0)
    assert np.all(np.diff(found.w) >= 0)
    assert not np.iscomplexobj(found.kernel)


MATRICES = {
    **{f"order {order}": drawn(order) for order in (1, 2, 3, 4, 5, 31, 32, 33, 65, 100, 201)},
    "no entry": np.zeros((6, 6)),
    "rank two": of_rank_two(9),
    "rank two, even": of_rank_two(12),
    "many equal": hadamard(np.kron(np.eye(8), [[0.0, -1.0], [1.0, 0.0]])),
    "equal, odd": hadamard(np.kron(np.eye(5), drawn(3))),
    "blocks": np.kron(np.eye(3), drawn(5)),
    "graded": graded(12),
    "tridiagonal": np.diag(np.arange(1.0, 9.0), -1) - np.diag(np.arange(1.0, 9.0), 1),
    "large": drawn(20) * 2.0**900,
    "small": drawn(21) * 2.0**-900,
}


@pytest.mark.parametrize("name", MATRICES)
def test_modes_are_those_of_the_hermitian_solver(name: str) -> None:
    S = MATRICES[name]
    found = skew_modes(S)
    check(S, found)
    theirs = np.linalg.eigvalsh(1j * S / (np.abs(S).max() or 1)) * (np.abs(S).max() or 1)
    ours = np.sort(np.concatenate([found.w, -found.w, np.zeros(len(S) - 2 * len(found.w))]))
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=8 * len(S) * EPS * np.abs(theirs).max())
    assert found.kernel.shape[1] % 2 == len(S) % 2  # 0 is an eigenvalue of odd orders, exactly


@given(st.integers(1, 30), st.integers(0, 99), st.integers(1, 4))
def test_repeated_and_missing_frequencies(order: int, seed: int, times: int) -> None:
    S = hadamard(np.kron(np.eye(times), drawn(order, seed)))
    found = skew_modes(S)
    check(S, found)
    assert len(found.w) == times * (order // 2)


def test_frequencies_agree_with_multiple_precision() -> None:
    S = drawn(9)
    with mpmath.workdps(40):
        exact = mpmath.eighe(mpmath.matrix((1j * S).tolist()), eigvals_only=True)
        expected = np.array([float(value) for value in exact])
    found = skew_modes(S).w
    np.testing.assert_allclose(found, np.sort(expected)[5:], atol=4 * EPS * found.max())


BIDIAGONAL = {
    "square": (drawn(40)[0, 1:], drawn(41)[0, 3:]),
    "one column more": (drawn(40)[0, 1:], drawn(41)[0, 2:]),
    "one number": (np.array([-2.0]), np.zeros(0)),
    "one row": (np.array([-3.0]), np.array([4.0])),
    "zeros on the diagonal": (np.array([1.0, 0.0, 2.0, 0.0]), np.array([1.0, 1.0, 1.0])),
    "zeros on it, a column more": (np.array([0.0, 0.0, 2.0, 0.0]), np.array([1.0, 0.0, 1.0, 0.0])),
    "nothing": (np.zeros(5), np.zeros(5)),
    "equal": (np.ones(30), np.zeros(30)),
}


@pytest.mark.parametrize("pointer", [True, False])
@pytest.mark.parametrize("name", BIDIAGONAL)
def test_bidiagonal_matrices_are_decomposed(
    name: str, pointer: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    diagonal, beside = BIDIAGONAL[name]
    if not pointer:
        monkeypatch.setattr(svd, "_bdsdc", lambda: None)
    X, w, Yt = svd.bidiagonal_svd(diagonal, beside)
    m, n = len(diagonal), len(beside) + 1
    K = np.zeros((m, n))
    K[np.arange(m), np.arange(m)] = diagonal
    K[np.arange(n - 1), np.arange(1, n)] = beside
    assert (X.shape, w.shape, Yt.shape) == ((m, m), (m,), (n, n))
    allowed = 4 * n * EPS
    np.testing.assert_allclose(X * w @ Yt[:m], K, atol=allowed * float(np.linalg.norm(K, 2) or 1))
    np.testing.assert_allclose(X.T @ X, np.eye(m), atol=allowed)
    np.testing.assert_allclose(Yt @ Yt.T, np.eye(n), atol=allowed)
    expected = np.linalg.svd(K, compute_uv=False)
    np.testing.assert_allclose(w, expected, rtol=0, atol=allowed * max(w[0], 1))


def test_the_pointer_of_scipy_is_found() -> None:
    assert svd._bdsdc() is not None
