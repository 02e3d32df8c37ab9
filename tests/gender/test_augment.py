from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("torch")
import torch

from gender.augment import AugmentOptions, augment

STILL = AugmentOptions(0, 0, 0, 0, 0, 0, 0)
MARGIN_PX = 4
OUTER_PX = 40
INNER = slice(MARGIN_PX, OUTER_PX - MARGIN_PX)


def noise(count: int) -> torch.Tensor:
    return torch.rand(count, 3, OUTER_PX, OUTER_PX, generator=torch.Generator().manual_seed(0))


def draw(crops: torch.Tensor, options: AugmentOptions, seed: int = 0) -> torch.Tensor:
    return augment(crops, MARGIN_PX, options, torch.Generator().manual_seed(seed))


def slope(count: int) -> torch.Tensor:
    """Crops whose pixels are their x, as a share of the side."""
    x = (torch.arange(OUTER_PX) + 0.5) / OUTER_PX
    return x.expand(count, 3, OUTER_PX, OUTER_PX).contiguous()


def test_crops_lose_their_margin_and_stay_in_0_to_1() -> None:
    far = AugmentOptions(0.5, 45, 0.3, 0.3, 0.9, 0.9, 0.9)
    crops = draw(noise(16).round(), far)  # only black and full colours: any overshoot shows
    assert crops.shape == (16, 3, 32, 32) and crops.dtype == torch.float32
    assert crops.min() == 0 and crops.max() == 1


def test_the_seed_decides_the_draw() -> None:
    crops = noise(4)
    assert torch.equal(draw(crops, AugmentOptions()), draw(crops, AugmentOptions()))
    assert not torch.allclose(draw(crops, AugmentOptions()), draw(crops, AugmentOptions(), seed=1), atol=0.1)


def test_every_crop_of_a_batch_has_its_own_draw() -> None:
    first, second = draw(noise(1).repeat(2, 1, 1, 1), replace(AugmentOptions(), mirror_prob=0))
    assert (first - second).abs().mean() > 0.01


def test_without_any_range_the_middle_comes_back() -> None:
    crops = noise(3)
    assert torch.allclose(draw(crops, STILL), crops[:, :, INNER, INNER], atol=1e-4)


def test_mirroring_alone_turns_the_middle_round() -> None:
    crops = noise(3)
    mirrored = draw(crops, replace(STILL, mirror_prob=1))
    assert torch.allclose(mirrored, crops[:, :, INNER, INNER].flip(3), atol=1e-4)


def test_about_half_the_crops_are_mirrored() -> None:
    falls = draw(slope(400), replace(STILL, mirror_prob=0.5))[:, 0, 0]
    mirrored_count = int((falls[:, 0] > falls[:, -1]).sum())
    assert abs(mirrored_count - 200) < 30  # three standard deviations


def test_shifts_reach_their_limit_and_not_beyond() -> None:
    shifts = draw(slope(200), replace(STILL, max_shift=0.08)) - slope(200)[:, :, INNER, INNER]
    assert (shifts.amax((1, 2, 3)) - shifts.amin((1, 2, 3))).max() < 1e-4  # a shift moves all pixels alike
    assert 0.075 < shifts.max() < 0.0801
    assert -0.0801 < shifts.min() < -0.075


def test_turns_and_zooms_reach_their_limits_and_not_beyond() -> None:
    crops = draw(slope(200), replace(STILL, max_turn_degrees=10, max_zoom=0.1))[:, 0, 12:20, 12:20] * OUTER_PX
    across = (crops[:, 0, -1] - crops[:, 0, 0]) / 7  # input pixels per output pixel
    down = (crops[:, -1, 0] - crops[:, 0, 0]) / 7
    degrees, zooms = torch.rad2deg(torch.atan2(down, across)), torch.hypot(across, down)
    assert 9.5 < degrees.max() < 10.01 and -10.01 < degrees.min() < -9.5
    assert 1.09 < zooms.max() < 1.101 and 0.899 < zooms.min() < 0.91


def test_a_turned_and_mirrored_crop_is_not_sheared() -> None:
    crops = slope(50)
    crops[:, 1] = crops[:, 1].transpose(1, 2).clone()  # channel 0 is x, channel 1 is y
    drawn = draw(crops, replace(STILL, mirror_prob=1, max_turn_degrees=30))[:, :2, 12:20, 12:20] * OUTER_PX
    across, down = (drawn[..., 0, -1] - drawn[..., 0, 0]) / 7, (drawn[..., -1, 0] - drawn[..., 0, 0]) / 7  # (B, 2)
    assert (across * down).sum(1).abs().max() < 1e-3  # still at right angles
    determinants = across[:, 0] * down[:, 1] - across[:, 1] * down[:, 0]
    assert torch.allclose(determinants, torch.tensor(-1.0), atol=1e-3)  # mirrored, at the same size


def test_brightness_alone_multiplies_all_pixels_of_a_crop() -> None:
    crops = 0.2 + noise(100) * 0.5
    factors = draw(crops, replace(STILL, max_brightness=0.3)) / crops[:, :, INNER, INNER]
    assert (factors.amax((1, 2, 3)) - factors.amin((1, 2, 3))).max() < 1e-3
    assert 1.25 < factors.max() < 1.301 and 0.699 < factors.min() < 0.75


def test_saturation_alone_leaves_grey_as_it_is() -> None:
    options = replace(STILL, max_saturation=0.4)
    crops = 0.3 + noise(20) * 0.4
    grey = crops.mean(1, keepdim=True).expand_as(crops)
    assert torch.allclose(draw(grey, options), grey[:, :, INNER, INNER], atol=1e-4)
    coloured = draw(crops, options)
    assert torch.allclose(coloured.mean(1), grey[:, 0, INNER, INNER], atol=1e-4)
    assert (coloured - crops[:, :, INNER, INNER]).abs().max() > 0.05


def test_contrast_alone_keeps_the_mean_level() -> None:
    crops = 0.3 + noise(20) * 0.4
    middle = crops[:, :, INNER, INNER]
    drawn = draw(crops, replace(STILL, max_contrast=0.3))
    assert torch.allclose(drawn.mean((1, 2, 3)), middle.mean((1, 2, 3)), atol=1e-4)
    spreads = drawn.std((1, 2, 3)) / middle.std((1, 2, 3))
    assert 1.2 < spreads.max() < 1.301 and 0.699 < spreads.min() < 0.8
