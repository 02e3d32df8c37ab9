"""The command that exports a run."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from facetally.cli.options import FOLDER, OUT
from facetally.exports.formats import formats_of


@click.command()
@OUT
@click.option(
    "--format",
    "format_",
    type=click.Choice(list(formats_of("run"))),
    help="Tables: csv, xlsx, sqlite. Tracks for labelling tools: cvat, mot, label-studio, coco, fiftyone.  [default: "
    "by the suffix of -o, or else csv]",
)
@click.option(
    "-o",
    "--out",
    "path",
    type=click.Path(path_type=Path),
    help="The folder or file (xlsx, sqlite) to write.  [default: in OUT/export/]",
)
@click.option(
    "--table",
    "tables",
    multiple=True,
    type=click.Choice(["videos", "tracks", "tallies", "corrections", "faces", "all"]),
    help="Only this table; can be repeated.  [default: all but faces, which has a row for each face]",
)
@click.option(
    "--videos",
    multiple=True,
    type=FOLDER,
    help="Folder that the videos were moved to, for fiftyone, which says where they are; may be repeated.",
)
@click.option("--force", is_flag=True, help="Also replace files that are not from an export, or were changed since.")
def export(
    out: Path, format_: str | None, path: Path | None, tables: tuple[str, ...], videos: tuple[Path, ...], force: bool
) -> None:
    """Writes a run's tables for spreadsheets and databases, or its tracks for labelling tools.

    OUT is the folder that `facetally run` wrote. Corrections by hand are applied. Every column of a table is described:
    in columns.csv, or in a sheet or table `columns`. Tracks are boxes with a number, gender and age band, to begin
    labelling with; README.txt says how to open them.

    Example: facetally export out --format xlsx -o figures.xlsx

    Example: facetally export out --format cvat -o for-cvat
    """
    from facetally.cli.printing_export import print_exported, shown_export_progress
    from facetally.jobs.export import export_run

    with shown_export_progress() as on_video:
        exported = export_run(out, format_ or "", path, tables=tables, videos=videos, force=force, on_video=on_video)
    print_exported(exported)
