"""Pictures as files for papers: SVG, PDF, PNG."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import plotly.graph_objects as go

from ..ground import require

FORMATS = ("svg", "pdf", "png")
_WIDTH, _HEIGHT = 720, 440  # points of SVG and PDF; PNG has twice as many pixels each way


def images(figures: Sequence[go.Figure], kind: str = "svg") -> list[bytes]:
    """The files of `figures`, each as bytes of the format `kind`: "svg", "pdf" or "png". On white,
    720 by 440 points.

    Drawn by Kaleido in a Chromium of this machine, without the network: about two seconds to start
    it, a tenth for each picture. Raises ValueError for another format, ImportError without Kaleido
    (extra `pictures`), OSError without a browser. The identifiers inside an SVG are random.
    """
    require.known("kind", kind, FORMATS)
    try:
        import kaleido
    except ImportError as missing:
        remedy = "Install it: pip install 'ssmlinalg[pictures]'."
        raise ImportError(
            f"a picture for papers is drawn with kaleido; got {missing}. {remedy}"
        ) from missing
    size = {"format": kind, "width": _WIDTH, "height": _HEIGHT, "scale": 2 if kind == "png" else 1}
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, f"{place}.{kind}") for place in range(len(figures))]
        orders = [
            {"fig": _on_paper(figure), "path": path, "opts": size}
            for figure, path in zip(figures, paths, strict=True)
        ]
        try:
            # MathJax would come from the network, and no label here needs it.
            kaleido.write_fig_from_object_sync(orders, kopts={"mathjax": False})
        except (
            RuntimeError
        ) as error:  # what Kaleido raises where there is no browser, or one that does not start
            remedy = (
                "Install chromium, or save the picture from the HTML page with its camera button."
            )
            raise OSError(
                f"a picture for papers is drawn in a Chromium; got {type(error).__name__}. {remedy}"
            ) from error
        return [path.read_bytes() for path in paths]


def _on_paper(figure: go.Figure) -> go.Figure:
    return go.Figure(figure).update_layout(
        paper_bgcolor="white", plot_bgcolor="white", margin={"l": 12, "r": 12, "t": 40, "b": 12}
    )
