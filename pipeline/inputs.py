"""Finds the input videos: files, folders, globs, addresses in object storage, and @lists."""

from __future__ import annotations

import codecs
import glob
import hashlib
import os
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from facetally.errors import OptionError
from facetally.formatting import command, printable
from facetally.storage.addresses import is_address, parsed_address
from facetally.storage.copies import RemoteVideo
from facetally.storage.listing import listed_videos
from facetally.video_files import Prober, companion


@dataclass(frozen=True)
class InputVideo:
    """A video file to process."""

    path: Path
    """Of a video in object storage only a placeholder, which is never opened."""
    name: str
    """Path within the given folder, with forward slashes, or the file's name; unprintable characters are escaped.
    Unique within a run."""
    source: RemoteVideo | None = None
    """A video in object storage; None for a file."""

    @property
    def place(self) -> str:
        """Where it is: its address, or the absolute path, as text that can be printed and stored."""
        return printable(self.source.address) if self.source else shown_path(self.path)

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
    """The videos of `find_inputs`; all are files.

    Raises:
        OptionError: also for an address in object storage.
    """
    inputs = list(inputs)
    if address := next((text for text in _unlisted(inputs) if _is_elsewhere(text)), None):
        raise OptionError(
            f"{address} is in object storage, where only `facetally run` reads videos",
            fix="copy the videos to a folder, and give that",
        )
    return find_inputs(inputs).videos


def find_inputs(inputs: Iterable[str]) -> FoundInputs:
    """The videos that `inputs` stand for, and the files in their folders that are passed over, both sorted by name.

    Args:
        inputs: files, folders (searched recursively), globs, addresses of objects or of folders of them, and @FILE with
            one of those per line. In folders all files that are videos are taken, whatever their endings; at addresses
            the endings decide. What is given itself is always taken.

    Raises:
        OptionError: an input does not exist, or no video is found.
        StorageError: an object storage gives no answer.
    """
    inputs = list(inputs)
    given = list(_unlisted(inputs))
    remote, remote_passed = _remote(text for text in given if _is_elsewhere(text))
    by_path: dict[Path, tuple[Path, str]] = {}
    skipped: dict[Path, tuple[str, str]] = {}
    links: dict[Path, str] = {}
    searched: set[Path] = set()
    with Prober() as prober:
        for base, path, is_given in _every_file((text for text in given if not _is_elsewhere(text)), _walked):
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
    linked = [PassedOver(_name(f"{name}/"), LINK_TO_FOLDER) for name in left.values()]
    passed = sorted([*passed, *remote_passed, *linked])
    if not by_path and not remote:
        raise OptionError(
            f"no video found in {', '.join(inputs) or 'nothing'}{_counted(passed)}",
            fix=f"give the linked folders themselves, such as {command(next(iter(left)))}"
            if left
            else "give a video file, or a folder with files that end in .mp4, .mov, .mkv, .avi, ...",
        )
    return FoundInputs(_named(by_path, remote), passed)


def _is_elsewhere(text: str) -> bool:
    """Whether an input is an address; a folder on this machine may have such a name."""
    return is_address(text) and not os.path.exists(text)  # noqa: PTH110 - as in `_every_file`


def _remote(addresses: Iterable[str]) -> tuple[dict[str, tuple[RemoteVideo, str]], list[PassedOver]]:
    """The videos at addresses with their relative names, and what is passed over."""
    found: dict[str, tuple[RemoteVideo, str]] = {}
    skipped: dict[str, PassedOver] = {}
    for text in addresses:
        for one in listed_videos(text):
            if one.reason:
                skipped.setdefault(one.video.address, PassedOver(_name(one.name), one.reason))
            else:
                found.setdefault(one.video.address, (one.video, one.name))
    return found, [file for address, file in skipped.items() if address not in found]


def _named(
    by_path: dict[Path, tuple[Path, str]], remote: dict[str, tuple[RemoteVideo, str]] | None = None
) -> list[InputVideo]:
    """The videos with unique names, sorted by these.

    Args:
        by_path: by the path without links, the path as given and the name within the folder that was given.
        remote: by the address, the video and its name below the address that was given.
    """
    found = [(full.parts, InputVideo(path, name)) for full, (path, name) in by_path.items()]
    for address, (video, name) in (remote or {}).items():
        found.append((_address_parts(address), InputVideo(Path(address), name, video)))
    counts = Counter(video.name for _, video in found)
    common = _shared_count([parts[:-1] for parts, _ in found])
    longer = ["/".join(parts[common:]) for parts, _ in found]
    names = [video.name if counts[video.name] == 1 else full for (_, video), full in zip(found, longer, strict=True)]
    if len(set(names)) < len(names):  # a longer name equals the name of another video
        names = longer
    videos = [replace(video, name=_name(name)) for (_, video), name in zip(found, names, strict=True)]
    return sorted(videos, key=lambda video: video.name)


def _shared_count(paths: Sequence[tuple[str, ...]]) -> int:
    """How many parts at the beginning all paths share."""
    return next((n for n, parts in enumerate(zip(*paths, strict=False)) if len(set(parts)) > 1), min(map(len, paths)))


def _address_parts(text: str) -> tuple[str, ...]:
    """As the parts of a path: the bucket's name comes first."""
    address = parsed_address(text)
    return (f"{address.scheme}:", address.bucket, *address.key.split("/"))


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
