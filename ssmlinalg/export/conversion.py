"""From any layout to any other, with proof that no kernel changed.

A layer is read to the form it computes with, the form is brought to a type the target takes, by
steps that are exact (halves and wholes of a spectrum, channels as blocks, modes as matrices), and
written. Layers that sample by different rules hold different numbers for one model: there the
sampled model is kept, by `discretize.continuous`. What comes back of the new arrays is compared
with what came of the old ones, and nothing is written unless they agree to the rounding of the
arrays.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from .. import checkpoints, discretize, forms
from ..forms import (
    DPLR,
    MIMO,
    Continuous,
    Dense,
    DenseRecurrence,
    Diagonal,
    Form,
    MIMORecurrence,
    Paired,
    PairedRecurrence,
    Recurrence,
)
from ..ground import require
from ..kernels import kernel
from .layer_search import Layer, layers
from .layout import Target
from .modes import square
from .saving import put, writable
from .targets import TARGETS, sized

_LENGTH = 1024  # samples a conversion is proved over, unless told otherwise
_MIXED = 4  # mixtures of inputs that are heard of a model with more
_DRAWS, _SAFETY = (
    4,
    16,
)  # roundings of the arrays that are tried, and how many times the worst of them is allowed
_MEANT = 2.0**-6  # the share of its scale beyond which no rounding excuses a change
_CONDITION = 1e4  # of eigenvectors a model may be taken apart with: loses 4 of 16 digits
# What a recurrence of modes is the sample of.
_UNSAMPLED: dict[type, type] = {
    Recurrence: Diagonal,
    PairedRecurrence: Paired,
    MIMORecurrence: MIMO,
}


class Converted(NamedTuple):
    """One layer in its new layout: what was read as what, and how far the kernel moved.

    `error` is the largest change of a kernel over `length` samples, `allowed` what the rounding of
    the arrays makes of one, at most 1/64 of `scale`, its largest entry. Each is the largest of all
    channels, and every channel was held to its own. `moved` says what each layout keeps elsewhere
    than we do: the scaling that went between B and C.
    """

    prefix: str
    source: str
    target: str
    moved: tuple[str, ...]
    length: int
    error: float
    allowed: float
    scale: float


class Conversion(NamedTuple):
    """All arrays under their new names, and the layers they are of."""

    arrays: dict[str, np.ndarray]
    layers: list[Converted]


@np.errstate(over="ignore", invalid="ignore", divide="ignore")  # no kernel that overflows is proved
def convert(
    source: str | os.PathLike[str] | Mapping[str, Any] | Form,
    target: str,
    *,
    source_target: str | None = None,
    length: int | None = None,
    output: str | os.PathLike[str] | None = None,
    force: bool = False,
) -> Conversion:
    """The layers of `source` in the layout `target`, each proved to have the kernel it had.

    `source` is a file of arrays (`checkpoints.read` says which), a mapping of arrays by name, or a
    form. `source_target` names its layout; without it the file tells, or the names do where they fit one
    target only. Prefixes of layers are kept. `length` is the number of samples the kernels are
    compared over (1024 unless given), and the length of sequences for layouts that depend on it; a
    file of ours that has a length is read at its own, whatever the new one is. With `output` the
    arrays are written there, if all layers could be proved; other arrays of the source are left
    out.

    Models of many inputs are compared along random mixtures of them, which see every entry of the
    kernel. Raises ValueError when a kernel would change by more than the rounding of the arrays,
    when no layer is found or several targets have the names; TypeError for a form that no exact
    step brings to the target; and what reading and the target's `to` raise.

    >>> from ssmlinalg import s5_init
    >>> found = convert(s5_init(8, channels=3), "s5-pytorch")
    >>> found.layers[0].error < 1e-6 * found.layers[0].scale
    True
    """
    there = TARGETS[require.known("target", target, TARGETS)]
    if source_target is not None:
        require.known("source_target", source_target, TARGETS)
    samples = _LENGTH if length is None else require.integer("length", length)
    if output is not None:
        output = writable(output, force=force)
    arrays: dict[str, np.ndarray] = {}
    converted, kind = [], ""
    for layer, form, rule in _models(source, source_target, length):
        fitted = _fitted(form, rule, there)
        one = there.to(fitted, **sized(target, length))
        moved = tuple(TARGETS[name].moved for name in (layer.target, target) if name in TARGETS)
        rules = (
            rule or there.rule or "zoh",
            there.rule or rule or "zoh",
        )  # a layout that samples nothing takes the other's
        proof = _proof(form, one, partial(there.back, **sized(target, length)), rules, samples)
        wrong = np.flatnonzero(~(proof[0] <= proof[1]))
        if wrong.size:
            where = f" of {layer.prefix!r}" if layer.prefix else ""
            error, allowed, scale = (float(each[wrong[0]]) for each in proof)
            got = f"one{where} of size {scale:.3g} moved by {error:.3g}, where {allowed:.3g} is allowed"
            raise ValueError(
                f"a conversion must keep every kernel; got {got}. Keep its layout, or a shorter length."
            )
        largest = (float(np.max(each, initial=0.0)) for each in proof)
        found = Converted(layer.prefix, layer.target, target, moved, samples, *largest)
        converted.append(found)
        kind = type(fitted).__name__
        arrays |= {layer.prefix + name: array for name, array in one.items()}
    if output is not None:
        told = {"converted": json.dumps([layer._asdict() for layer in converted])}
        names = [
            name
            for name in there.layout
            if any(layer.prefix + name in arrays for layer in converted)
        ]
        put(output, arrays, target, names, told, form=kind, length=length, force=force)
    return Conversion(arrays, converted)


def _models(
    source: Any, source_target: str | None, length: int | None
) -> Iterator[tuple[Layer, Any, str | None]]:
    """Every layer with its form and the rule it samples by, one after the other."""
    if not isinstance(source, (str, os.PathLike, Mapping)):
        if source_target is not None:
            got = repr(source_target)
            raise ValueError(
                f"`source_target` must be left out for a form; got {got}. It names the layout of arrays."
            )
        form = forms.move(source, "numpy")
        yield Layer("", type(form).__name__, {}), form, None
        return
    read: dict[str, Callable[[], Any]]
    if isinstance(source, Mapping):
        shapes = {name: tuple(np.shape(array)) for name, array in source.items()}
        read = {name: partial(source.__getitem__, name) for name in source}
    else:
        file = checkpoints.read(source)
        if file.metadata.get("target") in TARGETS:  # a file of ours
            source_target = source_target or file.metadata["target"]
            own = file.metadata.get(
                "length", ""
            )  # of these arrays, whatever is asked of the new ones
            length = int(own) if re.fullmatch("[1-9][0-9]{0,17}", own) else length
        shapes = {name: entry.shape for name, entry in file.entries.items()}
        read = {name: entry.read for name, entry in file.entries.items()}
    for layer in layers(shapes, source_target):
        there = TARGETS[layer.target]
        held = {name: read[key]() for name, key in layer.names.items()}
        yield layer, there.back(held, **sized(layer.target, length)), there.rule


def _fitted(form: Any, rule: str | None, there: Target) -> Any:
    """The model in a type the target takes, in the numbers that are this model under the target's
    own rule.

    What no exact step brings there is returned as it is, for the target to refuse.
    """
    if isinstance(form, Continuous):
        if rule and there.rule and discretize.RULES[rule] is not discretize.RULES[there.rule]:
            modes = _reached(form, tuple(_UNSAMPLED.values()))
            if modes is None:
                return form
            recurrence: Any = discretize.discretize(modes, rule)
            form = discretize.continuous(recurrence, step=modes.step, rule=there.rule)
        reached = _reached(form, there.takes)
        other = None if reached is not None else discretize.discretize(form, rule or "zoh")
    else:
        reached = _reached(form, there.takes)
        modes = None if reached is not None else _reached(form, tuple(_UNSAMPLED))
        other = None if modes is None else discretize.continuous(modes, rule=there.rule or "zoh")
    reached = _reached(other, there.takes) if reached is None else reached
    if (
        reached is None
        and isinstance(form, (Dense, DPLR, DenseRecurrence))
        and {Paired, Diagonal, MIMO} & {*there.takes}
    ):
        rule = f"a matrix must have eigenvectors of condition {_CONDITION:g} at most to come apart into modes"
        raise TypeError(
            f"{rule}; got a {type(form).__name__} that has not. Perturb it first, as ptd_init does."
        )
    return form if reached is None else reached


def _reached(form: Any, takes: tuple[type, ...]) -> Any:
    """The form of a type in `takes` that is fewest steps away; None where there is none."""
    queue, seen = [form], {type(form)}
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
    """The same model in forms of other types. A recurrence takes the steps of a model of one sample
    a unit of time.
    """
    if type(form) in _UNSAMPLED:
        unit = np.ones(form.A.shape if isinstance(form, MIMORecurrence) else form.A.shape[:-1])
        sampled = {kind: discrete for discrete, kind in _UNSAMPLED.items()} | {
            Dense: DenseRecurrence
        }
        reached = _steps(_UNSAMPLED[type(form)](*form, unit))
        return [sampled[type(new)](*new[:-1]) for new in reached if type(new) in sampled]
    if isinstance(form, Diagonal):
        steps = _halved(form), _low_rank(form)
    elif isinstance(form, Paired):
        steps = (
            forms.unpair(form),
            square(form) if np.ndim(form.step) < 2 else None,
            forms.to_dense(form),
        )
    elif isinstance(form, DPLR):
        steps = None if np.any(form.P) else Diagonal(form.Lambda, *form[2:]), forms.to_dense(form)
    elif isinstance(form, MIMO):
        steps = (_apart(form),)
    elif isinstance(form, (Dense, DenseRecurrence)):
        steps = (_modes(form),)
    else:
        steps = ()
    return [new for new in steps if new is not None]


def _halved(form: Diagonal) -> Paired:
    """Pairs where the spectrum is closed; else every mode with B halved, for Re x = 2 Re(x/2)."""
    try:
        return forms.pair(form)
    except ValueError:
        return Paired(form.A, form.B / 2, form.C, form.D, form.step)


def _low_rank(form: Diagonal) -> DPLR:
    return DPLR(form.A, np.zeros((*form.A.shape, 1)) + 0j, form.B, form.C, form.D, form.step)


def _apart(form: MIMO) -> Paired | None:
    """Channels, where every mode has one input and the output of the same number; None where inputs
    are mixed.

    Modes of a channel with different steps are counted in samples, z = step A, at step 1.
    """
    if [array.ndim for array in form] != [1, 2, 2, 2, 1] or form.B.shape != form.C.T.shape:
        return None
    own = (form.B != 0) | (form.C.T != 0)
    channel = np.argmax(own, axis=-1)
    sizes = np.bincount(channel, minlength=own.shape[-1])
    if (
        np.any(own.sum(axis=-1) > 1)
        or np.ptp(sizes)
        or np.count_nonzero(form.D - np.diag(np.diag(form.D)))
    ):
        return None
    modes = np.argsort(channel, kind="stable").reshape(own.shape[-1], -1)  # (H, n)
    step = form.step[modes]
    unit = step if np.any(np.ptp(step, axis=-1)) else np.ones_like(step)
    channels = np.arange(len(modes))[:, None]
    A, B, C = form.A[modes] * unit, form.B[modes, channels] * unit, form.C[channels, modes]
    return Paired(A, B, C, np.diag(form.D), (step / unit)[:, 0])


def _modes(form: Dense | DenseRecurrence) -> Diagonal | Recurrence | None:
    """Eigenvalues, where the eigenvectors are far from parallel; HiPPO's are not, and need a
    perturbation first.
    """
    if not np.all(np.isfinite(form.A)):  # a P P^* that overflows
        return None
    A, V = np.linalg.eig(form.A)
    if not np.all(np.linalg.cond(V) <= _CONDITION):
        return None
    kind = Diagonal if isinstance(form, Dense) else Recurrence
    B, C = (
        np.linalg.solve(V, form.B[..., None] + 0j)[..., 0],
        (form.C[..., None, :] @ V)[..., 0, :] + 0j,
    )
    return kind(A + 0j, B, C, *form[3:])


def _heard(form: Any, length: int, rule: str, mixed: np.ndarray | None) -> np.ndarray:
    """The kernel (..., L), or (P, M, L) what is heard of each mixture of inputs; a channel hears
    its own input only.
    """
    if isinstance(form, (MIMO, MIMORecurrence)):
        return kernel(form._replace(B=form.B @ mixed, D=form.D @ mixed), length, rule=rule)
    K = kernel(form, length, rule=rule)
    return K if mixed is None else K.reshape(-1, 1, length) * mixed[..., None]


def _proof(
    form: Any,
    arrays: dict[str, np.ndarray],
    back: Callable[..., Any],
    rules: tuple[str, str],
    length: int,
) -> list[np.ndarray]:
    """Of every kernel (each output, each input or mixture) how far it moved, how far it may, and
    its largest entry.
    """
    again = back(arrays)
    inputs = next(
        (model.D.shape[-1] for model in (form, again) if isinstance(model, (MIMO, MIMORecurrence))),
        0,
    )
    mixed = None
    if inputs:
        mixed = (
            np.eye(inputs)
            if inputs <= _MIXED
            else np.random.default_rng(0).standard_normal((inputs, _MIXED))
        )
    ours, theirs = (
        _heard(model, length, rule, mixed) for model, rule in zip((form, again), rules, strict=True)
    )
    scale = np.max(np.abs(ours), axis=-1).ravel()
    error = np.max(np.abs(theirs.reshape(ours.shape) - ours), axis=-1).ravel()
    rng = np.random.default_rng(0)
    moved = np.zeros(scale.shape)
    for _ in range(_DRAWS):
        rounded = {name: _rounded(array, rng) for name, array in arrays.items()}
        change = _heard(back(rounded), length, rules[1], mixed) - theirs
        moved = np.maximum(moved, np.max(np.abs(change), axis=-1).ravel())
    turned = float(
        np.max(np.abs(form[0]), initial=0.0) * np.max(getattr(form, "step", 1.0), initial=0.0)
    )  # |z|, at most
    rounding = moved + float(np.finfo(np.float64).eps) * length * max(1.0, turned) * scale
    return [error, np.minimum(_SAFETY * rounding, _MEANT * scale), scale]


def _rounded(array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    if array.dtype.kind == "i":
        return array
    eps, tiny = (float(each) for each in (np.finfo(array.dtype).eps, np.finfo(array.dtype).tiny))
    size = np.maximum(np.abs(array).astype(np.float64), tiny * eps)
    unit = eps * np.maximum(1, tiny / size)  # below tiny all units are of one size
    return array * (1 + unit * rng.choice([-1.0, 1.0], array.shape))
