"""Files of our own that were damaged, or made to do harm: results, or an error with a fix, and no other exception.

For minutes rather than seconds: FACETALLY_EXAMPLES=5000 pytest tests/pipeline/test_hostile_files.py
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

pytest.importorskip("hypothesis")
from hypothesis import assume, given
from hypothesis import strategies as st
from labelled_world import CLASSIFIER, face_rows, stored, track_row
from mutations import damaged_bytes, damaged_json

from facetally.errors import OptionError, OutputError, PipelineError, TruthError
from facetally.inputs import find_inputs
from facetally.quantification.run_shares import REPORT_SCHEMA_VERSION, read_calibration
from facetally.results.ledger import Ledger
from facetally.results.tables import FACES, TRACKS, VIDEOS, read_table
from facetally.tallies.air_time import ClockPattern
from facetally.tallies.videos_table import read_videos_table


def assert_sound(error: PipelineError) -> None:
    """Its texts say something, on one line each."""
    for text in (error.what, error.fix):
        assert text.strip()
        assert text.isprintable()


REPORT = {
    "schema_version": REPORT_SCHEMA_VERSION,
    "calibration": {
        "classifier_sha256": CLASSIFIER,
        "female_prob": [0.9, 0.2, 0.7],
        "is_female": [True, False, True],
        "screen_time_s": [1.5, 2.0, 3.0],
        "source": [0, 0, 1],
    },
}


@given(damaged_json(REPORT))
def test_any_validation_report_corrects_a_run_or_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "report.json").write_bytes(content)
    try:
        labelled = read_calibration(tmp_path, {"classifier": {"sha256": CLASSIFIER}})
    except TruthError as error:
        assert_sound(error)
    else:
        assert labelled["female_prob"].between(0, 1).all()


@given(data=st.data(), table=st.sampled_from(["videos", "faces", "tracks"]))
def test_any_table_is_read_or_refused(tmp_path: Path, data: st.DataObject, table: str) -> None:
    ledger = Ledger(tmp_path / "out")
    if not ledger.out.exists():
        stored(
            ledger.out,
            {"a.mp4": [track_row(0, 0.9), track_row(1, 0.2)]},
            {"a.mp4": face_rows(0, [0.0, 0.2])},
        )
    path = ledger.path(table, "id-a.mp4")
    valid = path.read_bytes()
    try:
        path.write_bytes(data.draw(damaged_bytes(valid)))
        rows = list(ledger.rows())
        read_table(path, {"videos": VIDEOS, "faces": FACES, "tracks": TRACKS}[table]).to_pandas()
        ledger.provenance(rows[0].video_id)
    except OutputError as error:
        assert_sound(error)
    finally:
        path.write_bytes(valid)


GROUPS = """video,channel,programme,airtime
a.mp4,one,"news, late",2026-03-01 19:50
b.mp4,two,sport,2026-03-01
"""


@given(content=damaged_bytes(GROUPS.encode()))
def test_any_table_of_videos_is_read_or_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "groups.csv").write_bytes(content)
    try:
        table = read_videos_table(tmp_path / "groups.csv", ["a.mp4", "b.mp4", "c.mp4"])
    except OptionError as error:
        assert_sound(error)
    else:
        assert set(table.values) <= {"a.mp4", "b.mp4", "c.mp4"}
        assert not any(control in str(table.values) for control in "\x1b\r\n")


LISTS = st.sampled_from(
    [
        b"@videos.txt",
        b"a" * 5000,
        b"x\0y",
        b"[",
        b"\xff.mp4",
        b"@",
        b"@@",
        b"%d",
        b"no.txt\n@videos.txt",
    ]
)


@given(content=st.binary(max_size=60) | LISTS)
def test_any_list_of_videos_gives_videos_or_an_error(tmp_path: Path, content: bytes) -> None:
    assume(b"/" not in content and b".." not in content)  # else it might name the whole disk
    (tmp_path / "videos.txt").write_bytes(content)
    try:
        with contextlib.chdir(tmp_path):
            assert find_inputs(["@videos.txt"]).videos
    except OptionError as error:
        assert_sound(error)


@given(
    pattern=st.lists(
        st.sampled_from([f"%{letter}" for letter in "YymdHMSjbBaApIf%x"]) | st.text(max_size=2),
        max_size=7,
    ),
    name=st.text("0123456789-_ .%amPMJn/", max_size=30),
)
def test_any_clock_pattern_finds_times_or_is_refused(pattern: list[str], name: str) -> None:
    try:
        found = ClockPattern("".join(pattern)).find(f"{name} 2026-03-01 1950.mp4")
    except OptionError as error:
        assert_sound(error)
    else:
        assert found is None or found.start.year
