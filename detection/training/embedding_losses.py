"""The losses of an embedding network: agreement with a teacher's vectors, and a margin between persons."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional


@dataclass(frozen=True)
class EmbeddingLossOptions:
    """Weights of the parts, and the constants of the margin loss."""

    teacher_weight: float = 2.0
    """Of 1 - cosine to the teacher's vector."""
    relation_weight: float = 4.0
    """Of the squared differences between the cosines within the batch and the teacher's (Park et al., "Relational
    Knowledge Distillation", CVPR 2019)."""
    person_weight: float = 0.25
    margin: float = 0.2
    """Subtracted from the cosine to the own person (CosFace; Wang et al., CVPR 2018)."""
    scale: float = 24.0
    """Cosines are multiplied by it before the softmax."""


class EmbeddingLoss(nn.Module):
    """The loss of a batch of vectors.

    Args:
        dimensions: D, of the vectors and of the teacher's.
        person_count: persons in training; each has a learnt direction.
        options: weights.
    """

    def __init__(self, dimensions: int, person_count: int, options: EmbeddingLossOptions) -> None:
        super().__init__()
        self.options = options
        self.directions = nn.Parameter(torch.randn(person_count, dimensions) * 0.1)

    def forward(self, vectors: torch.Tensor, teacher: torch.Tensor, persons: torch.Tensor) -> dict[str, torch.Tensor]:
        """The parts of the loss, each with its weight applied.

        Args:
            vectors: (B, D) of the network, not normalised.
            teacher: (B, D) unit vectors; (B, 0) without a teacher.
            persons: (B,) positions of the persons; -1 where they are not known.
        """
        o, own = self.options, functional.normalize(vectors, dim=1)
        parts = {}
        if teacher.shape[1]:
            parts["teacher"] = o.teacher_weight * (1 - (own * teacher).sum(1)).mean()
            parts["relation"] = o.relation_weight * (own @ own.T - teacher @ teacher.T).square().mean()
        known = persons >= 0
        if known.any():
            cosines = own[known] @ functional.normalize(self.directions, dim=1).T
            target = functional.one_hot(persons[known], len(self.directions))
            logits = o.scale * (cosines - o.margin * target)
            parts["person"] = o.person_weight * functional.cross_entropy(logits, persons[known])
        return parts
