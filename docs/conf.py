"""Settings of Sphinx. Neither the build nor the pages it makes need the network: formulas become
MathML, not scripts.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import pkgutil
import re
import sys
import types
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList
from docutils.utils.math import latex2mathml
from sphinx.util import logging

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import typer
from typer.cli import get_docs_for_click

import ssmlinalg
from ssmlinalg.cli.application import application

project = "ssmlinalg"
author = "The ssmlinalg authors"
copyright = "The ssmlinalg authors"
version = release = ssmlinalg.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "matplotlib.sphinxext.plot_directive",
]
plot_include_source = True
plot_html_show_source_link = False
plot_html_show_formats = False
plot_formats = ["svg"]
plot_rcparams = {"figure.figsize": (8, 4), "figure.constrained_layout.use": True}
plot_apply_rcparams = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
napoleon_custom_sections = ["Accuracy", "Cost", "Source"]
myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 2
default_role = "literal"  # `name` in a docstring is code, not a reference to be resolved
exclude_patterns = ["_build"]
html_theme = "furo"
html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["pages.css"]

autodoc_member_order = "bysource"
autodoc_use_type_comments = False  # there are none, and to look for them takes seconds
python_maximum_signature_line_length = 80
add_module_names = False
autodoc_mock_imports = [
    name for name in ("torch", "jax", "cupy") if not importlib.util.find_spec(name)
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
    """Write a page for every room, with a line and a link for each public name, and one for every
    module, which no menu shows: names link to them. Both are found in the tree itself.
    """
    folder = Path(app.srcdir) / "api"
    (folder / "modules").mkdir(parents=True, exist_ok=True)
    pages = {}
    found = (module.name for module in pkgutil.walk_packages(ssmlinalg.__path__, "ssmlinalg."))
    for name in ["ssmlinalg", *(name for name in found if "._" not in name)]:
        title = f"{name}\n{'=' * len(name)}"
        members = f".. automodule:: {name}\n   :members:\n   :ignore-module-all:\n"
        pages[folder / "modules" / f"{name}.rst"] = f":orphan:\n\n{title}\n\n{members}"
        if name.count(".") == 1 and hasattr(importlib.import_module(name), "__all__"):
            pages[folder / f"{name}.rst"] = f"{title}\n\n.. room:: {name}\n"
    for stale in {*folder.rglob("*.rst")} - pages.keys():
        stale.unlink()
    for path, page in pages.items():
        if not path.exists() or path.read_text() != page:  # an untouched page is not read again
            path.write_text(page)


def command_page(app):
    """Write the page of the command line from the commands themselves."""
    command = typer.main.get_command(application())
    context = command.context_class(command, info_name="ssmlinalg")
    text = get_docs_for_click(obj=command, ctx=context, name="ssmlinalg")
    text = text.replace("# `ssmlinalg`\n", "# Command line\n", 1)
    path = Path(app.srcdir) / "api" / "command_line.md"
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def listed(entries, header):
    """Rows of (name, object, first line of its docstring) as a table of reStructuredText."""
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in [header, *entries]:
        lines += [f"   {'*' if k == 0 else ' '} - {cell}" for k, cell in enumerate(row)]
    return lines


def link(thing):
    """A link to a function or a class, or to the module of a function with options bound."""
    if isinstance(thing, functools.partial):
        return f":py:mod:`~{thing.func.__module__}`"
    role = "class" if isinstance(thing, type) else "func"
    return f":py:{role}:`~{thing.__module__}.{thing.__qualname__}`"


def purpose(about):
    """The first sentence of a docstring, escaped."""
    return escaped(" ".join(about.strip().partition("\n\n")[0].split()))


def parsed(directive, lines):
    """The nodes of lines of reStructuredText."""
    parent = nodes.Element()
    content = StringList(lines, directive.arguments[0])
    directive.state.nested_parse(content, directive.content_offset, parent)
    return parent.children


class Room(Directive):
    """What a room is for, and a line and a link for each of its public names."""

    required_arguments = 1

    def run(self):
        room = importlib.import_module(self.arguments[0])
        rows = []
        for name in sorted(room.__all__, key=str.lower):
            thing = getattr(room, name)
            if isinstance(thing, types.ModuleType):
                rows.append((f"``{name}``", purpose(thing.__doc__ or "")))
            elif callable(thing) and str(getattr(thing, "__module__", "")).startswith("ssmlinalg"):
                rows.append((link(thing), purpose(thing.__doc__ or "")))
            else:
                held = f"table of {len(thing)}" if isinstance(thing, dict) else "type or constant"
                rows.append((f"``{name}``", held))
        return parsed(self, [purpose(room.__doc__ or ""), "", *listed(rows, ("name", "purpose"))])


class Catalogue(Directive):
    """A table of the library as a table of the page: name, object, first line of the docstring."""

    required_arguments = 1

    def run(self):
        room, _, table = self.arguments[0].rpartition(".")
        rows = []
        for name, entry in getattr(importlib.import_module(room), table).items():
            place = entry.to if hasattr(entry, "about") else entry
            about = entry.about if hasattr(entry, "about") else entry.__doc__ or ""
            rows.append((f"``{name}``", link(place), escaped(about.strip().partition("\n")[0])))
        return parsed(self, listed(rows, ("name", "object", "purpose")))


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
        formula = f'<div class="math-block" style="overflow: auto hidden">{formula}</div>'
    translator.body.append(formula)
    raise nodes.SkipNode


def setup(app):
    inline, display = (
        (lambda translator, node, block=block: mathml(translator, node, block))
        for block in (False, True)
    )
    app.add_html_math_renderer("mathml", (inline, None), (display, None))
    app.add_directive("catalogue", Catalogue)
    app.add_directive("room", Room)
    app.connect("builder-inited", api_pages)
    app.connect("builder-inited", command_page)
    app.connect("autodoc-process-docstring", plain_docstring)
    app.connect("autodoc-skip-member", skip_aliases)
