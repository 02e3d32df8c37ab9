from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from facetally.gender.data.face_sets import middle
from facetally.gender.training.augment import VIDEO, AugmentOptions, augment, cover, record, relight

STILL = AugmentOptions(
    mirror_prob=0, max_turn_degrees=0, max_shift=0, zoom=(1, 1), max_brightness=0, max_contrast=0, max_saturation=0
)
OUTER_PX, MARGIN, SIZE_PX = 80, 0.1, 64
INNER = slice(8, 72)
LEVELS_PER_PX = 3


def noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (OUTER_PX, OUTER_PX, 3), dtype=np.uint8)


def soft(low: int, high: int) -> np.ndarray:
    """(64, 64, 3) random colours within a range, in squares of 8 px."""
    coarse = np.random.default_rng(1).integers(low, high, (8, 8, 3), dtype=np.uint8)
    return coarse.repeat(8, axis=0).repeat(8, axis=1)


def slopes() -> np.ndarray:
    """Red increases with x, green with y."""
    rise = np.arange(OUTER_PX, dtype=np.uint8) * LEVELS_PER_PX
    crop = np.zeros((OUTER_PX, OUTER_PX, 3), np.uint8)
    crop[:, :, 0], crop[:, :, 1] = rise, rise[:, None]
    return crop


def draws(crop: np.ndarray, count: int, options: AugmentOptions) -> np.ndarray:
    """(count, 64, 64, 3) float64."""
    rng = np.random.default_rng(0)
    return np.stack([augment(crop, SIZE_PX, MARGIN, options=options, rng=rng) for _ in range(count)]).astype(float)


def steps(drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two (N, 2): the step in the input (x, y) for one pixel to the right, and for one down, in draws of `slopes`."""
    part = drawn[:, 12:53, 12:53, :2] / LEVELS_PER_PX
    across = (part[:, :, -1] - part[:, :, 0]).mean(axis=1) / 40
    down = (part[:, -1] - part[:, 0]).mean(axis=1) / 40
    return across, down


@pytest.mark.parametrize("size_px", [32, 64, 100])
def test_the_result_has_the_requested_size_and_the_input_is_unchanged(size_px: int) -> None:
    crop, before = noise(), noise()
    drawn = augment(crop, size_px, MARGIN, options=VIDEO, rng=np.random.default_rng(0))
    assert drawn.shape == (size_px, size_px, 3) and drawn.dtype == np.uint8
    assert np.array_equal(crop, before)


def test_the_draw_depends_on_the_generator() -> None:
    rngs = (np.random.default_rng(seed) for seed in (3, 3, 4))
    first, again, other = (augment(noise(), SIZE_PX, MARGIN, options=VIDEO, rng=rng) for rng in rngs)
    assert np.array_equal(first, again)
    assert np.abs(first.astype(float) - other).mean() > 10


def test_without_any_change_the_result_is_the_middle() -> None:
    assert np.array_equal(draws(noise(), 1, STILL)[0], noise()[INNER, INNER])


@pytest.mark.parametrize("size_px", [32, 48, 80])
def test_at_any_size_the_middle_is_the_same_as_in_evaluation(size_px: int) -> None:
    drawn = augment(slopes(), size_px, MARGIN, options=STILL, rng=np.random.default_rng(0)).astype(float)
    assert np.abs(drawn - middle(slopes(), size_px, MARGIN))[1:-1, 1:-1].max() <= 1


def test_mirroring_alone_flips_the_middle() -> None:
    assert np.array_equal(draws(noise(), 1, replace(STILL, mirror_prob=1))[0], noise()[INNER, INNER][:, ::-1])


def test_about_half_the_crops_are_mirrored() -> None:
    across, _ = steps(draws(slopes(), 400, replace(STILL, mirror_prob=0.5)))
    assert abs((across[:, 0] < 0).sum() - 200) < 30  # three standard deviations


def test_shifts_reach_their_limit_both_ways_and_do_not_exceed_it() -> None:
    shifts = (draws(slopes(), 200, replace(STILL, max_shift=0.1)) - slopes()[INNER, INNER])[:, 16:48, 16:48, :2]
    shifts_px = shifts.mean(axis=(1, 2)) / LEVELS_PER_PX
    assert np.all((shifts_px.max(axis=0) > 5.9) & (shifts_px.max(axis=0) < 6.5))  # a tenth of 64 px
    assert np.all((shifts_px.min(axis=0) < -5.9) & (shifts_px.min(axis=0) > -6.5))


def test_rotations_and_zooms_reach_their_limits_and_do_not_exceed_them() -> None:
    options = replace(STILL, max_turn_degrees=10, zoom=(0.8, 1.25))
    across, down = steps(draws(slopes(), 300, options))
    degrees = np.degrees(np.arctan2(across[:, 1], across[:, 0]))
    zooms = 1 / np.hypot(*across.T)
    assert 9.5 < degrees.max() < 10.1 and -10.1 < degrees.min() < -9.5
    assert 1.23 < zooms.max() < 1.26 and 0.795 < zooms.min() < 0.815
    assert abs(np.log(zooms).mean()) < 0.03  # equally often nearer and farther
    assert np.abs((across * down).sum(axis=1)).max() < 0.01  # no shear


def test_stretches_reach_their_limit_both_ways_and_keep_the_area() -> None:
    across, down = steps(draws(slopes(), 200, replace(STILL, stretch_prob=1, max_stretch=1.4)))
    widths, heights = 1 / across[:, 0], 1 / down[:, 1]
    ratios = widths / heights
    assert 1.37 < ratios.max() < 1.42 and 1 / 1.42 < ratios.min() < 1 / 1.37
    assert abs(np.log(ratios).mean()) < 0.05  # equally often wider and narrower
    assert widths * heights == pytest.approx(np.ones(200), abs=0.02)


def test_a_rotated_and_mirrored_crop_is_not_sheared() -> None:
    across, down = steps(draws(slopes(), 50, replace(STILL, mirror_prob=1, max_turn_degrees=30)))
    assert np.abs((across * down).sum(axis=1)).max() < 0.01
    determinants = across[:, 0] * down[:, 1] - across[:, 1] * down[:, 0]
    assert determinants == pytest.approx(-1, abs=0.01)


def test_shears_reach_their_limit_on_both_sides() -> None:
    across, down = steps(draws(slopes(), 100, replace(STILL, max_shear=0.2)))
    assert across == pytest.approx(np.tile([1, 0], (100, 1)), abs=0.01)
    assert down[:, 1] == pytest.approx(1, abs=0.01)
    assert 0.19 < down[:, 0].max() < 0.205 and -0.205 < down[:, 0].min() < -0.19


@pytest.mark.parametrize("seed", range(20))
def test_a_cover_is_one_rectangle_of_one_colour(seed: int) -> None:
    crop = noise()[INNER, INNER]
    covered = cover(crop, replace(STILL, cover_prob=1), np.random.default_rng(seed))
    ys, xs = np.nonzero((covered != crop).any(axis=2))
    rectangle = covered[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
    assert (rectangle == rectangle[0, 0]).all()
    assert 6 <= rectangle.shape[0] < 32 and 6 <= rectangle.shape[1] < 32


def test_brightness_alone_multiplies_all_pixels() -> None:
    crop = soft(50, 180)
    factors = [relight(crop, replace(STILL, max_brightness=0.3), np.random.default_rng(s)) / crop for s in range(100)]
    assert max(np.ptp(factor) for factor in factors) < 0.03
    means = np.array([factor.mean() for factor in factors])
    assert 1.27 < means.max() < 1.305 and 0.695 < means.min() < 0.73


def test_saturation_keeps_grey_pixels_and_the_mean_of_every_pixel() -> None:
    options = replace(STILL, max_saturation=0.4)
    grey = soft(80, 180)[:, :, :1].repeat(3, axis=2)
    assert np.array_equal(relight(grey, options, np.random.default_rng(0)), grey)
    coloured = soft(80, 180)
    drawn = relight(coloured, options, np.random.default_rng(0)).astype(float)
    assert np.abs(drawn.mean(axis=2) - coloured.mean(axis=2)).max() <= 1
    assert np.abs(drawn - coloured).max() > 10


def test_grey_crops_have_no_colour_left() -> None:
    coloured = soft(80, 180)
    drawn = relight(coloured, replace(STILL, grey_prob=1), np.random.default_rng(0)).astype(float)
    assert np.ptp(drawn, axis=2).max() == 0
    assert np.abs(drawn[..., 0] - coloured.mean(axis=2)).max() <= 1


def test_contrast_keeps_the_mean_level() -> None:
    crop = soft(100, 150).astype(float)
    options = replace(STILL, max_contrast=0.4)
    drawn = [relight(soft(100, 150), options, np.random.default_rng(s)).astype(float) for s in range(60)]
    assert [d.mean() for d in drawn] == pytest.approx([crop.mean()] * 60, abs=0.6)
    spreads = np.array([d.std() for d in drawn]) / crop.std()
    assert 1.33 < spreads.max() < 1.42 and 0.58 < spreads.min() < 0.67


def test_contrast_is_relative_to_the_level_after_brightness() -> None:
    options = replace(STILL, max_brightness=0.3)
    pairs = [
        [
            relight(soft(100, 150), o, np.random.default_rng(s)).mean()
            for o in (options, replace(options, max_contrast=0.4))
        ]
        for s in range(20)
    ]
    assert [p[1] for p in pairs] == pytest.approx([p[0] for p in pairs], abs=0.6)
    assert np.ptp(pairs) > 40


def test_a_tint_multiplies_each_channel_by_its_own_factor() -> None:
    crop = soft(80, 180)
    options = replace(STILL, max_tint=0.2)
    ratios = [relight(crop, options, np.random.default_rng(s)).mean((0, 1)) / crop.mean((0, 1)) for s in range(60)]
    assert 1.15 < np.max(ratios) < 1.21 and 0.79 < np.min(ratios) < 0.85
    assert np.ptp(ratios, axis=1).max() > 0.2


def test_a_tint_colours_grey_crops() -> None:
    grey = soft(80, 180)[:, :, :1].repeat(3, axis=2)
    drawn = relight(soft(80, 180), replace(STILL, grey_prob=1, max_tint=0.2), np.random.default_rng(0)).mean((0, 1))
    assert np.ptp(drawn) > 10
    drawn = relight(grey, replace(STILL, max_tint=0.2), np.random.default_rng(0)).mean((0, 1))
    assert np.ptp(drawn) > 10


def test_gamma_keeps_black_and_white_and_changes_the_levels_between() -> None:
    crop = np.full((64, 64, 3), 128, np.uint8)
    crop[0], crop[1] = 0, 255
    options = replace(STILL, gamma_prob=1, max_gamma_log=np.log(2))
    drawn = np.stack([relight(crop, options, np.random.default_rng(s))[:3, 0, 0] for s in range(100)])
    assert (drawn[:, 0] == 0).all() and (drawn[:, 1] == 255).all()
    assert 64 <= drawn[:, 2].min() < 68  # 255 * (128 / 255)^2
    assert 176 < drawn[:, 2].max() <= 181  # 255 * (128 / 255)^0.5


def test_only_a_share_of_the_crops_is_degraded() -> None:
    crop = noise()[INNER, INNER]
    options = replace(STILL, record_prob=0.4, jpeg_prob=1, noise_prob=1)
    drawn = [record(crop, options, np.random.default_rng(seed)) for seed in range(200)]
    assert 0.3 < np.mean([not np.array_equal(d, crop) for d in drawn]) < 0.5


def test_motion_blur_spreads_a_point_along_a_line_of_limited_length() -> None:
    crop = np.zeros((64, 64, 3), np.uint8)
    crop[32, 32] = 250
    options = replace(STILL, blur_prob=1, max_blur_share=0.125)
    lengths = []
    for seed in range(100):
        drawn = record(crop, options, np.random.default_rng(seed))
        ys, xs = np.nonzero(drawn[..., 0])
        lengths.append(1 + max(np.ptp(ys), np.ptp(xs)))
        assert int(drawn[..., 0].sum()) == pytest.approx(250, abs=len(ys))  # the total intensity is kept
        assert len(ys) <= 2 * lengths[-1]
    assert max(lengths) == 8 and min(lengths) <= 2


def test_a_shrunk_crop_keeps_its_level_and_loses_its_detail() -> None:
    crop = noise()[INNER, INNER]
    options = replace(STILL, shrink_prob=1, min_side_px=8)
    drawn = [record(crop, options, np.random.default_rng(seed)).astype(float) for seed in range(60)]
    assert [d.mean() for d in drawn] == pytest.approx([crop.mean()] * 60, abs=2.5)
    spreads = np.array([d.std() for d in drawn]) / crop.std()
    assert spreads.min() < 0.2  # 8 x 8 means of 64 px each
    assert spreads.max() > 0.4


def test_noise_reaches_its_limit_and_does_not_exceed_it() -> None:
    crop = np.full((64, 64, 3), 128, np.uint8)
    options = replace(STILL, noise_prob=1, max_noise=0.1)
    drawn = [record(crop, options, np.random.default_rng(seed)).astype(float) for seed in range(60)]
    spreads = np.array([d.std() for d in drawn]) / 255
    assert 0.09 < spreads.max() < 0.103 and spreads.min() < 0.01
    assert [d.mean() for d in drawn] == pytest.approx([128] * 60, abs=1.5)


def test_lower_quality_has_larger_errors() -> None:
    crop = noise()[INNER, INNER]
    errors = [
        np.abs(
            record(crop, replace(STILL, jpeg_prob=1, jpeg_quality=(q, q + 1)), np.random.default_rng(0)) - 1.0 * crop
        )
        for q in (10, 40, 95)
    ]
    assert errors[0].mean() > 1.1 * errors[1].mean() > 1.2 * errors[2].mean() > 0


@pytest.mark.parametrize(
    "name", ["gamma_prob", "grey_prob", "cover_prob", "blur_prob", "shrink_prob", "noise_prob", "jpeg_prob"]
)
def test_each_change_is_as_frequent_as_its_probability(name: str) -> None:
    still = noise()[INNER, INNER]
    often: dict[str, Any] = {name: 0.25}
    never: dict[str, Any] = {name: 0.0}
    drawn = draws(noise(), 200, replace(STILL, **often))
    changed_count = (drawn != still).any(axis=(1, 2, 3)).sum()
    assert abs(changed_count - 50) < 19  # three standard deviations
    assert not (draws(noise(), 20, replace(STILL, **never)) != still).any()
