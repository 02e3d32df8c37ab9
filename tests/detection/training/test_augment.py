from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from drawn_scenes import DISC_BGR, drawn_scene

from facetally.detection.training.augment import (
    Sample,
    SceneAugmentOptions,
    degrade,
    mirrored,
    relight,
    square_part,
    within,
)
from facetally.detection.training.scenes import Scene

OPTIONS = SceneAugmentOptions()
BOX = np.array([[50.0, 40, 90, 90]], np.float32)


def disc_box(image: np.ndarray) -> np.ndarray:
    """The bounding box of all pixels in the disc's colour."""
    rows, columns = np.nonzero(np.abs(image.astype(int) - DISC_BGR).max(axis=2) < 60)
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])


@pytest.mark.parametrize("scale", [0.6, 1.0, 2.0])
@pytest.mark.parametrize("seed", range(3))
def test_a_box_stays_on_its_face(scale: float, seed: int) -> None:
    options = replace(OPTIONS, scales=(scale,))
    sample = square_part(drawn_scene(BOX), 160, options=options, rng=np.random.default_rng(seed))
    if len(sample.boxes) and not sample.is_ignored[0]:
        assert disc_box(sample.image) == pytest.approx(sample.boxes[0], abs=3)


def test_a_square_contains_a_labelled_face() -> None:
    rngs = (np.random.default_rng(seed) for seed in range(40))
    samples = [square_part(drawn_scene(BOX), 160, options=OPTIONS, rng=rng) for rng in rngs]
    assert all((~sample.is_ignored).any() for sample in samples)
    assert len({tuple(sample.boxes[0]) for sample in samples}) == 40


def test_squares_of_images_without_labelled_faces_are_anywhere() -> None:
    ignored = replace(drawn_scene(BOX), is_ignored=np.array([True]))
    rngs = (np.random.default_rng(seed) for seed in range(40))
    samples = [square_part(ignored, 160, options=OPTIONS, rng=rng) for rng in rngs]
    assert 20 < sum(len(sample.boxes) > 0 for sample in samples) < 40


def test_mirroring_moves_the_box_and_is_its_own_inverse() -> None:
    sample = square_part(drawn_scene(BOX), 160, options=replace(OPTIONS, scales=(2.0,)), rng=np.random.default_rng(0))
    flipped = mirrored(sample)
    assert disc_box(flipped.image) == pytest.approx(flipped.boxes[0], abs=3)
    assert mirrored(flipped).boxes == pytest.approx(sample.boxes)


def test_tiny_faces_and_faces_centred_outside_are_ignored() -> None:
    boxes = np.array([[-30, 10, 20, 60], [100, 100, 103, 104], [10, 10, 40, 40]], np.float32)
    kept, ignored = within(boxes, np.zeros(3, bool), 160, options=OPTIONS)
    assert kept[0].tolist() == [0, 10, 20, 60]
    assert ignored.tolist() == [True, True, False]


def test_an_ignored_face_stays_ignored() -> None:
    scene = replace(drawn_scene(BOX), is_ignored=np.array([True]))
    sample = square_part(scene, 160, options=replace(OPTIONS, scales=(2.0,)), rng=np.random.default_rng(0))
    assert sample.is_ignored.tolist() == [True]


def test_the_same_seed_draws_the_same_sample() -> None:
    one, two = (square_part(drawn_scene(BOX), 96, options=OPTIONS, rng=np.random.default_rng(7)) for _ in range(2))
    assert np.array_equal(one.image, two.image)
    assert np.array_equal(one.boxes, two.boxes)


def test_relighting_and_degrading_keep_shape_and_type() -> None:
    image = drawn_scene(BOX, 96, 96).image_bgr()
    always = replace(OPTIONS, blur_prob=1.0, shrink_prob=1.0, jpeg_prob=1.0, grey_prob=1.0)
    changed = degrade(relight(image, always, np.random.default_rng(0)), always, np.random.default_rng(0))
    assert changed.shape == image.shape
    assert changed.dtype == np.uint8
    assert np.ptp(changed.astype(int), axis=2).mean() < 5  # grey, up to compression


def test_a_scene_whose_arrays_do_not_match_is_refused() -> None:
    with pytest.raises(ValueError, match="do not match"):
        Scene("a.png", b"", BOX, np.zeros(2, bool))


def test_a_file_that_is_not_an_image_is_an_error_with_its_name() -> None:
    with pytest.raises(ValueError, match=r"a\.png cannot be decoded"):
        Scene("a.png", b"not an image").image_bgr()


def test_a_scene_without_faces_is_allowed() -> None:
    scene = drawn_scene(np.zeros((0, 4), np.float32))
    sample = square_part(scene, 64, options=OPTIONS, rng=np.random.default_rng(0))
    assert isinstance(sample, Sample)
    assert sample.boxes.shape == (0, 4)
