"""Finds the input videos: files, folders, globs and @lists."""

from __future__ import annotations

import codecs
import glob
import hashlib
import os
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from facetally.errors import OptionError
from facetally.formatting import command, printable
from facetally.video_files import Prober, companion


@dataclass(frozen=True)
class InputVideo:
    """A video file to process."""

    path: Path
    name: str
    """Path within the given folder, with forward slashes, or the file's name; unprintable characters are escaped.
    Unique within a run."""

    @property
    def video_id(self) -> str:
        """A readable, unique file name: the name's safe characters and eight digits of its hash."""
        safe = re.sub(r"[^A-Za-z0-9._-]+", "_", self.name)[:80].strip("._-") or "video"
        return f"{safe}-{hashlib.sha256(self.name.encode(errors='surrogateescape')).hexdigest()[:8]}"


@dataclass(frozen=True, order=True)
class PassedOver:
    """A file or folder in an input folder that is not processed."""

    name: str
    """As that of a video; ends with a slash for a folder, whose files are not listed."""
    reason: str
    """What it is: "no video", "hidden", ..."""


@dataclass(frozen=True)
class FoundInputs:
    """What the inputs of a run stand for."""

    videos: list[InputVideo]
    passed_over: list[PassedOver]


LINK_TO_FOLDER = "link to a folder, which is not followed; to process it, give the linked folder itself as an input"
"""Why such a link is passed over: a search that follows links may never end."""
MAX_NESTED_LISTS = 20
"""Lists may name lists; links can give a list that contains itself ever new names."""


def shown_path(path: Path) -> str:
    """The absolute path as text that can be printed and stored: no control characters, no bytes that are not UTF-8."""
    return printable(str(Path(os.path.realpath(path))))  # resolve() raises an error for circular links


def _name(relative: str) -> str:
    return printable(relative.replace("\\", "\\\\"))  # else "a\\nb" could stand for two names


def find_videos(inputs: Iterable[str]) -> list[InputVideo]:
    """The videos of `find_inputs`."""
    return find_inputs(inputs).videos


def find_inputs(inputs: Iterable[str]) -> FoundInputs:
    """The videos that `inputs` stand for, and the files in their folders that are passed over, both sorted by name.

    Args:
        inputs: files, folders (searched recursively), globs, and @FILE with one of those per line. In folders all files
            that are videos are taken, whatever their endings; a file that is given itself is always taken.

    Raises:
        OptionError: an input does not exist, or no video is found.
    """
    inputs = list(inputs)
    by_path: dict[Path, tuple[Path, str]] = {}
    skipped: dict[Path, tuple[str, str]] = {}
    links: dict[Path, str] = {}
    searched: set[Path] = set()
    with Prober() as prober:
        for base, path, is_given in _every_file(_unlisted(inputs), _walked):
            relative = path.relative_to(base).as_posix()
            if not is_given:
                searched.add(base)
            if not is_given and not companion(path) and _is_link_to_folder(path):
                links[path] = relative
            elif reason := "" if is_given else companion(path) or prober.kind_of(path):
                shown = relative + "/" if path.is_dir() else relative
                skipped.setdefault(Path(os.path.realpath(path)), (shown, reason))
            else:
                by_path.setdefault(Path(os.path.realpath(path)), (path, relative))
    left = _without_searched(links, searched)
    passed = [PassedOver(_name(name), reason) for full, (name, reason) in skipped.items() if full not in by_path]
    passed = sorted([*passed, *(PassedOver(_name(f"{name}/"), LINK_TO_FOLDER) for name in left.values())])
    if not by_path:
        raise OptionError(
            f"no video found in {', '.join(inputs) or 'nothing'}{_counted(passed)}",
            fix=f"give the linked folders themselves, such as {command(next(iter(left)))}"
            if left
            else "give a video file, or a folder with files that end in .mp4, .mov, .mkv, .avi, ...",
        )
    return FoundInputs(_named(by_path), passed)


def _named(by_path: dict[Path, tuple[Path, str]]) -> list[InputVideo]:
    """The videos with unique names, sorted by these.

    Args:
        by_path: by the path without links, the path as given and the name within the folder that was given.
    """
    counts = Counter(name for _, name in by_path.values())
    common = Path(os.path.commonpath([path.parent for path in by_path]))
    longer = {full: full.relative_to(common).as_posix() for full in by_path}
    names = {full: name if counts[name] == 1 else longer[full] for full, (_, name) in by_path.items()}
    if len(set(names.values())) < len(names):  # a longer name equals the name of another video
        names = longer
    videos = [InputVideo(path, _name(names[full])) for full, (path, _) in by_path.items()]
    return sorted(videos, key=lambda video: video.name)


def _walked(folder: Path) -> Iterator[Path]:
    """All files in a folder and those inside it; of a folder that is not searched only the folder itself."""
    for parent, folders, names in os.walk(folder):
        for name in list(folders):
            inner = Path(parent) / name
            if companion(inner) or inner.is_symlink():
                folders.remove(name)
                yield inner
        yield from (Path(parent) / name for name in names)


def _is_link_to_folder(path: Path) -> bool:
    return os.path.islink(path) and os.path.isdir(path)  # noqa: PTH112, PTH114 - no errors


def _without_searched(links: dict[Path, str], searched: Iterable[Path]) -> dict[Path, str]:
    """The links to folders, without those to folders that are searched anyway."""
    roots = {Path(os.path.realpath(folder)) for folder in searched}
    return {link: name for link, name in links.items() if not _is_inside(Path(os.path.realpath(link)), roots)}


def _is_inside(folder: Path, roots: Collection[Path]) -> bool:
    """Whether a folder is one of some others, or inside it and not in a folder that is passed over."""
    for inner in (folder, *folder.parents):
        if inner in roots:
            return True
        if companion(inner):
            return False
    return False


def _counted(passed_over: Iterable[PassedOver]) -> str:
    counts = Counter(file.reason for file in passed_over)
    return f" (passed over: {', '.join(f'{count} {reason}' for reason, count in counts.items())})" if counts else ""


def named_files(inputs: Iterable[str], is_wanted: Callable[[Path], bool]) -> Iterator[tuple[Path, Path]]:
    """Yields pairs of a folder, which the file's name is relative to, and a file.

    Args:
        inputs: files, folders (searched recursively) and globs.
        is_wanted: which files of a folder are taken; a file that is given itself is always taken.

    Raises:
        OptionError: an input does not exist.
    """
    for base, path, is_given in _every_file(inputs, _walked_all):
        if is_given or is_wanted(path):
            yield base, path


def _walked_all(folder: Path) -> Iterator[Path]:
    return (Path(parent) / name for parent, _, names in os.walk(folder) for name in names)


def _every_file(inputs: Iterable[str], walk: Callable[[Path], Iterator[Path]]) -> Iterator[tuple[Path, Path, bool]]:
    """As `named_files`, with every file that `walk` finds in a folder; and whether the file was given itself."""
    for text in inputs:
        path = Path(text)
        if os.path.isdir(text):  # noqa: PTH112 - False for names that are too long or have a zero byte
            yield from ((path, file, False) for file in walk(path))
        elif os.path.exists(text):  # noqa: PTH110 - as above
            yield path.parent, path, True
        elif matches := sorted(glob.glob(text, recursive=True)):  # noqa: PTH207 - absolute patterns too
            yield from _every_file(matches, walk)
        elif re.search(r"%\d*d", path.name):
            raise OptionError(
                f"{text} stands for a sequence of images, which is not read as a video",
                fix="make a video of them: "
                + command("ffmpeg", "-framerate", 25, "-i", path, "-crf", 15, "images.mp4"),
            )
        else:
            raise OptionError(f"no such file or folder: {text}", fix="check the path; quote it if it has spaces")


def _unlisted(inputs: Iterable[str], outer: tuple[Path, ...] = ()) -> Iterator[str]:
    """The inputs, with each @FILE replaced by the lines in it.

    Args:
        outer: the lists that the inputs stand in.
    """
    for text in inputs:
        if text.startswith("@") and not os.path.exists(text):  # noqa: PTH110 - as in `_every_file`
            path = Path(text[1:])
            if len(outer) >= MAX_NESTED_LISTS or path in outer:
                raise OptionError(f"the list {path} contains itself", fix=f"delete the line {text} in it")
            yield from _unlisted(_listed(path), (*outer, path))
        else:
            yield text


def _listed(list_path: Path) -> list[str]:
    fix = "give @FILE with one video or folder per line"
    if not os.path.isfile(list_path):  # noqa: PTH113 - as in `_every_file`
        raise OptionError(f"no such list: {list_path}", fix=fix)
    try:
        content = list_path.read_bytes()
    except OSError as error:
        raise OptionError(f"the list {list_path} cannot be read: {error.strerror or error}", fix=fix) from error
    lines = (os.fsdecode(line).strip() for line in content.removeprefix(codecs.BOM_UTF8).splitlines())
    return [line for line in lines if line and not line.startswith("#")]
