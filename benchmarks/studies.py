"""What a study costs: a point beside its figures, and stragglers on one and two workers.

    python benchmarks/studies.py [--points 400]

First points that do nothing: seconds a point for rows, hashes and messages. Then points that wait,
one in twenty ten times as long, on W = 1 and 2 workers: the time of the clock beside the work over
W, and beside that plus the longest point, which no order of points exceeds (Graham 1966). Last the
seconds that an audit takes for each layer of a checkpoint, whatever else is in the file.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from ssmlinalg import audit, checkpoints, export, s4d_lin_init, studies

WAIT = 0.02  # seconds of a point
STRAGGLER = 10  # how much longer one in twenty takes


def nothing(at: int) -> dict[str, Any]:
    """A figure that costs nothing."""
    return {"at": at}


def waiting(at: int) -> dict[str, Any]:
    """A figure that takes its time and no processor."""
    time.sleep(seconds(at))
    return {"at": at}


def seconds(at: int) -> float:
    """How long a point waits."""
    return WAIT * (STRAGGLER if at % 20 == 7 else 1)


def timed(measure: Any, count: int, workers: int) -> float:
    """Seconds for a study, its workers started before."""
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool,
    ):
        studies.sweep({"at": list(range(workers))}, nothing, f"{folder}/first", executor=pool)
        start = time.perf_counter()
        studies.sweep({"at": list(range(count))}, measure, f"{folder}/rows", executor=pool)
        return time.perf_counter() - start


def auditing() -> float:
    """Seconds to audit a layer of 1024 channels of 32 pairs, beside arrays of other kinds."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        layer = export.TARGETS["s4d"].to(s4d_lin_init(64, channels=1024))
        arrays = {f"blocks.{k}.{name}": array for k in range(8) for name, array in layer.items()}
        arrays |= {f"blocks.{k}.mix": np.zeros((4096, 4096), np.float32) for k in range(8)}
        checkpoints.write(path, arrays, {})
        start = time.perf_counter()
        audit.audit(path)
        return (time.perf_counter() - start) / 8


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--points", type=int, default=400)
    count = parser.parse_args().points
    cost = timed(nothing, count, 1) / count
    print(f"a point besides its figures: {1e3 * cost:.2f} ms\n")
    print("| workers | work over W, s | plus the longest | measured |\n|---|---|---|---|")
    work = sum(map(seconds, range(count))) + count * cost
    for workers in (1, 2):
        least = work / workers
        found = timed(waiting, count, workers)
        print(f"| {workers} | {least:.1f} | {least + WAIT * STRAGGLER:.1f} | {found:.1f} |")
    print(f"\nauditing a layer: {auditing():.2f} s")


if __name__ == "__main__":
    main()
