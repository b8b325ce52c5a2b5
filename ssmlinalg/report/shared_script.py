"""Pages that share one file for their script, nearly all of their 5 MB."""

from __future__ import annotations

from typing import NamedTuple

import plotly.offline

from ..ground import require


class Shared(NamedTuple):
    """A page without its script.

    Attributes:
        page: its text, which loads the script from beside it.
        name: the name of the script, with the version of plotly.js.
        script: its text.
    """

    page: str
    name: str
    script: str


def shared(page: str) -> Shared:
    """A page and its script apart, for several pages in one folder.

    Args:
        page: the text of a page that a function of this room made.

    Returns:
        A `Shared`. Write `script` under `name` beside the page; pages of one version share it.

    Raises:
        TypeError: for what is no text.
        ValueError: for a page without the script of this version of plotly inside.

    Example:
        >>> from ssmlinalg.comparison import Row
        >>> from ssmlinalg.report import comparison
        >>> page = comparison([Row("ptd", 8.0, 0.17, 0.064, -0.57, 612.0, 32)], title="Order 64")
        >>> apart = shared(page)
        >>> len(apart.page) < 60_000 < len(page), f'<script src="{apart.name}">' in apart.page
        (True, True)
    """
    require.instance("page", page, str, "Give the text of a page.")
    script = plotly.offline.get_plotlyjs()
    inside = f"<script>{script}</script>"
    if inside not in page:
        rule = "`page` must be one of this room, its script inside"
        raise ValueError(f"{rule}; got another of {len(page)} characters. Make it again.")
    name = f"plotly-{plotly.offline.get_plotlyjs_version()}.min.js"
    return Shared(page.replace(inside, f'<script src="{name}"></script>', 1), name, script)
