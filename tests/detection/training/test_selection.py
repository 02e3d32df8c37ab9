from __future__ import annotations

import pytest

pytest.importorskip("torch")
from drawn_scenes import drawn_scenes
from small_scrfd import SmallScrfd

from facetally.detection.training.selection import average_precision, is_held_out


def test_one_of_six_images_is_held_out_by_its_name() -> None:
    held_out = [is_held_out(f"{number}.jpg") for number in range(600)]
    assert 70 < sum(held_out) < 130
    assert held_out == [is_held_out(f"{number}.jpg") for number in range(600)]


def test_an_untrained_network_has_no_precision(small_scrfd: SmallScrfd) -> None:
    assert average_precision(small_scrfd.exported, drawn_scenes(3)) < 0.1
