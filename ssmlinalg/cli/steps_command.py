"""`ssmlinalg steps`: the interval of steps that suits a data set, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import ssmlinalg

from .array_source import Key, array_in
from .options import Force, Interval, Json, Order, given, named
from .output_files import picture_paths, refuse_written, write_pictures
from .printing import PROGRESS, print_json, print_line, print_table
from .provenance import command_line, facts

_SHOWN = 5  # steps of the interval whose coverage is printed
_HEADS = ("", "", "what it is")
_SHARES = ("step", "beyond Nyquist", "dead", "outlives")

_Data = Annotated[
    str,
    typer.Argument(
        help="Series (..., L) in a .npy file, or an array of a file of several; or their length"
        " alone, such as 1024.",
        show_default=False,
    ),
]
_Init = Annotated[
    str,
    typer.Option(
        help="Which initialization, one whose modes have a step.",
        autocompletion=named("inits", "INITS"),
    ),
]
_Rate = Annotated[float, typer.Option(help="Samples in a unit of time.")]
_Lags = Annotated[
    Any | None,
    typer.Option(
        **Interval,
        help="The shortest and the longest lag that matter, where known, in units of time.",
    ),
]
_Figure = Annotated[
    Path | None,
    typer.Option(
        "--figure",
        "--svg",
        help="The picture of what every step loses, .svg, .pdf or .png; x.svg makes x-steps.svg.",
    ),
]


def steps(
    data: _Data,
    init: _Init = "s4d-lin",
    order: Order = 64,
    sample_rate: _Rate = 1.0,
    lags: _Lags = None,
    key: Key = None,
    figure: _Figure = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Suggest the interval of steps for a data set, by its autocorrelation, and say why.

    Steps are 2/lag, from the longest lag that shows to the shortest, as far as the modes allow. The
    shares of the modes that turn beyond Nyquist, die within a sample or outlive a sequence are
    those of models drawn from the interval, and of single steps in it.
    """
    pictures = picture_paths(figure, "steps")
    refuse_written(pictures, force=force)
    with PROGRESS.status(f"looking at {data}"):
        series: Any = int(data) if data.isdecimal() else array_in(Path(data), key)
        found = ssmlinalg.verification.suggest_step(
            series, init=init, order=order, sample_rate=sample_rate, lags=lags
        )
        shown = _between(*found.step)
        shares = ssmlinalg.verification.coverage(init, shown, found.length, order=order)
        if pictures:
            write_pictures(pictures, [ssmlinalg.report.steps(found)], force=force)
    asked = given(init=init, order=order, lags=lags, key=key) | {"sample-rate": sample_rate}
    if as_json:
        lost = {"step": shown} | {name: each.tolist() for name, each in shares.items()}
        built = command_line("steps", data, asked)
        print_json(facts(built) | found._asdict() | {"coverage": lost})
        return
    print_table(f"steps of {init} for {data}", _HEADS, _rows(found))
    print_table("modes that one step loses", _SHARES, zip(shown, *shares.values(), strict=True))
    print_line(found.reason)
    low, high = found.step
    print_line(f"ssmlinalg init {init} --order {order} --step {low:.3g} {high:.3g}")


def _between(low: float, high: float) -> list[float]:
    """Steps from one end of an interval to the other, equally spaced in their logarithms."""
    return [low * (high / low) ** (at / (_SHOWN - 1)) for at in range(_SHOWN)]


def _rows(found: Any) -> list[tuple[object, ...]]:
    return [
        ("step, from", found.step[0], "2 over the longest lag"),
        ("step, to", found.step[1], "2 over the shortest, or what half of the modes still follow"),
        ("shortest lag", found.lags[0], "at which the autocorrelation has fallen to 1/e"),
        ("longest lag", found.lags[1], "the last at which it is larger than chance, or the length"),
        ("samples", found.length, "of a sequence"),
        ("unit variance", found.unit_variance, "step up to which undamped modes have variance 1"),
        ("beyond Nyquist", found.beyond_nyquist, "share of modes that turn half a cycle a sample"),
        ("dead", found.dead, "share that last less than a sample"),
        ("outlives", found.outlives, "share that last longer than a sequence"),
    ]
