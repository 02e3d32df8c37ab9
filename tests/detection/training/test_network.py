from __future__ import annotations

import pytest

pytest.importorskip("torch")
import torch

from facetally.detection.training.assignment import anchor_centres
from facetally.detection.training.network import SCRFD_500M, Head, ScrfdNetwork, ScrfdNetworkOptions, StridedDepthwise


def test_each_stride_has_outputs_for_two_anchors_per_cell() -> None:
    levels = ScrfdNetwork()(torch.zeros(2, 3, 64, 96))
    counts = [2 * 8 * 12, 2 * 4 * 6, 2 * 2 * 3]
    assert [tuple(scores.shape) for scores, _, _ in levels] == [(2, count) for count in counts]
    assert [tuple(boxes.shape) for _, boxes, _ in levels] == [(2, count, 4) for count in counts]
    assert [tuple(points.shape) for _, _, points in levels] == [(2, count, 10) for count in counts]


def test_there_is_one_output_per_anchor() -> None:
    levels = ScrfdNetwork()(torch.zeros(1, 3, 96, 160))
    assert len(anchor_centres(96, 160)) == sum(scores.shape[1] for scores, _, _ in levels)


def test_the_network_has_as_many_parameters_as_the_papers() -> None:
    parameters = sum(parameter.numel() for parameter in ScrfdNetwork(SCRFD_500M).parameters())
    assert parameters == 631_413


def test_before_training_every_score_is_low_and_every_box_has_a_size() -> None:
    torch.manual_seed(0)
    levels = ScrfdNetwork().eval()(torch.randn(1, 3, 64, 64))
    assert max(scores.sigmoid().max().item() for scores, _, _ in levels) < 0.1
    assert min((boxes[..., 2:] + boxes[..., :2]).min().item() for _, boxes, _ in levels) > 1


def test_an_output_depends_on_the_image_around_its_anchor() -> None:
    torch.manual_seed(0)
    network = ScrfdNetwork(ScrfdNetworkOptions(stage_blocks=(1, 1, 1, 1))).eval()
    blank, spotted = torch.zeros(1, 3, 256, 256), torch.zeros(1, 3, 256, 256)
    spotted[:, :, 200:208, 40:48] = 3.0
    with torch.no_grad():
        change = (network(spotted)[0][0] - network(blank)[0][0]).abs()[0]
    centres = anchor_centres(256, 256)[: len(change), :2]
    middle = (centres * change[:, None]).sum(dim=0) / change.sum()
    assert middle.tolist() == pytest.approx([44, 204], abs=20)


def test_a_heads_convolutions_give_the_same_joined() -> None:
    torch.manual_seed(0)
    head, level = Head(SCRFD_500M).eval(), torch.randn(2, 16, 6, 8)
    apart = head(level)
    head.training = True  # of the head alone: its batch norms stay in evaluation mode
    for one, other in zip(apart, head(level), strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_strided_depthwise_convolutions_stay_in_float32() -> None:
    strided = StridedDepthwise(4, 4, 3, 2, 1, groups=4)
    with torch.autocast("cpu", torch.bfloat16):
        assert strided(torch.zeros(1, 4, 8, 8)).dtype == torch.float32
        assert torch.nn.Conv2d(4, 4, 3)(torch.zeros(1, 4, 8, 8)).dtype == torch.bfloat16
