r"""The perturbation with a guarantee: move a lossless A part of the way to its normal part."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np

from ..decompose import eigenbasis
from ..forms import NPLR, check
from ..ground import require
from ..ground.backend import Real
from ..ground.formats import EPS
from ..ground.ondemand import ORDER, OnDemand, by_formula
from ..lossless import gram
from ..lossless.recognition import Spectrum, Structure, axis, recognize
from .cascade import cascade, driven, lengthened, nearest_counts
from .diagonalization import Defective, Diagonalization, Factors, Progress, diagonalized
from .lossless_figures import DENSE, Lossless

_STEP = 1.005  # by which tau is raised where kappa(V) exceeds the budget
_TRIALS = 8  # of a smaller tau where kappa(V) is below the budget
_FILLED = 1.001  # of the budget that is left is as good as nothing
_SMALL = 16  # order up to which the sign of tau matters to the error outside windows
_WORTH = 0.95  # of the error of a positive tau that a negative one has to be below
_NARROW = 2  # steps that are usual; more tell of a window
_LARGEST = 1e8  # a negative tau beyond which no further one is tried
_LEAST = 1e-300  # a tau whose 2/tau is no number is smaller


class _LosslessSystem(NamedTuple):
    """A + A^T = 2 sigma I - 2 P P^T with B = P g.

    Attributes:
        nplr: A, B and P.
        structure: the closed form of its spectrum, if there is one.
        sigma: the lossless axis is Re s = sigma.
        g: (R,).
        modes: how many modes are to be found, N or more.
    """

    nplr: NPLR
    structure: Structure | None
    sigma: float
    g: Real
    modes: int

    @property
    def wide(self) -> bool:
        """Whether there are more modes than states."""
        return self.modes > len(self.nplr.P)


def lossless(
    system: NPLR,
    *,
    conditioning: float | None = None,
    tau: float | None = None,
    sign: int | None = None,
    modes: int | None = None,
    progress: Progress | None = None,
) -> Lossless:
    r"""The perturbation with a guarantee: move A part of the way to its normal part.

    For a lossless system, A + A^T = 2 sigma I - 2 P P^T with B = P g, take

    .. math::  E = \tau P P^T, \qquad 0 < \tau \le 1 \text{ or } \tau < 0, \qquad
               \tilde B = (1 - \tau/2)\, B \text{ if P has one column:}

    tau -> 0 is HiPPO, tau = 1 its normal part (S4D). With c = |2/tau - 1|, kappa(V) = c^{(N-1)/N}
    for `lagt` and `tlagt`, close to that and below c for `legs` outside narrow windows of tau, and
    far below it for `fout`. And with the all-pass Phi(s) = 1 - 2 P^T (s - A)^{-1} P, of modulus one
    on Re s = sigma,

    .. math::  \tilde x - \hat x = -\frac{\tau}{2}\,
               \frac{\Phi}{1 - \tau/2 + (\tau/2)\Phi}\, \hat x,

    for `legs` zero at w = 0 and at most max_q (tau/2) q sqrt(1 - q^2)/(1 - (tau/2)(1 + q)) ~ tau/4
    at any frequency and order. With R columns (`legt`: two) the input is chosen so that the
    deviation at w = 0 vanishes: Phi is R x R, M = (1 - tau/2) I + (tau/2) Phi, and

    .. math::  \tilde B = P M(0) g, \qquad
               \tilde x - \hat x
               = \frac{\tau}{2} (s - A)^{-1} P M(s)^{-1} (\Phi(0) - \Phi(s))\, g .

    With `modes` M > N the feedback passes further sections behind the system: Phi Psi in place of
    Phi, |Phi Psi| about |Phi|^{M/N}. V is N x M and kappa(V) about c^{(N-1)/M}, so that at the same
    kappa(V) the deviation is about kappa^{-M/N}/2 in place of 1/(2 kappa). Chains (`legs`, `lagt`,
    `tlagt`) take any M: `chain.further` says which sections follow. Others take copies of
    themselves, hence a multiple of N; the Fourier measures of even order have a sine of frequency
    zero that is not copied. A wide V hides no cancellation here, see `weight_amplification`.

    A negative tau is as good: c = 1 - 2/tau, Phi = c at the eigenvalues, and the same bounds in c.
    At even N two of its eigenvalues are real, and they meet at other c. Windows come at c ~ 2 e N
    log N for tau > 0 at even N and tau < 0 at odd N, else at c ~ 2 e N^3 log N.

    A budget is kept as follows. Where A keeps it as it is (looked at up to order 256), tau = 0 and
    nothing is perturbed. Else tau starts where kappa(V) = c^{R (N-1)/M} meets it and is raised in
    steps of 0.5 % until the measured kappa(V) keeps it, or lowered while it keeps it with room. Up
    to order 16 and where a window is met a negative tau is tried too, and taken if its transfer
    error is 5 % smaller: 24 to 40 % at N = 4, nothing outside windows from N = 16 on. E is real, so
    the spectrum is closed under conjugation; it stays in Re <= sigma.

    Args:
        system: an `NPLR` form, real and lossless, with B in the span of P.
        conditioning: budget for kappa_2(V); 8 if neither it nor tau is given.
        tau: the size, instead of a budget; negative or in (0, 1].
        sign: 1 or -1, the sign of tau where a budget is given. None: 0 where A keeps the budget,
            else the sign that has the smaller transfer error.
        modes: how many modes M the model has, N if it is not given.
        progress: called with the "fraction" done while kappa(V) of a large order is measured.

    Returns:
        The factors of A + E, with `tau` and `sigma`. Facts: for a budget, the first tau
        ("law_tau") and in how many "steps" it was raised, negative if lowered.

    Raises:
        TypeError: for what is no `NPLR` form, and for complex entries.
        ValueError: for tau above 1 or 0, or not between 1e-300 and 1e8 in size, conditioning not
            above 1, both given, a system that is not lossless (with its defect), B outside the span
            of P, a tau at which A + E cannot be diagonalized in double precision, and beyond order
            4096 a spectrum that is not in closed form; for modes below N, or no multiple of N where
            the system is no chain, and tau = 1 or a budget too near 1 with more modes than states.

    Accuracy:
        Eigenvalues and B of `legs`, `lagt`, `tlagt` and the Fourier measures are closed forms with
        a relative accuracy of a few eps (copies of Fourier measures: relative to |A|), unless roots
        have met (for `legs` at c beyond 4 N log N). All else is LAPACK's, relative to |A|. kappa(V)
        is measured either way: up to order 256 from V, then from the eigenvalues alone, beyond
        order 1024 as an upper estimate at most 1e-4 above it.

    Cost:
        O(M) in closed form, with V only on demand beyond 4096 modes. O(M^3) by LAPACK, up to 4096
        modes.

    Source:
        Derived here; Yu et al. 2024 (arXiv 2310.01698) for the idea.

    Example:
        >>> from ssmlinalg import hippo
        >>> d = lossless(hippo.legs(64), conditioning=9)
        >>> round(d.tau, 3), round(d.condition, 2), round(d.transfer_error, 3), round(d.abscissa, 2)
        (0.195, 8.96, 0.058, -0.7)
        >>> wide = lossless(hippo.legs(64), conditioning=9, modes=128)
        >>> wide.V.shape, round(wide.condition, 2), round(wide.transfer_error, 4)
        ((64, 128), 8.98, 0.0045)
    """
    nplr = _real_nplr(system)
    require.progress(progress)
    if conditioning is not None and tau is not None:
        raise ValueError("give `conditioning` or `tau`, not both; got both. Leave one out.")
    if tau is not None:
        tau = _checked_tau(tau)
    sign = _checked_sign(sign, tau)
    budget = require.real("conditioning", 8.0 if conditioning is None else conditioning, above=1)
    plant = _lossless_system(nplr, _checked_modes(nplr, modes))
    if tau is not None:
        if tau == 1 and plant.wide:
            rule = "`tau` must be below 1 with more modes than states"
            raise ValueError(f"{rule}; got 1. Such modes do not decay; lower it.")
        return _at(plant, tau, {}, progress)
    if sign is None:
        return _within(plant, budget, progress)
    found = _kept(plant, budget, sign, progress)
    if found is None:
        rule = "`conditioning` must be kept by a tau of the sign asked for"
        raise ValueError(f"{rule}; got {budget:g} with {sign}. Take the other sign.")
    return found


def _checked_sign(sign: int | None, tau: float | None) -> int | None:
    if sign is None:
        return None
    if tau is not None:
        raise ValueError("give `sign` or `tau`, not both; got both. Leave one out.")
    sign = require.integer("sign", sign, least=-1)
    if abs(sign) != 1:
        raise ValueError(f"`sign` must be 1 or -1; got {sign}. Choose one, or leave it out.")
    return sign


def _real_nplr(system: object) -> NPLR:
    if not isinstance(system, NPLR):
        rule = "`system` must be an NPLR form, for P is perturbed along"
        remedy = "Use minimize or gaussian for others."
        raise TypeError(f"{rule}; got {type(system).__name__}. {remedy}")
    nplr = check(system)
    written = [field for field in nplr if isinstance(field, np.ndarray)]  # formulas are real
    if any(np.iscomplexobj(field) for field in written):
        remedy = "Take the real form, or use minimize."
        raise TypeError(f"`system` must be real; got complex entries. {remedy}")
    return nplr


def _checked_tau(tau: float) -> float:
    tau = require.real("tau", tau)
    if tau > 1 or tau == 0:
        rule = "`tau` must lie in (0, 1] or be negative"
        raise ValueError(f"{rule}; got {tau:g}. 1 is already the normal part, 0 is HiPPO itself.")
    if not _LEAST <= abs(tau) <= _LARGEST:
        rule = f"`tau` must be between {_LEAST:g} and {_LARGEST:g} in size"
        raise ValueError(f"{rule}; got {tau:g}. Beyond, rounding takes c = |2/tau - 1|.")
    return tau


def _checked_modes(nplr: NPLR, modes: int | None) -> int:
    order = len(nplr.P)
    modes = order if modes is None else require.integer("modes", modes)
    if modes < order:
        rule = f"`modes` must be at least the order, {order}"
        raise ValueError(f"{rule}; got {modes}. Lower the order instead.")
    return modes


def _lossless_system(nplr: NPLR, modes: int) -> _LosslessSystem:
    structure = recognize(nplr.A, nplr.P, modes)
    if modes > len(nplr.P) and structure is None:
        _refuse_parts(nplr, modes)
    return _LosslessSystem(nplr, structure, _axis(nplr, structure), _drive(nplr), modes)


def _refuse_parts(nplr: NPLR, modes: int) -> None:
    """Raise ValueError unless whole copies of a system that is no chain have that many modes."""
    rule = "`modes` must be the order and copies of what is driven, for only chains have parts"
    remedy = f"Give a smaller order, at most {ORDER} modes"
    if len(nplr.P) <= ORDER:
        below, above = nearest_counts(nplr, modes)
        if modes == below and modes <= ORDER:
            return
        remedy = f"Give {below} or {above}"
    raise ValueError(f"{rule}; got {modes}. {remedy}.")


def _axis(nplr: NPLR, structure: Structure | None) -> float:
    """sigma of A + A^T = 2 sigma I - 2 P P^T, once it is known to hold."""
    if structure:
        return structure.sigma
    A = np.asarray(nplr.A)
    P = nplr.P
    order = len(P)
    if not P.any():
        rule = "`P` must not be zero, for it is what is perturbed along"
        raise ValueError(f"{rule}; got zeros. Such a system is normal already.")
    rest = A + A.T + 2 * P @ P.T
    sigma = axis(A, P)
    scale = float(np.linalg.norm(A))
    beside = rest - 2 * sigma * np.eye(order)
    defect = float(np.linalg.norm(beside))
    if defect > 64 * order * EPS * scale:
        rule = "A + A^T must be 2 sigma I - 2 P P^T"
        remedy = "Use legs, lagt, tlagt, legt or fout."
        raise ValueError(f"{rule}; got a defect of {defect / scale:.3g} |A|. {remedy}")
    return sigma


def _drive(nplr: NPLR) -> Real:
    """g of B = P g."""
    B = nplr.B
    P = nplr.P
    g = np.linalg.lstsq(P, B)[0]
    aside = float(np.linalg.norm(B - P @ g))
    size = float(np.linalg.norm(B))
    if aside > 64 * len(B) * EPS * size:
        got = f"a part {aside / size:.3g} |B| beside it"
        remedy = "Only then does scaling the input undo the perturbation."
        raise ValueError(f"`B` must lie in the span of P; got {got}. {remedy}")
    return g


def _within(plant: _LosslessSystem, budget: float, progress: Progress | None) -> Lossless:
    """A itself if it keeps the budget, else the sign of tau that has the smaller transfer error."""
    itself = _unperturbed(plant, budget)
    if itself:
        return itself
    positive = _kept(plant, budget, 1, progress)
    assert positive is not None  # the normal part keeps any budget
    order, rank = plant.nplr.P.shape
    alike = order > _SMALL and positive.facts["steps"] <= _NARROW
    if rank > 1 or plant.wide or alike:
        return positive
    negative = _kept(plant, budget, -1, progress)
    if negative is None or negative.transfer_error > _WORTH * positive.transfer_error:
        return positive
    return negative


def _unperturbed(plant: _LosslessSystem, budget: float) -> Lossless | None:
    """A itself, tau = 0, if its kappa_2(V) keeps the budget; looked for up to order 256.

    Of a chain the angle between neighbouring eigenvectors, whose cosine is 2 sqrt(a b)/(a + b),
    mostly tells that it does not.
    """
    order, rank = plant.nplr.P.shape
    if plant.wide or order > DENSE:
        return None
    if rank == 1 and plant.sigma < 0 and plant.structure:
        a = np.abs(plant.nplr.P[:, 0])
        least = (a[1:] + a[:-1]) / np.maximum(np.abs(a[1:] - a[:-1]), EPS)
        if np.max(least, initial=1.0) > budget * (1 + 64 * EPS):
            return None
    try:
        found = _by_lapack(plant, 0.0, {"law_tau": 0.0, "steps": 0.0})
    except Defective:
        return None
    return found if found.condition <= budget else None


def _kept(
    plant: _LosslessSystem, budget: float, sign: int, progress: Progress | None
) -> Lossless | None:
    """At the first tau of a sign, from that of the law on, whose kappa_2(V) keeps the budget.

    If it keeps it with room, at a smaller one. None if a negative tau would have to be too large.
    """
    order, rank = plant.nplr.P.shape
    exponent = plant.modes / max(order - 1, 1) / rank
    # There kappa(V) is known from above only, within this factor.
    slack = 1 + 2 * gram.TOLERANCE if plant.modes > gram.DENSE else 1.0
    c = min(budget / slack, EPS ** (-1 / exponent)) ** exponent
    law_tau = _tau_of(c, sign)
    tau = law_tau
    steps = 0
    while abs(tau) <= _LARGEST:
        found = _tried(plant, budget, tau, {"law_tau": law_tau, "steps": steps}, progress)
        if found:
            return _nearer(plant, budget, found, exponent, progress)
        tau = min(_STEP * tau, 1.0)
        steps += 1
        if tau == 1 and plant.wide:
            rule = "`conditioning` must leave room for a tau below 1 with more modes than states"
            raise ValueError(f"{rule}; got {budget:g}. Raise it, or take as many modes as states.")
    return None


def _tau_of(c: float, sign: int) -> float:
    """The tau of a sign at which |Phi| = c."""
    return 2 / (c + 1) if sign > 0 else -2 / max(c - 1, EPS)


def _tried(
    plant: _LosslessSystem,
    budget: float,
    tau: float,
    facts: dict[str, float],
    progress: Progress | None,
) -> Lossless | None:
    """At one tau, if it keeps the budget."""
    try:
        found = _at(plant, tau, facts, progress)
    except Defective:
        return None  # an exceptional point
    kept = found.condition <= budget * (1 + 64 * len(found.Lambda) * EPS)
    return found if kept else None


def _nearer(
    plant: _LosslessSystem,
    budget: float,
    found: Lossless,
    exponent: float,
    progress: Progress | None,
) -> Lossless:
    """A smaller tau, as long as kappa(V) is below the budget and keeps it.

    By the law kappa(V) is a power of c; c grows by half of what it allows, lest it go too far.
    """
    if plant.wide or not 1 < plant.modes <= gram.DENSE or found.facts["steps"] > 0:
        return found
    sign = 1 if found.tau > 0 else -1
    for _ in range(_TRIALS):
        room = budget / found.condition
        c = abs(1 - 2 / found.tau) * room ** (exponent / 2)
        if room < _FILLED or c > 1 / math.sqrt(EPS):  # beyond, rounding moves more than tau does
            break
        facts = {**found.facts, "steps": found.facts["steps"] - 1}
        further = _tried(plant, budget, _tau_of(c, sign), facts, progress)
        if further is None:
            break
        found = further
    return found


def _at(
    plant: _LosslessSystem,
    tau: float,
    facts: dict[str, float],
    progress: Progress | None,
) -> Lossless:
    """At one tau: in closed form where that holds, else by LAPACK."""
    spectrum = plant.structure.solve(tau) if plant.structure else None
    if spectrum is None:
        return _by_lapack(plant, tau, facts)
    gain_of_input = (1 - tau / 2) * float(plant.g[0])
    return Lossless(
        system=plant.nplr,
        Lambda=plant.sigma + spectrum.z,
        B=gain_of_input * spectrum.driven,
        factors=partial(_factors, plant.nplr.P[:, 0], spectrum, tau),
        method="lossless",
        facts=facts,
        tau=tau,
        sigma=plant.sigma,
        structure=plant.structure,
        spectrum=spectrum,
        progress=progress,
    )


def _factors(p: Real, spectrum: Spectrum, tau: float) -> Factors:
    """The factors by formula."""
    order = len(p)
    modes = len(spectrum.z)
    E = by_formula(order, partial(_along, p, tau))
    if modes > ORDER:
        V = OnDemand((order, modes), np.complex128, spectrum.V)
        V_inv = OnDemand((modes, order), np.complex128, spectrum.V_inv)
        return Factors(V, V_inv, E)
    every = np.arange(order)
    columns = np.arange(modes)
    V = spectrum.V(every, columns)
    V_inv = spectrum.V_inv(columns, every)
    return Factors(V, V_inv, E)


def _along(p: Real, tau: float, n: np.ndarray, k: np.ndarray) -> Real:
    """Entries of tau p p^T."""
    return tau * p[n] * p[k]


def _by_lapack(plant: _LosslessSystem, tau: float, facts: dict[str, float]) -> Lossless:
    if plant.modes > ORDER:
        rule = f"beyond order {ORDER} eigenvalues must be in closed form"
        got = f"{plant.modes} eigenvalues that are not, at tau = {tau:g}"
        remedy = "Raise tau." if tau > 0 else "Take a positive tau."
        raise ValueError(f"{rule}; got {got}. {remedy}")
    row = _row(plant, tau) if plant.wide else plant.nplr._replace(B=_scaled_input(plant, tau))
    E = tau * row.P @ row.P.T
    found = (
        _normal_part(row, E, facts)
        if tau == 1
        else diagonalized(row, E, method="lossless", facts=facts)
    )
    found = _first_states(found, plant) if plant.wide else found
    return Lossless(
        system=plant.nplr,
        Lambda=found.Lambda,
        B=found.B,
        factors=found.factors,
        method="lossless",
        facts=found.facts,
        tau=tau,
        sigma=plant.sigma,
        structure=plant.structure,
        spectrum=None,
        progress=None,
    )


def _normal_part(driven: NPLR, E: Real, facts: Mapping[str, float]) -> Diagonalization:
    """A + P P^T by its unitary eigenbasis, real parts exact."""
    basis = eigenbasis(driven)
    adjoint = basis.V.conj().T
    factors = partial(Factors, basis.V, adjoint, E)
    B = adjoint @ driven.B
    return Diagonalization(driven, basis.Lambda, B, factors, "lossless", facts)


def _first_states(found: Diagonalization, plant: _LosslessSystem) -> Diagonalization:
    """The rows of V and columns of V^{-1} that belong to the system, columns of V of length one."""
    order = len(plant.nplr.P)
    V = found.V[:order]
    length = np.linalg.norm(V, axis=0)
    factors = Factors(V / length, found.V_inv[:, :order] * length[:, None], found.E[:order, :order])
    return replace(found, B=found.B * length, factors=partial(Factors, *factors))


def _row(plant: _LosslessSystem, tau: float) -> NPLR:
    """The system and what its feedback passes, with the input of the perturbed row."""
    nplr = plant.nplr
    if plant.structure and nplr.P.all():  # a chain
        row = lengthened(nplr, plant.sigma, plant.modes)
        return row._replace(B=(1 - tau / 2) * row.B)
    copies = 1 + (plant.modes - len(nplr.P)) // int(np.count_nonzero(driven(nplr)))
    row = cascade(nplr, copies)
    return row._replace(B=row.P @ _scaled_gain(plant, copies, tau))


def _scaled_input(plant: _LosslessSystem, tau: float) -> Real:
    _, B, P = plant.nplr
    return (1 - tau / 2) * B if P.shape[-1] == 1 else P @ _scaled_gain(plant, 1, tau)


def _scaled_gain(plant: _LosslessSystem, copies: int, tau: float) -> Real:
    """g~ of the input P g~ of the perturbed row: (1 - tau/2) g for one column, else M(0) g.

    With M(0) = (1 - tau/2) I + (tau/2) Phi(0)^copies the deviation at w = 0 vanishes; with one
    column 1 - tau/2 is best in the bound.
    """
    A, _, P = plant.nplr
    rank = P.shape[-1]
    if rank == 1:
        return (1 - tau / 2) * plant.g
    phi = np.eye(rank) + 2 * P.T @ np.linalg.solve(A, P)
    passed = np.linalg.matrix_power(phi, copies) @ plant.g
    return (1 - tau / 2) * plant.g + tau / 2 * passed
