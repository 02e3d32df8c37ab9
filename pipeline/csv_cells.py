"""Escapes text in CSV tables so that a spreadsheet does not run it as a formula.

Spreadsheets run a cell that begins with =, +, -, @ (also in full width), a tab or a line break as a formula (CWE-1236).
An apostrophe in front makes them show it as text.
"""

from __future__ import annotations

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
MARK = "'"


def as_cell(text: str) -> str:
    """The text, with an apostrophe in front where it begins like a formula or with an apostrophe."""
    return MARK + text if text.startswith((*FORMULA_STARTS, MARK)) else text


def of_cell(cell: str) -> str:
    """Reverses `as_cell`; cells that people wrote stay as they are."""
    return cell[1:] if cell.startswith(MARK) and cell[1:].startswith((*FORMULA_STARTS, MARK)) else cell
