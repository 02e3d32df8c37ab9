"""Measures `facetally live` on a 1080p30 stream, end to end: how late its picture is, how often it samples, its counts.

    python -m scripts.live_benchmark clips/*.mp4 --seconds 60 --json live.json

The clips are joined to one film with a number in each frame, drawn as black and white blocks. A server of its own
process (`scripts/rtsp_server.py`, GStreamer) sends it in real time and notes when each frame leaves; `facetally live`
looks at it in a second process, and shows it on its page; this process reads the page's picture, as a browser does, and
the number in it. What is counted is compared with `facetally run` on the same film. All three share the machine.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import psutil

import facetally
from facetally.detection.sparse import SparseOptions
from facetally.options import RunOptions
from scripts.provenance import machine

SYSTEM_PYTHON = "/usr/bin/python3"
SERVER = Path(__file__).with_name("rtsp_server.py")
SIZE_WH, FPS = (1920, 1080), 30
BITS, BLOCK_PX = 16, 24
WHOLE_FRAMES = RunOptions(sparse=SparseOptions(max_gap_s=0))
"""Each sampled frame is searched as a whole, as `facetally live` does; a run searches some only around known faces."""
FIRST_S = 3.0
"""What comes before is not measured: the stream is opened, the networks warm up."""


@dataclass(frozen=True)
class Shown:
    """A picture that the page showed."""

    number: int
    at_s: float


def numbered(image: np.ndarray, number: int) -> np.ndarray:
    """Draws the number of a frame along its top edge: a white block, the bits from the lowest, a black block."""
    for place, bit in enumerate((1, *(number >> n & 1 for n in range(BITS)), 0)):
        image[:BLOCK_PX, place * BLOCK_PX : (place + 1) * BLOCK_PX] = 235 if bit else 16
    return image


def number_in(image: np.ndarray) -> int | None:
    """The number in a shown picture, of any size; None if it cannot be read."""
    scale = image.shape[1] / SIZE_WH[0]
    xs = ((np.arange(BITS + 2) + 0.5) * BLOCK_PX * scale).astype(int)
    values = image[int(BLOCK_PX / 2 * scale), xs].mean(axis=1)
    if values[0] < 128 or values[-1] > 128:
        return None
    return int(sum(1 << n for n in range(BITS) if values[1 + n] > 128))


def film_of(clips: Sequence[Path], path: Path, seconds: float) -> Path:
    """A film of 1080p30 in H.264 without B-frames, as cameras send it, a keyframe every two seconds."""
    with av.open(str(path), "w") as target:
        stream: Any = target.add_stream("libx264", rate=FPS, options={"preset": "veryfast", "crf": "23", "bf": "0"})
        stream.width, stream.height = SIZE_WH
        stream.pix_fmt, stream.codec_context.gop_size = "yuv420p", 2 * FPS
        for number, image in zip(range(round(seconds * FPS)), _images(clips), strict=False):
            frame = av.VideoFrame.from_ndarray(numbered(image, number), format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return path


def _images(clips: Sequence[Path]) -> Iterator[np.ndarray]:
    """(1080, 1920, 3) uint8 BGR of the clips, one after the other, 30 a second, with black bars."""
    width, height = SIZE_WH
    for clip in clips:
        with av.open(str(clip)) as container:
            shown = -1
            for frame in container.decode(video=0):
                due = int((frame.time or 0) * FPS)
                scale = min(width / frame.width, height / frame.height)
                size = 2 * int(frame.width * scale / 2), 2 * int(frame.height * scale / 2)
                image = frame.reformat(*size, format="bgr24").to_ndarray()
                x, y = (width - size[0]) // 2, (height - size[1]) // 2
                canvas = np.full((height, width, 3), 16, np.uint8)
                canvas[y : y + size[1], x : x + size[0]] = image
                for _ in range(max(due - shown, 0)):
                    yield canvas.copy()
                shown = max(due, shown)


@contextmanager
def served(film: Path, log: Path) -> Iterator[str]:
    """Sends a film to whoever asks; gives its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [SYSTEM_PYTHON, str(SERVER), str(film), str(port), "--log", str(log)]
    server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout and server.stdout.readline().strip() == "ready"
        yield f"rtsp://127.0.0.1:{port}/film"
    finally:
        server.terminate()
        server.wait()


def pictures(address: str) -> Iterator[np.ndarray]:
    """The pictures of the page, each as soon as it came, (H, W, 3) uint8 BGR."""
    with urllib.request.urlopen(f"{address}picture", timeout=20) as stream:
        while line := stream.readline():
            if line.lower().startswith(b"content-length:"):
                stream.readline()
                jpeg = stream.read(int(line.split(b":")[1]))
                yield np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def watched(address: str, out: Path, seconds: float) -> tuple[list[Shown], dict[str, Any]]:
    """Runs `facetally live` and reads its page to its end; returns what it showed, and what it took."""
    words = ["live", address, "-o", str(out), "--page", "--no-browser", "--seconds", str(seconds)]
    process = subprocess.Popen([sys.executable, "-m", "facetally", *words], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    page, state = process.stdout.readline().strip(), psutil.Process(process.pid)
    shown: list[Shown] = []
    memory: list[float] = []
    started_s, cpu = time.monotonic(), state.cpu_times()
    try:
        for image in pictures(page):
            number = number_in(image)
            if number is not None:
                shown.append(Shown(number, time.time()))
            if time.monotonic() - started_s > len(memory):
                memory.append(state.memory_info().rss / 2**20)
                cpu = state.cpu_times()
    finally:
        print(process.stdout.read(), end="")
        process.wait()
    took = {
        "cores": round((cpu.user + cpu.system) / (time.monotonic() - started_s), 2),
        "memory_mb": [round(value) for value in (memory[len(memory) // 5], memory[-1])],
    }
    return shown, took


def latencies_s(shown: Sequence[Shown], log: Path) -> np.ndarray:
    """For each picture that the page showed first: seconds since its first packet left the server."""
    sent: dict[int, float] = {}
    with log.open() as lines:
        for time_s, at_s in csv.reader(lines):
            sent.setdefault(round(float(time_s) * FPS), float(at_s))
    return np.array([one.at_s - sent[one.number] for one in shown if one.number in sent and one.number > FIRST_S * FPS])


def counts(run: facetally.Run) -> dict[str, float]:
    """What a run counts."""
    tracks = run.tracks()
    by_gender = tracks.groupby("gender").size().to_dict()
    return {
        "faces": len(run.faces()),
        "faces of appearances": int(tracks["face_count"].sum()),
        "appearances": len(tracks),
        **{f"appearances, {gender}": int(by_gender.get(gender, 0)) for gender in ("female", "male", "unknown")},
        "screen time, s": round(float(tracks["screen_time_s"].sum()), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        figures = measured(given.clips, Path(work), given.seconds)
    text = json.dumps(figures, indent=2)
    print(text)
    if given.json:
        given.json.write_text(text + "\n")


def measured(clips: Sequence[Path], work: Path, seconds: float) -> dict[str, Any]:
    """All figures, with the machine and how busy it was before."""
    film, load = film_of(clips, work / "film.mp4", seconds), os.getloadavg()[0]
    with served(film, work / "sent.csv") as address:
        shown, took = watched(address, work / "live", seconds)
    late_s = latencies_s(shown, work / "sent.csv")
    live, row = facetally.Run(work / "live"), facetally.Run(work / "live").videos().iloc[0]
    found = {"live": live, "run": facetally.run([str(film)], out=work / "run")}
    found["run, whole frames"] = facetally.run([str(film)], out=work / "whole", options=WHOLE_FRAMES)
    return {
        "date": str(date.today()),
        "machine": machine(),
        "load_before": round(load, 2),
        "film": f"{SIZE_WH[0]} x {SIZE_WH[1]}, {FPS} frames/s, {seconds:g} s",
        "latency_s": {name: round(float(np.quantile(late_s, q)), 3) for name, q in (("median", 0.5), ("p95", 0.95))},
        "pictures_per_s": round(len(late_s) / max(shown[-1].at_s - shown[0].at_s - FIRST_S, 1), 1),
        "samples_per_s": round(row["sampled_count"] / row["decoded_s"], 2),
        "note": row["note"].partition("; ")[2],
        **took,
        "counts": {name: counts(run) for name, run in found.items()},
    }


if __name__ == "__main__":
    main()
