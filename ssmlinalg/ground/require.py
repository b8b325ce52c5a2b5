"""The sentences of every error: the rule, what was got, the remedy, all before any work is done."""

from __future__ import annotations

import difflib
import math
import operator
import os
import pathlib
import sys
from collections.abc import Container, Iterable, Mapping
from typing import Any

import numpy as np

_ALIKE = 0.4  # share of the characters: below, a name is no guess worth making
_NUMBERS = {  # how the names of types begin in every library
    "bool": "truth values",
    "int": "integers",
    "uint": "integers",
    "float": "real numbers",
    "bfloat": "real numbers",
    "complex": "complex numbers",
}


def integer(name: str, value: Any, *, least: int = 1) -> int:
    """An integer of at least `least`; booleans, fractions and strings are refused.

    Args:
        name: the name of the value in errors.
        value: anything.
        least: the smallest that is allowed.

    Returns:
        The value as an int.

    Raises:
        TypeError: for what is no integer.
        ValueError: for one below `least`, and for one above `sys.maxsize`.

    Example:
        >>> integer("order", np.int64(64))
        64
    """
    rule = f"`{name}` must be an integer of at least {least}"
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{rule}; got the boolean {value}. Give a plain integer such as 64.")
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{rule}; got {said(value)}. Give a plain integer such as 64.") from None
    if number < least:
        raise ValueError(f"{rule}; got {number}. Give a number of {least} or more.")
    # No array has so many entries, and not every number of digits can be printed.
    if number > sys.maxsize:
        raise ValueError(
            f"{rule}, and at most {sys.maxsize}; got one of {number.bit_length()} bits. "
            "Give a smaller one."
        )
    return number


def real(
    name: str,
    value: Any,
    *,
    least: float = -math.inf,
    above: float = -math.inf,
    below: float = math.inf,
) -> float:
    """A finite real number of at least one, or strictly between two others.

    Args:
        name: the name of the value in errors.
        value: anything.
        least: the smallest that is allowed.
        above: the number below it.
        below: the number above it.

    Returns:
        The value as a float.

    Raises:
        TypeError: for what is no real number; booleans and strings are none.
        ValueError: for a number outside the interval, NaN and infinities.

    Example:
        >>> real("tau", 0.5, above=0, below=1)
        0.5
    """
    rule = f"`{name}` must be a finite number{_interval(least, above, below)}"
    if isinstance(value, (bool, np.bool_, str, bytes)):
        raise TypeError(f"{rule}; got {value!r}. Give a float.")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    except (TypeError, ValueError, RuntimeError):  # the last of tensors without numbers
        raise TypeError(f"{rule}; got {said(value)}. Give a float.") from None
    if not (math.isfinite(number) and number >= least and above < number < below):
        raise ValueError(f"{rule}; got {number:g}. Choose a value inside.")
    return number


def seconds(name: str, value: Any) -> float:
    """A time limit above 0, inf for none.

    Args:
        name: the name of the value in errors.
        value: anything.

    Returns:
        The value as a float.

    Raises:
        TypeError: for what is no real number.
        ValueError: for 0 and below, and NaN.

    Example:
        >>> seconds("seconds", math.inf)
        inf
    """
    unlimited = isinstance(value, float) and value == math.inf
    return math.inf if unlimited else real(name, value, above=0)


def _interval(least: float, above: float, below: float) -> str:
    if math.isfinite(least):
        return f" of at least {least:g}{_interval(-math.inf, above, below)}"
    if math.isinf(above) and math.isinf(below):
        return ""
    if math.isinf(below):
        return f" above {above:g}"
    if math.isinf(above):
        return f" below {below:g}"
    return f" between {above:g} and {below:g}"


def interval(name: str, value: Any) -> tuple[float, float]:
    """An interval of positive numbers, 0 < low <= high.

    Args:
        name: the name of the value in errors.
        value: a pair, or one number for both ends.

    Returns:
        low and high.

    Raises:
        TypeError: for ends that are no real numbers.
        ValueError: for ends that are not positive, that fall, whose ratio overflows, or that are
            not two.

    Example:
        >>> interval("step", 0.1)
        (0.1, 0.1)
    """
    if not isinstance(value, (tuple, list)) and not getattr(value, "shape", ()):
        number = real(name, value, above=0)
        return number, number
    if len(value) != 2:
        raise ValueError(
            f"`{name}` must be a number or a pair (low, high); got {said(value)}. "
            "Give for example (1e-3, 1e-1)."
        )
    low, high = (real(name, end, above=0) for end in value)
    if low > high:
        raise ValueError(
            f"`{name}` must rise from low to high; got ({low:g}, {high:g}). Swap the two ends."
        )
    if math.isinf(high / low):
        rule = f"`{name}` must have ends whose ratio fits double precision"
        raise ValueError(f"{rule}; got ({low:g}, {high:g}). Bring them nearer to one another.")
    return low, high


def known(name: str, value: Any, names: Iterable[str]) -> str:
    """One of several names.

    Args:
        name: the name of the value in errors.
        value: anything.
        names: the names that are known.

    Returns:
        The value.

    Raises:
        ValueError: for anything else, with the nearest name.

    Example:
        >>> known("rule", "zoh", ("zoh", "foh"))
        'zoh'
    """
    names = names if isinstance(names, Container) else list(names)
    if isinstance(value, str) and value in names:
        return value
    names = list(names)
    nearest = " or ".join(map(repr, _nearest(str(value), names)))
    remedy = f"Did you mean {nearest}?" if nearest else "Choose one of these."
    raise ValueError(f"`{name}` must be one of {', '.join(names)}; got {said(value)}. {remedy}")


def said(value: Any) -> str:
    """A value as the sentence of an error says it: in one line, arrays by type and shape.

    Args:
        value: anything.

    Returns:
        At most 80 characters.

    Example:
        >>> said("soon"), said(np.ones((2, 3)))
        ("'soon'", 'ndarray of shape (2, 3)')
    """
    shape = getattr(value, "shape", None)
    kind = type(value).__name__
    if isinstance(shape, tuple) and not isinstance(value, np.generic):
        return f"{kind} of shape {tuple(shape)}"
    text = repr(value)
    return text if len(text) <= 80 and text.isprintable() else f"a {kind}"


def path(name: str, value: Any) -> pathlib.Path:
    """The path of a file or folder.

    Args:
        name: the name of the value in errors.
        value: anything.

    Returns:
        The value as a path of this system.

    Raises:
        TypeError: for what is neither text nor a path of text.
        ValueError: for text that no file can be called.

    Example:
        >>> path("path", "layer.npz").suffix
        '.npz'
    """
    rule = f"`{name}` must be the path of a file"
    try:
        found = pathlib.Path(value)
    except TypeError:
        got = said(value)
        raise TypeError(f"{rule}; got {got}. Give text or a pathlib.Path.") from None
    if "\0" in str(found):
        raise ValueError(f"{rule}; got one with the character 0. Give the name of a file.")
    return found


def instance(name: str, value: Any, types: type | tuple[type, ...], remedy: str) -> None:
    """Refuse what is not of one of the types.

    Args:
        name: the name of the value in errors.
        value: anything.
        types: the types.
        remedy: a sentence that says where to get one.

    Raises:
        TypeError: for a value of another type.

    Example:
        >>> instance("metadata", {}, dict, "Give texts by name.")
    """
    if not isinstance(value, types):
        known = types if isinstance(types, tuple) else (types,)
        names = " or ".join("None" if each is type(None) else each.__name__ for each in known)
        raise TypeError(f"`{name}` must be of type {names}; got {said(value)}. {remedy}")


def listed(name: str, values: Any, types: type, remedy: str) -> None:
    """Refuse what is not a list or tuple of entries of one type.

    Args:
        name: the name of the values in errors.
        values: anything.
        types: the type of every entry.
        remedy: a sentence that says where to get them.

    Raises:
        TypeError: for values or entries of another type.

    Example:
        >>> listed("names", ["ptd", "s4"], str, "Give names.")
    """
    instance(name, values, (list, tuple), remedy)
    for value in values:
        instance(f"every entry of {name}", value, types, remedy)


def function(name: str, value: Any, remedy: str) -> None:
    """Refuse what cannot be called.

    Args:
        name: the name of the value in errors.
        value: anything.
        remedy: a sentence that says how it is called.

    Raises:
        TypeError: for a value that is no function.

    Example:
        >>> function("run", np.cumsum, "It is called as run(u).")
    """
    if not callable(value):
        raise TypeError(f"`{name}` must be a function; got {said(value)}. {remedy}")


def progress(value: Any) -> None:
    """Refuse a `progress` that is neither a function nor None.

    Args:
        value: anything.

    Raises:
        TypeError: for a value that is neither.

    Example:
        >>> progress(None)
    """
    if value is not None:
        function("progress", value, "It is called with figures by name, or leave it None.")


def switch(name: str, value: Any) -> bool:
    """True or False.

    Args:
        name: the name of the value in errors.
        value: anything.

    Returns:
        The value.

    Raises:
        TypeError: for anything else.

    Example:
        >>> switch("force", True)
        True
    """
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"`{name}` must be True or False; got {said(value)}. Choose one.")
    return bool(value)


def numbers(name: str, array: Any, kinds: tuple[str, ...], remedy: str) -> None:
    """Refuse an array of any library that holds other kinds of numbers.

    Args:
        name: the name of the array in errors.
        array: anything.
        kinds: those of "truth values", "integers", "real numbers" and "complex numbers" that fit.
        remedy: a sentence that says how to get them.

    Raises:
        TypeError: for an array of another kind or with a mask, and for what is no array.

    Example:
        >>> numbers("lengths", np.ones(2, dtype=int), ("integers",), "Call lengths.long().")
    """
    got = str(array.dtype) if hasattr(array, "dtype") else said(array)
    dtype = got.rpartition(".")[2]
    held = next((kind for start, kind in _NUMBERS.items() if dtype.startswith(start)), None)
    if held not in kinds:
        raise TypeError(f"`{name}` must hold {' or '.join(kinds)}; got {got}. {remedy}")
    if hasattr(array, "mask") and hasattr(array, "filled"):  # numpy.ma, which is not loaded
        rule = f"`{name}` must be an array without a mask"
        remedy = "Fill what is masked, with its filled method."
        raise TypeError(f"{rule}; got {type(array).__name__}. {remedy}")


def _nearest(text: str, names: list[str]) -> list[str]:
    """The names that are most like a text, all of them where several are alike."""
    likeness = {name: difflib.SequenceMatcher(None, name, text).ratio() for name in names}
    most = max(likeness.values(), default=0.0)
    return [name for name in names if likeness[name] == most >= _ALIKE]


def all_finite(array: np.ndarray) -> bool:
    """Whether a host array holds neither NaN nor infinity.

    Args:
        array: numbers.

    Returns:
        True if all are finite.

    Cost:
        One pass, for the sum shows it, and a second one where the sum overflows.

    Example:
        >>> all_finite(np.array([1.0, np.inf]))
        False
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(np.sum(array))) or bool(np.all(np.isfinite(array)))


def finite(name: str, array: np.ndarray) -> None:
    """Refuse NaN and infinities in a host array.

    Args:
        name: the name of the array in errors.
        array: numbers.

    Raises:
        ValueError: with the first such entry and its index.

    Example:
        >>> finite("A", np.ones(2))
    """
    if not all_finite(array):
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(
            f"`{name}` must be finite; got {array[where]} at index {where}. "
            "Mend or remove that entry."
        )


def broadcasts(
    name: str, got: tuple[int, ...], against: tuple[int, ...], what: str
) -> tuple[int, ...]:
    """The common shape of leading axes.

    Args:
        name: the name of the array in errors.
        got: its leading axes.
        against: the leading axes of the others.
        what: the name of the others in errors.

    Returns:
        The shape to which both broadcast.

    Raises:
        ValueError: if they have none.

    Example:
        >>> broadcasts("C", (3, 1), (2,), "the other fields")
        (3, 2)
    """
    if got[len(got) - len(against) :] == against:  # as most are; NumPy takes microseconds
        return got
    try:
        return np.broadcast_shapes(got, against)
    except ValueError:
        rule = f"`{name}` must have leading axes that broadcast against {against} of {what}"
        raise ValueError(f"{rule}; got {got}. Match them, or make one of them 1.") from None


def room(what: str, size: int, *, host: bool) -> None:
    """Refuse an allocation that cannot succeed: above the memory of the host, 1 TiB elsewhere.

    Args:
        what: the name of the array in errors.
        size: bytes.
        host: whether it is to lie on the host.

    Raises:
        ValueError: with both sizes in GiB.

    Example:
        >>> room("the kernel", 1 << 20, host=True)
    """
    limit = 1 << 40
    if host and hasattr(os, "sysconf"):
        limit = min(limit, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    if size > limit:
        memory = f"{limit / 2**30:.4g} GiB"
        raise ValueError(
            f"{what} must fit in {memory} of memory; got {size / 2**30:.4g} GiB. "
            "Ask for less at a time: fewer samples, fewer channels, a lower order."
        )


def shape(name: str, got: tuple[int, ...], rule: str, holds: bool) -> None:
    """Refuse a shape that breaks a rule.

    Args:
        name: the name of the array in errors.
        got: its shape.
        rule: a phrase such as "(N, R) with N = 64 from `A`".
        holds: whether the shape keeps the rule.

    Raises:
        ValueError: if it does not.

    Example:
        >>> shape("P", (4, 1), "(N, R) with N = 4 from `A`", True)
    """
    if not holds:
        raise ValueError(f"`{name}` must have shape {rule}; got {got}. Reshape or transpose it.")


def axes(rules: Mapping[str, tuple[str, ...]], arrays: Mapping[str, Any]) -> tuple[int, ...]:
    """The common shape of the leading axes of arrays whose core axes fit together.

    Args:
        rules: the core axes of each array, by name. Axes of one name have one length; none is
            empty but "R", a rank.
        arrays: arrays of any library by name.

    Returns:
        The shape to which the leading axes broadcast.

    Raises:
        ValueError: for a shape that breaks a rule.

    Example:
        >>> axes({"A": ("n",), "B": ("n",)}, {"A": np.ones((2, 3)), "B": np.ones(3)})
        (2,)
    """
    sizes: dict[str, tuple[int, str]] = {}
    batch: tuple[int, ...] = ()
    for name, array in arrays.items():
        core = rules[name]
        got = tuple(array.shape)
        rule = "(..., " + ", ".join(core) + ")" if core else "(...)"
        shape(name, got, rule, len(got) >= len(core))
        for axis, size in zip(core, got[len(got) - len(core) :], strict=True):
            shape(name, got, f"{rule} with at least one {axis}", size > 0 or axis == "R")
            known, origin = sizes.setdefault(axis, (size, name))
            shape(name, got, f"{rule} with {axis} = {known} from `{origin}`", size == known)
        batch = broadcasts(name, got[: len(got) - len(core)], batch, "the other fields")
    return batch
