"""Attributes by which tools state who is shown, and how old: read, or listed where they are not understood."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from facetally.errors import TruthError
from facetally.truth.formats.annotations import people_values
from facetally.truth.formats.importer import ImportedTruth, import_truth


def track(number: int, first: Any = 0, **attributes: Any) -> str:
    inside = "".join(f'<attribute name="{name}">{text}</attribute>' for name, text in attributes.items())
    edges = 'xtl="1" ytl="2" xbr="30" ybr="40"'
    boxes = "".join(f'<box frame="{frame}" {edges}>{inside}</box>' for frame in range(first, first + 5))
    return f'<track id="{number}" label="face">{boxes}</track>'


def imported(folder: Path, *tracks: str, attributes: Path | None = None) -> ImportedTruth:
    path = folder / "labels.xml"
    path.write_text(f"<annotations><meta><source>a.mp4</source></meta>{''.join(tracks)}</annotations>")
    return import_truth([path], "cvat", fps=25.0, attributes=attributes)


@pytest.mark.parametrize(
    ("age", "band"),
    [
        *(("34", "young"), ("35", "mid"), ("12.5", "child"), ("12,5", "child"), ("70+", "old"), ("30-39", "young/mid")),
        *(("18 months", "child"), ("mid", "mid"), ("old/mid", "old/mid"), ("unsure", "unsure"), ("0", "child")),
    ],
)
@pytest.mark.parametrize("name", ["age", "age_band", "Age"])
def test_an_age_in_years_becomes_its_band(tmp_path: Path, name: str, age: str, band: str) -> None:
    (person,) = imported(tmp_path, track(0, gender="female", **{name: age})).truth.people["a.mp4"]
    assert person.age_band == band


@pytest.mark.parametrize(("age", "why"), [("9-Mar", "is a date"), ("2014", "is not known"), ("0-120", "is not known")])
def test_what_is_no_age_is_refused(tmp_path: Path, age: str, why: str) -> None:
    with pytest.raises(TruthError, match=f"age_band: '{age}' {why}"):
        imported(tmp_path, track(0, gender="female", age=age))


def test_a_separate_file_may_give_ages_in_years(tmp_path: Path) -> None:
    people = tmp_path / "people.csv"
    people.write_text("person,gender,age\n0,f,34\n")
    assert imported(tmp_path, track(0), attributes=people).truth.people["a.mp4"][0].age_band == "young"


@pytest.mark.parametrize("name", ["person", "person_id", "track_id", "id", "Person_ID"])
def test_tracks_of_one_person_are_joined_by_any_of_these_attributes_with_a_note(tmp_path: Path, name: str) -> None:
    tracks = [track(number, 10 * number, gender="male", **{name: who}) for number, who in enumerate("774")]
    found = imported(tmp_path, *tracks)
    assert [person.person for person in found.truth.people["a.mp4"]] == ["7", "4"]
    assert any(f"2 tracks of a.mp4 were joined to 1 by {name}" in note for note in found.notes)


def test_tracks_of_different_people_are_not_joined(tmp_path: Path) -> None:
    tracks = [track(number, gender="male", person_id=number + 1) for number in range(3)]
    assert imported(tmp_path, *tracks).notes == ()


def test_a_track_that_names_nobody_is_not_joined_to_one_that_has_its_number_as_a_name(tmp_path: Path) -> None:
    with pytest.raises(TruthError, match="track 0 from line 1 on: it does not say who it is, and another track says 0"):
        imported(tmp_path, track(0, gender="male"), track(1, 10, gender="male", person="0"))


def test_the_more_explicit_of_two_names_counts() -> None:
    assert people_values("3", [("id", "9"), ("person", "Ann")], [])["person"] == "Ann"
    assert people_values("3", [("id", "9"), ("person", " ")], [])["person"] == "9"


def test_attributes_that_are_there_are_listed_where_no_gender_is_understood(tmp_path: Path) -> None:
    with pytest.raises(TruthError) as caught:
        imported(tmp_path, track(0, Geschlecht="weiblich", mood="", shirt="red"))
    assert (
        "its attributes are Geschlecht = weiblich, mood = (empty), shirt = red; its label is face" in caught.value.what
    )


def test_an_unknown_word_for_a_gender_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(TruthError, match="gender: 'w' is not known") as caught:
        imported(tmp_path, track(0, gender="w"))
    assert "female, male" in caught.value.fix
