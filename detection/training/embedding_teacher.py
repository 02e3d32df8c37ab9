"""dlib's face recognition network as a teacher, read from its own file and run without dlib.

The network is a ResNet of 29 convolutions by Davis King (dlib_face_recognition_resnet_model_v1.dat, public domain;
99.4 % on LFW). The file holds the layers in order, from the input on: whole numbers with their length before them, and
tensors as four dimensions followed by little-endian float32. Strided layers do not pad, and where the two branches of a
block differ in size, the smaller one is padded with zeros. Computed here, vectors agree with dlib's within 1e-6.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from facetally.detection.crops import CropRecipe, cut_crops
from facetally.detection.faces import Faces, FloatArray, ImageArray

CHIP_PX = 150
CHIP_RECIPE, CHIP_MARGIN_PX = CropRecipe(size_px=CHIP_PX, template_scale=1.126), 24
"""dlib aligns by its own points. With this scale and `CHIP_CORNER` our five points lie, within 2 px, where they lie in
dlib's own chips, on the mean of 287 faces."""
CHIP_CORNER = (48, 24)
"""y, x of the chip in the crop with its margin: dlib shows more below the face."""
MEAN_RGB = (122.782, 117.001, 104.298)
LAYER = re.compile(rb"\x01\x05(con_4)|\x01\x07(affine_)|\x01\x04(fc_2)")
"""The name of a layer with parameters, after its length."""


@dataclass(frozen=True)
class _Layer:
    kind: str
    sizes: tuple[int, ...]
    """Of a convolution: filters, height, width, stride y, x, padding y, x. Of the last layer: outputs, inputs."""
    values: FloatArray


class DlibTeacher:
    """Gives the vectors of faces.

    Args:
        path: the .dat file.

    Raises:
        ValueError: the file does not hold this network.
    """

    def __init__(self, path: Path) -> None:
        self.network = DlibNetwork(path).eval().to(memory_format=torch.channels_last)

    def of_faces(self, image_bgr: ImageArray, faces: Faces) -> FloatArray:
        """(N, 128) float32 of length 1, of N faces in an image."""
        crops = cut_crops(image_bgr, faces, CHIP_RECIPE, CHIP_MARGIN_PX)
        top, left = CHIP_CORNER
        return self.vectors(crops[:, top : top + CHIP_PX, left : left + CHIP_PX])

    def vectors(self, chips: ImageArray) -> FloatArray:
        """(N, 128) float32 of length 1, of (N, 150, 150, 3) uint8 RGB and their mirror images."""
        images = torch.from_numpy(np.ascontiguousarray(chips)).permute(0, 3, 1, 2).float()
        with torch.inference_mode():
            both = self.network(images) + self.network(images.flip(3))
            return np.asarray(functional.normalize(both, dim=1).numpy(), np.float32)


class DlibNetwork(nn.Module):
    """(B, 3, 150, 150) float32 RGB in [0, 255] -> (B, 128); two faces closer than 0.6 are one person."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        convolutions: list[nn.Conv2d] = []
        last = None
        for layer in _layers(path.read_bytes()):
            if layer.kind == "con":
                convolutions.append(_convolution(layer))
            elif layer.kind == "affine":
                _scale(convolutions[-1], layer.values)
            else:
                last = layer
        if len(convolutions) != 29 or last is None:
            raise ValueError(f"{path} is not dlib's face recognition network: {len(convolutions)} convolutions")
        self.first, self.others = convolutions[0], nn.ModuleList(convolutions[1:])
        self.last = nn.Parameter(torch.from_numpy(last.values.reshape(last.sizes[1], last.sizes[0])))
        self.mean: torch.Tensor
        self.register_buffer("mean", torch.tensor(MEAN_RGB)[None, :, None, None])

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = functional.max_pool2d(functional.relu(self.first((images - self.mean) / 256)), 3, 2)
        for first, second in zip(self.others[::2], self.others[1::2], strict=True):
            branch = second(functional.relu(first(x)))
            if first.stride == (2, 2):
                x = functional.avg_pool2d(x, 2, 2)
            x = functional.relu(_padded(x, branch) + _padded(branch, x))
        return x.mean(dim=(2, 3)) @ self.last


def _padded(x: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """With zeros up to the size of the other, where that is larger."""
    channels, rows, columns = (max(own, theirs) - own for own, theirs in zip(x.shape[1:], other.shape[1:], strict=True))
    return functional.pad(x, (0, columns, 0, rows, 0, channels))


def _layers(data: bytes) -> Iterator[_Layer]:
    """The layers with parameters, the first one first."""
    for found in LAYER.finditer(data):
        at = found.end()
        if found[1]:
            values, at = _tensor(data, at)
            yield _Layer("con", _integers(data, at, 7)[0], values)
        elif found[2]:
            yield _Layer("affine", (), _tensor(data, at)[0])
        else:
            sizes, at = _integers(data, at, 2)
            yield _Layer("fc", sizes, _tensor(data, at)[0])


def _integers(data: bytes, at: int, count: int) -> tuple[tuple[int, ...], int]:
    """So many whole numbers, and the position behind them: a byte with sign and length, then the digits."""
    numbers = []
    for _ in range(count):
        length = data[at] & 0x0F
        value = int.from_bytes(data[at + 1 : at + 1 + length], "little")
        numbers.append(-value if data[at] & 0x80 else value)
        at += 1 + length
    return tuple(numbers), at


def _tensor(data: bytes, at: int) -> tuple[FloatArray, int]:
    (version, *dimensions), at = _integers(data, at, 5)
    count = int(np.prod(dimensions))
    if version != 2 or at + 4 * count > len(data):
        raise ValueError("not a network of dlib: a tensor is damaged")
    return np.frombuffer(data, "<f4", count, at).copy(), at + 4 * count


def _convolution(layer: _Layer) -> nn.Conv2d:
    filters, rows, columns, stride_y, stride_x, padding_y, padding_x = layer.sizes
    planes = (layer.values.size - filters) // (filters * rows * columns)
    convolution = nn.Conv2d(planes, filters, (rows, columns), (stride_y, stride_x), (padding_y, padding_x))
    weight, bias = np.split(layer.values, [layer.values.size - filters])
    convolution.weight.data = torch.from_numpy(weight.reshape(filters, planes, rows, columns).copy())
    convolution.bias = nn.Parameter(torch.from_numpy(bias.copy()))
    return convolution


def _scale(convolution: nn.Conv2d, values: FloatArray) -> None:
    """Applies the factors and offsets per filter that follow a convolution."""
    factors, offsets = (torch.from_numpy(part.copy()) for part in np.split(values, 2))
    assert convolution.bias is not None
    convolution.weight.data *= factors[:, None, None, None]
    convolution.bias.data = convolution.bias.data * factors + offsets
