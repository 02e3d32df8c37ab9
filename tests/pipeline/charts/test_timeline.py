"""The timeline of a video."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from facetally.charts.timeline import SCALE, TrackBar, lanes_of, timeline

TRACKS = st.lists(
    st.builds(
        lambda start, length, gender, track: TrackBar(start, start + length, gender, track),
        *(st.floats(0, 1000), st.floats(0, 100), st.sampled_from(["female", "male", "unknown"]), st.integers(0, 99)),
    ),
    max_size=40,
)


def bars_of(markup: str, style: str) -> list[tuple[int, float, int, int]]:
    """x, y, width and height of the bars of a style."""
    for node in ElementTree.fromstring(markup).iter("path"):
        if style in node.attrib["style"]:
            found = re.findall(r"M(\d+) ([\d.]+)h(\d+)v(\d+)", node.attrib["d"])
            return [(int(x), float(y), int(w), int(h)) for x, y, w, h in found]
    return []


def test_a_bar_lies_where_its_track_is_on_screen() -> None:
    markup = timeline([TrackBar(10, 30, "female", 1)], 40, [], "Video")
    assert bars_of(markup, "var(--female)") == [(SCALE // 4, 1.0, SCALE // 2, 10)]


def test_unknown_tracks_are_hollow_with_an_outline() -> None:
    markup = timeline([TrackBar(0, 5, "unknown", 1), TrackBar(0, 5, "anything", 2)], 10, [], "Video")
    assert len(bars_of(markup, "fill:none;stroke:var(--soft)")) == 2


def test_cuts_inside_the_video_are_thin_lines() -> None:
    root = ElementTree.fromstring(timeline([], 100, [0, 25, 25, 75, 100, 130], "Video"))
    (cuts,) = (node.attrib["d"] for node in root.iter("path"))
    assert re.findall(r"M(\d+)", cuts) == [str(SCALE // 4), str(3 * SCALE // 4)]


def test_the_shortest_track_is_seen_even_at_the_end() -> None:
    ((x, _, width, _),) = bars_of(timeline([TrackBar(3600, 3600, "male", 1)], 3600, [], "Video"), "var(--male)")
    assert width >= SCALE / 400
    assert x + width == SCALE


def test_who_comes_when_another_leaves_uses_the_same_lane() -> None:
    bars = [TrackBar(0, 10, "female", 1), TrackBar(5, 12, "male", 2), TrackBar(10, 20, "male", 3)]
    assert lanes_of(bars) == [0, 1, 0]


@given(TRACKS)
def test_bars_of_one_lane_never_overlap_and_lanes_are_as_few_as_can_be(bars: list[TrackBar]) -> None:
    lanes = lanes_of(bars)
    for lane in set(lanes):
        own = sorted((bar.start_s, bar.end_s) for bar, place in zip(bars, lanes, strict=True) if place == lane)
        assert all(first[1] <= second[0] for first, second in pairwise(own))
    at_once = [sum(b.start_s <= bar.start_s < b.end_s or b is bar for b in bars) for bar in bars]
    assert max(lanes, default=-1) + 1 <= max(at_once, default=0)


@given(TRACKS, st.floats(0, 1e5), st.lists(st.floats(0, 1e5), max_size=20))
def test_any_tracks_stay_inside_the_picture(bars: list[TrackBar], duration_s: float, cuts_s: list[float]) -> None:
    markup = timeline(bars, duration_s, cuts_s, "Video")
    assert "nan" not in markup
    for style in ("var(--female)", "var(--male)", "fill:none"):
        assert all(0 <= x <= x + width <= SCALE for x, _, width, _ in bars_of(markup, style))


def test_its_markup_is_small() -> None:
    bars = [TrackBar(9 * i, 9 * i + 8, "female", i) for i in range(500)]
    assert len(timeline(bars, 5000, [], "Video")) < 20 * 500 + 1500


def test_the_description_counts_tracks_and_cuts() -> None:
    markup = timeline([TrackBar(0, 5, "female", 1), TrackBar(0, 5, "unknown", 2)], 65, [3], "Video")
    assert "Tracks in 1:05: women 1, men 0, unknown 1; shot cuts 1." in markup


def test_a_video_without_length_or_tracks_says_so() -> None:
    assert "nothing to show" in timeline([], 0, [], "Video")
    assert "nothing to show" in timeline([TrackBar(float("nan"), 2, "male", 1)], float("nan"), [], "Video")


@given(st.floats(0.5, 1e5))
def test_times_below_have_room_on_a_phone(duration_s: float) -> None:
    root = ElementTree.fromstring(timeline([], duration_s, [], "Video"))
    places = [float(node.attrib["x"].rstrip("%")) for node in root.iter("text")]
    assert (places[0], places[-1]) == (0, 100)
    assert all(second - first >= 17 for first, second in pairwise(places))
