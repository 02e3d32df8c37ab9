"""`facetally train` and `facetally evaluate`."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result
from drawn_faces import drawn_crops
from drawn_world import Square, SquareDetector, background

from facetally.cli.main import main
from facetally.cli.training_progress import print_evaluation
from facetally.gender.metrics import GenderEvaluation
from facetally.training import face_crops

MODEL = str(Path(__file__).resolve().parents[3] / "models" / "mobilenetv2_gender_utkface.onnx")


def facetally(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)


@pytest.fixture
def portraits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three women and two men as squares, and a man whose face is not found; any detector finds the squares."""
    monkeypatch.setattr(face_crops, "ScrfdDetector", lambda *_, **__: SquareDetector())
    (tmp_path / "scrfd.onnx").write_bytes(b"any")
    for number in range(6):
        image = background(60 + number)
        if number:
            Square("red" if number % 2 else "blue", (60, 40)).draw(image, 0.0)
        path = tmp_path / "portraits" / ("female" if number % 2 else "male") / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), image)
    return tmp_path / "portraits"


def draw_images(folder: Path, count: int, seed: int = 0) -> Path:
    """Crops of bright women and dark men in turn, all 30 years old, with file names as in UTKFace."""
    folder.mkdir()
    for number, crop in enumerate(drawn_crops([number % 2 for number in range(count)], seed)):
        cv2.imwrite(str(folder / f"30_{number % 2}_0_{number}.png"), crop)
    return folder


def evaluate(images: object, folder: Path, *words: object) -> Result:
    return facetally("evaluate", images, "--model", MODEL, "-o", folder / "out", *words)


def figures(folder: Path) -> dict[str, int]:
    """The counts for gender in metrics.json."""
    metrics = json.loads((folder / "out" / "metrics.json").read_text())["gender"]
    return {key: metrics[key] for key in ("count", "male_as_male", "female_as_female")}


def test_folders_are_evaluated_and_images_without_a_face_are_counted(portraits: Path, tmp_path: Path) -> None:
    done = evaluate(portraits, tmp_path, "--detector", tmp_path / "scrfd.onnx")
    assert done.exit_code == 0
    assert "portraits: 6 images, 1 without face, 5 cut" in done.stderr
    counts = figures(tmp_path)
    assert counts["count"] == 5
    men, women = f"{counts['male_as_male'] / 2:.2%}", f"{counts['female_as_female'] / 3:.2%}"
    (row,) = [line.split() for line in done.stdout.splitlines() if " all " in line]
    assert [row[index] for index in (3, 7, 9)] == ["5", women, men]
    assert "Written to" in done.stderr and "Written to" not in done.stdout
    assert (tmp_path / "out" / "classification_report.txt").exists()


def test_a_zip_and_a_table_give_the_same_evaluation_as_folders(portraits: Path, tmp_path: Path) -> None:
    detector = ("--detector", tmp_path / "scrfd.onnx")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for path in portraits.rglob("*.png"):
            archive.write(path, path.relative_to(portraits))
    rows = [f"{path.name},{path.parent.name}" for path in portraits.rglob("*.png")]
    (tmp_path / "flat").mkdir()
    for path in portraits.rglob("*.png"):
        (tmp_path / "flat" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "labels.csv").write_text("\n".join(["file,gender", *rows]))
    evaluations = []
    for source in (portraits, tmp_path / "all.zip", f"x={tmp_path}/flat+{tmp_path}/labels.csv"):
        assert evaluate(source, tmp_path, *detector).exit_code == 0
        evaluations.append(figures(tmp_path))
    assert evaluations[0] == evaluations[1] == evaluations[2]


def test_weights_without_a_record_of_their_training_images_cannot_be_evaluated_on_held_out_ones(
    portraits: Path, tmp_path: Path
) -> None:
    done = evaluate(portraits, tmp_path, "--aligned", "--held-out")
    assert done.exit_code == 1
    assert "does not record which images its training held out" in done.stderr
    assert "leave out --held-out" in done.stderr


def test_images_without_a_label_for_what_the_model_predicts_are_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    cv2.imwrite(str(tmp_path / "a" / "1.png"), np.zeros((9, 9, 3), np.uint8))
    (tmp_path / "ages.csv").write_text("file,age\n1.png,30\n")
    done = evaluate(f"{tmp_path}/a+{tmp_path}/ages.csv", tmp_path, "--aligned")
    assert done.exit_code == 1
    assert "none of 1 faces has a label for what" in done.stderr


@pytest.mark.parametrize(
    ("words", "error", "fix"),
    [
        (["gender-focol", "--data", "x"], "no recipe is called 'gender-focol'", "did you mean gender-focal?"),
        (["sharks", "--data", "x"], "no recipe is called 'sharks'", "choose one of: gender-utkface, genderage"),
        (["genderage", "--data", "nowhere.zip", "--aligned"], "no such file or folder: nowhere.zip", "--help"),
        (["genderage", "--data", "labels.csv", "--aligned"], "labels: name a folder", "NAME=IMAGES+TABLE"),
        (["genderage", "--data", "x", "--detector", "sharp"], "no detector is called 'sharp'", "scrfd_2.5g"),
    ],
)
def test_a_training_that_cannot_start_is_an_error_with_a_fix(
    tmp_path: Path, words: list[str], error: str, fix: str
) -> None:
    pytest.importorskip("torchvision")
    done = facetally("train", *words, "-o", tmp_path / "out")
    assert done.exit_code == 1
    assert f"Error: {error}" in done.stderr
    assert fix in done.stderr.split("Fix: ")[1]


def test_a_training_starts_from_one_set_of_weights(tmp_path: Path) -> None:
    pytest.importorskip("torchvision")
    (tmp_path / "a.pth").touch()
    words = ("--backbone", tmp_path / "a.pth", "--start", tmp_path / "a.pth", "-o", tmp_path / "out")
    assert "both give the first weights" in facetally("train", "genderage", "--data", "x", *words).stderr


@pytest.mark.parametrize(
    ("recipe", "error"),
    [
        ("genderage", "--backbone imagenet: torchvision has no weights for five_blocks"),
        ("age-resnet34", "--backbone imagenet: torchvision's weights could not be fetched: no network"),
    ],
)
def test_weights_of_torchvision_that_cannot_be_had_are_an_error_with_a_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: str, error: str
) -> None:
    pytest.importorskip("torchvision")

    def fetch(*_: Any, **__: Any) -> None:
        raise OSError("no network")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.download_url_to_file", fetch)
    done = facetally("train", recipe, "--data", tmp_path, "--aligned", "--backbone", "imagenet", "-o", tmp_path / "out")
    assert done.exit_code == 1
    assert f"Error: {error}" in done.stderr
    assert "Fix: give a file of weights, or leave out --backbone" in done.stderr


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The values in JSON that are neither objects nor lists, by where they stand."""
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, part in pairs:
            yield from leaves(part, f"{path}/{key}")
    else:
        yield path, value


def test_a_model_is_trained_by_one_command_and_evaluated_by_another(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    pytest.importorskip("torchvision")
    data, cache = f"drawn={draw_images(tmp_path / 'images', 120)}", ("--cache", tmp_path / "crops")
    options = ("--aligned", *cache, "--epochs", 1, "--workers", 0, "-o", tmp_path / "model")
    done = facetally("train", "genderage", "--data", data, *options)
    assert done.exit_code == 0
    assert "epoch 1: loss" in done.stderr and "training starts from scratch" in done.stderr
    assert "female recall" in done.stdout and "epoch" not in done.stdout
    model = tmp_path / "model" / "genderage.onnx"
    again = facetally(
        "evaluate", data, "--model", model, "--aligned", *cache, "--held-out", "-o", tmp_path / "outcomes"
    )
    metrics = [json.loads((tmp_path / name / "metrics.json").read_text()) for name in ("model/evaluation", "outcomes")]
    by_torch, by_onnx = (dict(leaves(one)) for one in metrics)
    assert by_torch == pytest.approx(by_onnx, rel=1e-5, abs=2e-5)  # they round alike but for the last digit
    assert again.stdout == done.stdout
    words = ("--model", model, "--aligned", "--held-out", "-o", tmp_path / "outcomes")
    refused = facetally("evaluate", f"other={draw_images(tmp_path / 'other', 2, seed=7)}", *words)
    assert "held out no image of other" in refused.stderr


def test_a_gender_that_no_face_has_gets_no_recall(capsys: pytest.CaptureFixture[str]) -> None:
    only_women = GenderEvaluation(male_as_male=0, male_as_female=0, female_as_male=1, female_as_female=3)
    gender = only_women.as_dict() | {"calibration_error": 0.1, "by_set": {}}
    print_evaluation({"gender": gender, "age": None}, {})
    printed = capsys.readouterr().out
    assert printed.count("75.00%") == 2 and "0.00%" not in printed


def test_women_and_men_are_compared_by_age_and_by_group(capsys: pytest.CaptureFixture[str]) -> None:
    found = GenderEvaluation(male_as_male=9, male_as_female=1, female_as_male=2, female_as_female=6)
    old = {"count": 8, "female": {"accuracy": 0.75}, "male": {"accuracy": 1.0}}
    boys = {"count": 10, "male": {"accuracy": 0.9}}
    parts = {"by_age": {"10-17": boys, "70+": old}, "by_set": {"ours": {"by_group": {"village": old}}}}
    print_evaluation({"gender": found.as_dict() | {"calibration_error": 0.1} | parts, "age": None}, {})
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in capsys.readouterr().out.splitlines()]
    assert ["70+", "8", "75.00%", "100.00%", "-25.0"] in cells
    assert ["10-17", "10", "", "90.00%", ""] in cells
    assert ["village", "8", "75.00%", "100.00%", "-25.0"] in cells


def test_evaluating_an_onnx_file_does_not_import_torch() -> None:
    code = "import facetally.training.face_crops, facetally.training.evaluate, facetally.cli.training_progress, sys"
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", f"{code}; print('torch' in sys.modules)"], cwd=root, stdout=-1)
    assert done.stdout.split() == [b"False"]
