"""`python -m facetally`: the same as the command `facetally`."""

from __future__ import annotations

import sys
from pathlib import Path

if sys.path and Path(sys.path[0] or ".").resolve() == Path.cwd():  # where `-m` looks first: only files are read there
    del sys.path[0]

from facetally.cli.entry import main

if __name__ == "__main__":
    main()
