"""Which names of a truth folder and of a run mean the same video."""

from __future__ import annotations

import pytest

from facetally.errors import TruthError
from facetally.truth.video_names import matched_names


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("a/b.mp4", "a/b.mp4"),
        ("b.mp4", "clips/a/b.mp4"),
        ("data/clips/a/b.mp4", "a/b.mp4"),
        ("b", "b.mp4"),
        ("a/b.avi", "clips/a/b.mp4"),
    ],
)
def test_a_name_matches_in_full_by_its_end_or_without_its_suffix(ours: str, theirs: str) -> None:
    assert matched_names([ours], [theirs, "other.mp4"]) == {ours: theirs}


@pytest.mark.parametrize(("ours", "theirs"), [("b.mp4", "ab.mp4"), ("a/b.mp4", "c/b.mp4"), ("b.mp4", "b.mp4/c.mp4")])
def test_ends_are_compared_by_whole_parts_of_the_path(ours: str, theirs: str) -> None:
    with pytest.raises(TruthError, match="no video is in both"):
        matched_names([ours], [theirs])


def test_a_closer_match_comes_first() -> None:
    theirs = ["b.mp4", "a/b.mp4", "c.mp4", "x/c.avi"]
    assert matched_names(["b.mp4", "c.avi"], theirs) == {"b.mp4": "b.mp4", "c.avi": "x/c.avi"}


def test_names_matched_in_full_do_not_compete_for_the_others() -> None:
    assert matched_names(["b.mp4", "a/b.mp4"], ["b.mp4", "x/a/b.mp4"]) == {"b.mp4": "b.mp4", "a/b.mp4": "x/a/b.mp4"}


def test_names_of_one_side_only_are_left_out() -> None:
    assert matched_names(["a.mp4", "z.mp4"], ["a.mp4", "y.mp4"]) == {"a.mp4": "a.mp4"}


@pytest.mark.parametrize("theirs", [["a/b.mp4", "c/b.mp4"], ["b.avi", "b.mkv"]])
def test_a_name_that_may_be_either_of_two_videos_is_an_error_with_both(theirs: list[str]) -> None:
    with pytest.raises(TruthError, match=f"^b.mp4.* {theirs[0]} or {theirs[1]}$") as caught:
        matched_names(["b.mp4", "else.mp4"], [*theirs, "else.mp4"])
    assert "column video" in caught.value.fix


def test_two_names_for_one_video_are_an_error_with_both() -> None:
    with pytest.raises(TruthError, match=r"a/b.mp4 and b.mp4.* may both be x/a/b.mp4"):
        matched_names(["b.mp4", "a/b.mp4"], ["x/a/b.mp4"])


def test_nothing_in_common_is_an_error_with_a_few_names_of_each() -> None:
    with pytest.raises(TruthError, match=r"a1.mp4, a2.mp4, a3.mp4 and 1 more, the videos are z.mp4$"):
        matched_names([f"a{n}.mp4" for n in (4, 3, 2, 1)], ["z.mp4"])
