from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("torchvision")
from click.testing import CliRunner
from drawn_faces import face_set

from facetally.gender.attributes import Attributes
from facetally.gender.data.face_sets import FaceCorpus, join_with_copies
from facetally.gender.model.outputs import OutputLayout
from scripts.claimed_protocol import GROUPS, figures_by_group, group_masks, main, table

BOTH = OutputLayout("two_logits", "per_100")


def corpus(count: int = 500, copies: int = 2) -> FaceCorpus:
    numbers = range(count)
    faces = face_set([number % 2.0 for number in numbers], [number % 90.0 for number in numbers])
    return join_with_copies([faces], seed=0, copies=copies)


def memorized(faces: FaceCorpus) -> Attributes:
    """What a network predicts that knows its training faces by heart and is 10 years and a gender off elsewhere."""
    seen = ~group_masks(faces)["unseen"]
    seen &= faces.faces["digest"].isin(faces.faces["digest"][faces.faces["split"] == "train"]).to_numpy()
    female, years = faces.faces["female"].to_numpy(), faces.faces["age_years"].to_numpy()
    return Attributes(
        np.where(seen, female, 1 - female).astype(np.float32), np.where(seen, years, years + 10).astype(np.float32)
    )


def test_the_honest_figures_are_those_of_images_without_a_copy_in_training() -> None:
    faces = corpus()
    figures = figures_by_group(faces, memorized(faces), BOTH)
    assert {name: figures[name]["accuracy"] for name in ("seen", "unseen", "train")} == {
        "seen": 1,
        "unseen": 0,
        "train": 1,
    }
    assert (figures["unseen"]["mae_years"], figures["seen"]["mae_years"]) == (10, 0)
    assert figures["unseen"]["mse_per_100"] == 0.01


def test_the_claimed_figures_hide_what_a_network_knows_by_heart() -> None:
    faces = corpus()
    figures = figures_by_group(faces, memorized(faces), BOTH)
    assert figures["claimed"]["faces"] == 200 == figures["seen"]["faces"] + figures["unseen"]["faces"]
    assert figures["claimed"]["accuracy"] == pytest.approx(0.8, abs=0.08)


def test_with_single_images_no_test_face_has_a_copy_in_training() -> None:
    masks = group_masks(corpus(copies=1))
    assert not masks["seen"].any()
    assert np.array_equal(masks["unseen"], masks["claimed"])


def test_what_is_not_predicted_has_no_figure() -> None:
    faces = corpus(50)
    only_age = figures_by_group(faces, memorized(faces), OutputLayout("none", "per_100"))
    assert only_age["train"]["faces"] == 80
    assert "accuracy" not in only_age["train"]
    assert table(only_age).splitlines()[-1].startswith(f"| {GROUPS['train']} | 80 |  | 0.00 | 1.000 |")
    only_gender = figures_by_group(faces, memorized(faces), OutputLayout("two_logits", "none"))
    assert only_gender["train"] == {"faces": 80, "accuracy": 1}


def test_the_table_shows_each_group_in_a_row() -> None:
    faces = corpus()
    rows = table(figures_by_group(faces, memorized(faces), BOTH)).splitlines()
    assert len(rows) == 2 + len(GROUPS)
    assert "| 0.0% | 10.00 |" in rows[4]
    assert all(row.count("|") == rows[0].count("|") for row in rows)


def test_a_data_set_that_is_not_there_is_an_error_without_a_traceback(tmp_path: Path) -> None:
    absent = str(tmp_path / "absent.zip")
    result = CliRunner().invoke(main, ["genderage", "--data", absent, "-o", str(tmp_path / "out"), "--aligned"])
    assert result.exit_code == 1
    assert "no such file or folder" in result.output
    assert isinstance(result.exception, SystemExit)
