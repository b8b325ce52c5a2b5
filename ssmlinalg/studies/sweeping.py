"""Points measured by processes of this machine or of many, each once, whatever is killed."""

from __future__ import annotations

import json
import math
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from .. import __version__
from ..ground import require
from .measured_figures import FIGURES, Subject
from .stored_rows import Row, read_row, write_row
from .study_points import Measure, Point, checked_measure, key, points

_WAITING = 256  # points that stand in line: more would only fill memory
Task = tuple[str, Point]
Run = Callable[[str, Point], str]


def sweep(
    over: Mapping[str, Sequence[Any]],
    measure: Measure,
    out: str | os.PathLike[str],
    *,
    executor: Executor | Any = None,
    shard: tuple[int, int] = (1, 1),
    progress: Callable[..., object] | None = None,
) -> list[Row]:
    """Measure every point of a product that has no row in a folder yet.

    A point at which something goes wrong has a row as well: the error in words. A worker that is
    killed loses the point it was at, which is measured again; a point that kills its worker twice
    has a row that says so. Interrupted, all rows that are done stay, and the same call goes on.

    Args:
        over: lists of values by name: `init` and its options, `rule`, `length`, `dtype`, `error`,
            `checkpoint` (files, patterns, or addresses where fsspec is installed); for a function
            whatever it takes.
        measure: names in `FIGURES`, or a function (**point) -> figures that can be imported.
        out: the folder of the rows, made where it is missing. Machines may share it.
        executor: an executor of `concurrent.futures`, or a client of Dask (distributed). None:
            processes of this machine, one a core.
        shard: (i, n): only each n-th point, from the i-th, 1 <= i <= n.
        progress: called as progress(done=, total=) after every point.

    Returns:
        The rows of this shard in the order of its points, as `rows` has them.

    Raises:
        NotADirectoryError: where `out` is a file.
        TypeError: for what is no mapping of lists, and a function that cannot be imported.
        ValueError: for empty lists, unknown figures, and a shard out of range.

    Cost:
        A file of JSON a point, 4 KiB on most disks, and about a millisecond besides the figures.

    Example:
        >>> import tempfile
        >>> from concurrent.futures import ThreadPoolExecutor
        >>> with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as threads:
        ...     over = {"init": ["s4d-lin"], "order": [8, 16]}
        ...     found = sweep(over, ["modes"], folder, executor=threads)
        >>> [row["figures"]["modes"] for row in found]
        [4, 8]
    """
    require.progress(progress)
    if executor is not None and not hasattr(executor, "get_executor"):
        require.instance("executor", executor, Executor, "Leave it None for all cores.")
    i, n = _checked_shard(shard)
    chosen = points(over)[i - 1 :: n]
    measure = _importable(measure) if callable(measure) else checked_measure(measure)
    if executor is None and callable(measure):
        _refuse_typed_in(measure)
    folder = require.path("out", out)
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"`out` must be a folder; got {folder}, a file. Name another.")
    named = [(key(point, measure), point) for point in chosen]
    missing = [task for task in dict(named).items() if read_row(folder, task[0]) is None]
    done = len(named) - len(missing)
    if progress is not None:
        progress(done=done, total=len(named))
    for _ in _measured(missing, measure, folder, executor):
        done += 1
        if progress is not None:
            progress(done=done, total=len(named))
    found = (read_row(folder, name) for name, _ in named)
    return [row for row in found if row is not None]


def _checked_shard(shard: Any) -> tuple[int, int]:
    if not isinstance(shard, (tuple, list)) or len(shard) != 2:
        raise TypeError(
            f"`shard` must be two numbers (i, n); got {require.said(shard)}. Give both."
        )
    i = require.integer("shard", shard[0])
    n = require.integer("shard", shard[1])
    if i > n:
        raise ValueError(f"`shard` must be (i, n) with i <= n; got {(i, n)}. Count from 1.")
    return i, n


def _importable(function: Callable[..., Any]) -> Callable[..., Any]:
    name = getattr(function, "__qualname__", "<")
    if "<" in name:
        rule = "`measure` must be a function of a module, which workers can import"
        raise TypeError(f"{rule}; got {require.said(function)}. Define it at the top of a file.")
    return function


def _refuse_typed_in(function: Callable[..., Any]) -> None:
    """Refuse a function of a session or of standard input: no process can import it."""
    file = getattr(sys.modules["__main__"], "__file__", None)
    if function.__module__ == "__main__" and not (file and os.path.isfile(file)):
        rule = "`measure` must be a function of a file, which processes can import"
        raise TypeError(f"{rule}; got {function.__qualname__}, typed in. Write it to a module.")


def measured(name: str, point: Point, measure: Measure, out: Path) -> str:
    """Measure a point and write its row, unless another worker did; runs where the worker is."""
    if read_row(out, name) is not None:
        return name
    start = time.perf_counter()
    figures = None
    said = None
    try:
        figures = _figures(measure, point)
    except (Exception, SystemExit) as error:  # whatever goes wrong at one point, the others go on
        said = f"{type(error).__name__}: {error}"
    seconds = round(time.perf_counter() - start, 6)
    _write(out, name, point, figures=figures, error=said, seconds=seconds)
    return name


def _figures(measure: Measure, point: Point) -> dict[str, Any]:
    """The figures of a point, with JSON."""
    if not callable(measure):
        subject = Subject(point)
        return {name: _finite(FIGURES[name](subject)) for name in measure}
    found = measure(**point)
    require.instance("figures", found, Mapping, "Let `measure` return them by name.")
    figures = {str(name): _finite(value) for name, value in found.items()}
    for name, value in figures.items():
        try:
            json.dumps(value)
        except (TypeError, ValueError):
            rule = f"the figure {name} must be numbers, texts, lists or tables of them"
            raise TypeError(f"{rule}; got {require.said(value)}. Convert it.") from None
    return figures


def _finite(value: Any) -> Any:
    """A value with JSON: infinities and NaN become words, arrays become lists."""
    if isinstance(value, Mapping):
        return {str(name): _finite(one) for name, one in value.items()}
    value = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _write(out: Path, name: str, point: Point, **rest: Any) -> None:
    write_row(out, name, {"point": point, **rest, "version": __version__, "key": name})


def _measured(tasks: Sequence[Task], measure: Measure, out: Path, executor: Any) -> Iterator[str]:
    """The names of points as they are done."""
    run = partial(measured, measure=measure, out=out)
    if not tasks:
        return
    if executor is None:
        yield from _by_processes(tasks, run, out)
        return
    if hasattr(executor, "get_executor"):  # a client of Dask
        executor = executor.get_executor(pure=False)
    for task, future in _in_line(tasks, run, executor):
        if error := future.exception():
            _fail(out, task, f"{type(error).__name__}: {error}")
        yield task[0]


def _fail(out: Path, task: Task, said: str) -> None:
    _write(out, *task, figures=None, error=said, seconds=None)


def _by_processes(tasks: Sequence[Task], run: Run, out: Path) -> Iterator[str]:
    """By a process for each core, alone in its pool: one that dies takes no other with it."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    idle: SimpleQueue[ProcessPoolExecutor] = SimpleQueue()
    workers = min(cores or 1, len(tasks))
    for _ in range(workers):
        idle.put(_process())

    def in_a_process(name: str, point: Point) -> str:
        pool = idle.get()
        try:
            for _ in range(2):
                try:
                    return pool.submit(_interruptible, run, name, point).result()
                except BrokenProcessPool:
                    pool.shutdown()
                    pool = _process()
            _fail(out, (name, point), "its process died, twice")
            return name
        finally:
            idle.put(pool)

    with ThreadPoolExecutor(workers, initializer=_hold_interrupts) as threads:
        try:
            for task, future in _in_line(tasks, in_a_process, threads):
                future.result()
                yield task[0]
        finally:
            for _ in range(workers):
                idle.get().shutdown()


def _hold_interrupts() -> None:
    """Keep Ctrl-C from this thread and, until they are at a point, from the processes it starts."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def _interruptible(run: Run, name: str, point: Point) -> str:
    """Run in a process that Ctrl-C reaches at a point only: idle, it would die of it aloud."""
    if not hasattr(signal, "pthread_sigmask"):
        return run(name, point)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    try:
        return run(name, point)
    finally:
        _hold_interrupts()


def _process() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"))


def _in_line(
    tasks: Sequence[Task], run: Run, executor: Executor
) -> Iterator[tuple[Task, Future[str]]]:
    """Futures as they end; those that have not begun are cancelled where this is left early."""
    waiting = deque(tasks)
    running: dict[Future[str], Task] = {}
    try:
        while waiting or running:
            while waiting and len(running) < _WAITING:
                task = waiting.popleft()
                running[executor.submit(run, *task)] = task
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                yield running.pop(future), future
    finally:
        for future in running:
            future.cancel()
