"""The truth folder of a labelled sample gives `validate` the figures that the page showed."""

from __future__ import annotations

import re
from functools import reduce
from operator import getitem
from pathlib import Path

import pytest
from sampled_world import store_films

from facetally.errors import TruthError
from facetally.formatting import percent
from facetally.jobs.labels import validate_run
from facetally.labelling.design import DESIGN_FILE, Design, Mode
from facetally.labelling.design_file import write_design
from facetally.labelling.draw import draw_design
from facetally.labelling.estimates import sample_estimates, sample_figures
from facetally.labelling.labels import Labels, MissedFace, MomentLabel, TrackAnswer, TrackLabel
from facetally.labelling.sample import Sample
from facetally.labelling.truth_folder import MISSED_FILE, TruthFolder
from facetally.labelling.validated import folder_labels, validated_sample
from facetally.results.ledger import Ledger
from facetally.truth.files import read_truth

ANSWERS: tuple[TrackAnswer, ...] = ("female", "male", "male", "not_a_face", "female", "unsure", "several")
KEYS = Path(__file__).resolve().parents[3] / "reports" / "validation" / "README.md"


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return store_films(tmp_path / "out")


def label(ledger: Ledger, folder: Path, mode: Mode = "random") -> tuple[Design, Labels]:
    """Writes a truth folder with 21 labelled appearances and three searched moments."""
    design = draw_design(ledger, seed=1, moments=5, mode=mode)
    tracks = {track.key: TrackLabel(ANSWERS[track.order % 7]) for track in design.tracks[:21]}
    missed = [(), (MissedFace((1, 2, 3, 4), "male"), MissedFace((5, 6, 7, 8))), ()]
    moments = {moment.key: MomentLabel(faces) for moment, faces in zip(design.moments, missed, strict=False)}
    TruthFolder(folder).write(Sample(ledger, design, find=False), Labels(tracks, moments))
    write_design(design, folder / DESIGN_FILE)
    return design, Labels(tracks, moments)


def test_the_figures_are_those_of_the_labels_given(ledger: Ledger, tmp_path: Path) -> None:
    design, labels = label(ledger, tmp_path / "truth")
    figures = validated_sample(ledger, tmp_path / "truth", read_truth(tmp_path / "truth"), 0.85)
    expected = sample_figures(sample_estimates(ledger, design, labels, 0.85), design)
    expected["by"]["of_several_people"] = figures and figures["by"]["of_several_people"]  # people.csv has no such word
    assert figures == {**expected, "exit_code": 1}


def test_moments_come_back_as_they_were_labelled(ledger: Ledger, tmp_path: Path) -> None:
    design, labels = label(ledger, tmp_path / "truth")
    assert folder_labels(tmp_path / "truth", design, read_truth(tmp_path / "truth")).moments == labels.moments


def test_labels_of_another_run_or_of_none_are_no_sample(ledger: Ledger, tmp_path: Path) -> None:
    label(ledger, tmp_path / "truth")
    truth = read_truth(tmp_path / "truth")
    assert validated_sample(store_films(tmp_path / "other", films=3), tmp_path / "truth", truth, 0.85) is None
    (tmp_path / "truth" / DESIGN_FILE).unlink()
    assert validated_sample(ledger, tmp_path / "truth", truth, 0.85) is None


def test_labels_of_uncertain_predictions_are_no_sample(ledger: Ledger, tmp_path: Path) -> None:
    label(ledger, tmp_path / "truth", mode="uncertain")
    assert validated_sample(ledger, tmp_path / "truth", read_truth(tmp_path / "truth"), 0.85) is None


def test_a_damaged_table_of_moments_is_an_error(ledger: Ledger, tmp_path: Path) -> None:
    label(ledger, tmp_path / "truth")
    path = tmp_path / "truth" / MISSED_FILE
    path.write_text(path.read_text().replace("unsure", "perhaps"))
    with pytest.raises(TruthError, match="not known"):
        validated_sample(ledger, tmp_path / "truth", read_truth(tmp_path / "truth"), 0.85)


def test_validate_decides_by_the_sample_and_shows_it(ledger: Ledger, tmp_path: Path) -> None:
    label(ledger, tmp_path / "truth")
    sample = validated_sample(ledger, tmp_path / "truth", read_truth(tmp_path / "truth"), 0.85)
    result = validate_run(ledger.out, tmp_path / "truth", report_folder=tmp_path / "report")
    assert sample is not None and result.figures["sample"] == sample
    assert (result.verdict, result.exit_code) == (sample["verdict"], sample["exit_code"])
    women, quote = sample["by"]["female"]["share"], result.figures["share"]["female"]["quote"]
    assert [quote[key] for key in ("share", "low", "high")] == [women[key] for key in ("share", "low", "high")]
    page = result.report_path.read_text()
    share, low, high = (percent(sample["recall"][key]) for key in ("share", "low", "high"))
    assert f"| recall: of the faces in view | {share} | {low} – {high} |" in page
    assert f"of the run's {sample['appearances']} appearances, estimated from {sample['labelled']}" in page


def test_without_a_sample_people_decide(ledger: Ledger, tmp_path: Path) -> None:
    label(ledger, tmp_path / "truth", mode="uncertain")
    result = validate_run(ledger.out, tmp_path / "truth", report_folder=tmp_path / "report")
    assert "sample" not in result.figures
    assert "labelled people" in result.report_path.read_text()


def test_every_described_figure_of_a_sample_exists(ledger: Ledger, tmp_path: Path) -> None:
    label(ledger, tmp_path / "truth")
    figures = validated_sample(ledger, tmp_path / "truth", read_truth(tmp_path / "truth"), 0.85)
    described = re.findall(r"`sample\.([\w.]+)`", KEYS.read_text(encoding="utf-8"))
    assert figures is not None and len(described) > 10
    for name in described:
        reduce(getitem, name.split("."), figures)
