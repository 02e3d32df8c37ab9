from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from drawn_world import Film as DrawnFilm
from drawn_world import Shot, Square, filmed

import scripts.cut_benchmark as benchmark
import scripts.cut_films.methods as comparing
from facetally.detection.faces import Faces, ImageArray, TrackedFaces
from facetally.detection.tracker import NO_TRACK
from facetally.tracks.follow import FaceRows, FollowedFrame
from facetally.tracks.open_tracks import Track
from facetally.video.reader import Frame
from scripts.cut_films.answers import Change, Cut, Film, Half, Stay, Transition, Trap, read_answers, write_answers
from scripts.cut_films.methods import CutMethod, tracked_samples
from scripts.cut_films.scoring import (
    CutCounts,
    TrackCounts,
    TrackedSample,
    count_cuts,
    count_tracks,
    ratios,
    stay_tracks,
)

TIMES_S = np.arange(30) / 5
BOX = (10.0, 10.0, 50.0, 60.0)


def film(half: Half = "report", **parts: Any) -> Film:
    return Film("a.mp4", half, "heads", 6.0, ("one",), **parts)


def counted(answers: Film, *detected_s: float) -> CutCounts:
    return count_cuts(answers, TIMES_S, np.isin(np.round(TIMES_S, 6), np.round(detected_s, 6)))


MIXED = film(
    cuts=(Cut(1.0, "person", True), Cut(2.04, "person", True), Cut(5.0, "jump", False)),
    transitions=(Transition(3.0, 3.6, "dissolve"),),
    traps=(Trap(0.4, 0.44, "flash"), Trap(4.4, 4.48, "flash"), Trap(5.4, 5.44, "shake")),
)


def test_cuts_are_found_within_one_sample_and_extra_detections_in_a_transition_are_not_false() -> None:
    counts = counted(MIXED, 1.0, 2.4, 3.2, 3.4, 4.4)
    assert (counts.hard_found, counts.hard_count) == (2, 2)  # the cut at 2.04 is first seen at 2.2
    assert (counts.jump_found, counts.jump_count) == (0, 1)
    assert (counts.soft_found, counts.soft_count, counts.false_count) == (1, 1, 1)
    assert (counts.trap_held, counts.trap_count) == ({"flash": 1, "shake": 1}, {"flash": 2, "shake": 1})
    figures = counts.figures()
    assert figures["hard"] == {"precision": 0.6667, "recall": 0.6667, "f1": 0.6667, "found": 2, "count": 3, "false": 1}
    assert figures["hard_without_jumps"]["f1"] == 0.8  # 2 x 2 / (2 + 3)
    assert figures["soft"]["f1"] == 0.6667  # 2 x 1 / (1 + 2)
    assert figures["traps"] == {"held": 2, "count": 3}


def test_a_detection_two_samples_away_misses_the_cut_and_is_false() -> None:
    one = film(cuts=(Cut(1.0, "person", True),))
    assert [counted(one, time_s).hard_found for time_s in (0.6, 0.8, 1.0, 1.2, 1.4)] == [0, 1, 1, 1, 0]
    assert [counted(one, time_s).false_count for time_s in (0.6, 0.8, 1.0, 1.2, 1.4)] == [1, 0, 0, 0, 1]


def test_one_detection_finds_one_cut_only() -> None:
    two = film(cuts=(Cut(1.0, "person", True), Cut(1.4, "person", True)))
    assert counted(two, 1.2).hard_found == 1
    assert counted(two, 1.2, 1.4).hard_found == 2
    assert counted(two, 1.0, 1.2, 1.4).false_count == 1


def test_a_transition_is_found_from_its_start_to_one_sample_after_its_end() -> None:
    one = film(transitions=(Transition(1.04, 1.76, "wipe"),))
    found = [counted(one, time_s).soft_found for time_s in (1.0, 1.2, 1.8, 2.0)]
    assert found == [0, 1, 1, 0]


def test_a_hard_cut_next_to_a_transition_takes_the_detection_nearest_to_it() -> None:
    both = film(cuts=(Cut(2.0, "person", True),), transitions=(Transition(1.0, 1.8, "wipe"),))
    counts = counted(both, 1.8, 2.0)
    assert (counts.hard_found, counts.soft_found, counts.false_count) == (1, 1, 0)


def test_a_trap_is_crossed_up_to_the_first_frame_after_it() -> None:
    one = film(traps=(Trap(1.16, 1.24, "flash"),))
    assert [counted(one, s).trap_held.total() for s in (1.0, 1.2, 1.4, 1.6)] == [1, 0, 0, 1]


def test_a_cut_within_a_trap_is_no_failure_of_the_trap() -> None:
    one = film(cuts=(Cut(2.0, "person", True),), traps=(Trap(1.0, 2.0, "low light"),))
    assert counted(one, 2.0).trap_held.total() == 1


def test_false_detections_count_against_transitions_only_in_films_that_have_some() -> None:
    counts = counted(film(), 1.0, 2.0) + counted(MIXED, 4.4)
    assert (counts.false_count, counts.false_count_soft) == (3, 1)


def test_nothing_found_of_nothing_has_no_ratio() -> None:
    assert ratios(0, 0, 0) == {"precision": None, "recall": None, "f1": None, "found": 0, "count": 0, "false": 0}
    assert ratios(0, 3, 0)["f1"] == 0.0


def stay(person: str, start_s: float, stop_s: float, box: tuple[float, float, float, float] = BOX) -> Stay:
    return Stay(person, start_s, stop_s, (start_s, stop_s), (box, box))


def sampled(*rows: Sequence[tuple[int, tuple[float, ...]]]) -> list[TrackedSample]:
    """One sample every 0.2 s, each with (track, box) of its faces."""
    return [
        TrackedSample(
            number / 5,
            np.array([box for _, box in faces], np.float32).reshape(-1, 4),
            np.array([track for track, _ in faces], np.int64),
        )
        for number, faces in enumerate(rows)
    ]


THREE = film(
    stays=(stay("a", 0.0, 0.6), stay("b", 0.6, 1.2), stay("a", 1.2, 1.8)),
    changes=(Change(0.6, 0.6, "person", 0, 1, True), Change(1.2, 1.2, "person", 1, 2, True)),
)


def test_a_track_on_both_sides_of_a_change_crosses_it() -> None:
    counts = count_tracks(THREE, sampled(*([(track, BOX)] for track in (0, 0, 0, 0, 0, 0, 1, 1, 1))))
    assert (counts.changes, counts.separated) == ({"heads": 2}, {"heads": 1})
    assert counts.failures == [{"film": "a.mp4", "what": "crossed", "time_s": 0.6, "kind": "person"}]
    assert counts.figures()["changes"]["all"] == {"share": 0.5, "separated": 1, "count": 2}


def test_a_stay_with_two_tracks_is_divided_and_its_traps_are_named() -> None:
    one = film(stays=(stay("a", 0.0, 1.0),), traps=(Trap(0.4, 0.5, "flash"), Trap(3.0, 3.1, "shake")))
    counts = count_tracks(one, sampled(*([(track, BOX)] for track in (0, 0, 1, 1, 1))))
    assert (counts.stays, counts.divided) == ({"heads": 1}, {"heads": 1})
    assert (counts.trap_stays, counts.trap_divided) == ({"flash": 1}, {"flash": 1})
    assert count_tracks(one, sampled(*([(0, BOX)] for _ in range(5)))).divided.total() == 0


def test_a_person_without_a_track_makes_a_change_unseen_and_the_stay_uncounted() -> None:
    faces = [[(0, BOX)], [(0, BOX)], [(0, BOX)], [], [(-1, BOX)], [], [(2, BOX)], [], []]
    counts = count_tracks(THREE, sampled(*faces))
    assert (counts.changes.total(), counts.unseen.total(), counts.stays.total()) == (0, 2, 1)
    assert (counts.tracked.total(), counts.samples.total()) == (4, 9)


def test_jump_cuts_are_counted_apart() -> None:
    jumping = film(stays=(stay("a", 0.0, 0.4), stay("a", 0.4, 0.8)), changes=(Change(0.4, 0.4, "jump", 0, 1, False),))
    counts = count_tracks(jumping, sampled(*([(track, BOX)] for track in (0, 0, 1, 1))))
    assert (counts.jumps, counts.jumps_separated, counts.changes) == ({"jump": 1}, {"jump": 1}, {})


def test_a_face_elsewhere_is_not_the_persons_and_the_nearest_of_two_is() -> None:
    far, near = (200.0, 10.0, 240.0, 60.0), (16.0, 10.0, 56.0, 60.0)
    tracks = stay_tracks(THREE, sampled([(5, far)], [(5, far), (6, near)], [(6, near), (7, BOX)]))
    assert tracks == [[-1, 6, 7], [], []]


def test_the_box_of_a_stay_is_interpolated_between_its_times() -> None:
    moving = Stay("a", 0.0, 1.0, (0.0, 1.0), ((0.0, 0.0, 10.0, 10.0), (20.0, 0.0, 30.0, 10.0)))
    assert moving.box_at(0.25).tolist() == [5.0, 0.0, 15.0, 10.0]


def levels(images: Sequence[ImageArray]) -> np.ndarray:
    """(N, 1): by how much the mean grey level of a frame differs from that of the one before."""
    means = np.array([image.mean() for image in images])
    return np.abs(np.diff(means, prepend=means[0]))[:, None]


def by_level() -> CutMethod:
    """Finds a cut where the mean grey level changes by more than its setting."""
    return CutMethod(
        levels, lambda measures, setting: measures[:, 0] > setting[0], (200.0,), ((1.0,), (60.0,), (240.0,))
    )


def test_thresholds_are_chosen_on_one_half_by_their_f1() -> None:
    measured = benchmark.Measured(by_level())
    changes = np.zeros((30, 1))
    changes[[5, 12], 0] = 100.0, 30.0
    halves: tuple[Half, Half] = ("choose", "report")
    for half, cut_s in zip(halves, (1.0, 2.4), strict=True):
        measured.films.append((film(half, cuts=(Cut(cut_s, "person", True),)), TIMES_S, changes))
    assert measured.best("hard") == (60.0,)
    figures = benchmark.cut_figures(measured)["settings"]
    assert figures["chosen for hard"]["choose"]["hard"]["f1"] == 1.0
    assert figures["chosen for hard"]["report"]["hard"]["f1"] == 0.0
    assert figures["default"]["choose"]["hard"]["found"] == 0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One drawn film with a cut between two people at one place after 1.2 s, and its answers."""
    shots = (Shot(1.2, (Square("red"),)), Shot(1.2, (Square("blue"),), grey=190))
    filmed(tmp_path / "a.mp4", DrawnFilm(shots))
    box = (60.0, 40.0, 100.0, 80.0)
    stays = (stay("a", 0.0, 1.2, box), stay("b", 1.2, 2.4, box))
    changes = (Change(1.2, 1.2, "person", 0, 1, True),)
    write_answers(tmp_path, [film(cuts=(Cut(1.2, "person", True),), stays=stays, changes=changes)], seed=1)
    return tmp_path


def one_track(frames: Sequence[Frame]) -> list[TrackedSample]:
    box = np.array([[60, 40, 100, 80]], np.float32)
    return [TrackedSample(frame.time_s, box, np.zeros(1, np.int64)) for frame in frames]


def test_detectors_and_trackers_of_ones_own_are_compared(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(comparing.CUT_METHODS, "by level", by_level)
    monkeypatch.setattr(benchmark, "available_methods", lambda: ("facetally", "by level"))
    monkeypatch.setattr(benchmark, "TRACKERS", {"one track": lambda: one_track})
    words = [str(folder), "-o", str(folder / "r.json")]
    printed = CliRunner().invoke(benchmark.main, words, catch_exceptions=False).output
    figures = json.loads((folder / "r.json").read_text())
    assert figures["cuts"]["facetally"]["settings"]["default"]["report"]["hard"]["f1"] == 1.0
    assert figures["cuts"]["by level"]["settings"]["default"]["report"]["hard"]["f1"] == 0.0
    assert figures["tracks"]["one track"]["report"]["changes"]["all"]["separated"] == 0
    assert "| facetally | default | 1.000 | 1.000 | 1.000 | 1.000 |" in printed
    assert "| all | 0.0 % (0 of 1) | 0.0 % (0 of 2) | 100.0 % (12 of 12) |" in printed


def test_facetally_itself_is_run_over_the_frames_of_a_film(folder: Path) -> None:
    (answers,) = read_answers(folder)
    counts = benchmark.run(folder, [answers], {}, {"facetally": comparing.facetally_tracks()})["facetally", "report"]
    assert isinstance(counts, TrackCounts)
    assert counts.samples.total() == 12
    assert counts.tracked.total() == 0  # a coloured square is no face


@pytest.mark.parametrize("name", ["ContentDetector", "AdaptiveDetector", "HashDetector"])
def test_rivals_decide_as_they_do_when_they_are_used_directly(name: str) -> None:
    scenes = pytest.importorskip("scenedetect")
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 255, (9, 16, 3)).astype(np.uint8).repeat(16, 0).repeat(16, 1) for _ in range(4)]
    images = [np.ascontiguousarray(pictures[number // 8]) for number in range(32)]
    method = comparing.CUT_METHODS[name]()
    ours = np.flatnonzero(method.decide(method.measure(images), method.default))
    detector = getattr(scenes, name)(min_scene_len=0)
    stamps = [scenes.FrameTimecode(number, fps=5.0) for number in range(32)]
    found = [
        cut.frame_num
        for stamp, image in zip(stamps, images, strict=True)
        for cut in detector.process_frame(stamp, image)
    ]
    assert ours.tolist() == found == [8, 16, 24]


@pytest.mark.parametrize(("keep_short", "expected"), [(False, [0, -1, 0, -1]), (True, [0, 1, 0, -1])])
def test_tracks_that_a_run_drops_as_too_short_count_only_if_asked_for(keep_short: bool, expected: list[int]) -> None:
    faces = Faces(np.array([BOX] * 4, np.float32), np.ones(4, np.float32), np.zeros((4, 5, 2), np.float32))
    tracked = TrackedFaces(faces, np.array([0, 1, 2, NO_TRACK]), (0, 1))
    rows = FaceRows(0, 0.0, 0.2, tracked, np.ones(4, np.float32))
    no_crops = np.zeros((0, 1, 1, 3), np.uint8)
    appearance = Track(0, 0.0, 0.0, 0.4, 2, 50.0, no_crops, np.zeros(0, np.float32))
    (sample,) = tracked_samples([FollowedFrame(rows, (appearance,), {2: 0})], keep_short=keep_short)
    assert sample.track_ids.tolist() == expected
