"""Clips of narrow pixels and their controls, and how tracks are compared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from facetally.inputs import InputVideo
from facetally.options import Sampling
from facetally.video.reader import VideoReader
from scripts.measure_pixel_aspect import DISPLAYED_WH, compared, same_track, write_clip

EDGES = ("x1", "y1", "x2", "y2")


def faces(track_id: int, x: float, count: int = 10) -> pd.DataFrame:
    """Faces of 40 x 40 pixels, one in each frame."""
    boxes = {edge: [value] * count for edge, value in zip(EDGES, (x, 10.0, x + 40, 50.0), strict=True)}
    return pd.DataFrame({"video_id": "v", "frame_index": range(count), "track_id": track_id, **boxes})


def test_both_files_of_a_clip_are_displayed_alike(clip: Path, tmp_path: Path) -> None:
    write_clip(InputVideo(clip, "clip.mp4"), tmp_path, seconds=0.5)
    shown = {}
    for path in sorted(tmp_path.rglob("*.mp4")):
        with VideoReader(path, Sampling(0)) as reader:
            images = [frame.image.bgr() for frame in reader]
            shown[path.parent.name] = images[0].astype(int)
            assert (images[0].shape[1::-1], len(images)) == (DISPLAYED_WH, 5)
            assert (reader.info.width_px == DISPLAYED_WH[0]) == path.parent.name.endswith("control")
    assert len(shown) == 4
    for name in ("64x45", "4x3"):
        assert np.abs(shown[f"{name}-narrow"] - shown[f"{name}-control"]).mean() < 2


@pytest.mark.parametrize(("x", "found"), [(12.0, 7), (45.0, None)])
def test_a_track_is_found_again_where_its_faces_are(x: float, found: int | None) -> None:
    assert same_track(faces(0, 10.0), pd.concat([faces(7, x), faces(8, 90.0)])) == found


def test_a_track_with_few_faces_in_common_is_lost() -> None:
    assert same_track(faces(0, 10.0), faces(7, 10.0, count=4)) is None
    assert same_track(faces(0, 10.0), None) is None


def test_found_tracks_and_equal_predictions_are_counted(tmp_path: Path) -> None:
    for way, ages in (("control", (30.0, 40.0)), ("narrow", (34.0, 41.0))):
        for table in ("faces", "tracks"):
            (tmp_path / way / table).mkdir(parents=True)
        tracks = pd.DataFrame({"video_id": "v", "track_id": [0, 1], "age_years": ages, "gender": ["female", "male"]})
        tracks["age_band"] = ["young" if age < 33 else "mid" for age in ages]
        tracks.to_parquet(tmp_path / way / "tracks" / "v.parquet")
        both = pd.concat([faces(0, 10.0), faces(1, 90.0 if way == "control" else 300.0)])
        both.to_parquet(tmp_path / way / "faces" / "v.parquet")
    figures = compared(tmp_path / "control", tmp_path / "narrow")
    assert (figures["tracks"], figures["found_again"], figures["same_age_band"]) == (2, 1, 0)
    assert (figures["same_gender"], figures["mean_age_difference_years"]) == (1, 4.0)
