"""The networks, in torch. Used for training, export and .pth checkpoints; the pipeline itself runs ONNX."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.fx.experimental.optimization import fuse
from torchvision.models import MobileNet_V2_Weights, mobilenet_v2

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
TRUNK_PREFIX = "features."


class MobileNetV2Gender(nn.Module):
    """MobileNetV2 (Sandler et al., CVPR 2018) with one linear head.

    Input (B, 3, S, S) float32 RGB, normalised by the ImageNet mean and standard deviation; output (B, 2) logits in the
    order of the checkpoint's class names.
    """

    def __init__(self, class_count: int = 2) -> None:
        super().__init__()
        base = mobilenet_v2(weights=None, num_classes=class_count)
        self.features, self.classifier = base.features, base.classifier
        self._frozen_count = 0
        self._frozen: tuple[nn.Module, ...] = ()  # in a tuple, so that it is no part of the state dict
        self.register_load_state_dict_post_hook(lambda *_: self._fold_frozen())

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            for block in self._frozen:
                crops = block(crops)
        maps = self.features[self._frozen_count :](crops)
        logits: torch.Tensor = self.classifier(maps.mean(dim=(2, 3)))
        return logits

    def freeze_first(self, block_count: int) -> None:
        """Keeps the first blocks of `features` as they are now: no gradient, fixed batch-norm statistics.

        They run as a copy with the batch norms folded into the convolutions, nearly twice as fast on a CPU.
        """
        self._frozen_count = block_count
        for parameter in self.features[:block_count].parameters():
            parameter.requires_grad_(False)
        self.train(self.training)
        self._fold_frozen()

    def _fold_frozen(self) -> None:
        if self._frozen_count:
            self._frozen = (fuse(self.features[: self._frozen_count].eval()),)

    def train(self, mode: bool = True) -> MobileNetV2Gender:
        super().train(mode)
        self.features[: self._frozen_count].eval()
        return self


def load_imagenet_trunk(network: MobileNetV2Gender, trunk_path: Path | None) -> str:
    """Fills `features` with ImageNet weights and says where they came from.

    Args:
        network: is changed in place; its head stays as it was initialised.
        trunk_path: a state dict in torchvision's names; None takes torchvision's own weights (needs the network once).

    Raises:
        ValueError: the file does not hold exactly the trunk's tensors.
    """
    if trunk_path is None:
        weights = MobileNet_V2_Weights.IMAGENET1K_V2
        state: Mapping[str, Any] = weights.get_state_dict(progress=True, check_hash=True)
        source = f"torchvision {weights}"
    try:
        if trunk_path is not None:
            source = trunk_path.name
            state = torch.load(trunk_path, map_location="cpu", weights_only=True)
        trunk = {k.removeprefix(TRUNK_PREFIX): v for k, v in state.items() if k.startswith(TRUNK_PREFIX)}
        network.features.load_state_dict(trunk)
    except Exception as error:  # torch raises pickle, zip, attribute and runtime errors for other files
        raise ValueError(f"{source} is not a MobileNetV2 trunk in torchvision's names: {error}") from error
    return source
