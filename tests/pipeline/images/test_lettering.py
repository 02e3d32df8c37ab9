"""Text on images: whatever its length and script, it stays within its block."""

from __future__ import annotations

import numpy as np
import pytest

from facetally.images.lettering import ELLIPSIS, Line, font, shortened, stamped, text_block

LONG = "a_very_long_name_of_a_video/" * 20 + "end.mp4"


def test_a_long_line_loses_its_end_or_its_beginning() -> None:
    assert shortened(LONG, font(14), 200).startswith("a_very_long") and shortened(LONG, font(14), 200)[-1] == ELLIPSIS
    cut = shortened(LONG, font(14), 200, keeps_end=True)
    assert cut.endswith("end.mp4") and cut[0] == ELLIPSIS


@pytest.mark.parametrize("keeps_end", [False, True])
@pytest.mark.parametrize("text", [LONG, "ж" * 300, "字幕" * 100, "قناة" * 90, "e\N{COMBINING ACUTE ACCENT}" * 200])
def test_a_shortened_line_fits_and_uses_the_room(text: str, keeps_end: bool) -> None:
    letters = font(12)
    cut = shortened(text, letters, 150, keeps_end=keeps_end)
    assert 100 < letters.getlength(cut) <= 150


def test_a_line_that_fits_is_unchanged_and_has_no_control_characters() -> None:
    assert shortened("Zoë 12", font(14), 200) == "Zoë 12"
    assert shortened("a\nb\x1b", font(14), 200) == r"a\nb\x1b"


def test_lines_stand_below_each_other_within_the_block() -> None:
    block = text_block([Line("one"), Line(""), Line(LONG, (0, 0, 255))], (120, 80), text_px=14)
    rows = np.asarray(block.any(axis=(1, 2)))
    assert block.shape == (80, 120, 3)
    assert rows[8:24].any() and not rows[28:44].any() and rows[46:66].any()
    assert not block[:, 114:].any()  # the margin
    assert block[46:66, :, 2].any() and not block[46:66, :, :2].any()  # BGR: red


def test_a_stamp_covers_only_the_lower_left_corner() -> None:
    image = np.full((160, 160, 3), 90, np.uint8)
    marked = stamped(image, "1:02:05")
    changed = (marked != image).any(axis=2)
    assert changed[-10:, :60].all() and changed[:, 80:].sum() == 0 and changed[:130].sum() == 0
    assert (image == 90).all()
