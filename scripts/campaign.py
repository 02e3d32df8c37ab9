"""Tries to lose a night's run: kills, damaged files, a full disk, two runs at once, an hour of video.

    python -m scripts.campaign ../shared/videos --report reports/campaign.json

Every run is `facetally run` in processes of its own, as users start it. The long form takes about two hours on 2 cores;
--kills, --mutants and --minutes shorten it. The same seed does the same.
"""

from __future__ import annotations

import json
import os
import random
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import click
import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

from pipeline.inputs import find_videos
from pipeline.ledger import Ledger
from scripts.benchmark import processor
from scripts.dirty_videos import FPS, encode

FILE = click.Path(path_type=Path, dir_okay=False)
KILLED_CLIPS = 40
BATCH = 100
"""Damaged files that one run gets."""
STALL_S = 10
HD_WH = (1920, 1080)
TOO_MUCH_MB = 1500


@click.command(help=__doc__)
@click.argument("videos", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--kills", default=200, show_default=True)
@click.option("--mutants", default=2000, show_default=True)
@click.option("--minutes", default=60.0, show_default=True, help="Of 1080p video; 0: none.")
@click.option("--seed", default=0, show_default=True)
@click.option("--report", type=FILE, help="JSON to write.")
def main(videos: Path, kills: int, mutants: int, minutes: float, seed: int, report: Path | None) -> None:
    rng = random.Random(seed)
    clips = sorted((video.path for video in find_videos([str(videos)])), key=lambda path: path.stat().st_size)
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        small = linked(clips[:KILLED_CLIPS], folder / "clips")
        results = {"kills": killed_runs(small, folder / "kills", kills, rng)}
        results["mutants"] = damaged_files(clips[:KILLED_CLIPS], folder / "mutants", mutants, rng)
        results["full disk"] = full_disk(small, folder / "disk")
        results["vanished folder"] = vanished_folder(small, folder / "gone")
        results["two runs at once"] = two_runs(small, folder / "lock")
        if minutes:
            results["long video"] = long_video(clips, folder / "long", minutes)
    figures = {
        "date": str(date.today()),
        "machine": f"{processor()}, {os.cpu_count()} cores",
        "command": shlex.join(["python", "-m", "scripts.campaign", *sys.argv[1:]]),
        **results,
    }
    print_table(results)
    if report:
        report.parent.mkdir(parents=True, exist_ok=True)
        report.write_text(json.dumps(figures, indent=1) + "\n")
    if not all(result["passed"] for result in results.values()):
        sys.exit(1)


def linked(paths: Sequence[Path], folder: Path) -> Path:
    """A folder with links to these files, numbered, so that no two share a name."""
    folder.mkdir(parents=True)
    for number, path in enumerate(paths):
        (folder / f"{number:02}_{path.name}").symlink_to(path)
    return folder


def command(videos: Path, out: Path, *more: str) -> list[str]:
    words = ["run", str(videos), "-o", str(out), "--every", "1", "--stall", str(STALL_S), *more]
    return [sys.executable, "-m", "pipeline.cli", *words]


def started(videos: Path, out: Path, *more: str, **options: Any) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen(command(videos, out, *more), stdout=pipe, stderr=pipe, text=True, **options)


def finished(videos: Path, out: Path, *more: str, **options: Any) -> tuple[int, str]:
    """Exit code and stderr of a run."""
    process = started(videos, out, *more, **options)
    said = process.communicate()[1]
    return process.returncode, said


def contents(out: Path) -> dict[str, bytes]:
    """All tables of a run."""
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*.parquet"))}


def killed_runs(videos: Path, folder: Path, count: int, rng: random.Random) -> dict[str, Any]:
    """Kills runs, or one of their workers, at random moments, and resumes them until they are done."""
    started_s = time.monotonic()
    code, _ = finished(videos, folder / "unbroken")
    unbroken, whole_s = contents(folder / "unbroken"), time.monotonic() - started_s
    kills, completed, differing = 0, 0, 0
    while kills < count:
        out = folder / f"run{completed}"
        while True:
            process = started(videos, out)
            try:
                process.communicate(timeout=rng.uniform(0.2, whole_s / 3) if kills < count else None)
            except subprocess.TimeoutExpired:
                kill_someone(process, rng)
                kills += 1
            if process.returncode == code:
                break
        differing += contents(out) != unbroken
        completed += 1
        shutil.rmtree(out)
    return {"passed": not differing, "kills": kills, "completed runs": completed, "that differ": differing}


def kill_someone(process: subprocess.Popen[str], rng: random.Random) -> None:
    """kill -9 for the run, or in one of four cases for a process that works for it; waits for the run's end."""
    ours = psutil.Process(process.pid)
    workers = [child for child in ours.children(recursive=True) if child.is_running()]
    if workers and rng.random() < 0.25:
        rng.choice(workers).kill()
    else:
        process.kill()
    process.communicate()


def mutants_of(clips: Sequence[Path], folder: Path, count: int, rng: random.Random) -> Iterator[Path]:
    """Damaged copies: cut off, bytes changed, parts of another spliced in."""
    folder.mkdir(parents=True)
    for number in range(count):
        source, other = (bytearray(rng.choice(clips).read_bytes()) for _ in range(2))
        kind = rng.choice(("cut", "flip", "splice"))
        if kind == "cut":
            source = source[: rng.randrange(len(source))]
        elif kind == "flip":
            for _ in range(rng.choice((1, 10, 100, 1000))):
                source[rng.randrange(len(source))] = rng.randrange(256)
        else:
            at, length = rng.randrange(len(source)), rng.randrange(1, len(other))
            source[at : at + length] = other[:length]
        path = folder / f"{number:04}_{kind}{rng.choice(('.mp4', '.mkv', '.avi', '.ts'))}"
        path.write_bytes(bytes(source))
        yield path


def damaged_files(clips: Sequence[Path], folder: Path, count: int, rng: random.Random) -> dict[str, Any]:
    """Runs over damaged files, in batches: each must be in the ledger, and nothing may be left over."""
    statuses: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    peaks_mb, missing, left_over, bad_exits = [], 0, 0, 0
    for batch in range(-(-count // BATCH)):
        videos, out = folder / f"in{batch}", folder / f"out{batch}"
        made = list(mutants_of(clips, videos, min(BATCH, count - batch * BATCH), rng))
        watch = watched(started(videos, out))
        rows = list(Ledger(out).rows())
        statuses.update(row.status for row in rows)
        reasons.update(row.reason.split("/")[0].split("(")[-1][:40] for row in rows if "crashed" in row.reason)
        reasons.update("given up after the stall time" for row in rows if "given up" in row.reason)
        missing += len(made) - len(rows)
        left_over += len(watch.left_over)
        bad_exits += watch.exit_code not in (0, 1)
        peaks_mb.append(round(watch.peak_mb))
        shutil.rmtree(videos)
        shutil.rmtree(out)
    half = len(peaks_mb) // 2
    is_flat = half == 0 or max(peaks_mb[half:]) < 1.2 * max(peaks_mb[:half])
    return {
        "passed": not (missing or left_over or bad_exits) and is_flat,
        "files": count,
        "statuses": dict(statuses),
        "workers lost": dict(reasons),
        "not in the ledger": missing,
        "processes left over": left_over,
        "other exit codes": bad_exits,
        "peak MB of each run": peaks_mb,
    }


def full_disk(videos: Path, folder: Path) -> dict[str, Any]:
    """The largest table finds no room: a clear error, and the same command goes on once there is some."""
    finished(videos, folder / "unbroken")
    out, room_bytes = folder / "out", max(map(len, contents(folder / "unbroken").values())) - 1

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room_bytes, room_bytes))

    code, said = finished(videos, out, preexec_fn=limited)
    is_told = code == 1 and "Error: cannot write" in said and "Fix: free space" in said
    readable = sum(1 for _ in Ledger(out).rows()) if Ledger(out).video_ids() else 0
    parts = len(list(out.rglob("*.part")))
    finished(videos, out)
    is_same = contents(out) == contents(folder / "unbroken")
    passed = is_told and not parts and is_same
    return {"passed": passed, "told": is_told, "stored before": readable, "half files": parts, "same after": is_same}


def vanished_folder(videos: Path, folder: Path) -> dict[str, Any]:
    """The output folder is taken away under a run: a clear error or a folder made anew, and no traceback."""
    out = folder / "out"
    process = started(videos, out)
    while not Ledger(out).video_ids() and process.poll() is None:
        time.sleep(0.05)
    shutil.rmtree(out, ignore_errors=True)
    said = process.communicate()[1]
    is_clean = "Traceback" not in said
    return {"passed": is_clean and process.returncode in (0, 1), "exit code": process.returncode, "clean": is_clean}


def two_runs(videos: Path, folder: Path) -> dict[str, Any]:
    """A second run into the same folder must be refused, and the first not disturbed."""
    out = folder / "out"
    first = started(videos, out)
    while not (out / "run.json").exists() and first.poll() is None:
        time.sleep(0.01)
    first.send_signal(signal.SIGSTOP)  # or it might be done before the second asks
    code, said = finished(videos, out)
    first.send_signal(signal.SIGCONT)
    first.communicate()
    is_refused = code == 1 and "another run is writing" in said
    return {"passed": is_refused and first.returncode == 0, "refused": is_refused, "first's exit": first.returncode}


def long_video(clips: Sequence[Path], folder: Path, minutes: float) -> dict[str, Any]:
    """An hour of 1080p: memory under 1.5 GB, and no more of it in the second half."""
    path = looped(clips, folder / "in" / "hour.mp4", minutes)
    watch = watched(started(path.parent, folder / "out"))
    half = len(watch.samples_mb) // 2
    first, second = (max(part, default=0.0) for part in (watch.samples_mb[:half], watch.samples_mb[half:]))
    (row,) = Ledger(folder / "out").rows()
    return {
        "passed": watch.exit_code == 0 and max(first, second) < TOO_MUCH_MB and second < 1.05 * first,
        "minutes": round(row.decoded_s / 60, 1),
        "peak MB, first half": round(first),
        "peak MB, second half": round(second),
    }


def looped(clips: Sequence[Path], path: Path, minutes: float) -> Path:
    """The frames of some clips at 1080p, encoded once, and their packets again and again."""
    path.parent.mkdir(parents=True)
    short = path.parent.parent / "half_a_minute.mp4"
    encode(short, hd_frames(clips, FPS * 30), options={"preset": "veryfast", "bf": "0"})
    packets = [(bytes(packet), packet.is_keyframe) for packet in packets_of(short)]
    with av.open(str(short)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for number in range(round(minutes * 60 * FPS)):
            content, is_keyframe = packets[number % len(packets)]
            packet = av.Packet(content)
            packet.stream, packet.is_keyframe = stream, is_keyframe
            packet.time_base, packet.pts, packet.dts = Fraction(1, FPS), number, number
            target.mux(packet)
    return path


def packets_of(path: Path) -> Iterator[Any]:
    with av.open(str(path)) as container:
        yield from (packet for packet in container.demux(video=0) if packet.size)


def hd_frames(clips: Sequence[Path], count: int) -> Iterator[np.ndarray]:
    """(1080, 1920, 3) uint8 RGB frames of the clips, enlarged."""
    for clip in clips:
        with av.open(str(clip)) as container:
            for picture in container.decode(video=0):
                if count == 0:
                    return
                yield picture.reformat(*HD_WH, format="rgb24").to_ndarray()
                count -= 1


@dataclass(frozen=True)
class Watched:
    """A run that has come to its end."""

    exit_code: int
    samples_mb: list[float]
    """Memory of the run and its workers, every half second."""
    left_over: list[psutil.Process]
    """Who outlived it."""

    @property
    def peak_mb(self) -> float:
        return max(self.samples_mb, default=0.0)


def watched(process: subprocess.Popen[str]) -> Watched:
    """Follows a run to its end."""
    reader = threading.Thread(target=process.communicate)  # or it would wait for somebody to read what it says
    reader.start()
    ours = psutil.Process(process.pid)
    family: dict[int, psutil.Process] = {}
    samples_mb: list[float] = []
    while reader.is_alive():
        with suppress(psutil.NoSuchProcess):
            members = [ours, *ours.children(recursive=True)]
            family |= {member.pid: member for member in members}
            samples_mb.append(sum(member.memory_info().rss for member in members) / 1e6)
        reader.join(0.5)
    _, left_over = psutil.wait_procs(family.values(), timeout=10)
    return Watched(process.returncode, samples_mb, left_over)


def print_table(results: dict[str, dict[str, Any]]) -> None:
    table = Table("what", "passed", "figures")
    for name, result in results.items():
        figures = ", ".join(f"{key}: {value}" for key, value in result.items() if key != "passed")
        table.add_row(name, "yes" if result["passed"] else "NO", figures)
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
