"""Transforms of a model: frequencies scaled, a variance of the output, several models in one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..forms import DPLR, AnyForm, batch, check, kind, to_dense
from ..ground import backend, require
from ..ground.backend import Array

_SILENT = {True: -1.0, False: 0.0}  # the A of modes that fill up, by whether time is continuous


def scale_frequencies(form: AnyForm, alpha: float) -> AnyForm:
    r"""The form with the frequency of every mode multiplied.

    .. math::  \mathrm{Im}\, A_n \to \alpha\, \mathrm{Im}\, A_n

    or, of a recurrence, arg A likewise. Where all Re A are one r, as in S4D, the kernel is
    stretched under its envelope: K'(t) = e^{r (1 - alpha) t} K(alpha t). The transfer function is

    .. math::  G'(s) = \frac{1}{\alpha}\, G\left(\frac{s - r (1 - \alpha)}{\alpha}\right).

    Args:
        form: a form of modes, or a `DPLR`, in any library.
        alpha: the factor, positive: above 1 for a bias towards higher frequencies.

    Returns:
        A form of the same type, all else as it was.

    Raises:
        TypeError: for a form of matrices; what `forms.check` raises.
        ValueError: for a factor that is not positive, or at which a frequency overflows; what
            `forms.check` raises.

    Source:
        Yu et al. 2025 (Tuning Frequency Bias of State Space Models, ICLR), the parameter alpha.

    Example:
        >>> from ssmlinalg import s4d_lin_init
        >>> scale_frequencies(s4d_lin_init(6), 0.01).A.imag.round(4)
        array([0.    , 0.0314, 0.0628])
    """
    alpha = require.real("alpha", alpha, above=0)
    checked: Any = check(form)
    name = "Lambda" if isinstance(checked, DPLR) else "A"
    known = kind(checked)
    if known.matrix and name == "A":
        rule = "scale_frequencies takes a form of modes or a DPLR"
        raise TypeError(f"{rule}; got {type(form).__name__}. Diagonalize it, see `perturb`.")
    A = getattr(checked, name)
    xp = backend.namespace(A=A)
    real = xp.real(A)
    imag = xp.imag(A)
    if known.continuous:
        _refuse_overflow(imag, alpha)
        scaled = backend.complex_of(real, alpha * imag)
    else:
        radius = xp.abs(A)
        phase = alpha * xp.atan2(imag, real)
        scaled = backend.complex_of(radius * xp.cos(phase), radius * xp.sin(phase))
    found: Any = checked._replace(**{name: scaled})
    return found


def _refuse_overflow(imag: Array, alpha: float) -> None:
    """Refuse a factor that takes some frequency beyond the largest number, where it can be seen."""
    if not backend.readable(imag):
        return
    highest = float(np.max(np.abs(backend.to_numpy(imag)), initial=0.0))
    precision = backend.precision(imag)
    if highest > float(np.finfo(precision).max) / max(alpha, 1.0):
        got = f"{alpha:g} times {highest:g}"
        raise ValueError(f"`alpha` must keep frequencies within {precision}; got {got}. Lower it.")


def normalized(form: AnyForm) -> AnyForm:
    r"""The form with B scaled so that a constant input 1 has an output of variance 1.

    .. math::  B \to B / \sqrt\zeta, \qquad \zeta = 2 \sum_n |B_n/A_n|^2

    of a half spectrum, a quarter of that of a whole one, |A^{-1} B|^2 of a `DPLR`, and 1 - A in
    place of A of a recurrence: the variance of the output at rest over all complex normal C with
    E|C|^2 = 1, or, of a `DPLR`, over real normal c with C = c V. The direct path is left as it is.

    Args:
        form: a form of modes with one input, or a `DPLR`, in any library.

    Returns:
        A form of the same type.

    Raises:
        TypeError: for other forms; what `forms.check` raises.
        ValueError: where the variance is 0 or infinite, for B = 0 and modes that integrate; what
            `forms.check` raises.

    Source:
        Gu et al. 2023 (HTTYH); `normalize` of state-spaces/s4, models/s4/s4.py.

    Example:
        >>> import numpy as np
        >>> from ssmlinalg import s4d_lin_init
        >>> model = normalized(s4d_lin_init(8))
        >>> round(float(2 * np.sum(np.abs(model.B / model.A) ** 2)), 12)
        1.0
    """
    checked: Any = check(form)
    known = kind(checked)
    if known.ports or (known.matrix and not isinstance(checked, DPLR)):
        rule = "normalized takes a form of modes with one input, or a DPLR"
        raise TypeError(f"{rule}; got {type(form).__name__}. Scale its B by hand.")
    xp = backend.namespace(B=checked.B)
    if isinstance(checked, DPLR):
        rest = backend.solve(to_dense(checked).A, checked.B[..., None])[..., 0]
        share = 1.0
    else:
        with backend.quietly(checked.B):
            rest = checked.B / (checked.A if known.continuous else 1 - checked.A)
        share = 2.0 if known.half else 0.5
    with backend.quietly(checked.B):
        variance = share * xp.sum(xp.abs(rest) ** 2, axis=-1, keepdims=True)
    _refuse_variance(variance)
    found: Any = checked._replace(B=checked.B / xp.sqrt(variance))
    return found


def _refuse_variance(variance: Array) -> None:
    """Refuse what no factor brings to 1, where it can be seen."""
    if backend.readable(variance):
        found = backend.to_numpy(variance)
        if not np.all((found > 0) & np.isfinite(found)):
            rule = "the output of a constant input must have a variance that is positive and finite"
            got = float(found[~((found > 0) & np.isfinite(found))][0])
            raise ValueError(f"{rule}; got {got:g}. Scale its B by hand.")


def combine(forms: Sequence[AnyForm]) -> AnyForm:
    """Several models as the channels of one, in their order: LegS beside Fourier, for example.

    Each form gives its channels, one if it has no leading axis. Models with fewer modes, or a
    lower rank, are filled up with modes that nothing drives and nothing reads.

    Args:
        forms: one form or more of one type, with one input and at most one leading axis, of one
            library, device and precision.

    Returns:
        A form of that type with a leading axis of all channels, and each kernel as it was.

    Raises:
        TypeError: for no sequence, several types, and forms with several inputs or that are
            `Delayed`; what `forms.check` raises.
        ValueError: for no form, and for more leading axes; what `forms.check` raises.

    Source:
        Gu et al. 2023 (HTTYH), Section 4.1: S4 with several measures.

    Example:
        >>> from ssmlinalg import s4_init
        >>> legs = s4_init(8, channels=2)
        >>> fourier = s4_init(8, channels=2, measure="fout")
        >>> combine([legs, fourier]).Lambda.shape
        (4, 8)
    """
    require.instance("forms", forms, (list, tuple), "Give a list of them.")
    if not forms:
        raise ValueError("`forms` must hold a form or more; got none. Give at least one.")
    checked: list[Any] = [check(form) for form in forms]
    names = {type(form).__name__ for form in checked}
    first = kind(checked[0])
    if len(names) > 1 or first.ports or not {"A", "Lambda"} & set(first.axes):
        rule = "`forms` must be of one type with one input"
        got = ", ".join(sorted(names))
        raise TypeError(f"{rule}; got {got}. Convert them, for example with forms.unpair.")
    backend.namespace(**{f"form{i}": form[0] for i, form in enumerate(checked)})
    rows = [_channels(form) for form in checked]
    sizes: dict[str, int] = {}
    for row in rows:
        for name, core in first.axes.items():
            shape = row[name].shape[1:]
            for axis, size in zip(core, shape, strict=True):
                sizes[axis] = max(sizes.get(axis, 0), size)
    xp = backend.namespace(first=checked[0][0])
    silent = _SILENT[first.continuous]
    fields = {
        name: xp.concat(
            [_filled(row[name], name, [sizes[axis] for axis in core], silent) for row in rows]
        )
        for name, core in first.axes.items()
    }
    return check(type(checked[0])(**fields))


def _channels(form: Any) -> dict[str, Array]:
    """The fields by name, each with one leading axis of all channels."""
    lead = batch(form)
    if len(lead) > 1:
        rule = "each of `forms` must have one leading axis or none"
        raise ValueError(f"{rule}; got {lead}. Reshape its fields.")
    count = math.prod(lead)
    xp = backend.namespace(first=form[0])
    axes = kind(form).axes
    return {
        name: xp.broadcast_to(array, (count, *array.shape[array.ndim - len(axes[name]) :]))
        for name, array in form._asdict().items()
    }


def _filled(array: Array, name: str, core: list[int], silent: float) -> Array:
    """The array (H, *core), filled up with zeros; the diagonal of A, or its modes, by `silent`."""
    xp = backend.namespace(array=array)
    stored = array.shape[-1]
    for place, size in enumerate(core, start=1):
        shape = list(array.shape)
        shape[place] = size - shape[place]
        array = xp.concat([array, backend.zeros(tuple(shape), array)], axis=place)
    if name not in ("A", "Lambda") or stored == core[-1]:
        return array
    new = backend.vector([0.0] * stored + [silent] * (core[-1] - stored), array)
    return array + (new if len(core) == 1 else new * backend.eye(core[-1], array))
