"""What certificates cost and how tight they are: H-infinity norms from both sides and proofs of
stability, for HiPPO-LegS.

    python benchmarks/certificates.py [--orders 8 64 256]

One line an order, of `legs` against `legs` + E at tau = 0.2: seconds of norms.hinf_distance, the
relative error of its lower bound against the closed form of the deviation, and upper/lower - 1;
seconds of enclosures.proved_abscissa, how far its bound lies above the largest computed real part;
seconds and largest radius of enclosures.enclose (python-flint), up to order 128.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ssmlinalg import hippo, perturb
from ssmlinalg.matrices import enclosures, h_infinity


def timed(make: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and what was made."""
    start = time.perf_counter()
    made = make()
    return time.perf_counter() - start, made


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--orders", type=int, nargs="+", default=[8, 64, 256])
    print("| N | hinf seconds | error of lower | upper/lower - 1 ", end="")
    print("| proof seconds | above max Re | FLINT seconds | radius |")
    print("|---" * 8 + "|")
    for order in parser.parse_args().orders:
        legs = hippo.legs(order)
        unit = np.eye(order)
        found = perturb.lossless(legs, tau=0.2)
        M = legs.A + found.E
        pair = (M, 0.9 * legs.B, unit), (legs.A, legs.B, unit)
        seconds, both = timed(lambda pair=pair: h_infinity.hinf_distance(*pair))
        error = abs(both.lower / found.transfer_error - 1)
        proof, bound = timed(lambda M=M: enclosures.proved_abscissa(M))
        cells = [seconds, error, both.upper / both.lower - 1, proof, bound - found.abscissa]
        if order <= 128:
            flint, enclosure = timed(lambda M=M: enclosures.enclose(M))
            cells += [flint, enclosure.radius.max()]
        print(
            f"| {order} | "
            + " | ".join(f"{cell:.2g}" for cell in cells)
            + " |"
            + " - | - |" * (order > 128),
            flush=True,
        )


if __name__ == "__main__":
    main()
