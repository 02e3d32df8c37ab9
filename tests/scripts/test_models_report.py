from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from scripts.claimed_protocol import GROUPS
from scripts.models_report.__main__ import main
from scripts.models_report.page import models_page
from scripts.models_report.tables import INA_BY_HEIGHT
from scripts.models_report.targets import PROTOCOLS, TARGETS, lowest_cell

CARD = {
    "data": {"backbone": "trunk.pth"},
    "training": {"command": "facetally train it", "stages": [{"epochs": 3}, {"epochs": 4}]},
}


def gender_figures(accuracy: float, **more: Any) -> dict[str, Any]:
    shares = dict.fromkeys(("accuracy", "female_recall", "male_recall", "macro_f1"), accuracy)
    return {"count": 10, **shares, "recall_gap": 0.01, "calibration_error": 0.01, "by_age": {}, "by_set": {}, **more}


def age_figures(error: float) -> dict[str, Any]:
    return {"count": 10, "mae_years": error, "within_5": 0.5, "within_10": 0.95, "by_set": {}}


def report(gender: dict[str, Any] | None, age: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
    metrics = {"count": 10, "gender": gender, "age": age}
    known = {"date": "2026-01-02", "machine": "a machine", "milliseconds_per_face": 3.0, "megabytes": 9.0}
    return known | {"card": CARD, "metrics": metrics} | more


def lines_with(page: str, words: str) -> list[str]:
    return [line for line in page.splitlines() if words in line]


def test_an_untrained_recipe_is_marked_as_not_trained() -> None:
    page = models_page({})
    assert len(lines_with(page, "Not trained yet; train it with")) == len(TARGETS)
    assert "Not trained yet." in page


def test_reached_and_missed_targets_are_marked() -> None:
    page = models_page({"age-resnet34": report(None, age_figures(6.5))})
    assert lines_with(page, "mean age error") == ["| mean age error, years | 4 - 6 | 6.50 | **no** |"]
    assert lines_with(page, "| within 10") == ["| within 10 years | 85 - 90 % | 95.0% | yes |"]
    assert "at most 3 + 4 epochs; 10 test faces; 2026-01-02, a machine." in page


def test_every_recipe_says_what_its_targets_were_claimed_for() -> None:
    page = models_page({"genderage": report(gender_figures(0.94), None)})
    assert set(PROTOCOLS) == set(TARGETS)
    assert all(text in page for text in PROTOCOLS.values())


def test_figures_by_the_protocol_of_published_ones_stand_beside_the_honest_ones() -> None:
    figures = {name: {"faces": 5, "accuracy": 0.9} for name in GROUPS} | {"claimed": {"faces": 7, "accuracy": 0.95}}
    claimed = {"recipe": {"name": "genderage"}, "figures": figures, "command": "train it", "date": "d", "machine": "m"}
    page = models_page({}, [claimed])
    part = page[page.index("### genderage") : page.index("### age-resnet50")]
    assert lines_with(part, "| test faces, as claimed |")[0].startswith("| test faces, as claimed | 7 | 95.0% |")
    assert "```\ntrain it\n```" in part and page.count("#### As claimed") == 1


def test_a_missing_figure_is_shown_as_not_measured() -> None:
    page = models_page({"genderage": report(gender_figures(0.94), None)})
    assert lines_with(page, "mean age error") == ["| mean age error, years | 4 - 6 | not measured | |"]


def production() -> dict[str, Any]:
    group = {"female": {"accuracy": 0.9}, "male": {"accuracy": 0.95}}
    fairface = gender_figures(0.93, by_group={"X": group, "Y": {**group, "male": {"accuracy": 0.87}}})
    gender = gender_figures(0.94)
    gender["by_set"] = {"utk": gender_figures(0.95, adults=gender_figures(0.974)), "fairface": fairface}
    heights = {str(height): gender_figures(0.9) for height in INA_BY_HEIGHT}
    age = age_figures(4.0) | {"by_set": {"utk": age_figures(4.5)}}
    return report(gender, age, by_face_height_px=heights, people={"ytf": gender_figures(0.97)})


def test_the_production_model_is_compared_with_each_of_its_targets() -> None:
    page = models_page({"facetally": production()})
    assert lines_with(page, "| UTKFace, 18-80 years |") == ["| UTKFace, 18-80 years | >= 97.5 % | 97.40% | **no** |"]
    assert lines_with(page, "lowest race") == ["| lowest race and gender cell of FairFace | >= 88 % | 87.0% | **no** |"]
    assert lines_with(page, "| Y |") == ["| Y | 90.0% | 87.0% |"]
    assert lines_with(page, "| 30 |") == ["| 30 | 90.0% | 90.9% | 90.0% | 90.0% |"]
    assert lines_with(page, "| ytf | 10 | 97") == ["| ytf | 10 | 97.0% | 97.0% | 97.0% |"]


def test_women_and_men_stand_side_by_side_by_age_and_on_sets_that_were_never_trained_on() -> None:
    old = {"count": 50, "accuracy": 0.9, "female": {"accuracy": 0.84}, "male": {"accuracy": 0.988}}
    boys = {"count": 9, "accuracy": 0.8, "male": {"accuracy": 0.8}}
    measured = production()
    measured["metrics"]["gender"]["by_set"]["utk"]["by_age"] = {"70+": old}
    measured["unseen"] = {"all_age_faces": gender_figures(0.93, by_group={"13-17": old, "2-12": boys, "60+": old})}
    page = models_page({"facetally": measured})
    assert lines_with(page, "| 70+ |") == ["| 70+ | 50 | 84.0% | 98.8% | -14.8 |  |  |  |  |"]
    assert lines_with(page, "women over 60") == ["| All-Age-Faces, women over 60 | >= 92 % | 84.0% | **no** |"]
    assert lines_with(page, "girls of 2-12") == ["| All-Age-Faces, girls of 2-12 | >= 89 % | not measured | |"]
    part = page[page.index("### All-Age-Faces, 2,468") :].splitlines()[2:8]
    assert [row.split(" | ")[0] for row in part] == [
        "| group",
        "|---|---|---|---|---|",
        "| 2-12",
        "| 13-17",
        "| 60+",
        "| all",
    ]
    assert part[2] == "| 2-12 | 9 |  | 80.0% |  |"


def test_the_lowest_cell_is_the_minimum_over_both_genders() -> None:
    assert lowest_cell(production()) == 0.87


@pytest.mark.parametrize("gap", [0.021, -0.021])
def test_a_recall_gap_counts_in_both_directions(gap: float) -> None:
    measured = production()
    measured["metrics"]["gender"]["by_set"]["utk"]["recall_gap"] = gap
    row = lines_with(models_page({"facetally": measured}), "recall of men minus women, UTKFace |")
    assert row == [f"| recall of men minus women, UTKFace | <= 2 points | {gap:.2%} | **no** |"]


def test_people_in_video_are_reported_by_half_of_the_sources() -> None:
    people = gender_figures(0.96) | {"female": gender_figures(0.95), "male": gender_figures(0.97)}
    halves = {name: {"sources": 17, "people": people} for name in ("fitted_on", "reported_on", "all")}
    page = models_page({"facetally": production(), "facetally_on_video": halves})
    assert lines_with(page, "other half") == ["| other half (17) | 10 | 96.0% | 95.0% | 97.0% |"]


def test_the_command_reads_the_folder_and_writes_the_page(tmp_path: Path) -> None:
    (tmp_path / "claimed").mkdir()
    claimed: dict[str, Any] = {
        "recipe": {"name": "gender-focal"},
        "figures": {},
        "command": "it",
        "date": "d",
        "machine": "m",
    }
    claimed["figures"] = {name: {"faces": 5} for name in GROUPS}
    (tmp_path / "claimed" / "focal.json").write_text(json.dumps(claimed))
    (tmp_path / "genderage.json").write_text(json.dumps(report(gender_figures(0.94), age_figures(5.0))))
    result = CliRunner().invoke(main, ["--folder", str(tmp_path), "--page", str(tmp_path / "MODELS.md")])
    assert result.exit_code == 0, result.output
    page = (tmp_path / "MODELS.md").read_text()
    assert "| accuracy | 93 - 95 % | 94.00% | yes |" in page and "#### As claimed" in page
