"""A validation measures the machine: what people corrected by hand changes none of its figures."""

from __future__ import annotations

from pathlib import Path

from labelled_world import corpus

from facetally.results.corrections import read_corrections
from facetally.validation.validate import ValidateOptions, validate_run

PEOPLE = [("female", 0.9, 2.0), ("male", 0.8, 3.0), ("male", 0.1, 2.0)]


def test_a_validation_ignores_corrections(tmp_path: Path) -> None:
    ledger, truth = corpus(tmp_path / "out", {"a.mp4": PEOPLE, "b.mp4": PEOPLE[:2]})
    machine = validate_run(ledger, truth, ValidateOptions()).figures
    rows = "a.mp4,0,ignore\na.mp4,1,male\na.mp4,2,female\nb.mp4,1,male\n"
    (ledger.out / "corrections.csv").write_text(f"video,track,gender\n{rows}")
    assert len(read_corrections(ledger.out).found) == 4
    assert machine["people"]["right"] == 3
    assert validate_run(ledger, truth, ValidateOptions()).figures == machine


def test_a_validation_does_not_even_read_them(tmp_path: Path) -> None:
    ledger, truth = corpus(tmp_path / "out", {"a.mp4": PEOPLE})
    (ledger.out / "corrections.csv").write_text("damaged")
    assert validate_run(ledger, truth, ValidateOptions()).figures["people"]["count"] == 3
