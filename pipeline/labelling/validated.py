"""The labels of a truth folder that `facetally label` wrote, and what `validate` reports of them."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

from facetally.csv_rows import CsvRow, read_rows
from facetally.errors import TruthError
from facetally.labelling.design import DESIGN_FILE, Design, run_digest
from facetally.labelling.design_file import read_design
from facetally.labelling.estimates import sample_estimates, sample_figures
from facetally.labelling.labels import MISSED_GENDERS, Labels, MissedFace, MomentLabel, TrackAnswer, TrackLabel
from facetally.labelling.moments import SAME_TIME_S
from facetally.labelling.truth_folder import MISSED_COLUMNS, MISSED_FILE
from facetally.results.ledger import Ledger
from facetally.truth.labels import LabelledGender, Truth

ANSWERS: dict[LabelledGender, TrackAnswer] = {
    "female": "female",
    "male": "male",
    "unsure": "unsure",
    "not_a_face": "not_a_face",
    "ignore": "unsure",
}
EXIT_CODES = {"pass": 0, "fail": 1, "not enough labels": 3}
"""Of `facetally validate`."""


def validated_sample(ledger: Ledger, folder: Path, truth: Truth, target: float) -> dict[str, Any] | None:
    """The figures for the whole run that follow from a labelled sample, for report.json.

    Args:
        ledger: the run.
        folder: the truth folder.
        truth: the labels in it.
        target: accuracy that the verdict is about.

    Returns:
        As `sample_figures`, with the exit code of the verdict. None where the labels are no random sample of this run:
        a folder without a design, with one of another run, or with one made to find errors.

    Raises:
        TruthError: a damaged design or missed.csv.
        OutputError: a damaged run.
    """
    if truth.sample is None or not (folder / DESIGN_FILE).exists():
        return None
    design = read_design(folder / DESIGN_FILE)
    if design.is_biased or design.run_digest != run_digest(ledger):
        return None
    estimates = sample_estimates(ledger, design, folder_labels(folder, design, truth), target)
    return {**sample_figures(estimates, design), "exit_code": EXIT_CODES[estimates.standing.word]}


def grown_since(ledger: Ledger, folder: Path) -> str:
    """Why the labels of a sample say nothing about the whole run, if videos were added since it was drawn; else empty.

    Raises:
        TruthError: a damaged design.
        OutputError: a damaged run.
    """
    if not (folder / DESIGN_FILE).exists():
        return ""
    design = read_design(folder / DESIGN_FILE)
    try:
        added = [] if design.is_biased else design.added(ledger)
    except TruthError:  # of another run
        return ""
    if not added:
        return ""
    came = "video was" if len(added) == 1 else "videos were"
    return (
        f"{len(added):,} {came} added to the run after they were drawn; `facetally label`, with the same folders, "
        "extends the sample, and no label is lost"
    )


def folder_labels(folder: Path, design: Design, truth: Truth) -> Labels:
    """The labels of a design as they are in the tables of its truth folder.

    Args:
        folder: the truth folder.
        design: of the sample.
        truth: the labels in the folder.

    Raises:
        TruthError: missed.csv is damaged.
    """
    people = {(person.video, person.person): person for members in truth.people.values() for person in members}
    drawn = truth.sample.drawn if truth.sample else ()
    labelled = {(one.video, one.track_id): people[one.key] for one in drawn if one.key in people}
    tracks = {}
    for track in design.tracks:
        person = labelled.get((track.video, track.track_id))
        if person is not None and person.is_labelled:
            tracks[track.key] = TrackLabel(ANSWERS[person.gender], person.age_band, person.face_quality)
    return Labels(tracks, _moments(folder / MISSED_FILE, design))


def _moments(path: Path, design: Design) -> dict[tuple[str, float], MomentLabel]:
    """The searched moments; those without a row were not searched."""
    if not path.exists():
        return {}
    by_video: defaultdict[str, list[CsvRow]] = defaultdict(list)
    for row in read_rows(path, MISSED_COLUMNS):
        by_video[row.text("video")].append(row)
    moments = {}
    for moment in design.moments:
        rows = [row for row in by_video[moment.video] if abs(row.number("time_s") - moment.time_s) <= SAME_TIME_S]
        if rows:
            moments[moment.key] = MomentLabel(tuple(_missed(row) for row in rows if row.values["x1"]))
    return moments


def _missed(row: CsvRow) -> MissedFace:
    x1, y1, x2, y2 = (row.number(name) for name in ("x1", "y1", "x2", "y2"))
    return MissedFace((x1, y1, x2, y2), row.word("gender", {word: word for word in MISSED_GENDERS}))
