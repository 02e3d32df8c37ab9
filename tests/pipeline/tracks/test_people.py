"""Counting the people of one video: which appearances show the same one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from facetally.errors import OptionError
from facetally.options import PeopleOptions
from facetally.tracks.appearances import Appearance
from facetally.tracks.likenesses import SeenTrack, compared
from facetally.tracks.people import people_in_video

OPTIONS = PeopleOptions(count=True, min_likeness=0.5)


def seen(track_id: int, angle_deg: float, first_s: float, seconds: float = 1.0) -> SeenTrack:
    """An appearance whose vector points into this direction: the cosine of 0 and 60 degrees is 0.5."""
    angle = np.radians(angle_deg)
    return SeenTrack(track_id, first_s, first_s + seconds, np.array([np.cos(angle), np.sin(angle)], np.float32))


def appearance(track_id: int, female_prob: float = 0.5, age_years: float = 40.0) -> Appearance:
    return Appearance(track_id, 0.0, 1.0, 1.0, 5, 90.0, 0.8, female_prob, "unknown", age_years, "mid")


def people(
    tracks: Sequence[SeenTrack], looks: Mapping[int, Appearance] | None = None, options: PeopleOptions = OPTIONS
) -> dict[int, int]:
    """The people whom these tracks show; all look alike in gender and age unless it is said."""
    appearances = [(looks or {}).get(track.track_id, appearance(track.track_id)) for track in tracks]
    return people_in_video(compared(tracks), appearances, options)


def test_appearances_with_the_same_face_are_one_person() -> None:
    tracks = [seen(0, 0, 0.0), seen(1, 180, 2.0), seen(4, 20, 4.0), seen(7, 170, 6.0)]
    assert people(tracks) == {0: 0, 1: 1, 4: 0, 7: 1}


@pytest.mark.parametrize(("angle", "expected"), [(59, {0: 0, 1: 0}), (61, {0: 0, 1: 1})])
def test_two_appearances_need_the_least_likeness(angle: float, expected: dict[int, int]) -> None:
    assert people([seen(0, 0, 0.0), seen(1, angle, 2.0)]) == expected


def test_people_are_numbered_in_order_of_time() -> None:
    tracks = [seen(9, 0, 8.0), seen(2, 0, 4.0), seen(5, 90, 6.0), seen(3, 180, 2.0)]
    assert people(tracks) == {3: 0, 2: 1, 5: 2, 9: 1}


def test_the_order_of_the_appearances_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    tracks = [seen(i, angle, 2.0 * i) for i, angle in enumerate(rng.uniform(0, 360, 30))]
    shuffled = [tracks[i] for i in rng.permutation(30)]
    assert people(shuffled) == people(tracks)


def test_a_group_is_joined_by_the_mean_likeness_of_all_its_appearances() -> None:
    # 0 and 40 are joined first; from 90 the one is 90 and the other 50 degrees away: mean cosine 0.32
    tracks = [seen(0, 0, 0.0), seen(1, 40, 2.0), seen(2, 90, 4.0)]
    assert people(tracks) == {0: 0, 1: 0, 2: 1}
    assert people(tracks[1:]) == {1: 0, 2: 0}
    # from 65 they are 65 and 45 degrees away: mean cosine 0.56
    assert people([seen(0, 0, 0.0), seen(1, 20, 2.0), seen(2, 65, 4.0)]) == {0: 0, 1: 0, 2: 0}


def test_two_in_view_together_are_two_people_however_alike() -> None:
    assert people([seen(0, 0, 0.0), seen(1, 0, 0.5)]) == {0: 0, 1: 1}
    assert people([seen(0, 0, 0.0), seen(1, 0, 1.5)]) == {0: 0, 1: 0}


def test_one_who_is_in_view_with_one_of_many_appearances_is_none_of_them() -> None:
    many = [seen(i, 0, 2.0 * i) for i in range(20)]
    found = people([*many, seen(99, 1, 0.5)])
    assert len(set(found.values())) == 2
    assert found[0] != found[99]


@pytest.mark.parametrize(
    ("looks", "is_one"),
    [
        ((appearance(0, 0.9, 30), appearance(1, 0.9, 30)), True),
        ((appearance(0, 0.9, 30), appearance(1, 0.1, 30)), False),  # 0.77 - 0.4 * 0.8 is less than 0.5
        ((appearance(0, 0.9, 30), appearance(1, 0.6, 30)), True),
        ((appearance(0, 0.9, 20), appearance(1, 0.9, 60)), False),  # 0.77 - 0.01 * 40 is less than 0.5
        ((appearance(0, 0.9, 20), appearance(1, 0.9, 40)), True),
        ((appearance(0, 0.9, np.nan), appearance(1, 0.9, 60)), True),
    ],
    ids=["same", "gender", "unsure gender", "age", "near age", "no age"],
)
def test_faces_of_another_gender_or_age_must_be_more_alike(looks: tuple[Appearance, ...], is_one: bool) -> None:
    tracks = [seen(0, 0, 0.0), seen(1, 40, 2.0)]
    options = PeopleOptions(count=True, min_likeness=0.5, gender_weight=0.4, age_weight=0.01)
    assert people(tracks, dict(enumerate(looks)), options) == {0: 0, 1: 0 if is_one else 1}
    alone = PeopleOptions(count=True, min_likeness=0.5, gender_weight=0, age_weight=0)
    assert people(tracks, dict(enumerate(looks)), alone) == {0: 0, 1: 0}


@pytest.mark.parametrize("name", ["gender_weight", "age_weight"])
def test_a_weight_that_is_negative_is_refused(name: str) -> None:
    with pytest.raises(OptionError, match=rf"{name} must be in \[0, 2\], got -1"):
        PeopleOptions(**{name: -1.0})  # type: ignore[arg-type]


def test_a_likeness_that_is_no_cosine_is_refused() -> None:
    with pytest.raises(OptionError, match=r"must be in \[-1, 1\], got 1.5"):
        PeopleOptions(min_likeness=1.5)


def test_few_appearances_need_no_comparison() -> None:
    assert people([]) == {}
    assert people([seen(3, 0, 0.0)]) == {3: 0}
