"""Checks hand labels against their videos, and finds the reading under which they fit."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from facetally.errors import TruthError, VideoError
from facetally.inputs import find_videos
from facetally.results.ledger import Ledger
from facetally.results.tables import FACES, read_table
from facetally.truth.check.alignment import Alignment, Fit, Sightings, late_by_a_frame
from facetally.truth.check.findings import Finding, box_findings, people_findings, project_findings
from facetally.truth.check.project_frames import project_frames
from facetally.truth.check.readings import AS_WRITTEN, MIN_INSIDE, Reading, Recording, counted_from_one
from facetally.truth.files import BOXES_FILE, PEOPLE_FILE, read_truth
from facetally.truth.labels import LabelledBoxes, LabelledPerson, Truth
from facetally.truth.video_names import matched_names
from facetally.video.decoder import Decoder
from facetally.video.reader import FrameImage


@dataclass(frozen=True)
class Checkup:
    """The findings on a truth folder."""

    truth: Truth
    findings: tuple[Finding, ...]
    recordings: Mapping[str, Recording]
    """By video of the truth folder, where the file was given and can be read."""
    fits: Mapping[str, Fit]
    """By video with boxes: the reading of its labels."""


def check_folder(folder: Path, videos: Iterable[str], run: Path | None = None) -> Checkup:
    """Checks a truth folder.

    Args:
        folder: the truth folder.
        videos: the labelled videos, as for `find_videos`; each is decoded once.
        run: output folder of a run over them; its faces show how times and boxes were meant.

    Raises:
        TruthError: labels that cannot be read, a name that matches two videos, no video in common.
        OptionError: no such videos.
        OutputError: no such run, or a damaged one.
    """
    truth = read_truth(folder)
    paths = {video.name: video.path for video in find_videos(videos)}
    names = matched_names(truth.people, paths)
    findings: list[Finding] = []
    recordings: dict[str, Recording] = {}
    for video, people in truth.people.items():
        lines = tuple(person.line for person in people)
        trouble = Finding("video", video, folder / PEOPLE_FILE, lines, "video", video, "", "")
        if video not in names:
            findings.append(replace(trouble, what="is not among the videos given", fix=_fix_of_name(video, paths)))
            continue
        try:
            recordings[video] = read_recording(paths[names[video]])
        except VideoError as error:
            findings.append(replace(trouble, what=f"cannot be read: {error.what}", fix=error.fix))
    sightings = read_sightings(Ledger(run), recordings) if run else {}
    checkup = check(truth, folder, recordings=recordings, sightings=sightings)
    return replace(checkup, findings=(*findings, *checkup.findings))


def check(
    truth: Truth, folder: Path, *, recordings: Mapping[str, Recording], sightings: Mapping[str, Sightings]
) -> Checkup:
    """Checks labels.

    Args:
        truth: the labels.
        folder: where they were read.
        recordings: by video; the labels of other videos are not checked.
        sightings: by video, where a run covers it.
    """
    truth = truth.on_frames({video: (one.width_px, one.height_px) for video, one in recordings.items()})
    boxed = {video: labels for video, labels in truth.boxes.items() if video in recordings}
    positions = {video: recordings[video].positions(labels.times_s) for video, labels in boxed.items()}
    joined = project_frames(positions, {video: len(recordings[video].times_s) for video in boxed})
    before = joined.before if joined else {}
    alignments = {
        video: Alignment(
            labels.times_s,
            labels.boxes,
            recordings[video],
            sightings.get(video, Sightings.none()),
            frames_before=before.get(video, 0),
        )
        for video, labels in boxed.items()
    }
    fits = {video: alignment.best_fit() for video, alignment in alignments.items()}
    gains = {video: alignment.gains_a_frame_earlier(fits[video]) for video, alignment in alignments.items()}
    for video in late_by_a_frame(gains):
        earlier = counted_from_one(recordings[video], fits[video].time)
        fits[video] = alignments[video].fit(earlier, fits[video].image)
    findings: list[Finding] = []
    for video, recording in recordings.items():
        people: tuple[str, ...] = ()
        time = AS_WRITTEN
        if video in fits:
            people, time = truth.boxes[video].people, fits[video].time
            findings += box_findings(
                video, folder / BOXES_FILE, truth.boxes[video], alignment=alignments[video], fit=fits[video]
            )
            if joined and joined.is_exact:
                findings += project_findings(
                    video, folder / BOXES_FILE, truth.boxes[video], alignment=alignments[video], fit=fits[video]
                )
        findings += people_findings(
            video, folder / PEOPLE_FILE, truth.people[video], boxed=people, recording=recording, time=time
        )
    return Checkup(truth, tuple(findings), recordings, fits)


def fix_labels(checkup: Checkup) -> Truth:
    """The labels with all findings fixed; videos without a finding stay unchanged.

    Raises:
        TruthError: a finding that cannot be fixed.
    """
    left = [finding for finding in checkup.findings if not finding.is_fixable]
    if left:
        raise TruthError(f"{left[0]} ({len(left)} such findings in total)", fix=left[0].fix)
    truth = checkup.truth
    people, boxes, until_s = dict(truth.people), dict(truth.boxes), dict(truth.labelled_until_s)
    for video in {finding.video for finding in checkup.findings}:
        recording, time = checkup.recordings[video], AS_WRITTEN
        if video in boxes:
            time = checkup.fits[video].time
            boxes[video] = _fixed_boxes(boxes[video], recording, checkup.fits[video])
        people[video] = tuple(_fixed_person(person, recording, time) for person in people[video])
        if video in until_s:
            until_s[video] = _within(recording, time, until_s[video])
    return replace(truth, people=people, boxes=boxes, labelled_until_s=until_s)


def read_recording(path: Path) -> Recording:
    """Decodes a video once for the times and the size of its frames.

    Raises:
        VideoError: not a video, or no frame can be decoded.
    """
    with closing(Decoder(path)) as decoder:
        images = decoder.images()
        first = next(images, None)
        if first is None:
            raise VideoError(f"no frame of {path} could be decoded", fix="play the file to see whether it is complete")
        height_px, width_px = FrameImage.of(first).hw
        quarter_turns = round(-first.image.rotation / 90) % 4
        stored = first.image.width / (first.image.height - first.blank_lines)
        times_s, end_s = [first.time_s], first.time_s + first.duration_s
        for image in images:
            times_s.append(image.time_s)
            end_s = image.time_s + image.duration_s
        return Recording(
            times_s=np.array(times_s),
            end_s=end_s,
            width_px=width_px,
            height_px=height_px,
            fps=decoder.info.fps,
            start_s=first.image.time or 0.0,
            quarter_turns=quarter_turns,
            pixel_aspect=width_px / height_px / (1 / stored if quarter_turns % 2 else stored),
        )


def read_sightings(ledger: Ledger, videos: Iterable[str]) -> dict[str, Sightings]:
    """The faces that a run detected in labelled videos, by their names in the truth folder; only videos of the run.

    Raises:
        OutputError: no such run, or a damaged one.
        TruthError: a name that matches two videos of the run, or no video in common.
    """
    rows = {row.video: row for row in ledger.rows()}
    sightings = {}
    for name, run_name in matched_names(videos, rows).items():
        faces = read_table(ledger.path("faces", rows[run_name].video_id), FACES).to_pandas()
        sightings[name] = Sightings(
            times_s=faces["time_s"].to_numpy(),
            step_s=float(faces["duration_s"].median()),
            track_ids=faces["track_id"].to_numpy(),
            boxes=faces[["x1", "y1", "x2", "y2"]].to_numpy(np.float64),
        )
    return sightings


def _fix_of_name(video: str, given: Iterable[str]) -> str:
    near = difflib.get_close_matches(video, given, n=1)
    meant = f"if {near[0]} is meant, write that in the column video; else " if near else ""
    return f"{meant}name the video after --videos too, or delete its labels"


def _fixed_boxes(labels: LabelledBoxes, recording: Recording, fit: Fit) -> LabelledBoxes:
    times_s = recording.times_s[recording.frames_near(fit.time.read(labels.times_s))]
    boxes = fit.image.read(labels.boxes)
    is_cut = recording.parts_inside(boxes) < MIN_INSIDE
    boxes = np.where(is_cut[:, None], recording.clipped(boxes), boxes)
    by_frame: dict[tuple[Any, ...], tuple[Any, ...]] = {}  # of two labels at one frame the first is kept
    for row in zip(labels.people, times_s.tolist(), map(tuple, boxes.tolist()), labels.lines.tolist(), strict=True):
        by_frame.setdefault(row[:2], row)
    return LabelledBoxes.of(by_frame.values())


def _fixed_person(person: LabelledPerson, recording: Recording, time: Reading) -> LabelledPerson:
    ends = [
        (_within(recording, time, start_s), _within(recording, time, end_s)) for start_s, end_s in person.intervals_s
    ]
    return replace(person, intervals_s=tuple(ends))


def _within(recording: Recording, time: Reading, written_s: float) -> float:
    """A time as read, limited to the video; it need not be a frame's."""
    return float(np.clip(time.read(np.array([written_s]))[0], 0.0, recording.end_s))
