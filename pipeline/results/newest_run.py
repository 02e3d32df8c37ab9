"""What the newest run of an output folder was given, in OUT/run.json: its videos, and what it left out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from facetally.errors import OutputError
from facetally.files import read_json, write_whole
from facetally.inputs import PassedOver

FIX = (
    "run the same `facetally run` again with --include-all, and with your --exclude patterns, if there were any: it "
    "writes the file anew"
)


@dataclass(frozen=True)
class NewestRun:
    """The content of OUT/run.json."""

    videos: Mapping[str, str] = field(default_factory=dict)
    """The names of the videos that it processes or had done before, by their ids."""
    passed_over: Mapping[str, str] = field(default_factory=dict)
    """Why files in the input folders were not processed, by their names."""
    exclude: tuple[str, ...] = ()
    """Patterns of `--exclude`; later runs into the folder apply them too."""
    excluded: Mapping[str, str] = field(default_factory=dict)
    """The names of the videos among the inputs that these patterns exclude, by their ids."""

    @classmethod
    def read(cls, out: Path) -> NewestRun:
        """Of an output folder; empty if none was started.

        Raises:
            OutputError: the file is damaged.
        """
        path = out / "run.json"
        if not path.exists():
            return cls()
        content = read_json(path, OutputError, fix=FIX)
        patterns = content.get("exclude", [])
        if not isinstance(patterns, list) or not all(isinstance(pattern, str) for pattern in patterns):
            raise OutputError(f"{path} is damaged: exclude is no list of texts", fix=FIX)
        names = {key: _names(path, key, content.get(key, {})) for key in ("videos", "passed_over", "excluded")}
        return cls(exclude=tuple(patterns), **names)

    def write(self, out: Path) -> None:
        """Writes OUT/run.json.

        Raises:
            OutputError: the folder cannot be written.
        """
        content: dict[str, Any] = {"videos": dict(self.videos), "passed_over": dict(self.passed_over)}
        if self.exclude:
            content |= {"exclude": list(self.exclude), "excluded": dict(self.excluded)}
        write_whole(out / "run.json", json.dumps(content, indent=1).encode())

    def excludes(self, video_id: str, name: str) -> bool:
        """Whether a video with results is excluded, whether or not it is among the inputs of the newest run."""
        return video_id in self.excluded or is_excluded(self.exclude, name)

    def files_passed_over(self) -> list[PassedOver]:
        """The files that were not processed, sorted by name."""
        return [PassedOver(name, reason) for name, reason in sorted(self.passed_over.items())]


def is_excluded(patterns: Iterable[str], *names: str) -> bool:
    """Whether one of the patterns fits a name, a file name in it, or a folder in it.

    Args:
        patterns: with `*`, `?` and `[...]`, which also stand for slashes; a pattern that is the name fits too.
        names: of one video, with forward slashes.
    """
    texts = {text for name in names for text in _parts(name)}
    return any(
        pattern.rstrip("/") in texts or any(fnmatchcase(t, pattern.rstrip("/")) for t in texts) for pattern in patterns
    )


def _parts(name: str) -> set[str]:
    """a/b/c.mp4 -> a, b, c.mp4, a/b, a/b/c.mp4."""
    parts = name.split("/")
    return {*parts, *("/".join(parts[: end + 1]) for end in range(len(parts)))} - {""}


def _names(path: Path, key: str, value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value.values()):
        raise OutputError(f"{path} is damaged: {key} is no object of texts", fix=FIX)
    return value
