"""JSON that was damaged, or written to do harm."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from facetally.errors import TruthError
from facetally.files import parsed_json, read_json

BAD = {
    b'{"a": ': "line 1, column 7",
    b"[" * 100_000: "nested too deeply",
    b'{"a": ' * 100_000: "nested too deeply",
    b'{"a": ' + b"9" * 6_000 + b"}": "a number has 6,000 digits",
    b'{"a": 1e999}': "a number is too large",
    b'{"a": NaN}': "NaN is not a number",
    b'{"a": -Infinity}': "-Infinity is not a number",
    b'{"secret": 1, "secret": 2}': "the same key twice",
    b"[1]": "a JSON list, not an object",
    b"true": "a JSON true or false, not an object",
    b"null": "a JSON null, not an object",
    b'{"a": "\xff"}': "byte 7 is not UTF-8",
    b"": "line 1, column 1",
}


@pytest.mark.parametrize("content", BAD, ids=BAD.values())
def test_bad_json_is_an_error_of_the_callers_kind(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(TruthError) as error:
        read_json(tmp_path / "a.json", TruthError, fix="export it again")
    assert error.value.what.startswith(f"{tmp_path / 'a.json'} ")
    assert BAD[content] in error.value.what
    assert "secret" not in error.value.what
    assert error.value.fix == "export it again"


@pytest.mark.parametrize("name", ["missing.json", "."])
def test_a_file_that_cannot_be_read_is_such_an_error_too(tmp_path: Path, name: str) -> None:
    with pytest.raises(TruthError, match="cannot be read"):
        read_json(tmp_path / name, TruthError, fix="check the path")


def test_good_json_is_read_with_or_without_a_byte_order_mark(tmp_path: Path) -> None:
    content = '{"ä": [1, 0.5, null, {"b": 1}], "n": -12345678901234567890}'.encode()
    for mark in (b"", codecs.BOM_UTF8):
        (tmp_path / "a.json").write_bytes(mark + content)
        read = read_json(tmp_path / "a.json", TruthError, fix="")
        assert read == {"ä": [1, 0.5, None, {"b": 1}], "n": -12345678901234567890}


def test_numbers_that_are_not_finite_are_read_where_that_is_allowed() -> None:
    nan, infinite, large = parsed_json("[NaN, Infinity, 1e999]", allow_nan=True)
    assert nan != nan
    assert infinite == large == float("inf")
    with pytest.raises(ValueError, match="digits"):
        parsed_json("9" * 6_000, allow_nan=True)
