"""Compares the time of `facetally draw` with decoding and encoding the same videos alone, with the same settings.

    python -m scripts.benchmark_draw OUT --videos VIDEOS --report reports/benchmarks/draw.md

Both write to a temporary folder, video after video, so that other work on the machine burdens both alike. Processor
time is compared as well as the time that passed, as the latter means little on a machine that does other work.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from facetally.drawing.film import ENCODER, FilmOptions
from facetally.drawing.videos import DrawOptions, VideoDrawing
from facetally.formatting import command
from facetally.inspection.videos import VideoFinder
from facetally.results.corrections import read_corrections
from facetally.results.ledger import Ledger
from facetally.video.opening import opened, video_stream
from scripts.provenance import machine


@dataclass
class Times:
    """Seconds that the videos took, summed."""

    processor_s: float = 0.0
    passed_s: float = 0.0
    _started: tuple[float, float] = field(default=(0.0, 0.0))

    def __enter__(self) -> None:
        self._started = time.process_time(), time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.processor_s += time.process_time() - self._started[0]
        self.passed_s += time.perf_counter() - self._started[1]


def encode_alone(path: Path, target: Path, options: FilmOptions) -> int:
    """Decodes a video and encodes its pictures, with plain PyAV; returns the number of frames."""
    count, last_pts = 0, -(2**62)
    with opened(path) as source, av.open(str(target), "w", format="mp4") as output:
        own = video_stream(source, path)
        own.thread_type = "AUTO"
        own.codec_context.thread_count = options.threads
        settings = {"crf": str(options.crf), "preset": options.preset}
        stream: Any = output.add_stream(ENCODER, rate=own.average_rate or 25, options=settings)
        stream.width, stream.height = (2 * round(n / 2) for n in (own.codec_context.width, own.codec_context.height))
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = options.threads
        stream.codec_context.time_base = own.time_base or Fraction(1, 1000)
        for frame in source.decode(own):
            last_pts = max(frame.pts or 0, last_pts + 1)  # times that go back cannot be stored
            frame.pts, frame.pict_type = last_pts, 0
            output.mux(stream.encode(frame))
            count += 1
        output.mux(stream.encode(None))
    return count


def main() -> None:
    """Measures all videos of a run, and writes a report if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--videos", type=Path, action="append", default=[])
    parser.add_argument("--step", type=int, default=1, help="measure every n-th video")
    parser.add_argument("--threads", type=int, default=1, help="of the decoder and of the encoder")
    parser.add_argument("--report", type=Path)
    arguments = parser.parse_args()
    ledger, options = Ledger(arguments.out), FilmOptions(threads=arguments.threads)
    finder, corrections = VideoFinder(ledger, arguments.videos), read_corrections(arguments.out)
    alone, drawn, frame_count, count = Times(), Times(), 0, 0
    with tempfile.TemporaryDirectory() as folder:
        for row in list(ledger.rows())[:: arguments.step]:
            path, _ = finder.find(row)
            if path is None:
                continue
            count += 1
            with alone:
                frame_count += encode_alone(path, Path(folder, "alone.mp4"), options)
            with drawn:
                drawing = VideoDrawing(ledger, ledger.read_row(row.video_id), path, corrections, DrawOptions(options))
                drawing.write(Path(folder, f"drawn{drawing.film.suffix}"), [], lambda *_: None)
            print(f"{row.video}: {drawn.processor_s / alone.processor_s:.2f} so far", flush=True)
    text = report(alone, drawn, count, frame_count, arguments.step)
    print(text)
    if arguments.report:
        arguments.report.write_text(text)


def report(alone: Times, drawn: Times, video_count: int, frame_count: int, step: int) -> str:
    """The report on one measurement."""
    ratio, passed = drawn.processor_s / alone.processor_s, drawn.passed_s / alone.passed_s
    line = command("python", "-m", "scripts.benchmark_draw", "OUT", "--step", step)
    return f"""# Time of drawing

{date.today()}, {machine()}, PyAV {av.__version__}: `{line}`

{video_count} videos, {frame_count:,} frames. Other work was running on the machine unless the figures say otherwise:
compare the times of the processor.

| | processor | passed |
|---|---|---|
| decoding and encoding alone | {alone.processor_s:.1f} s | {alone.passed_s:.1f} s |
| `facetally draw` | {drawn.processor_s:.1f} s | {drawn.passed_s:.1f} s |
| ratio | {ratio:.2f} | {passed:.2f} |
"""


if __name__ == "__main__":
    main()
