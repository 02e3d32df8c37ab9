"""Damaged files of an output folder: any bytes give a result or an error with a fix, and never another exception.

For minutes rather than seconds: FACETALLY_EXAMPLES=5000 pytest tests/pipeline/results/test_hostile_results.py
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest

pytest.importorskip("hypothesis")
from hypothesis import given
from hypothesis import strategies as st
from labelled_world import face_rows, stored, track_row

from facetally.errors import OutputError
from facetally.results.condition import condition_of
from facetally.results.ledger import Ledger
from facetally.results.newest_run import NewestRun, is_excluded
from facetally.results.run_tables import Run

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(["videos", "passed_over", "exclude", "excluded", "else"])
RUNS = st.one_of(
    st.binary(max_size=200), st.builds(lambda v: json.dumps(v).encode(), st.dictionaries(KEYS, VALUES) | VALUES)
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


@given(content=RUNS)
def test_any_run_json_is_read_or_an_error_with_a_fix(folder: Path, content: bytes) -> None:
    (folder / "run.json").write_bytes(content)
    try:
        newest = NewestRun.read(folder)
    except OutputError as error:
        assert "--include-all" in error.fix
    else:
        assert newest.excludes("id", "name") in (False, True)
        assert newest.files_passed_over() == sorted(newest.files_passed_over())


@given(pattern=st.text(max_size=20), name=st.text(max_size=20))
def test_any_pattern_fits_a_name_or_does_not(pattern: str, name: str) -> None:
    assert is_excluded([pattern], name) in (False, True)
    assert is_excluded([name], name) or not name.strip("/")


@given(
    table=st.sampled_from(["videos", "faces", "tracks"]),
    changes=st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=4)), min_size=1, max_size=5),
)
def test_any_damage_of_a_table_is_found_or_makes_no_error_of_another_kind(
    folder: Path, table: str, changes: list[tuple[float, bytes]]
) -> None:
    (folder / "run.json").unlink(missing_ok=True)
    ledger: Ledger = stored(folder, {"a.mp4": [track_row(0, 0.9)]}, {"a.mp4": face_rows(0, [0.0, 0.2])})
    path = ledger.path(table, "id-a.mp4")
    content = bytearray(path.read_bytes())
    for place, new in changes:
        at = int(place * (len(content) - 1))
        content[at : at + len(new)] = new
    is_same = bytes(content) == path.read_bytes()
    path.write_bytes(bytes(content))
    found = condition_of(ledger, is_deep=True)
    assert is_same or table == "videos" or list(found.damages) == ["id-a.mp4"]
    with suppress(OutputError):
        run = Run(folder)
        assert len(run.videos()) == 1
        assert len(run.tracks()) + len(run.faces()) >= 0
