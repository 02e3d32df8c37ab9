"""People labelled by time who are never alone in view: no track can be given to them, but the labels count them.

Neighbours: people in no sampled frame, people without any time, images of people, and tracks that may show them.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from labelled_world import VIDEO, boxes_of, face_rows, person, stored, times, track_outcome, track_row, truth_of

from facetally.cli.printing_validation import print_validation
from facetally.truth.labels import LabelledPerson, Truth
from facetally.validation.metrics import matchable_shares, share_figures
from facetally.validation.outcomes import Outcomes
from facetally.validation.report import as_markdown
from facetally.validation.validate import ValidateOptions, Validation, validate_run

COUPLE = (person("ann", "female", (0, 1)), person("bob", "male", (0, 2)))
"""Ann is never alone in view; bob is for one second."""


def validated(folder: Path, *people: LabelledPerson, truth: Truth | None = None) -> Validation:
    """A run with one track, of a man, for two seconds."""
    ledger = stored(folder, {VIDEO: [track_row(0, 0.1)]}, {VIDEO: face_rows(0, times(0, 2))})
    return validate_run(ledger, truth or truth_of(*people), ValidateOptions())


def shares(found: Validation, name: str) -> tuple[float, float]:
    """The labelled share by appearance or screen time: of all, and of matchable people."""
    women = found.figures[name]["female"]
    return women["true"], women["matchable"]


def test_the_labelled_share_counts_people_who_are_never_alone(tmp_path: Path) -> None:
    found = validated(tmp_path, *COUPLE)
    assert shares(found, "share") == (0.5, 0)
    assert shares(found, "screen_time") == (0.3333, 0)
    assert found.figures["truth"]["left_out"] == [f"{VIDEO}: ann"]


def test_the_terminal_shows_both_shares(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    print_validation(validated(tmp_path, *COUPLE).figures)
    shown = capsys.readouterr().out
    assert "by appearance: predicted 0.0 %, labelled 50.0 % (people who can be matched: 0.0 %)" in shown
    assert "by screen time: predicted 0.0 %, labelled 33.3 % (people who can be matched: 0.0 %)" in shown
    assert "1 labelled person is not in the table above: never alone in view" in shown


def test_nothing_is_added_where_all_can_be_matched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = validated(tmp_path, COUPLE[1])
    print_validation(found.figures)
    assert "matched" not in capsys.readouterr().out
    assert "matchable" not in as_markdown(found.figures)


def test_the_report_calls_the_others_matchable(tmp_path: Path) -> None:
    page = as_markdown(validated(tmp_path, *COUPLE).figures)
    assert "| by appearance | 0.0 % | 50.0 % |" in page
    assert "the matchable people, 0.0 % are women by\nappearance and 0.0 % by screen time" in page


def test_people_in_no_sampled_frame_count_in_the_labelled_share(tmp_path: Path) -> None:
    boxes = [*boxes_of("ann", [0.05]), *boxes_of("bob", times(0, 2, 0.5), x=0)]
    truth = truth_of(person("ann", "female", (0.05, 0.09)), person("bob", "male", (0, 2)), boxes=boxes)
    ledger = stored(tmp_path, {VIDEO: [track_row(0, 0.1)]}, {VIDEO: face_rows(0, [0.5, 1.0, 1.5])})
    women = validate_run(ledger, truth, ValidateOptions()).figures["share"]["female"]
    assert women["true"] == 0.5


@pytest.mark.parametrize(
    ("left_out", "share", "time_share"),
    [
        ("ignore", 0, 0),  # images of people and people of unsure gender are in no share
        ("unsure", 0, 0),
        ("female", 0.5, 0.3333),
    ],
)
def test_only_women_and_men_count(tmp_path: Path, left_out: str, share: float, time_share: float) -> None:
    found = validated(tmp_path, person("ann", left_out, (0, 1)), COUPLE[1])
    assert (shares(found, "share")[0], shares(found, "screen_time")[0]) == (share, time_share)


def test_tracks_that_may_show_somebody_never_alone_are_in_the_predicted_share() -> None:
    unclear = replace(track_outcome("unsure", 0.9), person="")
    of_unsure = track_outcome("unsure", 0.9)
    men = tuple(track_outcome("male", 0.1) for _ in range(3))
    assert share_figures(Outcomes(tracks=(*men, unclear, of_unsure)))[0]["raw"] == 0.25


def test_nobody_matchable_has_no_share() -> None:
    assert matchable_shares([]) == (None, None)
