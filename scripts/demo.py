"""Runs facetally from videos to a tally and a report on real faces: the program behind `make demo`.

    python -m scripts.demo

Uses a dozen of the clips in ../shared/videos if they exist. Otherwise it renders a clip from public-domain photographs
that are included in scikit-image (Eileen Collins) and matplotlib (Grace Hopper).
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import click
import cv2
import numpy as np

from facetally.inputs import find_videos
from facetally.models.weights import shared_folder

CLIP_COUNT = 12
FRAMES_PER_SECOND = 25
CLIP_WH = (640, 360)


@click.command(help=__doc__)
@click.option("-o", "--out", type=click.Path(path_type=Path), default=Path("demo"), show_default=True)
def main(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    shared_videos = shared_folder() / "videos"
    if shared_videos.is_dir():
        videos = [video.path for video in find_videos([str(shared_videos)])]
        step = max(1, len(videos) // CLIP_COUNT)
        chosen = videos[::step]
        listed = out / "clips.txt"
        listed.write_text("\n".join(str(path) for path in chosen) + "\n")
        inputs = f"@{listed}"
    else:
        inputs = str(rendered_clip(out / "photographs.mp4"))
    results = out / "results"
    for command in (
        ["run", inputs, "-o", str(results)],
        ["tally", str(results), "--by", "video"],
        ["report", str(results)],
    ):
        click.echo(f"\n$ facetally {shlex.join(command)}", err=True)
        code = subprocess.run([sys.executable, "-m", "facetally", *command], check=False).returncode
        if code:
            sys.exit(code)


def rendered_clip(path: Path) -> Path:
    """Writes a clip of 8 s: a slow pan over each photograph, with a cut between them."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FRAMES_PER_SECOND)
        stream.width, stream.height = CLIP_WH
        stream.pix_fmt = "yuv420p"
        for photograph in photographs():
            for image in slow_move(photograph, seconds=4):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path


def photographs() -> Iterator[np.ndarray]:
    """(H, W, 3) uint8 RGB portraits in the public domain, by NASA and the US Navy."""
    import matplotlib.cbook
    import skimage.data

    yield np.asarray(skimage.data.astronaut(), np.uint8)  # type: ignore[no-untyped-call]  # scikit-image has no types
    hopper = matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)
    yield np.asarray(cv2.imread(str(hopper), cv2.IMREAD_COLOR_RGB))


def slow_move(photograph: np.ndarray, seconds: float) -> Iterator[np.ndarray]:
    """Frames of size `CLIP_WH` that pan down over the upper part of a photograph."""
    width, height = CLIP_WH
    scale = width / photograph.shape[1]
    scaled = cv2.resize(photograph, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    frame_count = round(seconds * FRAMES_PER_SECOND)
    room = min(scaled.shape[0] - height, height // 4)
    for index in range(frame_count):
        top = round(room * index / frame_count)
        yield np.ascontiguousarray(scaled[top : top + height, :width])


if __name__ == "__main__":
    main()
