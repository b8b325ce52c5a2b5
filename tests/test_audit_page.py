"""The page of an audit, and the table of its checks."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from audited import (
    healthy,
    look,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from test_pages import SCREENS, browser, opened  # noqa: F401 (a fixture)

from ssmlinalg import inits, report
from ssmlinalg.audit import CHECKS, audit
from ssmlinalg.export import TARGETS
from ssmlinalg.report import audit_page

PAGE = Path(__file__).parent.parent / "docs" / "audit.md"


def accusing(layers: int = 1) -> Any:
    arrays = {}
    for place in range(layers):
        one = TARGETS["s4d"].to(inits.s4d_legs_init(16, channels=40, seed=place))
        arrays |= {f"layers.{place}.{name}": array for name, array in one.items()}
    arrays["layers.0.log_dt"] = np.ones(40, np.float32)
    return audit(arrays, target="s4d")


def test_a_page_says_first_what_is_wrong():
    found = accusing(3)
    page = report.audit(found, title="a <checkpoint>", facts={"command": "ssmlinalg audit x"})
    assert '<p class="lead">3 findings in 3 layers: constant, interval, law.</p>' in page
    for said in (
        *(html.escape(one.message) for one in found.findings),
        "a &lt;checkpoint&gt;",
        "ssmlinalg audit x",
        "s4d-legs",
    ):
        assert said in page
    assert page.count("<section>") == 6
    assert page.index(found.findings[0].kind) < page.index("layers.1.")
    prose = re.sub(r"<(script|style).*?</\1>|<[^>]*>", " ", page, flags=re.DOTALL)
    assert not re.search(r"\b(nan|inf)\b", prose, flags=re.IGNORECASE)


@pytest.mark.parametrize("target", TARGETS)
@given(data=st.data())
@settings(max_examples=2)
def test_every_target_has_a_page(target, data):
    page = report.audit(look(data.draw(healthy(target)), target), title=target, facts={})
    assert "Nothing is wrong in 1 layer." in page
    prose = re.sub(r"<(script|style).*?</\1>|<[^>]*>", " ", page, flags=re.DOTALL)
    assert not re.search(r"\b(nan|inf)\b", prose, flags=re.IGNORECASE)


def test_the_histogram_drawn_has_the_area_of_its_law():
    figure: Any = audit_page.laws_of(accusing(2).layers[1])
    bars = [trace for trace in figure.data if trace.type == "bar"]
    double = float(np.finfo(np.float64).eps)
    for bar in bars:
        assert np.sum(bar.y * bar.width) == pytest.approx(1.0, rel=4 * double * bar.y.size)


@pytest.mark.parametrize("screen", SCREENS)
def test_a_page_is_drawn_without_a_word_from_the_browser(browser, screen, tmp_path):  # noqa: F811 (a fixture)
    path = tmp_path / "page.html"
    path.write_text(
        report.audit(accusing(2), title="a checkpoint", facts={"seed": "0"}), encoding="utf-8"
    )
    with opened(browser, screen, path) as page:
        for number in range(1, 5):
            assert page.locator(f"#figure-{number} svg.main-svg").count() > 0
        assert (
            page.evaluate("document.scrollingElement.scrollWidth")
            <= SCREENS[screen]["viewport"]["width"]
        )


# the catalogue


def test_the_page_has_every_check_and_no_other():
    rows = re.findall(r"^\| `([a-z-]+)` \|", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert rows == list(CHECKS)


@pytest.mark.parametrize("check", CHECKS.values())
def test_every_check_says_what_it_finds(check):
    assert check.__doc__
