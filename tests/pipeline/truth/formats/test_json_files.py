"""JSON of labelling tools that is damaged, or made to break a reader: each reader refuses it with a fix."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from facetally.errors import TruthError
from facetally.truth.formats.importer import READERS
from facetally.truth.formats.json_files import read_json

READ_JSON = ("label-studio", "via", "coco", "datumaro")
KEYFRAME = '{"x": 1, "y": 1, "width": 1, "height": 1, "enabled": true, "frame": %s}'
REGION = '{"id": "r", "type": "videorectangle", "value": {"framesCount": 9, "sequence": [%s]}}'
TASK = '[{"id": 1, "data": {"video": "a.mp4"}, "annotations": [{"result": [%s]}]}]'


@pytest.mark.parametrize("format_name", READ_JSON)
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[" * 100_000, "nested too deeply"),
        ('{"a":' * 50_000 + "1" + "}" * 50_000, "nested too deeply"),
        ('[{"id": 1' + "0" * 6000 + "}]", "6,001 digits"),
        ("[1,\n2,,]", "line 2"),
        ("", "line 1"),
    ],
    ids=["brackets", "braces", "digits", "commas", "empty"],
)
def test_json_that_cannot_be_read_is_refused_with_a_fix(tmp_path: Path, format_name: str, text: str, why: str) -> None:
    path = tmp_path / "labels.json"
    path.write_text(text)
    with pytest.raises(TruthError, match=why) as caught:
        READERS[format_name](path)
    assert str(path) in caught.value.what
    assert caught.value.fix == "export it again as JSON"


@pytest.mark.parametrize("frame", ["1" + "0" * 4000, "1e300", "1e999", "-1", '"one"', "null", "[[1]]"])
def test_a_frame_number_that_cannot_be_one_is_refused_with_a_fix(tmp_path: Path, frame: str) -> None:
    path = tmp_path / "labels.json"
    path.write_text(TASK % (REGION % (KEYFRAME % frame)))
    with pytest.raises(TruthError) as caught:
        READERS["label-studio"](path)
    assert len(caught.value.what) < 500
    assert caught.value.fix


def test_not_a_number_is_read_as_tools_write_it(tmp_path: Path) -> None:
    path = tmp_path / "labels.json"
    path.write_text(json.dumps([1, float("nan")]))
    assert str(read_json(path)) == "[1, nan]"
