"""The command line takes addresses where they are meant, and refuses them elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from s3_server import S3

from facetally.cli.main import main


def told(*words: str) -> str:
    return " ".join(CliRunner().invoke(main, words).output.replace("│", " ").split())


@pytest.mark.parametrize("command", ["tally", "report", "status"])
def test_a_command_on_an_address_without_results_names_the_address(s3: S3, command: str) -> None:
    text = told(command, s3.address("none"))
    assert s3.address("none") in text
    assert "outputs" not in text
    assert s3.names() == []


def test_a_password_in_an_address_is_refused_and_not_repeated(tmp_path: Path) -> None:
    text = told("run", "s3://me:secret@bucket/", "-o", str(tmp_path / "out"))
    assert "an address with a user or password in it is not accepted" in text
    assert "secret" not in text


@pytest.mark.parametrize("words", [("truth", "template", "a.mp4", "-o"), ("label", "out", "-o")])
def test_an_address_is_refused_where_a_folder_is_needed(words: tuple[str, ...]) -> None:
    assert "is an address; here a folder on this machine is needed" in told(*words, "s3://bucket/truth")
