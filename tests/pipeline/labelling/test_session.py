"""A labelling without its server: what is open, what another tab shows, what a second annotator sees."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from facetally.errors import TruthError
from facetally.labelling.answers import BadAnswerError
from facetally.labelling.journal import Entry, Journal
from facetally.labelling.open_items import LabelOptions
from facetally.labelling.sample import Sample
from facetally.labelling.session import AHEAD, Session
from facetally.labelling.truth_folder import TruthFolder
from facetally.labelling.upkeep import Upkeep

Start = Callable[..., Session]


@pytest.fixture
def start(sample: Sample, tmp_path: Path) -> Iterator[Start]:
    """Begins a labelling in the same folder."""
    sessions: list[Session] = []

    def begin(annotator: str = "anna", **options: Any) -> Session:
        sessions.append(Session(sample, Journal(tmp_path), LabelOptions(annotator, **options)))
        return sessions[-1]

    yield begin
    for session in sessions:
        session.views.close()


def answer(session: Session, number: int, tab: str = "t", **values: Any) -> dict[str, Any]:
    return session.save({"kind": "track", "number": number, "set": values or {"answer": "female"}, "took_s": 2}, tab)


def upcoming(session: Session, tab: str = "t") -> int:
    first: int = session.counts(tab)["next"]["track"][0]
    return first


def test_a_restart_goes_on_with_the_first_open_item(start: Start) -> None:
    session = start()
    for number in (0, 1, 3):
        answer(session, number)
    assert start().counts("t")["next"]["track"][:2] == [2, 4]
    assert start().counts("t")["labelled"] == {"track": 3, "moment": 0}


def test_another_annotator_sees_the_whole_sample(start: Start) -> None:
    answer(start(), 0)
    assert upcoming(start("ben")) == 0


def test_a_tab_is_not_given_what_another_one_shows(start: Start) -> None:
    session = start()
    session.item("track", 0, "one")
    assert upcoming(session, "two") == 1
    session.item("track", 1, "two")
    assert (upcoming(session, "one"), upcoming(session, "two"), upcoming(session, "three")) == (0, 1, 2)


def test_the_last_item_is_shown_even_if_another_tab_shows_it(start: Start) -> None:
    session = start()
    for number in range(11):
        answer(session, number)
    session.item("track", 11, "one")
    assert session.counts("two")["next"]["track"] == [11]
    answer(session, 11)
    assert session.counts("two")["next"]["track"] == []


def test_undo_opens_what_refers_to_the_item(start: Start, sample: Sample) -> None:
    session = start()
    first, second = (track.order for track in next(iter(sample.by_video.values()))[:2])
    answer(session, first)
    answer(session, second, same_as=first)
    assert session.item("track", second, "t")["fields"] == {"same_as": first}
    assert session.counts("t")["labelled"]["track"] == 2
    session.undo("t")
    session.undo("t")
    assert session.counts("t")["labelled"]["track"] == 0
    assert session.undo("t")["number"] is None


def test_the_same_person_must_be_labelled_and_in_the_same_video(start: Start, sample: Sample) -> None:
    session = start()
    one, other = (tracks[0].order for tracks in sample.by_video.values())
    second = next(iter(sample.by_video.values()))[1].order
    answer(session, other)
    for number in (other, second, one):
        with pytest.raises(BadAnswerError, match="is not labelled, or in another video"):
            answer(session, one, same_as=number)
    answer(session, second)
    answer(session, one, same_as=second)
    assert one not in session.item("track", second, "t")["people"]


def test_only_what_annotators_differ_about_is_settled(start: Start) -> None:
    anna, ben = start(), start("ben")
    for number in (0, 1):
        answer(anna, number)
    answer(ben, 0)
    answer(ben, 1, answer="male")
    judge = start("anna", settle=True)
    assert judge.counts("t")["next"] == {"track": [1], "moment": []}
    assert judge.item("track", 1, "t")["said"] == {"anna": "female", "ben": "male"}
    assert judge.item("track", 1, "t")["fields"] == {}
    answer(judge, 1, answer="male")
    assert judge.counts("t")["next"]["track"] == []
    assert judge.labels().tracks[judge.sample.design.tracks[1].key].answer == "male"


@pytest.mark.parametrize(("kind", "other"), [("track", "moment"), ("moment", "track")])
def test_what_the_tab_does_not_show_waits(start: Start, monkeypatch: pytest.MonkeyPatch, kind: str, other: str) -> None:
    session, asked = start(), list[str]()
    monkeypatch.setattr(session.views, "ask", lambda key: asked.append(key[0]))
    session.item(kind, 0, "t")
    session.prefetch("t")
    assert asked == [kind] * {"track": AHEAD, "moment": 3}[kind] + [other]


def test_labels_of_another_process_are_taken_in(start: Start) -> None:
    one, two = start(), start()
    answer(one, 0)
    assert upcoming(two) == 1


def test_a_journal_of_another_sample_is_refused(start: Start, tmp_path: Path) -> None:
    Journal(tmp_path).append(Entry("anna", 0, "track", "random", "", "", "elsewhere", 0, {"answer": "male"}))
    with pytest.raises(TruthError, match="holds labels of another sample"):
        start()


def test_labels_of_another_mode_are_refused(start: Start, sample: Sample, tmp_path: Path) -> None:
    Journal(tmp_path).append(Entry("anna", 0, "track", "uncertain", "", "", *sample.design.tracks[0].key))
    with pytest.raises(TruthError, match="holds labels of another sample"):
        start()


def test_the_verdict_and_the_pace_are_for_the_page(start: Start, tmp_path: Path) -> None:
    session = start()
    for number in range(12):
        right = session.sample.predictions[session.sample.design.tracks[number].key].female_prob > 0.5
        answer(session, number, answer="female" if right else "male")
    session.save({"kind": "moment", "number": 0, "set": {"missed": [], "done": True}}, "t")
    upkeep = Upkeep(session, TruthFolder(tmp_path), 0.85)
    upkeep.start()
    upkeep.close()
    state = upkeep.state()
    assert (state["standing"]["word"], state["standing"]["accuracy"]) == ("pass", 1)
    assert state["standing"]["recall"]["share"] == 1
    assert (state["seconds_each"], state["notices"]) == (2, [])
    assert (tmp_path / "people.csv").exists()


def test_a_torn_line_is_shown_on_the_page(start: Start, tmp_path: Path) -> None:
    answer(start(), 0)
    with (tmp_path / "journal.jsonl").open("a") as file:
        file.write('{"annotator": "an')
    session = start()
    (notice,) = Upkeep(session, TruthFolder(tmp_path), 0.85).state()["notices"]
    assert notice["what"].startswith("Line 2 of journal.jsonl is incomplete")
    assert upcoming(session) == 1


def test_a_page_that_was_open_before_the_sample_was_extended_takes_in_labels_of_what_it_does_not_know(
    start: Start, tmp_path: Path
) -> None:
    session = start()
    entry = Entry("ben", 0, "track", "random", "")
    Journal(tmp_path).append(replace(entry, video_id="added later", place=4, values={"answer": "male"}))
    assert session.counts("t")["labelled"] == {"track": 0, "moment": 0}
    assert answer(session, 0)["labelled"]["track"] == 1
