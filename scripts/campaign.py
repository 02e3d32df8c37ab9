"""Tries to lose a night's run: kills, damaged files, a full disk, two runs at once, an hour of video, mad labels.

    python -m scripts.campaign ../shared/videos --report reports/campaign.json

Every run is `facetally run` in processes of its own, as users start it. The long form takes about two hours on 2 cores;
--kills, --mutants, --minutes and --examples shorten it. The same seed does the same. The report is written anew after
each part, as JSON and, beside it, in Markdown.
"""

from __future__ import annotations

import inspect
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
from functools import partial
from pathlib import Path
from typing import Any

import click
import psutil
from rich.console import Console
from rich.table import Table

from facetally.inputs import find_videos
from facetally.results.ledger import Ledger
from scripts.long_films import Film, looped
from scripts.provenance import machine

FILE = click.Path(path_type=Path, dir_okay=False)
KILLED_CLIPS = 40
KILLS_A_RUN = 10
"""After so many a run may come to its end."""
BATCH = 100
"""Damaged files that one run gets."""
STALL_S = 10
HOSTILE = Path(__file__).resolve().parent.parent / "tests" / "pipeline" / "test_hostile_input.py"
TOO_MUCH_MB = 1500
Result = dict[str, Any]
"""`passed`, and figures by their names."""


@click.command(help=__doc__)
@click.argument("videos", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--kills", default=200, show_default=True)
@click.option("--mutants", default=2000, show_default=True)
@click.option("--minutes", default=60.0, show_default=True, help="Of 1080p video; 0: none.")
@click.option("--examples", default=5000, show_default=True, help="For each parser of labels, settings and names.")
@click.option("--seed", default=0, show_default=True)
@click.option("--report", type=FILE, help="JSON to write.")
@click.option("--part", "only", multiple=True, help="Only this one; what the report holds of the others stays.")
def main(
    videos: Path,
    kills: int,
    mutants: int,
    minutes: float,
    examples: int,
    seed: int,
    report: Path | None,
    only: tuple[str, ...],
) -> None:
    clips = sorted((video.path for video in find_videos([str(videos)])), key=lambda path: path.stat().st_size)
    results: dict[str, Result] = json.loads(report.read_text())["parts"] if report and only else {}
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        small = linked(clips[:KILLED_CLIPS], folder / "clips")
        whole = unbroken_run(small, folder / "unbroken")
        parts: dict[str, partial[Result]] = {
            "kills": partial(killed_runs, small, folder / "kills", whole, kills, random.Random(f"{seed} kills")),
            "damaged files": partial(
                damaged_files, clips[:KILLED_CLIPS], folder / "mutants", mutants, random.Random(f"{seed}")
            ),
            "full disk": partial(full_disk, small, folder / "disk", whole),
            "vanished folder": partial(vanished_folder, small, folder / "gone"),
            "two runs at once": partial(two_runs, small, folder / "lock", whole),
        }
        if minutes:
            parts["long video"] = partial(long_video, clips, folder / "long", minutes)
        if examples:
            parts["parsers"] = partial(parsers, examples)
        if unknown := set(only) - set(parts):
            asked, known = ", ".join(sorted(unknown)), ", ".join(parts)
            raise click.BadParameter(f"{asked}; there are: {known}", param_hint="--part")
        for name in only or parts:
            part = parts[name]
            started_s = time.monotonic()
            result = part()
            result["minutes taken"] = round((time.monotonic() - started_s) / 60, 1)
            results[name] = {"what": inspect.getdoc(part.func), **result, "date": str(date.today())}
            if report:
                write_report(results, report)
    print_table(results)
    if not all(result["passed"] for result in results.values()):
        sys.exit(1)


def write_report(results: dict[str, Result], path: Path) -> None:
    figures = {
        "date": str(date.today()),
        "machine": machine(),
        "command": shlex.join(["python", "-m", "scripts.campaign", *sys.argv[1:]]),
        "parts": results,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(figures, indent=1) + "\n")
    path.with_suffix(".md").write_text(as_markdown(figures, results))


def as_markdown(figures: dict[str, Any], results: dict[str, Result]) -> str:
    """The report as people read it: a section a part, a line a figure."""
    lines = ["# Campaign: what was done to lose a run, and what came of it", ""]
    lines += [f"{figures['date']}, {figures['machine']}: `{figures['command']}`", ""]
    lines += ["| part | passed |", "|---|---|"]
    lines += [f"| {name} | {'yes' if result['passed'] else '**no**'} |" for name, result in results.items()]
    for name, result in results.items():
        lines += ["", f"## {name[0].upper()}{name[1:]}", "", *result["what"].splitlines(), ""]
        lines += [f"- {key}: {said(value)}" for key, value in result.items() if key not in ("what", "passed")]
    return "\n".join(lines) + "\n"


def said(value: Any) -> str:
    """A figure as people write it."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {count}" for name, count in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def linked(paths: Sequence[Path], folder: Path) -> Path:
    """A folder with links to these files, numbered, so that no two share a name."""
    folder.mkdir(parents=True)
    for number, path in enumerate(paths):
        (folder / f"{number:02}_{path.name}").symlink_to(path)
    return folder


def started(videos: Path, out: Path, **options: Any) -> subprocess.Popen[str]:
    words = ["run", str(videos), "-o", str(out), "--every", "1", "--stall", str(STALL_S)]
    command, pipe = [sys.executable, "-m", "facetally", *words], subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, **options)


def finished(videos: Path, out: Path, **options: Any) -> tuple[int, str]:
    """Exit code and stderr of a run."""
    process = started(videos, out, **options)
    said = process.communicate()[1]
    return process.returncode, said


def contents(out: Path) -> dict[str, bytes]:
    """All tables of a run."""
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*.parquet"))}


@dataclass(frozen=True)
class Unbroken:
    """What a run gives that nobody disturbs."""

    exit_code: int
    tables: dict[str, bytes]
    seconds: float


def unbroken_run(videos: Path, out: Path) -> Unbroken:
    started_s = time.monotonic()
    code, _ = finished(videos, out)
    return Unbroken(code, contents(out), time.monotonic() - started_s)


def killed_runs(videos: Path, folder: Path, whole: Unbroken, count: int, rng: random.Random) -> Result:
    """Kills (-9) runs of 40 clips, or in one of four cases a worker, at random moments, and resumes them to their end.

    Passed if all Parquet tables have the bytes of an unbroken run.
    """
    kills, completed, differing = 0, 0, 0
    while kills < count:
        out, last = folder / f"run{completed}", min(kills + KILLS_A_RUN, count)
        while True:
            process = started(videos, out)
            try:
                process.communicate(timeout=rng.uniform(0.2, whole.seconds / 3) if kills < last else None)
                break
            except subprocess.TimeoutExpired:
                kill_someone(process, rng)
                kills += 1
        differing += process.returncode != whole.exit_code or contents(out) != whole.tables
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


def damaged_files(clips: Sequence[Path], folder: Path, count: int, rng: random.Random) -> Result:
    """Runs over clips that are cut off, have bytes changed, or a part of another in them, 100 at a time.

    Passed if each is in the ledger, no process outlives its run, every exit code is 0 or 1, and the later half of the
    runs needs no more memory than the first (within 20 %).
    """
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


def full_disk(videos: Path, folder: Path, whole: Unbroken) -> Result:
    """The largest table finds no room.

    Passed if the error says its fix, no half file is left, and the same command makes the unbroken run's tables once
    there is room.
    """
    out, room_bytes = folder / "out", max(map(len, whole.tables.values())) - 1

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room_bytes, room_bytes))

    code, said = finished(videos, out, preexec_fn=limited)
    is_predicted = code == 1 and "Error: cannot write" in said and "Fix: free space" in said
    readable = sum(1 for _ in Ledger(out).rows()) if Ledger(out).video_ids() else 0
    parts = len(list(out.rglob("*.part")))
    finished(videos, out)
    is_same = contents(out) == whole.tables
    passed = is_predicted and not parts and is_same
    return {
        "passed": passed,
        "predicted": is_predicted,
        "stored before": readable,
        "half files": parts,
        "same after": is_same,
    }


def vanished_folder(videos: Path, folder: Path) -> Result:
    """The output folder is deleted under a run.

    Passed if that ends with exit code 0 or 1, and no traceback.
    """
    out = folder / "out"
    process = started(videos, out)
    while not Ledger(out).video_ids() and process.poll() is None:
        time.sleep(0.05)
    shutil.rmtree(out, ignore_errors=True)
    said = process.communicate()[1]
    is_clean = "Traceback" not in said
    return {"passed": is_clean and process.returncode in (0, 1), "exit code": process.returncode, "clean": is_clean}


def two_runs(videos: Path, folder: Path, whole: Unbroken) -> Result:
    """A second run into the same folder.

    Passed if it is refused, and the first ends as if alone.
    """
    out = folder / "out"
    first = started(videos, out)
    while not (out / "run.json").exists() and first.poll() is None:
        time.sleep(0.01)
    first.send_signal(signal.SIGSTOP)  # or it might be done before the second asks
    code, said = finished(videos, out)
    first.send_signal(signal.SIGCONT)
    first.communicate()
    is_refused = code == 1 and "another run is writing" in said
    is_same = first.returncode == whole.exit_code and contents(out) == whole.tables
    return {"passed": is_refused and is_same, "refused": is_refused, "first as if alone": is_same}


def long_video(clips: Sequence[Path], folder: Path, minutes: float) -> Result:
    """One long video: half a minute of 1080p again and again, a look a second.

    Passed if run and workers together stay under 1.5 GB, and need at most 5 % more in the second half.
    """
    path = looped(clips, folder / "in" / "hour.mp4", minutes, Film())
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


def parsers(examples: int) -> Result:
    """`hypothesis` drives the readers of truth, of CVAT, MOT and Label Studio exports, of settings and of names.

    Passed if each gives an answer, or an error that says its fix, for every example.
    """
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(HOSTILE)]
    done = subprocess.run(words, env=os.environ | {"FACETALLY_EXAMPLES": str(examples)}, capture_output=True, text=True)
    last_line = done.stdout.strip().rpartition("\n")[2]
    return {"passed": done.returncode == 0, "examples each": examples, "pytest": last_line}


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


def print_table(results: dict[str, Result]) -> None:
    table = Table("what", "passed", "figures")
    for name, result in results.items():
        figures = ", ".join(f"{key}: {said(value)}" for key, value in result.items() if key not in ("what", "passed"))
        table.add_row(name, "yes" if result["passed"] else "NO", figures)
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
