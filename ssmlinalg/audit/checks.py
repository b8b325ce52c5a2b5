"""What cannot be meant. Each check yields the array ("" for the layer) and a sentence."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterator
from functools import cache

import numpy as np

from .. import inits
from ..discretize import zoh
from ..export import TARGETS
from ..forms import DPLR, MIMO, Dense, DenseRecurrence, MIMORecurrence, unpair
from ..ground import require
from .draws import kolmogorov
from .identification import identify, spectra
from .records import ALARM, DISCRETE, FEW, NOTHING, SINGLE, Fit, Identified, Seen, back

Said = Iterator[tuple[str, str]]


def unreadable(seen: Seen) -> Said:
    """The layer refuses its arrays: a name is missing, a shape does not fit."""
    if seen.form is None and not any([*nonfinite(seen), *overflow(seen), *transposed(seen)]):
        here = [
            name
            for name in seen.others
            if name.startswith(seen.layer.prefix) and name not in seen.layer.names.values()
        ]
        there = TARGETS[seen.layer.target]
        missing = [
            name for name in there.layout if name not in (*seen.layer.names, *there.optional)
        ]
        near = {
            name: difflib.get_close_matches(seen.layer.prefix + name, here, n=1, cutoff=0.6)
            for name in missing
        }
        hint = "".join(
            f" Is {found[0]!r} meant to be {name!r}?" for name, found in near.items() if found
        )
        yield "", seen.refusal + hint


def nonfinite(seen: Seen) -> Said:
    """NaN or infinite weights."""
    for name, array in seen.arrays.items():
        if array.dtype.kind in "fc" and not require.all_finite(array):
            where = np.argwhere(~np.isfinite(array))
            first = tuple(int(i) for i in where[0])
            yield (
                name,
                f"{len(where)} of {array.size} values are not finite, the first {array[first]} at index {first}.",
            )


def overflow(seen: Seen) -> Said:
    """Logarithms whose exponential is no number of the type they are stored in."""
    for name, array in seen.arrays.items():
        if (
            "exp" not in TARGETS[seen.layer.target].training[name]["constraint"]
            or array.dtype.kind != "f"
        ):
            continue
        limit = math.log({"float16": 65504.0, "float64": 1.79e308}.get(seen.dtypes[name], 3.4e38))
        over = np.argwhere(np.nan_to_num(array, nan=0.0, posinf=0.0, neginf=0.0) > limit)
        if len(over):
            first = tuple(int(i) for i in over[0])
            got = f"{array[first]:.6g} at index {first}"
            yield (
                name,
                f"The exponential of {len(over)} of {array.size} values overflows {seen.dtypes[name]}, the first {got}.",
            )


def sixteen(seen: Seen) -> Said:
    """Values of a wider type that are all numbers of 16 bits: rounded on the way."""
    for name, array in seen.arrays.items():
        short = {2.0**-10: "float16", 2.0**-7: "bfloat16"}.get(seen.precision[name])
        if short and seen.dtypes[name] != short and array.dtype.itemsize > 2:
            yield (
                name,
                f"All {array.size} values are exact in {short} though stored as {seen.dtypes[name]}: they were rounded.",
            )


def zero(seen: Seen) -> Said:
    """Nothing but zeros where the layer starts from something else, or where the kernel is zero
    with them.
    """
    for name, array in seen.arrays.items():
        if array.size and not np.any(array) and (_drawn(seen, name) or _silent(seen, name)):
            yield name, f"All {array.size} values are 0."


def constant(seen: Seen) -> Said:
    """One value throughout where the layer starts from draws."""
    for name, array in seen.arrays.items():
        if array.size < 2 or not np.any(array) or np.any(array != array.flat[0]):
            continue
        laws = [
            fit
            for fit, names in zip(seen.tests, seen.sources, strict=True)
            if name in names and fit.kind != "constant"
        ]
        if laws and not any(fit.like for fit in laws):
            law = f"{laws[0].quantity} is drawn {_called(laws[0])}"
            yield name, f"All {array.size} values are {array.flat[0]:.6g}, where {law}."


def _drawn(seen: Seen, name: str) -> bool:
    """Whether a law of the layer that reads this array does not allow it to be the same
    throughout.
    """
    laws = [fit for fit, names in zip(seen.tests, seen.sources, strict=True) if name in names]
    return any(not fit.like and not (fit.kind == "constant" and fit.p == 1.0) for fit in laws)


def _silent(seen: Seen, name: str) -> bool:
    """Whether the array is what makes B or C zero."""
    if seen.form is None or (np.any(seen.form.B) and np.any(seen.form.C)):
        return False
    other = back(
        seen.layer.target, {**seen.arrays, name: np.ones_like(seen.arrays[name])}, seen.length
    )[0]
    return other is not None and bool(
        np.any(other.B) > np.any(seen.form.B) or np.any(other.C) > np.any(seen.form.C)
    )


def unstable(seen: Seen) -> Said:
    """Modes that grow: Re A >= 0, or |A| >= 1 of a recurrence."""
    rows = None if seen.form is None or isinstance(seen.form, DPLR) else spectra(seen.form)
    if rows is None:
        return
    discrete = isinstance(seen.form, (*DISCRETE, DenseRecurrence))
    growth = np.abs(rows) - 1 if discrete else np.real(rows)
    if isinstance(
        seen.form, (Dense, DenseRecurrence)
    ):  # computed eigenvalues, and an integrator is meant
        growth = (
            growth
            - 64 * rows.shape[-1] * max(seen.precision.values()) * np.max(np.abs(rows))
            - 1e-300
        )
    if np.any(growth >= 0):
        first = tuple(int(i) for i in np.argwhere(growth >= 0)[0])
        rule = "|A| < 1" if discrete else "Re A < 0"
        got = f"the first {rows[first]:.6g} at index {first}"
        yield "", f"{np.count_nonzero(growth >= 0)} of {rows.size} modes do not keep {rule}, {got}."


def sign(seen: Seen) -> Said:
    """An array of A with its sign turned: with the other one A is an initialization."""
    if seen.form is None or seen.identified.exact:
        return
    for name in seen.poles:
        for turned in (-seen.arrays[name], -seen.arrays[name].conj())[
            : 1 + np.iscomplexobj(seen.arrays[name])
        ]:
            found = _instead(seen, {name: turned})
            if found.exact:
                yield (
                    name,
                    f"The sign is turned: with the other one A is {' or '.join(found.names)}, to {found.distance:.1g}.",
                )
                break


def transposed(seen: Seen) -> Said:
    """Arrays that fit, or are an initialization, only when they are transposed."""
    square = [name for name, array in seen.arrays.items() if array.ndim == 2]
    if seen.form is None:
        for names in [*([name] for name in square), square]:
            if (
                names
                and _instead(seen, {name: seen.arrays[name].T for name in names}, readable=True)
                is not NOTHING
            ):
                shapes = ", ".join(str(seen.arrays[name].shape) for name in names)
                yield (
                    names[0],
                    f"The layer takes {' and '.join(names)} of shape {shapes} only when transposed.",
                )
                return
        return
    if seen.identified.exact:
        return
    names = [
        name for name in seen.poles if name in square and len(set(seen.arrays[name].shape)) == 1
    ]
    found = _instead(seen, {name: seen.arrays[name].T for name in names}) if names else NOTHING
    if found.exact:
        yield names[0], f"A is {' or '.join(found.names)} when transposed, to {found.distance:.1g}."


def _instead(seen: Seen, change: dict[str, np.ndarray], *, readable: bool = False) -> Identified:
    """What A would be with these arrays; if only `readable` is asked, anything but NOTHING where
    they can be read.
    """
    arrays = {**seen.arrays, **change}
    form, _ = back(seen.layer.target, arrays, seen.length)
    if form is None:
        return NOTHING
    return (
        NOTHING._replace(names=("",))
        if readable
        else identify(seen.layer.target, arrays, seen.precision, form, seen.length)[1]
    )


def changed(seen: Seen) -> Said:
    """Most modes are those of an initialization, and some are not."""
    found = seen.identified
    if found.exact or not 0.5 < found.agrees < 1:
        return
    few = ", ".join(map(str, found.deviating[:8])) + (", ..." if len(found.deviating) > 8 else "")
    share = f"{100 * found.agrees:.4g} % of the modes are those of {found.names[0]}"
    yield (
        "",
        f"{share}; in channel {few} they deviate by up to {found.distance:.3g} of the largest.",
    )


def unexpected(seen: Seen) -> Said:
    """A is another initialization than the one expected."""
    found = seen.identified
    if seen.expect is None or (seen.expect in found.names and found.exact):
        return
    if seen.form is None:
        return
    far = found.distances.get(seen.expect)
    from_it = (
        "is not comparable with it"
        if far is None
        else f"is {far:.3g} of the largest mode away, {found.allowed:.1g} allowed"
    )
    known = f" It is {' or '.join(found.names)}." if found.exact else ""
    yield "", f"A should be {seen.expect} and {from_it}.{known}"


def both(seen: Seen) -> Said:
    """A layout of half spectra that holds the conjugates as well, which count twice."""
    partners = _partners(seen)
    if (
        partners is not None
        and _halves(seen.layer.target)
        and partners.size > 1
        and np.all(partners)
    ):
        yield (
            "",
            f"All {partners.size} complex modes stand beside their conjugates, though the layer adds those itself.",
        )


def half(seen: Seen) -> Said:
    """A layout of whole spectra that holds no conjugates: what it computes is half of what was
    meant.
    """
    partners = _partners(seen)
    if (
        partners is None
        or _halves(seen.layer.target) is not False
        or np.any(partners)
        or not partners.size
    ):
        return
    rows = spectra(seen.form)
    assert rows is not None
    if seen.fresh and (np.all(np.imag(rows) >= 0) or np.all(np.imag(rows) <= 0)):
        yield (
            "",
            f"None of the {partners.size} complex modes has its conjugate beside it, and the layer adds none.",
        )


def unpaired(seen: Seen) -> Said:
    """A layout of whole spectra in which most modes have their conjugates, and some have not."""
    partners = _partners(seen)
    if (
        partners is None
        or _halves(seen.layer.target) is not False
        or not 0.5 <= np.mean(partners) < 1
    ):
        return
    yield (
        "",
        f"{np.count_nonzero(~partners)} of {partners.size} complex modes have no conjugate, though the others have.",
    )


def _partners(seen: Seen) -> np.ndarray | None:
    """Whether the conjugate of each complex mode is in its channel, to rounding; None where that is
    no question.
    """
    if seen.form is None or isinstance(seen.form, (Dense, DenseRecurrence, DPLR)):
        return None
    rows = spectra(seen.form)
    assert rows is not None
    near = max(seen.identified.allowed, 4 * SINGLE) * np.max(np.abs(rows), axis=-1, keepdims=True)
    complex_modes = np.abs(np.imag(rows)) > near
    if not np.any(complex_modes):
        return None
    stored = max((seen.arrays[name].size for name in seen.poles), default=0)
    if (
        _halves(seen.layer.target) is False and stored > rows.size
    ):  # the form keeps one of each pair that it found whole
        return np.ones(np.count_nonzero(complex_modes), bool)
    distance = np.stack([np.min(np.abs(row[:, None] - row.conj()), axis=-1) for row in rows])
    return (distance <= near)[complex_modes]


@cache
def _halves(target: str) -> bool | None:
    """Whether a layer stores one mode for each pair of conjugates; None where that is for its form
    to say.
    """
    there = TARGETS[target]
    model = inits.s4d_inv_init(4, channels=1, step=0.1)
    for form in (
        model,
        inits.s5_init(4),
        inits.s4_init(4, channels=1),
        unpair(model),
        zoh(model),
        zoh(inits.s5_init(4)),
    ):
        if type(form) not in there.takes or any("..." in axes for _, axes in there.layout.values()):
            continue
        try:
            arrays = there.to(form, **({"length": 16} if there.sized else {}))
        except (ValueError, TypeError):
            continue
        return max(size for array in arrays.values() for size in array.shape) == 2
    return None


def clipped(seen: Seen) -> Said:
    """Imaginary parts of B that pile up at one bound."""
    if seen.form is None or np.ndim(seen.form.B) == 0 or seen.expect == "s4d-legs-clipped":
        return
    B = np.asarray(seen.form.B)
    B = np.swapaxes(B, -1, -2) if isinstance(seen.form, (MIMO, MIMORecurrence)) else B
    size = np.unique(np.abs(np.imag(B)).reshape(-1, B.shape[-1]), axis=0)
    bound = np.max(size)
    at = size == bound
    if (
        bound > 1e-6 * np.max(np.abs(B))
        and np.max(np.count_nonzero(at, axis=-1)) >= 3
        and np.any(~at & (size > 0))
    ):
        count = f"{np.count_nonzero(at)} of {at.size} imaginary parts"
        yield (
            "",
            f"{count} of B are {bound:.6g} exactly in size, and none is larger: B was clipped.",
        )


def law(seen: Seen) -> Said:
    """A fresh layer whose draws are not those of the law it is said to start from."""
    for fit, names in zip(seen.tests, seen.sources, strict=True):
        if seen.fresh and fit.p < seen.alarm and not fit.like:
            off = (
                f"deviates by {fit.statistic:.3g}" if fit.kind == "constant" else f"p = {fit.p:.2g}"
            )
            yield (
                names[0] if names else "",
                f"{fit.quantity} is not {_called(fit)}: {off} over {fit.draws} values.",
            )


def interval(seen: Seen) -> Said:
    """A fresh layer with draws outside the interval they are said to be drawn from."""
    for fit, names in zip(seen.tests, seen.sources, strict=True):
        if seen.fresh and fit.kind == "uniform" and fit.outside > 0 and not fit.like:
            low, high = fit.parameters[0], sum(fit.parameters)
            where = f"the interval from {low:.4g} to {high:.4g}"
            there = f"between {fit.extremes[0]:.4g} and {fit.extremes[1]:.4g}"
            yield (
                names[0],
                f"{100 * fit.outside:.3g} % of {fit.quantity} lie outside {where}; all are {there}.",
            )


def reinitialized(seen: Seen) -> Said:
    """A bias that is drawn as torch.nn.Linear draws one: what the layer was initialized with is
    lost.
    """
    for fit, names in zip(seen.tests, seen.sources, strict=True):
        for name in names:
            array, key = np.ravel(seen.arrays[name]), seen.layer.names[name]
            weight = (
                seen.others.get(f"{key.removesuffix('bias')}weight", ())
                if key.endswith("bias")
                else ()
            )
            if fit.p >= seen.alarm or len(weight) != 2 or np.unique(array).size < FEW:
                continue
            bound = 1 / math.sqrt(weight[1])
            p = kolmogorov(array, "uniform", (-bound, 2 * bound))[1]
            if np.max(np.abs(array)) <= bound * (1 + seen.precision[name]) and p >= ALARM:
                yield (
                    name,
                    f"Uniform between -{bound:.4g} and {bound:.4g} (p = {p:.2g}), as torch.nn.Linear draws a bias.",
                )


def _called(fit: Fit) -> str:
    if fit.kind == "uniform":
        return f"uniform between {fit.parameters[0]:.4g} and {sum(fit.parameters):.4g}"
    return (
        f"{fit.parameters[0]:.6g}"
        if fit.kind == "constant"
        else f"{fit.kind}({', '.join(f'{x:.4g}' for x in fit.parameters)})"
    )


# A check is a function and a line.
CHECKS: dict[str, Callable[[Seen], Said]] = {
    "unreadable": unreadable,
    "nonfinite": nonfinite,
    "overflow": overflow,
    "sixteen-bit": sixteen,
    "zero": zero,
    "constant": constant,
    "unstable": unstable,
    "sign": sign,
    "transposed": transposed,
    "changed": changed,
    "unexpected": unexpected,
    "both-halves": both,
    "one-half": half,
    "unpaired": unpaired,
    "clipped": clipped,
    "interval": interval,
    "law": law,
    "reinitialized": reinitialized,
}
