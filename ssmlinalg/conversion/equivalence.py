"""The same model as a form of another type, by steps that are exact."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..discretize import RULES, continuous, discretize
from ..export.channels import blocks
from ..export.layout import Target
from ..forms import (
    DPLR,
    KINDS,
    MIMO,
    NPLR,
    Delayed,
    Dense,
    Diagonal,
    Paired,
    batch,
    is_recurrence,
    kind,
    pair,
    plain,
    to_dense,
    unpair,
    unsampled,
)

_CONDITION = 1e4  # of eigenvectors a matrix may be diagonalized with: it loses 4 of 16 digits
_MODES = tuple(
    form
    for form, known in KINDS.items()
    if known.continuous and known.plain is None and not known.matrix
)
_SAMPLED_MODES = tuple(KINDS[form].sampled for form in _MODES)


def fitted(form: Any, rule: str | None, there: Target) -> Any:
    """The model in a type that the target takes, in its numbers under the rule of the target.

    A form that no exact step brings there is returned as it is, for the target to refuse. Raises
    TypeError for a matrix whose eigenvectors are nearly parallel, where the target takes modes.
    """
    if isinstance(form, (NPLR, Delayed)):
        return form
    if kind(form).continuous and rule and there.rule and RULES[rule] is not RULES[there.rule]:
        modes = _reached(form, _MODES)
        if modes is None:
            return form
        samples: Any = discretize(modes, rule=rule)
        form = continuous(samples, step=modes.step, rule=there.rule)
    found = _reached(form, there.takes)
    if found is None:
        found = _reached(_in_other_time(form, rule, there), there.takes)
    mere_matrix = kind(form).matrix and not kind(form).ports
    if found is None and mere_matrix and set(_MODES) & set(there.takes):
        needed = "a matrix must have eigenvectors of condition"
        got = f"a {type(form).__name__} that has not"
        remedy = "Perturb it first, as ptd_init does."
        raise TypeError(
            f"{needed} {_CONDITION:g} at most to come apart into modes; got {got}. {remedy}"
        )
    return form if found is None else found


def _in_other_time(form: Any, rule: str | None, there: Target) -> Any:
    """The samples of a continuous form, or the continuous form of samples, one a unit of time."""
    if kind(form).continuous:
        return discretize(form, rule=rule or "zoh")
    modes = _reached(form, _SAMPLED_MODES)
    return None if modes is None else continuous(modes, rule=there.rule or "zoh")


def _reached(form: Any, takes: tuple[Any, ...]) -> Any:
    """The form of a type in `takes` that is fewest steps away; None where there is none."""
    if form is None:
        return None
    queue = [form]
    seen = {type(form)}
    while queue:
        form = queue.pop(0)
        if type(form) in takes:
            return form
        for new in _steps(form):
            if type(new) not in seen:
                seen.add(type(new))
                queue.append(new)
    return None


def _steps(form: Any) -> list[Any]:
    """The same model in forms of other types, one step away."""
    if is_recurrence(form):
        return _steps_of_samples(form)
    if isinstance(form, DPLR):
        diagonal = Diagonal(form.Lambda, form.B, form.C, form.D, form.step)
        return [plain(form)] if np.any(form.P) else [diagonal, plain(form)]
    if isinstance(form, Paired):
        one_step = np.ndim(form.step) < 2
        return [unpair(form), *([blocks(form)] if one_step else []), to_dense(form)]
    if isinstance(form, Diagonal):
        return [_halved(form), _low_rank(form)]
    apart = None
    if isinstance(form, MIMO):
        apart = _channels(form)
    elif isinstance(form, Dense):
        apart = _diagonalized(form)
    return [] if apart is None else [apart]


def _steps_of_samples(form: Any) -> list[Any]:
    """The steps of the continuous model with the numbers of a recurrence and a step of 1."""
    there = unsampled(type(form))
    known = KINDS[there]
    vectors = 0 if known.axes["step"] else len(known.axes["A"])
    step = np.ones(form.A.shape[: form.A.ndim - vectors])
    steps = _steps(there(*form, step))
    found = []
    for new in steps:
        recurrence = kind(new).sampled
        if recurrence is not None and kind(new).plain is None:  # no recurrence is of low rank
            found.append(recurrence(*new[:-1]))
    return found


def _halved(form: Diagonal) -> Paired:
    """Pairs where the spectrum is closed; else every mode with B halved, for Re x = 2 Re(x/2)."""
    try:
        return pair(form)
    except ValueError:
        return Paired(form.A, form.B / 2, form.C, form.D, form.step)


def _low_rank(form: Diagonal) -> DPLR:
    P = np.zeros((*form.A.shape, 1), complex)
    return DPLR(Lambda=form.A, P=P, B=form.B, C=form.C, D=form.D, step=form.step)


def _channels(form: MIMO) -> Paired | None:
    """Channels, where every mode has one input and the output of the same number; else None.

    Modes of a channel with different steps are counted in samples, z = step A, at step 1.
    """
    if batch(form) or form.B.shape != form.C.T.shape:
        return None
    own = (form.B != 0) | (form.C.T != 0)  # (n, H): which modes belong to which channel
    channel = np.argmax(own, axis=-1)
    sizes = np.bincount(channel, minlength=own.shape[-1])
    shared = np.any(own.sum(axis=-1) > 1)
    mixed = np.any(np.diag(np.diag(form.D)) != form.D)
    if shared or mixed or np.ptp(sizes):
        return None
    modes = np.argsort(channel, kind="stable").reshape(own.shape[-1], -1)  # (H, n)
    channels = np.arange(len(modes))[:, None]
    step = form.step[modes]
    unit = step if np.any(np.ptp(step, axis=-1)) else np.ones_like(step)
    return Paired(
        A=form.A[modes] * unit,
        B=form.B[modes, channels] * unit,
        C=form.C[channels, modes],
        D=np.diag(form.D),
        step=(step / unit)[:, 0],
    )


def _diagonalized(form: Dense) -> Diagonal | None:
    """Eigenvalues, where the eigenvectors are far from parallel; else None.

    Those of HiPPO are not, and need a perturbation first.
    """
    if not np.all(np.isfinite(form.A)):  # a P P^* that overflows
        return None
    A, V = np.linalg.eig(form.A)
    if not np.all(np.linalg.cond(V) <= _CONDITION):
        return None
    B = np.linalg.solve(V, form.B[..., None] + 0j)[..., 0]
    C = (form.C[..., None, :] @ V)[..., 0, :] + 0j
    return Diagonal(A + 0j, B, C, form.D, form.step)
