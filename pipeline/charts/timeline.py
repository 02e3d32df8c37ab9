"""Who is on screen when: one bar a track, in as many lanes as people are in view at once.

Written directly, without matplotlib: a page may hold hundreds, and the bars stretch with the page while text does not.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from facetally.charts.figure import nothing, wrapped
from facetally.formatting import player_time

LANES_PX, LANE_PX, LOWEST_LANE_PX = 120, 12, 3
"""Lanes are lower where there are many, so that they fit into a height."""
AXIS_PX = 18
SCALE = 10_000
"""Parts of the width: bars are placed by whole numbers."""
TICKS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200)
MOST_TICKS, LAST_TICK = 5, 0.78
"""How many times are written, and up to which part of the width: then comes the end."""
GENDERS = {"female": "female", "male": "male"}
NAMES = (("female", "women"), ("male", "men"), ("unknown", "unknown"))


@dataclass(frozen=True)
class TrackBar:
    """One track: when it is on screen, in seconds of the video, and its predicted gender."""

    start_s: float
    end_s: float
    gender: str
    track: int


def timeline(bars: Sequence[TrackBar], duration_s: float, cuts_s: Sequence[float], title: str) -> str:
    """Filled bars for women and men, hollow ones for unknown, and thin lines at the cuts.

    Args:
        bars: in any order.
        duration_s: of the video; longer bars lengthen it.
        cuts_s: times of the shot cuts.
        title: the chart's name.
    """
    usable = [bar for bar in bars if math.isfinite(bar.start_s) and math.isfinite(bar.end_s)]
    ends = [bar.end_s for bar in usable] + ([duration_s] if math.isfinite(duration_s) else [])
    duration_s = max(ends, default=0.0)
    if duration_s <= 0:
        return nothing(title)
    lanes = lanes_of(usable)
    count = max(lanes, default=-1) + 1
    lane_px = max(LOWEST_LANE_PX, min(LANE_PX, LANES_PX // max(count, 1)))
    height = max(count, 1) * lane_px
    body = (
        f'<svg width="100%" height="{height}" viewBox="0 0 {SCALE} {height}" preserveAspectRatio="none">'
        f"{_cuts(cuts_s, duration_s, height)}{_bars(usable, lanes, duration_s, lane_px)}</svg>"
        f"{_axis(duration_s, height)}"
    )
    attributes = f'width="100%" height="{height + AXIS_PX}"'
    return wrapped(body, attributes, title, _words(usable, duration_s, cuts_s), style="display:block;overflow:visible")


def lanes_of(bars: Sequence[TrackBar]) -> list[int]:
    """The lane of each bar: the first that is free when it starts, so that there are as few as can be."""
    free: list[int] = []
    busy: list[tuple[float, int]] = []
    lanes = [0] * len(bars)
    for place in sorted(range(len(bars)), key=lambda i: (bars[i].start_s, bars[i].track)):
        while busy and busy[0][0] <= bars[place].start_s:
            heapq.heappush(free, heapq.heappop(busy)[1])
        lanes[place] = heapq.heappop(free) if free else len(busy)
        heapq.heappush(busy, (bars[place].end_s, lanes[place]))
    return lanes


def _bars(bars: Sequence[TrackBar], lanes: Sequence[int], duration_s: float, lane_px: int) -> str:
    """One path for each gender."""
    gap = 1 if lane_px < 6 else 2
    shapes: dict[str, list[str]] = {name: [] for name, _ in NAMES}
    for bar, lane in zip(bars, lanes, strict=True):
        x, end = (_place(time_s, duration_s) for time_s in (bar.start_s, bar.end_s))
        width = max(end - x, SCALE // 400)  # the shortest track can still be seen
        x = min(x, SCALE - width)
        high = lane_px - gap
        shapes[GENDERS.get(bar.gender, "unknown")].append(f"M{x} {lane * lane_px + gap / 2:g}h{width}v{high}h-{width}z")
    hollow = "fill:none;stroke:var(--soft);vector-effect:non-scaling-stroke"
    return "".join(
        f'<path d="{"".join(paths)}" style="{hollow if name == "unknown" else f"fill:var(--{name})"}"/>'
        for name, paths in shapes.items()
        if paths
    )


def _cuts(cuts_s: Iterable[float], duration_s: float, height: int) -> str:
    places = dict.fromkeys(_place(cut_s, duration_s) for cut_s in cuts_s if 0 < cut_s < duration_s)
    if not places:
        return ""
    path = "".join(f"M{place} 0v{height}" for place in places)
    return f'<path d="{path}" style="stroke:var(--line);vector-effect:non-scaling-stroke"/>'


def _axis(duration_s: float, height: int) -> str:
    """A line with a few times below."""
    step = next((step for step in TICKS_S if duration_s / step <= MOST_TICKS), math.ceil(duration_s / MOST_TICKS))
    times = [0.0] + [n * step for n in range(1, MOST_TICKS + 1) if n * step <= LAST_TICK * duration_s]
    anchors = ["start"] + ["middle"] * (len(times) - 1) + ["end"]
    texts = "".join(
        f'<text x="{100 * time_s / duration_s:.4g}%" y="{height + 14}" text-anchor="{anchor}">'
        f"{player_time(time_s)}</text>"
        for time_s, anchor in zip([*times, duration_s], anchors, strict=True)
    )
    line = f'<rect y="{height}" width="100%" height="1" style="fill:var(--line)"/>'
    return f'{line}<g style="font-size:12px;fill:var(--soft)">{texts}</g>'


def _place(time_s: float, duration_s: float) -> int:
    return round(SCALE * min(max(time_s / duration_s, 0.0), 1.0))


def _words(bars: Sequence[TrackBar], duration_s: float, cuts_s: Sequence[float]) -> str:
    counts = {name: sum(GENDERS.get(bar.gender, "unknown") == name for bar in bars) for name, _ in NAMES}
    tracks = ", ".join(f"{words} {counts[name]}" for name, words in NAMES)
    return f"Tracks in {player_time(duration_s)}: {tracks}; shot cuts {len(cuts_s)}."
