"""The two builds that `scripts/benchmark_against/` compares."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

OURS, BEFORE = "now", "before"


@dataclass(frozen=True)
class Build:
    """A checkout and its environment."""

    name: str
    checkout: Path

    @property
    def python(self) -> str:
        return str(self.checkout / ".venv" / "bin" / "python")

    @property
    def command(self) -> str:
        return str(self.checkout / ".venv" / "bin" / "facetally")

    @property
    def commit(self) -> str:
        """With "+" if files differ from it."""
        done = subprocess.run(
            ["git", "-C", str(self.checkout), "describe", "--always", "--dirty=+", "--abbrev=7"],
            capture_output=True,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},  # only reads
            text=True,
            check=True,
        )
        return done.stdout.strip()
