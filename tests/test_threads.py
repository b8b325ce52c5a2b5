"""Eight threads at once give what one gives."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import numpy as np
import pytest

from ssmlinalg import convolve, hippo, inits, kernel, perturb, scan

THREADS = 8
ROUNDS = 5
U = np.sin(np.arange(64.0))


def factors(found: perturb.Diagonalization) -> list[np.ndarray]:
    figures = [found.condition, found.residual, found.transfer_error]
    return [found.Lambda, found.V, found.V_inv, found.E, np.array(figures)]


WORK: dict[str, Callable[[int], Any]] = {
    "kernel": lambda i: kernel(inits.s4d_lin_init(8 + i % 4, channels=3, seed=i), 500 + i),
    "kernel of S4": lambda i: kernel(inits.s4_init(8, channels=2, seed=i), 200),
    "scan": lambda i: scan(inits.ptd_init(8, seed=i), U)[0],
    "convolve": lambda i: convolve(U, kernel(inits.ptd_init(8, seed=i), 64)),
    "lossless": lambda i: factors(perturb.lossless(hippo.legs(24 + i), conditioning=8)),
    "gaussian": lambda i: factors(perturb.gaussian(hippo.legs(12), size=1e-3, seed=i)),
    "minimize": lambda i: minimized(i).E,
    "optimal": lambda i: factors(perturb.optimal(hippo.legs(8), conditioning=(4.0, 8.0)[i % 2])),
    "ptd_init": lambda i: list(inits.ptd_init(16 + i % 4, channels=4, seed=i)),
    "ptd_init of a large order": lambda i: inits.ptd_init(4099, tau=0.2, seed=i).C,
    "s5_ptd_init": lambda i: list(inits.s5_ptd_init(16, channels=2, seed=i)),
}


def minimized(seed: int) -> perturb.Diagonalization:
    return perturb.minimize(hippo.legs(6), gamma=100, seed=seed, iterations=10)


@pytest.mark.parametrize("name", WORK)
def test_threads_give_what_one_gives(name: str) -> None:
    work = WORK[name]
    rounds = 1 if "large" in name or name == "minimize" else ROUNDS
    alone = [work(i) for i in range(THREADS)]
    start = Barrier(THREADS)

    def together(i: int) -> list[Any]:
        start.wait()
        return [work(i) for _ in range(rounds)]

    with ThreadPoolExecutor(THREADS) as pool:
        for expected, several in zip(alone, pool.map(together, range(THREADS)), strict=True):
            for found in several:
                for one, other in zip(parts(found), parts(expected), strict=True):
                    np.testing.assert_array_equal(one, other)


def parts(result: Any) -> list[np.ndarray]:
    return result if isinstance(result, list) else [result]


def test_threads_share_one_diagonalization() -> None:
    """Figures are computed on first use, by whoever comes first or by several at once."""
    expected = factors(perturb.lossless(hippo.legs(32)))
    shared = perturb.lossless(hippo.legs(32))
    with ThreadPoolExecutor(THREADS) as pool:
        for found in pool.map(lambda _: factors(shared), range(THREADS)):
            for one, other in zip(found, expected, strict=True):
                np.testing.assert_array_equal(one, other)
