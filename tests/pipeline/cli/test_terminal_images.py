"""Images in terminals: what each protocol sends, and which one a terminal is found to have."""

from __future__ import annotations

import base64
import io
import os
import pty
import re
import signal
import sys
import threading

import numpy as np
import pytest
from PIL import Image

from facetally.cli.terminal_images import ImageProtocol, escapes, protocol_of, sixel, widest_px

KITTY = b"\x1b_Gi=31;OK\x1b\\"
WITH_SIXEL, WITHOUT = b"\x1b[?62;4;22c", b"\x1b[?64;1;22c"


def png(height: int = 20, width: int = 30) -> bytes:
    """Four colours in the quarters of an image."""
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 2, : width // 2] = 255, 0, 0
    image[height // 2 :, : width // 2] = 0, 255, 0
    image[: height // 2, width // 2 :] = 0, 0, 255
    content = io.BytesIO()
    Image.fromarray(image).save(content, "PNG")
    return content.getvalue()


def sixels_decoded(text: str) -> np.ndarray:
    """(H, W, 3) RGB in percent of an image in sixels, read as a terminal does."""
    attributes, data = re.fullmatch(r'\x1bP[\d;]*q"1;1;(\d+;\d+)(.*)\x1b\\', text, re.DOTALL).groups()  # type: ignore[union-attr]
    width, height = map(int, attributes.split(";"))
    image, palette = np.full((height, width, 3), -1), {}
    x = y = colour = 0
    for define, red, green, blue, select, repeat, sign, move in re.findall(
        r"#(\d+);2;(\d+);(\d+);(\d+)|#(\d+)|(?:!(\d+))?([?-~])|([$-])", data
    ):
        if define:
            palette[int(define)] = int(red), int(green), int(blue)
        elif select:
            colour = int(select)
        elif move:
            x, y = 0, y + 6 * (move == "-")
        else:
            rows = [y + bit for bit in range(6) if (ord(sign) - 63) >> bit & 1]
            image[rows, x : x + int(repeat or 1)] = palette[colour]
            x += int(repeat or 1)
    return image


@pytest.mark.parametrize("size", [(20, 30), (6, 4), (7, 1), (1, 300)])
def test_sixels_are_the_image(size: tuple[int, int]) -> None:
    expected = np.asarray(Image.open(io.BytesIO(png(*size)))).astype(int)
    assert np.abs(sixels_decoded(sixel(png(*size))) - expected * 100 / 255).max() <= 1


def test_sixels_repeat_what_is_repeated() -> None:
    assert len(sixel(png(60, 600))) < 60 * 600 / 50


def test_kitty_gets_the_file_in_chunks_of_4096_characters() -> None:
    noise = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 60, 3), np.uint8)).save(noise, "PNG")
    parts = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", escapes(noise.getvalue(), "kitty"))
    assert base64.b64decode("".join(data for _, data in parts)) == noise.getvalue()
    assert [keys for keys, _ in parts] == ["a=T,f=100,q=2,m=1", *["m=1"] * (len(parts) - 2), "m=0"]
    assert {len(data) for _, data in parts[:-1]} == {4096}


def test_iterm2_gets_the_file_and_its_width() -> None:
    text = escapes(png(20, 30), "iterm2")
    assert text.startswith(f"\x1b]1337;File=inline=1;size={len(png())};width=30px;") and text.endswith("\a\n")
    assert base64.b64decode(text[:-2].rpartition(":")[2]) == png()


@pytest.mark.parametrize(
    ("answer", "environment", "protocol"),
    [
        (KITTY + b"\x1bP>|kitty(0.35)\x1b\\" + WITHOUT, {}, "kitty"),
        (b"\x1bP>|iTerm2 3.5.0\x1b\\" + WITH_SIXEL, {}, "iterm2"),
        (b"\x1b[4;600;800t" + WITH_SIXEL, {}, "sixel"),
        (WITHOUT, {}, None),
        (b"\x1b[?64;14;42c", {}, None),  # not attribute 4
        (WITHOUT, {"KITTY_WINDOW_ID": "1"}, None),  # the answer counts
        (b"", {"TERM": "xterm-kitty"}, "kitty"),
        (b"", {"TERM_PROGRAM": "iTerm.app"}, "iterm2"),
        (b"", {"TERM": "xterm-256color"}, None),
        (b"", {"TERM": "tmux-256color", "TMUX": "x", "KITTY_WINDOW_ID": "1"}, None),
    ],
)
def test_the_protocol_is_what_the_terminal_answers_else_what_its_variables_say(
    answer: bytes, environment: dict[str, str], protocol: ImageProtocol | None
) -> None:
    assert protocol_of(answer, environment) == protocol


@pytest.mark.parametrize(
    ("answer", "protocol", "width_px"),
    [
        (b"\x1b[?2;0;1000;900S\x1b[4;600;1440t", "sixel", 1000),
        (b"\x1b[?2;0;4000;900S\x1b[4;600;1440t", "sixel", 1440),
        (b"\x1b[4;600;1440t", "sixel", 1000),
        (b"\x1b[4;600;1440t", "kitty", 1440),
        (b"", "sixel", 1000),
        (b"", "kitty", 0),
    ],
)
def test_images_are_no_wider_than_the_terminal_shows(answer: bytes, protocol: ImageProtocol, width_px: int) -> None:
    assert widest_px(answer, protocol) == width_px


ASK = "from facetally.cli.terminal_images import *; print(terminal_images(), 'end'); print('read', input(), 'end')"


def in_terminal(answer: bytes, end: bytes) -> str:
    """What `ASK` prints until `end` in a terminal that gives this answer to the question."""
    child, parent = pty.fork()
    if not child:
        os.execve(sys.executable, [sys.executable, "-c", ASK], os.environ | {"TERM": "xterm"})
    shown, limit = b"", threading.Timer(90, os.kill, (child, signal.SIGKILL))
    limit.start()
    try:
        while end not in shown:
            shown += os.read(parent, 1000)
            if shown.endswith(b"\x1b[c"):  # the end of the question
                os.write(parent, answer)
    finally:
        limit.cancel()
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(parent)
    return shown.decode()


def test_a_terminal_is_asked_and_what_is_typed_after_its_answer_is_left() -> None:
    shown = in_terminal(b"\x1b[4;600;800t" + WITH_SIXEL + b"typed\n", b"typed end")
    assert "TerminalImages(protocol='sixel', width_px=800) end" in shown


def test_a_terminal_that_does_not_answer_shows_no_images() -> None:
    assert "TerminalImages(protocol=None, width_px=0) end" in in_terminal(b"", b" end")
