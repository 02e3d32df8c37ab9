"""Backbones that were trained before: on faces by another of our recipes, or on ImageNet by torchvision."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import torch
import torchvision

from facetally.gender.model.card import ModelCard
from facetally.gender.model.checkpoint import read_plain
from facetally.gender.model.networks import FaceNetwork

IMAGENET = "IMAGENET1K_V1"
"""Torchvision's name for its first weights of every network, by its plain recipe."""
RESNET_BLOCKS = re.compile(r"^(conv1|bn1|layer\d)(?=\.)")
"""Matches the blocks of a ResNet in torchvision's names."""
REASON_CHARACTERS = 200
"""Of an error of torch, in ours."""


def load_backbone(network: FaceNetwork, path: Path) -> ModelCard | None:
    """Fills `features`; the head keeps its initialisation.

    Args:
        network: filled in place.
        path: a checkpoint of ours with this backbone, or a file in torchvision's names (also of a ResNet).

    Returns:
        The card of a checkpoint of ours, which says what it was trained on; None for another file.

    Raises:
        ValueError: the file does not hold exactly the backbone's tensors.
    """
    head = {name: value for name, value in network.state_dict().items() if not name.startswith("features.")}
    try:
        content = read_plain(path)
        card = ModelCard.from_dict(content["card"]) if "card" in content else None
        state = content["weights"] if card else content
        renamed = {RESNET_BLOCKS.sub(_resnet_block, name): value for name, value in state.items()}
        network.load_state_dict(head | {name: value for name, value in renamed.items() if name.startswith("features.")})
    except Exception as error:  # torch raises pickle, zip, attribute and runtime errors for other files
        reason = textwrap.shorten(str(error), REASON_CHARACTERS, placeholder=" ...")  # torch names every tensor
        raise ValueError(f"{path.name} is not a backbone of this network: {reason}") from error
    return card


def _resnet_block(match: re.Match[str]) -> str:
    block = match[1]
    return f"features.{block[-1]}" if block.startswith("layer") else f"features.0.{int(block == 'bn1')}"


def imagenet_backbone(backbone: str) -> Path:
    """The file with torchvision's weights, trained on ImageNet; fetched once and then kept in torch's own cache.

    Args:
        backbone: a key of `facetally.gender.model.networks.BACKBONES`.

    Raises:
        ValueError: torchvision has no weights of this backbone.
        OSError: they could not be fetched.
        RuntimeError: what was fetched has another hash.
    """
    try:
        url = torchvision.models.get_model_weights(backbone)[IMAGENET].url
    except (KeyError, ValueError) as error:
        raise ValueError(f"torchvision has no weights for {backbone}") from error
    path = Path(torch.hub.get_dir(), "checkpoints", PurePosixPath(urlsplit(url).path).name)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # the file's name ends in the first digits of its SHA-256, which are compared before it gets its name
        torch.hub.download_url_to_file(url, str(path), hash_prefix=path.stem.rpartition("-")[2], progress=False)
    return path
