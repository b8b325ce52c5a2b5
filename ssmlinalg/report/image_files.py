"""Pictures as files for papers: SVG, PDF, PNG."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import plotly.graph_objects as go

from ..ground import require

FORMATS = ("svg", "pdf", "png")
_WIDTH = 720  # points of SVG and PDF
_HEIGHT = 440
_PIXELS = {"png": 2}  # for each point


def images(figures: Sequence[go.Figure], kind: str = "svg") -> list[bytes]:
    """Pictures as files, on white, 720 by 440 points.

    Drawn by Kaleido in a Chromium of this machine, without the network.

    Args:
        figures: plotly figures.
        kind: the format, "svg", "pdf" or "png".

    Returns:
        The bytes of a file for each figure. The identifiers inside an SVG are random.

    Raises:
        ValueError: for another format.
        ImportError: without Kaleido, which the extra `pictures` installs.
        OSError: without a browser.

    Cost:
        About two seconds to start the browser, a tenth for each picture.

    Example:
        >>> images([], "gif")
        Traceback (most recent call last):
            ...
        ValueError: `kind` must be one of svg, pdf, png; got 'gif'. Choose one of these.
    """
    require.known("kind", kind, FORMATS)
    require.listed("figures", figures, go.Figure, "Draw them with ssmlinalg.report.")
    try:
        import kaleido
    except ImportError as missing:
        rule = "a picture for papers is drawn with kaleido"
        remedy = "Install it: pip install 'ssmlinalg[pictures]'."
        raise ImportError(f"{rule}; got {missing}. {remedy}") from missing
    options = {"format": kind, "width": _WIDTH, "height": _HEIGHT, "scale": _PIXELS.get(kind, 1)}
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, f"{place}.{kind}") for place in range(len(figures))]
        orders = [
            {"fig": _on_paper(figure), "path": path, "opts": options}
            for figure, path in zip(figures, paths, strict=True)
        ]
        try:
            # MathJax would come from the network, and no label here needs it.
            kaleido.write_fig_from_object_sync(orders, kopts={"mathjax": False})
        except RuntimeError as error:  # of Kaleido: no browser, or one that does not start
            rule = "a picture for papers is drawn in a Chromium"
            remedy = "Install chromium, or save the picture from the HTML page with its camera."
            raise OSError(f"{rule}; got {type(error).__name__}. {remedy}") from error
        return [path.read_bytes() for path in paths]


def _on_paper(figure: go.Figure) -> go.Figure:
    return go.Figure(figure).update_layout(
        paper_bgcolor="white", plot_bgcolor="white", margin={"l": 12, "r": 12, "t": 40, "b": 12}
    )
