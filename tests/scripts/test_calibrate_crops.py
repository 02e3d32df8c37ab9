from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import pytest
from click.testing import CliRunner
from drawn_faces import drawn_crops

pytest.importorskip("torch")
pytest.importorskip("torchvision")
pytest.importorskip("onnxscript")
from quick_training import skip_plots_and_export

from facetally.cli.training_progress import shown_training
from facetally.datasets.labelled_images import ImageSource
from facetally.files import sha256_of
from facetally.gender.classifier import FaceGenderClassifier
from facetally.gender.model.checkpoint import load_checkpoint, save_checkpoint
from facetally.gender.training.recipes import RECIPES, Stage
from facetally.training.train import TrainingJob, train_model
from scripts.calibrate_crops import main

MANIFEST = "name,kind,file,sha256,bytes,url,archive_sha256,licence,note\ngenderage,classifier,genderage.onnx,,,,,,\n"
RECIPE = replace(RECIPES["genderage"], size_px=32, stages=(Stage(1, 1e-3),), batch_size=16, early_stop_epochs=None)


@pytest.mark.parametrize("mirrored", [False, True])
def test_recalibration_restores_the_line_of_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mirrored: bool
) -> None:
    recipe = replace(RECIPE, mirrored=mirrored)
    monkeypatch.setitem(RECIPES, recipe.name, recipe)
    images, out = tmp_path / "images", tmp_path / "out"
    images.mkdir()
    for number, crop in enumerate(drawn_crops([number % 2 for number in range(200)])):
        cv2.imwrite(str(images / f"{20 + 40 * (number % 2)}_{1 - number % 2}_0_{number}.png"), crop)
    with monkeypatch.context() as patched, shown_training() as watcher:
        skip_plots_and_export(patched)  # the command writes the .onnx anew
        card = train_model(TrainingJob(recipe, (ImageSource("drawn", (images,)),), out, None), watcher).card
    checkpoint, line = out / "genderage.pth", card.calibration["crop"]
    lines = {"crop": {"slope": 9.0, "offset": -9.0}, "track": {"slope": 2.0, "offset": 0.5}}
    save_checkpoint(checkpoint, load_checkpoint(checkpoint)[0], replace(card, calibration=lines, mirrored=not mirrored))
    (out / "manifest.csv").write_text(MANIFEST)
    done = CliRunner().invoke(main, [str(checkpoint), "--data", f"drawn={images}", "--aligned"])
    assert done.exit_code == 0, done.output
    stored = load_checkpoint(checkpoint)[1]
    assert stored.calibration["crop"] == pytest.approx(line)
    assert card.mirrored == stored.mirrored == mirrored
    assert stored.calibration["track"] == lines["track"]
    assert FaceGenderClassifier(out / "genderage.onnx").card == stored
    assert sha256_of(out / "genderage.onnx") in (out / "manifest.csv").read_text()
