"""The journal of a labelling: every key press is one line of TRUTH/journal.jsonl, on disk before it counts.

Lines are only ever added. Several processes may add to one journal: each holds a lock for the moment, reads what the
others added, and writes its line whole.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from facetally.errors import OutputError
from facetally.files import parsed_json

JOURNAL_FILE = "journal.jsonl"
LOCK_FILE = ".journal.lock"
LOCK_S = 10.0
"""How long a writer waits for another one, which holds the lock for milliseconds."""
KINDS = ("track", "moment", "undo")
ItemKey = tuple[str, str, float]
"""Kind, video id, and the track's id or the moment's time."""


@dataclass(frozen=True)
class Entry:
    """One line of the journal."""

    annotator: str
    number: int
    """Counts the annotator's entries from 1."""
    kind: str
    """track, moment, or undo."""
    mode: str
    """How the sample was drawn that the entry belongs to."""
    at: str
    """UTC, ISO 8601."""
    tab: str = ""
    """The browser tab that it came from."""
    video_id: str = ""
    place: float = 0.0
    """The track's id, or the moment's time in seconds."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """What the key press set: answer, age_band, face_quality, same_as; missed and done of a moment."""
    undoes: int = 0
    """The number of the same annotator's entry that an undo takes back."""
    settles: bool = False
    """Whether it decides between annotators who differ."""
    took_s: float = 0.0
    """Seconds from the picture to the key, as the page measured them."""

    @property
    def item(self) -> ItemKey:
        """What was labelled."""
        return self.kind, self.video_id, self.place

    def as_json(self) -> dict[str, Any]:
        """The line's content, with the names that the file has."""
        what: dict[str, Any] = {"undoes": self.undoes}
        if self.kind == "track":
            what = {"video_id": self.video_id, "track_id": int(self.place)}
        elif self.kind == "moment":
            what = {"video_id": self.video_id, "time_s": self.place}
        more: dict[str, Any] = {"set": dict(self.values)} if self.values else {}
        more |= {"settles": True} if self.settles else {}
        head = {"annotator": self.annotator, "number": self.number, "kind": self.kind, "mode": self.mode}
        return {**head, **what, **more, "took_s": round(self.took_s, 2), "at": self.at, "tab": self.tab}

    @classmethod
    def of_json(cls, line: Mapping[str, Any]) -> Entry:
        """The entry of a line.

        Raises:
            KeyError, TypeError, ValueError: it is none.
        """
        kind = str(line["kind"])
        if kind not in KINDS:
            raise ValueError(f"unknown kind {kind!r}")
        place = {"track": "track_id", "moment": "time_s"}.get(kind)
        return cls(
            annotator=str(line["annotator"]),
            number=int(line["number"]),
            kind=kind,
            mode=str(line["mode"]),
            at=str(line["at"]),
            tab=str(line.get("tab", "")),
            video_id=str(line["video_id"]) if place else "",
            place=float(line[place]) if place else 0.0,
            values=dict(line.get("set", {})),
            undoes=int(line["undoes"]) if kind == "undo" else 0,
            settles=bool(line.get("settles", False)),
            took_s=float(line.get("took_s", 0.0)),
        )


class Journal:
    """The entries of a truth folder.

    Args:
        folder: the truth folder; need not exist yet.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / JOURNAL_FILE
        self._lock = FileLock(folder / LOCK_FILE, timeout=LOCK_S)
        self._read_bytes = 0
        self._line_count = 0
        self._was_torn = False
        self._numbers: dict[str, int] = {}
        self.unreadable: list[int] = []
        """Numbers of lines that are no entries: those of an interrupted write."""

    def read_new(self) -> list[Entry]:
        """The entries that were added since the last call, by whomever.

        Raises:
            OutputError: the file cannot be read, or was made shorter.
        """
        if not self.path.exists() and not self._read_bytes:
            return []
        with self._locked():
            return self._read()

    def append(self, draft: Entry) -> list[Entry]:
        """Writes an entry to the disk, with the annotator's next number; returns it after those that others added.

        Raises:
            OutputError: the disk is full, or the file cannot be written: the entry is then not in it.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._locked():
            new = self._read() if self.path.exists() else []
            number = self._numbers.get(draft.annotator, 0) + 1
            line = {**draft.as_json(), "number": number, "at": datetime.now(UTC).isoformat(timespec="milliseconds")}
            self._write(json.dumps(line, ensure_ascii=False).encode(errors="replace") + b"\n")
            return [*new, *self._read()]

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            with self._lock:
                yield
        except Timeout as error:
            raise OutputError(
                f"another process has held {self._lock.lock_file} for {LOCK_S:g} s",
                fix="end the other `facetally label`, then press the key again",
            ) from error
        except OSError as error:
            raise OutputError(
                f"not saved: cannot write {self.path}: {error.strerror or error}",
                fix="free space or fix the folder's permissions, then press the key again",
            ) from error

    def _read(self) -> list[Entry]:
        with self.path.open("rb") as file:
            if file.seek(0, os.SEEK_END) < self._read_bytes:
                raise OutputError(
                    f"{self.path} was made shorter while it was in use", fix="restore it, then start again"
                )
            file.seek(self._read_bytes)
            data = file.read()
        self._read_bytes += len(data)
        entries = []
        lines = data.removeprefix(b"\n" if self._was_torn else b"").splitlines()
        self._was_torn = not data.endswith(b"\n") if data else self._was_torn
        for line in lines:
            self._line_count += 1
            try:
                entries.append(Entry.of_json(parsed_json(line.decode())))
            except (KeyError, TypeError, ValueError, AttributeError):
                self.unreadable += [self._line_count] if line.strip() else []
        for entry in entries:
            self._numbers[entry.annotator] = max(self._numbers.get(entry.annotator, 0), entry.number)
        return entries

    def _write(self, line: bytes) -> None:
        """Adds a line and waits until it is on disk; if that fails, takes back what was written of it."""
        is_new = not self.path.exists()
        with self.path.open("ab+", buffering=0) as file:
            size_bytes = file.seek(0, os.SEEK_END)
            try:
                write_all(file.fileno(), b"\n" + line if self._is_torn(file.fileno(), size_bytes) else line)
                os.fsync(file.fileno())
            except OSError:
                with suppress(OSError):
                    os.ftruncate(file.fileno(), size_bytes)
                raise
        if is_new and os.name == "posix":  # the folder must know the file
            handle = os.open(self.path.parent, os.O_RDONLY)
            os.fsync(handle)
            os.close(handle)

    @staticmethod
    def _is_torn(handle: int, size_bytes: int) -> bool:
        """Whether the last line has no end, because a write was interrupted."""
        if not size_bytes:
            return False
        os.lseek(handle, size_bytes - 1, os.SEEK_SET)
        return os.read(handle, 1) != b"\n"


def write_all(handle: int, data: bytes) -> None:
    """Writes all bytes; a full disk may take a part of them before it reports an error."""
    while data:
        data = data[os.write(handle, data) :]
