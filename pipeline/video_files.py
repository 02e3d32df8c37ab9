"""Decides which files of a folder are videos: by looking into them, not by their endings."""

from __future__ import annotations

import json
import os
import queue
import stat
import subprocess
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from facetally.child_processes import safe_import_path

VIDEO_SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("3gp", "asf", "avi", "divx", "f4v", "flv", "gif", "h264", "hevc", "m2ts", "m2v", "m4v", "mkv", "mov", "mp4"),
        *("mpe", "mpeg", "mpg", "mts", "mxf", "ogm", "ogv", "qt", "rm", "rmvb", "ts", "vob", "webm", "wmv"),
    )
)
"""Endings that only videos have: such a file is taken even if it is damaged, so that its loss is reported. Files with
other endings are taken if FFmpeg finds a video in them."""
APPLE_DOUBLE = (b"\0\5\x16\7", b"\0\5\x16\0")
"""The first bytes of the companions that macOS writes beside files on foreign file systems (AppleDouble)."""
SMALL_COPIES = frozenset((".lrv", ".lrf"))
"""Endings of the low-resolution copies that cameras write beside their recordings (GoPro, DJI), ..."""
LARGE_PREFIXES = {"GL": ("GX", "GH")}
"""... and how the names of those begin, where it is not the same."""
LARGE_SUFFIXES = (".mp4", ".MP4", ".mov", ".MOV")
SYSTEM_FOLDERS = frozenset(
    ("__MACOSX", "@eaDir", "#recycle", "$RECYCLE.BIN", "System Volume Information", "lost+found", "@Recycle")
)
CHILD = ("-m", "facetally.video.probe")
"""Arguments of Python for the process that looks into files."""
PROBE_S = 30.0
"""A file that takes longer to look at is taken for a video: it then fails with a reason if it is none."""


def companion(path: Path) -> str:
    """Why a file or folder inside a folder is not looked at; empty if it is."""
    if reason := name_passed_over(path.name):
        return reason
    if is_results_folder(path):
        return "results of facetally"
    if path.suffix.lower() in SMALL_COPIES and (large := _large_copy(path)):
        return f"low-resolution copy of {large}"
    return ""


def name_passed_over(name: str) -> str:
    """Why a file or folder of this name is not looked at; empty if its name is no reason."""
    if name.startswith("._"):
        return "companion file of macOS"
    if name.startswith(".") and not name.startswith(".."):  # "..and then.mp4" is a title
        return "hidden"
    return "folder of the system" if name in SYSTEM_FOLDERS else ""


def _large_copy(path: Path) -> str:
    """The name of the recording beside a low-resolution copy; empty if there is none."""
    stem = path.stem
    stems = [stem, *(prefix + stem[2:] for prefix in LARGE_PREFIXES.get(stem[:2], ()))]
    with suppress(OSError):
        for large in (path.with_name(name + suffix) for name in stems for suffix in LARGE_SUFFIXES):
            if large.exists() and large.stat().st_size > path.stat().st_size:
                return large.name
    return ""


def is_results_folder(folder: Path) -> bool:
    """Whether a folder holds the results of a run."""
    return os.path.isfile(folder / "run.json") and os.path.isdir(folder / "videos")  # noqa: PTH112, PTH113 - no errors


@dataclass
class Prober:
    """Looks into files, in a child process that is started for the first one; use as a context manager."""

    _child: _Child | None = None

    def __enter__(self) -> Prober:
        return self

    def __exit__(self, *_: object) -> None:
        if self._child:
            self._child.stop()

    def kind_of(self, path: Path) -> str:
        """What a file is: "" for a video, or for one that may be; else why it is passed over."""
        try:
            status = path.stat()
            if path.suffix.lower() in VIDEO_SUFFIXES:
                return "companion file of macOS" if _is_apple_double(path, status) else ""
            if not stat.S_ISREG(status.st_mode):  # opening a pipe may never end
                return "no regular file"
        except OSError as error:
            return "" if path.suffix.lower() in VIDEO_SUFFIXES else f"cannot be read: {error.strerror}"
        self._child = self._child or _Child()
        kind = self._child.ask(path)
        if kind is None:  # it crashed or hangs: the run reports that for this file
            self._child.stop()
            self._child = None
        return kind or ""


def _is_apple_double(path: Path, status: os.stat_result) -> bool:
    if not stat.S_ISREG(status.st_mode):
        return False
    with suppress(OSError), path.open("rb") as file:
        return file.read(4) in APPLE_DOUBLE
    return False


class _Child:
    """The process that looks into files."""

    def __init__(self) -> None:
        with safe_import_path():
            self._process = subprocess.Popen(
                [sys.executable, *CHILD],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        self._answers: queue.Queue[str | None] = queue.Queue()
        assert self._process.stdout
        threading.Thread(target=self._receive, args=(self._process.stdout,), daemon=True).start()

    def ask(self, path: Path) -> str | None:
        """What the file is; None if the process gives no answer."""
        assert self._process.stdin
        try:
            self._process.stdin.write(json.dumps(os.path.abspath(path)) + "\n")  # noqa: PTH100 - links are kept
            self._process.stdin.flush()
            answer = self._answers.get(timeout=PROBE_S)
        except (OSError, queue.Empty):
            return None
        return None if answer is None else str(json.loads(answer))

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                assert pipe
                pipe.close()

    def _receive(self, lines: Iterable[str]) -> None:
        with suppress(ValueError):  # closed
            for line in lines:
                self._answers.put(line)
        self._answers.put(None)
