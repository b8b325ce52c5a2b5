"""Search again for the perturbations of HiPPO-LegS that the package keeps, and write them.

    python benchmarks/optimal.py [--orders 8 16 32 64 128 256] [--budgets 4 8 16] [--iterations
    2000] [--output FILE]

Prints a line for each: kappa_2(V) as delivered, the transfer error and its certified bound,
seconds. Results that OUTPUT already holds are replaced where the new one is better, so the file
only improves. The search is deterministic for one build of LAPACK.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

import ssmlinalg
from ssmlinalg import hippo, perturb
from ssmlinalg.perturb.kept_results import KEPT, packed
from ssmlinalg.perturb.least_transfer_error import searched
from ssmlinalg.perturb.modal_coordinates import ModalSystem


def main() -> None:
    """Search, compare with what is kept, keep the better."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--orders", type=int, nargs="+", default=[8, 16, 32, 64, 128, 256])
    parser.add_argument("--budgets", type=float, nargs="+", default=[4.0, 8.0, 16.0])
    parser.add_argument("--iterations", type=int, default=2000)
    parser.add_argument("--output", type=Path, default=Path(str(KEPT)))
    arguments = parser.parse_args()
    for order in arguments.orders:
        for budget in arguments.budgets:
            legs = hippo.legs(order)
            start = time.perf_counter()
            found = searched(legs, conditioning=budget, iterations=arguments.iterations)
            seconds = time.perf_counter() - start
            if found.condition > budget:
                raise AssertionError(f"kappa(V) = {found.condition} exceeds the budget {budget}")
            kept = load_file(arguments.output) if arguments.output.exists() else {}
            name = f"{order}/{budget:g}"
            before = (
                perturb.optimal(legs, conditioning=budget) if f"{name}/Lambda" in kept else None
            )
            better = before is None or found.transfer_bound < before.transfer_bound
            error = f"error {found.transfer_error:.5f} <= {found.transfer_bound:.5f}"
            remark = "" if better else ", not better"
            figures = f"kappa {found.condition:.6f} {error} in {seconds:.1f} s{remark}"
            print(f"N {order} K {budget:g}: {figures}", flush=True)
            if better:
                fields = packed(ModalSystem(found.Lambda, found.V, found.B))
                kept |= {
                    f"{name}/{field}": np.ascontiguousarray(array)
                    for field, array in fields.items()
                }
                made = {
                    "made by": "benchmarks/optimal.py",
                    "ssmlinalg": ssmlinalg.__version__,
                    "of": "hippo.legs",
                }
                save_file(kept, arguments.output, metadata=made)


if __name__ == "__main__":
    main()
