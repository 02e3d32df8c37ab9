"""Parts of the campaign: damaged videos, and readers of damaged files."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from facetally.results.ledger import Ledger
from scripts.campaign.report import Result
from scripts.campaign.runs import TOO_MUCH_MB, started, watched

BATCH = 100
"""Damaged files per run."""
HOSTILE = Path(__file__).resolve().parents[2] / "tests" / "pipeline"
EXAMPLE_S = 2.0
"""Upper limit of the mean time of an example; a parser that never ends is stopped by it."""


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
