"""Formats figures, names and commands for people."""

from __future__ import annotations

import math
import os
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import MappingProxyType

FORGING = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028-\\u202e\\u2066-\\u2069\\ud800-\\udfff]")


_NAMES: ContextVar[Mapping[str, str]] = ContextVar("names of folders", default=MappingProxyType({}))


def percent(share: float | None) -> str:
    """0.4567 -> "45.7 %"; an en dash for NaN and None."""
    return "–" if share is None or math.isnan(share) else f"{share:.1%}".replace("%", " %")


def clock(seconds: float) -> str:
    """3725.4 -> "1:02:05"; under an hour "2:05"; under a minute with one decimal, "5.4 s"."""
    if 0 < seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def player_time(seconds: float) -> str:
    """A moment of a video as players show it, in whole seconds that have passed: 31.7 -> "0:31"; 3725 -> "1:02:05"."""
    minutes, rest = divmod(int(seconds + 1e-6), 60)  # 30.9999999 is 31, stored as a fraction of two integers
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def counted(count: int, noun: str) -> str:
    """3, "video" -> "3 videos"; 1, "video" -> "1 video"; 1500, "person" -> "1,500 people"."""
    plural = "people" if noun == "person" else f"{noun}s"
    return f"{count:,} {noun if count == 1 else plural}"


def listed(names: Iterable[object], most: int) -> str:
    """The first names, and how many more there are: "a, b and 3 more"."""
    names = list(names)
    return ", ".join(map(str, names[:most])) + (f" and {len(names) - most} more" if len(names) > most else "")


@contextmanager
def named(folder: Path, name: str) -> Iterator[None]:
    """In the block, `place` and `command` name a folder and what is in it by the address of which it is a copy."""
    token = _NAMES.set({**_NAMES.get(), str(folder): name})
    try:
        yield
    finally:
        _NAMES.reset(token)


def place(path: os.PathLike[str] | str) -> str:
    """A file or folder as people know it: what is in the local copy of a folder at an address, by its address."""
    text = os.fspath(path)
    for folder, name in _NAMES.get().items():
        if text == folder or text.startswith(f"{folder}{os.sep}"):
            return name + text[len(folder) :].replace(os.sep, "/")
    return text


def command(*words: object) -> str:
    """A command as one types it in a shell such as bash or zsh: any other character than plain letters is quoted.

    Args:
        words: paths (not strings) that begin with a dash or contain a colon get "./", for otherwise the command would
            take them for an option, or ffmpeg for the address of a server.
    """
    return " ".join(_quoted(_path_word(word) if isinstance(word, os.PathLike) else str(word)) for word in words)


def _path_word(path: os.PathLike[str]) -> str:
    text = os.fspath(path)
    if (name := place(path)) != text:
        return name
    return f".{os.sep}{text}" if text.startswith("-") or (":" in text and not Path(text).is_absolute()) else text


def _quoted(word: str) -> str:
    if word.isprintable():
        return shlex.quote(word)
    quoted = {"\\": "\\\\", "'": "\\'"}  # bash's $'...' reads backslashes
    return "$'" + "".join(quoted.get(c, c) if c.isprintable() else _escaped_bytes(c) for c in word) + "'"


def _escaped_bytes(character: str) -> str:
    is_byte = "\udc80" <= character <= "\udcff"  # of a name that is not UTF-8
    return "".join(
        f"\\x{byte:02x}" for byte in character.encode(errors="surrogateescape" if is_byte else "surrogatepass")
    )


def printable(text: str) -> str:
    r"""Escapes all characters that are not visible, or that change how the rest is displayed.

    These are line breaks, terminal codes, marks that change the direction of writing, and bytes that are not UTF-8:
    "a\nb", "\xff". A text that was escaped before stays as it is.
    """
    return text if text.isprintable() else "".join(c if c.isprintable() else _escape(c) for c in text)


def one_line(text: str) -> str:
    """Escapes line breaks, terminal codes and marks that turn the direction of writing, and keeps all else as it is.

    For names that people typed: unlike `printable`, it keeps the blanks and joiners of other scripts.
    """
    return FORGING.sub(lambda found: _escape(found[0]), text)


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else character.encode("unicode_escape").decode("ascii")
