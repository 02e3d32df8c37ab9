"""A run keeps corrections by hand with their appearances."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from drawn_world import engines

import facetally
from facetally.batch import prepare
from facetally.jobs.runs import NoProgress
from facetally.results.corrections import read_corrections


class Notes(NoProgress):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def noted(self, sentence: str) -> None:
        self.sentences.append(sentence)


@pytest.fixture
def out(films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run over the three films in which the woman of mixed.mp4 is corrected, in a row typed by hand."""
    monkeypatch.setattr(prepare, "load_engines", lambda *_, **__: engines())
    facetally.run(films, out=tmp_path / "out")
    (tmp_path / "out" / "corrections.csv").write_text("video,track,gender\nmixed.mp4,0,ignore\n")
    return tmp_path / "out"


@pytest.mark.parametrize("changes", [{"force": True}, {"update": True, "every_s": 0.5}])
def test_a_run_that_does_videos_again_keeps_their_corrections(out: Path, films: Path, changes: dict[str, Any]) -> None:
    before = facetally.tally(out).table["appearances"].sum()
    facetally.run(films, out, **changes)
    (row,) = read_corrections(out).found.values()
    assert (row.gender, row.anchor is not None) == ("ignore", True)
    assert facetally.tally(out).table["appearances"].sum() == before == 5


def test_a_run_says_what_its_sums_count_by_hand(out: Path, films: Path) -> None:
    notes = Notes()
    facetally.run(films, out, progress=notes)
    assert "the sums count 1 appearance dropped by hand" in notes.sentences


def test_a_run_says_which_correction_it_could_not_keep(out: Path, films: Path) -> None:
    notes = Notes()
    (out / "corrections.csv").write_text(
        "video,track,gender,first_s,last_s,time_s,x1,y1,x2,y2\nmixed.mp4,0,female,50,60,55,0,0,40,40\n"
    )
    facetally.run(films, out, force=True, progress=notes)
    assert any("1 correction by hand not applied" in sentence for sentence in notes.sentences)
    assert any("mixed.mp4 (0:50-1:00, line 2): female" in sentence for sentence in notes.sentences)


def test_wrong_values_in_corrections_stop_a_run_before_it_begins(out: Path, films: Path) -> None:
    (out / "corrections.csv").write_text("video,track,gender\nmixed.mp4,0,wrong\n")
    stamps = {path: path.stat().st_mtime_ns for path in (out / "tracks").iterdir()}
    with pytest.raises(facetally.OutputError, match="line 2, column gender"):
        facetally.run(films, out, force=True)
    assert {path: path.stat().st_mtime_ns for path in (out / "tracks").iterdir()} == stamps
