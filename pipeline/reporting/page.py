"""The report as one self-contained HTML page.

All of it can be read without its script, which sorts and filters the table of videos, and opens all folds for the
printer. The page's policy allows that script alone, by its hash.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
import markupsafe
import pandas as pd

from facetally import __version__
from facetally.formatting import clock, percent
from facetally.options import ClassificationOptions
from facetally.quantification.correction import Correction
from facetally.quantification.differences import METHOD
from facetally.quantification.run_shares import METHODS
from facetally.reporting.answer import Verified, answer, standing_of
from facetally.reporting.pictures import (
    UNITS,
    age_pictures,
    group_pictures,
    line_intervals,
    over_time_pictures,
    size_picture,
    timeline_picture,
    total_pictures,
)
from facetally.reporting.templates import environment
from facetally.reporting.tracks import NO_TRACKS, TrackPictures
from facetally.reporting.truth_section import truth_section
from facetally.results.ledger import VideoRow, option_sets
from facetally.tallies.comparison import GroupDifference, compared, points
from facetally.tallies.corrected import Quotes, method_names, quotes
from facetally.tallies.forecast import Forecast
from facetally.tallies.shares import GENDERS, Amounts, Column, Figure, Published, Shares, published
from facetally.tallies.summary import longer_than_videos

HIDDEN = "hidden"
MAX_VIDEOS = 5000
"""In the table by video, and in that of what could not be read; with many more, a browser sorts and filters slowly."""
MANY_VIDEOS = 30
"""From this many on their table is folded."""
OPEN_TIMELINES = 6
"""Timelines that are shown at once; the others are folded."""
FOLDER = Path(__file__).parent
MIN_CELL_HINT = (
    "single appearances are not shown, since small cells are hidden: no timelines, and no figures of the labels"
)


@dataclass(frozen=True)
class PageGroups:
    """The table of groups on the page."""

    title: str
    """What the groups are."""
    cells: pd.DataFrame
    """With a column group."""
    rest: str
    """The group of what is in no group."""
    has_whole_videos: bool
    """Whether each video is in one group."""
    quotes: Mapping[str, Quotes] = field(default_factory=dict)
    """Corrected shares by group; empty without a calibration, or where groups cut through videos."""
    is_time: bool = False
    """Whether the groups are times of the clock, in their order."""


@dataclass(frozen=True)
class _Shown:
    """The tables of the page."""

    tables: Published
    ages: tuple[Shares, ...]
    times: tuple[Shares, ...]
    videos: tuple[Shares, ...]
    groups: tuple[Shares, ...] = ()
    differences: tuple[GroupDifference, ...] = ()


@dataclass(frozen=True)
class Making:
    """How the page was made."""

    date: str = ""
    folders: tuple[str, ...] = ()
    command: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    versions: tuple[str, ...] = ()
    """Of facetally that made the tables."""
    notes: tuple[str, ...] = ()
    """Sentences without a full stop that a reader must know."""
    label_command: str = "facetally label OUT"
    """That opens the labelling page."""
    videos_command: str = "facetally tally OUT --by video --format csv"
    """That prints a row for each video."""
    status_command: str = "facetally status OUT"
    """That names every video that could not be read."""


def rendered(
    rows: Sequence[VideoRow],
    tallies: pd.DataFrame,
    *,
    bin_s: float,
    provenance: dict[str, Any],
    expected: Forecast,
    corrected: dict[str, dict[str, Correction]],
    min_cell: int = 0,
    groups: PageGroups | None = None,
    making: Making = Making(),
    tracks: TrackPictures = NO_TRACKS,
    verified: Verified | None = None,
) -> str:
    """The page as text; cells with fewer than `min_cell` appearances are hidden."""
    shown = _published(tallies, groups, min_cell)
    script = (FOLDER / "report.js").read_text(encoding="utf-8")
    return _template().render(
        **_first_screen(rows, tallies, shown, corrected, making, tracks, verified),
        **_sections(rows, tallies, shown, groups, min_cell),
        **_single_appearances(tracks),
        version=__version__,
        style=markupsafe.Markup((FOLDER / "report.css").read_text(encoding="utf-8")),
        script=markupsafe.Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        bin_s=bin_s,
        forecast=expected,
        corrected=corrected,
        methods=METHODS,
        mixed=digests if (digests := option_sets(rows)) > 1 else 0,
        options=provenance.get("options", {}),
        classification=ClassificationOptions.of_run(provenance.get("options", {})),
        models=provenance.get("models", {}),
        making=making,
        truth=truth_section(verified.figures) if verified and not min_cell else "",
        hint=MIN_CELL_HINT if min_cell else "",
    )


def _first_screen(
    rows: Sequence[VideoRow],
    tallies: pd.DataFrame,
    shown: _Shown,
    corrected: dict[str, dict[str, Correction]],
    making: Making,
    tracks: TrackPictures,
    verified: Verified | None,
) -> dict[str, Any]:
    total = shown.tables.total
    usable, troubled = [row for row in rows if row.status != "failed"], [row for row in rows if row.status != "ok"]
    to_quote = {} if total.hidden else quotes(corrected)
    intervals = {unit: line_intervals(tallies, unit).get("all") for unit in UNITS} if len(tallies) else {}
    return {
        "rows": rows,
        "usable": usable,
        "answer": answer(total, to_quote.get("appearances"), len(rows), len(usable)),
        "standing": standing_of(verified, tracks.labels_needed, making.label_command),
        "total": total,
        "genders": GENDERS,
        "has_people": total.people.total > 0,
        "total_pictures": total_pictures(total, intervals, to_quote),
        "quotes": to_quote,
        "longer": longer_than_videos(total, rows),
        "hidden": shown.tables.hidden_sentence,
        "troubled": troubled[:MAX_VIDEOS],
        "trouble_count": len(troubled),
        "read_s": sum(row.decoded_s for row in rows),
        "expected_s": sum(row.decoded_s / (row.coverage or 1.0) for row in rows),
    }


def _sections(
    rows: Sequence[VideoRow], tallies: pd.DataFrame, shown: _Shown, groups: PageGroups | None, min_cell: int
) -> dict[str, Any]:
    has_videos = not (min_cell and groups and not groups.has_whole_videos)
    by_video, nobody = {line.label: line for line in shown.videos}, tallies.iloc[:0]
    usable = [row for row in rows if row.status != "failed"]
    videos = [by_video.get(row.video) or Shares.of(row.video, nobody) for row in usable] if has_videos else []
    ages = [line for line in shown.ages if line.label != "unknown"]
    group_charts = []
    if groups:
        by_unit = {unit: line_intervals(groups.cells, unit, "group") for unit in UNITS}
        group_charts = group_pictures(shown.groups, by_unit, groups.title, groups.is_time)
    return {
        "videos": _longest(videos, bool(min_cell)),
        "video_count": len(videos),
        "has_videos": has_videos,
        "is_folded": len(videos) >= MANY_VIDEOS,
        "times": shown.times,
        "time_pictures": over_time_pictures(shown.times, "over time") if len(shown.times) > 1 else [],
        "ages": ages,
        "age_pictures": age_pictures(ages) if ages else [],
        "groups": shown.groups,
        "group_title": groups.title if groups else "",
        "group_pictures": group_charts,
        "differences": shown.differences,
        "points": points,
        "difference_method": METHOD,
        "group_quotes": groups.quotes if groups else {},
        "group_method": method_names(list(groups.quotes.values())) if groups else "",
    }


def _longest(videos: Sequence[Shares], are_hidden: bool) -> list[Shares]:
    """The first `MAX_VIDEOS` by screen time, in the order of names; by name if that order reveals hidden figures."""
    places = list(range(len(videos)))
    if not are_hidden:
        places.sort(key=lambda place: -videos[place].screen_time_s.total)
    return [videos[place] for place in sorted(places[:MAX_VIDEOS])]


def _single_appearances(tracks: TrackPictures) -> dict[str, Any]:
    return {
        "timelines": [(timeline_picture(one), one) for one in tracks.timelines],
        "open_timelines": OPEN_TIMELINES,
        "has_cuts": any(one.cuts_s for one in tracks.timelines),
        "without_timeline": tracks.without_timeline,
        "sizes": tracks.sizes,
        "size_picture": size_picture(tracks.sizes) if tracks.sizes else None,
        "size_source": tracks.size_source,
        "qualities": tracks.qualities,
        "most_of_a_quality": max((one.appearances or 0 for one in tracks.qualities), default=0),
    }


def _published(tallies: pd.DataFrame, groups: PageGroups | None, min_cell: int) -> _Shown:
    """All tables of the page, with cells hidden in all of them together."""
    columns = [Column("age_band"), Column("bin_start_s", lambda start: clock(float(start)))]
    if groups is None:
        tables = published(tallies, [*columns, Column("video")], min_cell)
        ages, times, videos = tables.lines
        return _Shown(tables, ages, times, videos)
    by_group = Column("group", parts="video" if groups.has_whole_videos else "", cells=groups.cells)
    if groups.has_whole_videos or min_cell:  # both groups that divide videos and these would tell more than each alone
        tables = published(tallies, [*columns, by_group], min_cell)
        (ages, times, own), videos = tables.lines, tables.parts[2]
    else:
        tables = published(tallies, [*columns, by_group, Column("video")])
        ages, times, own, videos = tables.lines
    differences = compared(groups.cells, own, groups.rest)
    return _Shown(tables, ages, times, videos, own, tuple(differences))


def bar_style(amounts: Amounts) -> str:
    """The custom properties of a bar: where women end, and where men end, in percent of its width."""
    total = amounts.total or 1.0
    return f"--f:{100 * amounts.female / total:.4g}%;--k:{100 * (amounts.female + amounts.male) / total:.4g}%"


def _template() -> jinja2.Template:
    def shown(text_of: Any) -> Any:
        def text(value: Figure) -> str:
            return HIDDEN if value is None else text_of(value)

        return text

    made = environment()
    made.filters |= {"percent": shown(percent), "clock": shown(clock), "count": shown(lambda n: f"{n:,.0f}")}
    made.filters["bar_style"] = bar_style
    return made.get_template("report.html")
