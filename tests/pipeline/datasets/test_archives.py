from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from facetally.datasets.archives import count_images, read_images


@pytest.mark.parametrize("packing", ["zip", "tar", "tar.gz"])
def test_folder_and_archive_give_the_same_images(tmp_path: Path, packing: str) -> None:
    folder, path = tmp_path / "folder", tmp_path / f"faces.{packing}"
    for name in ("b/2.JPG", "a/1.png", "a-b/1.webp", "a/notes.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    if packing == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for file in folder.rglob("*"):
                archive.write(file, file.relative_to(folder))
    else:
        with tarfile.open(path, "w:gz" if packing == "tar.gz" else "w") as tar:
            tar.add(folder, arcname="")
    expected = [(name, name.encode()) for name in ("a-b/1.webp", "a/1.png", "b/2.JPG")]
    assert list(read_images(folder)) == list(read_images(path)) == expected
    assert count_images(folder) == count_images(path) == 3


@pytest.mark.parametrize("packing", ["zip", "tar"])
def test_a_damaged_archive_is_named_in_the_error(tmp_path: Path, packing: str) -> None:
    content = np.random.default_rng(0).bytes(5000)
    image, path = tmp_path / "a.jpg", tmp_path / f"faces.{packing}"
    image.write_bytes(content)
    if packing == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.write(image, "a.jpg")
        path.write_bytes(path.read_bytes().replace(content[2000:2010], b"0123456789"))
    else:
        with tarfile.open(path, "w") as tar:
            tar.add(image, "a.jpg")
        path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(ValueError, match=rf"faces\.{packing} is damaged"):
        list(read_images(path))


def test_a_damaged_part_of_any_compression_is_named_in_the_error(tmp_path: Path) -> None:
    path = tmp_path / "faces.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.jpg", bytes(range(256)) * 20)
    content = bytearray(path.read_bytes())
    content[60:100] = bytes(255 - byte for byte in content[60:100])
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"faces\.zip is damaged"):
        list(read_images(path))
