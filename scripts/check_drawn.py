"""Checks copies that `facetally draw` wrote against their videos: frames, times, sound; and that no face is left.

    python -m scripts.check_drawn OUT DRAWN --report reports/drawn.md
    python -m scripts.check_drawn OUT COVERED --no-faces --detector ours --detector scrfd_2.5g

A copy must decode to its end, with as many frames as the video, at the same times from the first frame, and with the
same packets of sound, bit by bit, as far from the pictures as in the video.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import av
import numpy as np

from facetally.detection.scrfd import ScrfdDetector, ScrfdOptions
from facetally.drawing.finished import Finished
from facetally.formatting import command
from facetally.inspection.videos import VideoFinder
from facetally.models.weights import find_model
from facetally.options import RunOptions, Sampling
from facetally.results.ledger import Ledger
from facetally.validation.metrics import halves
from facetally.video.decoder import EVERY_IMAGE, Decoder
from facetally.video.opening import opened
from facetally.video.reader import VideoReader
from scripts.provenance import machine

MAX_TIME_ERROR_S = 0.001
"""Matroska counts in milliseconds."""
MAX_SOUND_OFFSET_S = 0.010
MIN_FACE_PX = 20
SURE_SCORE = 0.5
ADTS_BYTES = 7
"""A header before each packet of AAC in MPEG-TS, which other containers do not store."""


@dataclass
class Check:
    """What was found about one copy."""

    video: str
    frame_count: int = 0
    sound_packet_count: int = 0
    time_error_s: float = 0.0
    sound_offset_s: float = 0.0
    problems: list[str] = field(default_factory=list)


def copies_in(drawn: Path) -> dict[str, Path]:
    """The copies in a folder by the name of their video, as the command noted them."""
    return {video: path for video, path in Finished(drawn).copies().items() if path.exists()}


def compared(video: Path, copy: Path, name: str) -> Check:
    """Compares a copy with its video."""
    check = Check(name)
    (times, own), (copied_times, copied) = _read(video), _read(copy)
    check.frame_count, check.sound_packet_count = len(times), len(own)
    if len(times) != len(copied_times):
        check.problems.append(f"{len(copied_times)} frames instead of {len(times)}")
    else:
        check.time_error_s = float(np.abs(np.array(times) - copied_times).max(initial=0))
        if check.time_error_s > MAX_TIME_ERROR_S:
            check.problems.append(f"times differ by up to {check.time_error_s:.4f} s")
    same = len(own) == len(copied) and all(
        mine[1] in (theirs[1], theirs[1][ADTS_BYTES:]) or theirs[1] in (mine[1], mine[1][ADTS_BYTES:])
        for mine, theirs in zip(own, copied, strict=True)
    )
    if not same:
        check.problems.append(f"sound differs: {len(copied)} packets instead of {len(own)}")
    elif own:
        check.sound_offset_s = max(abs(a[0] - b[0]) for a, b in zip(own, copied, strict=True))
        if check.sound_offset_s > MAX_SOUND_OFFSET_S:
            check.problems.append(f"sound is off by {check.sound_offset_s:.4f} s")
    return check


def _read(path: Path) -> tuple[list[float], list[tuple[float, bytes]]]:
    """Times of the frames from the first one, and times (from the first frame, too) and bytes of sound packets."""
    decoder = Decoder(path, EVERY_IMAGE)
    images = [(image.time_s, image.image.pts, image.image.time_base) for image in decoder.images()]
    decoder.close()
    first = next((float(pts * base) for _, pts, base in images if pts is not None and base), 0.0)
    sound = []
    with opened(path) as container:
        if container.streams.audio:
            for packet in container.demux(*container.streams.audio):
                stamp = packet.pts if packet.pts is not None else packet.dts
                if packet.size and stamp is not None and packet.time_base:
                    sound.append((packet.stream.index, float(stamp * packet.time_base) - first, bytes(packet)))
    sound.sort(key=lambda one: one[0])
    return [time_s for time_s, _, _ in images], [(time_s, content) for _, time_s, content in sound]


def faces_left(copy: Path, detectors: dict[str, ScrfdDetector], every_s: float) -> Iterator[tuple[str, float, Any]]:
    """The faces of `MIN_FACE_PX` or more that a detector finds: its name, the time, and box with score."""
    with VideoReader(copy, Sampling(every_s=every_s)) as reader:
        for frame in reader:
            hw = frame.image.hw
            for name, detector in detectors.items():
                found = detector.detect([frame.image.bgr(detector.input_wh(hw))], hw)[0]
                for box, score in zip(found.boxes, found.scores, strict=True):
                    if box[3] - box[1] >= MIN_FACE_PX:
                        yield name, frame.time_s, (*np.round(box).tolist(), round(float(score), 2))


def main() -> None:
    """Checks all copies, and writes a report if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("drawn", type=Path)
    parser.add_argument("--videos", type=Path, action="append", default=[])
    parser.add_argument("--no-faces", action="store_true", help="also check that detectors find no face")
    parser.add_argument("--detector", action="append", default=[])
    parser.add_argument("--min-score", type=float, default=0.3)
    parser.add_argument("--every", type=float, default=0.2, help="seconds between the frames that are searched")
    parser.add_argument("--some", action="store_true", help="check only the videos that have a copy")
    parser.add_argument("--report", type=Path)
    arguments = parser.parse_args()
    ledger = Ledger(arguments.out)
    finder = VideoFinder(ledger, arguments.videos)
    options = ScrfdOptions(min_score=arguments.min_score)
    names = arguments.detector or [RunOptions.detector] if arguments.no_faces else []
    detectors = {name: ScrfdDetector(find_model(name, "detector").path, options, threads=1) for name in names}
    checks, left = [], {name: list[tuple[str, float]]() for name in detectors}
    copies = copies_in(arguments.drawn)
    for row in ledger.rows():
        copy, (path, why) = copies.get(row.video), finder.find(row)
        if copy is None and arguments.some:
            continue
        if path is None or copy is None:
            checks.append(Check(row.video, problems=[why or "not drawn"]))
            continue
        checks.append(compared(path, copy, row.video))
        found = list(faces_left(copy, detectors, arguments.every)) if detectors else []
        for name, time_s, box in found:
            left[name].append((row.video, box[-1]))
            print(f"face: {row.video} at {time_s:.2f} s, {name}: {box}", flush=True)
        checks[-1].problems += [f"{len(found)} faces are found"] if found else []
        print(checks[-1], flush=True)
    chosen_on, _ = halves(row.video.partition("/")[0] for row in ledger.rows())
    text = report(checks, left, chosen_on, arguments)
    print(text)
    if arguments.report:
        old = arguments.report.read_text() if arguments.report.exists() else "# Drawn videos\n"
        arguments.report.write_text(f"{old}\n{text}")
    raise SystemExit(any(check.problems for check in checks))


def report(
    checks: list[Check], left: dict[str, list[tuple[str, float]]], chosen_on: frozenset[str], arguments: Any
) -> str:
    """The section of the report about one check.

    Args:
        checks: of all copies.
        left: the faces that each detector still finds: their videos and scores.
        chosen_on: the sources that the search for more faces was chosen on.
        arguments: of the command.
    """
    wrong = [check for check in checks if check.problems]
    searched = ("--no-faces", "--every", arguments.every, "--min-score", arguments.min_score) if left else ()
    some = ("--some",) if arguments.some else ()
    line = command("python", "-m", "scripts.check_drawn", "OUT", "DRAWN", *searched, *some)
    lines = [
        f"## {'Covered' if left else 'Drawn'} copies of {len(checks)} videos",
        "",
        f"{date.today()}, {machine()}, PyAV {av.__version__}: `{line}`",
        "",
        f"- {sum(check.frame_count for check in checks):,} frames; largest difference of their times "
        f"{1000 * max(check.time_error_s for check in checks):.3f} ms",
        f"- {sum(check.sound_packet_count for check in checks):,} packets of sound, equal bit by bit; largest "
        f"difference of their place beside the pictures {1000 * max(check.sound_offset_s for check in checks):.3f} ms",
        f"- videos with a problem: {len(wrong)}",
        *(f"    - {check.video}: {'; '.join(check.problems)}" for check in wrong),
    ]
    for name, faces in left.items():
        lines.append(
            f"- faces of {MIN_FACE_PX} px or more that {Path(name).stem} still finds (a frame every "
            f"{arguments.every:g} s), score {SURE_SCORE:g} or more / {arguments.min_score:g} or more:"
        )
        for half, is_first in (("chosen on", True), ("reported on", False)):
            videos = {check.video for check in checks if (check.video.partition("/")[0] in chosen_on) == is_first}
            scores = [score for video, score in faces if video in videos]
            sure = sum(score >= SURE_SCORE for score in scores)
            lines.append(f"    - half of the sources that the search was {half}: {sure} / {len(scores)}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
