"""Parts of the campaign: kills local runs and runs on Ray, and resumes them."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections import Counter
from contextlib import suppress
from pathlib import Path

import psutil

from scripts.campaign.report import Result
from scripts.campaign.runs import Unbroken, contents, started, unbroken_run

RAY_START_S, RAY_END_S = 15.0, 300.0
"""About the time in which Ray starts, since kills fall into it too; and the most that its helpers need to end."""
KILLS_A_RUN = 10
"""After this many kills a run may finish."""


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
