from __future__ import annotations

import numpy as np
import onnx
import pytest

pytest.importorskip("torch")
import onnxruntime
import torch
from small_scrfd import SCORE_SHIFT, SmallScrfd

from facetally.detection.scrfd import ScrfdDetector


@pytest.mark.parametrize("shape", [(1, 3, 64, 96), (3, 3, 160, 128)])
def test_the_exported_network_predicts_the_same_as_the_trained_one_at_any_size(
    small_scrfd: SmallScrfd, shape: tuple[int, ...]
) -> None:
    images = torch.randn(*shape)
    raw = onnxruntime.InferenceSession(small_scrfd.plain).run(None, {"input": images.numpy()})
    with torch.no_grad():
        levels = small_scrfd.network(images)
    for level, (scores, boxes, points) in enumerate(levels):
        assert raw[level][..., 0] == pytest.approx(scores.sigmoid().numpy(), abs=1e-4)
        assert raw[3 + level] == pytest.approx(boxes.numpy(), abs=1e-3)
        assert raw[6 + level] == pytest.approx(points.numpy(), abs=1e-3)


def test_the_outputs_have_the_names_of_the_official_exports(small_scrfd: SmallScrfd) -> None:
    names = [output.name for output in onnx.load(small_scrfd.plain).graph.output]
    assert names == [f"{role}_{stride}" for role in ("score", "bbox", "kps") for stride in (8, 16, 32)]


def test_the_shift_changes_the_scores_only(small_scrfd: SmallScrfd) -> None:
    image = {"input": np.random.default_rng(0).normal(size=(1, 3, 64, 64)).astype(np.float32)}
    files = (small_scrfd.plain, small_scrfd.shifted)
    own, shifted = (onnxruntime.InferenceSession(file).run(None, image) for file in files)
    for level in range(3):
        logits = np.log(own[level] / (1 - own[level]))
        assert shifted[level] == pytest.approx(1 / (1 + np.exp(-logits - SCORE_SHIFT)), abs=1e-5)
    for position in range(3, 9):
        assert shifted[position] == pytest.approx(own[position], abs=1e-5)


def test_the_metadata_are_stored(small_scrfd: SmallScrfd) -> None:
    assert {entry.key: entry.value for entry in onnx.load(small_scrfd.plain).metadata_props}["name"] == "ours"


def test_the_pipelines_detector_runs_it(small_scrfd: SmallScrfd) -> None:
    images = [np.zeros((90, 160, 3), np.uint8)] * 2
    assert len(ScrfdDetector(small_scrfd.plain).detect(images)) == 2
