from __future__ import annotations

import numpy as np
import pytest
from drawn_identities import SIDE, drawn_crop

from facetally.detection.training.embedding_augment import FaceAugmentOptions, augmented, plain

NOTHING = FaceAugmentOptions(
    mirror_prob=0,
    max_turn_degrees=0,
    max_shift=0,
    zoom=(1, 1),
    max_brightness=0,
    max_contrast=0,
    max_tint=0,
    gamma_prob=0,
    grey_prob=0,
    saturation=(1, 1),
    cover_prob=0,
    blur_prob=0,
    shrink_prob=0,
    noise_prob=0,
    jpeg_prob=0,
)
CROP = drawn_crop(1, np.random.default_rng(0))


def test_without_changes_the_middle_of_the_crop_remains() -> None:
    same = augmented(CROP, 80, 1.0, options=NOTHING, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(same, CROP[12:-12, 12:-12])
    np.testing.assert_array_equal(plain(CROP, 80, 1.0), CROP[12:-12, 12:-12])


def test_the_same_seed_gives_the_same_version() -> None:
    options = FaceAugmentOptions()
    first, again, other = (
        augmented(CROP, 64, 0.8, options=options, rng=np.random.default_rng(seed)) for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize(
    "change",
    [
        *({"mirror_prob": 1.0}, {"max_turn_degrees": 8.0}, {"max_shift": 0.1}, {"zoom": (1.2, 1.3)}),
        *({"max_brightness": 0.4}, {"max_contrast": 0.4}, {"max_tint": 0.2}, {"gamma_prob": 1.0}, {"grey_prob": 1.0}),
        *({"cover_prob": 1.0}, {"blur_prob": 1.0}, {"shrink_prob": 1.0}, {"noise_prob": 1.0}, {"jpeg_prob": 1.0}),
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_change_changes_the_crop(change: dict[str, object]) -> None:
    options = FaceAugmentOptions(**{**vars(NOTHING), **change})
    changed = augmented(CROP, 64, 0.8, options=options, rng=np.random.default_rng(0))
    unchanged = augmented(CROP, 64, 0.8, options=NOTHING, rng=np.random.default_rng(0))
    assert changed.shape == (64, 64, 3)
    assert (changed != unchanged).mean() > 0.03


def test_a_stored_crop_is_wider_than_what_the_network_sees() -> None:
    assert SIDE > 80
    assert plain(CROP, 64, 0.8).shape == (64, 64, 3)
