from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
import torch

from facetally.detection.faces import Faces
from facetally.detection.training.embedding_teacher import CHIP_PX, DlibNetwork, DlibTeacher

PLANES = [2] * 7 + [4] * 8 + [6] * 6 + [8] * 8
"""Filters of each convolution: a first one, then two per block."""
STRIDED = (7, 15, 21, 27)
"""The convolutions that halve the map, besides the first."""


def integer(value: int) -> bytes:
    digits = value.to_bytes((value.bit_length() + 7) // 8 or 1, "little")
    return bytes([len(digits)]) + digits


def tensor(values: np.ndarray) -> bytes:
    head = b"".join(map(integer, (2, values.size, 1, 1, 1)))
    return head + values.astype("<f4").tobytes()


def dlib_file(path: Path, layers: int = len(PLANES)) -> Path:
    """A network in dlib's format, narrow, with random weights."""
    rng, data, before = np.random.default_rng(0), b"", 3
    for number, planes in enumerate(PLANES[:layers]):
        size, stride = (7, 2) if number == 0 else (3, 2 if number in STRIDED else 1)
        values = rng.normal(scale=0.3, size=before * planes * size**2 + planes)
        padding = size // 2 if stride == 1 else 0
        numbers = (planes, size, size, stride, stride, padding, padding)
        data += b"\x01\x05con_4" + tensor(values) + b"".join(map(integer, numbers))
        data += b"\x01\x07affine_" + tensor(np.concatenate([np.full(planes, 0.5), np.full(planes, 0.1)]))
        before = planes
    last = rng.normal(size=before * 128)
    path.write_bytes(data + b"\x01\x04fc_2" + integer(128) + integer(before) + tensor(last))
    return path


def test_vectors_of_faces_have_length_one_and_survive_mirroring(tmp_path: Path) -> None:
    chips = np.random.default_rng(0).integers(0, 256, (2, CHIP_PX, CHIP_PX, 3), np.uint8)
    teacher = DlibTeacher(dlib_file(tmp_path / "dlib.dat"))
    vectors = teacher.vectors(chips)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(teacher.vectors(chips[:, :, ::-1]), vectors, atol=1e-4)
    assert vectors[0] @ vectors[1] < 0.99999


def test_factors_and_offsets_are_applied_to_the_convolution_before_them(tmp_path: Path) -> None:
    network = DlibNetwork(dlib_file(tmp_path / "dlib.dat"))
    values = np.random.default_rng(0).normal(scale=0.3, size=3 * 2 * 49 + 2)
    assert network.first.weight.flatten().tolist() == pytest.approx((0.5 * values[:-2]).tolist(), rel=1e-5)
    assert network.first.bias is not None
    assert network.first.bias.tolist() == pytest.approx((0.5 * values[-2:] + 0.1).tolist(), rel=1e-5)


def test_maps_shrink_as_in_dlib(tmp_path: Path) -> None:
    network = DlibNetwork(dlib_file(tmp_path / "dlib.dat"))
    sizes: list[int] = []
    for convolution in (network.first, *network.others):
        convolution.register_forward_hook(lambda _, __, output: sizes.append(output.shape[-1]))
    network(torch.zeros(1, 3, CHIP_PX, CHIP_PX))
    assert [sizes[0], *(sizes[number] for number in STRIDED)] == [72, 17, 8, 3, 1]


def test_a_face_in_an_image_is_aligned_before(tmp_path: Path) -> None:
    points = np.array([[[40, 40], [80, 40], [60, 64], [45, 84], [76, 84]]], np.float32)
    faces = Faces(np.array([[30, 20, 90, 100]], np.float32), np.ones(1, np.float32), points)
    image = np.random.default_rng(0).integers(0, 256, (140, 120, 3), np.uint8)
    teacher = DlibTeacher(dlib_file(tmp_path / "dlib.dat"))
    enlarged = Faces(faces.boxes * 2, faces.scores, faces.landmarks * 2)
    (small,) = teacher.of_faces(image, faces)
    (large,) = teacher.of_faces(image.repeat(2, axis=0).repeat(2, axis=1), enlarged)
    assert small @ large > 0.95


def test_a_network_with_fewer_layers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not dlib's face recognition network: 28 convolutions"):
        DlibNetwork(dlib_file(tmp_path / "dlib.dat", layers=28))
