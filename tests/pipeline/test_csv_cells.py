"""Text that a spreadsheet would run as a formula: marked in the file, and unmarked when it is read."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facetally.csv_cells import FORMULA_STARTS, as_cell, of_cell
from facetally.exports.cells import python_rows, without_formulas

TEXTS = st.one_of(st.text(max_size=6), st.builds("{}{}".format, st.sampled_from([*FORMULA_STARTS, "'"]), st.text()))


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1", "＋1", "－1", "＠A"])
def test_a_formula_gets_an_apostrophe(text: str) -> None:
    assert as_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "a=b", "a-b.mp4", "0:31", "?"])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert as_cell(text) == text == of_cell(text)


@given(TEXTS)
def test_every_text_is_read_back_as_it_was(text: str) -> None:
    assert of_cell(as_cell(text)) == text


@given(st.lists(st.one_of(st.none(), TEXTS.map(lambda text: text.encode(errors="replace").decode())), max_size=5))
def test_a_whole_column_is_marked_as_its_cells_are(texts: list[str | None]) -> None:
    marked = without_formulas(pa.table({"a": pa.array(texts, pa.string())}))["a"].to_pylist()
    assert marked == [None if text is None else as_cell(text) for text in texts]


def test_numbers_of_a_table_have_no_more_digits_than_were_stored() -> None:
    numbers = pa.table({"a": pa.array([0.97, float("nan"), -1.0], pa.float32()), "b": pa.array([1, 2, 3])})
    assert list(python_rows(numbers)) == [(0.97, 1), (None, 2), (-1.0, 3)]
