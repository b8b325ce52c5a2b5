"""Balanced realizations of single systems, from factors of their Gramians."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ..ground.backend import Complex, Real
from ..ground.formats import EPS, TINY
from ..matrices.graded_svd import graded_svd, squared_up, symmetric_svds
from .modal_gramians import factors, has_one_port, off_the_axis, real_factors, real_rows
from .real_systems import RealSystems, members


class Realized(NamedTuple):
    """Real matrices of one system: x' = A x + B u, or x_l = A x_{l-1} + B u_l; y = C x."""

    A: Real
    B: Real
    C: Real


class Balanced(NamedTuple):
    """A realization whose Gramians are both diag(sigma), sigma falling.

    Attributes:
        A: (N, N).
        B: (N, M).
        C: (P, N).
        sigma: (N,), the Hankel singular values.
        from_given: (N, K), the balanced state of a state of the K that were given.
    """

    A: Real
    B: Real
    C: Real
    sigma: Real
    from_given: Real


def balance(system: Realized, seen: Real, reached: Real, floor: float = 0.0) -> Balanced:
    """The balanced realization of a system with the Gramians Q = F_Q F_Q^T and P = F_P F_P^T.

    States with sigma at or below `floor` sigma_1 are left out.
    """
    U, sigma, V = graded_svd(seen.T @ reached)
    kept = sigma > max(floor * np.max(sigma, initial=0), _LEAST)
    root = np.sqrt(sigma[kept])
    left = (seen @ U[:, kept] / root).T
    right = reached @ V[:, kept] / root
    return Balanced(
        A=left @ system.A @ right,
        B=left @ system.B,
        C=system.C @ right,
        sigma=sigma[kept],
        from_given=left,
    )


def balanced_members(systems: RealSystems) -> list[Balanced]:
    """The balanced realization of each system of modes, of the order of its used modes."""
    m, n = systems.A.shape
    together = off_the_axis(systems) if has_one_port(systems) else np.zeros(m, bool)
    found: list[Any] = [None] * m
    count = max(1, _TOGETHER // (2 * n) ** 2)
    chosen = np.flatnonzero(together)
    for start in range(0, len(chosen), count):
        part = chosen[start : start + count]
        for k, plain in zip(part, _balanced_together(members(systems, part)), strict=True):
            found[k] = plain
    chosen = np.flatnonzero(~together)
    for k, plain in zip(chosen, _balanced_one_by_one(members(systems, chosen)), strict=True):
        found[k] = plain
    return found


def _balanced_one_by_one(systems: RealSystems) -> Iterator[Balanced]:
    if not len(systems.A):
        return
    for index, (seen, reached) in enumerate(zip(*factors(systems), strict=True)):
        kept = states(systems, index)
        yield balance(
            realized(systems, index),
            squared_up(_real_parts(systems, index, seen)[kept]),
            squared_up(_real_parts(systems, index, reached)[kept]),
        )


def _balanced_together(systems: RealSystems) -> Iterator[Balanced]:
    """Those of one input and one output, where F_Q^T F_P is symmetric."""
    seen, reached = real_factors(systems)
    U, sigma, V = symmetric_svds(np.swapaxes(seen, -1, -2) @ reached)
    n = systems.A.shape[-1]
    kept = (np.arange(2 * n) < systems.order[:, None]) & (sigma > _LEAST)
    root = np.where(kept, np.sqrt(np.maximum(sigma, _LEAST)), np.inf)
    left = np.swapaxes(seen @ U / root[:, None], -1, -2)
    right = reached @ V / root[:, None]
    moved = real_rows(systems.A[..., None] * (right[:, :n] + 1j * right[:, n:]))
    single = np.where(systems.pairs, math.sqrt(2), 1.0)
    B = left @ real_rows(systems.B * single[..., None])
    C = real_rows(np.swapaxes(systems.C * single[:, None], -1, -2).conj())
    C = np.swapaxes(C, -1, -2) @ right
    A = left @ moved
    used = systems.used
    given = np.concatenate([used, used & systems.pairs], axis=-1)
    for k, order in enumerate(np.sum(kept, axis=-1)):
        yield Balanced(
            A=A[k, :order, :order],
            B=B[k, :order],
            C=C[k, :, :order],
            sigma=sigma[k, :order],
            from_given=left[k, :order] if np.all(given[k]) else left[k, :order][:, given[k]],
        )


def states(systems: RealSystems, index: int) -> np.ndarray:
    """Which of sqrt(2) (Re x, Im x), for real modes (x, 0), the system has: a mask (2n,)."""
    used = systems.used[index]
    return np.concatenate([used, used & systems.pairs[index]])


def realized(systems: RealSystems, index: int) -> Realized:
    """One system in the coordinates of `as_matrices`."""
    used = systems.used[index]
    return as_matrices((systems.A[index, used], systems.B[index, used], systems.C[index][:, used]))


def as_matrices(modes: tuple[Complex, Complex, Complex]) -> Realized:
    """The real system of modes on and above the axis: sqrt(2) (Re x, Im x), x of real modes."""
    A, B, C = modes
    pairs = A.imag > 0
    root = np.where(pairs, math.sqrt(2), 1.0)
    B = B * root[:, None]
    C = C * root
    real = np.diag(A.real)
    imag = np.diag(A.imag)
    kept = np.concatenate([np.ones(len(A), bool), pairs])
    whole = np.block([[real, -imag], [imag, real]])
    return Realized(
        A=whole[np.ix_(kept, kept)],
        B=np.concatenate([B.real, B.imag])[kept],
        C=np.concatenate([C.real, -C.imag], axis=1)[:, kept],
    )


def _real_parts(systems: RealSystems, index: int, F: Complex) -> Real:
    """The real factor (2n, 4n) of a Gramian in the coordinates of `realized`."""
    n = len(F) // 2
    pairs = systems.pairs[index][:, None]
    above = F[:n]
    below = F[n:]
    first = np.where(pairs, (above + below) / math.sqrt(2), above)
    second = np.where(pairs, (above - below) / (1j * math.sqrt(2)), 0)
    turned: Complex = np.concatenate([first, second]) + 0j
    return np.concatenate([turned.real, turned.imag], axis=1)


def conditioning(systems: RealSystems) -> Real:
    """kappa(V) (m,) of unit eigenvectors in balanced coordinates, 1 of no modes.

    Infinite where modes cannot be told apart, for one of them has no balanced state of its own.
    """
    found = np.ones(len(systems.A))
    some = np.flatnonzero(systems.order)
    if not len(some):
        return found
    left = members(systems, some)
    bases: dict[int, list[tuple[int, Complex]]] = {}
    used = left.used
    pairs = left.pairs
    for index, plain in enumerate(balanced_members(left)):
        V = _eigenvectors(pairs[index][used[index]], plain.from_given)
        lengths = np.linalg.norm(V, axis=0)
        minimal = V.shape[0] == V.shape[1] and bool(np.all(lengths > 0))
        if minimal:
            bases.setdefault(len(V), []).append((some[index], V / lengths))
        else:
            found[some[index]] = math.inf
    for alike in bases.values():
        chosen, V = zip(*alike, strict=True)
        s = np.linalg.svd(np.stack(V), compute_uv=False)
        regular = s[:, -1] > s.shape[1] * EPS * s[:, 0]
        found[list(chosen)] = np.where(regular, s[:, 0] / np.maximum(s[:, -1], TINY), math.inf)
    return found


def _eigenvectors(pairs: np.ndarray, from_given: Real) -> Complex:
    """The modes of one system, their conjugates last, as vectors of balanced coordinates."""
    count = len(pairs)
    V = from_given[:, :count] + 0j
    V[:, pairs] -= 1j * from_given[:, count:]
    return np.concatenate([V, V[:, pairs].conj()], axis=1)


_TOGETHER = 1 << 17  # numbers of matrices that are held at once: they fit a cache
_LEAST = 1e-290  # below it square roots of sigma have no digits left
