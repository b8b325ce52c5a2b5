"""The pages build without a warning, their examples run, and their tables agree with the code."""

from __future__ import annotations

import doctest
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from test_report import CHROMIUM

from ssmlinalg import discretize, forms, hippo, inits, perturb

ROOT = Path(__file__).parent.parent
CONVENTIONS = ROOT / "docs" / "conventions.md"
PAGES = [*sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs/frameworks").glob("*.md"))]
PAGES += [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
TABLES = {
    "MEASURES": hippo.MEASURES,
    "INITS": inits.INITS,
    "RULES": discretize.RULES,
    "PERTURBATIONS": perturb.PERTURBATIONS,
    "FORMS": forms.FORMS,
}
EPS = float(np.finfo(np.float64).eps)
SPHINX = "-m sphinx -W --keep-going -n -q -b html docs html"
AGES = 2_500_000  # cells of the midpoint rule, whose periods are multiples of them
CELL = 1e-3


def examples(page: Path) -> list[tuple[int, str]]:
    """The blocks of Python in a page, each with the number of its first line."""
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    blocks = re.finditer(r"^```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    return [(text.count("\n", 0, block.start(1)) + 1, block[1]) for block in blocks]


def table(heading: str) -> list[list[str]]:
    """The rows of the first table of the conventions whose header begins with `heading`."""
    lines = CONVENTIONS.read_text(encoding="utf-8").splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith(f"| {heading} |"))
    rows = []
    for line in lines[first + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_examples_of_a_page_run(page: Path) -> None:
    known: dict[str, Any] = {}
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    for line, block in examples(page):
        if ">>>" in block:
            test = doctest.DocTestParser().get_doctest(block, known, page.name, page.name, line - 1)
            runner.run(test, out=report.append, clear_globs=False)
            known = test.globs  # a page is one story: later blocks know the names of earlier ones
        else:
            compile(block, f"{page.name}:{line}", "exec")
    assert not report, "".join(report)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages, built once as CONTRIBUTING says, from a copy: it writes beside its sources."""
    pytest.importorskip("furo")
    pytest.importorskip("myst_parser")
    place = tmp_path_factory.mktemp("site")
    shutil.copytree(ROOT / "docs", place / "docs", ignore=shutil.ignore_patterns("_build", "api"))
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    env = os.environ | {"PYTHONPATH": path}
    command = [sys.executable, *SPHINX.split()]
    done = subprocess.run(command, cwd=place, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return place / "html"


def test_every_install_line_is_one_that_pip_takes() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found = 0
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]:
        for line in re.findall(r"pip install ([^&`\n]+)", page.read_text()):
            for word in shlex.split(line):
                asked = re.fullmatch(r"-e|(\.|[a-z][\w.-]*)(?:\[([a-z0-9,]+)\])?", word)
                assert asked, f"{page.name}: {line}"
                if asked[1] in (".", "ssmlinalg") and asked[2]:
                    assert set(asked[2].split(",")) <= set(project["optional-dependencies"])
                found += 1
    assert found > 10


def test_the_pages_build_without_a_warning(site: Path) -> None:
    assert (site / "index.html").exists()


def test_the_pages_ask_nothing_of_the_network(site: Path) -> None:
    asks = re.compile(r'<(?:script|img|iframe|link)[^>]*\s(?:src|href)="(?:https?:)?//')
    assert [
        page.name for page in site.rglob("*.html") if asks.search(page.read_text(encoding="utf-8"))
    ] == []


def test_every_link_leads_somewhere(site: Path) -> None:
    pages = {page: page.read_text(encoding="utf-8") for page in site.rglob("*.html")}
    anchors = {page: set(re.findall(r'\sid="([^"]+)"', text)) for page, text in pages.items()}
    broken = []
    for page, text in pages.items():
        for link in set(re.findall(r'<a [^>]*href="([^":]+)"', text)):
            path, _, anchor = unquote(link).partition("#")
            target = (page.parent / path).resolve() if path else page
            known = anchors.get(target, set())
            if not target.exists() or (anchor and target in pages and anchor not in known):
                broken.append(f"{link} of {page.relative_to(site)}")
    assert broken == []


# What reaches beyond the screen, and has no box around it that scrolls.
CUT_OFF = """() => [...document.querySelectorAll("article :is(math, pre, table, img, code, p, h1)")]
  .filter(one => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .filter(one => {
    for (let box = one; box !== document.body; box = box.parentElement)
      if (/auto|scroll/.test(getComputedStyle(box).overflowX)) return false;
    return true;
  }).map(one => one.textContent.slice(0, 60))"""


@pytest.mark.parametrize("width", [390, 1400])
def test_every_page_of_the_menu_fits_the_screen_and_says_nothing_to_the_console(
    site: Path, width: int
) -> None:
    if CHROMIUM is None:
        pytest.skip("no Chromium to open the pages in")
    from playwright.sync_api import sync_playwright

    said: list[str] = []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM)
        page = chromium.new_page(viewport={"width": width, "height": 900})
        page.on("console", lambda message: said.append(f"{page.url}: {message.text}"))
        page.on("pageerror", lambda error: said.append(f"{page.url}: {error}"))
        for path in (path for path in sorted(site.rglob("*.html")) if "modules" not in path.parts):
            page.goto(path.as_uri())
            cut = page.evaluate(CUT_OFF)
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert (cut, wide) == ([], width), path.name
        chromium.close()
    assert said == []


def test_every_entry_of_the_tables_is_documented(site: Path) -> None:
    catalogue = (site / "api.html").read_text(encoding="utf-8")
    missing = [
        f"{entry} of {name}"
        for name, entries in TABLES.items()
        for entry, thing in entries.items()
        if f'<span class="pre">{entry}</span>' not in catalogue
        or f'id="{thing.__module__}.{thing.__qualname__}"' not in page_of(site, thing.__module__)
    ]
    assert missing == []


def page_of(site: Path, module: str) -> str:
    return (site / "api/modules" / f"{module}.html").read_text(encoding="utf-8")


def call(cell: str) -> tuple[str, dict[str, float]]:
    """`legt(N, window=1.0)` as ("legt", {"window": 1.0})."""
    match = re.fullmatch(r"`(\w+)\(N(?:, (.*))?\)`", cell)
    assert match, cell
    pairs = [pair.split("=") for pair in match[2].split(", ")] if match[2] else []
    return match[1], {key: float(value) for key, value in pairs}


def published(name: str, order: int) -> tuple[np.ndarray, np.ndarray]:
    """The matrices of state-spaces/s4 by their formulas, written out entry by entry."""
    A = np.zeros((order, order))
    B = np.zeros(order)
    for n in range(order):
        r = np.sqrt(2 * n + 1)
        b = 0 if n % 2 else 1 if n == 0 else np.sqrt(2)
        B[n] = {
            "legs": r,
            "legt": r / 2,
            "lmu": (2 * n + 1) * (-1) ** n,
            "lagt": 1,
            "tlagt": 1,
            "glagt": 0.1,
        }.get(name, b)
        for k in range(order):
            rk = np.sqrt(2 * k + 1)
            bk = 0 if k % 2 else 1 if k == 0 else np.sqrt(2)
            turn = (n // 2) * ((n == k + 1 and n % 2) - (k == n + 1 and k % 2))
            A[n, k] = {
                "legs": -r * rk if n > k else -(n + 1) if n == k else 0,
                "legt": -r * rk / 2 * (1 if n >= k else (-1) ** (n - k)),
                "lmu": (2 * n + 1) * (-1 if n < k else (-1) ** (n - k + 1)),
                "lagt": -0.5 if n == k else -1 if n > k else 0,
                "tlagt": -1 if n >= k else 0,
                "glagt": -0.505 if n == k else -1 if n > k else 0,
                "foud": 2 * np.pi * turn - (n == k) / 2,
                "fout": np.pi * turn - b * bk,
                "fourier_decay": np.pi * turn - b * bk / 2,
                "fourier2": 2 * np.pi * turn - 2 * b * bk,
            }[name]
    return A, B * {"fourier_decay": 0.5, "fourier2": 2}.get(name, 1)


MEASURES = table("our call")


def test_the_table_has_every_measure() -> None:
    assert {call(row[0])[0] for row in MEASURES} == set(hippo.MEASURES)


@pytest.mark.parametrize(
    "row", [row for row in MEASURES if row[1] != "none"], ids=lambda row: row[0]
)
def test_a_measure_is_the_published_one_times_the_factor_stated(row: list[str]) -> None:
    name, options = call(row[0])
    factor, theirs = re.fullmatch(r"(2?) ?`(\w+)`", row[1]).groups()  # pyright: ignore[reportOptionalMemberAccess]
    for order in (2, 8):
        ours = hippo.MEASURES[name](order, **options)
        for got, wanted in zip((ours.A, ours.B), published(theirs, order), strict=True):
            wanted = float(factor or 1) * wanted
            # The entries are a few products and square roots each; 1 - (1 - beta)/2 and the like
            # cancel against 1.
            np.testing.assert_allclose(got, wanted, rtol=8 * EPS, atol=8 * EPS)


@pytest.mark.parametrize(
    "row", [row for row in MEASURES if row[4] != "none"], ids=lambda row: row[0]
)
def test_the_mean_age_is_the_one_stated(row: list[str]) -> None:
    name, options = call(row[0])
    age = CELL * (np.arange(AGES) + 0.5)  # the weight beyond, e^{-25}, is left out
    weight = hippo.BASES[name](1, age, **options).weight
    digits = len(row[4].partition(".")[2])
    mean = np.sum(age * weight) / np.sum(weight)
    assert abs(mean - float(row[4])) <= 0.5 * 10.0**-digits + CELL**2


NORMALIZATIONS = {
    name: row for row in table("initialization") for name in re.findall(r"`([\w-]+)`", row[0])
}


def test_the_table_has_every_initialization() -> None:
    assert set(NORMALIZATIONS) == set(inits.INITS)


@pytest.mark.parametrize("name", [name for name, row in NORMALIZATIONS.items() if row[3]])
def test_the_mean_square_of_c_is_the_one_stated(name: str) -> None:
    order = 16
    C = inits.INITS[name](order, channels=400).C  # pyright: ignore[reportAttributeAccessIssue]
    digits = (
        NORMALIZATIONS[name][3]
        .replace("N²", f"{order**2}")
        .replace("(2N)", f"{2 * order}")
        .replace("N", f"{order}")
    )
    top, _, bottom = digits.partition("/")
    stated = float(top) / float(bottom or 1)
    # At least 400 * 8 independent entries whose squares deviate by at most twice their mean: five
    # standard errors.
    assert abs(np.mean(np.abs(C) ** 2) / stated - 1) <= 5 * 2 / np.sqrt(400 * 8)


@pytest.mark.parametrize("name", NORMALIZATIONS)
def test_b_and_d_are_the_ones_stated(name: str) -> None:
    form: Any = inits.INITS[name](8, channels=3)
    constant = {"1": 1.0, "1/2": 0.5}.get(NORMALIZATIONS[name][1])
    assert constant is None or bool(np.all(constant == form.B))
    direct = {"0": 0.0, "1": 1.0}.get(NORMALIZATIONS[name][4])
    assert np.all(direct == form.D) if direct is not None else np.any(form.D)
