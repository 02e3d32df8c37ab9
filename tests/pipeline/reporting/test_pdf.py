"""The report as a PDF file: complete or not there, and an error that says what to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from report_pages import labelled_run

from facetally.cli.main import main
from facetally.errors import OptionError, OutputError
from facetally.reporting import pdf
from facetally.reporting.pdf import BROWSER_VARIABLE, find_browser, print_page


@pytest.fixture
def chromium() -> Path:
    try:
        return find_browser()
    except OptionError:
        pytest.skip("needs a browser: install chromium, or give its path in FACETALLY_BROWSER")


def fake_browser(folder: Path, script: str) -> Path:
    path = folder / "browser"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def page_count(printed: Path) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", printed.read_bytes()))


def test_a_page_is_printed_with_all_folds_open(tmp_path: Path, chromium: Path, of_many: Path, every_part: Path) -> None:
    printed = [print_page(chromium, page, tmp_path / f"{page.stem}.pdf") for page in (every_part, of_many)]
    few, many = (page_count(path) for path in printed)
    assert few >= 3
    assert many >= 10  # 500 rows, of which 40 or 50 fit on a page
    assert sorted(path.name for path in tmp_path.iterdir()) == ["many.pdf", "page.pdf"]


@pytest.mark.usefixtures("chromium")
def test_the_command_prints_the_page_and_both_paths(tmp_path: Path) -> None:
    out, _ = labelled_run(tmp_path)
    result = CliRunner().invoke(main, ["report", str(out), "--pdf", str(tmp_path / "new" / "report.pdf")])
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [str(out / "report.html"), str(tmp_path / "new" / "report.pdf")]
    assert (tmp_path / "new" / "report.pdf").read_bytes().startswith(b"%PDF-")


def test_without_a_browser_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(BROWSER_VARIABLE, raising=False)
    monkeypatch.setattr(pdf, "NAMES", ("no-such-browser",))
    monkeypatch.setattr(pdf, "PLACES", ())
    out, _ = labelled_run(tmp_path)
    result = CliRunner().invoke(main, ["report", str(out), "--pdf", str(tmp_path / "report.pdf")])
    assert result.exit_code == 1
    assert "none was found" in result.stderr
    assert "apt install chromium" in result.stderr
    assert not (out / "report.html").exists()


def test_a_browser_that_is_named_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(BROWSER_VARIABLE, "/no/such/browser")
    with pytest.raises(OptionError, match="/no/such/browser, which is no program"):
        find_browser()


@pytest.mark.parametrize("script", ["echo it is broken >&2; exit 1", "echo it is broken >&2; exit 0"])
def test_a_browser_that_fails_leaves_an_older_file(tmp_path: Path, every_part: Path, script: str) -> None:
    (tmp_path / "report.pdf").write_text("older")
    with pytest.raises(OutputError, match="printed no PDF file: it is broken"):
        print_page(fake_browser(tmp_path, script), every_part, tmp_path / "report.pdf")
    assert (tmp_path / "report.pdf").read_text() == "older"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["browser", "report.pdf"]


def test_a_browser_that_does_not_end_is_stopped(
    tmp_path: Path, every_part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pdf, "PATIENCE_S", 0.2)
    with pytest.raises(OutputError, match="did not end within"):
        print_page(fake_browser(tmp_path, "exec sleep 30"), every_part, tmp_path / "report.pdf")


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path, every_part: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write") as caught:
        print_page(tmp_path / "browser", every_part, tmp_path / "file" / "report.pdf")
    assert "--pdf" in caught.value.fix
