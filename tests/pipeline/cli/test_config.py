"""Settings files: what they may set, and what is refused."""

from __future__ import annotations

from dataclasses import fields, make_dataclass
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from facetally.cli.config import (
    COMMENT_CHARACTERS,
    as_toml,
    as_typed,
    field_docstrings,
    read_config,
    stage_options,
    with_stages,
)
from facetally.cli.main import main
from facetally.errors import OptionError
from facetally.options import RunOptions

FLAGS = ("every", "workers", "detector")


def written(folder: Path, text: str) -> Path:
    path = folder / "run.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_flags_and_stages_are_separated(tmp_path: Path) -> None:
    config = read_config(
        written(tmp_path, 'workers = 2\ndetector = "x"\n[classification]\nmin_confidence = 0.9\n'), FLAGS
    )
    assert config.flags == {"workers": 2, "detector": "x"}
    assert config.stages == {"classification": {"min_confidence": 0.9}}


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    config = read_config(written(tmp_path, "\ufeff# nothing\n"), FLAGS)
    assert with_stages(RunOptions(), config.stages) == RunOptions()


def test_stages_are_replaced_option_by_option() -> None:
    changed = with_stages(RunOptions(), {"classification": {"min_confidence": 1}, "sampling": {"every_s": 0.5}})
    assert (changed.classification.min_confidence, changed.sampling.every_s) == (1.0, 0.5)
    assert changed.classification.batch_crops == RunOptions().classification.batch_crops
    assert changed.digest({}) != RunOptions().digest({})


def test_whole_numbers_for_ratios_mean_the_same_options() -> None:
    whole, decimal = (with_stages(RunOptions(), {"classification": {"min_confidence": value}}) for value in (1, 1.0))
    assert whole.digest({}) == decimal.digest({})


@pytest.mark.parametrize(
    ("text", "what", "fix"),
    [
        ("worker = 2", "no option 'worker' is known", "did you mean workers?"),
        ("[peopel]\n", "no table 'peopel' is known", "did you mean people?"),
        (
            "[classification]\nmin_confidense = 0.8",
            r"no option 'min_confidense' in \[classification\] is known",
            "min_confidence",
        ),
        ("people = 3", "no option 'people' is known", "choose from: detector, every, workers"),
        ("[workers]\nx = 1", "no table 'workers' is known", "choose from: classification, detection"),
        ("workers == 2", "is not TOML", "--show-options"),
        ("workers = 2\nworkers = 3", "is not TOML", "--show-options"),
    ],
)
def test_an_unknown_name_is_an_error_with_a_suggestion(tmp_path: Path, text: str, what: str, fix: str) -> None:
    with pytest.raises(OptionError, match=what) as caught:
        read_config(written(tmp_path, text), FLAGS)
    assert fix in caught.value.fix


def test_a_file_that_is_missing_or_not_text_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="cannot be read"):
        read_config(tmp_path / "no.toml", FLAGS)
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(OptionError, match="is not TOML"):
        read_config(tmp_path / "bytes.toml", FLAGS)


@pytest.mark.parametrize(
    ("stage", "name", "value", "words"),
    [
        ("classification", "min_confidence", "high", "must be a number"),
        ("classification", "batch_crops", 6.5, "must be an integer"),
        ("classification", "batch_crops", True, "must be an integer"),
        ("sampling", "keyframes", 1, "must be true or false"),
        ("detection", "min_score", 1.5, r"min_score must be in \[0, 1\]"),
        ("sampling", "every_s", -1.0, "--every -1"),
    ],
)
def test_a_value_of_the_wrong_type_or_range_is_an_error(stage: str, name: str, value: object, words: str) -> None:
    with pytest.raises(OptionError, match=words):
        with_stages(RunOptions(), {stage: {name: value}})


def test_the_fix_of_a_wrong_value_is_toml() -> None:
    with pytest.raises(OptionError) as caught:
        with_stages(RunOptions(), {"people": {"count": 1}})
    assert caught.value.fix == "write count = false, for example"


@pytest.mark.parametrize(
    ("value", "several", "typed"),
    [
        (True, False, "true"),
        (3, False, "3"),
        (0.5, False, "0.5"),
        ("a b", False, "a b"),
        (["*.avi", 3], True, ["*.avi", "3"]),
        ("*.avi", True, "*.avi"),
    ],
)
def test_a_flag_is_read_as_if_it_were_typed(value: object, several: bool, typed: object) -> None:
    assert as_typed("flag", value, several=several) == typed


@pytest.mark.parametrize(
    "text",
    ["people = 3", "people = []", "people = 'a'", "keyframes = 3", "every = []", "every = true", "workers = [2]"],
)
def test_a_flag_of_the_wrong_type_is_an_error_without_a_traceback(tmp_path: Path, text: str) -> None:
    (tmp_path / "film.mp4").write_bytes(b"")
    words = ["run", str(tmp_path), "-o", str(tmp_path / "out"), "--config", str(written(tmp_path, text))]
    result = CliRunner().invoke(main, words)
    assert result.exit_code in (1, 2)
    assert isinstance(result.exception, SystemExit)
    assert text.split()[0] in result.stderr


def test_printed_settings_are_read_back_unchanged(tmp_path: Path) -> None:
    options = with_stages(RunOptions(), {"classification": {"min_confidence": 0.8}, "sampling": {"keyframes": True}})
    config = read_config(written(tmp_path, as_toml({"workers": 3, "detector": 'a"b'}, options)), FLAGS)
    assert config.flags == {"workers": 3, "detector": 'a"b'}
    assert config.stages == stage_options(options)
    assert with_stages(RunOptions(), config.stages) == options


STAGES = ["sampling", "detection", "sparse", "shots", "tracking", "linking", "following", "classification", "people"]


@pytest.mark.parametrize("stage", STAGES)
def test_every_option_has_a_comment(stage: str) -> None:
    kind = type(getattr(RunOptions(), stage))
    described = field_docstrings(kind)
    assert {field.name for field in fields(kind)} == described.keys()


def test_comments_are_what_the_docstrings_say(tmp_path: Path) -> None:
    text = as_toml({"workers": 3}, RunOptions())
    assert "\n# When a face continues a track, and when a track ends.\n[tracking]\n# Faces of at least" in text
    assert "# Seconds between two sampled frames; 0 samples every frame.\nevery_s = 0.2\n" in text
    assert max(map(len, text.splitlines())) <= COMMENT_CHARACTERS + len("# ")
    assert read_config(written(tmp_path, text), FLAGS).flags == {"workers": 3}


def test_flags_have_the_help_of_the_command() -> None:
    @click.command()
    @click.option("--workers", default=3, help="Videos at the same time.")
    def command(workers: int) -> None:
        click.echo(as_toml({"workers": workers}, RunOptions()))

    assert CliRunner().invoke(command).output.startswith("# Videos at the same time.\nworkers = 3\n")


def test_without_its_source_a_class_has_no_comments() -> None:
    made = make_dataclass("Made", [("size_px", int, 3)])
    assert field_docstrings(made) == {}
