"""Compares the results for clips stored with narrow pixels with those for square ones of the same sharpness.

    python -m scripts.measure_pixel_aspect ../shared/videos --work FOLDER -o pixel_aspect.json

The first seconds of each clip are written twice for each pixel aspect: narrow, as tapes and broadcasts store them, and
as a control squeezed alike, stretched back, and stored with square pixels. Both are displayed alike and have lost the
same sharpness, so a run should find the same tracks with the same ages in both. The files are stored without loss: the
noise of two compressions differs, which alone moves ages across the borders of their bands.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import click
import cv2
import numpy as np
import pandas as pd

from facetally.detection.faces import ImageArray
from facetally.errors import VideoError
from facetally.inputs import InputVideo, find_videos
from facetally.jobs.runs import run_folder
from facetally.options import Sampling
from facetally.video.reader import VideoReader

DISPLAYED_WH = (1024, 576)
ASPECTS = {"64x45": Fraction(64, 45), "4x3": Fraction(4, 3)}
FPS = 10
MIN_OVERLAP, MIN_SHARE = 0.5, 0.5
"""A track is found again if this share of its faces overlap, by this intersection over union, with one track's."""


@click.command(help=__doc__)
@click.argument("videos", type=click.Path(exists=True, path_type=Path))
@click.option("--work", type=click.Path(path_type=Path, file_okay=False), required=True, help="For clips and results.")
@click.option("--seconds", default=3.0, show_default=True, help="Of each clip.")
@click.option("--clips", default=0, help="Only so many clips, evenly chosen; 0: all.")
@click.option("-o", "--out", type=click.Path(path_type=Path, dir_okay=False), required=True)
def main(videos: Path, work: Path, seconds: float, clips: int, out: Path) -> None:
    found = find_videos([str(videos)])
    chosen = found[:: max(1, len(found) // clips)] if clips else found
    for video in chosen:
        write_clip(video, work / "clips", seconds)
    figures: dict[str, Any] = {"clips": len(chosen), "seconds": seconds}
    for name in ASPECTS:
        for way in ("narrow", "control"):
            run_folder(work / "clips" / f"{name}-{way}", work / "out" / f"{name}-{way}", every_s=1 / FPS)
        figures[name] = compared(work / "out" / f"{name}-control", work / "out" / f"{name}-narrow")
        click.echo(f"{name}: {figures[name]}")
    out.write_text(json.dumps(figures, indent=1) + "\n")


def write_clip(video: InputVideo, folder: Path, seconds: float) -> None:
    """Writes the narrow file and the control of one clip, for each aspect."""
    try:
        images = list(_displayed(video.path, seconds))
    except VideoError:
        return
    width, height = DISPLAYED_WH
    for name, aspect in ASPECTS.items():
        narrow_wh = round(width / aspect), height
        narrow = [np.asarray(cv2.resize(image, narrow_wh, interpolation=cv2.INTER_AREA), np.uint8) for image in images]
        wide = [np.asarray(cv2.resize(image, DISPLAYED_WH), np.uint8) for image in narrow]
        for way, pictures, shape in (("narrow", narrow, aspect), ("control", wide, Fraction(1))):
            _encode(folder / f"{name}-{way}" / f"{video.video_id}.mp4", pictures, shape)


def _displayed(path: Path, seconds: float) -> Iterator[ImageArray]:
    """The images of a clip's first seconds, scaled to the displayed size with black bars."""
    width, height = DISPLAYED_WH
    with VideoReader(path, Sampling(every_s=1 / FPS)) as reader:
        for frame in reader:
            if frame.time_s >= seconds:
                return
            own_height, own_width = frame.image.hw
            scale = min(width / own_width, height / own_height)
            image = frame.image.bgr((max(round(own_width * scale), 1), max(round(own_height * scale), 1)))
            canvas = np.zeros((height, width, 3), np.uint8)
            top, left = (height - image.shape[0]) // 2, (width - image.shape[1]) // 2
            canvas[top : top + image.shape[0], left : left + image.shape[1]] = image
            yield canvas


def _encode(path: Path, images: list[ImageArray], aspect: Fraction) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=FPS, options={"qp": "0", "preset": "ultrafast"})
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.sample_aspect_ratio = aspect
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "bgr24")))
        container.mux(stream.encode(None))


def compared(control: Path, narrow: Path) -> dict[str, Any]:
    """How many of the control's tracks are found again, and with which predictions."""
    tables = {
        (way, table): pd.read_parquet(folder / table)
        for way, folder in (("control", control), ("narrow", narrow))
        for table in ("faces", "tracks")
    }
    figures = {"tracks": 0, "found_again": 0, "same_age_band": 0, "same_gender": 0, "other_gender": 0}
    age_differences = []
    narrow_tracks = tables["narrow", "tracks"].set_index(["video_id", "track_id"])
    narrow_faces = dict(list(tables["narrow", "faces"].groupby("video_id")))
    faces_of = tables["control", "faces"].groupby(["video_id", "track_id"])
    for track in tables["control", "tracks"].itertuples():
        figures["tracks"] += 1
        own = faces_of.get_group((track.video_id, track.track_id))
        found = same_track(own, narrow_faces.get(track.video_id))
        if found is None:
            continue
        other = narrow_tracks.loc[(track.video_id, found)]
        figures["found_again"] += 1
        figures["same_age_band"] += track.age_band == other["age_band"]
        figures["same_gender"] += track.gender == other["gender"]
        figures["other_gender"] += {track.gender, other["gender"]} == {"female", "male"}
        age_differences.append(float(other["age_years"]) - float(track.age_years))
    mean = {"mean_age_difference_years": round(float(np.mean(age_differences)), 3)} if age_differences else {}
    return {name: int(value) for name, value in figures.items()} | mean


def same_track(own: pd.DataFrame, others: pd.DataFrame | None) -> int | None:
    """The id of the track that most faces of a track overlap with; None if those are too few."""
    if others is None:
        return None
    pairs = own.merge(others[others["track_id"] >= 0], on="frame_index", suffixes=("", "_other"))
    edges = (
        pairs[["x1", "y1", "x2", "y2"]].to_numpy(),
        pairs[[f"{e}_other" for e in ("x1", "y1", "x2", "y2")]].to_numpy(),
    )
    shared = (np.minimum(edges[0][:, 2:], edges[1][:, 2:]) - np.maximum(edges[0][:, :2], edges[1][:, :2])).clip(0)
    areas = [np.prod(box[:, 2:] - box[:, :2], axis=1) for box in edges]
    overlap = np.prod(shared, axis=1) / np.maximum(areas[0] + areas[1] - np.prod(shared, axis=1), 1e-9)
    counts = pairs.loc[overlap >= MIN_OVERLAP, "track_id_other"].value_counts()
    if counts.empty or counts.iloc[0] < MIN_SHARE * len(own):
        return None
    return int(counts.index[0])


if __name__ == "__main__":
    main()
