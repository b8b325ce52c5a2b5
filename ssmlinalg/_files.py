"""Files that are whole or not there."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path


def refuse_existing(paths: Iterable[Path], *, force: bool) -> None:
    """Raise FileExistsError, before any work, if one of `paths` exists and `force` is not given."""
    for path in paths:
        if path.exists() and not force:
            raise FileExistsError(f"the file to write must not exist; got {path}, which does. Remove it, or force the writing.")


def write_atomically(path: Path, data: bytes, *, force: bool) -> None:
    """Write `data` beside `path` and move it into place; whatever goes wrong, an interruption too, leaves nothing behind.

    Raises FileExistsError unless `force`, and OSError when the folder is missing or cannot be written or the disk is full.
    """
    path = Path(path)
    refuse_existing([path], force=force)
    scratch = None
    try:
        descriptor, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(scratch, 0o666 & ~_umask())
        os.replace(scratch, path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(f"the file must be writable; got {path}: {reason}. Choose another folder, or make room.") from error
    finally:
        if scratch is not None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(scratch)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
