from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

pytest.importorskip("torch")
import onnxruntime
import torch

from facetally.detection.scrfd import ScrfdDetector
from facetally.detection.training.export import export_scrfd
from facetally.detection.training.network import ScrfdNetwork


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[ScrfdNetwork, Path]:
    torch.manual_seed(0)
    network = ScrfdNetwork().eval()
    path = tmp_path_factory.mktemp("export") / "ours.onnx"
    export_scrfd(network, path, {"name": "ours"})
    return network, path


@pytest.mark.parametrize("shape", [(1, 3, 64, 96), (3, 3, 160, 128)])
def test_the_exported_network_predicts_the_same_as_the_trained_one_at_any_size(
    exported: tuple[ScrfdNetwork, Path], shape: tuple[int, ...]
) -> None:
    network, path = exported
    images = torch.randn(*shape)
    raw = onnxruntime.InferenceSession(path).run(None, {"input": images.numpy()})
    with torch.no_grad():
        levels = network(images)
    for level, (scores, boxes, points) in enumerate(levels):
        assert raw[level][..., 0] == pytest.approx(scores.sigmoid().numpy(), abs=1e-4)
        assert raw[3 + level] == pytest.approx(boxes.numpy(), abs=1e-3)
        assert raw[6 + level] == pytest.approx(points.numpy(), abs=1e-3)


def test_the_outputs_have_the_names_of_the_official_exports(exported: tuple[ScrfdNetwork, Path]) -> None:
    names = [output.name for output in onnx.load(exported[1]).graph.output]
    assert names == [f"{role}_{stride}" for role in ("score", "bbox", "kps") for stride in (8, 16, 32)]


def test_the_shift_changes_the_scores_only(exported: tuple[ScrfdNetwork, Path], tmp_path: Path) -> None:
    network, path = exported
    export_scrfd(network, tmp_path / "shifted.onnx", {}, score_shift=0.5)
    image = {"input": np.random.default_rng(0).normal(size=(1, 3, 64, 64)).astype(np.float32)}
    own, shifted = (onnxruntime.InferenceSession(file).run(None, image) for file in (path, tmp_path / "shifted.onnx"))
    for level in range(3):
        logits = np.log(own[level] / (1 - own[level]))
        assert shifted[level] == pytest.approx(1 / (1 + np.exp(-logits - 0.5)), abs=1e-5)
    for position in range(3, 9):
        assert shifted[position] == pytest.approx(own[position], abs=1e-5)


def test_the_metadata_are_stored(exported: tuple[ScrfdNetwork, Path]) -> None:
    assert {entry.key: entry.value for entry in onnx.load(exported[1]).metadata_props}["name"] == "ours"


def test_the_pipelines_detector_runs_it(exported: tuple[ScrfdNetwork, Path]) -> None:
    images = [np.zeros((90, 160, 3), np.uint8)] * 2
    assert len(ScrfdDetector(exported[1]).detect(images)) == 2
