"""Counting the people of one video: which appearances show the same one."""

from __future__ import annotations

import numpy as np
import pytest

from facetally.errors import OptionError
from facetally.options import PeopleOptions
from facetally.tracks.people import SeenTrack, people_in_video

OPTIONS = PeopleOptions(count=True, min_likeness=0.5)


def seen(track_id: int, angle_deg: float, first_s: float, seconds: float = 1.0) -> SeenTrack:
    """An appearance whose vector points into this direction: the cosine of 0 and 60 degrees is 0.5."""
    angle = np.radians(angle_deg)
    return SeenTrack(track_id, first_s, first_s + seconds, np.array([np.cos(angle), np.sin(angle)], np.float32))


def test_appearances_with_the_same_face_are_one_person() -> None:
    tracks = [seen(0, 0, 0.0), seen(1, 180, 2.0), seen(4, 20, 4.0), seen(7, 170, 6.0)]
    assert people_in_video(tracks, OPTIONS) == {0: 0, 1: 1, 4: 0, 7: 1}


@pytest.mark.parametrize(("angle", "people"), [(59, {0: 0, 1: 0}), (61, {0: 0, 1: 1})])
def test_two_appearances_need_the_least_likeness(angle: float, people: dict[int, int]) -> None:
    assert people_in_video([seen(0, 0, 0.0), seen(1, angle, 2.0)], OPTIONS) == people


def test_people_are_numbered_in_order_of_time() -> None:
    tracks = [seen(9, 0, 8.0), seen(2, 0, 4.0), seen(5, 90, 6.0), seen(3, 180, 2.0)]
    assert people_in_video(tracks, OPTIONS) == {3: 0, 2: 1, 5: 2, 9: 1}


def test_the_order_of_the_appearances_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    tracks = [seen(i, angle, 2.0 * i) for i, angle in enumerate(rng.uniform(0, 360, 30))]
    shuffled = [tracks[i] for i in rng.permutation(30)]
    assert people_in_video(shuffled, OPTIONS) == people_in_video(tracks, OPTIONS)


def test_a_group_is_joined_by_the_mean_likeness_of_all_its_appearances() -> None:
    # 0 and 40 are joined first; from 90 the one is 90 and the other 50 degrees away: mean cosine 0.32
    tracks = [seen(0, 0, 0.0), seen(1, 40, 2.0), seen(2, 90, 4.0)]
    assert people_in_video(tracks, OPTIONS) == {0: 0, 1: 0, 2: 1}
    assert people_in_video(tracks[1:], OPTIONS) == {1: 0, 2: 0}
    # from 65 they are 65 and 45 degrees away: mean cosine 0.56
    assert people_in_video([seen(0, 0, 0.0), seen(1, 20, 2.0), seen(2, 65, 4.0)], OPTIONS) == {0: 0, 1: 0, 2: 0}


def test_two_in_view_together_are_two_people_however_alike() -> None:
    assert people_in_video([seen(0, 0, 0.0), seen(1, 0, 0.5)], OPTIONS) == {0: 0, 1: 1}
    assert people_in_video([seen(0, 0, 0.0), seen(1, 0, 1.5)], OPTIONS) == {0: 0, 1: 0}


def test_one_who_is_in_view_with_one_of_many_appearances_is_none_of_them() -> None:
    many = [seen(i, 0, 2.0 * i) for i in range(20)]
    people = people_in_video([*many, seen(99, 1, 0.5)], OPTIONS)
    assert len(set(people.values())) == 2
    assert people[0] != people[99]


def test_a_likeness_that_is_no_cosine_is_refused() -> None:
    with pytest.raises(OptionError, match=r"must be in \[-1, 1\], got 1.5"):
        PeopleOptions(min_likeness=1.5)


def test_few_appearances_need_no_comparison() -> None:
    assert people_in_video([], OPTIONS) == {}
    assert people_in_video([seen(3, 0, 0.0)], OPTIONS) == {3: 0}
