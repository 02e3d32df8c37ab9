from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from facetally.detection.faces import Faces, TrackedFaces


def arrays(count: int) -> dict[str, Any]:
    """Faces in which every value identifies its face."""
    number = np.arange(count, dtype=np.float32)
    return {
        "boxes": np.repeat(number[:, None] * 10, 4, axis=1),
        "scores": number / 10,
        "landmarks": np.tile(number[:, None, None] * 100, (1, 5, 2)),
    }


def numbers(faces: Faces) -> list[int]:
    """The numbers of these faces in `arrays`; the three arrays must agree."""
    by_box: list[int] = (faces.boxes[:, 3] / 10).round().astype(int).tolist()
    assert (faces.scores * 10).round().astype(int).tolist() == by_box
    assert (faces.landmarks[:, 4, 1] / 100).round().astype(int).tolist() == by_box
    return by_box


@pytest.mark.parametrize("name", ["boxes", "scores", "landmarks"])
def test_an_array_of_another_dtype_is_refused_with_both_dtypes_named(name: str) -> None:
    given = arrays(3)
    given[name] = given[name].astype(np.float64)
    with pytest.raises(TypeError, match=f"{name} must be float32, got float64"):
        Faces(**given)


@pytest.mark.parametrize(
    ("name", "shape", "wanted"),
    [
        ("boxes", (3, 5), r"boxes must have shape \('any', 4\), got \(3, 5\)"),
        ("boxes", (3,), r"boxes must have shape \('any', 4\), got \(3,\)"),
        ("scores", (2,), r"scores must have shape \(3,\), got \(2,\)"),
        ("scores", (3, 1), r"scores must have shape \(3,\), got \(3, 1\)"),
        ("landmarks", (3, 10), r"landmarks must have shape \(3, 5, 2\), got \(3, 10\)"),
        ("landmarks", (4, 5, 2), r"landmarks must have shape \(3, 5, 2\), got \(4, 5, 2\)"),
    ],
)
def test_an_array_of_another_shape_is_refused_with_both_shapes_named(
    name: str, shape: tuple[int, ...], wanted: str
) -> None:
    with pytest.raises(ValueError, match=wanted):
        Faces(**arrays(3) | {name: np.zeros(shape, np.float32)})


@pytest.mark.parametrize(
    ("which", "expected"),
    [
        (np.array([True, False, False, True]), [0, 3]),
        (np.array([2, 0, 2]), [2, 0, 2]),
        (slice(1, 3), [1, 2]),
        (np.zeros(4, bool), []),
    ],
)
def test_slicing_keeps_the_three_arrays_together(which: Any, expected: list[int]) -> None:
    assert numbers(Faces(**arrays(4))[which]) == expected


def test_concatenating_keeps_the_order_and_accepts_empty_parts() -> None:
    faces = Faces(**arrays(4))
    assert numbers(Faces.concatenate([faces[2:], Faces.empty(), faces[:1]])) == [2, 3, 0]
    assert len(Faces.empty()) == 0


def test_tracked_faces_need_one_int64_id_per_face() -> None:
    faces = Faces(**arrays(2))
    assert TrackedFaces(faces, np.array([7, -1]), ()).track_ids.tolist() == [7, -1]
    with pytest.raises(ValueError, match=r"track_ids must have shape \(2,\), got \(3,\)"):
        TrackedFaces(faces, np.zeros(3, np.int64), ())
    with pytest.raises(TypeError, match="track_ids must be int64, got int32"):
        TrackedFaces(faces, np.zeros(2, np.int32), ())


def test_scaled_faces_are_in_pixels_of_the_scaled_image() -> None:
    faces = Faces(**arrays(3)).scaled(0.5)
    assert faces.boxes[:, 3].tolist() == [0, 5, 10]
    assert faces.landmarks[2].tolist() == [[100, 100]] * 5
    np.testing.assert_array_equal(faces.scores, Faces(**arrays(3)).scores)
    assert faces.boxes.dtype == faces.landmarks.dtype == np.float32
