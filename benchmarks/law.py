"""Where is kappa(V) <= c proved for the perturbed HiPPO-LegS, c = 2/|tau| -+ 1?

    python benchmarks/law.py [--orders 2 3 4 ...] [--unit 2 3 4 8 16]

For each order 0.9 times the c at which eigenvalues first meet, to which the law is proved in the
best scaling of the columns, the exponent r of kappa(V) <= c^r there, and the worst that was met on
that circle of complex c. For the orders of `--unit` also the c, up to 24, to which it is proved for
unit columns (see perturb.proved_law and docs/theory.md). Seconds are of one core. All orders up to
128 take some ten minutes, unit columns beyond order 32 some more.
"""

from __future__ import annotations

import argparse
import time

from ssmlinalg import perturb

HIGHEST = 24.0  # c to which unit columns are asked for: budgets to 16 need no more from order 8 on


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--orders", type=int, nargs="+", default=list(range(2, 129)))
    parser.add_argument("--unit", type=int, nargs="+", default=[2, 3, 4, 5, 6, 7, 8, 12, 16, 24])
    arguments = parser.parse_args()
    print("| N | 0.9 c_* | exponent | attained | unit columns: c | seconds |")
    print("|---|---|---|---|---|---|")
    for order in arguments.orders:
        start = time.perf_counter()
        law = perturb.proved_law(order)
        unit = "-"
        if order in arguments.unit:
            c = min(HIGHEST, 0.65 * law.critical)
            reach = perturb.proved_unit_columns(perturb.proved_law(order, c))
            unit = f"{reach:.1f}"
        seconds = time.perf_counter() - start
        figures = f"{law.c:.1f} | {law.exponent:.5f} | {law.attained:.5f} | {unit} | {seconds:.1f}"
        print(f"| {order} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
