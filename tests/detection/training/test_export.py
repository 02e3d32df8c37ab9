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
def test_the_export_predicts_the_same_as_the_network_but_shifted_scores_at_any_size(
    small_scrfd: SmallScrfd, shape: tuple[int, ...]
) -> None:
    images = torch.randn(*shape)
    raw = onnxruntime.InferenceSession(small_scrfd.exported).run(None, {"input": images.numpy()})
    with torch.no_grad():
        levels = small_scrfd.network(images)
    for level, (scores, boxes, points) in enumerate(levels):
        assert raw[level][..., 0] == pytest.approx((scores + SCORE_SHIFT).sigmoid().numpy(), abs=1e-4)
        assert raw[3 + level] == pytest.approx(boxes.numpy(), abs=1e-3)
        assert raw[6 + level] == pytest.approx(points.numpy(), abs=1e-3)


def test_the_outputs_have_the_names_of_the_official_exports(small_scrfd: SmallScrfd) -> None:
    names = [output.name for output in onnx.load(small_scrfd.exported).graph.output]
    assert names == [f"{role}_{stride}" for role in ("score", "bbox", "kps") for stride in (8, 16, 32)]


def test_the_metadata_are_stored(small_scrfd: SmallScrfd) -> None:
    assert {entry.key: entry.value for entry in onnx.load(small_scrfd.exported).metadata_props}["name"] == "ours"


def test_the_pipelines_detector_runs_it(small_scrfd: SmallScrfd) -> None:
    images = [np.zeros((90, 160, 3), np.uint8)] * 2
    assert len(ScrfdDetector(small_scrfd.exported).detect(images)) == 2
