"""Two runs compared without labels: their shares, and the appearances that only one has or that have another gender."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from labelled_world import Row, face_rows, stored, times, track_row

from facetally.errors import OutputError
from facetally.results.ledger import Ledger
from facetally.validation.run_comparison import run_figures

Seen = tuple[int, float, float, float, float]
"""Track id, female_prob, from, to, and where: x."""


def run_of(out: Path, videos: Mapping[str, Sequence[Seen]], every_s: float = 0.2) -> Ledger:
    """A run in which faces stand still."""
    tracks = {
        video: [
            {**track_row(i, prob, stop - start), "first_s": start, "last_s": stop} for i, prob, start, stop, _ in seen
        ]
        for video, seen in videos.items()
    }
    faces: dict[str, list[Row]] = {
        video: [row for i, _, start, stop, x in seen for row in face_rows(i, times(start, stop, every_s), x=x)]
        for video, seen in videos.items()
    }
    return stored(out, tracks, faces)


def compared(folder: Path, first: Sequence[Seen], second: Sequence[Seen], every_s: float = 0.2) -> dict[str, object]:
    """The figures over appearances of two runs over one video."""
    runs = run_of(folder / "a", {"x.mp4": first}), run_of(folder / "b", {"x.mp4": second}, every_s)
    figures: dict[str, object] = run_figures(*runs)["appearances"]
    return figures


def counts(figures: Mapping[str, object]) -> list[object]:
    return [figures[name] for name in ("same", "other_gender", "only_first", "only_second", "cut_differently")]


def test_the_same_face_is_the_same_appearance_whatever_its_number(tmp_path: Path) -> None:
    found = compared(tmp_path, [(0, 0.9, 0, 2, 0), (1, 0.1, 0, 2, 100)], [(5, 0.1, 0, 2, 100), (7, 0.8, 0, 2, 0)])
    assert counts(found) == [2, 0, 0, 0, 0]
    assert found["changed"] == []


def test_another_gender_is_listed_with_its_times_and_both_predictions(tmp_path: Path) -> None:
    found = compared(tmp_path, [(3, 0.9, 61, 63, 0)], [(4, 0.2, 61, 63, 0)])
    assert counts(found) == [0, 1, 0, 0, 0]
    assert found["changed"] == [
        {
            **{"kind": "gender", "video": "x.mp4", "first_s": 61.0, "last_s": 63.0},
            **{"first": "female", "first_track_id": 3, "first_female_prob": 0.9},
            **{"second": "male", "second_track_id": 4, "second_female_prob": 0.2},
        }
    ]


def test_appearances_of_one_run_alone_are_listed(tmp_path: Path) -> None:
    found = compared(tmp_path, [(0, 0.9, 0, 2, 0), (1, 0.9, 4, 5, 0)], [(0, 0.9, 0, 2, 0), (1, 0.1, 0, 2, 100)])
    assert counts(found) == [1, 0, 1, 1, 0]
    assert [(one["first"], one["second"], one["first_s"]) for one in found["changed"]] == [  # type: ignore[attr-defined]
        (None, "male", 0.0),
        ("female", None, 4.0),
    ]


def test_a_piece_of_an_appearance_is_not_one_of_its_own(tmp_path: Path) -> None:
    found = compared(tmp_path, [(0, 0.9, 0, 4, 0)], [(0, 0.9, 0, 3, 0), (1, 0.9, 3, 4, 0)])
    assert counts(found) == [1, 0, 0, 0, 1]


def test_runs_may_sample_at_different_times(tmp_path: Path) -> None:
    assert counts(compared(tmp_path, [(0, 0.9, 0, 4, 0)], [(0, 0.9, 0.1, 4.1, 0)], every_s=0.5)) == [1, 0, 0, 0, 0]


def test_shares_and_unknowns_of_both_runs_are_over_the_videos_of_both(tmp_path: Path) -> None:
    woman, man, nobody = (0, 0.9, 0, 3, 0), (1, 0.1, 0, 1, 100), (2, 0.5, 0, 2, 200)
    first = run_of(tmp_path / "a", {"x.mp4": [woman, man], "only.mp4": [man]})
    second = run_of(tmp_path / "b", {"x.mp4": [woman, nobody]})
    figures = run_figures(first, second)
    assert figures["videos"] == 1
    assert figures["shares"]["first"] == {
        **{"appearances": 2, "female": 1, "male": 1, "unknown": 0, "share": 0.5},
        **{"screen_time_s": 4.0, "screen_time_share": 0.75},
    }
    assert [figures["shares"]["second"][name] for name in ("unknown", "share")] == [1, 1.0]


def test_videos_that_failed_in_a_run_are_not_compared(tmp_path: Path) -> None:
    ledger = run_of(tmp_path / "a", {"x.mp4": [(0, 0.9, 0, 3, 0)]})
    assert run_figures(ledger, stored(tmp_path / "b", {}, failed=["x.mp4"]))["videos"] == 0


def test_runs_over_other_videos_are_refused(tmp_path: Path) -> None:
    one, other = (run_of(tmp_path / name, {f"{name}.mp4": [(0, 0.9, 0, 3, 0)]}) for name in "ab")
    with pytest.raises(OutputError, match="cannot be paired by their names") as caught:
        run_figures(one, other)
    assert caught.value.fix == "compare runs over the same videos"
