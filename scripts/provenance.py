"""Says when, where and by which command a figure was measured."""

from __future__ import annotations

import os
import platform
import shlex
import sys
from collections.abc import Iterable
from datetime import date
from pathlib import Path


def processor() -> str:
    """The processor's name, or its architecture where the system does not give a name."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def machine() -> str:
    """Processor and cores, as reports name them."""
    return f"{processor()}, {os.cpu_count()} cores"


def made(script: str, *, note: str = "", words: Iterable[str] | None = None) -> dict[str, str]:
    """Date, machine and command, which stand first in the JSON of a report.

    Args:
        script: the running one, by its name in `scripts`.
        note: follows the machine.
        words: of the command line, if not as they were given.
    """
    command = ["python", "-m", f"scripts.{script}", *(sys.argv[1:] if words is None else words)]
    return {"date": str(date.today()), "machine": machine() + note, "command": shlex.join(command)}
