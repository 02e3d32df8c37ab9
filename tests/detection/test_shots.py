from __future__ import annotations

import cv2
import numpy as np
import pytest

from facetally.detection.faces import ImageArray
from facetally.detection.shots import ShotCutDetector, ShotCutOptions, block_changes, is_mixed, possible_starts

EVERY_S = 0.2
STILL_COUNT = 4
"""Frames before a gradual transition, and after it."""


def scenery(seed: int, tint: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> ImageArray:
    """A (360, 640, 3) BGR image with coarse and fine structure, like a real one."""
    rng = np.random.default_rng(seed)
    layers = [cv2.resize(rng.uniform(0, 1, (n, 2 * n, 3)), (640, 360)) for n in (4, 12, 90)]
    mixed = 0.5 * layers[0] + 0.35 * layers[1] + 0.15 * layers[2]
    return np.asarray(np.clip(255 * mixed * tint, 0, 255).astype(np.uint8))


WARM, COLD = scenery(0, tint=(1.3, 0.9, 0.6)), scenery(1, tint=(0.5, 0.8, 1.3))


def photograph(name: str = "astronaut") -> ImageArray:
    """(H, W, 3) BGR."""
    return np.ascontiguousarray(getattr(pytest.importorskip("skimage.data"), name)()[..., ::-1])


def window(image: ImageArray, dx: float, dy: float) -> ImageArray:
    """A window of four fifths of the image, shifted from the centre by this share of its size."""
    height, width = image.shape[:2]
    h, w = int(height * 0.8), int(width * 0.8)
    y, x = round(height * 0.1 + dy * h), round(width * 0.1 + dx * w)
    return image[y : y + h, x : x + w]


def brighter(image: ImageArray, gain: float, offset: float = 0.0) -> ImageArray:
    return np.asarray(np.clip(image * gain + offset, 0, 255).astype(np.uint8))


def dissolved(one: ImageArray, other: ImageArray, count: int) -> list[ImageArray]:
    """The mixed images of a dissolve."""
    shares = [(step + 1) / (count + 1) for step in range(count)]
    return [np.asarray(cv2.addWeighted(one, 1 - share, other, share, 0), np.uint8) for share in shares]


def wiped(one: ImageArray, other: ImageArray, count: int) -> list[ImageArray]:
    """The images of a wipe from left to right."""
    edges = [one.shape[1] * (step + 1) // (count + 1) for step in range(count)]
    return [np.concatenate([other[:, :edge], one[:, edge:]], axis=1) for edge in edges]


def faded(one: ImageArray, other: ImageArray, count: int, grey: int) -> list[ImageArray]:
    """The images of a fade to a plain picture and from there to the next shot."""
    plain = np.full_like(one, grey)
    return [*dissolved(one, plain, count), plain, *dissolved(plain, other, count)]


def cuts(images: list[ImageArray], options: ShotCutOptions | None = None) -> list[bool]:
    detector = ShotCutDetector(options)
    return [detector.is_cut(image, index * EVERY_S) for index, image in enumerate(images)]


def found_at(one: ImageArray, between: list[ImageArray], other: ImageArray) -> list[int]:
    """Where new shots begin; 1 is the first frame of the transition, `len(between)` its last."""
    found = cuts([one] * STILL_COUNT + between + [other] * STILL_COUNT)
    return [index - STILL_COUNT + 1 for index in np.flatnonzero(found).tolist()]


def test_a_hard_cut_is_detected_once() -> None:
    assert cuts([WARM, WARM, COLD, COLD, WARM]) == [False, False, True, False, True]


def test_a_hard_cut_between_pictures_of_the_same_colours_is_detected() -> None:
    assert cuts([scenery(0), scenery(1), scenery(1)]) == [False, True, False]


def test_the_first_frame_is_not_a_cut() -> None:
    everything = ShotCutOptions(min_evidence=-1e9)
    assert cuts([WARM, COLD], everything) == [False, True]
    assert cuts([WARM], everything) == [False]


@pytest.mark.parametrize(("dx", "dy"), [(0.08, 0.0), (-0.08, 0.0), (0.0, 0.08), (-0.06, 0.07)])
def test_a_shaky_camera_is_not_a_cut_even_if_the_light_changes(dx: float, dy: float) -> None:
    before = window(photograph(), 0, 0)
    assert cuts([before, brighter(window(photograph("coffee"), dx, dy), 0.45)]) == [False, True]
    assert cuts([before, brighter(window(photograph(), dx, dy), 0.45)]) == [False, False]


@pytest.mark.parametrize(("gain", "offset"), [(0.4, 0), (0.6, 90), (1.6, 20)])
def test_a_change_of_brightness_alone_is_not_a_cut(gain: float, offset: int) -> None:
    assert cuts([scenery(0), brighter(scenery(1), gain, offset)]) == [False, True]
    assert cuts([scenery(0), brighter(scenery(0), gain, offset)]) == [False, False]


@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea"])
def test_a_person_crossing_the_frame_is_not_a_cut(name: str) -> None:
    images = [np.asarray(cv2.resize(photograph(name), (640, 360)), np.uint8) for _ in range(27)]
    for step, image in enumerate(images):
        x = 30 * step - 130  # crosses the frame in 5 s, and covers a seventh of it
        cv2.rectangle(image, (x, 100), (x + 120, 360), (30, 40, 120), -1)
        cv2.circle(image, (x + 60, 80), 45, (120, 160, 220), -1)
    assert not any(cuts(images))


def test_the_same_picture_upside_down_is_not_a_cut() -> None:
    assert cuts([scenery(0), np.ascontiguousarray(scenery(0)[::-1, ::-1])]) == [False, False]


def test_a_slow_pan_a_zoom_and_a_slow_exposure_are_not_cuts() -> None:
    wide = np.asarray(cv2.resize(photograph(), (1024, 1024)), np.uint8)
    assert not any(cuts([wide[300:660, 24 * step : 24 * step + 640] for step in range(15)]))
    near = [wide[12 * step : 1024 - 12 * step, 12 * step : 1024 - 12 * step] for step in range(25)]
    assert not any(cuts(near))
    assert not any(cuts([brighter(wide, gain) for gain in np.linspace(1, 0.3, 12)]))


@pytest.mark.parametrize(("one", "other"), [(WARM, COLD), (COLD, WARM)], ids=["warm", "cold"])
@pytest.mark.parametrize("count", [2, 4, 6, 9])
def test_a_dissolve_is_found_once_while_it_lasts(one: ImageArray, other: ImageArray, count: int) -> None:
    (at,) = found_at(one, dissolved(one, other, count), other)
    assert 1 < at <= count + 2


@pytest.mark.parametrize("grey", [0, 255])
@pytest.mark.parametrize("count", [2, 4])
def test_a_fade_through_black_or_white_is_found_once_while_it_lasts(grey: int, count: int) -> None:
    (at,) = found_at(WARM, faded(WARM, COLD, count, grey), COLD)
    assert 1 < at <= 2 * count + 3


@pytest.mark.parametrize("count", [2, 4, 6, 9])
def test_a_wipe_is_found_while_it_lasts(count: int) -> None:
    found = found_at(WARM, wiped(WARM, COLD, count), COLD)
    assert found
    assert 1 <= min(found) <= max(found) <= count + 2


def test_gradual_transitions_are_looked_for_only_as_long_as_the_options_say() -> None:
    film = [WARM] * 4 + dissolved(WARM, COLD, 14) + [COLD] * 4
    assert sum(cuts(film, ShotCutOptions(max_transition_s=2.0))) == 1
    assert not any(cuts(film, ShotCutOptions(max_transition_s=0.0)))


def test_a_frame_is_mixed_only_if_it_shows_nothing_else() -> None:
    before, after, third = (scenery(seed).astype(np.float32).ravel() for seed in range(3))
    assert is_mixed(before, [0.5 * before + 0.5 * after], after, 0.3)
    halves = np.where(np.arange(len(before)) < len(before) // 2, after, before)
    assert is_mixed(before, [halves], after, 0.3)
    assert not is_mixed(before, [third], after, 0.3)
    assert not is_mixed(before, [0.3 * before + 0.7 * after, 0.7 * before + 0.3 * after], after, 0.3)  # back again
    assert not is_mixed(before, [before, after], after, 0.3)  # a hard cut
    assert not is_mixed(before, [before + 0.5], before + 1, 0.3)


@pytest.mark.parametrize(
    "mixed_images", [dissolved(WARM, COLD, 3), wiped(WARM, COLD, 3), [WARM, COLD, WARM], [WARM] * 3]
)
def test_possible_starts_leave_out_only_what_is_not_mixed(mixed_images: list[ImageArray]) -> None:
    *earlier, last = (
        cv2.resize(image, (32, 18)).astype(np.float32).ravel() for image in [WARM, WARM, *mixed_images, COLD]
    )
    starts = possible_starts(np.stack(earlier) - last)
    mixed = [i for i in range(len(earlier)) if is_mixed(earlier[i], earlier[i + 1 :], last, 0.3)]
    assert set(mixed) <= set(starts)
    assert bool(starts) == (mixed_images[1] is not COLD and mixed_images[1] is not WARM)


def test_a_block_that_moves_changes_little_and_one_that_is_replaced_changes_much() -> None:
    before = np.random.default_rng(0).integers(0, 256, (36, 64)).astype(np.uint8)
    assert block_changes(before, before).max() < 1
    inner = block_changes(before, np.roll(before, (2, -3), axis=(0, 1))).reshape(6, 8)[1:-1, 1:-1]
    assert inner.max() < 1
    replaced = before.copy()
    replaced[6:12, 8:16] = before[30:36, 56:64]
    assert np.flatnonzero(block_changes(before, replaced) > 50).tolist() == [9]  # second row, second column


def test_two_detectors_are_independent() -> None:
    one, other = ShotCutDetector(), ShotCutDetector()
    found = [detector.is_cut(image, t) for t in (0.0, 0.2) for detector, image in ((one, WARM), (other, COLD))]
    assert found == [False] * 4
    assert one.is_cut(COLD, 0.4)


@pytest.mark.parametrize("wrong", [{"max_likeness": 1.5}, {"max_residue": 2.5}, {"min_colour_change": -0.1}])
def test_an_option_outside_its_range_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be in"):
        ShotCutOptions(**wrong)


def test_a_negative_length_of_transitions_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 0, got -1"):
        ShotCutOptions(max_transition_s=-1.0)
