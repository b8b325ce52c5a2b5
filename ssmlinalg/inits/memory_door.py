"""The door of every initialization: what no memory holds is refused in a sentence."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from ..ground import require

_BYTES = 24  # of each state and channel at least: half as many complex A, B and C

Options = ParamSpec("Options")
AnyBuilt = TypeVar("AnyBuilt")


def in_memory(make: Callable[Options, AnyBuilt]) -> Callable[Options, AnyBuilt]:
    """The initialization, refusing a model that memory cannot hold.

    Args:
        make: a function of `order` and, by name, `channels` and `modes` where it has them.

    Returns:
        The function, which raises ValueError with the bytes for arrays of its result that do not
        fit, and where one that it makes on the way does not.

    Example:
        >>> make = in_memory(lambda order, channels=None: [0.0] * order)
        >>> make(2)
        [0.0, 0.0]
        >>> try:
        ...     make(10**15)
        ... except ValueError as error:
        ...     print(str(error).partition(" in ")[0])
        the model must fit
    """

    @functools.wraps(make)
    def bounded(*args: Options.args, **options: Options.kwargs) -> AnyBuilt:
        _refuse(dict(zip(("order",), args, strict=False)) | options)
        try:
            return make(*args, **options)
        except MemoryError as error:
            got = str(error).rstrip(".").replace("\n", " ") or "more"
            rule = "a model must fit in memory, with what it is made of"
            raise ValueError(f"{rule}; got {got}. Lower the order or the channels.") from None

    return bounded


def _refuse(given: dict[str, Any]) -> None:
    """Refuse a size that is no integer, and sizes that no memory holds together."""
    sizes = {
        name: 1 if given.get(name) is None else require.integer(name, given[name])
        for name in ("order", "modes", "channels")
    }
    states = max(sizes["order"], sizes["modes"])
    require.room("the model", _BYTES * states * sizes["channels"], host=True)
