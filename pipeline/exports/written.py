"""Remembers which files an export wrote, so that no other file is ever replaced unasked."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from facetally.errors import OutputError
from facetally.files import read_json, sha256_of, write_whole

RECORD = Path("export", "written.json")
"""In the run's folder: the hashes of the files by their paths, relative where they lie in that folder."""


class WrittenFiles:
    """The files that exports of a run wrote.

    Args:
        out: the run's folder.
    """

    def __init__(self, out: Path) -> None:
        self._out = out.absolute()
        self._record = out / RECORD

    def check(self, paths: Iterable[Path]) -> None:
        """Checks that no file would be lost.

        Raises:
            OutputError: a file exists that no export of this run wrote, or that was changed since.
        """
        known = self._known()
        for path in paths:
            if not path.exists() and not path.is_symlink():
                continue
            was = known.get(self._name(path))
            if not path.is_file() or path.is_symlink() or was is None or was != sha256_of(path):
                why = "is not from an export of this run" if was is None else "was changed since it was exported"
                raise OutputError(f"{path} exists and {why}", fix="choose another place with -o, or add --force")

    def store(self, paths: Iterable[Path]) -> None:
        """Remembers files as they are now; where the run's folder cannot be written, a later export asks first."""
        files = self._known() | {self._name(path): sha256_of(path) for path in paths}
        with suppress(OutputError):
            write_whole(self._record, json.dumps({"files": files}, indent=1))

    def _known(self) -> dict[str, str]:
        try:
            files = read_json(self._record, OutputError, fix="")["files"] if self._record.is_file() else {}
            return {str(name): str(digest) for name, digest in files.items()}
        except (OutputError, KeyError, AttributeError):
            return {}

    def _name(self, path: Path) -> str:
        path = path.absolute()
        return path.relative_to(self._out).as_posix() if path.is_relative_to(self._out) else str(path)
