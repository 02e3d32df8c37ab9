from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import onnx
import pytest
from click.testing import CliRunner

from scripts.detectors_report import detectors_page, epochs_to, main


def detector(easy: float) -> dict[str, Any]:
    recalls = {"24-32": 0.8, "96-10000": 0.9}
    levels = {"all": 0.6, "easy": easy, "medium": 0.8, "hard": 0.5}
    return {"wider_val": levels | {"recall_by_height_px": recalls}, "fddb": levels, "milliseconds": 12.34}


def complete(easy: float, recall: float) -> dict[str, Any]:
    recalls = {"32-64": recall, "64-10000": 0.9, "from 32": recall}
    return {"easy": easy, "medium": 0.8, "hard": 0.5, "recall_by_height_px": recalls}


def run(accuracy: float, nobody: int, of_peer: float = 1.0) -> dict[str, Any]:
    share = {"accuracy": accuracy}
    people = share | {"labelled": 50, "female": share, "male": share, "end_to_end": share}
    return {
        "people": people,
        "found": 48,
        "people_from_30_px": 40,
        "found_from_30_px": 39,
        "of_those_found_by": {"scrfd_500m": of_peer},
        "tracks": 60,
        "tracks_on_nobody": nobody,
    }


DETECTORS = {"ours": detector(0.86), "scrfd_500m": detector(0.9), "scrfd_2.5g": detector(0.95)}
FIGURES: dict[str, Any] = {
    "date": "2026-01-02",
    "machine": "a machine",
    "command": "python -m it",
    "pictures": {"wider_val": 6, "fddb": 5},
    "detectors": DETECTORS,
    "wider_val": {"ours": complete(0.86, 0.65), "scrfd_500m": complete(0.9, 0.7), "scrfd_2.5g": complete(0.93, 0.8)},
    "video": {"ours": run(0.93, 4, of_peer=0.96), "scrfd_500m": run(0.94, 2), "scrfd_2.5g": run(0.95, 1)},
}


LOSSES = [3.0, 2.0, 1.519]


def line(page: str, words: str) -> str:
    (found,) = (line for line in page.splitlines() if line.startswith(f"| {words}"))
    return found


def test_reached_and_missed_targets_are_marked() -> None:
    page = detectors_page(FIGURES, LOSSES)
    assert line(page, "easy:") == "| easy: share of the official 500M's precision | >= 95 % | 95.6% | yes |"
    assert line(page, "recall from 32 px, loss").endswith("| 5.0% | **no** |")
    assert line(page, "people found, more").endswith("| +0 | yes |")
    assert line(page, "tracks on nobody, relative").endswith("| 2.00 | **no** |")
    assert line(page, "people classified correctly, of all").endswith("| 93.0% | **no** |")


def test_detectors_are_shown_side_by_side() -> None:
    page = detectors_page(FIGURES, LOSSES)
    assert line(page, "easy |") == "| easy | 86.0% | 90.0% | 93.0% |"
    assert line(page, "recall from 32 px |") == "| recall from 32 px | 65.0% | 70.0% | 80.0% |"
    assert "Published of scrfd_500m: easy 91.0%, medium 88.4%, hard 69.5%." in page
    assert line(page, "WIDER easy") == "| WIDER easy | 86.0% | 90.0% | 95.0% |"
    assert line(page, "recall at 96 and more px") == "| recall at 96 and more px | 90.0% | 90.0% | 90.0% |"
    assert line(page, "people found |") == "| people found | 48 of 50 | 48 of 50 | 48 of 50 |"
    assert line(page, "tracks on nobody |") == "| tracks on nobody | 4 | 2 | 1 |"


def test_the_page_is_written_from_figures_and_card(tmp_path: Path) -> None:
    stages = {"ours@20 epochs": detector(0.8)}
    figures = FIGURES | {"detectors": DETECTORS | stages}
    (tmp_path / "detectors.json").write_text(json.dumps(figures))
    words = ["--figures", str(tmp_path / "detectors.json"), "--page", str(tmp_path / "page.md")]
    CliRunner().invoke(main, words, catch_exceptions=False)
    (card,) = onnx.load("models/facetally_scrfd_500m.onnx").metadata_props
    assert (tmp_path / "page.md").read_text() == detectors_page(figures, json.loads(card.value)["losses"])


def test_stages_of_our_training_have_their_own_table() -> None:
    stages = {"ours@20 epochs": detector(0.8), "ours@10 epochs": detector(0.77)}
    page = detectors_page(FIGURES | {"detectors": DETECTORS | stages}, LOSSES)
    assert "## Learning" not in detectors_page(FIGURES, LOSSES)
    finished, learning = page.split("## Learning")
    assert line(finished, "WIDER easy") == "| WIDER easy | 86.0% | 90.0% | 95.0% |"
    assert "each epoch of the newest training: 3.00, 2.00, 1.52." in learning
    assert "| | 10 epochs | 20 epochs |" in learning
    assert line(learning, "WIDER easy") == "| WIDER easy | 77.0% | 80.0% |"
    assert "easy 85.5% after 71 epochs" in learning
    assert "medium" not in learning.split("reached:")[1]  # without a gain there is no extrapolation


def test_the_epochs_needed_are_extrapolated_linearly_over_doublings() -> None:
    assert epochs_to({10: 0.6, 20: 0.7, 40: 0.75}, 0.85) == pytest.approx(160)
    assert epochs_to({20: 0.7}, 0.8) == epochs_to({10: 0.7, 20: 0.7}, 0.8) == math.inf
