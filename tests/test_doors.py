"""What importing the package costs, and what can be reached from it."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from inspect import ismodule
from pathlib import Path

import pytest

import ssmlinalg

SOURCE = Path(ssmlinalg.__file__)
ROOMS = [name for name in dir(ssmlinalg) if ismodule(getattr(ssmlinalg, name))]


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


def test_importing_loads_nothing_and_prints_nothing() -> None:
    code = """
import sys
before = set(sys.modules)
import ssmlinalg
new = {name.partition('.')[0] for name in set(sys.modules) - before}
assert new <= {'ssmlinalg'} | set(sys.stdlib_module_names), new
"""
    assert run(code) == ""


# Packages that take long to import, or that not everyone has: loaded where they are used.
HEAVY = ("scipy.optimize", "scipy.stats", "scipy.io", "scipy.signal", "scipy.sparse.linalg")
OPTIONAL = ("torch", "jax", "cupy", "typer", "rich", "plotly", "kaleido", "flint", "matplotlib")


def test_rooms_load_nothing_heavy_and_nothing_optional() -> None:
    """All in one process, but for `testing`, which stands on hypothesis."""
    rooms = ", ".join(f"ssmlinalg.{name}" for name in ROOMS if name != "testing")
    code = f"import sys, {rooms}\nprint(*sorted({{*{HEAVY + OPTIONAL}}} & set(sys.modules)))"
    assert run(code) == "\n"


def test_measures_load_no_eigenproblems() -> None:
    code = "import sys, ssmlinalg.hippo\nprint('ssmlinalg.matrices' in sys.modules)"
    assert run(code) == "False\n"


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


def test_pages_name_plotly_with_its_remedy_and_only_they_need_it() -> None:
    code = """
from ssmlinalg import ptd_init, report, verification
print(report.timetable(verification.timescales(ptd_init(4)))[0][0])
try:
    report.gain
except ImportError as error:
    print(error)
"""
    said = run(without("plotly") + code).splitlines()
    assert said[0] == "half-life"
    assert re.fullmatch(r"a report is drawn with plotly; got .*'ssmlinalg\[cli\]'\.", said[1])


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
    assert promised() | {"__version__"} == set(dir(ssmlinalg))
    for name in promised():
        assert getattr(ssmlinalg, name) is not None


@pytest.mark.parametrize("name", [*ROOMS, "cli"])
def test_a_room_shows_its_public_names_only(name: str) -> None:
    """What `dir` and completion show is `__all__`: no imports, no modules, nothing left out."""
    room = importlib.import_module(f"ssmlinalg.{name}")
    assert room.__all__ is not None
    assert dir(room) == sorted(room.__all__)
    for public in room.__all__:
        value = getattr(room, public)
        assert not ismodule(value), public
        assert (getattr(value, "__module__", None) or "ssmlinalg").split(".")[0] in HERE, public
    left_out = defined(Path(str(room.__file__))) - set(room.__all__)
    assert not left_out


HERE = {"ssmlinalg", "builtins", "types", "collections"}  # of what is ours, and of our tables


def defined(path: Path) -> set[str]:
    """The public functions, classes and tables that a file defines itself."""
    names = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {one.id for one in targets if isinstance(one, ast.Name) and one.id.isupper()}
    return {name for name in names if not name.startswith("_")}


def test_every_initialization_is_reached_from_the_package() -> None:
    for make in ssmlinalg.INITS.values():
        assert getattr(ssmlinalg, make.__name__) is make


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        ssmlinalg.nothing  # noqa: B018
