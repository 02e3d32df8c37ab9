"""What the tools have read, and what has become of hand labels, as a page of tables."""

from __future__ import annotations

import shlex
import sys
from datetime import date

import facetally
from scripts.check_exports.hand_labels import RoundTrip
from scripts.check_exports.tracks import Outcome
from scripts.provenance import machine


def as_text(outcomes: list[Outcome], trips: list[RoundTrip], videos: list[str], words: list[str]) -> str:
    """The report as Markdown.

    Args:
        outcomes: of the tools.
        trips: of hand labels, if there are any.
        videos: names of the clips.
        words: arguments of the command.
    """
    lines = [
        "# Exports for labelling tools, opened by their own readers",
        "",
        f"{date.today().isoformat()}, facetally {facetally.__version__}, Python {sys.version.split()[0]}, {machine()}. "
        f"Clips: {', '.join(videos)}.",
        "",
        f"    {shlex.join(['python', '-m', 'scripts.check_exports', *words])}",
        "",
        "Tracks of a run, exported and read by each tool in an environment of its own. Boxes are compared by video, "
        "track and frame; *missing* were not read, *added* are not in the run. Datumaro rounds to hundredths of a "
        "pixel, FiftyOne's reader of CVAT to whole pixels. MOT files also have the boxes of the frames in between, "
        "which are not compared. FiftyOne's readers need no database, and none was started. Label Studio's package "
        "checks its interface and each prediction against that; the boxes were compared as they stand in the file, "
        "with the ticks of its player. The servers of CVAT and Label Studio were not run; CVAT's "
        "importer is a part of its server.",
        "",
        "| reader | packages | format | boxes | missing | added | furthest, px | other gender | result |",
        "|---|---|---|---|---|---|---|---|---|",
        *map(table_row, outcomes),
    ]
    if trips:
        lines += [
            "",
            "Hand labels of the same clips, exported and read again by `facetally truth import`. *Other people* differ "
            "in a name, gender, age band, quality, note or time in view.",
            "",
            "| format | people | boxes | other people | furthest, s | furthest, px | result |",
            "|---|---|---|---|---|---|---|",
        ]
        for trip in trips:
            cells = (trip.format, trip.people, trip.boxes, trip.other_people, f"{trip.furthest_s:.4f}")
            verdict = "same" if trip.is_same else "DIFFERS"
            lines.append("| " + " | ".join(map(str, (*cells, f"{trip.furthest_px:.4f}", verdict))) + " |")
    return "\n".join(lines) + "\n"


def table_row(one: Outcome) -> str:
    """What one tool has read, in the table of readers."""
    verdict = "same" if one.is_same else "DIFFERS"
    cells = (one.tool.name, ", ".join(one.tool.packages), one.tool.format, one.count, one.missing, one.added)
    return "| " + " | ".join(map(str, (*cells, f"{one.furthest_px:.4f}", one.other_gender, verdict))) + " |"
