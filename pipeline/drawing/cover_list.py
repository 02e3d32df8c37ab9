"""Lists in a table what was covered though the run has no track there, so that it can be looked at."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from facetally.csv_cells import as_cell, of_cell
from facetally.drawing.more_faces import AddedCover
from facetally.files import write_whole

FILE_NAME = "covered.csv"
COLUMNS = ("video", "start_s", "stop_s", "x1", "y1", "x2", "y2", "best_score", "faces")


class CoverList:
    """The table in a folder.

    Args:
        folder: of the covered copies.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME

    def put(self, video: str, added: Sequence[AddedCover]) -> None:
        """Replaces the rows of a video.

        Raises:
            OutputError: the folder cannot be written.
        """
        others = [row for row in self._rows() if row and of_cell(row[0]) != video]
        own = [[as_cell(video), *_cells(one)] for one in added]
        if not others and not own and not self.path.exists():
            return
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([COLUMNS, *sorted(others + own, key=lambda row: row[0])])
        write_whole(self.path, text.getvalue().encode(errors="surrogateescape"))

    def _rows(self) -> list[list[str]]:
        """The rows that are there, if it is a table of this kind."""
        try:
            with self.path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
                rows = list(csv.reader(file))
        except (OSError, csv.Error):
            return []
        return rows[1:] if rows and tuple(rows[0]) == COLUMNS else []


def _cells(one: AddedCover) -> list[str]:
    box = [str(round(value)) for value in one.box]
    return [f"{one.start_s:.2f}", f"{one.stop_s:.2f}", *box, f"{one.best_score:.2f}", str(one.face_count)]
