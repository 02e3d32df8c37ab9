"""Checks frame counts and times on real media files of other projects' test suites.

    python -m scripts.public_media CHECKOUTS
    python -m scripts.public_media CHECKOUTS --write

CHECKOUTS holds a checkout of each repository of `public_media.csv` as OWNER/NAME, at the commit in the list. For every
file the list has what `ffprobe -show_frames` of FFmpeg 5.1 (Debian 12) gives for the video stream: the number of
frames, the time of the last one from the first, and the sum of all times, in seconds. Files without frames have
nothing. Where the right answer is another one, the column `why` says so. `--write` makes the list anew for the files
that are there.
"""

from __future__ import annotations

import csv
import json
import subprocess
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import click

from facetally.errors import VideoError
from facetally.options import Sampling
from facetally.video.reader import VideoReader

LIST = Path(__file__).with_suffix(".csv")
ENDINGS = frozenset(
    ("3g2", "3gp", "avi", "flv", "gif", "m2ts", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "mts", "ps", "ts", "webm")
)
TOLERANCE_S = 0.002
"""Times in files are rounded; of each frame."""


@dataclass(frozen=True)
class Times:
    """The frames of a video."""

    frames: int
    last_s: float
    """Time of the last frame from the first."""
    sum_s: float
    """Sum of the times of all frames from the first."""

    @classmethod
    def of(cls, times_s: list[float]) -> Times:
        shifted = [time_s - times_s[0] for time_s in times_s]
        return cls(len(shifted), round(max(shifted, default=0.0), 3), round(sum(shifted), 2))

    def agrees(self, other: Times) -> bool:
        near = abs(self.last_s - other.last_s) <= TOLERANCE_S
        return (
            self.frames == other.frames and near and abs(self.sum_s - other.sum_s) <= 0.01 + TOLERANCE_S * self.frames
        )


@dataclass(frozen=True)
class PublicFile:
    """A line of the list."""

    repository: str
    commit: str
    path: str
    frames: int
    last_s: float
    sum_s: float
    why: str = ""

    @property
    def times(self) -> Times:
        return Times(int(self.frames), float(self.last_s), float(self.sum_s))


@click.command(help=__doc__)
@click.argument("checkouts", type=click.Path(exists=True, path_type=Path, file_okay=False))
@click.option("--write", is_flag=True, help="Make the list anew, with ffprobe.")
def main(checkouts: Path, write: bool) -> None:
    if write:
        write_list(checkouts)
    checked = wrong = 0
    for file in read_list():
        path = checkouts / file.repository / file.path
        if not path.is_file():
            click.echo(f"not there: {path}", err=True)
            continue
        checked += 1
        found = read_times(path)
        if not found.agrees(file.times):
            wrong += 1
            click.echo(f"{file.repository} {file.path}: expected {file.times}, got {found}")
    click.echo(f"{checked} files, {wrong} wrong")
    raise SystemExit(int(bool(wrong) or not checked))


def read_list() -> list[PublicFile]:
    """The files and their right answers."""
    with LIST.open(newline="", encoding="utf-8") as file:
        return [PublicFile(**row) for row in csv.DictReader(file)]  # type: ignore[arg-type]


def read_times(path: Path) -> Times:
    """The frames as facetally reads them."""
    try:
        with VideoReader(path, Sampling(0)) as reader:
            return Times.of([frame.time_s for frame in reader])
    except VideoError:
        return Times.of([])


def probed_times(path: Path) -> Times:
    """The frames as ffprobe reads them."""
    command = ["ffprobe", "-v", "quiet", "-select_streams", "V:0", "-show_frames", "-of", "json"]
    command += ["-show_entries", "frame=best_effort_timestamp_time", f"file:{path}"]
    shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    frames = json.loads(shown or "{}").get("frames", [])
    stamps = [frame.get("best_effort_timestamp_time") for frame in frames]
    return Times.of([float(stamp) for stamp in stamps if stamp is not None])


def write_list(checkouts: Path) -> None:
    """Writes the list for all media files of the checkouts; reasons for other answers are kept, with these answers."""
    known = {(file.repository, file.path): file for file in read_list()} if LIST.exists() else {}
    lines = []
    for folder in sorted(path for path in checkouts.glob("*/*") if path.is_dir()):
        repository = folder.relative_to(checkouts).as_posix()
        commit = commit_of(folder)
        for path in sorted(p for p in folder.rglob("*") if p.suffix[1:].lower() in ENDINGS and p.is_file()):
            name = path.relative_to(folder).as_posix()
            old = known.get((repository, name))
            times = old.times if old and old.why else probed_times(path)
            lines.append(PublicFile(repository, commit, name, **asdict(times), why=old.why if old else ""))
    with LIST.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(PublicFile)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(line) for line in lines)


def commit_of(folder: Path) -> str:
    """The commit of a checkout, or what its file COMMIT says."""
    stated = folder / "COMMIT"
    if stated.is_file():
        return stated.read_text().strip()
    command = ["git", "-C", str(folder), "rev-parse", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    main()
