"""Files that are whole or not there."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from pathlib import Path


def refuse_existing(paths: Iterable[Path], *, force: bool) -> None:
    """Raise FileExistsError, before any work, if one of `paths` exists, if only as a link to
    nowhere, and not `force`.
    """
    for path in paths:
        if os.path.lexists(path) and not force:
            raise FileExistsError(
                f"the file to write must not exist; got {path}, which does. Remove it, or force the writing."
            )


def write_atomically(path: Path, data: bytes, *, force: bool) -> None:
    """Write `data` beside `path` and move it into place; whatever goes wrong, an interruption too,
    leaves nothing behind.

    A link is not followed: by `force` the link itself is replaced, and what it points to stays.

    Raises FileExistsError unless `force`, and OSError when the folder is missing or cannot be
    written or the disk is full.
    """
    path = Path(path)
    refuse_existing([path], force=force)
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with open(scratch, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(scratch, path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise type(error)(
            f"the file must be writable; got {path}: {reason}. Choose another folder, or make room."
        ) from error
    finally:
        scratch.unlink(missing_ok=True)
