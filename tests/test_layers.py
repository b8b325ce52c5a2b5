"""The house: imports point down, rooms keep what is private, and no name stands for two things."""

from __future__ import annotations

import ast
import graphlib
import io
import tokenize
from collections import Counter
from pathlib import Path

import pytest

import ssmlinalg

ROOT = Path(ssmlinalg.__file__).parent
# The floor of each room. Rooms on one floor do not know each other.
FLOORS = (
    "ground reference",
    "matrices checkpoints powers lossless",
    "forms products",
    "hippo decompose discretize",
    "perturb kernels",
    "inits systems",
    "verification comparison reduce",
    "export doctor testing",
    "conversion audit nn",
    "studies",
    "report",
    "cli",
    "__main__",
    "__init__",
)
HEIGHT = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms.split()}


def room(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(path: Path) -> set[tuple[str, ...]]:
    """What a file imports of the package, wherever in the file it does, as paths below it."""
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
        found |= {tuple(name[1:]) for name in names if name[0] == "ssmlinalg" and len(name) > 1}
    return found


def imported_rooms(path: Path) -> set[str]:
    return {name[0] for name in imported(path) if name[0] in HEIGHT}


FILES = sorted(ROOT.rglob("*.py"))
IDS = [str(path.relative_to(ROOT)) for path in FILES]
every_file = pytest.mark.parametrize("path", FILES, ids=IDS)


@every_file
def test_every_room_has_its_floor(path: Path) -> None:
    assert room(path) in HEIGHT


@every_file
def test_imports_point_down(path: Path) -> None:
    here = room(path)
    upward = {
        there for there in imported_rooms(path) if there != here and HEIGHT[there] >= HEIGHT[here]
    }
    assert not upward, f"{here} imports {', '.join(sorted(upward))}, which is not below it"


@every_file
def test_no_file_takes_a_private_name_of_another(path: Path) -> None:
    private = {
        ".".join(name)
        for name in imported(path)
        if name[-1].startswith("_") and name[-1] != "__version__"
    }
    assert not private


def test_no_files_import_in_a_circle() -> None:
    """Imports inside functions count. A package stands for its files that its door offers."""
    names = {file_name(path): path for path in FILES}
    graph = {
        name: {longest(found, names) for found in imported(path)} - {name, None}
        for name, path in names.items()
        if path.name != "__init__.py"
    }
    list(graphlib.TopologicalSorter(graph).static_order())


def file_name(path: Path) -> tuple[str, ...]:
    return path.relative_to(ROOT).with_suffix("").parts


def longest(
    imported: tuple[str, ...], names: dict[tuple[str, ...], Path]
) -> tuple[str, ...] | None:
    """The file that holds a name; None where a package offers it."""
    starts = (imported[:end] for end in range(len(imported), 0, -1))
    return next((start for start in starts if start in names), None)


def test_the_reference_imports_nothing_of_ours() -> None:
    assert not imported_rooms(ROOT / "reference.py")


@every_file
def test_only_the_ground_knows_array_libraries(path: Path) -> None:
    libraries = {"torch", "jax", "cupy", "cupyx", "array_api_compat"}
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names.add(node.module.partition(".")[0])
    own = (
        {path.stem.partition("_")[0]} if path.parent.name in ("products", "checkpoints") else set()
    )  # a body named after its library
    own |= {"torch"} if path.stem == "pytorch" else set()
    if room(path) == "nn":  # layers are written for one library
        own |= {"jax"} if path.parent.name == "jax" else {"torch"}
    assert path.parent == ROOT / "ground" / "backend" or not names & libraries - own


def test_no_two_modules_share_a_name() -> None:
    names = Counter(path.stem for path in FILES if path.stem != "__init__")
    assert [name for name, count in names.items() if count > 1] == []


def test_no_two_public_classes_share_a_name() -> None:
    names = Counter(
        node.name
        for path in FILES
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert [name for name, count in names.items() if count > 1] == []


def test_no_function_shadows_its_module() -> None:
    """A room that offers a function named as one of its modules hides the module."""
    shadows = []
    for door in ROOT.glob("*/__init__.py"):
        modules = {path.stem for path in door.parent.glob("*.py")}
        offered = {
            alias.asname or alias.name
            for node in ast.parse(door.read_text()).body
            if isinstance(node, ast.ImportFrom) and node.module
            for alias in node.names
        }
        shadows += [f"{door.parent.name}.{name}" for name in offered & modules]
    assert shadows == []


def test_no_room_is_larger_than_a_seventh() -> None:
    lines = Counter()
    for path in FILES:
        lines[room(path)] += len(path.read_text().splitlines())
    largest, count = lines.most_common(1)[0]
    assert count < 0.14 * lines.total(), (
        f"{largest} holds {count / lines.total():.0%} of the package"
    )


LAYOUT = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}


def code_lines(path: Path) -> int:
    """The lines that are neither blank nor comment nor docstring."""
    text = path.read_text()
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in LAYOUT:
            lines |= set(range(token.start[0], token.end[0] + 1))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, documented) and ast.get_docstring(node) is not None:
            first = node.body[0]
            lines -= set(range(first.lineno, (first.end_lineno or 0) + 1))
    return len(lines)


def test_code_lines_are_neither_blank_nor_comment_nor_docstring(tmp_path: Path) -> None:
    path = tmp_path / "some.py"
    lines = (
        '"""Text."""',
        "",
        "# why",
        "def f():",
        '    """Text,',
        "",
        '    more."""',
        "    return (",
        "1",
        ")",
    )
    path.write_text("\n".join(lines))
    assert code_lines(path) == 4


def test_layers_that_train_take_less_than_700_lines() -> None:
    """What is not a layer belongs in the room where others find it."""
    count = sum(code_lines(path) for path in FILES if room(path) == "nn")
    assert count < 700, f"nn holds {count} lines of code"
