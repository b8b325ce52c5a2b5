"""A file is whole or not there."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from ssmlinalg.ground.files import write_atomically


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a", b"whole", force=False)
    assert (tmp_path / "a").read_bytes() == b"whole"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_an_existing_file_is_replaced_only_by_force(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(FileExistsError, match="must not exist; got"):
        write_atomically(tmp_path / "a", b"new", force=False)
    write_atomically(tmp_path / "a", b"new", force=True)
    assert (tmp_path / "a").read_bytes() == b"new"


@pytest.mark.parametrize("dangling", [False, True])
def test_a_link_is_replaced_only_by_force_and_never_followed(
    tmp_path: Path, dangling: bool
) -> None:
    target = tmp_path / "target"
    link = tmp_path / "link"
    if not dangling:
        target.write_bytes(b"old")
    link.symlink_to(target)
    with pytest.raises(FileExistsError, match="must not exist; got"):
        write_atomically(link, b"new", force=False)
    assert link.is_symlink()
    write_atomically(link, b"new", force=True)
    assert not link.is_symlink()
    assert link.read_bytes() == b"new"
    if dangling:
        assert not target.exists()
    else:
        assert target.read_bytes() == b"old"


@pytest.mark.parametrize(
    "trouble", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")]
)
def test_trouble_while_writing_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: BaseException
) -> None:
    (tmp_path / "a").write_bytes(b"old")

    def fail(*_: Any) -> None:
        raise trouble

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(type(trouble)):
        write_atomically(tmp_path / "a", b"new", force=True)
    assert (tmp_path / "a").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_missing_folder_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"must be writable; got .*nowhere.*No such file"):
        write_atomically(tmp_path / "nowhere" / "a", b"", force=False)
