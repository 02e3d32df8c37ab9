"""Exports runs and hand labels for other programs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pandas as pd

from facetally import __version__
from facetally.errors import OptionError, OutputError
from facetally.exports.annotations.folder import write_folder
from facetally.exports.annotations.from_run import run_videos
from facetally.exports.annotations.from_truth import Moved, truth_videos
from facetally.exports.annotations.written import Written
from facetally.exports.formats import AnnotationFormat, TableFormat, chosen_format
from facetally.exports.run_tables import DEFAULT_TABLES, TABLES, RunTables
from facetally.exports.written import WrittenFiles
from facetally.formatting import command, listed
from facetally.inputs import find_videos
from facetally.inspection.videos import CHANGED, VideoFinder
from facetally.jobs.arguments import Inputs, PathLike, optional_path, texts
from facetally.results.corrections import Corrections, read_corrections
from facetally.results.ledger import Ledger, VideoRow, option_sets
from facetally.tallies.aggregator import DEFAULT_BIN, parse_bin, tally_videos
from facetally.truth.files import read_truth

ALL = "all"
MAX_NAMED = 3
"""Videos that a sentence names."""


@dataclass(frozen=True)
class Exported:
    """What was exported."""

    files: tuple[Path, ...]
    rows: dict[str, int]
    """Number of rows by table; of tracks for labelling tools the number of videos, tracks and boxes."""
    notes: tuple[str, ...]
    """Sentences that belong to it: corrections by hand, those that do not count, what the format has no room for."""
    folder: Path | None = None
    """Which the files are in, for labelling tools: README.txt, the last of them, says how to open it."""


def export_run(
    out: PathLike,
    format: str = "",
    path: PathLike | None = None,
    *,
    tables: Iterable[str] = (),
    videos: Inputs = (),
    force: bool = False,
    on_video: Callable[[str, int, int], None] = lambda *_: None,
) -> Exported:
    """Writes a run as tables, or its tracks for labelling tools, with corrections by hand.

    Args:
        out: a run's output folder.
        format: tables: csv, xlsx or sqlite; tracks: cvat, mot, label-studio, coco or fiftyone. By default that of the
            suffix of `path`, or else csv.
        path: the folder or file (xlsx, sqlite) to write; by default in OUT/export/.
        tables: videos, tracks, tallies, corrections, faces, or all; by default all but faces, the largest.
        videos: folders in which the videos are now, if they were moved; only fiftyone needs them.
        force: also replaces files that are not from an export of this run, or that were changed since.
        on_video: called with what is read, the number of videos that were read, and the number of all videos.

    Raises:
        PipelineError: no results, a damaged file, wrong values in corrections.csv, a table that is too large for the
            format, or a place that cannot be written.
    """
    ledger, target = Ledger(Path(out)), optional_path(path)
    chosen = chosen_format("run", format, target)
    if isinstance(chosen, AnnotationFormat):
        if tables := list(tables):
            fix = "leave out --table, or give --format csv, xlsx or sqlite"
            raise OptionError(f"--format {chosen.name} has no tables, and --table {tables[0]} is given", fix=fix)
        finder = VideoFinder(ledger, [Path(folder) for folder in texts(videos)])
        return _export_tracks(ledger, chosen, target or ledger.out / "export" / chosen.name, finder, force, on_video)
    return _export_tables(ledger, chosen, target, _names(tables), force, on_video)


def _export_tables(
    ledger: Ledger,
    chosen: TableFormat,
    target: Path | None,
    names: list[str],
    force: bool,
    on_video: Callable[[str, int, int], None],
) -> Exported:
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


def _export_tracks(
    ledger: Ledger,
    chosen: AnnotationFormat,
    folder: Path,
    finder: VideoFinder,
    force: bool,
    on_video: Callable[[str, int, int], None],
) -> Exported:
    corrections, rows = read_corrections(ledger.out), list(ledger.rows())
    record = WrittenFiles(ledger.out)
    if not force:
        record.check(chosen.file_names(folder, [row.video for row in rows]))
    missing: list[str] = []

    def find(row: VideoRow) -> Path | None:
        found, why = finder.find(row)
        if found is None:
            missing.append(f"{row.video} ({'changed since the run' if why == CHANGED else 'not found'})")
        return found

    videos = run_videos(
        ledger,
        rows,
        corrections,
        find,
        lambda name, count: on_video(name, count, len(rows)),
        with_files=chosen.names_files,
    )

    def notes() -> list[str]:
        where = command("facetally", "export", ledger.out, "--format", chosen.name, "--videos", "FOLDER")
        gone = f"Not found, but named in manifest.json: {listed(missing, MAX_NAMED)}; if videos were moved: {where}"
        return [*_notes(rows, corrections), *([gone] if missing and chosen.names_files else [])]

    written, sentences = write_folder(chosen, folder, videos, _about(ledger, []), notes)
    record.store(written.files)
    return Exported(tuple(written.files), _counts(written), tuple(sentences), folder)


def export_truth(
    truth: PathLike,
    format: str,
    path: PathLike,
    *,
    videos: Inputs,
    force: bool = False,
    on_video: Callable[[str, int, int], None] = lambda *_: None,
) -> Exported:
    """Writes hand labels for labelling tools; `facetally truth import` reads them back as they were.

    Args:
        truth: the folder with hand labels.
        format: cvat, mot, label-studio or coco.
        path: the folder to write.
        videos: the labelled videos, files or folders; labels are placed on their frames.
        force: also replaces files that are there.
        on_video: called with the name of a video, the number of those before it, and the number of all.

    Raises:
        PipelineError: labels or videos that cannot be read, a labelled video that is missing, files that are there, or
            a place that cannot be written.
    """
    folder, target = Path(truth), Path(path)
    chosen = chosen_format("labels", format, target)
    if not isinstance(chosen, AnnotationFormat):
        raise OptionError(f"--format {format} is not for labels", fix="give a format of labelling tools")
    labels = read_truth(folder)
    if not force:
        _check_absent(chosen.file_names(target, labels.people))
    moved = Moved()
    about = {
        "made by": f"facetally {__version__}, facetally truth export",
        "on": datetime.now().astimezone().isoformat(timespec="seconds"),
        "from the labels in": str(folder.absolute()),
    }
    count = len(labels.people)
    frames = truth_videos(labels, find_videos(texts(videos)), moved, lambda name, before: on_video(name, before, count))
    lost = ["The draw of the labels (sample.json) is not exported"] if labels.sample else []
    written, notes = write_folder(chosen, target, frames, about, lambda: [*lost, *moved.notes()])
    return Exported(tuple(written.files), _counts(written), tuple(notes), target)


def _check_absent(files: Sequence[Path]) -> None:
    for path in files:
        if path.exists() or path.is_symlink():
            raise OutputError(f"{path} exists already", fix="choose another place with -o, or add --force")


def _counts(written: Written) -> dict[str, int]:
    return {"videos": written.video_count, "tracks": written.track_count, "boxes": written.box_count}


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
