"""What the entries of a journal add up to: the last one wins, undo takes back, annotators are joined."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from facetally.labelling.journal import Entry
from facetally.labelling.labels import MissedFace, MomentLabel, TrackLabel
from facetally.labelling.record import Record

MOMENT = ("v", 2.4)


class Scribe:
    """Makes a record entry by entry."""

    def __init__(self) -> None:
        self.record = Record()
        self._numbers: Counter[str] = Counter()

    def track(self, place: int, by: str = "anna", tab: str = "", settles: bool = False, **values: Any) -> None:
        self._add(Entry(by, 0, "track", "random", "", tab, "v", place, values, settles=settles, took_s=place + 1))

    def moment(self, by: str = "anna", settles: bool = False, **values: Any) -> None:
        self._add(Entry(by, 0, "moment", "random", "", "", *MOMENT, values, settles=settles))

    def undo(self, number: int, by: str = "anna") -> None:
        self._add(Entry(by, 0, "undo", "random", "", undoes=number))

    def _add(self, entry: Entry) -> None:
        self._numbers[entry.annotator] += 1
        number = self._numbers[entry.annotator]
        self.record.add([Entry.of_json({**entry.as_json(), "number": number, "at": f"{number:03}"})])

    def label(self, place: int) -> TrackLabel | None:
        return self.record.labels().tracks.get(("v", place))


@pytest.fixture
def scribe() -> Scribe:
    return Scribe()


def test_the_last_answer_wins_and_keeps_the_age(scribe: Scribe) -> None:
    scribe.track(1, age_band="old")
    scribe.track(1, answer="female")
    scribe.track(1, answer="male", face_quality="poor")
    assert scribe.label(1) == TrackLabel("male", "old", "poor")


def test_an_age_alone_is_no_label(scribe: Scribe) -> None:
    scribe.track(1, age_band="old")
    assert scribe.label(1) is None


def test_an_undone_answer_was_never_given(scribe: Scribe) -> None:
    scribe.track(1, answer="female")
    scribe.track(1, answer="male")
    scribe.undo(2)
    assert scribe.label(1) == TrackLabel("female")
    scribe.undo(1)
    assert scribe.label(1) is None


def test_undo_takes_the_last_entry_of_the_tab(scribe: Scribe) -> None:
    scribe.track(1, answer="female", tab="one")
    scribe.track(2, answer="female", tab="two")
    for tab, number in (("one", 1), ("two", 2), ("new", 2)):
        newest = scribe.record.newest("anna", tab)
        assert newest and newest.number == number
    scribe.undo(1)
    scribe.undo(2)
    assert scribe.record.newest("anna", "one") is None


def test_the_same_person_has_the_answer_of_the_first_track(scribe: Scribe) -> None:
    scribe.track(1, answer="female", age_band="mid")
    scribe.track(2, same_as=1)
    scribe.track(3, same_as=2, face_quality="poor")
    assert scribe.label(2) == TrackLabel("female", "mid", person=("v", 1))
    assert scribe.label(3) == TrackLabel("female", "mid", "poor", person=("v", 1))
    scribe.track(1, answer="male")
    assert scribe.label(3) == TrackLabel("male", "mid", "poor", person=("v", 1))


def test_an_answer_ends_being_the_same_person(scribe: Scribe) -> None:
    scribe.track(1, answer="female")
    scribe.track(2, same_as=1)
    scribe.track(2, answer="male")
    assert scribe.label(2) == TrackLabel("male")


def test_tracks_that_refer_to_each_other_have_no_answer(scribe: Scribe) -> None:
    scribe.track(1, same_as=2)
    scribe.track(2, same_as=1)
    scribe.track(3, same_as=4)
    assert scribe.record.labels().tracks == {}


def test_annotators_who_agree_give_one_label(scribe: Scribe) -> None:
    scribe.track(1, answer="female", age_band="mid")
    scribe.track(1, by="ben", answer="female", age_band="young", face_quality="poor")
    assert scribe.label(1) == TrackLabel("female", "mid/young", "poor")


def test_annotators_who_differ_give_unsure_until_it_is_settled(scribe: Scribe) -> None:
    scribe.track(1, answer="female")
    scribe.track(1, by="ben", answer="male")
    assert scribe.record.is_disputed(("v", 1))
    assert scribe.label(1) == TrackLabel("unsure", note="annotators differ: anna: female; ben: male")
    scribe.track(1, by="cleo", answer="male", settles=True)
    assert not scribe.record.is_disputed(("v", 1))
    assert scribe.label(1) == TrackLabel("male")
    scribe.undo(1, by="cleo")
    assert scribe.record.is_disputed(("v", 1))


def test_who_settles_keeps_the_own_label_apart(scribe: Scribe) -> None:
    scribe.track(1, answer="female")
    scribe.track(1, by="ben", answer="male")
    scribe.track(1, answer="male", settles=True)
    assert scribe.label(1) == TrackLabel("male")
    assert {name: label.answer for name, label in scribe.record.track_labels(("v", 1)).items()} == {
        "anna": "female",
        "ben": "male",
    }


def test_several_people_are_unsure_in_the_tables_with_a_note(scribe: Scribe) -> None:
    scribe.track(1, answer="several")
    label = scribe.label(1)
    assert label and (label.answer, label.gender, label.note) == ("several", "unsure", "several people in this track")


def test_a_moment_counts_when_it_is_finished(scribe: Scribe) -> None:
    face = {"box": [1, 2, 3, 4], "gender": "male"}
    scribe.moment(missed=[face])
    assert scribe.record.labels().moments == {}
    scribe.moment(missed=[face], done=True)
    assert scribe.record.labels().moments == {MOMENT: MomentLabel((MissedFace((1, 2, 3, 4), "male"),))}


def test_the_pace_is_that_of_finished_items(scribe: Scribe) -> None:
    scribe.track(1, age_band="old")
    for place in (1, 2, 3):
        scribe.track(place, answer="female")
    assert scribe.record.took_s("anna", 2) == [3, 4]
