"""Drawn images with faces: bright discs with two dark eyes, on dark noise."""

from __future__ import annotations

import cv2
import numpy as np

from facetally.detection.training.scenes import Scene

DISC_BGR = (90, 160, 230)


def drawn_scene(boxes: np.ndarray, height_px: int = 120, width_px: int = 160, *, seed: int = 0) -> Scene:
    """An image with a disc in each of the (F, 4) boxes."""
    image = np.random.default_rng(seed).integers(0, 60, (height_px, width_px, 3)).astype(np.uint8)
    for x1, y1, x2, y2 in boxes.tolist():
        centre, axes = (round((x1 + x2) / 2), round((y1 + y2) / 2)), (round((x2 - x1) / 2), round((y2 - y1) / 2))
        cv2.ellipse(image, centre, axes, 0, 0, 360, DISC_BGR, -1)
        for side in (-0.4, 0.4):
            eye = round(centre[0] + side * axes[0]), round(centre[1] - 0.3 * axes[1])
            cv2.circle(image, eye, max(1, axes[0] // 6), (0, 0, 0), -1)
    content = cv2.imencode(".png", image)[1].tobytes()
    return Scene(f"{seed}.png", content, boxes.astype(np.float32), np.zeros(len(boxes), bool))


def drawn_scenes(count: int, seed: int = 0) -> list[Scene]:
    """Images with one disc each, of 24 to 60 pixels, at a random place."""
    rng = np.random.default_rng(seed)
    scenes = []
    for number in range(count):
        size = rng.uniform(24, 60)
        corner = rng.uniform(0, [160 - size, 120 - size])
        scenes.append(drawn_scene(np.concatenate([corner, corner + size])[None], seed=seed * 1000 + number))
    return scenes
