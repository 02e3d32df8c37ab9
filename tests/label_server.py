"""A run to label, and `facetally label` in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

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
        """As by kill -9, if it has not ended."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate(timeout=WAIT_S)


FORK = """
import json, os, signal, sys
import facetally.cli.label, facetally.jobs.label, facetally.labelling.server, uvicorn
from facetally.cli.main import main

signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for line in sys.stdin:
    words, out = json.loads(line)
    if not (pid := os.fork()):
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        sys.stdin, sys.stdout, sys.stderr = open(os.devnull), open(out, "w"), open(out, "w")
        os.dup2(sys.stdout.fileno(), 1), os.dup2(sys.stderr.fileno(), 2)
        main(words)
    print(pid, flush=True)
"""
"""Forks a process for each line that it reads, which holds the words of a command and a pipe to print to."""


@dataclass
class ForkedLabelServer:
    """`facetally label` in a process that is forked from one which has imported all that it needs."""

    arguments: list[str]
    forks: subprocess.Popen[str]
    """Of `label_forks`."""
    pipe: Path
    """To be made, for what the server prints."""
    url: str = field(init=False, default="")
    process_id: int = field(init=False)
    printed: TextIO = field(init=False)

    def start(self) -> ForkedLabelServer:
        """Starts it, and waits for the address of its page."""
        assert self.forks.stdin and self.forks.stdout
        os.mkfifo(self.pipe)
        words = ["label", *self.arguments, "--no-browser"]
        self.forks.stdin.write(json.dumps([words, str(self.pipe)]) + "\n")
        self.forks.stdin.flush()
        self.process_id = int(self.forks.stdout.readline())
        self.printed = self.pipe.open()
        before = []
        for line in self.printed:
            before.append(line)
            if line.startswith("http://"):
                self.url = line.strip()
                return self
        raise AssertionError("".join(before))

    def end(self, by: int = signal.SIGTERM) -> str:
        """Ends it, if it has not ended; what it printed in the end, on stdout and stderr."""
        if self.printed.closed:
            return ""
        os.kill(self.process_id, by)
        with self.printed:
            return self.printed.read()

    def kill(self) -> None:
        """As by kill -9, if it has not ended."""
        self.end(signal.SIGKILL)


@contextmanager
def label_forks() -> Iterator[subprocess.Popen[str]]:
    """The process that servers are forked from."""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", FORK], stdin=pipe, stdout=pipe, text=True) as forks:
        yield forks
