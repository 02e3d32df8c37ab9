"""Shows images in terminals that can: the kitty graphics protocol, inline images of iTerm2, and sixel.

Written here because the libraries for it do not fit: they draw an image at once, and a contact sheet is higher than a
screen; they also lose typed keys, or wait too briefly for a terminal behind SSH.

Sources: https://sw.kovidgoyal.net/kitty/graphics-protocol, https://iterm2.com/documentation-images.html, and DEC's
VT330/VT340 manual, chapter 14.
"""

from __future__ import annotations

import base64
import io
import os
import re
import select
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from typing import Literal, get_args

import numpy as np
from PIL import Image

ImageProtocol = Literal["kitty", "iterm2", "sixel"]
NONE = "none"

TIMEOUT_S = 0.6
"""A terminal that has not answered by then never will, even behind a slow connection."""
ESC = "\x1b"
QUESTION = (
    f"{ESC}_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA{ESC}\\"  # kitty: could you show this pixel?
    f"{ESC}[>q"  # name and version
    f"{ESC}[14t"  # size in pixels
    f"{ESC}[?2;1;0S"  # largest image in sixels
    f"{ESC}[c"  # attributes: asked last, since every terminal answers this
)
LAST_ANSWER = re.compile(rb"\x1b\[\?([\d;]*)c")
KITTY_ANSWER = re.compile(rb"\x1b_Gi=31;OK")
SIZE_ANSWER = re.compile(rb"\x1b\[4;(\d+);(\d+)t")
LARGEST_ANSWER = re.compile(rb"\x1b\[\?2;0;(\d+);(\d+)S")
ITERM2_NAMES = (b"iTerm2", b"WezTerm")
SIXEL_ATTRIBUTE = b"4"
NOT_ASKED = ("dumb", "linux", "")
"""Values of TERM: terminals that print a question instead of answering it, and no terminal."""
SIXEL_PX = 1000
"""Widest image in sixels, where the terminal does not state it: xterm shows nothing of a wider one."""
CELL_PX = 9
"""Width of a character where the terminal does not state it."""
CHUNK_BYTES = 4096
SIXEL_ROWS, SIXEL_COLOURS, SIXEL_ZERO = 6, 256, 63


@dataclass(frozen=True)
class TerminalImages:
    """What a terminal can show."""

    protocol: ImageProtocol | None
    width_px: int = 0
    """Of the widest image that fits; 0: unknown."""


def terminal_images(wanted: str = "auto") -> TerminalImages:
    """The protocol to use on stdout, and the width that an image may have.

    Args:
        wanted: auto: as the terminal answers, and nothing if stdout is no terminal; otherwise this protocol, or none.
    """
    answer, protocol = b"", None
    if wanted != NONE and sys.stdout.isatty():
        answer = _asked(QUESTION, TIMEOUT_S) if _may_be_asked(os.environ) else b""
        protocol = protocol_of(answer, os.environ)
    protocol = next((name for name in get_args(ImageProtocol) if name == wanted), protocol)
    return TerminalImages(protocol, widest_px(answer, protocol) if protocol else 0)


def widest_px(answer: bytes, protocol: ImageProtocol) -> int:
    """Width of the widest image that a terminal shows; 0: unknown."""
    width_px = _width_px(answer)
    if protocol != "sixel":
        return width_px
    largest = LARGEST_ANSWER.search(answer)
    return min(filter(None, (width_px, int(largest[1]) if largest else SIXEL_PX)))


def protocol_of(answer: bytes, environment: Mapping[str, str]) -> ImageProtocol | None:
    """The protocol that a terminal states, or, if it did not answer, that it has by the environment.

    Args:
        answer: to `QUESTION`; it ends with the attributes of the terminal.
        environment: the variables that it set.
    """
    attributes = LAST_ANSWER.search(answer)
    if KITTY_ANSWER.search(answer):
        return "kitty"
    if any(name in answer for name in ITERM2_NAMES):
        return "iterm2"
    if attributes:
        return "sixel" if SIXEL_ATTRIBUTE in attributes[1].split(b";") else None
    if "TMUX" in environment or "STY" in environment:  # the variables are those of the terminal around it
        return None
    if "KITTY_WINDOW_ID" in environment or environment.get("TERM") in ("xterm-kitty", "xterm-ghostty"):
        return "kitty"
    if environment.get("TERM_PROGRAM") in ("iTerm.app", "WezTerm") or environment.get("LC_TERMINAL") == "iTerm2":
        return "iterm2"
    return None


def escapes(png: bytes, protocol: ImageProtocol) -> str:
    """The characters that make a terminal show a PNG file, and go to the next line."""
    return {"kitty": _kitty, "iterm2": _iterm2, "sixel": sixel}[protocol](png) + "\n"


def _may_be_asked(environment: Mapping[str, str]) -> bool:
    return environment.get("TERM", "") not in NOT_ASKED and environment.get("TERM_PROGRAM") != "Apple_Terminal"


def _asked(question: str, timeout_s: float) -> bytes:
    """What the terminal answers up to `LAST_ANSWER`; what came until the timeout if that does not come.

    Nothing else is read if the answer comes, so that keys typed meanwhile are rarely lost.
    """
    try:
        import termios
        import tty

        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    except (ImportError, OSError):  # on Windows, or without a terminal
        return b""
    answer = b""
    try:
        before = termios.tcgetattr(terminal)
        try:
            tty.setcbreak(terminal, termios.TCSANOW)
            os.write(terminal, question.encode())
            end = time.monotonic() + timeout_s
            while not LAST_ANSWER.search(answer) and (left_s := end - time.monotonic()) > 0:
                if select.select([terminal], [], [], left_s)[0]:
                    answer += os.read(terminal, 1)
        finally:
            termios.tcsetattr(terminal, termios.TCSANOW, before)
    except (OSError, termios.error):
        pass
    finally:
        os.close(terminal)
    return answer


def _width_px(answer: bytes) -> int:
    """The terminal's width: as answered, as the system knows it, or by its characters; 0: stdout is no terminal."""
    if size := SIZE_ANSWER.search(answer):
        return int(size[2])
    with suppress(ImportError, OSError, ValueError):
        import fcntl
        import struct
        import termios

        sizes = fcntl.ioctl(sys.stdout.fileno(), termios.TIOCGWINSZ, bytes(8))
        _, columns, width_px, _ = struct.unpack("HHHH", sizes)
        return int(width_px or CELL_PX * columns)
    return 0


def _kitty(png: bytes) -> str:
    data = base64.b64encode(png).decode()
    chunks = [data[start : start + CHUNK_BYTES] for start in range(0, len(data), CHUNK_BYTES)]
    first = "a=T,f=100,q=2,"  # transmit and display a PNG, answer nothing
    return "".join(
        f"{ESC}_G{'' if number else first}m={int(number + 1 < len(chunks))};{chunk}{ESC}\\"
        for number, chunk in enumerate(chunks)
    )


def _iterm2(png: bytes) -> str:
    width_px = Image.open(io.BytesIO(png)).width
    data = base64.b64encode(png).decode()
    return f"{ESC}]1337;File=inline=1;size={len(png)};width={width_px}px;preserveAspectRatio=1:{data}\a"


def sixel(png: bytes) -> str:
    """A PNG file as sixels: lines of six rows of pixels, in each of them the pixels of one colour after another."""
    image = Image.open(io.BytesIO(png)).convert("RGB").quantize(SIXEL_COLOURS, Image.Quantize.MEDIANCUT)
    numbers = np.asarray(image)  # (H, W) of the colours
    palette = np.array(image.getpalette(), np.int64).reshape(-1, 3)
    height, width = numbers.shape
    colours = [f"#{n};2;{r};{g};{b}" for n, (r, g, b) in enumerate((palette * 100 + 127) // 255)]
    lines = [_sixel_line(numbers[top : top + SIXEL_ROWS]) for top in range(0, height, SIXEL_ROWS)]
    return f'{ESC}P0;1q"1;1;{width};{height}{"".join(colours)}{"-".join(lines)}{ESC}\\'


def _sixel_line(rows: np.ndarray) -> str:
    """Up to six rows: bit i of a character is the pixel of row i; "!n" repeats it, "$" goes back to the left."""
    bits = 1 << np.arange(len(rows))[:, None]
    drawn = []
    for colour in np.unique(rows):
        values = ((rows == colour) * bits).sum(axis=0) + SIXEL_ZERO
        runs = ((chr(value), len(list(same))) for value, same in groupby(values.tolist()))
        drawn.append(f"#{colour}" + "".join(f"!{count}{sign}" if count > 3 else sign * count for sign, count in runs))
    return "$".join(drawn)
