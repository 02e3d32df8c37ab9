"""Exports a run's tables for other programs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pandas as pd

from facetally import __version__
from facetally.errors import OptionError, OutputError
from facetally.exports.formats import chosen_format
from facetally.exports.run_tables import DEFAULT_TABLES, TABLES, RunTables
from facetally.exports.written import WrittenFiles
from facetally.jobs.arguments import PathLike, optional_path
from facetally.results.corrections import Corrections, read_corrections
from facetally.results.ledger import Ledger, VideoRow, option_sets
from facetally.tallies.aggregator import DEFAULT_BIN, parse_bin, tally_videos

ALL = "all"


@dataclass(frozen=True)
class Exported:
    """What was exported."""

    files: tuple[Path, ...]
    rows: dict[str, int]
    """Number of rows by table."""
    notes: tuple[str, ...]
    """Sentences that belong to the figures: corrections by hand, and those that do not count."""


def export_run(
    out: PathLike,
    format: str = "",
    path: PathLike | None = None,
    *,
    tables: Iterable[str] = (),
    force: bool = False,
    on_video: Callable[[str, int, int], None] = lambda *_: None,
) -> Exported:
    """Writes the tables of a run as CSV, Excel workbook or SQLite database, with corrections by hand.

    Args:
        out: a run's output folder.
        format: csv, xlsx or sqlite; by default that of the suffix of `path`, or else csv.
        path: the folder (csv) or file to write; by default OUT/export/, and in it run.xlsx or run.sqlite.
        tables: videos, tracks, tallies, corrections, faces, or all; by default all but faces, the largest.
        force: also replaces files that are not from an export of this run, or that were changed since.
        on_video: called with the table, the number of videos that were read of it, and the number of all videos.

    Raises:
        PipelineError: no results, a damaged file, wrong values in corrections.csv, a table that is too large for the
            format, or a place that cannot be written.
    """
    ledger, target = Ledger(Path(out)), optional_path(path)
    chosen = chosen_format("run", format, target)
    names = _names(tables)
    target = target or ledger.out / "export" / (f"run{chosen.suffix}" if chosen.suffix else "")
    files, written = chosen.file_names(target, names), WrittenFiles(ledger.out)
    if not force:
        written.check(files)
    corrections, rows = read_corrections(ledger.out), list(ledger.rows())
    reader = RunTables(
        ledger,
        rows,
        corrections,
        lambda: _tallies(ledger, rows),
        lambda name, count: on_video(name, count, len(rows)),
    )
    notes = _notes(rows, corrections)
    try:
        counts = chosen.write(target, [reader.table(name) for name in names], _about(ledger, notes))
    except OSError as error:
        raise OutputError(
            f"cannot write {target}: {error.strerror or error}", fix="free space, or choose another place with -o"
        ) from error
    written.store(files)
    return Exported(tuple(files), counts, tuple(notes))


def _names(tables: Iterable[str]) -> list[str]:
    """The tables to export, in their order."""
    wanted = set(tables) or set(DEFAULT_TABLES)
    if unknown := sorted(wanted - {*TABLES, ALL}):
        raise OptionError(f"--table {unknown[0]} is not known", fix=f"give one of: {', '.join((*TABLES, ALL))}")
    return [name for name in TABLES if name in wanted or ALL in wanted]


def _tallies(ledger: Ledger, rows: list[VideoRow]) -> pd.DataFrame:
    return tally_videos(ledger, rows, parse_bin(DEFAULT_BIN))


def _notes(rows: list[VideoRow], corrections: Corrections) -> list[str]:
    sets = option_sets(rows)
    mixed = f"The run has results of {sets} different sets of options or weights" if sets > 1 else ""
    return [text for text in (corrections.disclosure(), corrections.lost_note(), mixed) if text]


def _about(ledger: Ledger, notes: list[str]) -> dict[str, str]:
    return {
        "made by": f"facetally {__version__}, facetally export",
        "on": datetime.now().astimezone().isoformat(timespec="seconds"),
        "from the run in": str(ledger.out.absolute()),
        "gender and age": "as perceived by a machine in images of faces; they say nothing about identity",
        **({"notes": "; ".join(notes)} if notes else {}),
    }
