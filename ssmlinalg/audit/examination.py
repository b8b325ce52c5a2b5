"""The audit of a checkpoint: every layer is found, read, identified, tested and checked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from .. import inits
from ..checkpoints import Entry
from ..export import TARGETS, Layer, contents
from ..export.published import Laws
from ..ground import require
from ..ground.backend import Array
from . import perturbed_matrix
from .checks import CHECKS
from .declared_laws import fits, kept
from .excuses import excused
from .identification import MOST, identify
from .kolmogorov_smirnov import ALARM
from .layer_forms import form_of, inputs_of, stored_A
from .records import NOTHING, Audit, Finding, Fit, Identified, LayerReport, Observation
from .stored_precision import precisions, slack_of
from .unseen_arrays import unseen


class _Request(NamedTuple):
    """The arrays of a checkpoint, and how its layers are examined."""

    entries: Mapping[str, Entry]
    shapes: Mapping[str, tuple[int, ...]]
    config: Mapping[str, Any]
    alarm: float
    expect: str | None
    length: int


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def audit(
    source: str | os.PathLike[str] | Mapping[str, Array],
    *,
    target: str | None = None,
    expect: str | None = None,
    length: int = 1024,
    layer: str | None = None,
    renamed: Mapping[str, str] | None = None,
    strict: bool = False,
) -> Audit:
    """Examine every layer of a checkpoint: its initialization, its laws, its faults.

    Nothing is modified, and of a file no more than one layer is in memory. A layer that cannot be
    read is a finding.

    Args:
        source: a file or folder that `checkpoints` reads, or arrays of any library by name.
        target: the layout of the layers, one of `export.TARGETS`. None: the one that the file
            records, or else the one whose names fit best.
        expect: the initialization of `INITS` that A should be.
        length: the length of sequences, where arrays depend on one and the file records none.
        layer: the start of the names of the layers that are examined. None: all.
        renamed: own names of arrays and those of the layout, see `export.contents`.
        strict: whether an array that looks like a state space model and is in no layer is a
            finding, "unseen".

    Returns:
        An `Audit`: the layers in the order of the checkpoint, the findings, and the arrays that
        look like a state space model and were not looked at.

    Raises:
        TypeError: for a source that is neither; for names of arrays that are not text.
        ValueError: for unknown names and a length below 1; where there is no layer, or several
            targets have its names; for a file that is damaged or may run code.
        OSError: where the system has or gives no file.
        ImportError: for a PyTorch file without PyTorch.

    Cost:
        A few times reading each layer, and the initializations of its order once.

    Example:
        >>> from ssmlinalg import export, s4d_lin_init
        >>> arrays = export.TARGETS["s4d"].to(s4d_lin_init(16, channels=64))
        >>> found = audit(arrays, target="s4d", expect="s4d-lin")
        >>> found.layers[0].identified.names, found.findings
        (('s4d-lin',), [])
        >>> arrays["log_dt"] = np.ones_like(arrays["log_dt"])
        >>> [finding.kind for finding in audit(arrays, target="s4d").findings]
        ['constant', 'interval', 'law']
    """
    if expect is not None:
        require.known("expect", expect, inits.INITS)
    length = require.integer("length", length)
    strict = require.switch("strict", strict)
    held = contents(source, target=target, length=length, layer=layer, renamed=renamed)
    shapes = {name: tuple(entry.shape) for name, entry in held.entries.items()}
    laws = sum(len(TARGETS[place.target].declared) for place in held.layers)
    request = _Request(
        held.entries, shapes, held.config, ALARM / max(1, laws), expect, held.length or length
    )
    reports = []
    findings = []
    for place in held.layers:
        observed = _observe(place, request)
        reports.append(_report(observed))
        findings += _findings(observed)
    overlooked = list(unseen(shapes, held.layers)) if layer is None else []
    if strict:
        findings += [
            Finding("", "unseen", one.name, f"It was not looked at: {one.reason}.")
            for one in overlooked
        ]
    return Audit(reports, findings, overlooked)


def _observe(place: Layer, request: _Request) -> Observation:
    arrays = {name: request.entries[key].read() for name, key in place.names.items()}
    dtypes = {name: request.entries[key].dtype for name, key in place.names.items()}
    precision = precisions(arrays, dtypes)
    form, refusal = form_of(place.target, arrays, request.length)
    poles: tuple[str, ...] = ()
    identified = NOTHING
    judged = None
    if form is not None:
        slack = slack_of(place.target, arrays, precision, form, request.length)
        poles = slack.poles
        if place.target == perturbed_matrix.TARGET:
            judged = perturbed_matrix.perturbed(form)
            identified = perturbed_matrix.identified(form, judged)
        else:
            identified = identify(form, slack)
    laws, tests = _best_laws(place.target, arrays, precision, request)
    fresh = identified.agrees > MOST or _drawn_as_declared(tests, poles, request.alarm)
    layer = Observation(
        prefix=place.prefix,
        target=place.target,
        names=place.names,
        arrays=arrays,
        dtypes=dtypes,
        precision=precision,
        form=form,
        refusal=refusal,
        poles=poles,
        identified=identified,
        perturbed=judged,
        fresh=fresh,
        laws=laws,
        tests=tests,
        alarm=request.alarm,
        expect=request.expect,
        length=request.length,
        others=request.shapes,
    )
    return layer if form is None else layer._replace(tests=_excused(layer))


def _best_laws(
    target: str,
    arrays: Mapping[str, np.ndarray],
    precision: Mapping[str, float],
    request: _Request,
) -> tuple[Laws, list[Fit]]:
    """The laws of the published layer that breaks the fewest of them, and their tests."""

    def broken(choice: tuple[Laws, list[Fit]]) -> int:
        return sum(fit.p < request.alarm or fit.outside > 0 for fit in choice[1])

    several = TARGETS[target].laws(request.config)
    return min(((laws, list(fits(laws, arrays, precision))) for laws in several), key=broken)


def _drawn_as_declared(tests: list[Fit], poles: tuple[str, ...], alarm: float) -> bool:
    """Whether A has all the laws that are declared of it, and a constant is what it was.

    A distribution alone does not tell: training by a little leaves it as it is.
    """
    own = [fit for fit in tests if fit.arrays and set(fit.arrays) <= set(poles)]
    as_ever = any(kept(fit) for fit in tests)
    return bool(own) and as_ever and all(fit.p >= alarm and fit.outside == 0 for fit in own)


def _excused(layer: Observation) -> list[Fit]:
    """The tests, each that may be a finding with the initialization of ours that draws so."""
    failing = [
        fit
        for fit in layer.tests
        if (layer.fresh and (fit.p < layer.alarm or fit.outside > 0))
        or (np.count_nonzero(fit.counts) == 1 and not kept(fit))
    ]
    names = excused(layer, failing)
    return [fit._replace(like=names.get(fit.quantity, "")) for fit in layer.tests]


def _findings(layer: Observation) -> list[Finding]:
    return [
        Finding(layer.prefix, kind, *found)
        for kind, check in CHECKS.items()
        for found in check(layer)
    ]


def _report(layer: Observation) -> LayerReport:
    readable = layer.form is not None
    modes = stored_A(layer.form).shape[-1] if readable else 0
    identified: Identified = layer.identified
    return LayerReport(
        prefix=layer.prefix,
        target=layer.target,
        order=identified.order or modes,
        channels=inputs_of(layer.form) if readable else 0,
        fresh=layer.fresh,
        identified=identified,
        figures=layer.perturbed._asdict() if layer.perturbed else {},
        source="; ".join(dict.fromkeys(law.source for law in layer.laws.values())),
        tests=layer.tests,
    )
