"""What does it cost to convert a checkpoint with proof, and to audit one?

    python benchmarks/checkpoints.py

Each row is one checkpoint of layers as they are trained, written as safetensors to a temporary
folder. `copy` is the time over reading the file once, the least anything could take that looks at
all of it; `error` the largest change of a kernel, relative to its largest entry, of a conversion,
and `findings` those of an audit. The last line opens 10 GiB and reads 16 bytes of it.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ssmlinalg import checkpoints, convert, export, inits
from ssmlinalg.audit import audit

ROWS: dict[str, tuple[str, Callable[[int], Any], int]] = {
    "S4D, 512 channels, N = 64": (
        "s4d",
        lambda seed: inits.s4d_inv_init(64, channels=512, seed=seed),
        8,
    ),
    "S4, 256 channels, N = 64": ("s4", lambda seed: inits.s4_init(64, channels=256, seed=seed), 4),
    "S5, width 512, P = 256": (
        "s5-pytorch",
        lambda seed: inits.s5_init(256, channels=512, seed=seed),
        8,
    ),
    "Mamba, 5120 channels, N = 16": (
        "mamba",
        lambda seed: inits.mamba_init(16, channels=5120, seed=seed),
        16,
    ),
}


def seconds(call: Callable[[], Any]) -> tuple[float, Any]:
    """How long `call` takes, and what it returns."""
    start = time.perf_counter()
    found = call()
    return time.perf_counter() - start, found


def main() -> None:
    """Print one table row for each checkpoint and what is done with it, and what opening a large
    one takes.
    """
    with tempfile.TemporaryDirectory() as folder:
        print(
            "| checkpoint | layers | MB | convert, s | copy | error | audit, s | copy | findings |"
        )
        print("|---|---|---|---|---|---|---|---|---|")
        for name, (target, make, count) in ROWS.items():
            path = Path(folder) / "model.safetensors"
            arrays = {
                f"layers.{i}.{key}": array
                for i in range(count)
                for key, array in export.TARGETS[target].to(make(i)).items()
            }
            checkpoints.write(path, arrays, {}, force=True)
            size = path.stat().st_size
            copy = min(
                seconds(lambda path=path: np.fromfile(path, np.uint8).sum())[0] for _ in range(3)
            )
            converted, found = seconds(
                lambda path=path, target=target: convert(path, target, source_target=target)
            )
            error = max(layer.error / layer.scale for layer in found.layers)
            audited, report = seconds(lambda path=path, target=target: audit(path, target=target))
            conversion = f"{converted:.2g} | {converted / copy:.0f} | {error:.1g}"
            auditing = f"{audited:.2g} | {audited / copy:.0f} | {len(report.findings)}"
            print(f"| {name} | {count} | {size / 1e6:.2g} | {conversion} | {auditing} |")
        path = Path(folder) / "large.safetensors"
        length = 10 * 2**30
        header = {"small": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}
        header["large"] = {
            "dtype": "F32",
            "shape": [(length - 16) // 4],
            "data_offsets": [16, length],
        }
        text = json.dumps(header).encode()
        with path.open("wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            file.truncate(8 + len(text) + length)
        opened, _ = seconds(lambda: checkpoints.read(path).entries["small"].read())
        print(f"\n10 GiB: {1e3 * opened:.2g} ms to open it and read 16 bytes")


if __name__ == "__main__":
    main()
