"""Samples of a run: what is drawn with which probability, and designs that must not be used."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from labelled_world import face_rows, times, track_row
from sampled_world import FILM_S, FRAMES, store_film, store_films

from facetally.errors import TruthError
from facetally.labelling.design import SCHEMA_VERSION
from facetally.labelling.design_file import read_design, write_design
from facetally.labelling.draw import draw_design, draw_tracks
from facetally.labelling.moments import found_tracks
from facetally.results.ledger import Ledger
from facetally.results.run_tables import Run


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """40 appearances in four films."""
    return store_films(tmp_path_factory.mktemp("run"))


def test_everything_is_drawn_once_in_an_order_that_the_seed_alone_decides(ledger: Ledger) -> None:
    design = draw_design(ledger, seed=1)
    assert len({track.key for track in design.tracks}) == design.appearance_count == 40
    assert [track.order for track in design.tracks] == list(range(40))
    assert draw_design(ledger, seed=1) == design
    assert draw_design(ledger, seed=2).tracks != design.tracks


def test_strata_hold_appearances_of_like_gender_and_height(ledger: Ledger) -> None:
    design = draw_design(ledger, seed=1)
    assert [stratum.size for stratum in design.strata] == [10, 10, 10, 10]
    assert design.strata[0].name.startswith("female 2")
    assert design.strata[-1].name.startswith("male ")
    assert [Counter(track.stratum for track in design.tracks if track.round == r) for r in range(10)] == [
        Counter(range(4))
    ] * 10


def test_a_part_is_drawn_in_whole_rounds_with_its_probability(ledger: Ledger) -> None:
    design = draw_design(ledger, seed=1, appearances=9)
    assert len(design.tracks) == 12
    assert {track.inclusion_prob for track in design.tracks} == {0.3}


def test_drawing_more_with_the_same_seed_continues_the_order(ledger: Ledger) -> None:
    few, all_of_them = draw_design(ledger, seed=3, appearances=8), draw_design(ledger, seed=3)
    assert [track.key for track in few.tracks] == [track.key for track in all_of_them.tracks[:8]]


def test_every_appearance_is_among_the_first_equally_often(ledger: Ledger) -> None:
    tracks, random = Run(ledger.out).tracks(), np.random.default_rng(0)
    drawn = Counter(track.key for _ in range(300) for track in draw_tracks(tracks, 8, random)[1])
    spread = 4 * np.sqrt(300 * 0.2 * 0.8)
    assert len(drawn) == 40
    assert all(abs(count - 60) < spread for count in drawn.values())


def test_uncertain_first_begins_with_the_prediction_nearest_to_even_odds(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    store_film(ledger, "a.mp4", [track_row(i, prob) for i, prob in enumerate([0.9, 0.55, 0.1, 0.4])], [])
    design = draw_design(ledger, seed=0, appearances=3, mode="uncertain")
    assert [track.track_id for track in design.tracks] == [1, 3, 0]
    assert {track.inclusion_prob for track in design.tracks} == {0}
    with pytest.raises(TruthError, match="say nothing about the whole run"):
        design.check_unbiased()


def test_moments_are_spread_over_the_time_of_all_films(ledger: Ledger) -> None:
    moments = draw_design(ledger, seed=1, moments=24).moments
    assert Counter(moment.video for moment in moments) == {f"film{i}.mp4": 6 for i in range(4)}
    assert {round(moment.inclusion_prob, 6) for moment in moments} == {round(24 / (4 * FRAMES), 6)}
    assert all(0 <= moment.time_s <= FILM_S for moment in moments)


def test_a_moment_is_the_frame_in_which_the_run_found_faces(tmp_path: Path) -> None:
    ledger, at_s = Ledger(tmp_path), times(0, FILM_S)
    store_film(ledger, "a.mp4", [track_row(7, 0.9)], face_rows(7, at_s) + face_rows(-1, at_s, x=100))
    moments = draw_design(ledger, seed=0, moments=10).moments
    assert all(moment.time_s in at_s for moment in moments)
    assert list(found_tracks(ledger, [moment.key for moment in moments]).values()) == [[7]] * 10


def test_a_frame_stands_for_all_the_time_until_the_next_one_however_long(tmp_path: Path) -> None:
    ledger, starts = Ledger(tmp_path), [round(0.4 * i, 3) for i in range(150)]  # 0.16 s and 0.24 s in turn
    faces = face_rows(7, starts, duration_s=0.16) + face_rows(7, [s + 0.16 for s in starts], duration_s=0.24)
    store_film(ledger, "a.mp4", [track_row(7, 0.9)], faces)
    moments = draw_design(ledger, seed=0, moments=200).moments
    assert set(map(len, found_tracks(ledger, [moment.key for moment in moments]).values())) == {1}


def test_a_moment_after_the_time_of_the_last_face_is_of_no_frame(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    store_film(ledger, "a.mp4", [track_row(7, 0.9)], face_rows(7, times(0, FILM_S / 2)))
    moments = draw_design(ledger, seed=0, moments=100).moments
    found = found_tracks(ledger, [moment.key for moment in moments])
    assert {time_s < FILM_S / 2 for (_, time_s), tracks in found.items() if tracks} == {True}
    assert {time_s >= FILM_S / 2 for (_, time_s), tracks in found.items() if not tracks} == {True}


def test_no_more_moments_are_drawn_than_there_are_frames(ledger: Ledger) -> None:
    moments = draw_design(ledger, seed=1, moments=10_000).moments
    assert FRAMES < len(moments) <= 4 * FRAMES
    assert len({moment.key for moment in moments}) == len(moments)


def test_a_design_is_read_as_it_was_written(ledger: Ledger, tmp_path: Path) -> None:
    for mode in ("random", "uncertain"):
        design = draw_design(ledger, seed=5, moments=4, mode=mode)
        write_design(design, tmp_path / "design.json")
        assert read_design(tmp_path / "design.json", ledger) == design


def test_a_design_of_another_run_is_refused(ledger: Ledger, tmp_path: Path) -> None:
    write_design(draw_design(ledger, seed=5), tmp_path / "design.json")
    other = store_films(tmp_path / "out", films=3)
    with pytest.raises(TruthError, match="another run") as caught:
        read_design(tmp_path / "design.json", other)
    assert "new truth folder" in caught.value.fix


def _newer(stored: dict[str, Any]) -> None:
    stored["schema_version"] = SCHEMA_VERSION + 1


def _twice(stored: dict[str, Any]) -> None:
    stored["tracks"][1] |= {"video_id": stored["tracks"][0]["video_id"], "track_id": stored["tracks"][0]["track_id"]}


def _lost(stored: dict[str, Any]) -> None:
    del stored["tracks"][3]


def _surer(stored: dict[str, Any]) -> None:
    stored["tracks"][0]["inclusion_prob"] = 0.5


def _elsewhere(stored: dict[str, Any]) -> None:
    stored["tracks"][0]["stratum"] = 9


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_newer, "newer facetally"),
        (_twice, "drawn twice"),
        (_lost, "gaps"),
        (_surer, "does not fit its stratum"),
        (_elsewhere, "does not fit its size"),
    ],
)
def test_a_design_that_cannot_be_is_refused(
    ledger: Ledger, tmp_path: Path, damage: Callable[[dict[str, Any]], None], message: str
) -> None:
    path = tmp_path / "design.json"
    write_design(draw_design(ledger, seed=5), path)
    stored = json.loads(path.read_text())
    damage(stored)
    path.write_text(json.dumps(stored))
    with pytest.raises(TruthError, match=message) as caught:
        read_design(path)
    assert caught.value.fix


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"schema_version": 1}', b"\xff\xfe"])
def test_a_file_that_is_no_design_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "design.json").write_bytes(content)
    with pytest.raises(TruthError, match="not a sample design"):
        read_design(tmp_path / "design.json")


def test_a_design_is_missed_only_where_something_was_labelled(ledger: Ledger, tmp_path: Path) -> None:
    with pytest.raises(TruthError, match="holds no labelled sample") as caught:
        read_design(tmp_path / "design.json", ledger)
    assert f"facetally label {ledger.out} -o {tmp_path}" in caught.value.fix
    (tmp_path / "journal.jsonl").touch()
    with pytest.raises(TruthError, match="not a sample design") as caught:
        read_design(tmp_path / "design.json", ledger)
    assert "restore it" in caught.value.fix


def test_a_run_without_appearances_has_nothing_to_label(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    store_film(ledger, "empty.mp4", [], [])
    with pytest.raises(TruthError, match="no appearances"):
        draw_design(ledger, seed=0)


def test_a_negative_number_is_a_mistake(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="not negative"):
        draw_design(ledger, seed=0, moments=-1)


def test_a_run_that_grew_is_another_run(ledger: Ledger) -> None:
    design = draw_design(ledger, seed=5)
    design.check_run(ledger)
    with pytest.raises(TruthError, match="videos, options or appearances differ"):
        replace(design, run_digest="0" * 64).check_run(ledger)
