from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")
from drawn_scenes import drawn_scenes

from facetally.detection.training.export import export_scrfd
from facetally.detection.training.network import ScrfdNetwork, ScrfdNetworkOptions
from facetally.detection.training.selection import average_precision, is_held_out


def test_one_of_six_images_is_held_out_by_its_name() -> None:
    held_out = [is_held_out(f"{number}.jpg") for number in range(600)]
    assert 70 < sum(held_out) < 130
    assert held_out == [is_held_out(f"{number}.jpg") for number in range(600)]


def test_an_untrained_network_has_no_precision(tmp_path: Path) -> None:
    small = ScrfdNetwork(ScrfdNetworkOptions((8, 8), (1, 1, 1, 1), (8, 8, 8, 8), 8, 8, 1))
    export_scrfd(small.eval(), tmp_path / "small.onnx", {})
    assert average_precision(tmp_path / "small.onnx", drawn_scenes(3)) < 0.1
