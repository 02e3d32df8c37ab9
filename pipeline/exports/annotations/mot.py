"""Writes MOTChallenge sequences (https://motchallenge.net/instructions), a folder for each video.

gt/gt.txt has a row for every frame on which somebody is in view, counted from 1: between two boxes on a straight line.
gt/labels.txt names the classes, as CVAT and Datumaro have it. It has no room for names, ages and notes, which are in
people.csv. Which rows of hand labels are labels, and which are in between, is in labelled.csv.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from facetally.csv_rows import write_rows
from facetally.exports.annotations.model import BOX_DECIMALS, GENDERS, UNSURE, ExportTrack, VideoTracks
from facetally.exports.annotations.text import file_beside, number, text_file
from facetally.exports.annotations.written import Written
from facetally.truth.formats.annotations import IN_VIEW
from facetally.truth.formats.mot import ID_COLUMN, LABELLED_FILE

PEOPLE_FILE = "people.csv"
LEFT_OUT = ("ignore", "not_a_face")
"""Genders of boxes that do not count: conf is 0."""


def write(folder: Path, videos: Iterable[VideoTracks], about: Mapping[str, str]) -> Written:
    """Writes a sequence for each video with tracks, and people.csv, with what the format cannot hold.

    Raises:
        OSError: the folder cannot be written.
    """
    del about
    written = Written()
    names: list[str] = []
    people: list[list[object]] = []
    for video in videos:
        written.count(video)
        if not video.boxed:
            continue
        names = [attribute.name for attribute in video.attributes]
        people += [[video.video, mot_id(track), *(track.attributes.get(n, "") for n in names)] for track in video.boxed]
        written.files += _write_sequence(file_beside(folder, video.video), video)
    if people:
        write_rows(folder / PEOPLE_FILE, ("video", ID_COLUMN, *names), people)
        written.files.append(folder / PEOPLE_FILE)
    return written


def file_names(folder: Path, videos: Iterable[str]) -> list[Path]:
    """The files that are written for videos of these names."""
    sequences = [file_beside(folder, video) for video in videos]
    names = ("gt/gt.txt", "gt/labels.txt", "seqinfo.ini", LABELLED_FILE)
    return [*(sequence / name for sequence in sequences for name in names), folder / PEOPLE_FILE]


def mot_id(track: ExportTrack) -> int:
    """The id in gt.txt, which counts from 1: tools take 0 for none (findings/datumaro-mot-drops-track-zero.sh)."""
    return track.number + 1


def _write_sequence(folder: Path, video: VideoTracks) -> list[Path]:
    rows = sorted((row for track in video.boxed for row in _rows(video, track)), key=lambda row: row[:2])
    with text_file(folder / "gt" / "gt.txt") as file:
        file.writelines(text for *_, text, _ in rows)
    with text_file(folder / "gt" / "labels.txt") as file:
        file.write("\n".join(GENDERS) + "\n")
    with text_file(folder / "seqinfo.ini") as file:
        file.write(_seqinfo(video))
    files = [folder / "gt" / "gt.txt", folder / "gt" / "labels.txt", folder / "seqinfo.ini"]
    if any(attribute.name == IN_VIEW for attribute in video.attributes):
        labels = ((frame, person) for frame, person, _, is_label in rows if is_label)
        write_rows(folder / LABELLED_FILE, ("frame", ID_COLUMN), labels)
        files.append(folder / LABELLED_FILE)
    return files


def _rows(video: VideoTracks, track: ExportTrack) -> Iterator[tuple[int, int, str, bool]]:
    """Frame, id, line, and whether it is a label."""
    gender = track.attributes.get("gender") or UNSURE
    end = f"{int(gender not in LEFT_OUT)},{GENDERS.index(gender) + 1},1.0"
    for span in track.spans:
        for frame, box, is_label in span.every_frame():
            x1, y1, x2, y2 = video.stored(box)
            place = ",".join(number(length, BOX_DECIMALS) for length in (x1, y1, x2 - x1, y2 - y1))
            yield frame + 1, mot_id(track), f"{frame + 1},{mot_id(track)},{place},{end}\n", is_label


def _seqinfo(video: VideoTracks) -> str:
    """The keys and whole numbers that Datumaro insists on (findings/datumaro-mot-frame-rate-whole.sh)."""
    values = {
        **{"name": video.video, "imDir": "img1", "frameRate": max(round(video.fps), 1)},
        **{"seqLength": video.frame_count, "imWidth": video.stored_px[0], "imHeight": video.stored_px[1]},
        "imExt": ".jpg",
    }
    return "[Sequence]\n" + "".join(f"{name}={value}\n" for name, value in values.items())
