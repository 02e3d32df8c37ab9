"""Ctrl+C while the command line is still being loaded."""

from __future__ import annotations

import subprocess
import sys

import pytest

INTERRUPTED = """
import sys

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupt())
from facetally.cli.main import main
main(["info", "film.mp4"])
"""


@pytest.mark.parametrize("module", ["rich_click", "facetally.cli.errors", "facetally.cli.printing_run"])
def test_an_interrupt_while_modules_are_loaded_ends_with_one_word(module: str) -> None:
    program = INTERRUPTED.format(module=module)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.strip()) == (1, "", "Aborted.")
