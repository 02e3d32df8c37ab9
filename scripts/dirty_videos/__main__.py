"""Writes unusual and damaged videos, with the expected result of each.

    python -m scripts.dirty_videos FOLDER

Every file is written by PyAV (FFmpeg's libraries) as described by its function. Unless stated otherwise it has two
seconds at 25 frames/s of a light square that moves over a dark background. `expected.csv` has the status, seconds and
size of each.
"""

from __future__ import annotations

import csv
from dataclasses import asdict, fields
from pathlib import Path

import av
import click

from scripts.dirty_videos.damaged import DAMAGED
from scripts.dirty_videos.expected import DirtyVideo, Expected
from scripts.dirty_videos.formats import FORMATS
from scripts.dirty_videos.pictures import PICTURES
from scripts.dirty_videos.times import TIMES

DIRTY: list[DirtyVideo] = [*TIMES, *PICTURES, *FORMATS, *DAMAGED]


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def main(folder: Path) -> None:
    written = write_all(folder)
    with (folder / "expected.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Expected)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(expected) for expected in written)
    click.echo(f"{len(written)} videos in {folder}")


def write_all(folder: Path) -> list[Expected]:
    """Writes every file that this build of FFmpeg can make."""
    folder.mkdir(parents=True, exist_ok=True)
    possible = [video for video in DIRTY if video.needs in av.codecs_available]
    for video in possible:
        video.make(folder / video.expected.file)
    return [video.expected for video in possible]


if __name__ == "__main__":
    main()
