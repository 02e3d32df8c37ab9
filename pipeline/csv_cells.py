"""Text in CSV tables that a spreadsheet shows as text, whatever it begins with.

Spreadsheets run a cell that begins with =, +, -, @, a tab or a line break as a formula (CWE-1236). An apostrophe before
it keeps it text, as typed by hand.
"""

from __future__ import annotations

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
MARK = "'"


def as_cell(text: str) -> str:
    """The text, with an apostrophe before what would run, and before another apostrophe."""
    return MARK + text if text.startswith((*FORMULA_STARTS, MARK)) else text


def of_cell(cell: str) -> str:
    """The text that `as_cell` made a cell of; cells that people wrote stay as they are."""
    return cell[1:] if cell.startswith(MARK) and cell[1:].startswith((*FORMULA_STARTS, MARK)) else cell
