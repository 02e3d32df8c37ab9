"""Writes the report: one self-contained HTML page, no network, no faces.

It needs no scripts. With many videos it has a small one of its own, which filters their table; the page's policy allows
that one only, by its hash.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2
import markupsafe
import pandas as pd

from facetally import __version__
from facetally.files import write_whole
from facetally.formatting import clock, percent
from facetally.options import ClassificationOptions
from facetally.quantification.correction import Correction
from facetally.quantification.differences import METHOD
from facetally.quantification.run_shares import METHODS
from facetally.results.ledger import VideoRow, option_sets
from facetally.tallies.comparison import GroupDifference, compared, points
from facetally.tallies.corrected import Quotes, method_names, quotes
from facetally.tallies.forecast import Forecast
from facetally.tallies.groups import Groups
from facetally.tallies.shares import GENDERS, Column, Figure, Published, Shares, published
from facetally.tallies.summary import Summary, grouped_cells, longer_than_videos, readable_bin_s

HIDDEN = "hidden"
MANY_VIDEOS = 30
"""From this many on their table is folded, and filtered by `FILTER`."""
FILTER = """
const table = document.getElementById("videos"), rows = [...table.tBodies[0].rows];
const label = document.createElement("label"), input = document.createElement("input");
const shown = document.createElement("span");
input.type = "search";
label.append("Only videos with this in their name: ", input, " ", shown);
table.before(label);
input.addEventListener("input", () => {
  const words = input.value.toLowerCase().split(/\\s+/);
  let count = 0;
  for (const row of rows) {
    const name = row.cells[0].textContent.toLowerCase();
    row.hidden = !words.every(word => name.includes(word));
    count += !row.hidden;
  }
  shown.textContent = input.value ? `${count} of ${rows.length}` : "";
});
"""


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


def write_report(summary: Summary, path: Path, command: str = "") -> Path:
    """Writes the page and returns `path`.

    Args:
        summary: of the runs.
        path: where to write the page.
        command: that makes the page.

    Raises:
        OutputError: a damaged file, or a place that cannot be written.
    """
    groups, rows, provenance = summary.groups, summary.rows, summary.runs[-1].ledger.provenance()
    bin_s, cells = summary.bin_s, summary.cells
    if groups.is_by_clock:
        bin_s = readable_bin_s(max(row.decoded_s for row in rows))
        plain = Groups(replace(groups.options, by="all"), groups.videos)
        cells = grouped_cells(summary.runs, plain, bin_s, summary.options.min_confidence)
    if summary.options.min_confidence is not None:
        made_with = ClassificationOptions.of_run(provenance["options"])
        classification = replace(made_with, min_confidence=summary.options.min_confidence)
        provenance["options"]["classification"] = asdict(classification)
    text = rendered(
        rows,
        cells,
        bin_s=bin_s,
        provenance=provenance,
        expected=summary.forecast,
        corrected=summary.corrections,
        min_cell=summary.options.min_cell,
        groups=_page_groups(summary),
        making=_making(summary, command),
    )
    write_whole(path, text)
    return path


def _page_groups(summary: Summary) -> PageGroups | None:
    groups = summary.groups
    if groups.by in ("all", "video") or (groups.by == "time" and not groups.is_by_clock):
        return None
    title = "time of day" if groups.by == "time" else groups.options.by
    labels = [line.label for line in summary.lines]
    corrected = dict(zip(labels, summary.quotes, strict=False)) if summary.has_group_corrections else {}
    return PageGroups(title, summary.cells, groups.rest, groups.is_by_video, corrected)


def _making(summary: Summary, command: str) -> Making:
    return Making(
        datetime.now().strftime("%Y-%m-%d %H:%M"),
        tuple(str(run.ledger.out.resolve()) for run in summary.runs),
        command,
        {name: value for name, value in summary.settings.items() if value not in (None, 0, "all")},
        summary.versions,
        tuple(note for note in (summary.disclosure, *summary.notes) if note),
    )


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
) -> str:
    """The page as text; cells with fewer than `min_cell` appearances are hidden."""
    shown = _published(tallies, groups, min_cell)
    usable = [row for row in rows if row.status != "failed"]
    has_videos = not (min_cell and groups and not groups.has_whole_videos)
    by_video = {line.label: line for line in shown.videos}
    nobody = tallies.iloc[:0]
    videos = [by_video.get(row.video) or Shares.of(row.video, nobody) for row in usable] if has_videos else []
    return _template().render(
        version=__version__,
        genders=GENDERS,
        rows=rows,
        usable=usable,
        troubled=[row for row in rows if row.status != "ok"],
        hidden=shown.tables.hidden_sentence,
        total=shown.tables.total,
        has_people=shown.tables.total.people.total > 0,
        longer=longer_than_videos(shown.tables.total, rows),
        videos=videos,
        has_videos=has_videos,
        is_folded=len(videos) >= MANY_VIDEOS,
        script=markupsafe.Markup(FILTER),
        script_hash=base64.b64encode(hashlib.sha256(FILTER.encode()).digest()).decode(),
        times=shown.times,
        ages=[line for line in shown.ages if line.label != "unknown"],
        groups=shown.groups,
        group_title=groups.title if groups else "",
        differences=shown.differences,
        points=points,
        difference_method=METHOD,
        bin_s=bin_s,
        forecast=expected,
        corrected=corrected,
        quotes=quotes(corrected),
        group_quotes=groups.quotes if groups else {},
        group_method=method_names(list(groups.quotes.values())) if groups else "",
        methods=METHODS,
        mixed=digests if (digests := option_sets(rows)) > 1 else 0,
        options=provenance.get("options", {}),
        classification=ClassificationOptions.of_run(provenance.get("options", {})),
        models=provenance.get("models", {}),
        making=making,
    )


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


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )

    def shown(text_of: Any) -> Any:
        def text(value: Figure) -> str:
            return HIDDEN if value is None else text_of(value)

        return text

    environment.filters |= {"percent": shown(percent), "clock": shown(clock), "count": shown(lambda n: f"{n:,.0f}")}
    return environment.get_template("report.html")
