"""Settings of Sphinx. Neither the build nor the pages it makes need the network: formulas become
MathML, not scripts.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import re
import sys
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList
from docutils.utils.math import latex2mathml
from sphinx.util import logging

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import ssmlinalg

project = "ssmlinalg"
author = "The ssmlinalg authors"
copyright = "The ssmlinalg authors"
version = release = ssmlinalg.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
napoleon_custom_sections = ["Accuracy", "Cost", "Source"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 2
default_role = "literal"  # `name` in a docstring is code, not a reference to be resolved
exclude_patterns = ["_build"]
html_theme = "furo"
html_math_renderer = "mathml"

autodoc_member_order = "bysource"
autodoc_mock_imports = [
    name
    for name in ("torch", "jax", "cupy", "typer", "rich", "plotly")
    if not importlib.util.find_spec(name)
]
nitpick_ignore_regex = [
    (
        r"py:.*",
        r"(?!ssmlinalg\.).*",
    ),  # the names of other libraries: their inventories would come from the network
    (
        r"py:class",
        r"ssmlinalg\..*\.(Any[A-Z]\w+|SingleInput)",
    ),  # type variables, which autodoc does not document
    (r"py:class", r"ssmlinalg\.(\w+\.)*_\w+\.\w+"),  # private files have no pages
]


def api_pages(app):
    """Write a page for every public module, found in the tree itself."""
    folder = Path(app.srcdir) / "api"
    folder.mkdir(exist_ok=True)
    found = (module.name for module in pkgutil.walk_packages(ssmlinalg.__path__, "ssmlinalg."))
    names = ["ssmlinalg", *(name for name in found if "._" not in name)]
    for stale in {path.stem for path in folder.glob("*.rst")} - set(names):
        (folder / f"{stale}.rst").unlink()
    for name in names:
        title = f"{name}\n{'=' * len(name)}"
        page = f"{title}\n\n.. automodule:: {name}\n   :members:\n   :ignore-module-all:\n"
        path = folder / f"{name}.rst"
        if (
            not path.exists() or path.read_text() != page
        ):  # an untouched page need not be read again
            path.write_text(page)


class Catalogue(Directive):
    """A table of the library as a table of the page: name, object, first line of the docstring."""

    required_arguments = 1

    def run(self):
        room, _, table = self.arguments[0].rpartition(".")
        lines = [
            ".. list-table::",
            "   :header-rows: 1",
            "",
            "   * - name",
            "     - object",
            "     - purpose",
        ]
        for name, entry in getattr(importlib.import_module(room), table).items():
            place, about = (
                (entry.to, entry.about) if hasattr(entry, "about") else (entry, entry.__doc__ or "")
            )
            role = "class" if isinstance(place, type) else "func"
            lines.append(f"   * - ``{name}``")
            lines.append(f"     - :py:{role}:`~{place.__module__}.{place.__name__}`")
            lines.append("     - " + escaped(about.strip().partition("\n")[0]))
        parent = nodes.Element()
        self.state.nested_parse(StringList(lines, self.arguments[0]), self.content_offset, parent)
        return parent.children


def escaped(line):
    r"""A line of a docstring, where |A| is a norm and x^* an adjoint, for reStructuredText, where
    they are markup.

    Bars, lone asterisks and trailing underscores are escaped; ``literals`` and *emphasis* stay.
    """
    parts = re.split(r"(``.+?``|\*\w[\w -]*\*)", line)
    parts[::2] = [
        re.sub(r"[|*]|_(?=[\s.,;:)\]}]|$)", lambda hit: "\\" + hit[0], part) for part in parts[::2]
    ]
    return "".join(parts)


def plain_docstring(app, what, name, obj, options, lines):
    """Escape what is not a formula or an example, and make rubrics of headings, which cannot stand
    inside an object.
    """
    # inside a formula or an example: its indentation, and whether an empty line ends it
    kept = []
    inside = None
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if inside is not None and (indent <= inside[0] if line.strip() else inside[1]):
            inside = None
        if line.lstrip().startswith(".. math::"):
            inside = indent, False
        elif line.lstrip().startswith(">>>"):
            inside = indent - 1, True
        if inside is None and kept and kept[-1].strip() and set(line.strip()) == {"-"}:
            kept[-1:] = [f".. rubric:: {kept[-1].strip()}", ""]
        else:
            kept.append(line if inside is not None else escaped(line))
    lines[:] = kept


def skip_aliases(app, what, name, obj, skip, options):
    """Leave out the fields of a NamedTuple: they stand in its signature, and "alias for field
    number 0" adds nothing.
    """
    return True if type(obj).__name__ == "_tuplegetter" else None


def mathml(translator, node, block):
    """Write a formula as MathML, which browsers show without a script."""
    formula = node.astext().replace(
        r"\dots", r"\ldots"
    )  # the one command of ours that docutils does not know
    try:
        formula = latex2mathml.tex2mathml(formula)
    except latex2mathml.MathError as error:
        logging.getLogger(__name__).warning("formula not understood: %s", error, location=node)
    if block:
        formula = formula.replace("<math ", '<math display="block" ', 1)
        formula = f'<div style="overflow: auto hidden">{formula}</div>'
    translator.body.append(formula)
    raise nodes.SkipNode


def setup(app):
    inline, display = (
        (lambda translator, node, block=block: mathml(translator, node, block))
        for block in (False, True)
    )
    app.add_html_math_renderer("mathml", (inline, None), (display, None))
    app.add_directive("catalogue", Catalogue)
    app.connect("builder-inited", api_pages)
    app.connect("autodoc-process-docstring", plain_docstring)
    app.connect("autodoc-skip-member", skip_aliases)
