"""What `facetally live` looks at: a camera, a file, or the address of a stream, whose password is never shown."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, unquote

from facetally.errors import OptionError
from facetally.inputs import InputVideo, shown_path

SCHEMES = ("rtsp", "rtsps", "http", "https")
MASK = "***"
MIN_SECRET = 4
"""A shorter password is not searched in texts by itself, as it would fit parts of words; only in an address."""
ADDRESS = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+):(/{0,2})(.*)", re.DOTALL)
EXAMPLE = "rtsp://user:password@camera.local/stream1"


@dataclass(frozen=True)
class Source:
    """One camera, file or stream."""

    kind: Literal["camera", "file", "stream"]
    address: str = field(repr=False)
    """What is opened: the number of the camera, the path, or the address with its password."""
    shown: str
    """The same as it may be printed and stored."""

    @property
    def path(self) -> str:
        """What the column `path` says."""
        return shown_path(Path(self.address)) if self.kind == "file" else self.shown

    @property
    def video(self) -> InputVideo:
        """Its name, and an id for its tables."""
        if self.kind == "file":
            return InputVideo(Path(self.address), Path(self.address).name)
        name = self.shown.partition("://")[2].removeprefix(f"{MASK}@") or self.shown
        return InputVideo(Path(), name)

    def redacted(self, text: str) -> str:
        """A text without the address's password and whatever else in it may be secret."""
        if self.kind != "stream":
            return text
        for secret in _secrets(self.address):
            text = text.replace(secret, self.shown if secret == self.address else MASK)
        return text


def parse_source(text: str) -> Source:
    """The source that a text names.

    Raises:
        OptionError: it names none; its message does not contain a password.
    """
    text = text.strip()
    if text.isascii() and text.isdigit():
        return Source("camera", text, f"camera {int(text)}")
    if number := re.fullmatch(r"/dev/video(\d+)", text):
        return Source("camera", number[1], f"camera {int(number[1])}")
    address = ADDRESS.fullmatch(text)
    if address and (address[2] or address[1].lower() in SCHEMES) and not Path(text).exists():
        return _stream(address[1].lower(), address[2], address[3])
    if not text or not Path(text).exists():
        shown = _masked(text) if "@" in text else text
        raise OptionError(
            f"there is no camera, file or address called {shown!r}",
            fix=f"give the number of a camera (0), a file, or an address such as {EXAMPLE}",
        )
    if not Path(text).is_file():
        raise OptionError(
            f"{text} is not a regular file", fix="give a video file; a folder of videos is for facetally run"
        )
    return Source("file", text, text)


def _stream(scheme: str, slashes: str, rest: str) -> Source:
    shown = f"{scheme}://{_masked(rest)}"
    if scheme not in SCHEMES:
        raise OptionError(
            f"{shown}: addresses of {scheme} are not opened",
            fix=f"give an address that begins with one of {', '.join(f'{name}://' for name in SCHEMES)}",
        )
    if slashes != "//" or not _masked(rest).removeprefix(f"{MASK}@").strip("/") or not rest.isprintable():
        raise OptionError(f"{shown} is not a complete address", fix=f"write it like {EXAMPLE}")
    return Source("stream", f"{scheme}://{rest}", shown)


def _masked(rest: str) -> str:
    """An address after its `//`, without user, password and query; what may be either is masked."""
    _, at, host = rest.rpartition("@")  # a password may contain @, / and ?
    place, mark, _ = host.partition("?")
    return (f"{MASK}@" if at else "") + place.partition("#")[0] + (f"?{MASK}" if mark else "")


def _secrets(address: str) -> list[str]:
    """The parts of an address that are not shown, the longest first, as they are and decoded."""
    rest = address.partition("://")[2]
    login, _, host = rest.rpartition("@")
    query = host.partition("?")[2]
    values = [value for _, value in parse_qsl(query, keep_blank_values=False)]
    values += [part.partition("=")[2] for part in query.split("&")]
    password = login.partition(":")[2]
    short = {text for part in (password, *values) for text in (part, unquote(part)) if len(text) >= MIN_SECRET}
    whole = {text for part in (login, query) for text in (part, unquote(part)) if part}
    return (
        sorted({address, unquote(address), rest, unquote(rest)} | short | whole, key=len, reverse=True)
        if (login or query)
        else []
    )
