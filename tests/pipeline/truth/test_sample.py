"""Appearances drawn at random from a run, to label these: the draw, its file, and when labels of it are a sample."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from labelled_world import corpus, face_rows, stored, times, track_row

from facetally.errors import OptionError, OutputError, TruthError
from facetally.results.ledger import Ledger
from facetally.truth.files import read_truth, write_truth
from facetally.truth.labels import Truth
from facetally.truth.sample import SAMPLE_FILE, draw_appearances, read_sample, sample_flaw

NINE_AND_ONE = {"a/many.mp4": [("female", 0.9, 1.0)] * 9, "b/one.mp4": [("male", 0.1, 1.0)]}


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """A run with nine appearances in one video, and one in another."""
    return corpus(tmp_path / "out", NINE_AND_ONE)[0]


def labelled(truth: Truth, *numbers: int) -> Truth:
    """The draw with some of its people labelled."""
    people = {
        video: tuple(replace(p, is_labelled=int(p.person) in numbers, gender="female") for p in members)
        for video, members in truth.people.items()
    }
    return replace(truth, people=people)


def test_a_seed_always_gives_the_same_draw(ledger: Ledger) -> None:
    first, same, other = (draw_appearances(ledger, 5, seed).sample for seed in (1, 1, 2))
    assert first == same
    assert first is not None
    assert other is not None
    assert first.drawn != other.drawn
    assert (first.seed, first.appearance_count, len(first.drawn)) == (1, 10, 5)


def test_every_appearance_is_equally_likely_not_every_video(ledger: Ledger) -> None:
    drawn = [draw_appearances(ledger, 1, seed).people for seed in range(300)]
    assert 15 <= sum("b/one.mp4" in people for people in drawn) <= 45  # 30 of 300, give or take three deviations


def test_people_are_numbered_in_the_order_of_the_draw_and_have_no_gender(ledger: Ledger) -> None:
    truth = draw_appearances(ledger, 20, seed=3)
    assert truth.sample is not None
    assert [one.person for one in truth.sample.drawn] == [str(number) for number in range(1, 11)]  # all there are
    assert len({(one.video, one.track_id) for one in truth.sample.drawn}) == 10
    assert len(truth.unlabelled) == 10
    assert truth.sources == {"a/many.mp4": "a", "b/one.mp4": "b"}


def test_an_appearance_has_its_times_and_a_box_a_second(tmp_path: Path) -> None:
    faces = [*face_rows(-1, [0.0], x=90), *face_rows(7, times(1.0, 3.6), x=20)]
    ledger = stored(tmp_path, {"a.mp4": [track_row(7, 0.9)]}, {"a.mp4": faces})
    truth = draw_appearances(ledger, 1, seed=1)
    (person,) = truth.people["a.mp4"]
    assert person.intervals_s == ((1.0, 3.6),)
    assert truth.boxes["a.mp4"].times_s.tolist() == [1.0, 2.0, 3.0, 3.4]  # the last face too
    assert truth.boxes["a.mp4"].boxes[0].tolist() == [20, 10, 60, 50]


def test_the_draw_is_written_and_read_back(ledger: Ledger, tmp_path: Path) -> None:
    truth = draw_appearances(ledger, 4, seed=5)
    write_truth(truth, tmp_path / "truth", hints=True)
    again = read_truth(tmp_path / "truth")
    assert again.sample == truth.sample
    assert {person.person for person in again.unlabelled} == {"1", "2", "3", "4"}
    lines = (tmp_path / "truth" / "people.csv").read_text().splitlines()
    assert [line.split(",")[1] for line in lines[2:]] == ["1", "2", "3", "4"]  # below the header and the values


def test_a_draw_needs_appearances(ledger: Ledger, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="--appearances 0"):
        draw_appearances(ledger, 0, seed=1)
    with pytest.raises(OutputError, match="holds no results"):
        draw_appearances(Ledger(tmp_path / "none"), 1, seed=1)
    with pytest.raises(TruthError, match="has no appearances"):
        draw_appearances(stored(tmp_path / "empty", {"a.mp4": []}), 1, seed=1)


@pytest.mark.parametrize(
    ("numbers", "flaw"),
    [((), ""), ((1, 2, 3), ""), ((1, 2, 4), "not 3: write unsure"), ((2,), "not 1: write unsure")],
)
def test_labels_from_the_top_down_are_a_sample(ledger: Ledger, numbers: tuple[int, ...], flaw: str) -> None:
    found = sample_flaw(labelled(draw_appearances(ledger, 5, seed=1), *numbers))
    assert flaw in found
    assert bool(found) == bool(flaw)


def test_labels_of_others_beside_the_draw_are_no_sample(ledger: Ledger) -> None:
    truth = labelled(draw_appearances(ledger, 10, seed=1), 1)
    (*_, last) = truth.people["a/many.mp4"]
    people = truth.people | {"a/many.mp4": (replace(last, person="Ann", is_labelled=True),)}
    assert "Ann of a/many.mp4 is labelled, but was not drawn" in sample_flaw(replace(truth, people=people))
    assert sample_flaw(replace(truth, sample=None)) == ""


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "[" * 100_000, '{"seed": 1' + "0" * 6000 + "}", '{"schema_version": 1, "seed": 1, "drawn": [3]}'],
    ids=["empty", "list", "object", "deep", "digits", "drawn"],
)
def test_a_damaged_draw_is_an_error_with_a_fix(tmp_path: Path, text: str) -> None:
    (tmp_path / SAMPLE_FILE).write_text(text)
    with pytest.raises(TruthError, match=r"sample\.json") as caught:
        read_sample(tmp_path / SAMPLE_FILE)
    assert "restore the file" in caught.value.fix


def test_a_draw_of_a_newer_version_is_refused(ledger: Ledger, tmp_path: Path) -> None:
    write_truth(draw_appearances(ledger, 1, seed=1), tmp_path / "truth")
    path = tmp_path / "truth" / SAMPLE_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema_version": 2}))
    with pytest.raises(TruthError, match="newer facetally"):
        read_sample(path)
