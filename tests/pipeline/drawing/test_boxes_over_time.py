"""Where boxes are between sampled frames."""

from __future__ import annotations

import pandas as pd
import pytest

from facetally.drawing.boxes_over_time import (
    HOLD_S,
    InView,
    Stretch,
    covered_stretches,
    drawn_stretches,
    sampled_stretches,
)


def faces(*rows: tuple[float, int, float], every_s: float = 0.2) -> pd.DataFrame:
    """Faces of 40 px from time, track and left edge."""
    columns = ["time_s", "track_id", "x1", "y1", "x2", "y2", "duration_s"]
    return pd.DataFrame([(t, i, x, 10.0, x + 40, 50.0, every_s) for t, i, x in rows], columns=columns)


def lefts(stretches: list[Stretch], time_s: float) -> list[float]:
    return [round(one.at(time_s)[0], 3) for one in InView(stretches).at(time_s)]


def test_a_box_moves_evenly_from_one_sample_to_the_next() -> None:
    stretches = drawn_stretches(faces((0.0, 3, 100), (0.2, 3, 120)), max_gap_s=1)
    assert [lefts(stretches, t) for t in (0.0, 0.05, 0.1, 0.2)] == [[100], [105], [110], [120]]


def test_a_box_stays_until_the_next_sample_after_its_last_face() -> None:
    stretches = drawn_stretches(faces((0.0, 0, 100)), max_gap_s=1)
    assert lefts(stretches, 0.19) == [100]
    assert lefts(stretches, 0.2) == []


@pytest.mark.parametrize("later", [(1.4, 0, 110.0), (0.2, 0, 200.0)])
def test_a_box_does_not_move_across_a_long_gap_or_to_a_place_that_it_does_not_touch(
    later: tuple[float, int, float],
) -> None:
    stretches = drawn_stretches(faces((0.0, 0, 100), later), max_gap_s=1)
    assert lefts(stretches, 0.1) == [100]
    assert lefts(stretches, later[0] - 0.001) == ([] if later[0] > 1 else [100])
    assert lefts(stretches, later[0]) == [later[2]]


def test_a_box_moves_across_samples_in_which_the_face_was_missed() -> None:
    stretches = drawn_stretches(faces((0.0, 0, 100), (0.8, 0, 120)), max_gap_s=1)
    assert lefts(stretches, 0.4) == [110]


def test_faces_without_a_track_are_not_drawn_but_covered() -> None:
    stray = faces((1.0, -1, 100))
    assert drawn_stretches(stray, 1) == sampled_stretches(stray) == []
    assert lefts(covered_stretches(stray), 1.0)


def test_only_sampled_frames_have_boxes_where_only_they_are_asked_for() -> None:
    stretches = sampled_stretches(faces((0.0, 0, 100), (0.2, 0, 120)))
    view = InView(stretches)
    assert [len(view.at(t)) for t in (0.0, 0.04, 0.16, 0.2, 0.24)] == [1, 0, 0, 1, 0]


def test_a_covered_face_is_covered_a_second_before_and_after_it_is_seen() -> None:
    stretches = covered_stretches(faces((5.0, 0, 100), (5.2, 0, 120)))
    view = InView(stretches)
    seen = [bool(view.at(t)) for t in (5 - HOLD_S - 0.01, 5 - HOLD_S, 5.1, 5.4 + HOLD_S - 0.01, 5.4 + HOLD_S)]
    assert seen == [False, True, True, True, False]


@pytest.mark.parametrize("time_s", [5.0, 5.03, 5.1, 5.19999, 5.2])
def test_a_cover_holds_the_places_of_both_samples_with_a_margin(time_s: float) -> None:
    covers = InView(covered_stretches(faces((5.0, 0, 100), (5.2, 0, 120)))).at(time_s)
    assert min(one.at(time_s)[0] for one in covers) <= 100 - 8
    assert max(one.at(time_s)[2] for one in covers) >= 160 + 8


def test_a_track_that_is_left_uncovered_has_no_cover() -> None:
    both = faces((0.0, 0, 100), (0.0, 1, 300))
    assert {one.track_id for one in covered_stretches(both, [0])} == {1}
