"""Moments of a video as people write them."""

from __future__ import annotations

import pytest

from facetally.errors import OptionError
from facetally.inspection.moments import Span


@pytest.mark.parametrize(
    ("text", "start_s", "stop_s"),
    [
        ("1:23", 83, 84),
        ("83", 83, 84),
        ("83s", 83, 84),
        ("0:00", 0, 1),
        ("1:02:05", 3725, 3726),
        ("83.5", 83.5, 83.5),
        ("1:23.25", 83.25, 83.25),
        ("1:20-1:40", 80, 101),
        (" 1:20 – 100.5 ", 80, 100.5),
    ],
)
def test_a_moment_without_decimals_is_a_whole_second(text: str, start_s: float, stop_s: float) -> None:
    span = Span.parsed(text)
    assert span.start_s == start_s
    assert span.stop_s == pytest.approx(stop_s, abs=1e-5)
    assert span.stop_s < start_s + 1 or "-" in text or "–" in text


@pytest.mark.parametrize("text", ["", "noon", "-5", "1:", ":30", "1:2:3:4", "1e3", "nan", "1,5", "1:20-"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match="is not a time") as caught:
        Span.parsed(text)
    assert "--at 1:23" in caught.value.fix


@pytest.mark.parametrize("text", ["9:60", "1:60:00", "1:02:99", "1:20-1:99"])
def test_a_clock_has_less_than_60_seconds_and_minutes(text: str) -> None:
    with pytest.raises(OptionError, match="is not a time") as caught:
        Span.parsed(text)
    assert "below 60" in caught.value.fix


def test_a_span_must_not_end_before_it_begins() -> None:
    with pytest.raises(OptionError, match="ends before it begins"):
        Span.parsed("1:40-1:20")


@pytest.mark.parametrize(("time_s", "nearest_s"), [(70, 80), (90.5, 90.5), (200, 100.5)])
def test_the_nearest_moment_of_a_span_is_in_it(time_s: float, nearest_s: float) -> None:
    assert Span(80, 100.5).clipped(time_s) == nearest_s
