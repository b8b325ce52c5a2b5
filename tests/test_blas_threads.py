"""One thread inside, and afterwards as many as before."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import scipy.linalg.cython_blas  # noqa: F401  # loads the BLAS that is asked about

from ssmlinalg.ground.blas_threads import one_blas_thread

threadpoolctl = pytest.importorskip("threadpoolctl")


def counts() -> dict[str, int]:
    """Threads of each OpenBLAS in the process, as an independent library tells them."""
    found = threadpoolctl.threadpool_info()
    return {one["filepath"]: one["num_threads"] for one in found if one["prefix"] != "libomp"}


def scipys() -> str:
    found = [path for path in counts() if "scipy.libs" in path and "openblas" in path]
    return found[0] if found else pytest.skip("SciPy brings no OpenBLAS here")


def test_the_blas_of_scipy_has_one_thread_inside_and_its_own_afterwards() -> None:
    path = scipys()
    with threadpoolctl.threadpool_limits(2):
        before = counts()
        assert before[path] == 2
        with one_blas_thread():
            assert counts() == before | {path: 1}
            with one_blas_thread():
                assert counts()[path] == 1
            assert counts()[path] == 1
        assert counts() == before


def test_it_is_given_back_where_an_exception_goes_through() -> None:
    path = scipys()
    with threadpoolctl.threadpool_limits(2):
        with pytest.raises(KeyboardInterrupt), one_blas_thread():
            raise KeyboardInterrupt
        assert counts()[path] == 2


def test_blocks_that_overlap_leave_what_was_there() -> None:
    path = scipys()
    both = Barrier(2, timeout=60)

    def first() -> None:
        with one_blas_thread():
            both.wait()  # the second one enters
            both.wait()
        both.wait()  # the second one leaves

    def second() -> None:
        both.wait()
        with one_blas_thread():
            both.wait()  # the first one leaves
            both.wait()
            assert counts()[path] == 1

    with threadpoolctl.threadpool_limits(2), ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(first), pool.submit(second)]:
            done.result()
        assert counts()[path] == 2
