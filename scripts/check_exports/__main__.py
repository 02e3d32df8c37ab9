"""Opens exports for labelling tools with the tools' own readers, and compares boxes, ids and frames.

    python -m scripts.check_exports CLIP CLIP ... [--truth TRUTH] [--environments FOLDER] [-o REPORT]

The clips are processed anew, and their tracks are exported in every format. Each tool reads them in an environment of
its own (pip downloads the pinned packages), since some bring another OpenCV: nothing of facetally is installed there.
What a tool has read is compared with what the run has stored: every box within a hundredth of a pixel, the number of
its track, its frame, and the perceived gender. Hand labels, if given, are exported too, read by `facetally truth
import`, and compared with the labels.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import click

import facetally
from facetally.exports.formats import ANNOTATION_FORMATS
from scripts.check_exports.hand_labels import round_trips
from scripts.check_exports.markdown import as_text, table_row
from scripts.check_exports.tools import TOOLS, read_by
from scripts.check_exports.tracks import compared, rows_of


@click.command(help=__doc__)
@click.argument("clips", nargs=-1, required=True)
@click.option(
    "--truth", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Hand labels of the clips."
)
@click.option("--environments", type=click.Path(path_type=Path), help="Where environments are made, and kept.")
@click.option("-o", "--out", "report", type=click.Path(path_type=Path), help="The report to write (Markdown).")
def main(clips: tuple[str, ...], truth: Path | None, environments: Path | None, report: Path | None) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        environments = (environments or work / "environments").absolute()
        facetally.run(list(clips), out=work / "out")
        frames, ticks, sizes = rows_of(work / "out")
        (work / "sizes.json").write_text(json.dumps(sizes))
        for one in ANNOTATION_FORMATS:
            facetally.export(work / "out", one.name, work / one.name)
        outcomes = []
        for tool in TOOLS:
            found = read_by(tool, work / tool.format, work / "sizes.json", environments)
            outcomes.append(compared(tool, ticks if tool.counts_ticks else frames, found))
            click.echo(table_row(outcomes[-1]), err=True)
        trips = round_trips(truth, list(clips), work, environments) if truth else []
        text = as_text(outcomes, trips, sorted(sizes), [*clips, *(["--truth", str(truth)] if truth else [])])
    click.echo(text)
    if report:
        report.parent.mkdir(parents=True, exist_ok=True)
        report.write_text(text, encoding="utf-8")
    sys.exit(not (all(one.is_same for one in outcomes) and all(trip.is_same for trip in trips)))


if __name__ == "__main__":
    main()
