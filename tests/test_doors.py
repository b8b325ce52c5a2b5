"""What importing the package costs, and what can be reached from it."""

from __future__ import annotations

import ast
import subprocess
import sys
from inspect import ismodule
from pathlib import Path

import pytest

import ssmlinalg

SOURCE = Path(ssmlinalg.__file__)


def run(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code], check=True, capture_output=True, text=True
    ).stdout


def without(package: str) -> str:
    """Code after which `package` cannot be imported, as if it had never been installed."""
    return f"""
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == {package!r}:
            raise ModuleNotFoundError("No module named " + repr(name), name=name)
sys.meta_path.insert(0, Hidden())
"""


def test_importing_loads_numpy_only_and_prints_nothing() -> None:
    code = """
import sys, numpy
before = set(sys.modules)
import ssmlinalg
new = {name.partition('.')[0] for name in set(sys.modules) - before}
assert new <= {'ssmlinalg', 'importlib', 'typing', '__future__'} | set(sys.stdlib_module_names), new
"""
    assert run(code) == ""


def test_importing_is_quick() -> None:
    code = """
import time, numpy
start = time.perf_counter()
import ssmlinalg
print(time.perf_counter() - start)
"""
    assert min(float(run(code)) for _ in range(3)) < 0.2


@pytest.mark.parametrize("hidden", ["torch", "jax", "cupy", "typer", "rich", "plotly", "flint"])
def test_everything_at_the_core_works_without_optional_packages(hidden: str) -> None:
    code = """
from ssmlinalg import ptd_init, kernel, compare, transfer
kernel(ptd_init(4), 5)
compare(4)
"""
    assert run(without(hidden) + code) == ""


def test_a_missing_library_is_named_with_its_remedy() -> None:
    code = """
from ssmlinalg import ptd_init, move
try:
    move(ptd_init(4), "torch")
except ImportError as error:
    print(error)
"""
    assert "pip install 'ssmlinalg[torch]'" in run(without("torch") + code)


def promised() -> set[str]:
    """The names the type checker sees: those under TYPE_CHECKING."""
    block = next(node for node in ast.parse(SOURCE.read_text()).body if isinstance(node, ast.If))
    named = {
        alias.asname or alias.name
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    return named - {"*"} | {make.__name__ for make in ssmlinalg.INITS.values()} | {"INITS"}


def test_types_and_doors_agree() -> None:
    for name in promised():
        assert getattr(ssmlinalg, name) is not None
    public = {
        name
        for name in dir(ssmlinalg)
        if not name.startswith("_") and not ismodule(getattr(ssmlinalg, name))
    }
    assert public - promised() <= {"Any", "TYPE_CHECKING", "annotations"}


def test_every_initialization_is_reached_from_the_package() -> None:
    for make in ssmlinalg.INITS.values():
        assert getattr(ssmlinalg, make.__name__) is make


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        ssmlinalg.nothing  # noqa: B018
