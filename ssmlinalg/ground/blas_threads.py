"""One thread for the BLAS behind SciPy, where operands are so small that more would only wait.

SuperLU calls BLAS on blocks of some hundred rows, and a Hessenberg reduction on a matrix and a
vector. OpenBLAS shares such a call among its threads, and waking them costs more than the call:
tens of times as much where the cores are busy.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import importlib
import threading
from collections.abc import Iterator
from typing import Any

_NAMES = (  # of OpenBLAS in the wheels of SciPy, and elsewhere
    "scipy_openblas_{}_num_threads",
    "scipy_openblas_{}_num_threads64_",
    "openblas_{}_num_threads",
    "openblas_{}_num_threads64_",
)
_LOCK = threading.Lock()
_INSIDE: list[int] = []  # for each block that is entered the number of threads there was


@contextlib.contextmanager
def one_blas_thread() -> Iterator[None]:
    """Give SciPy's OpenBLAS one thread inside of a block, and as many as before after the last one.

    The number belongs to the process: meanwhile it holds for other threads of Python as well.
    Another BLAS than OpenBLAS keeps its threads, which costs time and nothing else.

    Example:
        >>> with one_blas_thread():
        ...     pass
    """
    ask, tell = _openblas()
    with _LOCK:
        _INSIDE.append(ask())
        tell(1)
    try:
        yield
    finally:
        with _LOCK:
            before = _INSIDE.pop()  # whichever block is left, the last number is that of the first
            if not _INSIDE:
                tell(before)


@functools.cache
def _openblas() -> tuple[Any, Any]:
    """How it is asked for its threads and told, found among what SciPy's module is linked with."""
    linked = ctypes.CDLL(importlib.import_module("scipy.linalg.cython_blas").__file__)
    for name in _NAMES:
        with contextlib.suppress(AttributeError):
            return getattr(linked, name.format("get")), getattr(linked, name.format("set"))
    return (lambda: 1), (lambda count: None)
