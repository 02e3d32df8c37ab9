"""The names of the groupings, without the libraries that these need: for the command line's help."""

from __future__ import annotations

PLAIN = ("all", "video", "time")
"""Groupings that are not compared with each other."""
BY_CLOCK = ("date", "hour", "weekday")
"""Groupings by the time on air."""
FIXED = (*PLAIN, "folder", *BY_CLOCK)
"""All; others are columns of a table of videos."""
