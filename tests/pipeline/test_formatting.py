"""Commands that can be pasted into a shell, and text that cannot change how a terminal shows it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from facetally.formatting import command, listed, named, one_line, percent, place, printable

NAMES = [
    "plain.mp4",
    "two words.mp4",
    "",
    'it\'s $HOME `id` "x".mp4',
    "!history *?[a].mp4",
    "~/a;b&c|d>e<f#g",
    "back\\slash",
    "a\nFix: rm -rf ~\n'",
    "\x1b[31mred\x1b[0m\\'\t\r",
    b"\xff\xfe 1'.mp4".decode(errors="surrogateescape"),
    "turned \u202e4pm.exe",
    "Zoë 日本 ❤️.mp4",
    "no\u00a0break",
]


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_printed_command_passes_exactly_these_words_in_a_shell(name: str) -> None:
    show = "import os, sys; sys.stdout.buffer.write(b'\\0'.join(map(os.fsencode, sys.argv[1:])))"
    printed = command(sys.executable, "-c", show, name, "end")
    assert printed.isprintable()
    done = subprocess.run(["bash", "-c", printed], capture_output=True, check=True)
    assert done.stdout == os.fsencode(name) + b"\0end"


def test_plain_words_of_a_command_stay_as_they_are() -> None:
    assert command("facetally", "run", Path("videos/a.mp4"), "-o", "out") == "facetally run videos/a.mp4 -o out"


def test_the_local_copy_of_an_address_is_named_by_the_address() -> None:
    copy = Path("/cache/outputs/s3_results_run1-ade15d3f")
    with named(copy, "s3://results/run1"):
        assert place(copy / "validation" / "report.md") == "s3://results/run1/validation/report.md"
        assert command("facetally", "report", copy) == "facetally report s3://results/run1"
        assert place(f"{copy}-2") == f"{copy}-2"
    assert place(copy) == str(copy)


def test_a_path_is_never_taken_for_an_option_or_an_address() -> None:
    assert command("ffmpeg", "-i", Path("-y.mp4")) == "ffmpeg -i ./-y.mp4"
    assert command("ffmpeg", "-i", Path("http:a.mp4")) == "ffmpeg -i ./http:a.mp4"
    assert command("ffmpeg", "-i", Path("/at/20:15.mp4")) == "ffmpeg -i /at/20:15.mp4"


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_escaped_text_is_printable_and_escaping_it_again_changes_nothing(name: str) -> None:
    shown = printable(name)
    assert shown.isprintable()
    assert printable(shown) == shown
    assert (shown == name) == name.isprintable()


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_one_line_has_nothing_that_forges_lines_or_colours(name: str) -> None:
    shown = one_line(name)
    assert len(shown.splitlines()) <= 1
    assert not set(shown) & set("\x1b\r\x9b\u202e")
    shown.encode()


def test_one_line_keeps_blanks_and_joiners_of_other_scripts() -> None:
    for name in ("Ann\u00a0Lee", "山田\u3000太郎", "می\u200cخواهم", "❤️.mp4"):
        assert one_line(name) == name


def test_a_share_that_is_not_known_is_a_dash() -> None:
    assert [percent(0.4567), percent(float("nan")), percent(None)] == ["45.7 %", "–", "–"]


@pytest.mark.parametrize(
    ("names", "text"), [([], ""), (["a"], "a"), (["a", "b"], "a, b"), ([1, 2, 3, 4], "1, 2 and 2 more")]
)
def test_the_first_names_are_listed_and_the_others_counted(names: list[object], text: str) -> None:
    assert listed(iter(names), 2) == text
