"""A study: the lists whose product are its points, and what is measured at each."""

from __future__ import annotations

import glob
import hashlib
import itertools
import json
import os
import tomllib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import __version__
from ..ground import require
from .measured_figures import FIGURES

Point = dict[str, Any]
Measure = Sequence[str] | Callable[..., Mapping[str, Any]]


class Study(NamedTuple):
    """The lists and the figures of a file.

    Attributes:
        over: lists of values by name.
        measure: names in `FIGURES`.
    """

    over: dict[str, list[Any]]
    measure: list[str]


def read_study(path: str | os.PathLike[str]) -> Study:
    """A study as a file of TOML says it: `measure`, a list, and the table `over`.

    Args:
        path: the file.

    Returns:
        The study, each single value as a list of one.

    Raises:
        FileNotFoundError: where there is no file.
        ValueError: for what is no TOML, other entries than these two, and unknown figures.

    Example:
        >>> import pathlib, tempfile
        >>> text = 'measure = ["condition"]\\n[over]\\ninit = "ptd"\\norder = [8, 16]\\n'
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder) / "study.toml"
        ...     _ = path.write_text(text)
        ...     read_study(path).over
        {'init': ['ptd'], 'order': [8, 16]}
    """
    path = require.path("path", path)
    if not path.is_file():
        rule = "a study must be a file of TOML"
        raise FileNotFoundError(f"{rule}; got {path}, which is none. Correct the path.")
    text = path.read_text(encoding="utf-8")
    try:
        held = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        rule = "a study must be a file of TOML"
        raise ValueError(f"{rule}; got {os.fspath(path)}: {error}. Mend that line.") from None
    for name in held:
        require.known("study", name, ("over", "measure"))
    over = held.get("over", {})
    require.instance("over", over, dict, "Write [over] and lists below it.")
    lists = {name: value if isinstance(value, list) else [value] for name, value in over.items()}
    points(lists)
    return Study(lists, checked_measure(held.get("measure", [])))


def checked_measure(measure: Any) -> list[str]:
    """The names of figures, each once; ValueError for none, and for one that is not there."""
    require.listed("measure", measure, str, "Name figures, or give a function.")
    names = list(measure)
    if not names:
        rule = "`measure` must name figures"
        raise ValueError(f"{rule}; got none. Choose of {', '.join(FIGURES)}.")
    return [require.known("measure", name, FIGURES) for name in dict.fromkeys(names)]


def points(over: Mapping[str, Sequence[Any]]) -> list[Point]:
    """The product of lists, the last one fastest.

    Under `checkpoint` a pattern such as "models/*.safetensors" stands for the files that fit it.

    Args:
        over: lists of values by name: numbers, texts, pairs of numbers, truth values.

    Returns:
        A dictionary for each point.

    Raises:
        TypeError: for what is no mapping of lists.
        ValueError: for an empty list, a pattern that fits no file, and values without JSON.

    Example:
        >>> points({"init": ["ptd"], "order": [8, 16]})
        [{'init': 'ptd', 'order': 8}, {'init': 'ptd', 'order': 16}]
    """
    require.instance("over", over, Mapping, "Give lists by name.")
    require.listed("over", [*over], str, "Names are texts.")
    lists = {name: _listed(name, values) for name, values in over.items()}
    if not lists:
        raise ValueError("`over` must hold lists; got none. Write for example order=[16, 32].")
    return [dict(zip(lists, values, strict=True)) for values in itertools.product(*lists.values())]


def _listed(name: str, values: Any) -> list[Any]:
    if isinstance(values, (str, bytes)) or not isinstance(values, Sequence):
        rule = f"`over` must hold a list under {name}"
        raise TypeError(f"{rule}; got {require.said(values)}. Write [{values!r}].")
    found = [file for value in values for file in _files(value)] if name == "checkpoint" else values
    if not found:
        rule = f"`over` must hold values under {name}"
        raise ValueError(f"{rule}; got none. Leave the name out.")
    return [_plain(name, value) for value in found]


def _plain(name: str, value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        rule = f"the values under {name} must be finite numbers or texts"
        raise ValueError(f"{rule}; got {require.said(value)}. Give names.") from None
    return value


def _files(value: Any) -> list[str]:
    require.instance("checkpoint", value, (str, os.PathLike), "Name files, or a pattern.")
    path = os.fspath(value)
    if not glob.has_magic(path) or "://" in path or os.path.exists(path):
        return [path]
    found = sorted(glob.glob(path, recursive=True))
    if not found:
        rule = "`checkpoint` must fit files"
        raise ValueError(f"{rule}; got {path}, which fits none. Correct the pattern.")
    return found


def key(point: Mapping[str, Any], measure: Measure) -> str:
    """The name of a row: a hash of the point, of what is measured, and of this version.

    A checkpoint counts by its name, size and time of change.

    Args:
        point: values by name.
        measure: names of figures, or a function, which counts by its name.

    Returns:
        Twenty-four hexadecimal digits.

    Raises:
        TypeError: for what is no point, and a measure that is neither names nor a function.
        ValueError: for unknown figures.

    Example:
        >>> key({"order": 8, "init": "ptd"}, ["condition"]) == key(
        ...     {"init": "ptd", "order": 8}, ["condition"]
        ... )
        True
    """
    require.instance("point", point, Mapping, "Give values by name.")
    names = _function_name(measure) if callable(measure) else sorted(checked_measure(measure))
    file = _changed(point["checkpoint"]) if "checkpoint" in point else None
    text = json.dumps([__version__, dict(point), names, file], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _function_name(function: Callable[..., Any]) -> str:
    return f"{function.__module__}.{function.__qualname__}"


def _changed(path: str) -> list[int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns]
