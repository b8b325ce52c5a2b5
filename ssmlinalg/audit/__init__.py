r"""Whether the layers in a checkpoint are what they are taken for: which initialization they hold,
drawn from which laws.

`audit` finds the layers by the names of the targets in `export`, reads one after the other, and
returns for each

- which initialization its A is: exactly, to the precision of the file, or the nearest with its distance, modes matched;
- a Kolmogorov-Smirnov test of every law that the published layer says it starts from (`Target.declared`);
- findings: what cannot be meant, each with its kind, a name of `CHECKS`, and a sentence with the numbers.

A layer is *fresh* if more than half of its modes are those of an initialization, or have its law
where A is drawn. Laws are findings only there: what was trained has moved, and is no less sound for
it. A layer with A frozen, and the rest trained, looks fresh and is accused of its laws.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import inits
from ..checkpoints import Entry, read
from ..export import TARGETS, Layer, layers
from ..ground import backend, require
from ..ground.backend import Array
from .checks import CHECKS
from .draws import fits
from .excuses import like
from .identification import identify
from .records import (
    ALARM,
    NOTHING,
    Audit,
    Finding,
    Fit,
    Identified,
    LayerReport,
    Seen,
    back,
    eps_of,
    width,
)

__all__ = ["ALARM", "CHECKS", "Audit", "Finding", "Fit", "Identified", "LayerReport", "audit"]


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def audit(
    source: str | os.PathLike[str] | Mapping[str, Array],
    *,
    target: str | None = None,
    expect: str | None = None,
    length: int = 1024,
) -> Audit:
    """Look at every layer in `source`, a file or folder that `checkpoints` reads, or arrays of any
    library by name.

    `target` says which layer it is (None: the one whose names fit best), `expect` which
    initialization of `INITS` its A should have, `length` what to take where arrays depend on one.
    Nothing is modified; of a file no more than one layer is in memory. Raises what
    `checkpoints.read` and `export.layers.layers` raise, ValueError where there is no layer. A layer
    that cannot be read is a finding. Cost: a few times reading each layer, and the initializations
    of its order once.

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
    entries = _entries(source)
    shapes = {name: tuple(entry.shape) for name, entry in entries.items()}
    found = layers(shapes, target)
    tests = sum(len(TARGETS[layer.target].declared) for layer in found)
    reports, findings = [], []
    for layer in found:
        seen = _see(layer, entries, expect, ALARM / max(1, tests), length, shapes)
        reports.append(_report(seen))
        findings += [
            Finding(layer.prefix, kind, *said)
            for kind, check in CHECKS.items()
            for said in check(seen)
        ]
    return Audit(reports, findings)


def _entries(source: Any) -> Mapping[str, Entry]:
    if isinstance(source, (str, os.PathLike)):
        return read(source).entries
    if not isinstance(source, Mapping):
        got = type(source).__name__
        raise TypeError(
            f"`source` must be a path or arrays by name; got {got}. Pass a file, or what `state_dict()` returns."
        )
    return {
        name: _entry(array)
        for name, array in source.items()
        if hasattr(array, "shape") and hasattr(array, "dtype")
    }


def _entry(array: Any) -> Entry:
    dtype = str(array.dtype).rpartition(".")[2]
    short = dtype == "bfloat16" or dtype.startswith("float8")  # NumPy has no such numbers
    wide = (
        (
            lambda: backend.to_numpy(
                array.float() if hasattr(array, "float") else array.astype("float32")
            )
        )
        if short
        else None
    )
    return Entry(tuple(array.shape), dtype, wide or (lambda: backend.to_numpy(array)))


def _see(
    layer: Layer,
    entries: Mapping[str, Entry],
    expect: str | None,
    alarm: float,
    length: int,
    shapes: Mapping[str, Any],
) -> Seen:
    arrays = {name: entries[key].read() for name, key in layer.names.items()}
    dtypes = {name: entries[key].dtype for name, key in layer.names.items()}
    precision = {name: eps_of(array, dtypes[name]) for name, array in arrays.items()}
    form, refusal = back(layer.target, arrays, length)
    poles, identified = (
        ((), NOTHING) if form is None else identify(layer.target, arrays, precision, form, length)
    )
    tests, sources = fits(layer.target, arrays, precision)
    own = [
        fit for fit, names in zip(tests, sources, strict=True) if names and set(names) <= set(poles)
    ]  # laws of A itself
    formula = any(fit.kind == "constant" for fit in own) and all(fit.p >= alarm for fit in own)
    fresh = identified.agrees > 0.5 or formula
    tests = [
        fit._replace(like=like(layer.target, arrays, form, identified, fit, length))
        if form is not None
        and (fit.p < alarm or fit.outside > 0 or np.count_nonzero(fit.counts) == 1)
        else fit
        for fit in tests
    ]
    return Seen(
        layer,
        arrays,
        dtypes,
        precision,
        form,
        refusal,
        poles,
        identified,
        fresh,
        tests,
        sources,
        alarm,
        expect,
        length,
        shapes,
    )


def _report(seen: Seen) -> LayerReport:
    n, channels = (
        (0, 0) if seen.form is None else (np.asarray(seen.form[0]).shape[-1], width(seen.form))
    )
    order = seen.identified.order or n
    return LayerReport(
        seen.layer.prefix,
        seen.layer.target,
        order,
        channels,
        seen.fresh,
        seen.identified,
        seen.tests,
    )
