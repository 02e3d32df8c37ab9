"""A part of the campaign: kills runs from S3 to S3, on a server on loopback."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import click

import facetally
from scripts.benchmark_storage import differing, tables, timed
from scripts.campaign.kills import KILLS_A_RUN
from scripts.s3_server import RESULTS, VIDEOS, Server, s3_server

SHORTEST_S = 0.5
"""Of the time until a kill."""


def s3_killed_runs(videos: Path, folder: Path, count: int, rng: random.Random) -> dict[str, Any]:
    """Kills (-9) runs from S3 to S3 at random moments, in one of three cases deletes the local folders, and resumes.

    Passed if faces/ and tracks/ are byte-identical to those of a run over a folder, and videos/ too but for the place
    of the video; and if no lock is left.
    """
    seconds = timed([str(videos), "-o", str(folder / "plain")])["seconds"]
    if any(status != "ok" for status in facetally.Run(folder / "plain").videos()["status"]):
        raise click.ClickException("the run without faults has videos that failed")
    wanted, kills, completed, locks = tables(folder / "plain"), 0, 0, 0
    differences: list[set[str]] = []
    with s3_server(folder / "cache") as server:
        server.upload(videos)
        while kills < count:
            last = min(kills + KILLS_A_RUN, count)
            while kills < last and _kill(_started(server, f"run{completed}"), rng.uniform(SHORTEST_S, seconds)):
                kills += 1
                if rng.random() < 1 / 3:
                    shutil.rmtree(folder / "cache", ignore_errors=True)
            _started(server, f"run{completed}").wait()
            server.download(f"run{completed}/", folder / f"run{completed}")
            differences.append(differing(wanted, tables(folder / f"run{completed}")))
            locks += (folder / f"run{completed}" / ".lock").exists()
            completed += 1
    return {
        "passed": not any(differences) and not locks,
        "kills": kills,
        "videos of a run": len(list((folder / "plain" / "videos").iterdir())),
        "completed runs": completed,
        "that differ": sum(map(bool, differences)),
        "tables that differ": sorted(set().union(*differences)),
        "locks left": locks,
    }


def _started(server: Server, name: str) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "facetally", "run", f"s3://{VIDEOS}/", "-o", f"s3://{RESULTS}/{name}"]
    return subprocess.Popen(words, env=dict(server.environment), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _kill(process: subprocess.Popen[bytes], after_s: float) -> bool:
    """Kills a run after some seconds; False if it ended before."""
    try:
        process.wait(after_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return True
    return False
