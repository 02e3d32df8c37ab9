"""Whether the place of two tracks, and their likeness, allow that they are one appearance."""

from __future__ import annotations

import numpy as np
import pytest

from facetally.detection.linking import LinkOptions, TrackEnd, is_linked, may_link

OPTIONS = LinkOptions(max_speed=4.0, max_shift_at_cut=0.5, max_size_ratio=1.7, max_size_ratio_at_cut=1.25)


def end(time_s: float, x: float = 0.0, size: float = 100.0, shot: int = 0) -> TrackEnd:
    return TrackEnd(time_s, np.array([x, 50.0], np.float32), size, shot)


@pytest.mark.parametrize(("x", "expected"), [(0, True), (125, True), (-125, True), (135, False), (-135, False)])
def test_within_a_shot_a_face_may_go_as_far_as_its_speed_allows(x: float, expected: bool) -> None:
    assert may_link(end(1.0), end(1.2, x), OPTIONS) is expected  # half a face, and 4 x 0.2 faces


@pytest.mark.parametrize(("x", "expected"), [(0, True), (45, True), (-45, True), (55, False), (125, False)])
def test_across_a_cut_a_face_must_stay_in_place(x: float, expected: bool) -> None:
    assert may_link(end(1.0), end(1.2, x, shot=1), OPTIONS) is expected


@pytest.mark.parametrize(("size", "in_shot", "at_cut"), [(165, True, False), (175, False, False), (120, True, True)])
def test_the_size_may_change_less_across_a_cut(size: float, in_shot: bool, at_cut: bool) -> None:
    for before, after in ((100.0, size), (size, 100.0)):
        assert may_link(end(1.0, size=before), end(1.2, size=after), OPTIONS) is in_shot
        assert may_link(end(1.0, size=before), end(1.2, size=after, shot=1), OPTIONS) is at_cut


def test_a_second_cut_in_between_separates() -> None:
    assert may_link(end(1.0, shot=3), end(1.2, shot=4), OPTIONS)
    assert not may_link(end(1.0, shot=3), end(1.2, shot=5), OPTIONS)


@pytest.mark.parametrize("time_s", [1.0, 0.8])
def test_a_track_continues_only_earlier_ones(time_s: float) -> None:
    assert not may_link(end(1.0), end(time_s), OPTIONS)


def test_across_a_cut_faces_must_be_more_alike() -> None:
    options = LinkOptions(min_likeness=0.5, min_likeness_at_cut=0.7)
    assert [is_linked(likeness, False, options) for likeness in (0.49, 0.5, 0.6)] == [False, True, True]
    assert [is_linked(likeness, True, options) for likeness in (0.6, 0.69, 0.7)] == [False, False, True]
    assert LinkOptions().min_likeness < LinkOptions().min_likeness_at_cut


def test_the_decision_is_the_same_in_frames_of_another_size() -> None:
    last, first = end(1.0), end(1.2, 125)
    assert may_link(last.scaled(0.25), first.scaled(0.25), OPTIONS)
    assert not may_link(last, first.scaled(0.25), OPTIONS)
    assert (first.scaled(2.0).centre.tolist(), first.scaled(2.0).size) == ([250.0, 100.0], 200.0)


@pytest.mark.parametrize(
    "wrong", [{"min_likeness": 1.1}, {"min_likeness_at_cut": -2.0}, {"decide_after": 0}, {"max_size_ratio": 0.9}]
)
def test_an_option_outside_its_range_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        LinkOptions(**wrong)  # type: ignore[arg-type]
