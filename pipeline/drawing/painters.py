"""What is painted on the pictures of a film: boxes and captions, or covers over faces."""

from __future__ import annotations

from collections.abc import Sequence

from facetally.drawing.boxes_over_time import InView, Stretch
from facetally.drawing.captions import label_at
from facetally.drawing.overlay import laid_out
from facetally.drawing.placement import Box, IntBox, Placement
from facetally.drawing.planes import Planes, even_outwards
from facetally.tracks.appearances import PredictedGender


class Boxes:
    """Draws boxes and captions.

    Args:
        stretches: where the faces are, with tracks that have a label.
        labels: text and gender by track.
        height_px: of the drawn picture, if it is not that of the boxes; 0: the same.
    """

    def __init__(
        self, stretches: Sequence[Stretch], labels: dict[int, tuple[str, PredictedGender]], height_px: int = 0
    ) -> None:
        self._view = InView([one for one in stretches if one.track_id in labels])
        self._labels, self._height_px, self._now = labels, height_px, list[Stretch]()

    def is_painted(self, time_s: float) -> bool:
        self._now = self._view.at(time_s)
        return bool(self._now)

    def paint(self, planes: Planes, placement: Placement, time_s: float) -> None:
        width, height = placement.displayed_wh
        scale = self._height_px / height if self._height_px else 1.0
        # captions are laid out in the pixels that are seen, so that they are as large in a smaller film
        seen = Placement(
            (max(round(width * scale), 1), max(round(height * scale), 1)),
            *(placement.stored_wh, placement.orientation, placement.blank_lines),
        )
        now = [(one.track_id, one.at(time_s)) for one in self._now]
        labels = [label_at(_scaled(box, scale), track_id, self._labels) for track_id, box in now]
        bars, captions = laid_out(labels, seen.displayed_wh)
        for bar in bars:
            planes.fill(_whole(seen.box(bar.box), planes.wh), bar.colour)
        for one in captions:
            x1, y1, x2, y2 = _whole(seen.box(one.box), planes.wh)
            if x2 > x1 and y2 > y1:
                planes.paste((x1, y1), seen.image(one.image, (x2 - x1, y2 - y1)))


class Covers:
    """Covers boxes with grey.

    Args:
        stretches: where.
    """

    def __init__(self, stretches: Sequence[Stretch]) -> None:
        self._view, self._now = InView(stretches), list[Stretch]()

    def is_painted(self, time_s: float) -> bool:
        self._now = self._view.at(time_s)
        return bool(self._now)

    def paint(self, planes: Planes, placement: Placement, time_s: float) -> None:
        for one in self._now:
            planes.cover(even_outwards(placement.box(one.at(time_s)), planes.wh))


def _scaled(box: Box, scale: float) -> Box:
    x1, y1, x2, y2 = box
    return (x1 * scale, y1 * scale, x2 * scale, y2 * scale)


def _whole(box: Box, wh: tuple[int, int]) -> IntBox:
    x1, x2 = (min(max(round(x), 0), wh[0]) for x in (box[0], box[2]))
    y1, y2 = (min(max(round(y), 0), wh[1]) for y in (box[1], box[3]))
    return (x1, y1, x2, y2)
