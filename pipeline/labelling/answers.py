"""Checks what a page sends: the values of a key press, for a track or for a moment."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from facetally.labelling.labels import AGES, MISSED_GENDERS, TRACK_ANSWERS

MAX_MISSED = 200
"""Missed faces of one moment."""
MAX_TOOK_S = 3600.0


class BadAnswerError(ValueError):
    """A key press that cannot be saved as it is; the text is for the page."""


def track_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """The checked values of a key press on an appearance; `same_as` is still the number on the page.

    Raises:
        BadAnswerError: an unknown name or value, or none.
    """
    return _checked(
        values,
        {
            "answer": lambda value: value in TRACK_ANSWERS,
            "age_band": lambda value: value in AGES,
            "face_quality": lambda value: value in ("good", "poor", ""),
            "same_as": lambda value: isinstance(value, int) and not isinstance(value, bool),
        },
    )


def moment_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """The checked values of a change to a moment.

    Raises:
        BadAnswerError: an unknown name or value, or none.
    """
    checked = _checked(
        values, {"missed": lambda value: isinstance(value, list), "done": lambda value: isinstance(value, bool)}
    )
    if "missed" not in checked:
        raise BadAnswerError("the missed faces are not given")
    if len(checked["missed"]) > MAX_MISSED:
        raise BadAnswerError(f"more than {MAX_MISSED} faces")
    return checked | {"missed": [_missed_face(face) for face in checked["missed"]]}


def took_s(value: object) -> float:
    """How long a label took; 0 where the page does not say."""
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return min(max(float(value), 0.0), MAX_TOOK_S)
    return 0.0


def _missed_face(face: object) -> dict[str, Any]:
    if not isinstance(face, Mapping) or not isinstance(face.get("box"), list) or len(face["box"]) != 4:
        raise BadAnswerError("a face without a box")
    if not all(isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v) for v in face["box"]):
        raise BadAnswerError("a box that is not four numbers")
    x1, y1, x2, y2 = (round(float(value), 1) for value in face["box"])
    if x2 <= x1 or y2 <= y1:
        raise BadAnswerError("a box without area")
    gender = face.get("gender", "unsure")
    if gender not in MISSED_GENDERS:
        raise BadAnswerError("a face with an unknown gender")
    return {"box": [x1, y1, x2, y2], "gender": gender}


def _checked(values: Mapping[str, Any], allowed: Mapping[str, Callable[[Any], bool]]) -> dict[str, Any]:
    if not isinstance(values, Mapping) or not values:
        raise BadAnswerError("nothing to save")
    for name, value in values.items():
        if name not in allowed or not allowed[name](value):
            raise BadAnswerError(f"{name} {value!r} is not known"[:200])
    return dict(values)
