"""How many states does an error need, which method finds them, and what does it cost?

    python benchmarks/reduce.py [FIGURE]

Three tables: Hankel singular values against multiple precision; H-infinity and H2 errors at given
orders, ours and those of pyMOR and python-control where they are installed, all measured by
`systems` on matrices; and the processor time of 256 channels. Peers are given the same real
matrices, a loop over channels, and return matrices without modes or measured errors. The picture,
order against error with the bound from below, goes to FIGURE, docs/_static/reduce.svg if not given.
"""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
import mpmath
import numpy as np

from ssmlinalg import forms, inits, reduce, systems
from ssmlinalg.forms import Dense, Paired
from ssmlinalg.reduce.balanced_systems import Realized, balanced_members
from ssmlinalg.reduce.poles import nearby_poles
from ssmlinalg.reduce.real_systems import modes_of

Matrices = tuple[np.ndarray, np.ndarray, np.ndarray]
ORDERS = (8, 16, 32)
CHANNELS = 256
HAVE = {name for name in ("control", "pymor") if importlib.util.find_spec(name)}


def spread(order: int, seed: int = 0) -> Paired:
    """Modes over decades of damping and frequency, whose Hankel singular values fall fast."""
    rng = np.random.default_rng(seed)
    n = order // 2
    A = -np.exp(rng.uniform(-4, 1, n)) + 1j * np.exp(rng.uniform(-2, 2, n))
    B, C = rng.standard_normal((2, n, 2)) @ [1, 1j]
    return Paired(A, B, C, np.asarray(0.0), np.asarray(1.0))


MODELS: dict[str, Callable[[], Any]] = {
    "S4D-Lin": lambda: inits.s4d_lin_init(64),
    "S4D-LegS": lambda: inits.s4d_legs_init(64),
    "S4D-Inv": lambda: inits.s4d_inv_init(64),
    "random modes": lambda: spread(64),
}


def seconds(run: Callable[[], Any], tries: int = 3) -> float:
    """Processor time, the least of several."""
    best = np.inf
    for _ in range(tries):
        start = time.process_time()
        run()
        best = min(best, time.process_time() - start)
    return best


def matrices(form: Paired) -> Matrices:
    """A, B and C of the real system."""
    A, B, C, _, _ = forms.to_dense(form)
    return A, B[:, None], C[None]


def exact(form: Paired, digits: int = 200) -> np.ndarray:
    """Hankel singular values in multiple precision."""
    with mpmath.workdps(digits):
        pairs = zip(form.A, form.B * form.C, strict=True)
        half = [(mpmath.mpc(a), mpmath.mpc(w)) for a, w in pairs]
        both = half + [(mpmath.conj(a), mpmath.conj(w)) for a, w in half]
        N = len(both)
        P = mpmath.matrix(N, N)
        Q = mpmath.matrix(N, N)
        for i, (a, w) in enumerate(both):
            for j, (b, v) in enumerate(both):
                P[i, j] = -1 / (a + mpmath.conj(b))
                Q[i, j] = -mpmath.conj(w) * v / (mpmath.conj(a) + b)
        found = mpmath.eig(P * Q, left=False, right=False)
        return np.sort([float(mpmath.sqrt(abs(x))) for x in found])[::-1]


def accuracy() -> None:
    """Digits of the worst Hankel singular value."""
    print("| modes | smallest over largest | digits, ours | by Lyapunov factors | python-control |")
    print("|---|---|---|---|---|")
    for name, form in {
        "32 spread": spread(32),
        "24 real": real(12),
        "48 spread": spread(48),
    }.items():
        known = exact(form)[: form.A.size * (1 + bool(np.any(form.A.imag)))]
        found = [reduce.singular_values(form), systems.hankel_singular_values(form)[: len(known)]]
        if "control" in HAVE:
            import control

            found.append(np.asarray(control.hankel_singular_values(control.ss(*matrices(form), 0))))
        digits = [-np.log10(np.max(np.abs(x[: len(known)] - known) / known)) for x in found]
        row = " | ".join(f"{max(d, 0):.1f}" for d in digits)
        print(f"| {name} | {known[-1] / known[0]:.1e} | {row} |")


def real(order: int) -> Paired:
    """Modes -1, -2, ..., -order, weights 1."""
    one = np.ones(order)
    return Paired(-np.arange(1.0, order + 1), one, one, np.asarray(0.0), np.asarray(1.0))


def by_pymor(system: Matrices, order: int, name: str) -> Matrices:
    """A reduction of pyMOR."""
    from pymor.core.logger import set_log_levels  # pyright: ignore[reportMissingImports]
    from pymor.models.iosys import LTIModel  # pyright: ignore[reportMissingImports]
    from pymor.reductors.bt import BTReductor  # pyright: ignore[reportMissingImports]
    from pymor.reductors.h2 import IRKAReductor  # pyright: ignore[reportMissingImports]

    set_log_levels({"pymor": "ERROR"})
    model = LTIModel.from_matrices(*system)
    small = {"BT": BTReductor, "IRKA": IRKAReductor}[name](model).reduce(order)
    A, B, C, _, E = small.to_matrices()
    E = np.eye(len(A)) if E is None else E
    return np.linalg.solve(E, A), np.linalg.solve(E, B), C


def by_control(system: Matrices, order: int) -> Matrices:
    """A reduction of python-control, which is SLICOT's."""
    import control

    small: Any = control.balred(control.ss(*system, 0), order)
    return small.A, small.B, small.C


def peers() -> dict[str, Callable[[Matrices, int], Matrices]]:
    """The peers that are installed."""
    found: dict[str, Callable[[Matrices, int], Matrices]] = {}
    if "control" in HAVE:
        found["control balred"] = by_control
    if "pymor" in HAVE:
        found["pyMOR BT"] = lambda system, order: by_pymor(system, order, "BT")
        found["pyMOR IRKA"] = lambda system, order: by_pymor(system, order, "IRKA")
    return found


OURS = {
    "balanced": reduce.balanced,
    "hankel": reduce.hankel,
    "h2": reduce.h2,
    "modal": reduce.modal,
}


def errors(form: Any, small: Any) -> tuple[float, float]:
    """The H-infinity and the H2 error, both relative."""
    whole = forms.to_dense(form)._replace(D=np.asarray(0.0))
    far = systems.hinf_distance(whole, small).upper / systems.hinf_norm(whole).lower
    return far, systems.h2_distance(whole, small) / systems.h2_norm(whole)


def comparison() -> None:
    """Errors of all methods at given orders, by one judge."""
    print("\n| model | order | method | H-infinity | H2 | bound below | kappa | ms |")
    print("|---|---|---|---|---|---|---|---|")
    for name, make in MODELS.items():
        form = make()._replace(D=np.asarray(0.0))
        system = matrices(form)
        for order in ORDERS:
            for method, run in OURS.items():
                found = run(form, order=order, norm="hinf")
                took = seconds(lambda run=run, order=order, form=form: run(form, order=order))
                row = errors(form, forms.to_dense(found.form)._replace(D=np.asarray(0.0)))
                figures = f"{found.lower:.2e} | {found.conditioning:.1f} | {1e3 * took:.1f}"
                print(f"| {name} | {order} | {method} | {row[0]:.3e} | {row[1]:.3e} | {figures} |")
            for peer, run in peers().items():
                A, B, C = run(system, order)
                took = seconds(lambda run=run, order=order, system=system: run(system, order), 1)
                small = Dense(A, B[:, 0], C[0], np.asarray(0.0), np.asarray(1.0))
                row = errors(form, small)
                print(
                    f"| {name} | {order} | {peer} | {row[0]:.3e} | {row[1]:.3e} | - | - |"
                    f" {1e3 * took:.1f} |",
                    flush=True,
                )


def without_bounds(form: Any, order: int) -> Any:
    """The modes of balanced truncation, neither measured nor conditioned."""
    plain = balanced_members(modes_of(form))
    return nearby_poles([Realized(x.A[:order, :order], x.B[:order], x.C[:, :order]) for x in plain])


def unavoidable(order: int) -> None:
    """One symmetric eigenproblem of each channel, and the modes of what is kept."""
    X = np.random.default_rng(0).standard_normal((CHANNELS, 64, 64))
    np.linalg.eigh(X)
    np.linalg.eig(X[:, :order, :order])


def together() -> None:
    """The time of many channels."""
    print(f"\n| {CHANNELS} channels of order 64 to 16 | ms a channel |")
    print("|---|---|")
    form = inits.s4d_lin_init(64, channels=CHANNELS)
    took = seconds(lambda: reduce.balanced(form, order=16))
    print(f"| reduce.balanced, with modes, kappa and bounds | {1e3 * took / CHANNELS:.2f} |")
    took = seconds(lambda: without_bounds(form, 16))
    print(f"| modes alone, what the peers' matrices hold | {1e3 * took / CHANNELS:.2f} |")
    took = seconds(lambda: unavoidable(16))
    print(f"| LAPACK alone: eigh at 64, eig at 16 | {1e3 * took / CHANNELS:.2f} |")
    took = seconds(lambda: reduce.balanced(form, order=16, norm="h2"))
    print(f"| reduce.balanced, bounds in H2 | {1e3 * took / CHANNELS:.2f} |")
    took = seconds(lambda: reduce.singular_values(form))
    print(f"| reduce.singular_values | {1e3 * took / CHANNELS:.2f} |")
    one = matrices(inits.s4d_lin_init(64))
    for peer, run in peers().items():
        took = seconds(lambda run=run: run(one, 16))
        print(f"| {peer}, one channel | {1e3 * took:.2f} |")


def picture(path: Path) -> None:
    """Order against error."""
    figure, panels = plt.subplots(1, len(MODELS), figsize=(12, 3), sharey=True)
    for panel, (name, make) in zip(panels, MODELS.items(), strict=True):
        form = make()
        orders = list(range(0, 63, 2))
        lower: list[float] = []
        for method in ("balanced", "hankel", "modal"):
            found = [OURS[method](form, order=order, norm="hinf") for order in orders]
            panel.semilogy(orders, [max(x.upper, 1e-17) for x in found], label=method)
            if method == "balanced":
                lower = [max(x.lower, 1e-17) for x in found]
        panel.semilogy(orders, lower, "k:", label="no model below")
        panel.set_title(name)
        panel.set_xlabel("order")
    panels[0].set_ylabel("H-infinity error, relative")
    panels[0].legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    print(f"\n{path}")


def main() -> None:
    """All tables, then the picture."""
    accuracy()
    comparison()
    together()
    default = Path(__file__).parents[1] / "docs" / "_static" / "reduce.svg"
    picture(Path(sys.argv[1]) if len(sys.argv) > 1 else default)


if __name__ == "__main__":
    main()
