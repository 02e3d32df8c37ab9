"""Names and labels made to do harm: no output forges a line, colours a terminal, or holds markup of its own."""

from __future__ import annotations

import csv
import os
import shlex
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from drawn_world import engines

from facetally.batch import prepare
from facetally.cli.main import main

NAMES = [
    b":red_heart:.mp4",
    b"a\nFix: rm forged\x1b[31m\x07.mp4",
    b"[bold red]x[link=http:].mp4",
    b"<img src=x onerror=alert(1)>.mp4",
    b"| a | \xff\xc2\x9b2J\xe2\x80\xae.mp4",
    b'it\'s $(touch forged) `id` "q".mp4',
]
BROKEN = b"\rFix: rm broken\n:skull:[red].mp4"


@pytest.fixture(scope="module")
def run(films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with videos/, and out/ with a run over them."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "videos").mkdir()
    for number, name in enumerate(NAMES):
        content = (films / ("man.mp4", "woman.mp4")[number % 2]).read_bytes()
        Path(os.fsdecode(os.fsencode(folder / "videos") + b"/" + name)).write_bytes(content + bytes(number))
    Path(os.fsdecode(os.fsencode(folder / "videos") + b"/" + BROKEN)).write_bytes(content[:300])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prepare, "load_engines", lambda *_, **__: engines())
        assert printed("run", folder / "videos", "-o", folder / "out")
    return folder


def printed(*words: object) -> str:
    """What a command prints, after a check that nothing in it is forged."""
    result = CliRunner(env={"COLUMNS": "400"}).invoke(main, [str(word) for word in words])
    assert "Usage:" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert_clean(result.output)
    return result.output


def assert_clean(text: str) -> None:
    for line in text.replace("\t", "").replace("\N{NO-BREAK SPACE}", " ").split("\n"):
        assert line.isprintable(), ascii(line)
        assert not line.lstrip(" |>#*-").startswith("Fix: rm")
    assert "\N{HEAVY BLACK HEART}" not in text
    assert "\N{SKULL}" not in text


def test_a_failed_video_cannot_forge_a_fix(run: Path) -> None:
    shown = printed("status", run / "out")
    assert "\\rFix: rm broken\\n:skull:[red].mp4" in shown
    assert sum("Fix: " in line.partition("Fix: rm")[0] for line in shown.splitlines()) <= len(shown.splitlines()) / 2


def test_every_name_stands_in_the_tally_as_it_is(run: Path) -> None:
    shown = printed("tally", run / "out", "--by", "video")
    assert ":red_heart:.mp4" in shown
    assert "[bold" in shown


def test_the_report_holds_no_markup_of_a_name(run: Path) -> None:
    printed("report", run / "out", "-o", run / "report.html")
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "<img src=x" not in page
    assert "&lt;img src=x" in page
    assert_clean(page)
    assert_clean((run / "out" / "log.txt").read_text(encoding="utf-8"))


LABELS = [
    ("a\nFix: rm a", "female"),
    (":skull:\x1b[31m<script>alert(1)</script>", "male"),
    ("[red]| x |\n# Forged", "female"),
]


@pytest.fixture(scope="module")
def truth(run: Path) -> Path:
    """A truth folder whose people have such names too."""
    (run / "truth").mkdir()
    with (run / "truth" / "people.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["video", "person", "gender", "start_s", "end_s"])
        writer.writerows([":red_heart:.mp4", name, gender, 0, 2] for name, gender in LABELS)
        writer.writerow(["missing\nFix: rm x\x1b[31m.mp4", "x", "female", 0, 1])
    return run / "truth"


def test_labels_forge_nothing_in_a_validation(run: Path, truth: Path) -> None:
    printed("truth", "check", truth, "--videos", run / "videos", "--run", run / "out")
    printed("validate", run / "out", "--truth", truth, "-o", run / "validated")
    for path in (run / "validated").rglob("*.md"):
        assert_clean(path.read_text(encoding="utf-8"))
    printed("compare", run / "out", run / "out", "--truth", truth)


def test_suggested_commands_can_be_pasted(run: Path) -> None:
    other = run / "it's $(touch forged) out"
    shown = printed("status", other)
    fix = next(line for line in shown.splitlines() if line.startswith("Fix: "))
    assert shlex.split(fix)[-1] == str(other)
    shutil.copytree(run / "out", other)
    shown = printed("report", other, "-o", run / "r.html") + printed("tally", other)
    assert all(str(other) not in line or "facetally" not in line or shlex.split(line) for line in shown.splitlines())
