"""The boxes around shapes of CVAT that are no rectangles."""

from __future__ import annotations

import math
from xml.etree import ElementTree

from facetally.csv_rows import CsvRow
from facetally.truth.formats.annotations import Box

NOWHERE: Box = (0.0, 0.0, 0.0, 0.0)
"""Of a shape whose coordinates are not known."""


def is_outside(shape: ElementTree.Element) -> bool:
    """Whether a shape, or every point of a skeleton, is marked as out of view."""
    parts = list(shape.iterfind("points")) if shape.tag == "skeleton" else []
    return shape.get("outside") == "1" or (bool(parts) and all(part.get("outside") == "1" for part in parts))


def box_around(row: CsvRow, shape: ElementTree.Element) -> Box:
    """The upright box around a shape in pixels; without area for a point or a level line.

    Args:
        row: the shape's own values, for errors.
        shape: polygon, polyline, points, ellipse, cuboid, mask or skeleton; of a skeleton the points in view count.

    Raises:
        TruthError: a coordinate that is not a number.
    """
    if shape.tag == "ellipse":
        return _around_ellipse(row)
    if shape.tag == "mask":
        left, top, width, height = (row.number(name) for name in ("left", "top", "width", "height"))
        return left, top, left + width, top + height
    corners = _corners(row, shape)
    if not corners:
        return NOWHERE
    across, down = [x for x, _ in corners], [y for _, y in corners]
    return min(across), min(down), max(across), max(down)


def _around_ellipse(row: CsvRow) -> Box:
    x, y, rx, ry = (row.number(name) for name in ("cx", "cy", "rx", "ry"))
    turn = math.radians(row.number("rotation", default=0.0))
    half_width = math.hypot(rx * math.cos(turn), ry * math.sin(turn))
    half_height = math.hypot(rx * math.sin(turn), ry * math.cos(turn))
    return x - half_width, y - half_height, x + half_width, y + half_height


def _corners(row: CsvRow, shape: ElementTree.Element) -> list[tuple[float, float]]:
    if shape.tag == "skeleton":
        parts = list(shape.iterfind("points"))
        seen = [part for part in parts if part.get("outside") != "1"] or parts
        return [corner for part in seen for corner in _points(row, part.get("points", ""))]
    if shape.tag == "cuboid":
        names = [name.removeprefix("x") for name in row.values if name.startswith("x") and f"y{name[1:]}" in row.values]
        return [(row.number(f"x{name}"), row.number(f"y{name}")) for name in names]
    return _points(row, row.values.get("points", ""))


def _points(row: CsvRow, text: str) -> list[tuple[float, float]]:
    """The points in text such as "1,2;3,4"."""
    corners = []
    for part in filter(None, text.split(";")):
        x, _, y = part.partition(",")
        point = CsvRow(row.path, row.line, {"points x": x, "points y": y}, row.where)
        corners.append((point.number("points x"), point.number("points y")))
    return corners
