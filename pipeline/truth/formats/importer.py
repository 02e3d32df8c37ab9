"""Turns the labels of other tools into a truth folder, and writes empty ones to fill in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np

from facetally.csv_rows import CsvRow, read_rows
from facetally.errors import OptionError, TruthError
from facetally.inputs import InputVideo
from facetally.truth.files import BOXES_FILE, CLIPS_FILE, PEOPLE_FILE, hint_row, write_tables
from facetally.truth.formats.annotations import IN_VIEW, LabelledTrack, LabelledVideo
from facetally.truth.formats.coco import read_coco
from facetally.truth.formats.cvat import read_cvat
from facetally.truth.formats.datumaro import read_datumaro
from facetally.truth.formats.label_studio import read_label_studio
from facetally.truth.formats.mot import ID_COLUMN, IGNORED, read_mot
from facetally.truth.formats.placement import Attributes, place_tracks, scale_of
from facetally.truth.formats.selection import choose_tracks
from facetally.truth.formats.timeline import Timeline, timeline_by_fps, timeline_of
from facetally.truth.formats.via import read_via
from facetally.truth.label_rows import (
    BOX_COLUMNS,
    CLIP_COLUMNS,
    INTERVAL_COLUMNS,
    PEOPLE_COLUMNS,
    parse_people,
    video_name,
    without_hints,
    years_as_bands,
)
from facetally.truth.labels import LabelledBoxes, LabelledPerson, Truth
from facetally.truth.video_names import matched_names

READERS: dict[str, Callable[[Path], list[LabelledVideo]]] = {
    "cvat": read_cvat,
    "mot": read_mot,
    "label-studio": read_label_studio,
    "via": read_via,
    "coco": read_coco,
    "datumaro": read_datumaro,
}
NO_LABELS_FIX = "check that the labels were saved before they were exported"


@dataclass(frozen=True)
class ImportedTruth:
    """Labels from other tools."""

    truth: Truth
    notes: tuple[str, ...]
    """What was corrected or looks unusual, one line each."""


def import_truth(
    files: Sequence[Path],
    format_name: str,
    videos: Sequence[InputVideo] = (),
    fps: float | None = None,
    video: str | None = None,
    attributes: Path | None = None,
    labels: Sequence[str] = (),
) -> ImportedTruth:
    """The labels in files of one format.

    Keyframes and plain rows are kept as they are; where a person in view has none for more than a second, boxes in
    between are added.

    Args:
        files: exported by the tool.
        format_name: of `READERS`; or csv, which has a row for each time that a person is in view, and no boxes.
        videos: the labelled videos (others may be among them): frames get their times from them.
        fps: frames per second, where the videos are not available; wrong for a variable rate.
        video: the name of the one labelled video, instead of the name in the files.
        attributes: a CSV file with person, gender and where known age_band, face_quality, note, video; it overrides the
            attributes in the files.
        labels: the tool's labels that mean a face; needed where there are several.

    Raises:
        OptionError: options that exclude each other.
        TruthError: labels that cannot be used.
        VideoError: a video that cannot be read.
    """
    if videos and fps is not None:
        raise OptionError("both videos and a rate are given", fix="leave out --fps: the videos have their own times")
    if fps is not None and not 0 < fps < np.inf:
        raise OptionError(f"--fps {fps:g} is not a frame rate", fix="give frames per second, like 29.97")
    if format_name == "csv":
        if attributes:
            raise OptionError("--attributes goes with frames", fix="write the attributes into the interval file")
        if labels:
            raise OptionError("--label goes with boxes", fix="delete the rows that are not wanted")
        return _import_intervals(files, videos, video)
    labelled, reading_notes = choose_tracks([f for path in files for f in READERS[format_name](path)], labels)
    sidecar = _sidecar(attributes, len(labelled)) if attributes else {}
    if any(ID_COLUMN in row.values for row in sidecar.values()):
        labelled, sidecar = _by_id(labelled, sidecar)
    if format_name == "mot" and len(labelled) == 1:
        video = video or _only_video(sidecar)
    labelled = _renamed(labelled, video) if video else labelled
    if not labelled:
        raise TruthError("; ".join(["the files contain no labels", *reading_notes]), fix=NO_LABELS_FIX)
    full_names, notes = _full_names([found.name for found in labelled], videos, is_certain=bool(video))
    placed = _placed(labelled, full_names, videos=videos, fps=fps, attributes=sidecar)
    labelled_people = {track.row.values["person"] for found in labelled for track in found.tracks}
    notes += [*reading_notes, *placed.notes]
    if unused := sorted({person for _, person in sidecar} - labelled_people):
        notes.append(f"{attributes}: nobody in the labels is {', '.join(unused)}")
    return ImportedTruth(placed.truth, tuple(notes))


def _placed(
    labelled: Iterable[LabelledVideo],
    full_names: Mapping[str, str],
    *,
    videos: Sequence[InputVideo],
    fps: float | None,
    attributes: Attributes,
) -> ImportedTruth:
    """The labels of all videos in seconds and pixels."""
    paths = {found.name: found.path for found in videos}
    people: dict[str, tuple[LabelledPerson, ...]] = {}
    boxes: dict[str, LabelledBoxes] = {}
    notes: list[str] = []
    for labels in labelled:
        name = full_names[labels.name]
        if name in people:
            raise TruthError(f"{labels.path} labels {name} a second time", fix="import only one of the two")
        timeline, time_notes = timeline_of(paths[name], labels) if videos else (_timeline_without(labels, fps), [])
        scale, scale_notes = scale_of(labels, timeline.size_px, name, timeline.stored_px)
        people[name], placed = place_tracks(labels, name, timeline=timeline, scale=scale, attributes=attributes)
        if placed.people:
            boxes[name] = placed
        notes += time_notes + scale_notes
    return ImportedTruth(Truth(people, boxes), tuple(notes))


def write_template(videos: Iterable[InputVideo], folder: Path) -> None:
    """Writes an empty truth folder, with a line to fill in for each video.

    Raises:
        OutputError: there are labels already, or it cannot be written.
    """
    names = [video.name for video in videos]
    columns = (*PEOPLE_COLUMNS, *INTERVAL_COLUMNS)
    write_tables(
        folder,
        [
            (BOXES_FILE, BOX_COLUMNS, []),
            (CLIPS_FILE, CLIP_COLUMNS, [[name, "", ""] for name in names]),
            (PEOPLE_FILE, columns, [hint_row(columns), *([name, "p1", *[""] * (len(columns) - 2)] for name in names)]),
        ],
    )


def _import_intervals(files: Sequence[Path], videos: Sequence[InputVideo], video: str | None) -> ImportedTruth:
    """The labels in CSV files with a row for each time that a person is in view."""
    required = ("person", "gender", *INTERVAL_COLUMNS) if video else (*PEOPLE_COLUMNS[:3], *INTERVAL_COLUMNS)
    rows = [row for path in files for row in without_hints(read_rows(path, required))]
    for row in rows:
        for column in INTERVAL_COLUMNS:
            row.text(column)  # in people.csv both may be empty
    labelled = [video_name(video or row.text("video")) for row in rows]
    full_names, notes = _full_names(labelled, videos, is_certain=bool(video))
    rows = [
        replace(row, values=row.values | {"video": full_names[name]}) for row, name in zip(rows, labelled, strict=True)
    ]
    people = parse_people(rows)
    unnumbered = {name: tuple(replace(person, line=0) for person in people[name]) for name in people}
    return ImportedTruth(Truth(unnumbered), tuple(notes))


def _sidecar(path: Path, video_count: int) -> dict[tuple[str, str], CsvRow]:
    """Attributes from a separate file, by video and person."""
    rows: dict[tuple[str, str], CsvRow] = {}
    for row in read_rows(path, ("person", "gender") if video_count == 1 else ("video", "person", "gender")):
        video = row.values.get("video", "") if video_count == 1 else row.text("video")
        age = years_as_bands(row.values.get("age_band", "") or row.values.get("age", ""))
        row = replace(row, values=row.values | {"age_band": age})
        first = rows.setdefault((video_name(video), row.text("person")), row)
        if first is not row:
            raise row.wrong("person", f"is in line {first.line} already", fix="delete one of the lines")
    return rows


def _by_id(
    labelled: Sequence[LabelledVideo], sidecar: Attributes
) -> tuple[list[LabelledVideo], dict[tuple[str, str], CsvRow]]:
    """The tracks with the names of people that a file of our own exports gives for their ids, and the rows of them."""
    names = {labels.name for labels in labelled}
    own = {key: row for key, row in sidecar.items() if key[0] in names} or dict(sidecar)
    by_id = {(video, row.values.get(ID_COLUMN, "")): row for (video, _), row in own.items()}

    def named(labels: LabelledVideo, track: LabelledTrack) -> LabelledTrack:
        number = track.row.values["person"].removesuffix(IGNORED)
        row = next((by_id[key] for key in ((labels.name, number), ("", number)) if key in by_id), None)
        if row is None:
            return track
        values = track.row.values | {"person": row.text("person")}
        attributes = (*track.attributes, (IN_VIEW, row.values.get(IN_VIEW, "")))
        return replace(track, row=replace(track.row, values=values), attributes=attributes)

    return [replace(one, tracks=tuple(named(one, track) for track in one.tracks)) for one in labelled], own


def _only_video(sidecar: Attributes) -> str:
    """The one video named in a file of attributes; empty where there is none, or several."""
    names = {name for name, _ in sidecar}
    return names.pop() if len(names) == 1 else ""


def _renamed(labelled: list[LabelledVideo], name: str) -> list[LabelledVideo]:
    """The same labels with the name that the user gave."""
    if len(labelled) > 1:
        raise OptionError(
            f"one video is named, {name}, but {len(labelled)} are labelled",
            fix="import one at a time, or leave out --video",
        )
    return [replace(labels, name=video_name(name)) for labels in labelled]


def _full_names(
    names: Sequence[str], videos: Sequence[InputVideo], is_certain: bool
) -> tuple[dict[str, str], list[str]]:
    """The videos' names by their names in the labels, and notes. One label file and one video always match."""
    if not names:
        raise TruthError("the files contain no labels", fix=NO_LABELS_FIX)
    given = [video.name for video in videos]
    if len(set(names)) == len(given) == 1 and not is_certain:
        is_alike = PurePosixPath(names[0]).stem in ("", PurePosixPath(given[0]).stem)
        return {names[0]: given[0]}, [] if is_alike else [f"labels of {names[0]} were taken for {given[0]}"]
    if "" in names:
        raise TruthError("the labels do not name their video", fix="name it with --video NAME")
    if not given:
        return {name: name for name in names}, []
    matched = matched_names(names, given)
    if missing := sorted(set(names) - matched.keys()):
        raise TruthError(f"{missing[0]} is labelled, but not among the videos", fix="add it to --videos")
    return matched, []


def _timeline_without(labels: LabelledVideo, fps: float | None) -> Timeline:
    """The timeline without the video: by the rate that was given, or that the labels state."""
    if labels.is_by_player and not labels.is_in_pixels:
        raise TruthError(f"{labels.path}: boxes are in percent of a video that is not given", fix="add --videos")
    if not (rate := labels.fps if labels.is_by_player else fps or labels.fps):
        raise TruthError(
            f"{labels.path}: frame numbers have no times",
            fix="give the videos with --videos, or their constant rate with --fps (wrong for a variable rate)",
        )
    return timeline_by_fps(labels, rate)
