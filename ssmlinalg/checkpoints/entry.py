"""What every kind of file gives: entries that know their shape before they are read, and sentences
where a file is bad.
"""

from __future__ import annotations

import errno
import math
import os
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
AGAIN = "Copy or write it again."


class Entry(NamedTuple):
    """An array in a file."""

    shape: tuple[int, ...]
    dtype: str
    """As stored: "float32", "bfloat16", "complex64"..."""
    read: Callable[[], np.ndarray]
    """The array on the host, its own copy: bfloat16 and float8 as float32, nothing else is cast; ValueError if it is bad."""


class Checkpoint(NamedTuple):
    """A file of arrays; nothing of them is read before their `read()` is called."""

    entries: dict[str, Entry]
    metadata: dict[str, str]
    """Text beside the arrays, {} where the file has none."""


def regular(path: Path) -> None:
    """Refuse what is absent, and pipes and devices, which opening or reading could block on."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise type(error)(
            f"`path` must be a file that can be read; got {path} ({error.strerror}). Check its name."
        ) from error
    except ValueError as error:  # a NUL in the name
        raise ValueError(
            f"`path` must be a file that can be read; got {str(path)!r} ({error}). Check its name."
        ) from error
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(
            f"`path` must be a file that can be read; got {path}, a folder. Name a file in it."
        )
    if not stat.S_ISREG(mode):
        raise ValueError(
            f"`path` must be a regular file; got {path}, a pipe or a device. Copy it into a file first."
        )


@contextmanager
def whole(path: str | os.PathLike[str], kind: str) -> Iterator[None]:
    """Whatever a parser makes of damaged bytes, warnings too, becomes one sentence; what the system
    refuses stays OSError.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        # EINVAL: a damaged file sends its parser to a place before the first byte.
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise type(error)(
                f"`path` must be a file that can be read; got {path} ({error.strerror}). Check it."
            ) from error
        raise ValueError(
            f"`path` must be a whole {kind} file; got {path} ({reason}). {AGAIN}"
        ) from error


def sound(path: str | os.PathLike[str], kind: str, holds: bool, why: str) -> None:
    """Refuse the file for the reason `why` unless `holds`."""
    if not holds:
        raise ValueError(f"`path` must be a whole {kind} file; got {path} ({why}). {AGAIN}")


def room(name: str, shape: tuple[int, ...], itemsize: int) -> int:
    """The bytes of an array, refused where no memory holds them."""
    size = math.prod(shape) * itemsize
    require.room(f"the array {name!r}", size, host=True)
    return size


def refused(path: str | os.PathLike[str], name: str, dtype: str) -> Callable[[], np.ndarray]:
    """The `read` of an entry that is no array of numbers: objects, text, cells, types of fewer than
    8 bits.
    """

    def read() -> np.ndarray:
        remedy = "Leave it out, or convert it where the file is from."
        raise ValueError(
            f"an entry must be an array of plain numbers to be read; got {dtype} for {name!r} in {path}. {remedy}"
        )

    return read
