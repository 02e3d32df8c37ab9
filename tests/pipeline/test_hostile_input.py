"""Parsers of what others write: whatever the bytes, an answer or an error that says its fix, and nothing else."""

from __future__ import annotations

import csv
import io
import tomllib
from pathlib import Path

import pytest

pytest.importorskip("hypothesis")
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.config import as_toml, read_config, with_stages
from pipeline.errors import OptionError, PipelineError, TruthError
from pipeline.inputs import InputVideo, printable
from pipeline.names import matched_names
from pipeline.options import RunOptions
from pipeline.truth import read_truth

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
CELLS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["female", "male", "nobody", "", "0", "1.5", "-1", "nan", "inf", "1e999", "=HYPERLINK(1)", "a.mp4"]
    ),
    st.floats().map(str),
    st.integers().map(str),
)
COLUMNS = ["video", "person", "gender", "age_band", "start_s", "end_s", "time_s", "x1", "y1", "x2", "y2", "frame"]


def table(columns: list[str], rows: list[list[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([columns, *rows])
    return text.getvalue().encode(errors="surrogatepass")


TABLES = st.one_of(
    st.binary(max_size=400),
    st.builds(
        table,
        st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=8),
        st.lists(st.lists(CELLS, max_size=9), max_size=6),
    ),
    st.builds(
        lambda people: table(["video", "person", "gender", "start_s", "end_s"], people),
        st.lists(st.lists(CELLS, min_size=5, max_size=5), max_size=6),
    ),
)


@QUICK
@given(people=TABLES, boxes=st.one_of(st.none(), TABLES))
def test_no_truth_folder_is_anything_but_labels_or_an_error(tmp_path: Path, people: bytes, boxes: bytes | None) -> None:
    (tmp_path / "people.csv").write_bytes(people)
    (tmp_path / "boxes.csv").unlink(missing_ok=True)
    if boxes is not None:
        (tmp_path / "boxes.csv").write_bytes(boxes)
    try:
        truth = read_truth(tmp_path)
    except TruthError as error:
        assert error.what
        assert error.fix
    else:
        assert all(person.video for people in truth.people.values() for person in people)


@QUICK
@given(st.one_of(st.binary(max_size=300), st.text(max_size=200).map(lambda text: text.encode(errors="replace"))))
def test_no_file_of_settings_is_anything_but_settings_or_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "run.toml").write_bytes(content)
    try:
        config = read_config(tmp_path / "run.toml", ("workers", "detector"))
        with_stages(RunOptions(), config.stages)
    except OptionError as error:
        assert error.fix


@QUICK
@given(st.dictionaries(st.sampled_from(["detector", "classifier"]), st.text(max_size=30)))
def test_whatever_a_flag_says_is_printed_as_toml(flags: dict[str, str]) -> None:
    read = tomllib.loads(as_toml(flags, RunOptions()))
    assert {name: read[name] for name in flags} == flags


NAMES = st.text(st.characters(exclude_characters="\0"), min_size=1, max_size=40)


@QUICK
@given(NAMES)
def test_every_name_can_be_printed_stored_and_made_an_id(name: str) -> None:
    shown = printable(name)
    assert shown.isprintable()
    shown.encode()
    video_id = InputVideo(Path("x"), shown).video_id
    assert video_id.isascii()
    assert "/" not in video_id
    assert not video_id.startswith((".", "-"))
    assert len(video_id) < 100


@QUICK
@given(st.lists(NAMES, max_size=5), st.lists(NAMES, max_size=5))
def test_names_are_matched_one_to_one_or_refused(truth: list[str], run: list[str]) -> None:
    try:
        matched = matched_names(truth, run)
    except PipelineError as error:
        assert error.fix
    else:
        assert set(matched) <= set(truth)
        assert len(set(matched.values())) == len(matched)
        assert set(matched.values()) <= set(run)
