from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnxscript")

from facetally.files import sha256_of
from facetally.gender.calibration import Calibration
from facetally.gender.classifier import FaceGenderClassifier
from facetally.gender.model.card import ModelCard
from facetally.gender.model.checkpoint import load_checkpoint, save_checkpoint
from facetally.gender.model.networks import FaceNetwork, NetworkOptions
from scripts.calibrate_tracks import store

MANIFEST = "name,kind,file,sha256,bytes,url,archive_sha256,licence,note\nsmall,classifier,small.onnx,,,,,,\n"


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    card = ModelCard(
        name="small",
        architecture="five_blocks",
        class_names=("male", "female"),
        crop={"size_px": 32, "template_scale": 1.0, "border": "replicate"},
        pixel_mean=(0.0, 0.0, 0.0),
        pixel_std=(1.0, 1.0, 1.0),
        calibration={"crop": {"slope": 1.0, "offset": 0.0}},
    )
    save_checkpoint(tmp_path / "small.pth", FaceNetwork(NetworkOptions("five_blocks"), 2), card)
    (tmp_path / "manifest.csv").write_text(MANIFEST)
    return tmp_path / "small.pth"


@pytest.mark.parametrize("smoothing", [0, 0.05])
def test_a_second_line_is_applied_after_the_first(checkpoint: Path, smoothing: float) -> None:
    first, second = Calibration(0.5, 0.2, smoothing), Calibration(0.8, -0.1)
    network, card = load_checkpoint(checkpoint)
    save_checkpoint(checkpoint, network, replace(card, calibration={"track": asdict(first)}))
    store(checkpoint, second)
    stored = load_checkpoint(checkpoint)[1].calibration_of("track")
    odds = np.array([-2.0, 0.0, 3.0])
    assert stored.apply(odds) == pytest.approx(second.apply(first.apply(odds)))


def test_both_files_and_the_manifest_are_updated(checkpoint: Path) -> None:
    store(checkpoint, Calibration(0.5, 0.2))
    onnx = checkpoint.with_suffix(".onnx")
    assert FaceGenderClassifier(onnx).card == FaceGenderClassifier(checkpoint).card
    assert sha256_of(onnx) in (checkpoint.parent / "manifest.csv").read_text()


def test_predictions_for_single_crops_do_not_change(checkpoint: Path) -> None:
    crops = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    before = FaceGenderClassifier(checkpoint).predict(crops).female_prob
    store(checkpoint, Calibration(0.5, 0.2))
    assert np.array_equal(FaceGenderClassifier(checkpoint).predict(crops).female_prob, before)
    assert not np.allclose(FaceGenderClassifier(checkpoint, unit="track").predict(crops).female_prob, before)
