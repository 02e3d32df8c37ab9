from __future__ import annotations

import pytest

pytest.importorskip("torch")
import torch

from facetally.detection.training.assignment import anchor_boxes, anchor_centres, assign, iou_matrix

CENTRES = anchor_centres(320, 320)
ANCHORS = anchor_boxes(CENTRES)


def owners(*faces: tuple[float, float, float, float]) -> torch.Tensor:
    return assign(CENTRES, ANCHORS, torch.tensor(faces, dtype=torch.float32).reshape(-1, 4))


def square(x: float, y: float, side: float) -> tuple[float, float, float, float]:
    return x - side / 2, y - side / 2, x + side / 2, y + side / 2


def test_anchors_are_centred_at_cell_corners_small_before_large() -> None:
    assert CENTRES[:4].tolist() == [[0, 0, 8], [0, 0, 8], [8, 0, 8], [8, 0, 8]]
    assert ANCHORS[:2].tolist() == [[-8, -8, 8, 8], [-16, -16, 16, 16]]
    assert CENTRES[-1].tolist() == [288, 288, 32]
    assert ANCHORS[-1].tolist() == [32, 32, 544, 544]


def test_iou_by_hand() -> None:
    own = torch.tensor([[0.0, 0, 10, 10]])
    others = torch.tensor([[5.0, 0, 15, 10], [10, 0, 20, 10], [0, 0, 10, 10]])
    assert iou_matrix(own, others)[0].tolist() == pytest.approx([50 / 150, 0, 1])


def test_without_a_face_no_anchor_is_assigned() -> None:
    assert (owners() == -1).all()


@pytest.mark.parametrize(("side", "stride"), [(16, 8), (64, 16), (128, 16), (256, 32)])
def test_a_face_is_assigned_to_anchors_of_its_size(side: int, stride: int) -> None:
    owner = owners(square(160, 160, side))
    assert (CENTRES[owner == 0][:, 2] == stride).any()
    sizes = (ANCHORS[:, 2] - ANCHORS[:, 0])[owner == 0]
    assert ((sizes >= side / 2) & (sizes <= side * 2)).all()


def test_positive_anchors_are_inside_their_face() -> None:
    face = square(150, 130, 90)
    chosen = CENTRES[owners(face) == 0]
    assert len(chosen)
    assert (chosen[:, 0] > face[0]).all() and (chosen[:, 0] < face[2]).all()
    assert (chosen[:, 1] > face[1]).all() and (chosen[:, 1] < face[3]).all()


def test_neighbouring_faces_have_their_own_anchors() -> None:
    faces = [square(60, 60, 40), square(100, 60, 40), square(240, 200, 120)]
    owner = owners(*faces)
    for index, face in enumerate(faces):
        assert (owner == index).any()
        assert (iou_matrix(ANCHORS[owner == index], torch.tensor([face])) > 0).all()


def test_an_anchor_between_two_faces_goes_to_the_one_it_overlaps_more() -> None:
    owner = owners(square(160, 160, 64), square(172, 160, 64))
    overlaps = iou_matrix(ANCHORS, torch.tensor([square(160, 160, 64), square(172, 160, 64)]))
    at = (torch.tensor([160.0, 160, 16]) == CENTRES).all(dim=1).nonzero()[0, 0]
    assert overlaps[at, 0] == pytest.approx(1)
    assert owner[at] == 0


def test_a_tiny_face_has_an_anchor_only_if_a_cell_is_inside_it() -> None:
    assert (owners(square(160, 160, 6)) == 0).any()
    assert (owners(square(164, 164, 6)) == -1).all()
