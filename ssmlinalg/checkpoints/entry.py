"""Entries that know their shape before they are read, and the sentences where a file is bad."""

from __future__ import annotations

import errno
import math
import stat
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..ground import require

# Bytes of description beside the arrays, of about 300 000 of them. Parsed, it takes 20 times the
# memory: safetensors' own bound of 100 MB would be 2 GB.
HEADER = 1 << 25
_SHOWN = 4  # names of entries
AGAIN = "Copy or write it again."


class Entry(NamedTuple):
    """An array in a file.

    Attributes:
        shape: the shape of the array.
        dtype: the type as stored: "float32", "bfloat16", "complex64", ...
        read: the function that gives the array on the host, a copy of its own: bfloat16 and float8
            as float32, nothing else is cast. It raises ValueError if the array is bad.
    """

    shape: tuple[int, ...]
    dtype: str
    read: Callable[[], np.ndarray]

    def __repr__(self) -> str:
        """The description alone, for an array may be gigabytes."""
        return f"Entry(shape={self.shape}, dtype={self.dtype!r})"


class Checkpoint(NamedTuple):
    """A file of arrays; nothing of them is read before their `read()` is called.

    Attributes:
        entries: the arrays by name.
        metadata: text beside the arrays, {} where the file has none.
    """

    entries: dict[str, Entry]
    metadata: dict[str, str]

    def __repr__(self) -> str:
        """The first of the names and how many there are, for a model has thousands."""
        some = ", ".join([repr(name) for name in self.entries][:_SHOWN])
        more = ", ..." if len(self.entries) > _SHOWN else ""
        held = f"{len(self.entries)} arrays: {some}{more}" if self.entries else "no arrays"
        return f"Checkpoint({held}; metadata: {', '.join(self.metadata) or 'none'})"


class File(NamedTuple):
    """A file of one kind, and the sentences with which it is refused."""

    path: Path
    kind: str

    def check(self, holds: bool, why: str) -> None:
        """Refuse the file for the reason `why` unless `holds`."""
        if not holds:
            raise ValueError(self._not_whole(why))

    def texts(self, value: object, why: str) -> dict[str, str]:
        """A parsed value that is texts by name, as metadata are; else refuse the file."""
        if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
            raise ValueError(self._not_whole(why))
        return value

    def _not_whole(self, why: str) -> str:
        return f"`path` must be a whole {self.kind} file; got {self.path} ({why}). {AGAIN}"

    @contextmanager
    def parsing(self) -> Iterator[None]:
        """One sentence for any error of a parser; refusals of the system stay OSError."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        except Exception as error:
            # EINVAL: a damaged file sends its parser to a place before the first byte.
            if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
                rule = "`path` must be a file that can be read"
                got = f"{self.path} ({error.strerror})"
                raise type(error)(f"{rule}; got {got}. Check it.") from error
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise ValueError(self._not_whole(reason)) from error

    def refused(self, name: str, dtype: str) -> Callable[[], np.ndarray]:
        """The `read` of an entry that is no numbers: text, objects, types of fewer than 8 bits."""

        def read() -> np.ndarray:
            rule = "an entry must be an array of plain numbers to be read"
            got = f"{dtype} for {name!r} in {self.path}"
            remedy = "Leave it out, or convert it where the file is from."
            raise ValueError(f"{rule}; got {got}. {remedy}")

        return read


def check_regular(path: Path) -> None:
    """Refuse what is absent, and pipes and devices, which opening or reading could block on."""
    rule = "`path` must be a file that can be read"
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise type(error)(f"{rule}; got {path} ({error.strerror}). Check its name.") from error
    except ValueError as error:  # a NUL in the name
        raise ValueError(f"{rule}; got {str(path)!r} ({error}). Check its name.") from error
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(f"{rule}; got {path}, a folder. Name a file in it.")
    if not stat.S_ISREG(mode):
        got = f"{path}, a pipe or a device"
        raise ValueError(f"`path` must be a regular file; got {got}. Copy it into a file first.")


def check_room(name: str, shape: tuple[int, ...], itemsize: int) -> None:
    """Refuse an array that no memory holds."""
    require.room(f"the array {name!r}", math.prod(shape) * itemsize, host=True)
