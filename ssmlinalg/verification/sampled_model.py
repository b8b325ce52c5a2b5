"""The model that is verified: checked once, sampled once, for all the laws."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..discretize import RULES, Rule, sampled
from ..discretize.rules import named
from ..forms import (
    DPLR,
    NPLR,
    Continuous,
    Delayed,
    Discrete,
    batch,
    check,
    inner,
    kind,
    move,
    plain,
)
from ..ground import backend, require
from ..ground.backend import Real
from ..ground.formats import FORMATS
from ..kernels import kernel

AnyForm = Continuous | Discrete


@dataclass(frozen=True)
class SampledModel:
    """A form that was checked, with the rule that samples it and the samples of its kernel.

    Attributes:
        form: a form from `on_host`, in its own precision.
        length: the samples L of its kernel.
        rule: the rule that samples it.
    """

    form: Any
    length: int
    rule: Rule

    @cached_property
    def wide(self) -> Any:
        """The form in double precision."""
        return move(self.form, "numpy", dtype="float64")

    @cached_property
    def system(self) -> Any:
        """The sampled form, in double precision."""
        return sampled(self.wide, rule=self.rule)

    @cached_property
    def kernel(self) -> Real:
        """The kernel (..., L) or (..., P, M, L), in the precision of the form."""
        return kernel(self.form, self.length, rule=self.rule)

    @property
    def eps(self) -> float:
        """The distance from 1 to the next number of the form's precision."""
        return FORMATS[backend.precision(inner(self.form).B)].eps

    @property
    def order(self) -> int:
        """The number n of modes, or of states of a matrix."""
        return inner(self.form).B.shape[-2 if kind(self.form).ports else -1]

    @property
    def late(self) -> bool:
        """Whether the state is read one sample late."""
        return isinstance(self.system, Delayed)


def admit(form: AnyForm, length: int, *, rule: Rule = "zoh") -> SampledModel:
    """A model of a form, once form, length and rule are known to be sound.

    Args:
        form: any form with an output, of any library.
        length: the samples of its kernel.
        rule: a name in `discretize.RULES`, or a function from a continuous to a discrete form.

    Returns:
        A `SampledModel`. Functions that take one do not check it again.

    Raises:
        TypeError: for a form without an output, and what `forms.check` raises.
        ValueError: for a length below 1, an unknown rule, a kernel that does not fit in memory, and
            what `forms.check` raises.

    Example:
        >>> from ssmlinalg import s4d_lin_init
        >>> admit(s4d_lin_init(8), 64).order
        4
    """
    length = require.integer("length", length)
    if not callable(rule):
        require.known("rule", rule, RULES)
    host = on_host(form)
    require.room("the kernel", 8 * length * math.prod(kernel_axes(host)), host=True)
    return SampledModel(host, length, named(rule))


def kernel_axes(host: Any) -> tuple[int, ...]:
    """The leading axes of the kernel of a form from `on_host`: (...), or (..., P, M)."""
    return (*batch(host), *(host.D.shape[-2:] if kind(host).ports else ()))


def on_host(form: Any, *, dtype: str | None = None) -> Any:
    """The form on the host, where its values can be seen, with fields B, C and D.

    Args:
        form: any form with an output, of any library.
        dtype: "float32" or "float64". None keeps the precision.

    Returns:
        The `plain` form; a `DPLR` as it is, for kernels make use of its structure.

    Raises:
        TypeError: for `NPLR`, which has no output, and what `forms.check` raises.
        ValueError: for an empty batch, and what `forms.check` raises.

    Example:
        >>> from ssmlinalg import s4d_lin_init
        >>> on_host(s4d_lin_init(2), dtype="float32").A.dtype
        dtype('complex64')
    """
    if isinstance(form, NPLR):
        raise TypeError(
            "`form` must have a step and an output; got NPLR. "
            "Give it both with forms.to_dense first."
        )
    host: Any = check(move(form, "numpy", dtype=dtype))  # values of other libraries are seen now
    if 0 in batch(host):
        raise ValueError(
            f"batch axes must not be empty; got {batch(host)}. Give at least one system."
        )
    known = host if isinstance(host, DPLR) else plain(host)
    return host if known is host else check(known)
