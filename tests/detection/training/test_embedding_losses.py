from __future__ import annotations

import pytest

pytest.importorskip("torch")
import torch

from facetally.detection.training.embedding_losses import EmbeddingLoss, EmbeddingLossOptions

EYE = torch.eye(3)
NOBODY = torch.tensor([-1, -1, -1])


def loss_of(person_count: int = 2) -> EmbeddingLoss:
    torch.manual_seed(0)
    return EmbeddingLoss(3, person_count, EmbeddingLossOptions(1.0, 1.0, 1.0, margin=0.2, scale=10.0))


def test_the_vectors_of_the_teacher_cost_nothing_at_any_length() -> None:
    parts = loss_of()(5 * EYE, EYE, NOBODY)
    assert {name: value.item() for name, value in parts.items()} == {"teacher": 0.0, "relation": 0.0}


def test_a_rotation_of_all_vectors_keeps_their_relations() -> None:
    turned = EYE[[1, 2, 0]]
    parts = loss_of()(turned, EYE, NOBODY)
    assert parts["teacher"].item() == pytest.approx(1.0)
    assert parts["relation"].item() == pytest.approx(0.0)


def test_two_vectors_that_should_differ_cost() -> None:
    parts = loss_of()(EYE[[0, 0, 2]], EYE, NOBODY)
    assert parts["teacher"].item() == pytest.approx(1 / 3)
    assert parts["relation"].item() == pytest.approx(2 / 9)  # two of nine cosines are 1 instead of 0


def test_the_margin_must_be_won_beyond_the_right_direction() -> None:
    loss = loss_of()
    loss.directions.data = EYE[:2]
    parts = loss(EYE, torch.zeros(3, 0), torch.tensor([0, 1, -1]))
    expected = torch.log(1 + torch.exp(torch.tensor(-10 * 0.8)))  # own cosine 1 - 0.2, the other 0
    assert parts.keys() == {"person"}
    assert parts["person"].item() == pytest.approx(expected.item(), rel=1e-4)


def test_faces_of_nobody_known_do_not_move_the_directions() -> None:
    loss = loss_of()
    torch.stack(list(loss(EYE.requires_grad_(), EYE, NOBODY).values())).sum().backward()  # type: ignore[no-untyped-call]
    assert loss.directions.grad is None
