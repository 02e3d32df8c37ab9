"""Finds the videos that the command line names: files, folders, globs and @lists."""

from __future__ import annotations

import glob
import hashlib
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from facetally.errors import OptionError

VIDEO_SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("3gp", "asf", "avi", "divx", "f4v", "flv", "gif", "h264", "hevc", "m2ts", "m2v", "m4v", "mkv", "mov", "mp4"),
        *("mpe", "mpeg", "mpg", "mts", "mxf", "ogm", "ogv", "qt", "rm", "rmvb", "ts", "vob", "webm", "wmv"),
    )
)
"""What counts as a video within a folder; a file that is named itself is always taken."""


@dataclass(frozen=True)
class InputVideo:
    """A file to be worked through."""

    path: Path
    name: str
    """Path within the folder that was given, with forward slashes, or the file's name; what does not print is written
    as escapes. Unique within a run."""

    @property
    def video_id(self) -> str:
        """Readable and unique: the name's safe characters and eight digits of its hash."""
        safe = re.sub(r"[^A-Za-z0-9._-]+", "_", self.name)[:80].strip("._-") or "video"
        return f"{safe}-{hashlib.sha256(self.name.encode(errors='surrogateescape')).hexdigest()[:8]}"


def shown_path(path: Path) -> str:
    """The absolute path as text that can be printed and stored: no control characters, no lone bytes."""
    return printable(str(Path(os.path.realpath(path))))  # resolve() gives up on links that go round in circles


def printable(text: str) -> str:
    r"""Text with escapes in the place of all that does not show, or changes how the rest shows.

    Line breaks, terminal codes, marks that turn the direction of writing, and bytes that are no UTF-8: "a\nb", "\xff".
    """
    return "".join(c if c.isprintable() else _escape(c) for c in text)


def _name(relative: str) -> str:
    return printable(relative.replace("\\", "\\\\"))  # or "a\\nb" could be two names


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else character.encode("unicode_escape").decode("ascii")


def find_videos(inputs: Iterable[str]) -> list[InputVideo]:
    """The videos that `inputs` name, in the order of their names.

    Args:
        inputs: files, folders (searched through), globs, and @FILE with one of those a line.

    Raises:
        OptionError: something named does not exist, or nothing is found at all.
    """
    by_path: dict[Path, tuple[Path, str]] = {}
    named = list(named_files(_unlisted(inputs), _is_video))
    for base, path in named:
        by_path.setdefault(Path(os.path.realpath(path)), (path, path.relative_to(base).as_posix()))
    if not by_path:
        raise OptionError(
            f"no video found in {', '.join(inputs) or 'nothing'}",
            fix="name a video file, or a folder with files that end in .mp4, .mov, .mkv, .avi, ...",
        )
    counts = Counter(name for _, name in by_path.values())
    common = Path(os.path.commonpath([path.parent for path in by_path]))
    longer = {full: full.relative_to(common).as_posix() for full in by_path}
    names = {full: name if counts[name] == 1 else longer[full] for full, (_, name) in by_path.items()}
    if len(set(names.values())) < len(names):  # a longer name met another video's
        names = longer
    videos = [InputVideo(path, _name(names[full])) for full, (path, _) in by_path.items()]
    return sorted(videos, key=lambda video: video.name)


def named_files(inputs: Iterable[str], is_wanted: Callable[[Path], bool]) -> Iterator[tuple[Path, Path]]:
    """Pairs of the folder that a name is relative to, and the file.

    Args:
        inputs: files, folders (searched through) and globs.
        is_wanted: which files within a folder count; one that is named itself is always taken.

    Raises:
        OptionError: something named does not exist.
    """
    for text in inputs:
        path = Path(text)
        if path.is_dir():
            files = (Path(folder) / name for folder, _, names in os.walk(path) for name in names)
            yield from ((path, file) for file in files if is_wanted(file))
        elif path.exists():
            yield path.parent, path
        elif matches := sorted(glob.glob(text, recursive=True)):  # noqa: PTH207 - absolute patterns too
            yield from named_files(matches, is_wanted)
        elif re.search(r"%\d*d", path.name):
            raise OptionError(
                f"{text} stands for many pictures, and videos are read one file each",
                fix=f"make a video of them: ffmpeg -framerate 25 -i '{text}' -crf 15 pictures.mp4",
            )
        else:
            raise OptionError(f"no such file or folder: {text}", fix="check the path; quote it if it has spaces")


def _is_video(path: Path) -> bool:
    return path.suffix.lower() in VIDEO_SUFFIXES


def _unlisted(inputs: Iterable[str]) -> Iterator[str]:
    """The inputs, with what each @FILE lists in its place."""
    for text in inputs:
        if text.startswith("@") and not Path(text).exists():
            yield from _unlisted(_listed(Path(text[1:])))
        else:
            yield text


def _listed(list_path: Path) -> list[str]:
    if not list_path.is_file():
        raise OptionError(f"no such list: {list_path}", fix="give @FILE with one video or folder a line")
    lines = (line.strip() for line in list_path.read_text(encoding="utf-8-sig").splitlines())
    return [line for line in lines if line and not line.startswith("#")]
