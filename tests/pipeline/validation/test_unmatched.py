"""Who cannot be matched to a track, why, and what to do about it: said for every labelled person."""

from __future__ import annotations

from pathlib import Path

import pytest
from labelled_world import VIDEO, boxes_of, face_rows, person, stored, times, track_row, truth_of

from facetally.options import RunOptions, Sampling
from facetally.results.ledger import Ledger, VideoRow
from facetally.results.tables import FACES, TRACKS
from facetally.truth.labels import LabelledPerson, Truth
from facetally.validation.unmatched import end_of, fix_of, sentences, unmatched_figures, unmatched_without_run
from facetally.validation.validate import ValidateOptions, unmatched_people, validate_run


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """A run with one track, for two seconds of a video."""
    return stored(tmp_path, {VIDEO: [track_row(0, 0.1)]}, {VIDEO: face_rows(0, times(0, 2))})


def lasting(ledger: Ledger, seconds: float) -> Ledger:
    """The same run, knowing how long the video is."""
    (row,) = ledger.rows()
    known = VideoRow(row.video_id, row.video, row.path, "ok", decoded_s=seconds)
    made = ledger.provenance(row.video_id)
    ledger.store(known, FACES.empty_table(), TRACKS.empty_table(), provenance=made)
    return ledger


BOB = person("bob", "male", (0, 2))


@pytest.mark.parametrize(
    ("ann", "reason"),
    [
        (person("ann", "female", (0, 1)), "never_alone"),
        (person("ann", "female", (1, 2.1)), "briefly_alone"),
        (person("ann", "female", (1, 2.3)), None),
        (person("ann"), "no_place"),
        (person("ann", "female", (0, 1), video="gone.mp4"), "not_in_run"),
    ],
)
def test_people_labelled_by_time_are_matched_where_they_are_alone(
    ledger: Ledger, ann: LabelledPerson, reason: str | None
) -> None:
    truth = Truth({VIDEO: (BOB,), "gone.mp4": (ann,)} if ann.video != VIDEO else {VIDEO: (ann, BOB)})
    found = unmatched_people(ledger, truth)
    expected = {reason: [f"ann in {ann.video}"]} if reason else {}
    assert {key: names for key, names in found.items() if names} == expected


def test_boxes_in_no_sampled_frame_are_named(tmp_path: Path) -> None:
    options = RunOptions(sampling=Sampling(every_s=2.0))
    ledger = stored(tmp_path, {VIDEO: [track_row(0, 0.1)]}, {VIDEO: face_rows(0, [0.0, 2.0])}, options=options)
    found = unmatched_people(ledger, truth_of(person("ann"), boxes=boxes_of("ann", [1.0])))
    assert {key: names for key, names in found.items() if names} == {"not_sampled": [f"ann in {VIDEO}"]}


@pytest.mark.parametrize(
    ("start_s", "reason"), [(9.0, None), (9.6, "outside"), (31 * 60.0, "outside")], ids=["inside", "at the end", "late"]
)
def test_labels_after_the_end_of_the_video_are_named_and_nobody_is_missed_there(
    ledger: Ledger, start_s: float, reason: str | None
) -> None:
    truth = truth_of(person("ann", "female", (start_s, start_s + 5)))
    figures = validate_run(lasting(ledger, 9.6), truth, ValidateOptions()).figures
    assert figures["unmatched"]["outside"] == ([f"ann in {VIDEO}"] if reason else [])
    assert figures["people"]["end_to_end"]["count"] == (0 if reason else 1)


def test_boxes_after_the_end_of_the_video_are_no_misses(ledger: Ledger) -> None:
    truth = truth_of(person("ann"), boxes=boxes_of("ann", [60.0, 61.0]))
    figures = validate_run(lasting(ledger, 9.6), truth, ValidateOptions()).figures
    assert figures["unmatched"]["outside"] == [f"ann in {VIDEO}"]
    assert figures["detection"]["boxes"] is None


def test_a_video_ends_where_it_should_if_a_part_could_not_be_decoded() -> None:
    row = VideoRow("v", "v", "/v", "partial", decoded_s=4.0, expected_s=9.0)
    assert end_of(row) == 9.0
    assert end_of(VideoRow("v", "v", "/v", "ok", decoded_s=4.0, expected_s=9.0)) == 4.0
    assert end_of(VideoRow("v", "v", "/v", "failed")) == float("inf")


def test_people_of_a_broken_video_count_as_missed(tmp_path: Path) -> None:
    ledger = stored(tmp_path, {}, failed=[VIDEO])
    found = unmatched_people(ledger, truth_of(person("ann", "female", (0, 2))))
    ((line, fix),) = sentences(found, tmp_path)
    assert line == f"1 labelled person counts as missed: their video could not be read (ann in {VIDEO})"
    assert fix == f"see why: facetally status {tmp_path}"


def test_without_a_run_only_the_labels_themselves_speak() -> None:
    ann, bob = person("ann", "female", (0, 1)), person("bob", "male", (0, 1))
    truth = truth_of(ann, bob, person("cat", "female", (5, 6)))
    found = unmatched_figures(truth, truth.people, unmatched_without_run(truth))
    (text,) = sentences(found, fates=("cannot be matched", "cannot be matched"))
    assert text[0].startswith("2 labelled people cannot be matched: never alone in view")
    assert f"(ann in {VIDEO}, bob in {VIDEO})" in text[0]
    assert "facetally truth template --run OUT --appearances 40 -o NEW" in text[1]


def test_many_people_are_counted_and_some_named() -> None:
    found = unmatched_figures(Truth({}), [], [])
    ((line, _),) = sentences({**found, "never_alone": [f"p{number} in a.mp4" for number in range(20)]})
    assert line.startswith("20 labelled people are not in the table above")
    assert line.endswith("p7 in a.mp4, and 12 more)")


def test_a_suggested_command_quotes_the_folder() -> None:
    assert fix_of("failed", "my run $1") == "see why: facetally status 'my run $1'"
