"""The result of every perturbation: the factors of A + E and the figures that certify them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np

from ..forms import NPLR, Dense, Diagonal, Paired, is_form, pair, to_dense
from ..ground import gate, require
from ..ground.backend import Array, Complex, Real
from ..ground.bounds import Bounds
from ..ground.formats import EPS
from ..matrices import eigen, h_infinity, proved_abscissa, shifted
from ..matrices.factorizations import eigenpairs
from ..matrices.frequency_supremum import supremum
from ..matrices.refined_solves import extended_product, refined
from ..matrices.scaling import exponent_of, times_power
from .matrix_functions import (
    commutes_with_conjugation,
    function_times,
    matrix_function,
    values_at,
)
from .modal_coordinates import (
    ModalSystem,
    conjugate_rows,
    halve,
    real_columns,
    real_matrices,
)

# What can be perturbed: a continuous form with one input, or a square matrix of any origin.
System = NPLR | Dense | Array
# Called with figures by name while something takes long, as (evaluations=12, condition=8.1).
Progress = Callable[..., object]
PROVED = 512  # modes up to which `figures` holds a proof of stability: a second or two
_EXTREME = 400  # power of two from which on |A| is squared in units of its own
_GRID = 2048  # eigenvalues around which a supremum is searched: neighbours share their lobes
FIGURES = (
    "condition",
    "scaled_condition",
    "backward_error",
    "transfer_error",
    "transfer_bound",
    "abscissa",
    "residual",
    "factorization_error",
)


class Defective(ValueError):
    """A + E has no eigenbasis in double precision."""


class Factors(NamedTuple):
    """The matrices of A + E = V diag(Lambda) V^{-1}: arrays, or `OnDemand` beyond order 4096.

    Attributes:
        V: unit eigenvectors (N, M), one a column.
        V_inv: the inverse of V (M, N), a right inverse where M > N.
        E: the perturbation (N, N).
    """

    V: Array
    V_inv: Array
    E: Array


@dataclass(frozen=True, eq=False)
class Diagonalization:
    r"""A + E = V diag(Lambda) V^{-1} with the figures that certify it.

    There may be more modes than states, M > N: V (N, M) is then wide, V^{-1} one of its right
    inverses, and A + E is what they make of Lambda, though its own eigenvalues are others.

    Figures are computed when first asked for, in O(N^3) unless said. Those of the state compare
    x~(iw) = V (iw - Lambda)^{-1} B with x^(iw) = (iw - A)^{-1} B. They are inf where one of the two
    is unstable, and nan for a mere matrix, which has no input.

    Attributes:
        system: what was perturbed, a form with A and B or a matrix A.
        Lambda: eigenvalues (M,) in the order of `decompose`: upper half plane by rising frequency,
            conjugates, real ones; of a complex matrix all by rising frequency.
        B: input (M,) in the eigenbasis, with the scaling of the method, so that
            V (s - Lambda)^{-1} B is the state; None for a mere matrix.
        factors: makes V, V_inv and E when they are first asked for, and is pickled: a partial.
        method: the name in `PERTURBATIONS`.
        facts: what else the method reports, by names that are not those of figures.

    Raises:
        ValueError: if a fact has the name of a figure.
    """

    system: System = field(repr=False)
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
            "perturbation" (the method), what is in `FIGURES`, up to 512 modes "proved_abscissa",
            "weight_amplification" and "kernel_sensitivity", and the facts.

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
            figures["weight_amplification"] = self.weight_amplification
            figures["kernel_sensitivity"] = self.kernel_sensitivity
        return figures | dict(self.facts)

    @cached_property
    def _factors(self) -> Factors:
        return self.factors()

    @property
    def V(self) -> Array:
        """Unit eigenvectors (N, M), one a column."""
        return self._factors.V

    @property
    def V_inv(self) -> Array:
        """The inverse of V (M, N), a right inverse where M > N."""
        return self._factors.V_inv

    @property
    def order(self) -> int:
        """N, the number of states."""
        return len(self.V)

    @property
    def wide(self) -> bool:
        """Whether there are more modes than states."""
        return len(self.Lambda) > self.order

    @property
    def E(self) -> Array:
        """The perturbation (N, N)."""
        return self._factors.E

    @cached_property
    def A(self) -> Array:
        """The matrix that was perturbed (N, N)."""
        if isinstance(self.system, NPLR):  # A may be a matrix on demand, and stays one
            return self.system.A
        return split(self.system)[0]

    @property
    def _in_range(self) -> tuple[Array, Array, Complex]:
        """A, E and Lambda, over a power of two where squares would overflow or underflow."""
        exponent = exponent_of(self.A) if isinstance(self.A, np.ndarray) else 0
        if abs(exponent) < _EXTREME or not np.any(self.A):
            return self.A, self.E, self.Lambda
        A, E, Lambda = (times_power(X, -exponent) for X in (self.A, self.E, self.Lambda))
        return A, E, Lambda

    @cached_property
    def condition(self) -> float:
        """kappa_2(V)."""
        return eigen.condition(self.V)

    @cached_property
    def scaled_condition(self) -> float:
        """The sum of the condition numbers of the eigenvalues.

        It is the least kappa_F(V D) over scalings D of the columns.
        """
        of_eigenvalues = eigen.condition_numbers(self.V, self.V_inv)
        return float(np.sum(of_eigenvalues))

    @cached_property
    def backward_error(self) -> float:
        """|E|_2/|A|_2; |E|_2 itself where A = 0."""
        A, E, _ = self._in_range
        return float(np.linalg.norm(E, 2) / (np.linalg.norm(A, 2) or 1.0))

    @cached_property
    def residual(self) -> float:
        """|(A + E) V - V Lambda|_F / |A|_F; absolute where A = 0.

        Of a wide V what V^{-1} V leaves of it, for its columns are no eigenvectors of A + E.
        """
        A, E, Lambda = self._in_range
        rest = (A + E) @ self.V - self.V * Lambda
        rest = rest @ self.V_inv @ self.V if self.wide else rest
        scale = np.linalg.norm(A) or 1.0
        return float(np.linalg.norm(rest) / scale)

    @cached_property
    def factorization_error(self) -> float:
        """|A + E - V diag(Lambda) V^{-1}|_F / |A|_F; absolute where A = 0.

        Rounding makes it eps kappa(V). `residual` knows nothing of V^{-1}.
        """
        A, E, Lambda = self._in_range
        rest = A + E - (self.V * Lambda) @ self.V_inv
        scale = np.linalg.norm(A) or 1.0
        return float(np.linalg.norm(rest) / scale)

    @property
    def abscissa(self) -> float:
        """max Re Lambda, the spectral abscissa of A + E."""
        return float(self.Lambda.real.max())

    @cached_property
    def proved_abscissa(self) -> float:
        """A number that Re lambda of no eigenvalue of A + E exceeds, as proved in float64.

        Below 0 it proves stability. It is that of the exact sum of the two matrices, what its
        rounding leaves included. Of a wide V it is `abscissa`: the model is Lambda, not A + E.
        """
        if self.wide:
            return self.abscissa
        A = np.asarray(self.A)
        E = np.asarray(self.E)
        rounded = A + E
        part = rounded - A
        rest = (A - (rounded - part)) + (E - part)  # A + E - rounded exactly (Knuth)
        return proved_abscissa(rounded, rest)

    @cached_property
    def _deviation(self) -> Bounds:
        """sup |x~(iw) - x^(iw)| from both sides, by level sets."""
        A, B = split(self.system)
        if B is None:
            return Bounds(math.nan, math.nan, math.nan)
        if self.wide:
            return h_infinity.hinf_distance(self._modal(), (A, B, np.eye(len(A))))
        perturbed = A + np.asarray(self.E)
        drive = extended_product(self.V, self.B)
        drive = drive if np.iscomplexobj(perturbed) else drive.real
        # A coefficient that neither moves nor is driven (the sine of frequency zero) is no mode of
        # the transfer function.
        alive = _coupled(A, B) | _coupled(perturbed, drive)
        block = np.ix_(alive, alive)
        unit = np.eye(int(np.count_nonzero(alive)))
        ours = (perturbed[block], drive[alive], unit)
        exact = (A[block], B[alive], unit)
        return h_infinity.hinf_distance(ours, exact)

    @cached_property
    def weight_amplification(self) -> float:
        r"""How much larger the weighted modes are than the state that they add up to, at worst.

        .. math::  \sup_\omega
                   \frac{|V|_2\, |(i\omega - \Lambda)^{-1} \tilde B|_2}{|\hat x(i\omega)|_2}

        For V = I it is 1, for M = N at most kappa(V) sup |x~|/|x^|. It is large where modes cancel,
        be it in V or in the input; kappa(V) alone does not see the input. A rounding of the modes
        by u moves the state by this times u.

        Measured: the largest ratio found beside the eigenvalues and at infinity, in O(M S) for S
        about 31 M frequencies, at most 64 000. inf where a driven mode does not decay, nan for a
        mere matrix.
        """
        if self.B is None:
            return math.nan
        driven = self.B != 0
        Lambda = self.Lambda[driven]
        if len(Lambda) == 0:
            return math.nan
        if Lambda.real.max() >= 0:
            return math.inf
        weight = self._size_of_V * np.abs(self.B[driven])
        size = self._size_of_state

        def ratio(w: Real) -> Real:
            modes = weight[:, None] / np.abs(1j * w - Lambda[:, None])
            return np.linalg.norm(modes, axis=0) / size(w)

        both = (lambda w: np.maximum(ratio(w), ratio(-w))) if np.iscomplexobj(self.E) else ratio
        found, _ = supremum(both, Lambda[:: 1 + len(Lambda) // _GRID])
        at_infinity = float(np.linalg.norm(weight) / np.linalg.norm(self.system.B))
        return max(found, at_infinity)

    @cached_property
    def kernel_sensitivity(self) -> float:
        r"""The relative change of a kernel, over the relative change of Lambda that made it.

        .. math::  \left( \sum_j
                   \frac{|\tilde B_j \lambda_j|^2\, |v_j|^2}{4 |\operatorname{Re} \lambda_j|^3}
                   / \int_0^\infty |\tilde x(t)|^2\, dt \right)^{1/2}, \qquad
                   \tilde x(t) = \sum_j \tilde B_j v_j e^{\lambda_j t} .

        Kernels are c x~(t) with c normal; lambda_j becomes lambda_j (1 + epsilon_j), |epsilon_j| =
        epsilon with independent random phases, one for a pair of conjugates and a sign for a real
        mode. Then it is the root mean square of the change over that of the kernel, both in L2, to
        first order and divided by epsilon: exact, no sample. It is what training with relative
        steps and numbers of few digits meet.

        inf where a driven mode does not decay, nan for a mere matrix. O(N M^2); O(M) in closed
        form for `lossless`.
        """
        if self.B is None:
            return math.nan
        driven = self.B != 0
        Lambda = self.Lambda[driven]
        if len(Lambda) == 0:
            return math.nan
        if Lambda.real.max() >= 0:
            return math.inf
        changes = np.abs(self.B[driven] * Lambda) ** 2 / (4 * np.abs(Lambda.real) ** 3)
        return math.sqrt(float(np.sum(changes)) / self._energy)

    @property
    def _size_of_V(self) -> float:
        return float(np.linalg.norm(self.V, 2))

    @property
    def _size_of_state(self) -> Callable[[Real], Real]:
        """The function from w (F,) to |x^(iw)| (F,)."""
        A, B = split(self.system)
        T, Q = shifted.triangular(A)
        drive = Q.conj().T @ B

        def size(w: Real) -> Real:
            right = np.repeat(drive[:, None], len(w), axis=1)
            return np.linalg.norm(shifted.solve(T, right, 1j * w), axis=0)

        return size

    @property
    def _energy(self) -> float:
        """The integral of |x~(t)|^2."""
        V = np.asarray(self.V) * self.B
        driven = self.B != 0
        Lambda = self.Lambda[driven]
        gram = V[:, driven].conj().T @ V[:, driven]
        return float(np.sum(gram / -(Lambda.conj()[:, None] + Lambda)).real)

    def _modal(self) -> tuple[Array, Array, Array]:
        """The model in real coordinates: (M, M), (M,) and (N, M)."""
        modal = ModalSystem(self.Lambda, np.asarray(self.V), self.B)
        return real_matrices(halve(modal))

    @property
    def transfer_error(self) -> float:
        """The largest |x~(iw) - x^(iw)| over all w, as attained at some w."""
        return self._deviation.lower

    @property
    def transfer_bound(self) -> float:
        """A number that |x~(iw) - x^(iw)| does not exceed at any w, to first order in rounding."""
        return self._deviation.upper

    def readout(self, c: Array) -> Array:
        """c V of rows c (..., N) in orthonormal real coordinates of the state: here those of A."""
        return c @ self.V

    def drive(self, b: Array) -> Array:
        """V^{-1} b of columns b (N, k) in those coordinates, by a solve with one refinement."""
        return refined(self.V, self.V_inv, b)

    def apply(self, f: Callable[[Complex], Array], x: Array | None = None) -> Array:
        r"""A function of A + E, or of A + E times vectors: any function, once diagonalized.

        .. math::  f(A + E) = V f(\Lambda) V^{-1}.

        How far it is from f(A) is bounded by `exponential_bound`, `resolvent_bound`, `power_bound`
        and `fractional_power_bound`, rounding apart from E.

        Args:
            f: a function of the eigenvalues, called once with all of them, (N,). It may return
                several functions at once, as rows (..., N).
            x: a vector (N,) or columns (N, k); None: the matrix itself.

        Returns:
            f(A + E), (..., N, N), or f(A + E) x, (..., N) or (..., N, k). Real where A + E and x
            are and f(conj z) = conj f(z), as of exp; complex else, as the logarithm of a matrix
            with a negative eigenvalue is.

        Raises:
            TypeError: if f is no function, and for values or an x that are no numbers.
            ValueError: for values of another shape, and where f is not finite; for an x of another
                order, NaN and infinities; with more modes than states, for then f(A + E) is
                another matrix; if no memory holds the result.

        Accuracy:
            N eps kappa(V) max |f(Lambda)|, and what the condition of f makes of
            `factorization_error`.

        Cost:
            O(N^3) a matrix, O(N^2) a vector.

        Source:
            Davies 2007 (SIAM J. Matrix Anal. Appl. 29).

        Example:
            >>> from ssmlinalg import perturb
            >>> found = perturb.gaussian(np.eye(3, k=1), size=1e-6)
            >>> bool(np.allclose(found.apply(np.exp)[0], [1, 1, 1 / 2], atol=1e-5))
            True
        """
        if self.wide:
            rule = "f(A + E) needs as many modes as states"
            got = f"{len(self.Lambda)} modes of {self.order} states"
            raise ValueError(f"{rule}; got {got}. Perturb without `modes`.")
        values = values_at(f, np.asarray(self.Lambda))
        real = not (np.iscomplexobj(self.E) or np.iscomplexobj(self.A))
        real = real and commutes_with_conjugation(values, self.Lambda)
        if x is None:
            found = matrix_function(self.V, self.V_inv, values)
            return found.real.copy() if real else found
        x = gate.numbers("x", x)
        shape = x.shape
        fits = len(shape) in (1, 2) and shape[0] == self.order
        require.shape("x", shape, f"({self.order},) or ({self.order}, k)", fits)
        found = function_times(self.V, self.V_inv, values, x)
        return found.real.copy() if real and not np.iscomplexobj(x) else found

    def exponential(self, t: Array, x: Array | None = None) -> Array:
        """The exponential e^{t (A + E)}, or that times vectors, at many times at once.

        Args:
            t: times, a number or (T,) in any order.
            x: a vector (N,) or columns (N, k); None: the matrix itself.

        Returns:
            An array (N, N), (N,) or (N, k), after an axis (T,) of several times; real where A + E
            and x are.

        Raises:
            TypeError: what `apply` raises, and for times that are no real numbers.
            ValueError: what `apply` raises, for times of another shape, and where e^{t lambda}
                overflows.

        Accuracy:
            That of `apply`, and t eps |lambda| of the exponent.

        Cost:
            O(T N^2 k) with x, in one product.

        Example:
            >>> from ssmlinalg import perturb
            >>> found = perturb.gaussian([[-1, 30], [0, -2]], size=1e-9)
            >>> x = found.exponential([0.5, 1, 2], [0, 1])
            >>> x[:, 0].round(3)
            array([7.16 , 6.976, 3.511])
        """
        times = gate.real_numbers("t", t)
        require.shape("t", times.shape, "() or (T,)", times.ndim <= 1)
        return self.apply(lambda Lambda: np.exp(times[..., None] * Lambda), x)

    def paired(self, C: np.ndarray, step: np.ndarray | float = 1.0) -> Paired:
        """The model with a half spectrum that reads the state in the coordinates of A.

        Args:
            C: readout (..., N) of that state.
            step: step (...) of the model, in the time of the system.

        Returns:
            A `Paired` form with D = 0.

        Raises:
            ValueError: if a matrix was perturbed, which has no input; if C has another shape; if E
                is complex, for then modes do not come in pairs.

        Example:
            >>> from ssmlinalg import hippo, perturb
            >>> perturb.lossless(hippo.legs(8)).paired(np.eye(8), step=0.1).C.shape
            (8, 4)
        """
        shape = np.shape(C)
        require.shape("C", shape, f"(..., {self.order})", shape[-1:] == (self.order,))
        return self.read_by(C @ self.V, step)

    def read_by(self, C: Complex, step: np.ndarray | float = 1.0) -> Paired:
        """The model with a half spectrum whose modes are read by C.

        Args:
            C: readout (..., M) of the modes, as `readout` makes it.
            step: step (...) of the model, in the time of the system.

        Returns:
            A `Paired` form with D = 0.

        Raises:
            ValueError: if a matrix was perturbed, which has no input; if E is complex, for then
                modes do not come in pairs.

        Example:
            >>> from ssmlinalg import hippo, perturb
            >>> found = perturb.lossless(hippo.legs(8))
            >>> found.read_by(found.readout(np.ones(8)), step=0.1).C.shape
            (4,)
        """
        if self.B is None:
            rule = "`system` must have an input to become a model"
            raise ValueError(f"{rule}; got a matrix. Give an NPLR or Dense form.")
        if np.iscomplexobj(self.E):
            rule = "A + E must be real for modes to come in pairs"
            raise ValueError(f"{rule}; got a complex E, by {self.method}. Take a real one.")
        D = np.zeros(np.shape(C)[:-1])
        full = Diagonal(self.Lambda, self.B, C, D, np.asarray(step))
        return pair(full)


def _coupled(A: Array, B: Array) -> np.ndarray:
    """Which coefficients (N,) move or are driven."""
    return A.any(axis=0) | A.any(axis=1) | (B != 0)


def split(system: System) -> tuple[Array, Array]:
    """The matrices of what is perturbed, on the host in double precision.

    Args:
        system: a continuous form with one input and no leading axes, or a square matrix (N, N) of
            any library, as an array or a nested list.

    Returns:
        A (N, N) and B (N,); None in place of B for a matrix.

    Raises:
        TypeError: for discrete forms and forms with several inputs, and for what holds no numbers.
        ValueError: for leading axes, for a matrix that is not square, for NaN and infinities.

    Example:
        >>> split([[0, 1], [0, 0]])
        (array([[0., 1.],
               [0., 0.]]), None)
    """
    if not is_form(system):
        return gate.square("system", system), None
    form = to_dense(system)
    shape = form.A.shape
    require.shape("A", shape, "(N, N), of a single system", len(shape) == 2)
    return gate.square("A", form.A), gate.vector("B", form.B)


def diagonalized(
    system: System,
    E: np.ndarray,
    *,
    method: str,
    facts: Mapping[str, float],
) -> Diagonalization:
    """The eigenvalues and unit eigenvectors of A + E by LAPACK, in canonical order and phase.

    The input B is that of the system, not scaled.

    Args:
        system: what is perturbed, as `split` takes it.
        E: the perturbation (N, N).
        method: the name in `PERTURBATIONS`.
        facts: what the method reports beside the figures.

    Returns:
        The factors of A + E with their figures.

    Raises:
        TypeError: what `split` raises.
        ValueError: what `split` and `canonical_eig` raise; if kappa(V) is beyond double precision;
            if a fact has the name of a figure.

    Cost:
        O(N^3).

    Example:
        >>> E = np.array([[0.0, 0.0], [1e-2, 0.0]])
        >>> diagonalized(np.eye(2, k=1), E, method="corner", facts={}).Lambda.real
        array([-0.1,  0.1])
    """
    A, B = split(system)
    M = A + E
    seen_by = np.ones(len(A)) if B is None else B
    Lambda, V = canonical_eig(M, seen_by)
    condition = eigen.condition(V)
    if condition * EPS > 1:
        got = f"kappa(V) = {condition:.3g}, beyond double precision"
        remedy = "Move the size of the perturbation a little, or raise it."
        raise Defective(f"A + E must be diagonalizable; got {got}. {remedy}")
    if np.iscomplexobj(M):
        V_inv = np.linalg.inv(V)
        drive = None if B is None else refined(V, V_inv, B)
    else:
        pairs = int(np.count_nonzero(Lambda.imag > 0))
        R = real_columns(V, pairs)
        W = np.linalg.inv(R)
        V_inv = conjugate_rows(W, pairs)
        drive = None if B is None else conjugate_rows(refined(R, W, B), pairs)
    factors = partial(Factors, V, V_inv, E)
    return Diagonalization(
        system=system,
        Lambda=Lambda,
        B=drive,
        factors=factors,
        method=method,
        facts=dict(facts),
    )


def canonical_eig(M: np.ndarray, B: np.ndarray) -> tuple[Complex, Complex]:
    """Eigenvalues (N,) and unit eigenvectors (N, N) in canonical order and phase.

    Each v is turned so that B^H v > 0, or where that is 0 its largest entry. A real M has exact
    conjugate pairs: the upper half plane by rising frequency, the conjugates, the real ones rising.

    Args:
        M: matrix (N, N).
        B: vector (N,) that fixes the phases.

    Returns:
        Lambda and V, both complex.

    Raises:
        ValueError: if LAPACK gives up, or what it returns is no eigenvector to rounding.

    Example:
        >>> canonical_eig(np.array([[0.0, 2.0], [-2.0, 0.0]]), np.ones(2))[0]
        array([0.+2.j, 0.-2.j])
    """
    Lambda, V = eigenpairs(M, "A + E")
    V = _turned(V, B)
    if np.iscomplexobj(M):
        rising = np.lexsort((Lambda.real, Lambda.imag))
        return Lambda[rising], V[:, rising]
    up = np.flatnonzero(Lambda.imag > 0)
    rising = np.lexsort((Lambda.real[up], Lambda.imag[up]))
    up = up[rising]
    real = np.flatnonzero(Lambda.imag == 0)
    real = real[np.argsort(Lambda.real[real])]
    upper = V[:, up]
    alone = V[:, real].real + 0j
    Lambda = np.concatenate([Lambda[up], Lambda[up].conj(), Lambda[real]])
    return Lambda, np.concatenate([upper, upper.conj(), alone], axis=-1)


def _turned(V: Complex, B: Array) -> Complex:
    """The columns in their canonical phase."""
    order = len(V)
    seen = B.conj() @ V
    largest = V[np.argmax(np.abs(V), axis=0), np.arange(order)]
    negligible = np.abs(seen) <= order * EPS * np.linalg.norm(B)
    anchor = np.where(negligible, largest, seen)
    return V * np.exp(-1j * np.angle(anchor))
