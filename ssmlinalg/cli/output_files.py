"""The pages and pictures that a command writes: where they go, and that none replaces another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ssmlinalg

from ..ground.files import refuse_existing, write_atomically


def refuse_written(paths: Sequence[Path | None], *, force: bool) -> None:
    """Raise OSError, before any work, for a file that exists, unless `force`, or has no folder."""
    wanted = [path for path in paths if path is not None]
    for path in wanted:
        if not path.parent.is_dir():
            rule = "the file to write must lie in a folder that exists"
            raise FileNotFoundError(f"{rule}; got {path}. Make {path.parent} first.")
    refuse_existing(wanted, force=force)


def picture_paths(figure: Path | None, *names: str) -> list[Path]:
    """The files of the pictures of these names: legs.svg makes legs-frontier.svg and so on."""
    if figure is None:
        return []
    if figure.suffix.removeprefix(".") not in ssmlinalg.report.FORMATS:
        endings = ", ".join(f".{ending}" for ending in ssmlinalg.report.FORMATS)
        raise ValueError(
            f"`--figure` must end in one of {endings}; got {figure}. Choose one of these endings."
        )
    return [figure.with_stem(f"{figure.stem}-{name}") for name in names]


def write_page(path: Path, text: str, *, force: bool, shared: bool) -> None:
    """Write an HTML page, whole or not at all; if `shared`, its script beside it, once."""
    if shared:
        apart = ssmlinalg.report.shared(text)
        text = apart.page
        script = path.with_name(apart.name)
        if not script.exists():
            write_atomically(script, apart.script.encode(), force=False)
    write_atomically(path, text.encode(), force=force)


def write_pictures(paths: Sequence[Path], figures: Sequence[Any], *, force: bool) -> None:
    """Write each picture to its file, in the format of the ending."""
    kind = paths[0].suffix.removeprefix(".")
    for path, data in zip(paths, ssmlinalg.report.images(figures, kind), strict=True):
        write_atomically(path, data, force=force)
