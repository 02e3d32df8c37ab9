"""The labels of faces in Caltech WebFaces: `facetally train --data webfaces=IMAGES+scripts/webfaces.csv` reads them."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from facetally.datasets.label_tables import read_table
from facetally.datasets.labelled_images import labels_of_row

LIST = Path(__file__).resolve().parents[2] / "scripts" / "webfaces.csv"


def test_each_picture_has_one_face_with_a_gender_and_says_who_labelled_it() -> None:
    with LIST.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["file", "gender", "x1", "y1", "x2", "y2", "labelled_by"]
    assert len({row["file"] for row in rows}) == len(rows) == 5766
    assert all(re.fullmatch(r"pic\d{5}\.jpg", row["file"]) for row in rows)
    assert {row["gender"] for row in rows} == {"female", "male"}
    assert {row["labelled_by"] for row in rows} == {"eye", "both"}


def test_training_reads_gender_and_box_of_every_row() -> None:
    table = dict(read_table(LIST))
    read = [labels_of_row(f"{name}.jpg", b"", table) for name in table]
    assert all(one.is_female is not None and one.box is not None and not one.not_understood for one in read)
