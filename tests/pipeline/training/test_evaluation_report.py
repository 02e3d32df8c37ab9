from __future__ import annotations

import json
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from facetally.gender.data.face_sets import ImageArray
from facetally.gender.metrics import GenderEvaluation
from facetally.training import evaluation_plots, evaluation_report
from facetally.training.evaluation_report import FILES, classification_report, write_evaluation

ALWAYS = {"classification_report.txt", "confusion_matrix.png", "reliability.png", "coverage.png", "misclassified.csv"}
EPOCH = {"stage": 0, "epoch": 1, "learning_rate": 1e-3, "train_loss": 0.7, "selection_loss": 0.6} | {
    "selection_accuracy": 0.8,
    "selection_age_mae": math.nan,
    "seconds": 1.0,
}
FEMALE_PROB = np.array([0.9, 0.8, 0.05, 0.1, 0.6, 0.7])
PREDICTED_YEARS = np.array([4, 30, 31, 70, 50, 40.0])


@pytest.fixture(autouse=True)
def quick_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replaces the plots; one test undoes this and draws them."""
    for name in vars(evaluation_plots):
        if name.endswith("_png") and hasattr(evaluation_report, name):
            monkeypatch.setattr(evaluation_report, name, lambda *_: b"png")


@pytest.fixture
def faces() -> pd.DataFrame:
    """Six faces of two sets; by `FEMALE_PROB` the man b is predicted female and the woman c male; g has no gender."""
    rows = [
        ("a.jpg", 1, 2, "", "web"),
        ("b.jpg", 0, 30, "", "web"),
        ("c.jpg", 1, 25, "x", "film"),
        ("d.jpg", 0, 81, "x", "film"),
        ("e.jpg", 1, math.nan, "y", "film"),
        ("g.jpg", math.nan, 40, "y", "film"),
    ]
    return pd.DataFrame(rows, columns=["file", "female", "age_years", "group", "set"])


def written(
    folder: Path, faces: pd.DataFrame, probs: Any = FEMALE_PROB, years: Any = PREDICTED_YEARS
) -> dict[str, Any]:
    """The metrics of an evaluation without crops or history."""
    return write_evaluation(folder, faces, female_prob=probs, age_years=years, crops=None, history=None, title="small")


def named(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_figures_of_gender_are_those_counted_by_hand(faces: pd.DataFrame, tmp_path: Path) -> None:
    metrics = written(tmp_path, faces)
    gender = metrics["gender"]
    assert (metrics["title"], metrics["count"], gender["count"]) == ("small", 6, 5)
    assert (gender["female_as_female"], gender["female_as_male"]) == (2, 1)
    assert (gender["male_as_female"], gender["male_as_male"]) == (1, 1)
    assert (gender["accuracy"], gender["female_recall"], gender["recall_gap"]) == (0.6, 0.66667, -0.16667)
    assert gender["roc_area"] == 0.5  # women 0.9, 0.6, 0.05; men 0.8, 0.1: three of six pairs in order
    # each alone in its bin, right 0.9, 0.9, 0.6 and wrong 0.8, 0.95, but the two of 0.9 share one
    assert gender["calibration_error"] == pytest.approx((2 * 0.1 + 0.4 + 0.8 + 0.95) / 5)
    assert gender["coverage"] == [
        {"accuracy": accuracy, "coverage": 0.0, "min_confidence": None} for accuracy in (0.95, 0.98, 0.99)
    ]


def test_the_coverage_points_have_their_lowest_confidence(faces: pd.DataFrame, tmp_path: Path) -> None:
    points = written(tmp_path, faces, [0.99, 0.55, 0.9, 0.2, 0.7, 0.5])["gender"]["coverage"]  # b is wrong, at 0.55
    assert points[0] == {"accuracy": 0.95, "coverage": 0.8, "min_confidence": 0.7}


def test_adults_are_18_to_80(faces: pd.DataFrame, tmp_path: Path) -> None:
    ages = [17.9, 18, 80, 80.5, math.nan, 40]
    adults = written(tmp_path, faces.assign(age_years=ages))["gender"]["adults"]
    assert (adults["count"], adults["male_as_female"], adults["female_as_male"]) == (2, 1, 1)  # b and c


def test_accuracy_is_reported_by_age(faces: pd.DataFrame, tmp_path: Path) -> None:
    assert written(tmp_path, faces)["gender"]["by_age"] == {
        "0-3": {"count": 1, "accuracy": 1.0, "female": {"count": 1, "accuracy": 1.0}},
        "18-29": {"count": 1, "accuracy": 0.0, "female": {"count": 1, "accuracy": 0.0}},
        "30-49": {"count": 1, "accuracy": 0.0, "male": {"count": 1, "accuracy": 0.0}},
        "70+": {"count": 1, "accuracy": 1.0, "male": {"count": 1, "accuracy": 1.0}},
    }


def test_each_set_has_its_figures_and_its_groups(faces: pd.DataFrame, tmp_path: Path) -> None:
    sets = written(tmp_path, faces)["gender"]["by_set"]
    assert {name: (figures["count"], figures["accuracy"]) for name, figures in sets.items()} == {
        "film": (3, 0.66667),
        "web": (2, 0.5),
    }
    assert sets["web"]["by_group"] == {}
    assert sets["film"]["by_group"] == {
        "x": {
            "count": 2,
            "accuracy": 0.5,
            "female": {"count": 1, "accuracy": 0.0},
            "male": {"count": 1, "accuracy": 1.0},
        },
        "y": {"count": 1, "accuracy": 1.0, "female": {"count": 1, "accuracy": 1.0}},
    }
    assert sets["film"]["adults"]["count"] == 1
    assert list(sets["web"]["by_age"]) == ["0-3", "30-49"]


def test_the_figures_of_age_are_those_computed_by_hand(faces: pd.DataFrame, tmp_path: Path) -> None:
    age = written(tmp_path, faces)["age"]  # errors 2, 0, 6, -11 and, for g, 0; e has no age
    assert (age["count"], age["mae_years"], age["within_5"], age["bias_years"]) == (5, 3.8, 0.6, -0.6)
    assert {name: (band["count"], band["mae_years"]) for name, band in age["by_band"].items()} == {
        "0-17": (1, 2.0),
        "18-29": (1, 6.0),
        "30-49": (2, 0.0),
        "70+": (1, 11.0),
    }
    sets = age["by_set"]
    assert {name: (part["count"], part["mae_years"]) for name, part in sets.items()} == {
        "film": (3, 5.66667),
        "web": (2, 1.0),
    }
    assert list(sets["web"]["by_band"]) == ["0-17", "30-49"]


def test_metrics_json_is_strict_json_and_equals_the_returned_figures(faces: pd.DataFrame, tmp_path: Path) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    metrics = written(tmp_path, faces)
    text = (tmp_path / "metrics.json").read_text(encoding="utf-8")
    assert json.loads(text, parse_constant=refuse) == metrics
    assert metrics["gender"]["by_set"]["film"]["adults"]["recall_gap"] is None


def test_mistakes_come_with_the_most_confident_first(faces: pd.DataFrame, tmp_path: Path) -> None:
    written(tmp_path, faces)
    assert (tmp_path / "misclassified.csv").read_text(encoding="utf-8").splitlines() == [
        "file,set,truth,predicted,female_prob,age_years",
        "c.jpg,film,female,male,0.05,25.0",
        "b.jpg,web,male,female,0.8,30.0",
    ]


def test_a_file_name_is_never_a_formula(faces: pd.DataFrame, tmp_path: Path) -> None:
    written(tmp_path, faces.assign(file="=1+1.jpg"))
    assert pd.read_csv(tmp_path / "misclassified.csv")["file"].tolist() == ["'=1+1.jpg"] * 2


def test_mistakes_of_one_confidence_keep_the_order_of_the_faces(tmp_path: Path) -> None:
    names = [f"{number}.jpg" for number in range(100)]
    many = pd.DataFrame({"file": names, "female": [1, 0] * 50, "age_years": math.nan, "group": "", "set": "web"})
    written(tmp_path, many, [0.25, 0.75] * 49 + [0.25, 1.0], None)
    assert pd.read_csv(tmp_path / "misclassified.csv")["file"].tolist() == [names[-1], *names[:-1]]


def test_a_probability_of_one_half_is_male(faces: pd.DataFrame, tmp_path: Path) -> None:
    gender = written(tmp_path, faces, [0.5] * 6)["gender"]
    assert (gender["female_recall"], gender["male_recall"]) == (0, 1)
    assert pd.read_csv(tmp_path / "misclassified.csv")["predicted"].tolist() == ["male"] * 3


@pytest.mark.parametrize(("shift", "right", "area"), [(0.9, 1, 1), (-0.9, 0, 0)])
def test_a_perfect_and_an_always_wrong_classifier(
    shift: float, right: float, area: float, faces: pd.DataFrame, tmp_path: Path
) -> None:
    probs = 0.5 + shift * (faces["female"].fillna(1).to_numpy() - 0.5)
    metrics = written(tmp_path, faces, probs, faces["age_years"].fillna(0) + 1)
    gender = metrics["gender"]
    assert (gender["accuracy"], gender["macro_f1"], gender["roc_area"]) == (right, right, area)
    assert gender["calibration_error"] == pytest.approx(0.05 if right else 0.95)
    assert (gender["coverage"][-1]["coverage"], metrics["age"]["mae_years"]) == (right, 1)
    assert len(pd.read_csv(tmp_path / "misclassified.csv")) == (0 if right else 5)


@pytest.mark.parametrize("counts", [(50, 3, 7, 40), (5, 0, 9, 0), (0, 9, 0, 3), (2, 1, 0, 0), (0, 10000, 20000, 1)])
def test_the_classification_report_equals_that_of_scikit_learn(counts: tuple[int, int, int, int]) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    evaluation = GenderEvaluation(*counts)
    truth, predicted = (
        np.repeat(values, counts) for values in (["male", "male", "female", "female"], ["male", "female"] * 2)
    )
    theirs = metrics.classification_report(truth, predicted, labels=["female", "male"], digits=4, zero_division=0)
    assert classification_report(evaluation) == theirs


def test_the_crops_of_mistakes_are_requested_by_row(
    faces: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sheets: list[tuple[Any, ...]] = []

    def contact_sheet(*sheet: Any) -> bytes:
        sheets.append(sheet)
        return b"png"

    monkeypatch.setattr(evaluation_report, "contact_sheet_png", contact_sheet)
    shuffled = faces.set_index(pd.Index([9, 9, 7, 5, 3, 1]))
    write_evaluation(
        tmp_path,
        shuffled,
        female_prob=FEMALE_PROB,
        age_years=None,
        crops=lambda row: np.full((2, 2, 3), row, np.uint8),
        history=None,
        title="small",
    )
    ((crops, captions, title),) = sheets
    assert [crop[0, 0, 0] for crop in crops] == [2, 1]
    assert captions == ["1: female, 25 years\npredicted male, 95.0%", "2: male, 30 years\npredicted female, 80.0%"]
    assert title == "small"
    assert (tmp_path / "misclassified.png").read_bytes() == b"png"


def test_the_sheet_shows_the_48_most_confident(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[int] = []
    monkeypatch.setattr(evaluation_report, "contact_sheet_png", lambda _, captions, __: b"%d" % len(captions))
    many = pd.DataFrame({"file": "a", "female": 0, "age_years": math.nan, "group": "", "set": "web"}, index=range(60))
    probs = np.linspace(0.6, 0.9, 60)

    def crop_of(row: int) -> ImageArray:
        shown.append(row)
        return np.zeros((2, 2, 3), np.uint8)

    write_evaluation(tmp_path, many, female_prob=probs, age_years=None, crops=crop_of, history=None, title="small")
    assert shown == list(range(59, 11, -1))
    assert (tmp_path / "misclassified.png").read_bytes() == b"48"


def test_without_a_mistake_there_is_no_sheet(faces: pd.DataFrame, tmp_path: Path) -> None:
    right = faces["female"].fillna(1)
    write_evaluation(
        tmp_path,
        faces,
        female_prob=right,
        age_years=None,
        crops=lambda _: np.zeros((2, 2, 3), np.uint8),
        history=[],
        title="small",
    )
    assert named(tmp_path) == ALWAYS | {"roc.png", "metrics.json"}


def test_all_files_that_apply_are_written(faces: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    crop = np.zeros((8, 8, 3), np.uint8)
    for name in "ab":
        write_evaluation(
            tmp_path / "new" / name,
            faces,
            female_prob=FEMALE_PROB,
            age_years=PREDICTED_YEARS,
            crops=lambda _: crop,
            history=[EPOCH],
            title="small",
        )
    first, second = tmp_path / "new" / "a", tmp_path / "new" / "b"
    assert named(first) == set(FILES)
    for name in FILES:
        assert (first / name).read_bytes() == (second / name).read_bytes()
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in first.glob("*.png"))


def test_a_network_without_age_is_evaluated_by_gender(faces: pd.DataFrame, tmp_path: Path) -> None:
    assert written(tmp_path, faces, years=None)["age"] is None
    assert named(tmp_path) == ALWAYS | {"roc.png", "metrics.json"}


def test_a_network_without_gender_is_evaluated_by_age(faces: pd.DataFrame, tmp_path: Path) -> None:
    assert written(tmp_path, faces, probs=None)["gender"] is None
    assert named(tmp_path) == {"age_scatter.png", "metrics.json"}


def test_without_age_labels_predicted_ages_are_ignored(faces: pd.DataFrame, tmp_path: Path) -> None:
    metrics = written(tmp_path, faces.assign(age_years=math.nan))
    assert metrics["age"] is None
    assert (metrics["gender"]["adults"], metrics["gender"]["by_age"]) == (None, {})


@pytest.mark.parametrize("female", [0, 1])
def test_faces_of_one_gender_have_neither_roc_nor_gap(female: int, faces: pd.DataFrame, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gender = written(tmp_path, faces.assign(female=female))["gender"]
    assert (gender["count"], gender["roc_area"], gender["recall_gap"]) == (6, None, None)
    assert "roc.png" not in named(tmp_path)


@pytest.mark.parametrize(
    ("changes", "probs", "years", "reason"),
    [
        ({}, None, None, "no face has a label"),
        ({"female": math.nan}, FEMALE_PROB, None, "no face has a label"),
        ({"age_years": math.nan}, None, PREDICTED_YEARS, "no face has a label"),
        ({"female": 2}, FEMALE_PROB, PREDICTED_YEARS, "female must be"),
        ({}, FEMALE_PROB[:5], PREDICTED_YEARS, r"\(6,\) female_prob, got \(5,\)"),
        ({}, FEMALE_PROB, PREDICTED_YEARS[:5], r"\(6,\) predicted_years, got \(5,\)"),
        ({}, np.full(6, math.nan), PREDICTED_YEARS, "female_prob must be finite"),
        ({}, FEMALE_PROB, np.full(6, math.nan), "predicted_years must be finite"),
        ({}, FEMALE_PROB * 2, PREDICTED_YEARS, r"\[0, 1\]"),
    ],
)
def test_invalid_input_is_refused_before_anything_is_written(
    changes: dict[str, float], probs: Any, years: Any, reason: str, faces: pd.DataFrame, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=reason):
        written(tmp_path / "new", faces.assign(**changes), probs, years)
    assert not (tmp_path / "new").exists()


def test_no_faces_at_all_are_refused(faces: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no face to evaluate"):
        written(tmp_path, faces[:0], FEMALE_PROB[:0], PREDICTED_YEARS[:0])


def test_files_of_an_earlier_evaluation_are_removed_and_others_stay(faces: pd.DataFrame, tmp_path: Path) -> None:
    written(tmp_path, faces)
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    written(tmp_path, faces, probs=None)
    assert named(tmp_path) == {"age_scatter.png", "metrics.json", "notes.txt"}


def test_files_are_renamed_into_place_with_the_figures_last(
    faces: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    renamed: list[tuple[str, str]] = []
    replace = Path.replace

    def recorded(path: Path, target: Path) -> Path:
        renamed.append((path.name, target.name))
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", recorded)
    written(tmp_path, faces)
    assert {name for _, name in renamed} == named(tmp_path)
    assert all(temporary == f".{name}.part" for temporary, name in renamed)
    assert renamed[-1][1] == "metrics.json"
