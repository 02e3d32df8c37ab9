"""How the templates of the page are rendered."""

from __future__ import annotations

from pathlib import Path

import jinja2
import markupsafe


def environment() -> jinja2.Environment:
    """The templates beside this module; values are escaped, and unknown names are errors."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    made.filters["unbroken"] = unbroken
    return made


def unbroken(text: object) -> markupsafe.Markup:
    """A text in which no line begins with a percent sign."""
    return markupsafe.escape(text).replace(" %", "\N{NO-BREAK SPACE}%")
