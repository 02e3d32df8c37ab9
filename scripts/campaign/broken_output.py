"""Parts of the campaign: nowhere to write, nobody who reads, and two runs that write at one place."""

from __future__ import annotations

import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from facetally.formatting import command
from facetally.results.ledger import Ledger
from scripts.campaign.report import Result
from scripts.campaign.runs import Unbroken, contents, finished, started


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
