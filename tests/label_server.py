"""A run to label, and `facetally label` in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from facetally.labelling.draw import draw_design
from facetally.labelling.sample import Sample
from facetally.results.ledger import Ledger

WAIT_S = 60.0


@dataclass(frozen=True)
class DrawnRun:
    """A run, and its videos."""

    out: Path
    videos: Path

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.out)

    def sample(self, moments: int = 3, seed: int = 0) -> Sample:
        """All of its appearances in a random order."""
        return Sample(self.ledger, draw_design(self.ledger, seed=seed, moments=moments))


@dataclass
class LabelServer:
    """`facetally label` in a process of its own."""

    arguments: list[str]
    process: subprocess.Popen[str] = field(init=False)
    url: str = field(init=False, default="")

    def start(self) -> LabelServer:
        """Starts it, again with the same arguments if it was killed."""
        command = [sys.executable, "-m", "facetally", "label", *self.arguments, "--no-browser"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout and self.process.stderr
        self.url = self.process.stdout.readline().strip()
        assert self.url, self.process.stderr.read()
        return self

    def end(self) -> str:
        """Ends it; what it printed in the end."""
        self.process.terminate()
        return "".join(self.process.communicate(timeout=WAIT_S))

    def kill(self) -> None:
        """As by kill -9."""
        self.process.kill()
        self.process.communicate(timeout=WAIT_S)
