"""Reads and writes .pth checkpoints: weights and model card only, nothing that could run code."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import torch

from facetally.files import whole_file
from facetally.gender.model.card import ModelCard
from facetally.gender.model.networks import FaceNetwork, NetworkOptions

MAX_BYTES = 2**30
"""The largest unpacked size of a checkpoint; the largest recipe takes 100 MB."""


def save_checkpoint(path: Path, network: torch.nn.Module, card: ModelCard) -> None:
    """Writes weights and card; an interruption leaves the old file or the new one."""
    with whole_file(path) as temporary:
        torch.save({"card": card.to_dict(), "weights": network.state_dict()}, temporary)


def load_checkpoint(path: Path) -> tuple[FaceNetwork, ModelCard]:
    """Builds the network of a checkpoint, in evaluation mode on the CPU.

    Raises:
        ValueError: the file is damaged, holds more than tensors and plain values, or is of another architecture.
    """
    try:
        content = read_plain(path)
        card = ModelCard.from_dict(content["card"])
        network = FaceNetwork(NetworkOptions(card.architecture, **card.network), card.layout.column_count)
        network.load_state_dict(content["weights"])
    except Exception as error:  # torch raises pickle, zip, runtime and key errors for a damaged file
        raise ValueError(f"{path} is not a facetally checkpoint: {error}") from error
    return network.eval(), card


def read_plain(path: Path) -> dict[str, Any]:
    """The tensors, on the CPU, and plain values of a torch file.

    Raises:
        ValueError: it would unpack to more than `MAX_BYTES`.
        Exception: whatever torch raises for a damaged file, or one that holds more.
    """
    _refuse_bomb(path)
    content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return content


def _refuse_bomb(path: Path) -> None:
    """Guards against zip bombs: a few kilobytes can unpack to more than fits in memory."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            size_bytes = sum(member.file_size for member in archive.infolist())
        if size_bytes > MAX_BYTES:
            raise ValueError(f"it would unpack to {size_bytes:,} bytes")
