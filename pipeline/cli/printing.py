"""Prints the results of the commands on stdout, as tables and sentences."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, get_args

import click
import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from facetally.formatting import clock, percent
from facetally.inputs import PassedOver
from facetally.models.weights import located, manifest_by_name
from facetally.options import Sampling
from facetally.quantification.correction import Correction
from facetally.quantification.run_shares import METHODS
from facetally.results.ledger import Ledger, Status, VideoRow
from facetally.tallies.aggregator import Shares, grouped
from facetally.validation.metrics import Figures
from facetally.video.reader import VideoReader

COLUMNS = ("appearances", "women", "men", "unknown", "share of women", "screen time", "share of women")
PEOPLE_COLUMNS = ("people", "share of women")
"""In a run that counted them."""
UNIT_NAMES = {"appearances": "appearance", "screen_time_s": "screen time"}
LISTED_FILES = 20
"""Files of each kind that are listed where they were passed over; log.txt and `--dry-run` list all."""
PLAIN_WIDTH = 120
"""Width of tables in characters if stdout is not a terminal."""
Grouping = Literal["all", "video", "time"]


def print_tally(tallies: pd.DataFrame, by: Grouping) -> None:
    """Prints a tally.

    Args:
        tallies: with the columns of `tables.TALLIES`.
        by: all (one line), video, or time (a line per time bin).
    """
    lines: list[Shares] = []
    if by == "video":
        lines = list(grouped(tallies, "video"))
    elif by == "time":
        lines = list(grouped(tallies, "bin_start_s", lambda start: f"from {clock(float(start))}"))
    total = Shares.of("all", tallies)
    has_people = total.people.total > 0
    table = Table("", *(COLUMNS + PEOPLE_COLUMNS if has_people else COLUMNS))
    table.columns[0].overflow = "fold"
    for column in table.columns[1:]:
        column.justify = "right"
    for line in [*lines, total]:
        cells = [
            f"{line.appearances.total:,.0f}",
            f"{line.appearances.female:,.0f}",
            f"{line.appearances.male:,.0f}",
            f"{line.appearances.unknown:,.0f}",
            percent(line.appearances.female_share),
            clock(line.screen_time.total),
            percent(line.screen_time.female_share),
        ]
        people = [f"{line.people.total:,.0f}", percent(line.people.female_share)] if has_people else []
        table.add_row(escape(line.label), *cells, *people)
    _console().print(table)


def print_corrections(corrected: dict[str, dict[str, Correction]]) -> None:
    """Prints counted and corrected shares of women side by side.

    Args:
        corrected: as from `run_shares.run_corrections`.
    """
    methods = list(dict.fromkeys(name for by_method in corrected.values() for name in by_method))
    table = Table("share of women, unknowns included", *(Column(METHODS[name], justify="right") for name in methods))
    refusals = []
    for unit, by_method in corrected.items():
        table.add_row(f"by {UNIT_NAMES[unit]}", *(_corrected_cell(by_method[name]) for name in methods))
        refusals += [f"{METHODS[name]}: {c.refusal}" for name, c in by_method.items() if c.refusal]
    _console().print(table)
    for refusal in dict.fromkeys(refusals):
        click.echo(f"Refused: {refusal}", err=True)


def _corrected_cell(correction: Correction) -> str:
    if correction.refusal:
        return "–"
    interval = correction.interval
    return percent(correction.share) + (f"\n{percent(interval.low)} – {percent(interval.high)}" if interval else "")


def print_validation(figures: Figures) -> None:
    """Prints the verdict and the figures it is based on."""
    table = Table("", *(Column(name, justify="right") for name in ("correct", "of", "accuracy", "95 % interval")))
    people = figures["people"]
    for label, group in (
        ("people found", people),
        ("  women", people["female"]),
        ("  men", people["male"]),
        ("  gender predicted", people["predicted"]),
        ("end to end, a missed person is an error", people["end_to_end"]),
        ("tracks", figures["tracks"]),
    ):
        _add_ratio(table, label, group)
    _console().print(table)
    for unit, name in (("appearance", "share"), ("screen time", "screen_time")):
        women = figures[name]["female"]
        predicted, true = (percent(math.nan if women[key] is None else women[key]) for key in ("raw", "true"))
        click.echo(f"Share of women by {unit}: predicted {predicted}, labelled {true}{_matchable(figures, name)}")
    if left_out := figures["truth"]["left_out"]:
        people = "1 labelled person is" if len(left_out) == 1 else f"{len(left_out)} labelled people are"
        click.echo(f"{people} not in the table above: never alone in view, or in no sampled frame")
    click.echo(f"Target {percent(figures['target'])}: {figures['verdict']}{_advice(figures)}")


def _matchable(figures: Figures, name: str) -> str:
    """The labelled share of the people to whom tracks can be given, where these are not all."""
    if not figures["truth"]["left_out"]:
        return ""
    share = figures[name]["female"]["matchable"]
    return f" (people who can be matched: {percent(math.nan if share is None else share)})"


def _advice(figures: Figures) -> str:
    if figures["exit_code"] != 3:
        return ""
    more = figures["further_people"]
    return f"; label about {more} more people" if more else "; more labels would not decide it at this accuracy"


def print_comparison(figures: Figures, first: str, second: str) -> None:
    """Prints two runs' accuracy over the same people, and the difference."""
    table = Table("", *(Column(name, justify="right") for name in ("correct", "of", "accuracy", "95 % interval")))
    _add_ratio(table, first, figures["first"])
    _add_ratio(table, second, figures["second"])
    _console().print(table)
    difference = figures["difference"]
    low, high = difference["low"], difference["high"]
    click.echo(
        f"Difference {difference['points']:+.1f} points (95 % interval {low:+.1f} to {high:+.1f}); "
        f"correct only in the first {figures['only_first_right']}, only in the second {figures['only_second_right']}"
    )
    better = second if low > 0 else first if high < 0 else ""
    click.echo(f"{better} is better" if better else "The difference may be chance")


def _add_ratio(table: Table, label: str, figures: Figures) -> None:
    accuracy = percent(math.nan if figures["accuracy"] is None else figures["accuracy"])
    interval = f"{percent(figures['low'])} – {percent(figures['high'])}"
    table.add_row(escape(label), str(figures["right"]), str(figures["count"]), accuracy, interval)


def print_status(ledger: Ledger) -> bool:
    """Prints the state of a run; returns whether every video is done and none failed.

    Raises:
        OutputError: the folder holds no results, or a damaged file.
    """
    names = ledger.names()
    rows = {row.video_id: row for row in ledger.rows()} if ledger.video_ids() or not names else {}
    left = [name for video_id, name in names.items() if video_id not in rows]
    counts = Counter(row.status for row in rows.values())
    parts = [f"{counts[status]} {status}" for status in get_args(Status) if counts[status]]
    parts += [f"{len(left)} to do"] if left else []
    in_progress = "; a run is in progress" if ledger.is_locked else ""
    click.echo(f"{len(rows) + len(left)} videos: {', '.join(parts)}{in_progress}")
    if copies := sum(bool(row.same_as) for row in rows.values()):
        click.echo(f"{copies} of them have the same content as others: not processed again, but counted")
    print_problems(rows.values())
    print_passed_over(ledger.passed_over())
    if left and not in_progress:
        click.echo("The same `facetally run` command continues with the others.")
    return not left and not counts["failed"]


def print_problems(rows: Iterable[VideoRow]) -> None:
    """Prints the videos that are not ok on stderr, with reason and fix, and what is noted about any of them."""
    for row in rows:
        if row.status != "ok":
            click.echo(f"{row.status}: {row.video}: {row.reason}\n  Fix: {row.fix}", err=True)
        if row.note:
            click.echo(f"note: {row.video}: {row.note}", err=True)


def print_passed_over(files: Sequence[PassedOver]) -> None:
    """Prints how many files of the input folders were passed over and why, and the first of them by name."""
    by_reason: dict[str, list[str]] = {}
    for file in files:
        by_reason.setdefault(file.reason, []).append(file.name)
    if by_reason:
        click.echo(f"{len(files)} {'file was' if len(files) == 1 else 'files were'} passed over:")
    for reason, names in by_reason.items():
        more = f", and {len(names) - LISTED_FILES} more" if len(names) > LISTED_FILES else ""
        click.echo(f"  {len(names)} {reason}: {', '.join(names[:LISTED_FILES])}{more}")


def print_info(path: Path, stream: int = -1) -> None:
    """Prints what a video's container states, and the result of decoding it completely.

    Args:
        path: the file.
        stream: as in `Sampling`.

    Raises:
        VideoError: the file is not a video.
    """
    with VideoReader(path, Sampling(every_s=1.0, stream=stream)) as reader:
        shown = ["{1}x{0}".format(*frame.image.hw) for frame in reader]
        info, stats, notes = reader.info, reader.stats, reader.notes
    click.echo(f"container    {info.container}")
    click.echo(f"codec        {info.codec}")
    click.echo(f"stored       {info.width_px}x{info.height_px}")
    click.echo(f"displayed    {', '.join(dict.fromkeys(shown)) or 'nothing'}")
    click.echo(f"rate         {info.fps:.3f} frames/s by the container")
    click.echo(f"duration     {info.duration_s:.3f} s by the container, {stats.decoded_s:.3f} s decoded")
    click.echo(f"coverage     {percent(stats.coverage)}, {stats.bad_packet_count} bad packets")
    click.echo(f"frames       {stats.frame_count}")
    for note in notes:
        click.echo(f"note         {note}")


def print_models(models_dir: Path | None) -> None:
    """Prints the known weights and their paths on this machine."""
    table = Table("name", "for", "licence", Column("on this machine", overflow="fold"))
    here = located(models_dir)
    for name, entries in manifest_by_name().items():
        can_be_downloaded = any(model.url for model in entries)
        missing = f"no; download: facetally models pull {name}" if can_be_downloaded else "no"
        where = str(here[name][0][0]) if here[name] else missing
        table.add_row(name, entries[0].kind, entries[0].licence, escape(where))
    _console().print(table)


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=PLAIN_WIDTH)
