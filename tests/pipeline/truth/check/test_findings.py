"""Errors in labels are found with file, lines and value, and fixed or refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facetally.errors import TruthError
from facetally.truth.check.checkup import Checkup, check, fix_labels
from facetally.truth.check.findings import Finding
from facetally.truth.check.readings import Recording
from facetally.truth.labels import LabelledBoxes, LabelledPerson, Truth

VIDEO = Recording(np.arange(250) / 25, 10.0, 640, 360, fps=25.0)
FOLDER = Path("labels")
BOX = (100.0, 100.0, 140.0, 150.0)
Row = tuple[str, float, tuple[float, ...], int]


def truth_of(*rows: Row, people: tuple[LabelledPerson, ...] = ()) -> Truth:
    """Labels of a.mp4 from (person, time_s, box, line)."""
    names = sorted({row[0] for row in rows})
    known = tuple(LabelledPerson("a.mp4", name, "female", line=number + 2) for number, name in enumerate(names))
    return Truth({"a.mp4": known + people}, {"a.mp4": LabelledBoxes.of(rows)} if rows else {})


def checked(truth: Truth, recording: Recording = VIDEO) -> Checkup:
    return check(truth, FOLDER, recordings={"a.mp4": recording}, sightings={})


def the_finding(truth: Truth, recording: Recording = VIDEO) -> Finding:
    """The only finding."""
    (finding,) = checked(truth, recording).findings
    return finding


def test_correct_labels_have_no_finding_and_stay_unchanged() -> None:
    truth = truth_of(("p", 0.0, BOX, 2), ("p", 9.96, BOX, 3), ("p", 0.48, (600, 300, 680, 400), 4))
    checkup = checked(truth)
    assert checkup.findings == ()
    assert fix_labels(checkup) == truth


def test_a_finding_names_file_lines_column_and_value() -> None:
    rows = [("p", 11.0 + line, BOX, line) for line in range(9, 2, -1)]
    finding = the_finding(truth_of(*rows))
    assert str(finding) == (
        "labels/boxes.csv, lines 3, 4, 5 and 4 more, column time_s: '14' is not within a.mp4, which ends at 10.00 s"
    )
    assert (finding.kind, finding.is_fixable) == ("past_end", False)
    assert finding.fix


def test_a_label_far_past_the_end_is_refused_with_its_line() -> None:
    checkup = checked(truth_of(("p", 1.0, BOX, 2), ("p", 12.0, BOX, 7)))
    with pytest.raises(TruthError, match=r"line 7, column time_s: '12' is not within a.mp4") as caught:
        fix_labels(checkup)
    assert caught.value.fix == checkup.findings[0].fix


def test_a_label_at_the_very_end_moves_to_the_last_frame() -> None:
    checkup = checked(truth_of(("p", 0.0, BOX, 2), ("p", 10.0, BOX, 3)))
    (finding,) = checkup.findings
    assert (finding.kind, finding.value, finding.lines) == ("past_end", "10", (3,))
    assert fix_labels(checkup).boxes["a.mp4"].times_s.tolist() == [0.0, 9.96]


def test_times_of_the_container_are_fixed_where_they_extend_past_the_video() -> None:
    rows = [("p", 4.0 + 0.48 * number, BOX, 2 + number) for number in range(20)]
    timed = LabelledPerson("a.mp4", "timed", "male", intervals_s=((4.0, 13.0),), line=9)
    checkup = checked(truth_of(*rows, people=(timed,)), replace(VIDEO, start_s=4.0))
    (finding,) = checkup.findings
    assert (finding.kind, finding.value, len(finding.lines)) == ("time", "4", 20)
    assert "count as the container does, from 4.000 s; with this reading they fit the video" in finding.what
    assert fix_labels(checkup).people["a.mp4"][1].intervals_s == ((0.0, 9.0),)
    assert fix_labels(checkup).boxes["a.mp4"].times_s == pytest.approx(0.48 * np.arange(20))


def test_times_between_frames_move_to_the_nearer_frame() -> None:
    rows = [("p", 0.04 * number, BOX, 2 + number) for number in range(60)]
    checkup = checked(truth_of(*rows, ("p", 3.017, BOX, 70), ("p", 3.013, BOX, 71)))
    (finding,) = checkup.findings
    assert (finding.kind, finding.value, finding.lines) == ("off_frame", "3.017", (70, 71))
    assert fix_labels(checkup).boxes["a.mp4"].times_s[-1] == 3.0
    assert len(fix_labels(checkup).boxes["a.mp4"].times_s) == 61  # two labels of one person at one frame: one is kept


def test_times_that_two_rates_explain_are_refused_without_a_run() -> None:
    finding = the_finding(truth_of(*[("p", 0.5 + second, BOX, 2) for second in range(5)]))
    assert (finding.kind, finding.is_fixable) == ("off_frame", False)
    assert "24 frames/s or if times are frame numbers at 30 frames/s" in finding.what
    assert "--run OUT" in finding.fix


@pytest.mark.parametrize(("box", "column"), [((-90, 10, -1, 60), "x1"), ((10, 365, 60, 400), "y2")])
def test_a_box_outside_the_frame_is_refused(box: tuple[float, ...], column: str) -> None:
    finding = the_finding(truth_of(("p", 1.0, BOX, 2), ("p", 2.0, box, 3)))
    assert (finding.kind, finding.lines, finding.column, finding.is_fixable) == ("outside", (3,), column, False)
    assert "640 x 360 px" in finding.what


def test_a_box_mostly_outside_the_frame_is_cut_off() -> None:
    checkup = checked(truth_of(("p", 1.0, BOX, 2), ("p", 2.0, (-80, 10, 20, 60), 3)))
    (finding,) = checkup.findings
    assert (finding.kind, finding.column, finding.value, finding.is_fixable) == ("cut", "x1", "-80", True)
    assert fix_labels(checkup).boxes["a.mp4"].boxes.tolist() == [list(BOX), [0, 10, 20, 60]]


def test_a_face_cut_in_half_by_the_edge_is_no_finding() -> None:
    assert checked(truth_of(("p", 1.0, (-40, 10, 60, 60), 2))).findings == ()


def test_two_people_in_one_box_are_refused() -> None:
    rows = [("p", 1.0, BOX, 5), ("q", 1.0, (100, 100, 141, 150), 3), ("r", 1.0, (110, 100, 150, 150), 4)]
    finding = the_finding(truth_of(*rows, ("p", 2.0, BOX, 6)))
    assert (finding.kind, finding.lines, finding.is_fixable) == ("same_box", (3, 5), False)
    assert "p and q share at 1 s" in finding.what


def test_people_without_a_label_are_refused() -> None:
    nobody = LabelledPerson("a.mp4", "nobody", "male", line=8)
    timed = LabelledPerson("a.mp4", "timed", "male", intervals_s=((1.0, 2.0),), line=9)
    finding = the_finding(truth_of(("p", 1.0, BOX, 2), people=(nobody, timed)))
    assert (finding.kind, finding.file, finding.lines) == ("no_label", FOLDER / "people.csv", (8,))
    assert (finding.value, finding.is_fixable) == ("nobody", False)


@pytest.mark.parametrize(
    ("interval_s", "column", "meant"),
    [((8.0, 12.0), "end_s", (8.0, 10.0)), ((8.0, 10.9), None, (8.0, 10.9)), ((10.5, 12.0), "start_s", None)],
)
def test_intervals_end_with_the_video(
    interval_s: tuple[float, float], column: str | None, meant: tuple[float, float] | None
) -> None:
    timed = LabelledPerson("a.mp4", "timed", "male", intervals_s=(interval_s,), line=9)
    checkup = checked(truth_of(people=(timed,)))
    assert [finding.column for finding in checkup.findings] == ([column] if column else [])
    assert all(finding.is_fixable is bool(meant) for finding in checkup.findings)
    if meant:
        assert fix_labels(checkup).people["a.mp4"][0].intervals_s == (meant,)


def test_all_times_of_a_video_are_fixed_in_the_same_way() -> None:
    timed = LabelledPerson("a.mp4", "timed", "male", intervals_s=((2.4, 4.8),), line=9)
    rows = [("p", number / 30, BOX, 2) for number in range(7, 200, 7)]
    truth = replace(truth_of(*rows, people=(timed,)), labelled_until_s={"a.mp4": 6.0})
    fixed = fix_labels(checked(truth))
    assert fixed.boxes["a.mp4"].times_s == pytest.approx(np.arange(7, 200, 7) / 25)
    assert fixed.people["a.mp4"][1].intervals_s[0] == pytest.approx((2.88, 5.76))
    assert fixed.labelled_until_s["a.mp4"] == pytest.approx(7.2)


@pytest.mark.parametrize(("start_s", "is_hinted"), [(120.0, True), (121.0, False), (660.0, False)])
def test_minutes_that_a_spreadsheet_took_for_hours_are_recognised(start_s: float, is_hinted: bool) -> None:
    late = LabelledPerson("a.mp4", "q", "male", intervals_s=((start_s, start_s + 60),), line=9)
    finding = the_finding(truth_of(people=(late,)))
    assert finding.kind == "past_end"
    assert ("a spreadsheet has made hours" in finding.fix) == is_hinted


def test_whom_nobody_has_labelled_yet_is_no_finding() -> None:
    waiting = LabelledPerson("a.mp4", "p1", "unsure", line=3, is_labelled=False)
    assert checked(truth_of(people=(waiting,))).findings == ()
    assert the_finding(truth_of(people=(replace(waiting, is_labelled=True),))).kind == "no_label"
