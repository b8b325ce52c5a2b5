"""Pages as a browser draws them, on a desktop and on a phone, without a network."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_report import BROKEN, CHROMIUM, DIGITS, FACTOR, SOUND, audited, certificate

from ssmlinalg import hippo, inits, kernel, perturb, report
from ssmlinalg.comparison import compare, fourier_sweep
from ssmlinalg.verification import Verification, timescales

SCREENS: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1280, "height": 800}},
    "phone": {
        "viewport": {"width": 375, "height": 667},
        "has_touch": True,
        "is_mobile": True,
        "device_scale_factor": 2,
    },
}
# Where on the screen point `at` of trace `trace` of a figure is.
PLACE = """([name, trace, at]) => {
  const figure = document.getElementById(name);
  const drawn = figure._fullData[trace];
  const layout = figure._fullLayout;
  const box = figure.getBoundingClientRect();
  const [x, y] = ["x", "y"].map(letter => {
    const axis = layout[drawn[letter + "axis"].replace(letter, letter + "axis")];
    return axis._offset + axis.d2p(figure._fullData[trace][letter][at]);
  });
  return [box.left + x, box.top + y];
}"""
VISIBLE = """([name, trace, value]) =>
  (document.getElementById(name).data[trace].visible ?? true) === value"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no Chromium to open the page in")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM)
        yield chromium
        chromium.close()


@contextlib.contextmanager
def opened(browser: Any, screen: str, path: Path) -> Iterator[Any]:
    """A page without a network, from which nothing comes: no message, no error, no request."""
    events: list[str] = []
    context = browser.new_context(**SCREENS[screen])
    context.set_offline(True)
    page = context.new_page()
    page.on("console", lambda message: events.append(message.text))
    page.on("pageerror", lambda error: events.append(str(error)))
    page.on("request", lambda request: events.append(request.url))
    page.goto(path.as_uri())
    yield page
    context.close()
    assert events == [path.as_uri()]


def shown_at(page: Any, screen: str, figure: str, trace: int, at: int) -> tuple[float, float]:
    """The two numbers the page shows where a mouse or a finger is on a point: y, and at which x."""
    page.locator(f"#{figure}").scroll_into_view_if_needed()
    x, y = page.evaluate(PLACE, [figure, trace, at])
    page.touchscreen.tap(x, y) if screen == "phone" else page.mouse.move(x, y)
    text = page.locator(f"#{figure} .hoverlayer .hovertext .nums").first.text_content(timeout=5000)
    y, x = re.findall(r"[−-]?\d[\d.]*(?:e[−+-]?\d+)?", text)[:2]
    return float(x.replace("−", "-")), float(y.replace("−", "-"))


def certified() -> tuple[str, int, int, Any]:
    return certificate(64), 4, 2, report.response(report.curves(perturb.lossless(hippo.legs(64))))


def compared() -> tuple[str, int, int, Any]:
    sweeps = fourier_sweep(16)
    return report.comparison(compare(16), sweeps, title="all"), 2, 2, report.robustness(sweeps)


def held() -> tuple[str, int, int, Any]:
    form = inits.ptd_init(64, channels=8)
    K = 1.1 * np.asarray(kernel(form, 256))
    found = Verification([*SOUND, BROKEN], [FACTOR], timescales(form, 256))
    page = report.verification(
        found,
        form,
        title="a model",
        facts={"command": "ssmlinalg verify ptd"},
        length=256,
        kernel=K,
    )
    return page, 3, 1, report.impulse(form, 256, theirs=K)


HIDDEN = """() => [...document.querySelectorAll("td, th, dd, .annotation-text-g text, .legendtext")]
  .filter(one => one.getClientRects().length)
  .filter(one => {
    const box = one.getBoundingClientRect();
    const around = one.closest(".wide");
    const right = around ? around.getBoundingClientRect().right : innerWidth;
    return box.left < 0 || box.right > right + 1 || one.scrollWidth > one.clientWidth + 1 &&
      one.clientWidth > 0;
  }).map(one => one.textContent)"""
COVERED = """() => [...document.querySelectorAll(".js-plotly-plot")].flatMap(plot => {
  const bar = plot.querySelector(".modebar").getBoundingClientRect();
  return [...plot.querySelectorAll(".legendtext, .annotation-text-g text")].filter(one => {
    const box = one.getBoundingClientRect();
    return bar.width && box.right > bar.left && box.left < bar.right && box.bottom > bar.top &&
      box.top < bar.bottom;
  }).map(one => one.textContent);
})"""


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("kind", [audited, lambda: compared()[0], lambda: held()[0]])
def test_no_word_of_a_page_is_cut_off_or_covered(
    browser: Any, kind: Callable[[], str], screen: str, tmp_path: Path
):
    (tmp_path / "page.html").write_text(kind(), encoding="utf-8")
    with opened(browser, screen, tmp_path / "page.html") as page:
        page.wait_for_selector(".js-plotly-plot svg.main-svg")
        assert page.evaluate(HIDDEN) == []
        if screen == "desktop":
            page.add_style_tag(content=".modebar { opacity: 1 !important }")
            assert page.evaluate(COVERED) == []


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("kind", [certified, compared, held])
def test_a_page_is_drawn_answers_and_fits(
    browser: Any, kind: Callable[[], Any], screen: str, tmp_path: Path
):
    text, pictures, place, figure = kind()
    name = f"figure-{place}"
    (tmp_path / "page.html").write_text(text, encoding="utf-8")
    with opened(browser, screen, tmp_path / "page.html") as page:
        for number in range(1, pictures + 1):
            assert page.locator(f"#figure-{number} svg.main-svg").count() > 0
            assert page.locator(f"#figure-{number} :is(path.js-line, path.point)").count() > 0
        assert (
            page.evaluate("document.scrollingElement.scrollWidth")
            <= SCREENS[screen]["viewport"]["width"]
        )

        entry = page.locator(f"#{name} .legendtoggle").first
        for visible in ("legendonly", True):
            entry.tap() if screen == "phone" else entry.click()
            page.wait_for_function(VISIBLE, arg=[name, 0, visible])

        x, y = shown_at(page, screen, name, 0, len(figure.data[0].x) // 2)
        drawn = np.stack(
            [np.concatenate([trace[axis] for trace in figure.data]) for axis in ("x", "y")]
        )
        assert np.any(np.all(np.abs(drawn - [[x], [y]]) <= DIGITS * np.abs(drawn), axis=0))
