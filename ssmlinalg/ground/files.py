"""Files that are whole or not there."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from pathlib import Path


def refuse_existing(paths: Iterable[Path], *, force: bool) -> None:
    """Refuse to overwrite files, before any work is done.

    Args:
        paths: the files to write.
        force: whether they may be overwritten.

    Raises:
        FileExistsError: if one exists, be it a link to nowhere, and not `force`.

    Example:
        >>> refuse_existing([Path("no such folder") / "no such file"], force=False)
    """
    for path in paths:
        if os.path.lexists(path) and not force:
            raise FileExistsError(
                f"the file to write must not exist; got {path}, which does. "
                "Remove it, or force the writing."
            )


def write_atomically(path: Path, data: bytes, *, force: bool) -> None:
    """Write a file beside its place and move it there, so that it is whole or not there.

    Whatever goes wrong, an interruption too, leaves nothing behind. A link is not followed: by
    `force` the link itself is replaced, and what it points to stays.

    Args:
        path: the file.
        data: its bytes.
        force: whether an existing file is replaced.

    Raises:
        FileExistsError: if the file exists, and not `force`.
        OSError: if the folder is missing or cannot be written, or the disk is full.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_atomically(Path(folder) / "a", b"whole", force=False)
        ...     (Path(folder) / "a").read_bytes()
        b'whole'
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
