"""Parsers of files by others: any bytes give a result or an error with a fix, and never another exception.

For minutes rather than seconds: FACETALLY_EXAMPLES=5000 pytest tests/pipeline/test_hostile_input.py
"""

from __future__ import annotations

import csv
import io
import json
import re
import tomllib
from itertools import cycle
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import pytest

pytest.importorskip("hypothesis")
from hypothesis import given
from hypothesis import strategies as st

from facetally.cli.config import as_toml, read_config, with_stages
from facetally.errors import OptionError, PipelineError, TruthError
from facetally.inputs import InputVideo, printable
from facetally.options import RunOptions
from facetally.truth.files import read_truth
from facetally.truth.formats.importer import import_truth
from facetally.truth.video_names import matched_names

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


@given(people=TABLES, boxes=st.one_of(st.none(), TABLES))
def test_any_truth_folder_gives_labels_or_an_error(tmp_path: Path, people: bytes, boxes: bytes | None) -> None:
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


def cvat(texts: list[str]) -> bytes:
    """Tracks of two boxes each, with these texts as numbers."""
    values = cycle(quoteattr(re.sub(r"[\x00-\x1f\ud800-\udfff\ufffe\uffff]", "", text)) for text in texts)
    names = ("frame", "xtl", "ytl", "xbr", "ybr", "outside", "keyframe", "rotation")
    size = "".join(f"<{side}>{escape(next(values)[1:-1])}</{side}>" for side in ("width", "height"))
    boxes = ["<box " + " ".join(f"{name}={next(values)}" for name in names) + "/>" for _ in range(4)]
    tracks = "".join(f'<track id={next(values)} label="female">{"".join(boxes[i : i + 2])}</track>' for i in (0, 2))
    return f"<annotations><meta><original_size>{size}</original_size></meta>{tracks}</annotations>".encode()


def label_studio(values: list[Json], box: dict[str, Json]) -> bytes:
    """A region of two keyframes, with these values in various places."""
    value = cycle(values)
    sequence = [{"frame": 1, "x": 1, "y": 1, "width": 9, "height": 9} | box, box | {"time": next(value)}]
    shape = {"framesCount": next(value), "duration": next(value), "sequence": sequence, "labels": ["female"]}
    result = [{"id": next(value), "type": "videorectangle", "value": shape}]
    return json.dumps({"data": {"video": next(value)}, "annotations": [{"result": result}]}).encode()


Json = Any
ATOMS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just(10**400))
JSON = st.recursive(ATOMS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner))
NUMBERS = st.one_of(CELLS, st.integers(0, 99).map(str), st.just("9" * 5000))
EXPORTS = {
    "cvat": st.one_of(
        st.binary(max_size=200),
        st.builds(cvat, st.lists(NUMBERS, min_size=1, max_size=12)),
        st.just(b"<a>" * 2_000),
    ),
    "mot": st.one_of(
        st.binary(max_size=200),
        st.lists(st.lists(NUMBERS, max_size=9).map(",".join), max_size=5).map(
            lambda lines: "\n".join(lines).encode(errors="replace")
        ),
    ),
    "label-studio": st.one_of(
        st.binary(max_size=200),
        JSON.map(lambda value: json.dumps(value).encode()),
        st.builds(
            label_studio,
            st.lists(JSON, min_size=1, max_size=6),
            st.dictionaries(st.sampled_from(["frame", "x", "width", "rotation", "enabled", "auto"]), ATOMS),
        ),
        st.just(b"[" * 2_000),
    ),
}


@pytest.mark.parametrize("tool", list(EXPORTS))
@given(data=st.data(), fps=st.sampled_from([None, 25.0]))
def test_any_export_of_a_tool_gives_labels_or_an_error(
    tool: str, tmp_path: Path, data: st.DataObject, fps: float | None
) -> None:
    path = tmp_path / "labels"
    path.write_bytes(data.draw(EXPORTS[tool]))
    try:
        labels = import_truth([path], tool, fps=fps)
    except PipelineError as error:
        assert error.what
        assert error.fix
    else:
        assert labels.truth.people


@given(
    st.one_of(
        st.binary(max_size=300),
        st.text(max_size=200).map(lambda text: text.encode(errors="replace")),
        st.builds(
            lambda name, value: f"{name} = {value}".encode(),
            st.sampled_from(["workers", "detector", "detection.min_score", "sampling.every_s", "classification"]),
            st.one_of(NUMBERS, JSON.map(json.dumps)),
        ),
        st.sampled_from([b"[" * 2_000, b"a = " + b"[" * 2_000, b"a = " + b"{b=" * 2_000]),
    )
)
def test_any_settings_file_gives_settings_or_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "run.toml").write_bytes(content)
    try:
        config = read_config(tmp_path / "run.toml", ("workers", "detector"))
        with_stages(RunOptions(), config.stages)
    except OptionError as error:
        assert error.fix


@given(st.dictionaries(st.sampled_from(["detector", "classifier"]), st.text(max_size=30)))
def test_any_value_of_a_flag_is_printed_as_toml(flags: dict[str, str]) -> None:
    read = tomllib.loads(as_toml(flags, RunOptions()))
    assert {name: read[name] for name in flags} == flags


NAMES = st.text(st.characters(exclude_characters="\0"), min_size=1, max_size=40)


@given(NAMES)
def test_any_name_can_be_printed_stored_and_turned_into_an_id(name: str) -> None:
    shown = printable(name)
    assert shown.isprintable()
    shown.encode()
    video_id = InputVideo(Path("x"), shown).video_id
    assert video_id.isascii()
    assert "/" not in video_id
    assert not video_id.startswith((".", "-"))
    assert len(video_id) < 100


@given(st.lists(NAMES, max_size=5), st.lists(NAMES, max_size=5))
def test_any_names_are_matched_one_to_one_or_refused(truth: list[str], run: list[str]) -> None:
    try:
        matched = matched_names(truth, run)
    except PipelineError as error:
        assert error.fix
    else:
        assert set(matched) <= set(truth)
        assert len(set(matched.values())) == len(matched)
        assert set(matched.values()) <= set(run)
