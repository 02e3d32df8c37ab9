"""Writes the truth folder of a labelling: the tables that `validate` reads, made from the labels given so far.

The journal is what counts; these files are made anew from it after every few labels. A file that somebody else has
changed is left alone.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from facetally.csv_rows import write_rows
from facetally.errors import OutputError, TruthError
from facetally.files import parsed_json, sha256_of, write_whole
from facetally.formatting import command
from facetally.labelling.labels import Labels, TrackKey, TrackLabel
from facetally.labelling.sample import Sample as DrawnSample
from facetally.results.ledger import Ledger
from facetally.truth.files import BOXES_FILE, CLIPS_FILE, PEOPLE_FILE, write_truth
from facetally.truth.labels import BoxRow, DrawnAppearance, LabelledBoxes, LabelledPerson, Sample, Truth, folder_sources
from facetally.truth.sample import SAMPLE_FILE

STATE_FILE = "labelling.json"
"""How the sample was asked for, and hashes of the files as they were written."""
MISSED_FILE = "missed.csv"
MISSED_COLUMNS = ("video", "time_s", "x1", "y1", "x2", "y2", "gender")
NEW_FOLDER = ".new"
LOCK_FILE = ".tables.lock"
LOCK_S = 30.0
WRITTEN = (BOXES_FILE, CLIPS_FILE, MISSED_FILE, SAMPLE_FILE, PEOPLE_FILE)
"""In the order in which they are put in place; people.csv last, as it makes the folder complete."""
UNEQUAL = (
    "videos were added to the run while it was labelled, and their appearances were drawn with another probability; "
    "the figures for all appearances of the run take this into account"
)
"""Of an extended sample, for the methods that need one probability for all."""
KEPT_HASHES = 2
"""Of each file: a process that is killed leaves some files as before and some as after."""


class TruthFolder:
    """The tables of a truth folder. Several processes may write them: each reads the state anew, holding a lock.

    Args:
        folder: the truth folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def request(self) -> dict[str, Any] | None:
        """How the sample was asked for; None: not yet.

        Raises:
            OutputError: the state is damaged.
        """
        request: dict[str, Any] | None = self._state().get("request")
        return request

    def store_request(self, request: dict[str, Any]) -> None:
        """Remembers how the sample was asked for.

        Raises:
            TruthError: the folder holds the results of a run.
            OutputError: the folder cannot be written.
        """
        if Ledger(self.folder).video_ids():
            raise TruthError(
                f"{self.folder} holds the results of a run, which labels are not mixed with",
                fix="choose a folder of their own for the labels with -o",
            )
        self._write_state({**self._state(), "request": request})

    def edited(self) -> list[str]:
        """The files that are not as they were written here."""
        hashes: dict[str, list[str]] = self._state().get("written", {})
        return [
            name
            for name in WRITTEN
            if (self.folder / name).exists() and sha256_of(self.folder / name) not in hashes.get(name, [])
        ]

    def write(self, sample: DrawnSample, labels: Labels) -> None:
        """Writes all tables anew, or removes them where nothing is labelled any more.

        Raises:
            OutputError: somebody else changed one, or the folder cannot be written; nothing is changed then.
        """
        try:
            with FileLock(self.folder / LOCK_FILE, timeout=LOCK_S):
                self._write(sample, labels)
        except Timeout as error:
            raise OutputError(
                f"another process has been writing the tables in {self.folder} for {LOCK_S:g} s",
                fix="end the other `facetally label`; the tables are written again after the next label",
            ) from error
        except OSError as error:
            raise OutputError(
                f"the tables in {self.folder} could not be written: {error.strerror or error}",
                fix="free space or fix the folder's permissions; the labels are safe in journal.jsonl, and the tables "
                "are written again after the next label",
            ) from error

    def _write(self, sample: DrawnSample, labels: Labels) -> None:
        if edited := self.edited():
            raise edited_error(self.folder, edited)
        new = self.folder / NEW_FOLDER
        shutil.rmtree(new, ignore_errors=True)
        try:
            if labels.tracks:
                write_truth(truth_of(sample, labels), new)
            if labels.moments:
                write_missed(sample, labels, new / MISSED_FILE)
            self._put_in_place(new)
        finally:
            shutil.rmtree(new, ignore_errors=True)

    def _put_in_place(self, new: Path) -> None:
        made = [name for name in WRITTEN if (new / name).exists()]
        state = self._state()
        hashes = state.setdefault("written", {})
        for name in made:
            hashes[name] = [*hashes.get(name, []), sha256_of(new / name)][-KEPT_HASHES:]
        self._write_state(state)
        for name in made:
            (new / name).replace(self.folder / name)
        for name in set(WRITTEN) - set(made):
            (self.folder / name).unlink(missing_ok=True)

    def _state(self) -> dict[str, Any]:
        try:
            state: dict[str, Any] = dict(parsed_json((self.folder / STATE_FILE).read_text(encoding="utf-8")))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError) as error:
            raise OutputError(
                f"{self.folder / STATE_FILE} cannot be read: {error}",
                fix="delete it and move people.csv and the other tables away: they are written again from the journal",
            ) from error
        return state

    def _write_state(self, state: dict[str, Any]) -> None:
        write_whole(self.folder / STATE_FILE, json.dumps(state, indent=1) + "\n")


def edited_error(folder: Path, names: Sequence[str]) -> OutputError:
    """The error for files that somebody else changed."""
    name = names[0]
    aside = folder / name.replace(".", "-edited.")
    return OutputError(
        f"{', '.join(names)} in {folder} was changed by somebody else and is left as it is; the labels given here are "
        "safe in journal.jsonl",
        fix=f"move it away, so that it is written again: {command('mv', folder / name, aside)}",
    )


def truth_of(sample: DrawnSample, labels: Labels) -> Truth:
    """The labelled tracks as people with boxes; several tracks of one person are one."""
    places = [place for place, track in enumerate(sample.design.tracks) if track.key in labels.tracks]
    reached = sample.design.tracks[: places[-1] + 1]
    names = {track.key: _name(track.key, labels) for track in reached}
    people: dict[str, dict[str, LabelledPerson]] = {}
    for track in reached:
        members, name = people.setdefault(track.video, {}), names[track.key]
        members.setdefault(name, _person(track.video, name, labels.tracks.get(track.key)))
    boxes = {video: LabelledBoxes.of(_boxes(sample, video, names)) for video in people}
    sources = folder_sources(
        row.video for row in sample.rows.values()
    )  # of the whole run, as a sample may miss a folder
    drawn = tuple(DrawnAppearance(track.video, names[track.key], track.track_id) for track in reached)
    is_random = not sample.design.is_biased
    unequal = UNEQUAL if sample.design.phase_count > 1 else ""
    return Truth(
        people={video: tuple(members.values()) for video, members in people.items()},
        boxes=boxes,
        sources={video: sources[video] for video in people},
        sample=Sample(sample.design.seed, sample.design.appearance_count, drawn, unequal) if is_random else None,
    )


def _name(key: TrackKey, labels: Labels) -> str:
    label = labels.tracks.get(key)
    return f"track-{(label.person if label and label.person else key)[1]}"


def _person(video: str, name: str, label: TrackLabel | None) -> LabelledPerson:
    if label is None:
        return LabelledPerson(video, name, "unsure", is_labelled=False)
    return LabelledPerson(video, name, label.gender, label.age_band, label.face_quality, label.note)


def _boxes(sample: DrawnSample, video: str, names: dict[TrackKey, str]) -> Iterable[BoxRow]:
    """The boxes of the tracks in a video. A person has one at a time, though two tracks may show them."""
    seen: set[tuple[str, float]] = set()
    for key, name in names.items():
        if sample.rows[key[0]].video != video:
            continue
        faces = sample.track_faces(key)
        for time_s, box in zip(faces.times_s.tolist(), faces.boxes.tolist(), strict=True):
            place = name, round(time_s, 4)
            if place not in seen:
                seen.add(place)
                yield name, time_s, tuple(box), 0


def write_missed(sample: DrawnSample, labels: Labels, path: Path) -> None:
    """Writes the faces that the run did not find at the searched moments; a moment without any has a row without a box.

    Raises:
        OSError: it cannot be written.
    """
    rows: list[tuple[object, ...]] = []
    for (video_id, time_s), label in sorted(labels.moments.items()):
        video = sample.rows[video_id].video
        rows += [(video, time_s, *face.box, face.gender) for face in label.missed] or [(video, time_s, *[""] * 5)]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_rows(path, MISSED_COLUMNS, rows)
