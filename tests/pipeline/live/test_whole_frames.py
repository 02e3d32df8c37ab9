"""The whole picture in place of the faces in it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from drawn_faces import drawn_crops

import facetally
from facetally.cli.main import main
from facetally.detection.crops import CropRecipe, cut_crops
from facetally.live.engines import WholeFrame
from facetally.options import RunOptions


def test_the_crop_is_the_whole_picture_shrunk() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (6, 6, 3), np.uint8)
    image = np.asarray(cv2.resize(noise, (384, 384)), np.uint8)
    recipe = CropRecipe(size_px=128)
    crop = cut_crops(image, WholeFrame(recipe).detect([image])[0], recipe)[0]
    shrunk = cv2.resize(image, (128, 128), interpolation=cv2.INTER_AREA)[:, :, ::-1]
    assert np.abs(crop.astype(int) - shrunk.astype(int)).max() <= 8


def test_a_wide_picture_is_neither_cut_nor_stretched() -> None:
    image = np.zeros((90, 160, 3), np.uint8)
    image[:, :8], image[:, -8:], image[40:50, 75:85] = 250, 250, 120
    recipe = CropRecipe(size_px=64, border="black")
    crop = cut_crops(image, WholeFrame(recipe).detect([image])[0], recipe)[0]
    assert crop[32, 1, 0] > 200 and crop[32, -2, 0] > 200 and crop[32, 32, 0] > 100
    assert crop[:12].max() == 0 and crop[-12:].max() == 0


def test_the_box_is_the_frame_whatever_the_size_of_the_working_picture() -> None:
    whole = WholeFrame(CropRecipe())
    assert whole.input_wh((1080, 1920)) == (320, 180)
    faces = whole.detect([np.zeros((180, 320, 3), np.uint8)], (1080, 1920))[0]
    assert faces.boxes.tolist() == [[0, 0, 1920, 1080]]


def test_weights_of_the_recipe_for_whole_pictures_predict_something_for_every_frame(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("torch", "torchvision", "onnxscript"):
        pytest.importorskip(package)
    from facetally.gender.training.recipes import RECIPES

    name = "gender-age-128"
    monkeypatch.setitem(RECIPES, name, replace(RECIPES[name], batch_size=16))
    images = tmp_path / "images"
    images.mkdir()
    for number, crop in enumerate(drawn_crops([number % 2 for number in range(40)], 0)):
        cv2.imwrite(str(images / f"{20 + number}_{number % 2}_0_{number}.png"), crop)
    words = ["train", name, "--data", images, "--aligned", "--epochs", 1, "-o", tmp_path / "trained"]
    done = CliRunner().invoke(main, list(map(str, words)), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    weights = str(tmp_path / "trained" / f"{name}.onnx")
    watched = facetally.watch(str(clip), tmp_path / "live", options=RunOptions(detector="none", classifier=weights))
    assert watched.run and sum(watched.genders.values()) == 1
    assert watched.run.faces()[["x1", "y1", "x2", "y2"]].drop_duplicates().to_numpy().tolist() == [[0, 0, 160, 120]]
    assert watched.run.tracks()["female_prob"].between(0, 1).all()
    assert watched.run.tracks()["age_years"].between(0, 120).all()
