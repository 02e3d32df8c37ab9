from __future__ import annotations

import cv2
import numpy as np
import pytest

from facetally.detection.faces import ImageArray
from facetally.detection.shots import ShotCutDetector, ShotCutOptions

BY_COLOUR_ALONE = ShotCutOptions(max_likeness=1.0, min_colour_change=0.3, min_difference=0.0)
BY_LIKENESS_ALONE = ShotCutOptions(min_colour_change=0.0, min_difference=0.3)


def scenery(seed: int, tint: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> ImageArray:
    """A (360, 640, 3) BGR image with coarse and fine structure, like a real one."""
    rng = np.random.default_rng(seed)
    layers = [cv2.resize(rng.uniform(0, 1, (n, 2 * n, 3)), (640, 360)) for n in (4, 12, 90)]
    mixed = 0.5 * layers[0] + 0.35 * layers[1] + 0.15 * layers[2]
    return np.asarray(np.clip(255 * mixed * tint, 0, 255).astype(np.uint8))


def photograph() -> ImageArray:
    """(512, 512, 3) BGR."""
    return np.ascontiguousarray(pytest.importorskip("skimage.data").astronaut()[..., ::-1])


def window(image: ImageArray, dx: float, dy: float) -> ImageArray:
    """A window of four fifths of the image, shifted from the centre by this share of its size."""
    height, width = image.shape[:2]
    h, w = int(height * 0.8), int(width * 0.8)
    y, x = round(height * 0.1 + dy * h), round(width * 0.1 + dx * w)
    return image[y : y + h, x : x + w]


def cuts(images: list[ImageArray], options: ShotCutOptions | None = None) -> list[bool]:
    detector = ShotCutDetector(options)
    return [detector.is_cut(image) for image in images]


def test_a_hard_cut_is_detected_once() -> None:
    one, other = scenery(0, tint=(1.3, 0.9, 0.6)), scenery(1, tint=(0.5, 0.8, 1.3))
    assert cuts([one, one, other, other, one]) == [False, False, True, False, True]


def test_the_first_frame_is_not_a_cut() -> None:
    assert cuts([scenery(0)], ShotCutOptions(max_likeness=1.0, min_colour_change=0.0, min_difference=0.0)) == [False]


@pytest.mark.parametrize(("dx", "dy"), [(0.08, 0.0), (-0.08, 0.0), (0.0, 0.08), (-0.06, 0.07)])
def test_a_shaky_camera_is_not_a_cut_even_if_the_light_changes(dx: float, dy: float) -> None:
    image = photograph()
    before, after = window(image, 0, 0), (window(image, dx, dy) * 0.45).astype(np.uint8)
    assert cuts([before, after], BY_COLOUR_ALONE) == [False, True]  # so the likeness prevents the cut
    assert cuts([before, after]) == [False, False]


@pytest.mark.parametrize(("gain", "offset"), [(0.4, 0), (0.6, 90), (1.6, 20)])
def test_a_change_of_brightness_alone_is_not_a_cut(gain: float, offset: int) -> None:
    before = scenery(0)
    after = np.clip(before * gain + offset, 0, 255).astype(np.uint8)
    assert cuts([before, after], BY_COLOUR_ALONE) == [False, True]
    assert cuts([before, after]) == [False, False]


def test_a_person_crossing_the_frame_is_not_a_cut() -> None:
    before = scenery(0)
    after = before.copy()
    after[60:, 200:360] = (90, 60, 30)  # covers a fifth of the frame
    assert cuts([before, after]) == [False, False]


def test_a_new_scene_in_the_same_colours_is_not_a_cut() -> None:
    before = scenery(0)
    same_colours = np.ascontiguousarray(before[::-1, ::-1])  # upside down
    assert cuts([before, same_colours], BY_LIKENESS_ALONE) == [False, True]
    assert cuts([before, same_colours]) == [False, False]


def test_two_detectors_are_independent() -> None:
    one, other = ShotCutDetector(), ShotCutDetector()
    warm, cold = scenery(0, tint=(0.5, 0.8, 1.3)), scenery(1, tint=(1.3, 0.9, 0.6))
    assert [one.is_cut(warm), other.is_cut(cold), one.is_cut(warm), other.is_cut(cold)] == [False] * 4
    assert one.is_cut(cold)


@pytest.mark.parametrize("wrong", [{"max_likeness": 1.5}, {"min_difference": 2.5}, {"min_colour_change": -0.1}])
def test_an_option_outside_its_range_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be in"):
        ShotCutOptions(**wrong)
