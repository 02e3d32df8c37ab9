"""Times `facetally tally` and `facetally report` over the tables of very many videos, compacted and not compacted.

    python -m scripts.benchmark_tables make out --videos 1000
    python -m scripts.benchmark_tables time --videos 3000 --videos 10000 --videos 30000
    python -m scripts.benchmark_tables time --compacted-only

`make` writes the tables of a run that never happened: about three appearances in each video and 26 faces in each
appearance, as in short clips; some videos last an hour, and some failed. The values are the same each time. `time`
makes them in a folder for temporary files and deletes it at its end; with `--compacted-only` it writes the files that
`facetally compact` would write, without the small ones, of which 100,000 videos have 300,000. Each command is a process
of its own; what counts is its processor time and its largest memory. JSON goes into reports/benchmarks.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import click
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from facetally import __version__
from facetally.formatting import player_time
from facetally.options import RunOptions
from facetally.results.compacted import FOLDER, TABLES
from facetally.results.compaction import tidy
from facetally.results.ledger import Ledger, VideoRow
from facetally.results.part_writer import PartWriter
from facetally.results.tables import FACES, PROVENANCE_KEY, SCHEMA_KEY, SCHEMA_VERSION, TRACKS, VIDEOS, for_other_video
from scripts.provenance import made

Figures = dict[str, Any]
COUNTS = (3_000, 10_000, 30_000, 100_000)
SEED = 42
TRACKS_PER_VIDEO, FACES_PER_TRACK = 3.0, 26
DISTINCT = 997
"""Videos that differ in more than their names."""
EVERY_S = 0.2
LONG_SHARE, FAILED_SHARE = 0.02, 0.01
"""Of the videos."""
BANDS = ("child", "teen", "young", "mid", "old")
COMMANDS = ("tally", "report")
ABOUT = {"version": __version__, "options": RunOptions().as_dict(), "models": {}}
METADATA = {PROVENANCE_KEY: json.dumps(ABOUT, sort_keys=True).encode(), SCHEMA_KEY: str(SCHEMA_VERSION).encode()}


@click.group(help=__doc__)
def main() -> None:
    pass


@main.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--videos", "count", type=int, default=1000, show_default=True)
def make(out: Path, count: int) -> None:
    """Writes the tables of a run that never happened."""
    made = make_run(out, count)
    click.echo(f"{made.out}: {count:,} videos")


@main.command(name="time")
@click.option("--videos", "counts", type=int, multiple=True, default=COUNTS, show_default=True)
@click.option("--folder", type=click.Path(path_type=Path), help="For temporary files: 45 KB for each video.")
@click.option("--compacted-only", is_flag=True, help="Write no small files, and time only what needs none.")
@click.option("--note", default="", help="What else to state, such as: busy machine.")
@click.option("--reports", type=click.Path(path_type=Path), default=Path("reports/benchmarks"))
def time_commands(counts: tuple[int, ...], folder: Path | None, compacted_only: bool, note: str, reports: Path) -> None:
    """Times the commands over more and more videos."""
    results: Figures = {}
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        run = Path(temporary) / "run"
        whole = None if compacted_only else make_run(Path(temporary) / "whole", max(counts)).out
        for count in sorted(counts):
            results[f"{count} videos"] = timed(first_videos(whole, run, count) if whole else make_compacted(run, count))
            click.echo(f"{count} videos: {json.dumps(results[f'{count} videos'])}")
            shutil.rmtree(run)
    write(reports, "tables-compacted" if compacted_only else "tables", {"note": note} | fitted(counts, results))


def fitted(counts: tuple[int, ...], results: Figures) -> Figures:
    """The results, and how processor time grows; the exponent is that of whole commands, with their start."""
    names = list(results[f"{max(counts)} videos"])
    return {
        "results": results,
        "fitted_exponent_of_core_s": {name: fitted_exponent(counts, results, name) for name in names},
        "core_ms_for_each_further_video": {name: further_ms(counts, results, name) for name in names},
    }


def timed(out: Path) -> Figures:
    """Processor time, time and memory of each command; the first time is that without a copy in OUT/.cache."""
    figures: Figures = {}
    if any((out / "videos").iterdir()):
        figures["tally, not compacted, first time"] = run_command("tally", out)
        figures |= {f"{name}, not compacted": run_command(name, out) for name in COMMANDS}
        figures["compact"] = run_command("compact", out, "--remove-originals")
    figures |= {f"{name}, compacted": run_command(name, out) for name in COMMANDS}
    figures["tally --by video, compacted"] = run_command("tally", out, "--by", "video", "--format", "csv")
    return figures


def run_command(name: str, out: Path, *options: str) -> Figures:
    """Runs facetally in a process of its own."""
    words = [sys.executable, "-m", "facetally", name, str(out), *options]
    started = time.perf_counter()
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, words)
    return {
        "core_s": round(usage.ru_utime + usage.ru_stime, 2),
        "wall_s": round(time.perf_counter() - started, 2),
        "memory_mb": round(usage.ru_maxrss / 1024),
    }


def fitted_exponent(counts: tuple[int, ...], results: Figures, name: str) -> float:
    """The exponent b of core_s = a * videos ** b, by least squares of the logarithms."""
    seconds = [results[f"{count} videos"][name]["core_s"] for count in counts]
    return round(float(np.polyfit(np.log(counts), np.log(seconds), 1)[0]), 3)


def further_ms(counts: tuple[int, ...], results: Figures, name: str) -> list[float]:
    """Milliseconds for each further video, between each two sizes that follow one another: without the start."""
    seconds = [results[f"{count} videos"][name]["core_s"] for count in sorted(counts)]
    steps = zip(np.diff(seconds).tolist(), np.diff(sorted(counts)).tolist(), strict=True)
    return [round(1000 * one / videos, 4) for one, videos in steps]


def make_run(out: Path, count: int) -> Ledger:
    """Writes the tables of videos that do not exist; values depend on the number of the video alone."""
    ledger = _empty_run(out)
    for number in range(count):
        video_id, tables = made_video(number)
        for table, rows in tables.items():  # that of videos last
            content = _content(rows)
            ledger.path(table, video_id).write_bytes(content)
            if table != "videos":
                at = VIDEOS.get_field_index(f"{table}_sha256")
                digest = pa.array([hashlib.sha256(content).hexdigest()])
                tables["videos"] = tables["videos"].set_column(at, VIDEOS.field(at), digest)
    return ledger


def make_compacted(out: Path, count: int) -> Path:
    """The same as `facetally compact --remove-originals` leaves it."""
    _empty_run(out)
    writer = PartWriter(out / FOLDER, set(), [])
    for number in sorted(range(count), key=lambda number: made_name(number)[1]):
        video_id, tables = made_video(number)
        stored = {"row_size": 1, "row_mtime_ns": number, "row_sha256": ""}
        writer.add(tables, METADATA[PROVENANCE_KEY].decode(), {"video_id": video_id, **stored})
    index = writer.close(None)
    index.write(out)
    tidy(out / FOLDER, index)
    return out


def _empty_run(out: Path) -> Ledger:
    ledger = Ledger(out)
    for table in TABLES:
        (out / table).mkdir(parents=True, exist_ok=True)
    ledger.store_names({})
    return ledger


def _content(table: pa.Table) -> bytes:
    """Of a file, as `write_table` writes it."""
    content = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata(METADATA), content, compression="zstd", write_page_checksum=True)
    return bytes(content.getvalue().to_pybytes())


def made_name(number: int) -> tuple[str, str]:
    """The name and the id of a video."""
    channel, day = number % 7, number // 7
    name = f"channel-{channel}/{2000 + day // 360}/{day % 360 // 30 + 1:02}/programme-{number:06}.mp4"
    return name, f"{name.replace('/', '_')}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def made_video(number: int) -> tuple[str, dict[str, pa.Table]]:
    """The id of a video, and its rows by table: those of one of `DISTINCT` videos, with another name."""
    name, video_id = made_name(number)
    tables = {table: for_other_video(rows, video_id, name) for table, rows in distinct_video(number % DISTINCT).items()}
    content = hashlib.sha256(video_id.encode()).hexdigest()
    for column, value in (("path", f"/archive/{name}"), ("content_sha256", content)):
        at = VIDEOS.get_field_index(column)
        tables["videos"] = tables["videos"].set_column(at, VIDEOS.field(at), pa.repeat(value, 1))
    return video_id, tables


@cache
def distinct_video(number: int) -> dict[str, pa.Table]:
    """The rows of a video by table, without hashes of files."""
    random = np.random.default_rng((SEED, number))
    is_failed, length_s = random.random() < FAILED_SHARE, 3600.0 if random.random() < LONG_SHARE else 10.0
    tracks, faces = made_tables(random, length_s, 0 if is_failed else random.poisson(TRACKS_PER_VIDEO))
    row = VideoRow(
        *("", "", ""),
        status="failed" if is_failed else "ok",
        reason="cannot be decoded" if is_failed else "",
        fix="copy it again" if is_failed else "",
        size_bytes=488_250,
        options_digest="fb78d5707a1a7f30",
        decoded_s=0.0 if is_failed else length_s,
        coverage=0.0 if is_failed else 1.0,
        sampled_count=round(length_s / EVERY_S),
        face_count=len(faces),
        track_count=len(tracks),
    )
    return {"faces": faces, "tracks": tracks, "videos": pa.Table.from_pylist([asdict(row)], schema=VIDEOS)}


def made_tables(random: np.random.Generator, length_s: float, count: int) -> tuple[pa.Table, pa.Table]:
    """The tracks and faces of a video of this length with so many appearances, each of about five seconds."""
    first_s = np.sort(random.uniform(0, length_s - 6, count)).round(2)
    female, age = random.beta(0.4, 0.4, count).round(4), random.uniform(5, 80, count).round(1)
    last_s = first_s + EVERY_S * (FACES_PER_TRACK - 1)
    gender = np.where(np.maximum(female, 1 - female) < 0.75, "unknown", np.where(female > 0.5, "female", "male"))
    columns = {
        **{"video_id": [""] * count, "video": [""] * count, "track_id": np.arange(count)},
        **{"first_s": first_s, "last_s": last_s},
        "first_time": [player_time(second) for second in first_s],
        "last_time": [player_time(second) for second in last_s],
        "screen_time_s": np.full(count, EVERY_S * FACES_PER_TRACK),
        "face_count": np.full(count, FACES_PER_TRACK),
        **{"face_height_px": random.uniform(16, 200, count), "quality": random.uniform(0.2, 0.9, count)},
        **{"female_prob": female, "gender": gender, "age_years": age},
        "age_band": [BANDS[int(np.searchsorted((13, 18, 35, 55), one, "right"))] for one in age],
        "person_in_video": np.full(count, -1),
    }
    tracks = pa.table([pa.array(columns[one.name], one.type) for one in TRACKS], schema=TRACKS)
    total = count * FACES_PER_TRACK
    time_s = (first_s[:, None] + EVERY_S * np.arange(FACES_PER_TRACK)).ravel()
    x1, y1 = random.uniform(0, 500, (2, total))
    values = {
        **{"video_id": [""] * total, "frame_index": np.round(25 * time_s).astype(int), "time_s": time_s},
        **{"duration_s": np.full(total, EVERY_S), "track_id": np.repeat(np.arange(count), FACES_PER_TRACK)},
        **{"x1": x1, "y1": y1, "x2": x1 + 40, "y2": y1 + 50},
        **{"score": random.uniform(0.3, 1, total), "quality": random.uniform(0, 1, total)},
    }
    faces = pa.table([pa.array(values[one.name], one.type, safe=False) for one in FACES], schema=FACES)
    return tracks, faces.take(np.argsort(time_s, kind="stable"))


def first_videos(out: Path, run: Path, count: int) -> Path:
    """A run of the first videos of another one: links to its files."""
    for table in TABLES:
        (run / table).mkdir(parents=True)
    for path in sorted((out / "videos").iterdir(), key=_number)[:count]:
        for table in TABLES:
            (run / table / path.name).hardlink_to(out / table / path.name)
    shutil.copy(out / "run.json", run / "run.json")
    return run


def _number(path: Path) -> int:
    """Of a video, in its id."""
    return int(path.name.split("programme-")[1][:6])


def write(reports: Path, name: str, figures: Figures) -> None:
    """Writes figures with date, machine and command."""
    reports.mkdir(parents=True, exist_ok=True)
    path = reports / f"{date.today()}-{name}.json"
    path.write_text(json.dumps(made("benchmark_tables") | figures, indent=2) + "\n")
    click.echo(path, err=True)


if __name__ == "__main__":
    main()
