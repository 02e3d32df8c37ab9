"""Prints the state of a run, and what is known of a video or of weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import click
from rich.markup import escape
from rich.table import Column, Table

from facetally.batch.notices import exclusion_sentences, gone_sentence
from facetally.cli.printing import console
from facetally.errors import OutputError
from facetally.formatting import command, counted, percent
from facetally.inputs import PassedOver
from facetally.models.weights import located, manifest_by_name
from facetally.options import Sampling
from facetally.results.condition import Damage, condition_of
from facetally.results.corrections import read_corrections
from facetally.results.ledger import Ledger, Status, VideoRow, option_sets
from facetally.results.newest_run import NewestRun
from facetally.video.reader import VideoReader

LISTED_FILES = 20
"""Files of each kind that are listed where they were passed over; log.txt and `--dry-run` list all."""


@dataclass(frozen=True)
class RunState:
    """The state of a run, in its output folder."""

    rows: dict[str, VideoRow]
    """Of the videos that count, by id, in the order of their names."""
    damages: list[Damage]
    left: list[str]
    """Names of the videos that are still to do."""
    gone: list[str]
    """Names of the videos that are counted, but not among the inputs of the newest run."""
    excluded: list[str]
    """Names of the videos that do not count."""

    @classmethod
    def of(cls, ledger: Ledger, newest: NewestRun, *, is_deep: bool) -> RunState:
        """Reads the state.

        Raises:
            OutputError: the folder holds no results.
        """
        found, names = condition_of(ledger, is_deep=is_deep), newest.videos
        if not found.rows and not found.damages and not names:
            list(ledger.rows())  # raises
        known = {i: row.video for i, row in found.rows.items()} | {i: d.video for i, d in found.damages.items()}
        out = {video_id for video_id, name in known.items() if newest.excludes(video_id, name)}
        intact = [row for i, row in found.rows.items() if i not in found.damages and i not in out]
        return cls(
            {row.video_id: row for row in sorted(intact, key=lambda row: row.video)},
            [damage for i, damage in found.damages.items() if i not in out],
            [name for video_id, name in names.items() if video_id not in known],
            sorted(name for i, name in known.items() if names and i not in names and i not in out),
            [*newest.excluded.values(), *(known[i] for i in out)],
        )


def print_status(ledger: Ledger, *, is_deep: bool = False) -> bool:
    """Prints the state of a run; returns whether every video is done, intact, and none failed.

    Args:
        ledger: the output folder.
        is_deep: compare every file with its hash.

    Raises:
        OutputError: the folder holds no results, or its list of videos is damaged.
    """
    newest = ledger.newest_run()
    state = RunState.of(ledger, newest, is_deep=is_deep)
    counts = Counter(row.status for row in state.rows.values())
    parts = [f"{counts[status]} {status}" for status in get_args(Status) if counts[status]]
    parts += [f"{len(state.damages)} damaged"] if state.damages else []
    parts += [f"{len(state.left)} to do"] if state.left else []
    in_progress = "; a run is in progress" if ledger.is_locked else ""
    total = len(state.rows) + len(state.damages) + len(state.left)
    click.echo(f"{counted(total, 'video')}: {', '.join(parts) or 'none'}{in_progress}")
    if copies := sum(bool(row.same_as) and row.status != "failed" for row in state.rows.values()):
        click.echo(f"{copies} of them have the same content as others: not processed again, but counted")
    for sentence in _sentences(state, newest):
        click.echo(sentence)
    for damage in state.damages:
        click.echo(f"damaged: {damage.video}: {damage.what}\n  Fix: {damage.fix}", err=True)
    print_problems(state.rows.values())
    if any(row.status == "failed" and row.content_sha256 for row in state.rows.values()):
        click.echo("Such files are tried again when they change, or with --retry-failed.", err=True)
    print_passed_over(ledger.passed_over())
    if lost := _lost_corrections(ledger):
        click.echo(lost)
    if state.left and not in_progress:
        click.echo("The same `facetally run` command continues with the others.")
    return not (state.left or state.damages or counts["failed"])


def _lost_corrections(ledger: Ledger) -> str:
    """A sentence about the corrections by hand whose appearances are no more; empty without any."""
    try:
        return read_corrections(ledger.out).lost_note()
    except OutputError as error:
        return f"corrections by hand cannot be read: {error.what}"


def _sentences(state: RunState, newest: NewestRun) -> Iterator[str]:
    """What is unusual about the videos of a run."""
    if state.gone:
        yield gone_sentence(state.gone)
    yield from exclusion_sentences(newest.exclude, state.excluded)
    if (sets := option_sets(state.rows.values())) > 1:
        yield f"They were made with {sets} different sets of options and weights: sums over them mix their results"


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
        click.echo(f"{counted(len(files), 'file')} {'was' if len(files) == 1 else 'were'} passed over:")
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
        pull = command("facetally", "models", "pull", name)
        missing = f"no; download: {pull}" if can_be_downloaded else "no"
        where = str(here[name][0][0]) if here[name] else missing
        table.add_row(name, entries[0].kind, entries[0].licence, escape(where))
    console().print(table)
