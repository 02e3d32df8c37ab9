"""Labels of a CVAT project that were imported without taking back the frames of the tasks before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from labelled_world import boxes_of, person

from facetally.errors import TruthError
from facetally.truth.check.alignment import Sightings
from facetally.truth.check.checkup import check, fix_labels
from facetally.truth.check.project_frames import ProjectFrames, project_frames
from facetally.truth.check.readings import Recording
from facetally.truth.labels import LabelledBoxes, Truth

FRAMES = {"first.mp4": 50, "second.mp4": 200, "third.mp4": 100}


def recordings(*videos: str) -> dict[str, Recording]:
    """Videos of 25 frames a second."""
    return {name: Recording(np.arange(FRAMES[name]) / 25, FRAMES[name] / 25, 640, 360, fps=25.0) for name in videos}


def labels(first_frames: dict[str, int], count: int = 10) -> Truth:
    """One person in each video, boxed on frames that follow each other."""
    boxes = {
        name: LabelledBoxes.of(
            [
                (who, t, box, line)
                for line, (who, t, box, _) in enumerate(boxes_of("p", [(first + i) / 25 for i in range(count)]), 2)
            ]
        )
        for name, first in first_frames.items()
    }
    return Truth({name: (person("p", video=name),) for name in first_frames}, boxes)


def moving(name: str) -> Sightings:
    """A face that crosses the image from the first frame on."""
    times_s = np.arange(0, FRAMES[name] / 25, 0.2)
    x = 200 * times_s
    return Sightings(
        times_s, 0.2, np.zeros(len(times_s), np.int64), np.stack((x, x * 0 + 10, x + 40, x * 0 + 50), axis=1)
    )


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        ({"first.mp4": 0, "second.mp4": 50}, ProjectFrames({"second.mp4": 50}, True)),
        ({"second.mp4": 0, "first.mp4": 205}, ProjectFrames({"first.mp4": 200}, False)),
        (
            {"first.mp4": 3, "second.mp4": 60, "third.mp4": 250},
            ProjectFrames({"second.mp4": 50, "third.mp4": 250}, True),
        ),
        ({"first.mp4": 0, "second.mp4": 20}, None),  # while the first video lasts
        ({"first.mp4": 45, "second.mp4": 50}, None),  # labels of the first past its end
        ({"first.mp4": 0}, None),
        ({}, None),
    ],
)
def test_frames_continue_where_each_video_begins_after_the_others(
    first: dict[str, int], expected: ProjectFrames | None
) -> None:
    positions = {name: np.arange(frame, frame + 10.0) for name, frame in first.items()}
    assert project_frames(positions, FRAMES) == expected


def test_without_faces_labels_that_begin_with_their_videos_first_frame_are_a_finding(tmp_path: Path) -> None:
    truth = labels({"first.mp4": 0, "second.mp4": 50})
    checkup = check(truth, tmp_path, recordings=recordings(*truth.boxes), sightings={})
    (finding,) = checkup.findings
    assert (finding.video, finding.value, len(finding.lines)) == ("second.mp4", "2", 10)
    assert "may be 50 frames late: frame numbers continue from other videos" in finding.what
    with pytest.raises(TruthError, match="50 frames late"):
        fix_labels(checkup)


def test_without_faces_labels_that_begin_anywhere_are_no_finding(tmp_path: Path) -> None:
    truth = labels({"first.mp4": 0, "second.mp4": 57})
    assert check(truth, tmp_path, recordings=recordings(*truth.boxes), sightings={}).findings == ()


def test_labels_past_the_end_show_it_without_faces(tmp_path: Path) -> None:
    truth = labels({"second.mp4": 0, "first.mp4": 207})
    checkup = check(truth, tmp_path, recordings=recordings(*truth.boxes), sightings={})
    assert {finding.kind for finding in checkup.findings} == {"time"}
    assert fix_labels(checkup).boxes["first.mp4"].times_s[0] == pytest.approx(7 / 25)


def test_faces_show_it_and_the_labels_are_fixed(tmp_path: Path) -> None:
    first = {"first.mp4": 0, "second.mp4": 57}
    moved = {
        name: LabelledBoxes.of(
            [("p", (frame + first[name]) / 25, (8.0 * own, 10, 8.0 * own + 40, 50), frame) for frame in range(0, 40, 2)
             for own in [frame + (7 if name == "second.mp4" else 0)]]
        )
        for name in first
    }  # fmt: skip
    truth = Truth({name: (person("p", video=name),) for name in first}, moved)
    checkup = check(truth, tmp_path, recordings=recordings(*first), sightings={name: moving(name) for name in first})
    (finding,) = checkup.findings
    assert "frame numbers continue from other videos, 50 frames" in finding.what
    assert fix_labels(checkup).boxes["second.mp4"].times_s[0] == pytest.approx(7 / 25)
