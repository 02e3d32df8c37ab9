"""Tables on stdout."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from facetally.formatting import percent

if TYPE_CHECKING:
    from facetally.validation.metrics import Figures

PLAIN_WIDTH = 120
"""Width of tables in characters if stdout is not a terminal."""


def add_ratio(table: Table, label: str, figures: Figures) -> None:
    interval = f"{percent(figures['low'])} – {percent(figures['high'])}"
    table.add_row(escape(label), str(figures["right"]), str(figures["count"]), percent(figures["accuracy"]), interval)


def console() -> Console:
    console = Console(emoji=False)  # a name such as :red_heart:.mp4 stays itself
    return console if console.is_terminal else Console(width=PLAIN_WIDTH, emoji=False)
