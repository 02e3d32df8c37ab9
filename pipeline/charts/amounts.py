"""Amounts as words: how many appearances or people, or how long."""

from __future__ import annotations

from facetally.charts.shares import is_number
from facetally.formatting import clock

SCREEN_TIME = "screen time"
"""The unit of amounts in seconds; other units are of things that are counted, such as appearances or people."""
FEW_COUNTED, FEW_S = 10.0, 60.0


def amount_words(amount: float | None, unit: str) -> str:
    """ "1,234", or "2:05" for seconds of screen time; "hidden" for None, an en dash for NaN."""
    if amount is None:
        return "hidden"
    if not is_number(amount):
        return "–"
    return clock(amount) if unit == SCREEN_TIME else f"{amount:,.0f}"


def few(unit: str) -> float:
    """The amount below which a share says little."""
    return FEW_S if unit == SCREEN_TIME else FEW_COUNTED


def few_words(unit: str) -> str:
    """That amount, in words."""
    return "under a minute" if unit == SCREEN_TIME else f"under {FEW_COUNTED:.0f} {unit}"
