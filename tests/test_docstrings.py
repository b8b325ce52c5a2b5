"""Public functions say what they take, return and refuse, and show an example that runs."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import ssmlinalg

ROOT = Path(ssmlinalg.__file__).parent
WIDTH = 100
LONGEST = 40  # lines of code in a function, its docstring not counted
SECTIONS = ("Args", "Returns", "Raises", "Accuracy", "Cost", "Source", "Example")
# Words that make a riddle of a sentence for a reader whose first language is not English.
RIDDLES = re.compile(r"\b(heard|lets? hear|is told)\b|(^|[.:;] )What\b", re.MULTILINE)


def rooms() -> Iterator[Any]:
    """The modules and packages that users import from."""
    for module in pkgutil.iter_modules(ssmlinalg.__path__):
        if module.name not in ("ground", "cli", "__main__"):
            yield importlib.import_module(f"ssmlinalg.{module.name}")


def public() -> dict[str, Callable[..., Any]]:
    """Every function that a room offers, by its room and name."""
    found = {}
    for room in rooms():
        for name in getattr(room, "__all__", vars(room)):
            value = getattr(room, name)
            ours = getattr(value, "__module__", "").startswith(room.__name__)
            if inspect.isfunction(value) and ours and not name.startswith("_"):
                found[f"{room.__name__}.{name}"] = value
    return found


PUBLIC = public()
each = pytest.mark.parametrize("name", PUBLIC)


def sections(documented: Callable[..., Any]) -> dict[str, str]:
    """The labelled sections of a docstring, the summary under ""."""
    text = inspect.getdoc(documented) or ""
    parts = re.split(r"^(\w+):\n(?= {4})", text, flags=re.MULTILINE)
    return {"": parts[0]} | dict(zip(parts[1::2], parts[2::2], strict=True))


def raises(documented: Callable[..., Any]) -> bool:
    """Whether a function refuses something in its own body, or asks the ground to."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(documented)))
    asks = {
        node.value.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    return "require" in asks or any(isinstance(node, ast.Raise) for node in ast.walk(tree))


@each
def test_the_purpose_is_one_line(name: str) -> None:
    summary, _, rest = (inspect.getdoc(PUBLIC[name]) or "").partition("\n")
    assert summary.endswith((".", ":")), summary
    assert not rest or rest.startswith("\n"), f"{name}: {summary} {rest[:60]}"


@each
def test_every_argument_is_described(name: str) -> None:
    takes = list(inspect.signature(PUBLIC[name]).parameters)
    described = sections(PUBLIC[name]).get("Args", "")
    missing = [
        one for one in takes if not re.search(rf"^ {{4}}\*{{0,2}}{one}\b.*:", described, re.M)
    ]
    assert not missing


@each
def test_the_result_is_described(name: str) -> None:
    nothing = inspect.signature(PUBLIC[name]).return_annotation in (None, "None")
    assert nothing or {"Returns", "Yields"} & sections(PUBLIC[name]).keys()


@each
def test_every_refusal_is_described(name: str) -> None:
    assert not raises(PUBLIC[name]) or "Raises" in sections(PUBLIC[name])


@each
def test_there_is_an_example(name: str) -> None:
    assert ">>>" in sections(PUBLIC[name]).get("Example", "")


@each
def test_sections_are_known_and_in_one_order(name: str) -> None:
    found = [section for section in sections(PUBLIC[name]) if section]
    order = [section for section in SECTIONS if section in found]
    assert [section.replace("Yields", "Returns") for section in found] == order


FILES = sorted(ROOT.rglob("*.py"))
every_file = pytest.mark.parametrize("path", FILES, ids=[str(p.relative_to(ROOT)) for p in FILES])


def documented(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            text = ast.get_docstring(node)
            if text:
                yield text, node


@every_file
def test_no_docstring_is_a_riddle(path: Path) -> None:
    found = {
        match[0]: getattr(node, "name", path.stem)
        for text, node in documented(ast.parse(path.read_text()))
        if (match := RIDDLES.search(text))
    }
    assert not found


@every_file
def test_no_function_is_longer_than_a_screen(path: Path) -> None:
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            code = {
                line for part in body for line in range(part.lineno, (part.end_lineno or 0) + 1)
            }
            assert len(code) <= LONGEST, f"{node.name}: {len(code)} lines"


@every_file
def test_one_assignment_a_line(path: Path) -> None:
    """`a, b = x, y` hides two facts in one line; unpacking one result is no such pair."""
    pairs = [
        f"line {node.lineno}"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Tuple)
        and isinstance(node.value, ast.Tuple)
        and not {id_of(part) for part in node.targets[0].elts}
        & {id_of(inner) for value in node.value.elts for inner in ast.walk(value)}
    ]
    assert not pairs


def id_of(node: ast.AST) -> str:
    """The name of a variable; of anything else what it is spelled as."""
    return node.id if isinstance(node, ast.Name) else ast.unparse(node)
