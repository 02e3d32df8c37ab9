"""The command that exports a run."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from facetally.cli.options import OUT
from facetally.exports.formats import formats_of


@click.command()
@OUT
@click.option(
    "--format",
    "format_",
    type=click.Choice(list(formats_of("run"))),
    help="What to write.  [default: by the suffix of -o, or else csv]",
)
@click.option(
    "-o",
    "--out",
    "path",
    type=click.Path(path_type=Path),
    help="The folder (csv) or file to write.  [default: in OUT/export/]",
)
@click.option(
    "--table",
    "tables",
    multiple=True,
    type=click.Choice(["videos", "tracks", "tallies", "corrections", "faces", "all"]),
    help="Only this table; can be repeated.  [default: all but faces, which has a row for each face]",
)
@click.option("--force", is_flag=True, help="Also replace files that are not from an export, or were changed since.")
def export(out: Path, format_: str | None, path: Path | None, tables: tuple[str, ...], force: bool) -> None:
    """Writes a run's tables as CSV, as an Excel workbook or as an SQLite database, with corrections by hand.

    OUT is the folder that `facetally run` wrote. Every column is described: in columns.csv, or in a sheet or table
    `columns`. Times stand there in seconds and as players show them.

    Example: facetally export out --format xlsx -o figures.xlsx
    """
    from facetally.cli.printing_export import shown_export_progress
    from facetally.jobs.export import export_run

    with shown_export_progress() as on_video:
        exported = export_run(out, format_ or "", path, tables=tables, force=force, on_video=on_video)
    for note in exported.notes:
        click.echo(f"{note}.", err=True)
    click.echo(", ".join(f"{name} {count:,}" for name, count in exported.rows.items()) + " rows", err=True)
    for file in exported.files:
        click.echo(file)
