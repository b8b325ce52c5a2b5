"""What every perturbation returns: the factors of A + E and the figures that certify them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from ..forms import NPLR, Dense, Diagonal, Paired, check, pair
from ..ground import require
from ..ground.backend import Array, Complex
from ..ground.bounds import Bounds
from ..ground.formats import EPS
from ..matrices import eigen, h_infinity

# Called with figures by name while something takes long, as (evaluations=12, condition=8.1).
Progress = Callable[..., object]
PROVED = 512  # order up to which `figures` holds a proof of stability: a second or two
FIGURES = (
    "condition",
    "scaled_condition",
    "backward_error",
    "transfer_error",
    "transfer_bound",
    "abscissa",
    "residual",
)


class Defective(ValueError):
    """A + E has no eigenbasis in double precision."""


class Factors(NamedTuple):
    """V and V^{-1}, of A + E = V diag(Lambda) V^{-1}, and E: arrays, or `OnDemand` beyond order
    4096.
    """

    V: Array
    V_inv: Array
    E: Array


@dataclass(frozen=True, eq=False)
class Diagonalization:
    r"""A + E = V diag(Lambda) V^{-1} with the figures that certify it.

    `system` is what was perturbed: a form with A and B, or a matrix A. `Lambda` (N,) stands in the
    order of `decompose`: upper half plane by rising frequency, conjugates, real ones (of a complex
    matrix: by rising frequency). `B` (N,) is the input in the eigenbasis with the method's scaling
    included, so that V (s - Lambda)^{-1} B is the state; None for a mere matrix. `V` (N, N) has
    unit columns, `V_inv` its rows, `E` is the perturbation: arrays, or beyond order 4096 matrices
    on demand, whose blocks and products are computed when asked for. `facts` holds what else the
    method reports.

    Figures are computed when first asked for, in O(N^3) unless said. Those of the state compare
    x~(iw) with x^(iw) = (iw - A)^{-1} B; they are inf where one of the two is unstable and nan for
    a mere matrix, which has no input.
    """

    system: NPLR | Dense | Array = field(repr=False)
    Lambda: Complex = field(repr=False)
    B: Array = field(repr=False)
    factors: Callable[[], Factors] = field(repr=False)
    method: str
    facts: Mapping[str, float]

    def __post_init__(self) -> None:
        taken = sorted(self.facts.keys() & {"perturbation", *dir(self)})
        if taken:
            rule = "`facts` must have names that are not those of figures"
            raise ValueError(f"{rule}; got {', '.join(taken)}. Rename them.")

    def figures(self) -> dict[str, Any]:
        """Every figure and fact by its name, for a table or a file.

        Returns:
            "perturbation" (the method), what is in `FIGURES`, "proved_abscissa" up to order 512,
            and the facts.

        Cost:
            That of the figures, O(N^3).

        Example:
            >>> from ssmlinalg import hippo, perturb
            >>> found = perturb.gaussian(hippo.legs(4), size=0.1)
            >>> found.figures()["transfer_bound"] == found.transfer_bound
            True
        """
        figures: dict[str, Any] = {"perturbation": self.method}
        figures |= {name: getattr(self, name) for name in FIGURES}
        if len(self.Lambda) <= PROVED:
            figures["proved_abscissa"] = self.proved_abscissa
        return figures | dict(self.facts)

    @cached_property
    def _factors(self) -> Factors:
        return self.factors()

    @property
    def V(self) -> Array:
        """Unit eigenvectors (N, N), one a column."""
        return self._factors.V

    @property
    def V_inv(self) -> Array:
        """The inverse of V (N, N)."""
        return self._factors.V_inv

    @property
    def E(self) -> Array:
        """The perturbation (N, N)."""
        return self._factors.E

    @property
    def A(self) -> Array:
        """The matrix that was perturbed (N, N)."""
        return self.system.A if isinstance(self.system, (NPLR, Dense)) else self.system

    @cached_property
    def condition(self) -> float:
        """kappa_2(V)."""
        return eigen.condition(self.V)

    @cached_property
    def scaled_condition(self) -> float:
        """The sum of the condition numbers of the eigenvalues: the least kappa_F(V D) over scalings
        D of the columns.
        """
        return float(np.sum(eigen.condition_numbers(self.V, self.V_inv)))

    @cached_property
    def backward_error(self) -> float:
        """|E|_2/|A|_2; |E|_2 itself where A = 0."""
        return float(np.linalg.norm(self.E, 2) / (np.linalg.norm(self.A, 2) or 1.0))

    @cached_property
    def residual(self) -> float:
        """|(A + E) V - V Lambda|_F / |A|_F; absolute where A = 0."""
        rest = (self.A + self.E) @ self.V - self.V * self.Lambda
        return float(np.linalg.norm(rest) / (np.linalg.norm(self.A) or 1.0))

    @property
    def abscissa(self) -> float:
        """max Re Lambda."""
        return float(self.Lambda.real.max())

    @cached_property
    def proved_abscissa(self) -> float:
        """A number that Re lambda of no eigenvalue of A + E exceeds, as proved in float64: below 0
        a proof of stability.
        """
        return eigen.proved_abscissa(np.asarray(self.A) + np.asarray(self.E))

    @cached_property
    def _deviation(self) -> Bounds:
        A, B = split(self.system)
        if B is None:
            return Bounds(math.nan, math.nan, math.nan)
        perturbed, drive = A + np.asarray(self.E), self.V @ self.B
        drive = drive if np.iscomplexobj(perturbed) else drive.real
        # A state that neither moves nor is driven (the sine of frequency zero) is no mode of the
        # transfer function.
        alive = (
            A.any(axis=0)
            | A.any(axis=1)
            | perturbed.any(axis=0)
            | perturbed.any(axis=1)
            | (B != 0)
            | (drive != 0)
        )
        A, perturbed, unit = (
            A[alive][:, alive],
            perturbed[alive][:, alive],
            np.eye(int(np.count_nonzero(alive))),
        )
        return h_infinity.hinf_distance((perturbed, drive[alive], unit), (A, B[alive], unit))

    @property
    def transfer_error(self) -> float:
        """The largest |x~(iw) - x^(iw)| over all w, as attained at some w."""
        return self._deviation.lower

    @property
    def transfer_bound(self) -> float:
        """A number that |x~(iw) - x^(iw)| does not exceed at any w."""
        return self._deviation.upper

    def paired(self, C: np.ndarray, step: np.ndarray | float = 1.0) -> Paired:
        """The half-spectrum model that reads C (..., N) from the state in the coordinates of A,
        with `step` (...).
        """
        if self.B is None:
            raise ValueError(
                "`system` must have an input to become a model; got a matrix. Give an NPLR or Dense form."
            )
        require.shape(
            "C", np.shape(C), f"(..., {len(self.Lambda)})", np.shape(C)[-1:] == (len(self.Lambda),)
        )
        if np.iscomplexobj(self.E):
            got = f"a complex E, by {self.method}"
            raise ValueError(
                f"A + E must be real for modes to come in pairs; got {got}. Take a real one."
            )
        D = np.zeros(np.shape(C)[:-1])
        return pair(Diagonal(self.Lambda, self.B, C @ self.V, D, np.asarray(step)))


def split(system: NPLR | Dense | Array) -> tuple[Array, Array]:
    """A (N, N) and B (N,) of a form with one input; a square matrix of numbers stands for itself,
    with None for B.
    """
    if isinstance(system, (NPLR, Dense)):
        form = check(system)
        require.shape("A", form.A.shape, "(N, N), of a single system", len(form.A.shape) == 2)
        return np.asarray(form.A), form.B
    A = np.asarray(system)
    if A.dtype.kind not in "fciu":
        raise TypeError(
            f"`system` must be NPLR, Dense or a matrix of numbers; got {A.dtype}. Build one from ssmlinalg.forms."
        )
    A = A.astype(np.complex128 if A.dtype.kind == "c" else np.float64)
    require.shape("A", A.shape, "(N, N)", A.ndim == 2 and len(A) == A.shape[-1] and len(A) > 0)
    require.finite("A", A)
    return A, None


def diagonalized(
    system: NPLR | Dense | Array, E: np.ndarray, *, method: str, facts: Mapping[str, float]
) -> Diagonalization:
    """The eigenvalues and unit eigenvectors of A + E by LAPACK, in canonical order and phase, with
    B as it is.

    Raises ValueError when kappa(V) is beyond double precision.
    """
    A, B = split(system)
    Lambda, V = canonical_eig(A + E, np.ones(len(A)) if B is None else B)
    condition = eigen.condition(V)
    if condition * EPS > 1:
        got = f"kappa(V) = {condition:.3g}, beyond double precision"
        raise Defective(
            f"A + E must be diagonalizable; got {got}. Move the size of the perturbation a little, or raise it."
        )
    V_inv = np.linalg.inv(V)
    real = not np.iscomplexobj(A + E)
    V_inv = like_conjugates(V_inv, Lambda) if real else V_inv
    drive = None if B is None else V_inv @ B
    drive = like_conjugates(drive, Lambda) if real and drive is not None else drive
    factors = Factors(V, V_inv, E)
    return Diagonalization(
        system, Lambda, drive, lambda: factors, method, MappingProxyType(dict(facts))
    )


def canonical_eig(M: np.ndarray, B: np.ndarray) -> tuple[Complex, Complex]:
    """Eigenvalues of M in canonical order and unit eigenvectors turned so that B^H v > 0, or where
    it is 0 their largest entry.

    A real M has exact conjugate pairs: the upper half plane by rising frequency, the conjugates,
    the real ones rising.
    """
    Lambda, V = (np.asarray(part, dtype=np.complex128) for part in np.linalg.eig(M))
    V = V / np.linalg.norm(V, axis=0)
    seen, largest = B.conj() @ V, V[np.argmax(np.abs(V), axis=0), np.arange(len(M))]
    V = V * np.exp(
        -1j * np.angle(np.where(np.abs(seen) > len(M) * EPS * np.linalg.norm(B), seen, largest))
    )
    if np.iscomplexobj(M):
        rising = np.lexsort((Lambda.real, Lambda.imag))
        return Lambda[rising], V[:, rising]
    up, real = np.flatnonzero(Lambda.imag > 0), np.flatnonzero(Lambda.imag == 0)
    up, real = (
        up[np.lexsort((Lambda.real[up], Lambda.imag[up]))],
        real[np.argsort(Lambda.real[real])],
    )
    Lambda = np.concatenate([Lambda[up], Lambda[up].conj(), Lambda[real]])
    return Lambda, np.concatenate([V[:, up], V[:, up].conj(), V[:, real].real + 0j], axis=-1)


def like_conjugates(rows: Any, Lambda: Complex) -> Any:
    """Rounding lets conjugate rows differ in their last digit; let them not."""
    pairs = np.count_nonzero(Lambda.imag > 0)
    return np.concatenate([rows[:pairs], rows[:pairs].conj(), rows[2 * pairs :].real + 0j])
