"""`facetally predict`: a table, JSON or annotated copies, and exit codes."""

from __future__ import annotations

import json
import shlex
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result
from drawn_world import ColourClassifier, Square, background, engines

from facetally.cli.main import main
from facetally.gender.attributes import Attributes
from facetally.images.predict import STILL_DETECTION
from facetally.jobs import images as image_jobs
from facetally.models.engines import Engines
from facetally.options import ClassificationOptions, RunOptions


class AgeingClassifier(ColourClassifier):
    """Predicts an age of 34.6 years for women, and none for men."""

    def predict(self, crops: np.ndarray) -> Attributes:
        predictions = super().predict(crops)
        return replace(predictions, age_years=np.where(predictions.female_prob > 0.5, 34.6, np.nan).astype(np.float32))


@pytest.fixture(autouse=True)
def calls(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> list[tuple[Any, ...]]:
    """The arguments with which the drawn world's engines were loaded; tests marked real load real ones."""
    arguments_of_calls: list[tuple[Any, ...]] = []

    def load(*arguments: Any, models_dir: Path | None, unit: str, threads: int) -> Engines:
        assert unit == "crop"
        assert threads in (0, 1), "images are processed side by side, each by one thread"
        arguments_of_calls.append((*arguments, models_dir))
        models = {role: model for role, model in engines().models.items() if role != "embedder"}
        return replace(engines(), classifier=AgeingClassifier(), models=models, embedding=None)

    if "real" not in request.keywords:
        monkeypatch.setattr(image_jobs, "load_engines", load)
    return arguments_of_calls


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in the working folder: both.png with a woman and a man, and day/none.png with nobody."""
    monkeypatch.chdir(tmp_path)
    photos = Path("photos")
    both, none = background(70), background(70)
    Square("red", (10, 20)).draw(both, 0.0)
    Square("blue", (100, 60), size_px=20).draw(both, 0.0)
    (photos / "day").mkdir(parents=True)
    cv2.imwrite(str(photos / "both.png"), both)
    cv2.imwrite(str(photos / "day" / "none.png"), none)
    return photos


def predict(*words: str | Path) -> Result:
    return CliRunner(env={"COLUMNS": "120"}).invoke(main, ["predict", *map(str, words)])


def cells(result: Result) -> list[list[str]]:
    """The rows of the table below its heading."""
    return [
        [cell.strip() for cell in line.strip("│").split("│")] for line in result.stdout.splitlines() if line[0] == "│"
    ]


def test_the_table_has_a_line_for_each_face_and_one_for_an_image_without(photos: Path) -> None:
    result = predict(photos)
    assert result.exit_code == 0
    assert cells(result) == [
        ["photos/both.png", "10, 20, 50, 60", "0.90", "female", "97.0 %", "35"],
        ["", "100, 60, 120, 80", "0.90", "male", "3.0 %", "-"],
        ["photos/day/none.png", "no face", "", "", "", ""],
    ]
    assert result.stderr == "detector drawn_detector, classifier drawn_classifier, on cpu\n"


def test_json_is_a_list_of_images_with_their_faces(photos: Path) -> None:
    result = predict(photos, "--format", "json")
    both, none = json.loads(result.stdout)
    assert none == {"file": "photos/day/none.png", "width_px": 160, "height_px": 120, "faces": []}
    assert both["file"] == "photos/both.png"
    assert [(face["gender"], face["age_years"], face["age_band"]) for face in both["faces"]] == [
        ("female", 34.6, "young"),
        ("male", None, "unknown"),
    ]
    assert result.exit_code == 0


def test_annotated_copies_are_written_and_the_originals_are_unchanged(photos: Path) -> None:
    before = (photos / "both.png").read_bytes()
    result = predict(photos, "--annotate", "seen")
    assert {path.name for path in Path("seen").iterdir()} == {"both.png", "none.png"}
    copy = cv2.imread("seen/both.png")
    assert copy is not None
    assert copy.shape == (480, 640, 3)
    assert "Annotated copies are in seen: 2" in result.stderr
    assert (photos / "both.png").read_bytes() == before


def test_copies_beside_their_originals_are_refused(photos: Path) -> None:
    result = predict(photos, "--annotate", photos)
    assert result.exit_code == 1
    assert "Fix: give --annotate another folder" in result.stderr
    assert [path.name for path in photos.glob("*.png")] == ["both.png"]


def test_a_bad_image_is_listed_with_its_reason_and_the_exit_code_is_1(photos: Path) -> None:
    (photos / "a.jpg").write_text("")
    result = predict(photos)
    assert result.exit_code == 1
    assert [row[0] for row in cells(result)] == ["photos/both.png", "", "photos/day/none.png"]
    assert "failed: photos/a.jpg: the file is empty\n  Fix: " in result.stderr


@pytest.mark.parametrize("name", ["it's a clip.mp4", "clip.recording"])
def test_of_a_video_it_is_said_that_run_is_meant(clip: Path, tmp_path: Path, name: str) -> None:
    video = Path(shutil.copy(clip, tmp_path / name))
    result = predict(video)
    assert (result.exit_code, result.stdout) == (1, "")
    fix = f"facetally run {shlex.quote(str(video))} -o out"
    assert f"failed: {video}: a video, not an image\n  Fix: {fix}\n" in result.stderr


def test_of_a_folder_of_videos_it_is_said_that_run_is_meant(clip: Path) -> None:
    result = predict(clip.parent)
    assert f"Error: no image found in {clip.parent}\n" in result.stderr
    assert f"Fix: for the videos there: facetally run {clip.parent} -o out\n" in result.stderr


def test_a_folder_without_images_is_an_error_with_a_fix(tmp_path: Path) -> None:
    result = predict(tmp_path)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("Error: no image found in")
    assert "\nFix: " in result.stderr


def test_predictions_below_the_required_confidence_are_unknown(photos: Path) -> None:
    result = predict(photos / "both.png", "--min-confidence", "0.98")
    assert [row[3] for row in cells(result)] == ["unknown", "unknown"]


def test_without_options_the_engines_are_those_of_a_run_with_still_detection(
    photos: Path, calls: list[tuple[Any, ...]]
) -> None:
    predict(photos)
    assert calls == [(RunOptions(detection=STILL_DETECTION), "auto", None)]


def test_options_are_passed_to_the_engines(photos: Path, tmp_path: Path, calls: list[tuple[Any, ...]]) -> None:
    words = ("--detector", "d.onnx", "--classifier", "c.onnx", "--device", "cpu", "--models-dir", tmp_path)
    predict(photos, *words, "--min-confidence", "0.6")
    classification = ClassificationOptions(min_confidence=0.6)
    options = RunOptions(
        detector="d.onnx", classifier="c.onnx", detection=STILL_DETECTION, classification=classification
    )
    assert calls == [(options, "cpu", tmp_path)]


def test_a_name_with_brackets_is_printed_as_it_is(photos: Path) -> None:
    (photos / "both.png").rename(photos / "[bold].png")
    assert cells(predict("photos/[bold].png"))[0][0] == "photos/[bold].png"


@pytest.mark.real
def test_a_portrait_and_a_crowd_are_found_with_the_real_weights(shared: Path, tmp_path: Path) -> None:
    for archive, name in (("fairface_val", "fairface/val/1.webp"), ("faces", "wider_val/0--Parade/{}")):
        with zipfile.ZipFile(shared / "data" / f"{archive}.zip") as images:
            images.extract(name.format("0_Parade_Parade_0_12.webp"), tmp_path)
    result = predict(tmp_path, "--format", "json", "--annotate", tmp_path / "seen")
    assert result.exit_code == 0, result.stderr
    portrait, crowd = json.loads(result.stdout)
    assert len(portrait["faces"]) == 1
    assert portrait["faces"][0]["gender"] == "male"
    assert len(crowd["faces"]) >= 10
    assert {path.name for path in (tmp_path / "seen").iterdir()} == {"1.webp", "0_Parade_Parade_0_12.webp"}
