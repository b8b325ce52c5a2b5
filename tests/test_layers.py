"""Imports point down: a room may use the rooms below it, never one beside or above."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import ssmlinalg

ROOT = Path(ssmlinalg.__file__).parent
# The floor of each room. Rooms on one floor do not know each other, but for the ground, which is one room in several files.
GROUND = (
    "_version _array _require _ondemand _axis _cascade _fourier _lossless _gram _files _words _powers _shifted _scale reference"
)
HEIGHT = dict.fromkeys(GROUND.split(), 0) | {"forms": 1}
MATHEMATICS = "hippo decompose norms eigen discretize products checkpoints"
HEIGHT |= dict.fromkeys(MATHEMATICS.split(), 2)
HEIGHT |= {
    "perturb": 3,
    "kernels": 4,
    "inits": 4,
    "analysis": 5,
    "export": 6,
    "doctor": 6,
    "testing": 6,
    "audit": 7,
    "report": 8,
}
HEIGHT |= {"cli": 9, "__main__": 10, "__init__": 11}


def room(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    """The rooms of the package that a file imports, wherever in the file it does."""
    found = set()
    package = ["ssmlinalg", *path.relative_to(ROOT).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = base + (node.module.split(".") if node.module else [])
            names = [[*base, alias.name] for alias in node.names]
        else:
            continue
        found |= {name[1] for name in names if name[0] == "ssmlinalg" and len(name) > 1}
    return {name for name in found if name in HEIGHT}


FILES = sorted(ROOT.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_room_has_its_floor(path: Path) -> None:
    assert room(path) in HEIGHT


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path: Path) -> None:
    here = room(path)
    lowest = 1 if HEIGHT[here] == 0 else HEIGHT[here]
    upward = {there for there in imported_rooms(path) if there != here and HEIGHT[there] >= lowest}
    assert not upward, f"{here} imports {', '.join(sorted(upward))}, which is not below it"


def test_the_reference_imports_nothing_of_ours() -> None:
    assert not imported_rooms(ROOT / "reference.py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_one_file_knows_array_libraries(path: Path) -> None:
    libraries = {"torch", "jax", "cupy", "cupyx", "array_api_compat"}
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names.add(node.module.partition(".")[0])
    own = {path.stem} if path.parent.name in ("products", "checkpoints") else set()  # a body named after its library
    assert path.name == "_array.py" or not names & libraries - own
