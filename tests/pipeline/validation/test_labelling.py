"""How far the labelling is, and what follows: which shares are compared, which is quoted, and what is a sample."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from labelled_world import VIDEO, corpus, face_rows, person, stored, times, track_row, truth_of

from facetally.cli.printing_validation import print_validation
from facetally.errors import TruthError
from facetally.results.ledger import Ledger
from facetally.truth.label_rows import GENDER_WORDS
from facetally.truth.labels import Truth
from facetally.truth.sample import draw_appearances
from facetally.validation.labelling import quoted, started
from facetally.validation.metrics import Figures
from facetally.validation.validate import ValidateOptions, validate_run

PEOPLE = [("female", 0.9, 1.0), ("female", 0.2, 1.0), ("male", 0.1, 1.0)]
FOURTEEN = {f"s{number:02}/a.mp4": PEOPLE for number in range(14)}
"""A third of the women is misclassified."""


def filled_in(truth: Truth, count: int, gender: str = "") -> Truth:
    """The first people of a draw, labelled as they are (even probabilities are of women), or all alike."""
    assert truth.sample is not None
    women = {one.key for one in truth.sample.drawn if one.track_id in (0, 1)}
    people = {
        video: tuple(
            replace(
                p, is_labelled=True, gender=GENDER_WORDS[gender or ("female" if (video, p.person) in women else "male")]
            )
            if int(p.person) <= count
            else p
            for p in members
        )
        for video, members in truth.people.items()
    }
    return replace(truth, people=people)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return corpus(tmp_path, FOURTEEN)[0]


def drawn(ledger: Ledger, labelled: int, count: int = 30) -> Figures:
    """The validation of a draw of which the first are labelled."""
    return validate_run(ledger, filled_in(draw_appearances(ledger, count, 1), labelled), ValidateOptions()).figures


def test_labels_of_a_draw_count_as_a_random_sample(ledger: Ledger) -> None:
    figures = drawn(ledger, 30)
    labelling = {"labelled": 30, "of": 30, "is_sample": True, "not_a_sample": "", "seed": 1, "drawn_from": 42}
    assert {name: figures["labelling"][name] for name in labelling} == labelling
    assert figures["share"]["female"]["quote"]["method"] == "prediction_powered"
    assert abs(figures["share"]["female"]["quote"]["share"] - 2 / 3) < 0.1
    assert figures["share"]["female"]["run"]["raw"]["share"] == 0.3333


def test_appearances_that_were_not_drawn_are_neither_false_nor_missed(ledger: Ledger) -> None:
    figures = drawn(ledger, 12)
    assert figures["people"]["end_to_end"]["count"] == figures["people"]["count"] == 12
    assert (figures["tracks"]["count"], figures["tracks"]["false"]) == (12, 0)
    assert figures["tracking"]["boxes"] == 0  # how tracks were cut cannot be seen


def test_what_shows_no_face_counts_as_false(ledger: Ledger) -> None:
    truth = filled_in(draw_appearances(ledger, 10, 1), 10, "not_a_face")
    figures = validate_run(ledger, truth, ValidateOptions()).figures
    assert (figures["tracks"]["all"], figures["tracks"]["on_no_face"]) == (10, 10)


def test_shares_of_a_draw_are_not_compared_and_the_reason_stands_there(
    ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = drawn(ledger, 12)
    assert figures["share"]["female"]["raw"] is figures["share"]["female"]["true"] is None
    print_validation(figures)
    shown = capsys.readouterr().out
    assert "not compared: only 12 of the run's 42 appearances are labelled, no whole video" in shown
    assert "12 of 30 appearances labelled so far; the others do not count yet" in shown
    assert "Share of women by appearance" not in shown
    assert "end to end" not in shown


def test_labels_from_few_sources_are_called_too_few_for_intervals(
    ledger: Ledger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = corpus(tmp_path / "few", {"a.mp4": PEOPLE, "b.mp4": PEOPLE})
    print_validation(validate_run(*few, ValidateOptions()).figures)
    assert "The labels are from 2 sources, too few for reliable intervals" in capsys.readouterr().out
    print_validation(drawn(ledger, 30))
    assert "too few" not in capsys.readouterr().out


def test_a_draw_from_another_run_is_no_sample_of_this_one(ledger: Ledger, tmp_path: Path) -> None:
    truth = filled_in(draw_appearances(ledger, 30, 1), 30)
    larger, _ = corpus(tmp_path / "larger", FOURTEEN | {"t/b.mp4": PEOPLE})
    labelling = validate_run(larger, truth, ValidateOptions()).figures["labelling"]
    assert not labelling["is_sample"]
    assert labelling["not_a_sample"] == "they were drawn from a run with 42 appearances, this one has 45"


def test_videos_with_people_still_to_label_are_not_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ledger, truth = corpus(tmp_path, {"a.mp4": PEOPLE, "b.mp4": PEOPLE})
    first, *others = truth.people["a.mp4"]
    waiting = replace(first, gender="unsure", is_labelled=False)
    truth = replace(truth, people=truth.people | {"a.mp4": (waiting, *others)})
    figures = validate_run(ledger, truth, ValidateOptions()).figures
    assert (figures["share"]["female"]["raw"], figures["share"]["female"]["true"]) == (0.3333, 0.6667)  # of b.mp4
    assert figures["tracks"]["false"] == 0  # the track on somebody to label is not false
    print_validation(figures)
    assert "labelled 66.7 % (of 1 wholly labelled video)" in capsys.readouterr().out


def test_videos_in_which_nobody_is_labelled_yet_are_left_out(tmp_path: Path) -> None:
    ledger, truth = corpus(tmp_path, {"a.mp4": PEOPLE, "b.mp4": PEOPLE})
    waiting = tuple(replace(one, is_labelled=False) for one in truth.people["b.mp4"])
    truth = replace(truth, people=truth.people | {"b.mp4": waiting})
    figures = validate_run(ledger, truth, ValidateOptions()).figures
    assert (figures["truth"]["videos"], figures["tracks"]["all"]) == (1, 3)
    assert (figures["labelling"]["labelled"], figures["labelling"]["of"]) == (3, 6)


def test_somebody_must_be_labelled() -> None:
    with pytest.raises(TruthError, match=r"nobody is labelled yet: .* is empty for 1 person") as caught:
        started(truth_of(replace(person("ann", "unsure", (0, 1)), is_labelled=False)))
    assert caught.value.fix.startswith("fill it in: female, male")


def test_more_faces_than_labels_are_not_a_wholly_labelled_video(tmp_path: Path) -> None:
    faces = [row for track in range(4) for row in face_rows(track, times(0, 2), x=100.0 * track)]
    ledger = stored(tmp_path, {VIDEO: [track_row(track, 0.9) for track in range(4)]}, {VIDEO: faces})
    pair = truth_of(person("ann", "female", (0, 2)), person("bob", "male", (0, 2)))
    figures = validate_run(ledger, pair, ValidateOptions()).figures
    assert figures["labelling"]["not_compared"].startswith("more faces are in view than people are labelled in film/a")
    assert figures["share"]["female"]["raw"] is None


PACC = "probabilistic_adjusted_count"
REFUSED = {"share": None, "low": None, "high": None, "refusal": "too close"}
ALLOWED = {"share": 0.5, "low": 0.4, "high": 0.6}
MANY = {"female": {"count": 9}, "male": {"count": 9}}


@pytest.mark.parametrize(
    ("corrected", "method"),
    [
        ({"em": ALLOWED, PACC: ALLOWED, "adjusted_count": ALLOWED}, "em"),
        ({"em": ALLOWED, PACC: ALLOWED, "prediction_powered": ALLOWED}, "prediction_powered"),
        ({"em": REFUSED, PACC: ALLOWED, "prediction_powered": REFUSED}, PACC),
        ({"em": REFUSED, PACC: REFUSED}, None),
        ({"raw": ALLOWED}, None),
    ],
)
def test_one_corrected_figure_is_to_quote(corrected: Figures, method: str | None) -> None:
    quote = quoted(corrected, MANY)
    assert quote["method"] == method
    assert quote["share"] == (0.5 if method else None)
    assert bool(quote["refusal"]) == (method is None)


def test_a_refusal_counts_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures = validate_run(*corpus(tmp_path, {"a.mp4": PEOPLE}), ValidateOptions()).figures
    print_validation(figures)
    assert (
        "at least 5 women and 5 men who are labelled and found are needed, there are 2 and 1" in capsys.readouterr().out
    )


def test_labels_of_excluded_videos_are_said_to_be_excluded_and_do_not_count(
    ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = filled_in(draw_appearances(ledger, 42, 1), 42, "not_a_face")
    ledger.store_names({}, [], exclude=["s00/*"], excluded={"id-s00_a.mp4": "s00/a.mp4"})
    figures = validate_run(ledger, truth, ValidateOptions()).figures
    assert (len(figures["unmatched"]["excluded"]), figures["unmatched"]["not_in_run"]) == (3, [])
    print_validation(figures)
    shown = capsys.readouterr().out
    assert "39 of 39 labelled appearances show no face" in shown
    assert "3 labelled people are not in the table above: their video is excluded from the run" in shown
    assert "with --include-all" in shown


@pytest.mark.parametrize(
    ("labelled", "further", "advice"),
    [
        (20, 10, "label about 10 more appearances\n"),
        (20, 14, "label about 14 more appearances; only 10 are left: draw more, of which the first 30 are the same: "),
        (20, 14, "facetally truth template --run 'my out' --appearances 34 --seed 1 -o NEW\n"),
        (20, 22, "--appearances 42 --seed 1 -o NEW\n"),
        (20, 80, "about 80 more labelled appearances would be needed, but the run has only 22 appearances without a "),
        (30, 5, "; all that were drawn are labelled: draw more"),
    ],
)
def test_no_more_appearances_are_asked_for_than_are_left(
    ledger: Ledger, capsys: pytest.CaptureFixture[str], labelled: int, further: int, advice: str
) -> None:
    print_validation(drawn(ledger, labelled) | {"exit_code": 3, "further_people": further}, "my out")
    assert advice in capsys.readouterr().out


def test_a_run_without_further_appearances_asks_for_no_other_draw(
    ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    print_validation(drawn(ledger, 40, 42) | {"exit_code": 3, "further_people": 9})
    shown = capsys.readouterr().out
    assert "the run has only 2 appearances without a label: labelling all of it does not settle it" in shown


def test_the_figure_to_quote_has_no_interval_with_few_sources(
    ledger: Ledger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few, _ = corpus(tmp_path / "few", {f"s{number % 2}/{number}.mp4": PEOPLE for number in range(14)})
    print_validation(drawn(few, 42, 42))
    assert "women (no interval: the labels are from 2 sources, it needs at least 5; " in capsys.readouterr().out
    print_validation(drawn(ledger, 42, 42))
    assert "women (95 % interval" in capsys.readouterr().out
