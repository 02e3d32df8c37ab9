"""Tests runs under faults: kills, damaged files, a full disk, broken outputs, two runs at once, and so on.

    python -m scripts.campaign ../shared/videos --report reports/campaign.json

Every run is `facetally run` in a separate process, as users start it. The full campaign takes about two hours on 2
cores; --kills, --s3-kills, --ray-kills, --mutants, --minutes, --live-minutes and --examples shorten it. The same seed
gives the same faults. The report is rewritten after each part, as JSON and, beside it, in Markdown.
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

from facetally.formatting import command
from facetally.inputs import find_videos
from facetally.results.ledger import Ledger
from scripts.campaign_storage import s3_killed_runs
from scripts.clip_links import linked
from scripts.long_films import Film, looped
from scripts.provenance import machine

FILE = click.Path(path_type=Path, dir_okay=False)
KILLED_CLIPS = 40
RAY_CLIPS = 10
RAY_START_S, RAY_END_S = 15.0, 300.0
"""About the time in which Ray starts, since kills fall into it too; and the most that its helpers need to end."""
S3_CLIPS = 10
KILLS_A_RUN = 10
"""After this many kills a run may finish."""
BATCH = 100
"""Damaged files per run."""
STALL_S = 10
HOSTILE = Path(__file__).resolve().parent.parent / "tests" / "pipeline"
EXAMPLE_S = 2.0
"""Upper limit of the mean time of an example; a parser that never ends is stopped by it."""
TOO_MUCH_MB = 1500
LIVE_END_S = 2.0
"""The tables of a live picture may end so much earlier or later than it does."""
Result = dict[str, Any]
"""`passed`, and figures by name."""


@click.command(help=__doc__)
@click.argument("videos", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--kills", default=200, show_default=True)
@click.option("--s3-kills", default=50, show_default=True, help="Of runs from S3 to S3; 0: none.")
@click.option("--ray-kills", default=50, show_default=True, help="Of runs on Ray; 0: none.")
@click.option("--mutants", default=2000, show_default=True)
@click.option("--minutes", default=60.0, show_default=True, help="Length of the 1080p video; 0: no such video.")
@click.option("--live-minutes", default=20.0, show_default=True, help="Length of the live picture; 0: none.")
@click.option("--examples", default=5000, show_default=True, help="For each parser of labels, settings and names.")
@click.option("--seed", default=0, show_default=True)
@click.option("--report", type=FILE, help="JSON to write.")
@click.option("--part", "only", multiple=True, help="Run only this part; the report keeps its results of the others.")
def main(
    videos: Path,
    kills: int,
    ray_kills: int,
    s3_kills: int,
    mutants: int,
    minutes: float,
    live_minutes: float,
    examples: int,
    seed: int,
    report: Path | None,
    only: tuple[str, ...],
) -> None:
    clips = sorted((video.path for video in find_videos([str(videos)])), key=lambda path: path.stat().st_size)
    results: dict[str, Result] = earlier_parts(report) if report and only else {}
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
            "broken outputs": partial(broken_outputs, small, folder / "unbroken"),
            "vanished folder": partial(vanished_folder, small, folder / "gone"),
            "two runs at once": partial(two_runs, small, folder / "lock", whole),
        }
        if s3_kills:
            few, rng = linked(clips[:S3_CLIPS], folder / "few"), random.Random(f"{seed} S3 kills")
            parts["kills over S3"] = partial(s3_killed_runs, few, folder / "s3", s3_kills, rng)
        if ray_kills:
            ten, rng = linked(clips[:RAY_CLIPS], folder / "ten"), random.Random(f"{seed} ray")
            parts["kills on Ray"] = partial(killed_ray_runs, ten, folder / "ray", ray_kills, rng)
        if minutes:
            parts["long video"] = partial(long_video, clips, folder / "long", minutes)
        if live_minutes:
            parts["live picture"] = partial(live_picture, clips, folder / "live", live_minutes)
        if examples:
            parts["parsers"] = partial(parsers, examples)
        if unknown := set(only) - set(parts):
            given, known = ", ".join(sorted(unknown)), ", ".join(parts)
            raise click.BadParameter(f"{given}; choose from: {known}", param_hint="--part")
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


def earlier_parts(report: Path) -> dict[str, Result]:
    """The results in a report; none if it is not there yet."""
    parts: dict[str, Result] = json.loads(report.read_text())["parts"] if report.exists() else {}
    return parts


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
    """The report as Markdown: one section per part, one line per figure."""
    lines = ["# Campaign: faults injected into runs, and the results", ""]
    lines += [f"{figures['date']}, {figures['machine']}: `{figures['command']}`", ""]
    lines += ["| part | passed |", "|---|---|"]
    lines += [f"| {name} | {'yes' if result['passed'] else '**no**'} |" for name, result in results.items()]
    for name, result in results.items():
        lines += ["", f"## {name[0].upper()}{name[1:]}", "", *result["what"].splitlines(), ""]
        lines += [f"- {key}: {as_text(value)}" for key, value in result.items() if key not in ("what", "passed")]
    return "\n".join(lines) + "\n"


def as_text(value: Any) -> str:
    """A figure as text."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {count}" for name, count in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def started(videos: Path, out: Path, *flags: str, **options: Any) -> subprocess.Popen[str]:
    words = ["run", str(videos), "-o", str(out), "--every", "1", "--stall", str(STALL_S), *flags]
    command, pipe = [sys.executable, "-m", "facetally", *words], subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, **options)


def finished(videos: Path, out: Path, **options: Any) -> tuple[int, str]:
    """Exit code and stderr of a run."""
    process = started(videos, out, **options)
    stderr = process.communicate()[1]
    return process.returncode, stderr


def contents(out: Path) -> dict[str, bytes]:
    """All tables of a run."""
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*.parquet"))}


@dataclass(frozen=True)
class Unbroken:
    """The result of an undisturbed run."""

    exit_code: int
    tables: dict[str, bytes]
    seconds: float


def unbroken_run(videos: Path, out: Path) -> Unbroken:
    started_s = time.monotonic()
    code, printed = finished(videos, out)
    if code:
        raise click.ClickException(f"the run without faults ended with {code}: {printed}")
    return Unbroken(code, contents(out), time.monotonic() - started_s)


def killed_runs(videos: Path, folder: Path, whole: Unbroken, count: int, rng: random.Random) -> Result:
    """Kills (-9) runs of 40 clips, or in one of four cases a worker, at random moments, and resumes until they finish.

    Passed if all Parquet tables are byte-identical to those of an undisturbed run.
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
    """Sends kill -9 to the run, or in one of four cases to one of its workers; waits until the run has ended."""
    ours = psutil.Process(process.pid)
    workers = [child for child in ours.children(recursive=True) if child.is_running()]
    if workers and rng.random() < 0.25:
        rng.choice(workers).kill()
    else:
        process.kill()
    process.communicate()


def killed_ray_runs(videos: Path, folder: Path, count: int, rng: random.Random) -> Result:
    """Kills (-9) runs of ten clips on Ray, or one of their workers or of the processes of Ray, at random moments, and
    resumes until they finish.

    Passed if all Parquet tables are byte-identical to those of an undisturbed local run, and no process is left over.
    """
    whole = unbroken_run(videos, folder / "local")
    kills, completed, differing = 0, 0, 0
    killed: Counter[str] = Counter()
    family: dict[int, psutil.Process] = {}
    while kills < count:
        out, last = folder / f"run{completed}", min(kills + KILLS_A_RUN, count)
        while True:
            process = started(videos, out, "--executor", "ray", "--workers", "2")
            try:
                process.communicate(timeout=rng.uniform(0.2, RAY_START_S + whole.seconds) if kills < last else None)
                break
            except subprocess.TimeoutExpired:
                family |= {one.pid: one for one in psutil.Process(process.pid).children(recursive=True)}
                killed[kill_part(process, rng)] += 1
                kills += 1
        differing += process.returncode != whole.exit_code or contents(out) != whole.tables
        completed += 1
        shutil.rmtree(out)
    left_over = [one for one in psutil.wait_procs(family.values(), timeout=RAY_END_S)[1] if one.is_running()]
    figures: Result = {"kills": kills, "killed": dict(killed), "completed runs": completed, "that differ": differing}
    return {"passed": not differing and not left_over, **figures, "processes left over": len(left_over)}


def kill_part(process: subprocess.Popen[str], rng: random.Random) -> str:
    """Sends kill -9 to the run, or in half of the cases to any process below it; waits until the run has ended."""
    ours = psutil.Process(process.pid)
    parts = [child for child in ours.children(recursive=True) if child.status() != psutil.STATUS_ZOMBIE]
    victim, name = ours, "run"
    if parts and rng.random() < 0.5:
        victim = rng.choice(sorted(parts, key=lambda part: part.create_time()))
        with suppress(psutil.NoSuchProcess):
            words = [*victim.cmdline(), "gone"]
            names = (Path(word).stem for word in words)
            name = next((each for each in names if not each.startswith(("python", "-"))), "other")
    with suppress(psutil.NoSuchProcess):
        victim.kill()
    process.communicate()
    return name


def mutants_of(clips: Sequence[Path], folder: Path, count: int, rng: random.Random) -> Iterator[Path]:
    """Damaged copies: truncated, bytes changed, or parts of another file spliced in."""
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
    """Runs over clips that are truncated, have bytes changed, or contain a part of another, 100 at a time.

    Passed if each is in the ledger, no process outlives its run, every exit code is 0 or 1, and the second half of the
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
    """There is no space for the largest table.

    Passed if the error states its fix, no partial file is left, and the same command writes the tables of an
    undisturbed run once there is space.
    """
    out, room_bytes = folder / "out", max(map(len, whole.tables.values())) - 1

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room_bytes, room_bytes))

    code, stderr = finished(videos, out, preexec_fn=limited)
    is_reported = code == 1 and "Error: cannot write" in stderr and "Fix: free space" in stderr
    readable = sum(1 for _ in Ledger(out).rows()) if Ledger(out).video_ids() else 0
    parts = len(list(out.rglob("*.part")))
    finished(videos, out)
    is_same = contents(out) == whole.tables
    passed = is_reported and not parts and is_same
    return {
        "passed": passed,
        "told": is_reported,
        "stored before": readable,
        "half files": parts,
        "same after": is_same,
    }


def broken_outputs(videos: Path, out: Path) -> Result:
    """Commands whose stdout is full, closed, or a pipe that nobody reads.

    Passed if each ends with one line on stderr and exit code 1, or silently with 141 for the pipe; a run has stored its
    results by then.
    """
    commands = [("run", videos, "-o", out, "--every", 1), ("status", out), ("tally", out), ("report", out)]
    ends = {"full": "> /dev/full", "closed": ">&-", "no reader": "| true"}
    wrong = []
    for words in commands:
        for name, end in ends.items():
            line = f"set -o pipefail; {command(sys.executable, '-m', 'facetally', *words)} {end}"
            done = subprocess.run(["bash", "-c", line], stderr=subprocess.PIPE, text=True, check=False)
            errors = [text for text in done.stderr.splitlines() if "Traceback" in text or text.startswith("Error")]
            wanted = (141, 0) if name == "no reader" else (1, 1)
            if (done.returncode, len(errors)) != wanted:
                wrong.append(f"{words[0]} with a stdout that is {name}: {done.returncode}")
    return {"passed": not wrong, "commands": len(commands), "wrong": wrong}


def vanished_folder(videos: Path, folder: Path) -> Result:
    """The output folder is deleted during a run.

    Passed if the run ends with exit code 0 or 1, and without a traceback.
    """
    out = folder / "out"
    process = started(videos, out)
    while not Ledger(out).video_ids() and process.poll() is None:
        time.sleep(0.05)
    shutil.rmtree(out, ignore_errors=True)
    stderr = process.communicate()[1]
    is_clean = "Traceback" not in stderr
    return {"passed": is_clean and process.returncode in (0, 1), "exit code": process.returncode, "clean": is_clean}


def two_runs(videos: Path, folder: Path, whole: Unbroken) -> Result:
    """A second run into the same folder.

    Passed if it is refused, and the first run ends as if there were no other.
    """
    out = folder / "out"
    first = started(videos, out)
    while not (out / "run.json").exists() and first.poll() is None:
        time.sleep(0.01)
    first.send_signal(signal.SIGSTOP)  # otherwise it might finish before the second starts
    code, stderr = finished(videos, out)
    first.send_signal(signal.SIGCONT)
    first.communicate()
    is_refused = code == 1 and "another run is writing" in stderr
    is_same = first.returncode == whole.exit_code and contents(out) == whole.tables
    return {"passed": is_refused and is_same, "refused": is_refused, "first as if alone": is_same}


def long_video(clips: Sequence[Path], folder: Path, minutes: float) -> Result:
    """One long video: half a minute of 1080p, repeated, sampled once per second.

    Passed if the run and its workers together stay under 1.5 GB, and need at most 5 % more in the second half.
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


def live_picture(clips: Sequence[Path], folder: Path, minutes: float, film: Film | None = None) -> Result:
    """`facetally live` with half a minute of 1080p, repeated, played in real time; its tables are stored.

    Passed if its memory grows by at most 5 % from the first half to the second and stays under 1.5 GB, and if the
    tables cover the whole length.
    """
    path, out = looped(clips, folder / "in" / "film.mp4", minutes, film or Film()), folder / "out"
    words, pipe = ["live", str(path), "--headless", "-o", str(out)], subprocess.PIPE
    watch = watched(subprocess.Popen([sys.executable, "-m", "facetally", *words], stdout=pipe, stderr=pipe, text=True))
    half = len(watch.samples_mb) // 2
    first, second = (max(part, default=0.0) for part in (watch.samples_mb[:half], watch.samples_mb[half:]))
    stored_s = sum(row.decoded_s for row in Ledger(out).rows())
    is_whole = abs(stored_s - 60 * minutes) < LIVE_END_S
    return {
        "passed": watch.exit_code == 0 and is_whole and max(first, second) < TOO_MUCH_MB and second < 1.05 * first,
        "minutes": round(stored_s / 60, 1),
        "peak MB, first half": round(first),
        "peak MB, second half": round(second),
        "appearances": watch.stdout.strip(),
    }


def parsers(examples: int) -> Result:
    """`hypothesis` tests all readers of files by others, and of our own files when damaged: names, lists of videos,
    truth, exports of labelling tools, settings, run.json, report.json, tables, corrections, cards, image sets.

    Passed if each returns a result, or an error that states its fix, for every example; if none takes forever; and if
    the memory stays below the limit.
    """
    files = sorted(map(str, HOSTILE.glob("test_hostile_*.py")))
    limit_s = max(600, round(EXAMPLE_S * examples))
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", f"timeout={limit_s}", *files]
    environment, pipe = os.environ | {"FACETALLY_EXAMPLES": str(examples)}, subprocess.PIPE
    watch = watched(subprocess.Popen(words, env=environment, stdout=pipe, stderr=pipe, text=True))
    return {
        "passed": watch.exit_code == 0 and watch.peak_mb < TOO_MUCH_MB,
        "examples each": examples,
        "peak MB": round(watch.peak_mb),
        "pytest": watch.stdout.strip().rpartition("\n")[2],
    }


@dataclass(frozen=True)
class Watched:
    """A finished run."""

    exit_code: int
    samples_mb: list[float]
    """Memory of the run and its workers, every half second."""
    left_over: list[psutil.Process]
    """Processes that outlived the run."""
    stdout: str = ""

    @property
    def peak_mb(self) -> float:
        return max(self.samples_mb, default=0.0)


def watched(process: subprocess.Popen[str]) -> Watched:
    """Monitors a run until it ends."""
    texts: list[str] = []
    reader = threading.Thread(target=lambda: texts.extend(process.communicate()))  # a full pipe would block the run
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
    return Watched(process.returncode, samples_mb, left_over, "".join(texts[:1]))


def print_table(results: dict[str, Result]) -> None:
    table = Table("what", "passed", "figures")
    for name, result in results.items():
        figures = ", ".join(
            f"{key}: {as_text(value)}" for key, value in result.items() if key not in ("what", "passed")
        )
        table.add_row(name, "yes" if result["passed"] else "NO", figures)
    Console(width=160, emoji=False).print(table)


if __name__ == "__main__":
    main()
