"""Boxes and captions on pictures."""

from __future__ import annotations

import numpy as np
import pytest

from facetally.drawing.overlay import COLOURS, FaceLabel, draw_faces, laid_out


def picture(height: int = 240, width: int = 320) -> np.ndarray:
    return np.full((height, width, 3), 120, np.uint8)


@pytest.mark.parametrize("gender", list(COLOURS))
def test_a_box_has_the_colour_of_its_gender_on_its_edge(gender: str) -> None:
    image = picture()
    draw_faces(image, [FaceLabel((100, 80, 200, 180), gender=gender)])  # type: ignore[arg-type]
    assert image[130, 100].tolist() == list(COLOURS[gender][0][::-1])  # type: ignore[index]
    assert image[130, 199].tolist() == list(COLOURS[gender][0][::-1])  # type: ignore[index]
    assert image[130, 98].tolist() == [120] * 3, "nothing is drawn beyond the outline"
    assert image[130, 150].tolist() == [120] * 3, "the face itself stays visible"


def test_rgb_and_bgr_pictures_look_the_same() -> None:
    bgr, rgb = picture(), picture()
    labels = [FaceLabel((100, 80, 200, 180), "male 97 %", "male")]
    draw_faces(bgr, labels)
    draw_faces(rgb, labels, order="rgb")
    assert np.array_equal(bgr, rgb[:, :, ::-1])
    assert not np.array_equal(bgr, rgb)


@pytest.mark.parametrize("size", [(64, 48), (1920, 1080), (3, 2000), (1, 1)])
@pytest.mark.parametrize("box", [(-50, -50, 4000, 4000), (0, 0, 1, 1), (1e9, 1e9, 2e9, 2e9), (float("nan"), 0, 1, 1)])
def test_nothing_is_painted_outside_the_picture(size: tuple[int, int], box: tuple[float, ...]) -> None:
    image = picture(size[1], size[0])
    draw_faces(image, [FaceLabel(box, "female 97 %, 41 years, no. 12", "female")])  # type: ignore[arg-type]
    bars, captions = laid_out([FaceLabel(box, "male", "male")], size)  # type: ignore[arg-type]
    for x1, y1, x2, y2 in [bar.box for bar in bars] + [one.box for one in captions]:
        assert 0 <= x1 <= x2 <= size[0] and 0 <= y1 <= y2 <= size[1]


def test_captions_of_neighbours_do_not_cover_each_other() -> None:
    labels = [FaceLabel((20, 100, 80, 170), "female 97 %", "female"), FaceLabel((90, 100, 150, 170), "male", "male")]
    _, (first, second) = laid_out(labels, (320, 240))
    apart = first.box[2] <= second.box[0] or second.box[2] <= first.box[0]
    assert apart or first.box[3] <= second.box[1] or second.box[3] <= first.box[1]


def test_control_characters_in_a_text_are_escaped() -> None:
    odd, escaped = (laid_out([FaceLabel((10, 50, 90, 150), text)], (320, 240))[1][0] for text in ("a\nb", "a\\nb"))
    assert np.array_equal(odd.image, escaped.image)
