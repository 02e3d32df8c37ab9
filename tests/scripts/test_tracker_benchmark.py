"""Trackers are compared on the same faces; the package itself is not needed here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from labelled_world import SAMPLING, corpus, face_rows, faces_of

from facetally.truth.labels import Ints, Truth
from facetally.validation.tracking_figures import tracking_figures
from scripts import tracker_benchmark
from scripts.tracker_benchmark import Clip, Options, evaluated, perfect, read_clips, rivals, table

PEOPLE = {f"s{number}/a.mp4": [("female", 0.9, 2.0), ("male", 0.1, 2.0)] for number in range(4)}


@pytest.fixture
def world(tmp_path: Path) -> tuple[Truth, list[Clip]]:
    """Four videos of two people, each on one track."""
    ledger, truth = corpus(tmp_path, PEOPLE)
    return truth, read_clips(ledger.out, truth)


def test_samples_without_a_face_are_counted() -> None:
    clip = Clip("a.mp4", faces_of(face_rows(0, [0.0, 0.24, 0.8]), face_rows(1, [0.24])), SAMPLING)
    assert clip.samples.tolist() == [0, 1, 4, 1]


def test_the_tracks_of_the_run_are_evaluated_unless_others_are_given(world: tuple[Truth, list[Clip]]) -> None:
    truth, clips = world
    assert tracking_figures(evaluated(truth, clips))["idf1"]["score"] == 1
    every_face_apart = np.arange(sum(len(clip.faces) for clip in clips))
    assert tracking_figures(evaluated(truth, clips, every_face_apart))["idp"] == 0.25  # 1 of 4 labelled times


def test_a_perfect_tracker_mixes_and_misses_nobody(world: tuple[Truth, list[Clip]]) -> None:
    for by_appearance in (True, False):
        figures = tracking_figures(perfect(*world, by_appearance=by_appearance))
        assert (figures["idf1"]["score"], figures["mixed"]["right"], figures["switches"]) == (1, 0, 0)


def test_the_options_are_those_that_are_best_on_the_chosen_sources(
    world: tuple[Truth, list[Clip]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    truth, clips = world
    given: list[int] = []

    def run(clips: Sequence[Clip], trials: Sequence[tuple[str, Options]], **_: object) -> Ints:
        given.append(len(clips))
        faces = np.concatenate([clip.faces["track_id"] for clip in clips])
        return np.array([faces if options.get("minimum_iou_threshold") == 0.1 else 0 * faces for _, options in trials])

    monkeypatch.setattr(tracker_benchmark, "run_rivals", run)
    found = list(rivals(truth, clips, frozenset({"s0", "s2"}), python=Path("python"), work=tmp_path))
    assert [name for name, _, _ in found][:2] == ["ByteTrack, defaults", "ByteTrack, chosen on half 1"]
    assert found[1][1]["minimum_iou_threshold"] == 0.1
    assert [tracking_figures(parts)["mixed"]["right"] for _, _, parts in found] == [4, 0, 4, 0]
    assert given == [2, 4, 2, 4]


def test_the_table_has_a_row_for_each_tracker(world: tuple[Truth, list[Clip]]) -> None:
    figures = tracking_figures(evaluated(*world))
    shown = table({name: {"all": figures, "half 1": figures, "half 2": figures} for name in ("ours", "other")})
    assert shown.row_count == 2
    assert [next(iter(column.cells)) for column in shown.columns][:4] == ["ours", "100.0 %", "100.0 %", "100.0 %"]
