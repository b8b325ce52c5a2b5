"""Pages: what is drawn is true and finite, and a browser without a network can draw it."""

from __future__ import annotations

import html
import itertools
import math
import re
import shutil
import sys
from typing import Any

import numpy as np
import plotly.offline
import pytest
import strategies
from hypothesis import given
from hypothesis import strategies as st
from targets import added

from ssmlinalg import export, forms, hippo, inits, kernel, perturb, report
from ssmlinalg.audit import audit
from ssmlinalg.comparison import Row, Sweep, compare, fourier_sweep
from ssmlinalg.report import axes, model_pictures, notation
from ssmlinalg.systems import transfer
from ssmlinalg.verification import Check, Diagnosis, Verification, timescales

EPS = float(np.finfo(np.float64).eps)
SEARCH = 1e-3  # how much of a supremum over frequency the drawn frequencies miss
ZERO = 1e-9  # beside the largest number: a zero that was rounded
SIX = 1e-5  # relative: a unit of the last of six digits
DIGITS = 5e-4  # of a number that is written with four digits
systems = st.builds(
    lambda name, order: hippo.MEASURES[name](order), strategies.lossless, st.integers(1, 17)
)
sizes = st.sampled_from([0.15, 0.22, 0.7, 1.0])
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
ROWS = [
    Row("hippo-legs", math.inf, 0.0, 0.0, -1.0, 0.0, 64),
    Row("ptd", 7.83, 0.173, 0.0678, -0.684, 903.0, 32),
    Row("s4d-legs", 1.0, 0.785, 40.7, -0.5, 1304.0, 32),
    Row("s4", 1.0, 0.0, 8e-14, -1.0, 0.0, 64),
    Row("s4d-lin", math.nan, math.nan, math.nan, -0.5, 97.4, 32),
]


def perturbed(nplr: forms.NPLR, tau: float) -> perturb.Lossless:
    """At this tau, or a little beside it where that is an exceptional point."""
    try:
        return perturb.lossless(nplr, tau=tau)
    except ValueError:
        return perturb.lossless(nplr, tau=0.97 * tau)


def model(found: perturb.Diagonalization, channels: int = 5) -> forms.Paired:
    C = np.random.default_rng(0).standard_normal((channels, len(found.Lambda)))
    return found.paired(C, np.geomspace(0.1, 1e-3, channels))


def certificate(order: int) -> str:
    found = perturb.lossless(hippo.legs(order))
    return report.ptd(found, model(found), title=f"order {order}", facts={"seed": "0"})


def prose(page: str) -> str:
    """The words of a page, without scripts, styles and tags."""
    return re.sub(r"<(script|style).*?</\1>|<[^>]*>", " ", page, flags=re.DOTALL)


def traces(figure: Any) -> list[Any]:
    return list(figure.data)


def drawn(figure: Any) -> list[np.ndarray]:
    axes = (figure.layout.xaxis, figure.layout.yaxis)
    drawn = [trace[axis] for trace in traces(figure) for axis in ("x", "y")]
    drawn += [axis.range for axis in axes if axis.range is not None]
    return [np.asarray(values, dtype=float) for values in drawn]


def pictures(found: perturb.Diagonalization) -> list[Any]:
    shown = report.curves(found)
    bounded = report.deviation(shown, found.transfer_bound)
    return [report.spectrum(found), report.response(shown), bounded, report.impulse(model(found))]


# what is drawn


@given(systems, sizes)
def test_every_number_drawn_is_finite(nplr, tau):
    for figure in pictures(perturbed(nplr, tau)):
        assert traces(figure)
        for values in drawn(figure):
            assert values.size > 0
            assert np.all(np.isfinite(values))


@given(systems, sizes)
def test_curves_are_the_sizes_of_direct_solves(nplr, tau):
    found = perturbed(nplr, tau)
    shown = report.curves(found)
    A, B, P = nplr
    identity = np.eye(len(B))
    for at in np.linspace(0, len(shown.w) - 1, 23).astype(int):
        s = 1j * shown.w[at] * identity
        matrices = (s - A, s - A - P @ P.T, s - A - found.E)
        inputs = (B, B / 2, (1 - found.tau / 2) * B)
        hippo, s4d, ptd = (
            np.linalg.solve(matrix, b + 0j) for matrix, b in zip(matrices, inputs, strict=True)
        )
        condition = max(map(np.linalg.cond, matrices)) * found.condition
        slack = 256 * len(B) * EPS * condition * max(map(np.linalg.norm, (hippo, s4d, ptd)))
        states = (hippo, s4d, ptd, s4d - hippo, ptd - hippo)
        for name, values, state in zip(shown._fields[1:], shown[1:], states, strict=True):
            size = np.linalg.norm(state)
            assert abs(values[at] - size) <= slack, (name, shown.w[at], values[at], size)


@pytest.mark.parametrize("order", [2, 15, 64])
def test_no_spike_of_s4d_is_missed(order):
    found = perturb.lossless(hippo.legs(order))
    shown = report.curves(found)
    A, B, P = found.system
    for w in np.linalg.eigvals(A + P @ P.T).imag:
        if w > shown.w[0]:
            state = np.linalg.solve(1j * w * np.eye(order) - A - P @ P.T, B / 2 + 0j)
            spike = np.linalg.norm(state)
            assert np.max(shown.s4d[np.abs(shown.w - w) < 0.1]) >= (1 - SEARCH) * spike


@given(systems, st.sampled_from([0.15, 0.22, 0.7]))
def test_the_deviation_drawn_reaches_the_transfer_error_and_keeps_the_bound(nplr, tau):
    found = perturbed(nplr, tau)
    highest = report.curves(found).ptd_error.max()
    rounding = 64 * len(nplr.B) * EPS * found.condition
    limit = min((1 + SEARCH) * found.transfer_error, found.transfer_bound)
    assert highest <= limit + rounding
    assert highest >= 0.95 * found.transfer_error


def read(label: str) -> float:
    """The number that a label writes."""
    lowered = label.translate(str.maketrans("−⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "--0123456789"))
    return float(lowered.replace("·10", "e"))


@given(systems)
def test_points_and_ticks_of_the_spectrum_stand_where_their_labels_say(nplr):
    figure: Any = report.spectrum(perturbed(nplr, 0.22))

    labels = [text for trace in figure.data for text in trace.text]
    parts = [re.fullmatch(r"(\S+) ([+−]) (\S+) i", label) for label in labels]
    assert all(parts)
    values = np.array([complex(read(part[1]), read(part[2] + part[3])) for part in parts if part])
    for axis, along, coordinate in (
        (figure.layout.xaxis, np.real(values), "x"),
        (figure.layout.yaxis, np.imag(values), "y"),
    ):
        positions = np.concatenate([trace[coordinate] for trace in figure.data])
        far = np.argmax(np.abs(along))
        scale = np.abs(along).max()
        if scale < ZERO * np.abs(values).max():
            continue
        unit = along[far] / np.sinh(positions[far])
        # The labels have six digits.
        assert np.allclose(np.sinh(positions) * unit, along, rtol=SIX, atol=ZERO * scale)
        named = np.array([read(label) for label in axis.ticktext])
        assert np.allclose(np.sinh(axis.tickvals) * unit, named, rtol=SIX)
        assert 2 <= len(named) <= 9


@pytest.mark.parametrize("order", [8, 16, 32, 64, 128, 512])
def test_an_axis_of_evenly_spaced_frequencies_has_three_ticks_at_least(order):
    labels = axes.asinh_axis(np.pi * np.arange(order // 2), most=9).labels
    assert 4 <= len(labels) <= 10, "0 among them"


@pytest.mark.parametrize("decades", [0.4, 1.2, 3.5, 9.0])
def test_a_row_of_gain_has_two_ticks_at_most_and_they_are_apart(decades):
    ticks = model_pictures.outer_decades(np.geomspace(0.03, 0.03 * 10**decades, 50))
    assert len(ticks) <= 2
    assert all(upper / lower >= 10 for lower, upper in itertools.pairwise(ticks))


def test_the_spectrum_shows_the_eigenvalues_of_hippo_although_they_are_ill_conditioned():
    labels = traces(report.spectrum(perturb.lossless(hippo.legs(64))))[0].text
    assert set(labels) == {f"−{n} + 0 i" for n in range(1, 65)}


def test_kernels_drawn_are_those_of_the_channels_named():
    form = model(perturb.lossless(hippo.legs(7)), channels=11)
    shown = traces(report.impulse(form))
    everything = kernel(form, len(shown[0].y))
    assert len(shown) == 4
    assert np.all(np.diff([float(trace.name.removeprefix("step ")) for trace in shown]) > 0)
    for trace in shown:
        K = everything[place_of(trace)]
        assert np.max(np.abs(trace.y - K)) <= 64 * EPS * np.max(np.abs(K))


@pytest.mark.parametrize("lead", [(), (1,), (2, 3)])
def test_a_model_may_have_any_leading_axes(lead):
    found = perturb.lossless(hippo.legs(6))
    form = found.paired(np.ones((*lead, 6)), np.full(lead, 0.1))
    assert len(traces(report.impulse(form))) == min(4, math.prod(lead))


def rows_of(figure: Any, name: str) -> list[Any]:
    return [trace for trace in figure.data if trace.name == name]


def place_of(trace: Any) -> int:
    """The number of the channel that a curve is of."""
    found = re.search(r"channel (\d+)", trace.hovertemplate)
    assert found
    return int(found[1])


@given(strategies.models(), st.sampled_from(["zoh", "bilinear"]))
def test_kernels_of_every_form_are_drawn_as_they_are(form, rule):
    everything = np.asarray(kernel(form, 40, rule=rule)).reshape(-1, 40)
    shown = traces(report.impulse(form, 40, rule=rule))
    assert len(shown) == min(4, len(everything))
    for trace in shown:
        K = everything[place_of(trace)]
        assert np.max(np.abs(trace.y - K)) <= 256 * EPS * max(1.0, np.max(np.abs(everything)))


def test_a_form_that_was_added_to_the_table_is_drawn(monkeypatch):
    lag: Any = added(monkeypatch)
    everything = np.asarray(kernel(lag, 40))
    shown = traces(report.impulse(lag, 40))
    assert [place_of(trace) for trace in shown] == [0, 1, 2]
    for trace, K in zip(shown, everything, strict=True):
        assert np.max(np.abs(trace.y - K)) <= 64 * EPS * np.max(np.abs(K))
    own = report.gain(forms.plain(lag))
    for trace, expected in zip(traces(report.gain(lag)), traces(own), strict=True):
        assert np.max(np.abs(trace.y - expected.y)) <= 64 * EPS * np.max(expected.y)


@given(strategies.models(), st.integers(0, 2**32 - 1))
def test_the_channel_that_differs_most_is_among_those_drawn(form, seed):
    K = np.asarray(kernel(form, 30))
    which = np.random.default_rng(seed).integers(K.size // 30)
    theirs = K.reshape(-1, 30).copy()
    theirs[which, 7] += 1.0
    figure = report.impulse(form, 1024, theirs=theirs.reshape(K.shape))
    yours = {place_of(trace): trace.y for trace in rows_of(figure, "yours")}
    assert which in yours
    assert all(np.array_equal(y, theirs[place]) for place, y in yours.items())
    assert len(rows_of(figure, "ours")) == len(yours) <= 4


@given(strategies.models(strategies.continuous_names))
def test_gain_is_the_size_of_the_transfer_function_and_of_the_sum_over_the_kernel(form):
    """Continuous by `transfer` in the time of the form, sampled by the sum over the kernel."""
    figure = report.gain(form)
    length = 512
    everything = np.asarray(kernel(form, 2 * length)).reshape(-1, 2 * length)
    pairs = zip(rows_of(figure, "continuous"), rows_of(figure, "sampled"), strict=True)
    for continuous, sampled in pairs:
        place = place_of(continuous)
        assert place == place_of(sampled)
        assert np.max(sampled.x) < 0.5 < np.max(continuous.x)
        some = slice(None, None, 97)
        if not forms.kind(form).ports:
            step = np.broadcast_to(form.step, np.shape(kernel(form, 1))[:-1]).ravel()[place]
            s = 2j * np.pi * continuous.x[some] / step
            G, nudged = (
                np.asarray(transfer(form, at)).reshape(len(everything), -1)[place]
                for at in (s, s * (1 + 16 * EPS))  # near a pole rounding of s is magnified
            )
            slack = 4 * np.abs(nudged - G) + 64 * 12 * EPS * np.max(np.abs(G))
            assert np.all(np.abs(continuous.y[some] - np.abs(G)) <= slack)
        K = everything[place]
        scale = np.sum(np.abs(K))
        rest = np.sum(np.abs(K[length:]))
        if rest < ZERO * scale:
            f = sampled.x[some]
            direct = np.abs(np.exp(-2j * np.pi * np.outer(f, np.arange(2 * length))) @ K)
            slack = 2 * rest + 64 * EPS * length * scale
            assert np.max(np.abs(sampled.y[some] - direct)) <= slack


@given(strategies.models())
def test_modes_stand_at_their_half_life_and_frequency_and_the_shades_hold_the_shares_counted(form):
    scales = timescales(form, 100)
    figure: Any = report.modes(scales, 100)
    x = traces(figure)[0].x
    y = traces(figure)[0].y
    assert np.all(np.isfinite(x) & np.isfinite(y) & (x > 0) & (y > 0))
    decays = np.isfinite(scales.half_life).ravel()
    turns = scales.frequency.ravel() > 0
    assert np.array_equal(y[decays], scales.half_life.ravel()[decays])
    assert np.array_equal(x[turns], scales.frequency.ravel()[turns])
    assert np.all(x[~turns] < np.min(x[turns], initial=0.5))
    alias, dead, end = figure.layout.shapes
    assert np.mean(x > alias.x0) == scales.beyond_nyquist
    assert np.mean(y < dead.y1) == scales.dead
    assert np.mean(y >= end.y0) == scales.outlives


# what is written


def test_a_page_needs_nothing_from_outside():
    for page in (certificate(6), report.comparison(ROWS, title="all")):
        library = plotly.offline.get_plotlyjs()
        assert page.count(library) == 1
        rest = page.replace(library, "")
        assert not re.search(r"https?:|<link|@import|url\(|\ssrc=", rest)
        assert '<meta name="viewport" content="width=device-width' in rest


def test_a_page_is_a_function_of_its_arguments():
    assert certificate(6) == certificate(6)


@given(systems, sizes)
def test_no_page_speaks_of_nan(nplr, tau):
    found = perturbed(nplr, tau)
    page = report.ptd(found, model(found), title="any", facts={})
    assert not re.search(r"\b(nan|inf)\b", prose(page), flags=re.IGNORECASE)
    assert ("By measurement" in page) == math.isinf(found.transfer_bound)


def test_the_certificate_holds_every_number_and_fact():
    found = perturb.lossless(hippo.legs(64), tau=0.2)
    text = prose(
        report.ptd(found, model(found), title="the title", facts={"command": "ssmlinalg init ptd"})
    )
    for said in (
        "the title",
        "ssmlinalg init ptd",
        f"{found.condition:.3g}",
        f"{found.transfer_error:.3g}",
        "64",
        "0.2",
    ):
        assert said in text


@given(st.floats(1e-12, 1e6))
def test_a_bound_is_never_rounded_down(value):
    assert value <= notation.not_below(value) <= 1.0101 * value  # a unit of three digits


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (7.8312, "7.83"),
        (-1304.2, "−1300"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
        (math.nan, "–"),
        (1.234e-15, "1.23·10⁻¹⁵"),
        (5e-4, "5·10⁻⁴"),
        (3.2e47, "3.2·10⁴⁷"),
    ],
)
def test_numbers_are_written_as_people_write_them(value, text):
    assert notation.number(value) == text


def test_text_from_outside_stays_text():
    evil = "</script><script>alert(1)</script>"
    found = perturb.lossless(hippo.legs(3))
    page = report.ptd(found, model(found), title=evil, facts={evil: evil})
    other = report.comparison([ROWS[1]._replace(name=evil)], title=evil)
    assert evil not in page
    assert evil not in other


# a model held against the laws

SOUND = [
    Check("stable", True, 0.0, 1e-15, "All modes decay."),
    Check("transfer", True, 3e-15, 1e-12, "They agree."),
]
BROKEN = Check("recurrence", False, 0.25, 1e-12, "Scan and kernel differ by 0.25 <of their size>.")
FACTOR = Diagnosis("factor", 1e-16, 2.0, "Yours is 2 times ours: count each conjugate pair once.")


def verified(checks: list[Check], findings: list[Diagnosis], **more: Any) -> str:
    form = inits.s4d_lin_init(6, channels=3)
    found = Verification(checks, findings, timescales(form, 64))
    return report.verification(found, form, title="model", facts={"seed": "7"}, length=64, **more)


def test_a_verification_says_first_what_holds_what_does_not_and_why():
    page = verified([*SOUND, BROKEN], [FACTOR])
    lead = re.search(r'<p class="lead">(.*?)</p>', page)
    assert lead
    assert lead[1].startswith(
        "Not everything holds. recurrence: Scan and kernel differ by 0.25 &lt;of their size&gt;."
    )
    assert "Best explanation: Yours is 2 times ours" in lead[1]
    assert lead[1].endswith("What holds: stable, transfer.")
    for said in ("0.25 > 1·10⁻¹²", "3·10⁻¹⁵ ≤ 1·10⁻¹²", "1·10⁻¹⁶ left", "beyond Nyquist", "seed"):
        assert html.escape(said) in page


def test_where_everything_holds_nothing_else_is_said():
    page = verified(SOUND, [])
    assert "Every law holds: stable, transfer." in page
    assert not re.search("fails|differs|Not everything", prose(page))


def test_what_has_no_kernel_has_a_page_all_the_same():
    one = np.ones(1) + 0j
    form = forms.Recurrence(1e4 * one, one, one, np.asarray(0.0))
    found = Verification(
        [Check("finite", False, math.inf, 0.0, "It overflows.")], [], timescales(form)
    )
    page = report.verification(found, form, title="growing", facts={}, length=1024)
    assert "Not drawn: modes must not outgrow their precision" in page
    assert "∞ > 0" in prose(html.unescape(page))
    assert not re.search(r"\b(nan|inf)\b", prose(page), flags=re.IGNORECASE)


@given(strategies.models())
def test_every_initialization_has_a_page(form):
    found = Verification(SOUND, [], timescales(form, 16))
    page = report.verification(found, form, title="any", facts={}, length=16)
    assert page.count("<section>") == 3
    assert "Not drawn" not in page
    assert not re.search(r"\b(nan|inf)\b", prose(page), flags=re.IGNORECASE)


# side by side


def test_what_does_not_apply_is_a_dash_and_not_drawn():
    page = report.comparison(ROWS, title="all")
    row = re.search(r"<tr><th[^>]*>s4d-lin</th>(.*?)</tr>", page)
    assert row
    *cells, sentence = re.findall(r"<td[^>]*>(.*?)</td>", row[1])
    assert cells == ["–", "–", "–", "−0.5", "97.4", "32"]
    assert sentence == "S4D-Lin: evenly spaced frequencies."
    assert "figure-1" in page
    assert "figure-1" not in report.comparison(ROWS[-1:], title="nothing to draw")


def places(points: Any) -> dict[str, Any]:
    """By name where a point stands, and its symbol."""
    where = zip(points.x, points.y, points.marker.symbol, strict=True)
    return dict(zip(points.text, where, strict=True))


def test_what_the_frontier_cannot_hold_lies_on_its_rim():
    points = traces(report.frontier(ROWS[:-1]))[0]
    place = places(points)
    assert np.all(np.isfinite([at[:2] for at in place.values()]))
    assert place["ptd"] == (7.83, 0.0678, "circle")
    assert place["s4"][2] == "triangle-down-open", "it is not diagonal"
    assert place["hippo-legs"][2] == "triangle-se"
    assert place["hippo-legs"][0] > max(place[name][0] for name in ("ptd", "s4d-legs", "s4"))
    assert place["hippo-legs"][1] == place["s4"][1] < place["ptd"][1]


def test_what_is_unstable_lies_on_the_upper_rim():
    rows = [
        *ROWS,
        Row("ptd-gaussian", 1006.0, 0.01, math.inf, 4.92, 268.0, 34),
        Row("s4d-rand", math.inf, 1.0, math.inf, 1, 1, 1),
    ]
    points = traces(report.frontier(rows))[0]
    place = places(points)
    assert set(place) == {"hippo-legs", "ptd", "s4d-legs", "s4", "ptd-gaussian", "s4d-rand"}
    assert np.all(np.isfinite([at[:2] for at in place.values()]))
    assert place["ptd-gaussian"] == (1006.0, 407.0, "triangle-up")
    assert place["s4d-rand"][2] == "triangle-ne"


@given(st.integers(2, 24))
def test_the_worst_frequency_of_every_system_is_marked_and_no_curve_rises_above_its_mark(order):
    sweeps = fourier_sweep(order)
    shown = traces(report.robustness(sweeps))
    curves = {trace.name: trace for trace in shown if trace.mode == "lines"}
    marks = {trace.name: trace for trace in shown if trace.mode == "markers"}
    drawable = {sweep.name: sweep for sweep in sweeps if 1e-6 < sweep.worst_error < math.inf}
    assert set(curves) == set(marks) == set(drawable)
    assert len({(trace.line.color, trace.line.dash) for trace in curves.values()}) == len(curves)
    for name, sweep in drawable.items():
        assert marks[name].y[0] == sweep.worst_error >= np.max(curves[name].y)
        assert marks[name].x[0] == max(sweep.worst_frequency, np.min(curves[name].x))
        assert marks[name].legendgroup == curves[name].legendgroup, "hidden together"


def test_a_comparison_names_the_published_noise_as_the_worst_of_s4d():
    page = report.comparison(compare(32), fourier_sweep(32), title="all")
    row = re.search(r'<th scope="row">s4d-legs</th><td[^>]*>325.426</td><td[^>]*>20.3</td>', page)
    assert row
    assert "Exact but for rounding and not drawn: hippo-legs, s4." in prose(page)


def test_what_is_unstable_is_named_and_not_drawn():
    w = np.array([0.0, 1.0])
    sweep = Sweep("ptd-gaussian", w, w + math.inf, w + math.inf, 3.0, math.inf)
    page = report.comparison(ROWS, [sweep], title="all")
    assert not traces(report.robustness([sweep]))
    assert "Unstable and not drawn: ptd-gaussian." in prose(page)
    assert not re.search(r"\b(nan|inf)\b", prose(page), flags=re.IGNORECASE)


def test_errors_say_rule_got_and_remedy():
    with pytest.raises(ValueError, match="`rows` must hold at least one initialization; got none"):
        report.comparison([], title="")


# on paper


def test_pictures_for_papers_need_a_known_format_kaleido_and_a_browser(monkeypatch):
    with pytest.raises(ValueError, match=r"`kind` must be one of svg, pdf, png; got 'gif'\. "):
        report.images([], "gif")
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "kaleido", None)
        with pytest.raises(
            ImportError, match=r"drawn with kaleido; got .*pip install 'ssmlinalg\[pictures\]'"
        ):
            report.images([])

    def no_browser(*_: Any, **__: Any) -> None:
        raise RuntimeError("none")

    monkeypatch.setattr("kaleido.write_fig_from_object_sync", no_browser)
    with pytest.raises(OSError, match=r"drawn in a Chromium; got RuntimeError\. Install chromium"):
        report.images([])


@pytest.mark.parametrize(
    ("kind", "head"), [("svg", b"<svg"), ("pdf", b"%PDF"), ("png", b"\x89PNG")]
)
def test_pictures_for_papers_are_of_the_format_asked_for(kind, head):
    if CHROMIUM is None:
        pytest.skip("no Chromium to draw with")
    shown = report.frontier(ROWS)
    before = shown.to_json()
    (data,) = report.images([shown], kind)
    assert data.startswith(head)
    assert shown.to_json() == before


def audited() -> str:
    """The page of layers with a constant step, and with values that were rounded to 16 bits."""
    arrays = {}
    for i in range(3):
        layer = export.TARGETS["s4d"].to(inits.s4d_lin_init(16, channels=64, seed=i))
        rounded = {name: one.astype(np.float16).astype(np.float32) for name, one in layer.items()}
        arrays |= {f"model.layers.{i}.mixer.kernel.{name}": one for name, one in rounded.items()}
    arrays["model.layers.1.mixer.kernel.log_dt"] = np.ones(64, np.float32)
    return report.audit(audit(arrays), title="bad", facts={"built": "ssmlinalg audit bad.pt"})


def test_no_two_names_on_the_frontier_are_in_each_others_way():
    rows = [Row(f"ptd-{place}-of-many", 8.0 + place, 0.1, math.inf, 1, 1, 1) for place in range(6)]
    figure: Any = report.frontier([*ROWS[:-1], *rows])
    places = [(note.x, note.y, note.ay) for note in figure.layout.annotations]
    assert len(set(places)) == len(places) == len(figure.data[0].x)
    heights = [note.ay for note in figure.layout.annotations if "of-many" in note.text]
    assert len(set(heights)) == 6


def test_a_law_is_said_in_its_own_ends_and_a_remark_of_many_layers_once():
    page = audited()
    assert "uniform between -6.908 and -2.303; the draws agree" in page
    assert "uniform(" not in page
    assert len(re.findall("values are exact in float16", prose(page))) == 1


def test_pages_share_a_script():
    page = report.comparison(ROWS, title="all")
    apart = report.shared(page)
    assert page == apart.page.replace(
        f'<script src="{apart.name}"></script>', f"<script>{apart.script}</script>"
    )
    assert len(apart.page) < 100_000
    with pytest.raises(ValueError, match="must be one of this room, its script inside; got"):
        report.shared(apart.page)
