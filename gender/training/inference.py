"""A network's predictions for the crops of a corpus, in torch."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from facetally.gender.data.face_sets import FaceCorpus
from facetally.gender.model.networks import FaceNetwork
from facetally.gender.training.recipes import Recipe


def predict_output(
    network: FaceNetwork,
    corpus: FaceCorpus,
    recipe: Recipe,
    size_px: int,
    device: str = "cpu",
    *,
    batch_size: int = 256,
    mirrored: bool = False,
) -> npt.NDArray[np.float32]:
    """(N, C) output for the crops' middle, without augmentation; `mirrored`: the mean over it and its mirror image."""
    network.eval()
    parts = []
    with torch.inference_mode():
        for rows in corpus.batches(batch_size):
            crops = normalise(torch.from_numpy(corpus.middles(rows, size_px)).to(device), recipe)
            output = network(crops).float()
            if mirrored:
                output = (output + network(crops.flip(3)).float()) / 2
            parts.append(output.cpu().numpy())
    return np.concatenate(parts)


def normalise(crops: torch.Tensor, recipe: Recipe) -> torch.Tensor:
    """(B, S, S, 3) uint8 RGB -> (B, 3, S, S) float32, by the recipe's mean and standard deviation."""
    mean = torch.tensor(recipe.pixel_mean, device=crops.device) * 255
    std = torch.tensor(recipe.pixel_std, device=crops.device) * 255
    # the memory layout stays channels last, which is faster for convolutions on a CPU
    return ((crops.float() - mean) / std).permute(0, 3, 1, 2)
