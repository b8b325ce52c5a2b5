"""Rows of a study: a file of JSON each, and all of them as one table."""

from __future__ import annotations

import contextlib
import csv
import importlib.util
import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..ground import require
from ..ground.files import write_atomically

Row = dict[str, Any]
_NOT_FINITE = ("inf", "-inf", "nan")  # numbers that are words in JSON
_FACTS = ("error", "seconds", "version")  # of a row, beside its point and its figures


def place(out: Path, name: str) -> Path:
    """The file of a row; 256 folders keep each of them small."""
    return out / "rows" / name[:2] / f"{name}.json"


def write_row(out: Path, name: str, row: Mapping[str, Any]) -> None:
    """Write a row, whole or not at all."""
    path = place(out, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, (json.dumps(row) + "\n").encode(), force=True)


def read_row(out: Path, name: str) -> Row | None:
    """The row of that name; None where there is none, or a damaged one, to be measured again."""
    try:
        row = json.loads(place(out, name).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return row if _whole(row) else None


def _whole(row: Any) -> bool:
    return isinstance(row, dict) and row.keys() >= {"point", "figures", *_FACTS}


def rows(out: str | os.PathLike[str]) -> list[Row]:
    """The rows of a folder, of all studies and versions that wrote there.

    Args:
        out: the folder.

    Returns:
        A dictionary for each point: `point`, `figures`, `error` (None where all went well),
        `seconds`, `version`, `key`; in the order of their keys.

    Raises:
        FileNotFoundError: where there is no folder.
        ValueError: for a damaged file. `sweep` measures its point again.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     rows(folder)
        []
    """
    folder = require.path("out", out)
    if not folder.is_dir():
        rule = "`out` must be a folder of rows"
        raise FileNotFoundError(f"{rule}; got {folder}, which is none. Run the study first.")
    files = sorted(folder.glob("rows/*/*.json"))
    return [_read(file) for file in files]


def _read(file: Path) -> Row:
    with contextlib.suppress(ValueError):
        row = json.loads(file.read_text(encoding="utf-8"))
        if _whole(row):
            return row
    rule = "a row must be a whole file of JSON"
    raise ValueError(f"{rule}; got {file}, which is damaged. Run its study again, or remove it.")


def flat(row: Mapping[str, Any]) -> Row:
    """A row as a line of a table: choices, figures, then error, seconds and version.

    A choice `error`, `seconds` or `version` is called `point.error` here, and a figure that has
    the name of any of these or of a choice is called `figures.` and its name.

    Args:
        row: one of `rows`.

    Returns:
        A dictionary without tables inside.

    Raises:
        TypeError: for what is no row.
        ValueError: for a row that lacks something.

    Example:
        >>> row = {"point": {"order": 8}, "figures": {"modes": 4}}
        >>> flat(row | {"error": None, "seconds": 0.1, "version": "1"})["modes"]
        4
    """
    require.instance("row", row, Mapping, "Take one of `rows`.")
    if missing := [name for name in ("point", "figures", *_FACTS) if name not in row]:
        rule = "`row` must be one of `rows`"
        raise ValueError(f"{rule}; got one without {', '.join(missing)}. Take it from sweep.")
    rest = {name: row[name] for name in _FACTS}
    choices = {
        f"point.{name}" if name in rest else name: row["point"][name] for name in row["point"]
    }
    taken = {*choices, *rest}
    figures = row["figures"] or {}
    found = {f"figures.{name}" if name in taken else name: figures[name] for name in figures}
    return {**choices, **found, **rest}


def write_table(
    found: Sequence[Mapping[str, Any]], path: str | os.PathLike[str], *, force: bool = False
) -> None:
    """Write rows as one table, a column for each choice and each figure.

    Args:
        found: what `rows` or `sweep` returned.
        path: the file, .csv, or .parquet where pyarrow is installed.
        force: whether an existing file is replaced.

    Raises:
        FileExistsError: if the file exists, and not `force`.
        ImportError: for .parquet without pyarrow.
        ValueError: for another ending.

    Example:
        >>> import tempfile
        >>> row = {"point": {"order": 8}, "figures": {"modes": 4}}
        >>> row |= {"error": None, "seconds": 0.1, "version": "1"}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "table.csv"
        ...     write_table([row], path)
        ...     print(path.read_text().splitlines()[1])
        8,4,,0.1,1
    """
    require.listed("found", found, Mapping, "Take what `rows` returned.")
    path = require.path("path", path)
    require.switch("force", force)
    table = [flat(row) for row in found]
    columns = list(dict.fromkeys(name for row in table for name in row))
    if path.suffix == ".csv":
        data = _csv(columns, table)
    elif path.suffix == ".parquet":
        data = _parquet(columns, table)
    else:
        rule = "the table must end in .csv or .parquet"
        raise ValueError(f"{rule}; got {path}. Choose one of them.")
    write_atomically(path, data, force=force)


def _csv(columns: Sequence[str], table: Sequence[Row]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in table)
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, (list, dict)) else value


def _parquet(columns: Sequence[str], table: Sequence[Row]) -> bytes:
    if not importlib.util.find_spec("pyarrow"):
        rule = "a table in Parquet must have pyarrow to write it"
        raise ImportError(f"{rule}; it is not installed. Run pip install pyarrow, or take .csv.")
    import pyarrow
    import pyarrow.parquet

    held = {name: _column([_cell(row.get(name)) for row in table]) for name in columns}
    sink = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(held), sink)
    return sink.getvalue()


def _column(cells: list[Any]) -> list[Any]:
    """Cells of one type, as Parquet has them: numbers, infinite ones too, or texts."""
    held = [cell for cell in cells if cell is not None]
    types = {type(cell) for cell in held}
    if types == {int} and all(-(2**63) <= cell < 2**63 for cell in held):
        return cells
    if all(type(cell) in (int, float) or cell in _NOT_FINITE for cell in held):
        return [None if cell is None else float(cell) for cell in cells]
    if len(types) == 1:
        return cells
    return [cell if cell is None or type(cell) is str else json.dumps(cell) for cell in cells]
