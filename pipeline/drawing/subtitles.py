"""Subtitles that say who is in view, for any player: as text (SRT, WebVTT), or with boxes around the faces (ASS).

The film stays as it is. Times count from the start of the file, as players count them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Literal, get_args

import pysubs2
from pysubs2.formats.substation import SubstationFormat

from facetally.drawing.boxes_over_time import Stretch
from facetally.drawing.overlay import COLOURS, LINE_OF_PICTURE, TEXT_OF_PICTURE
from facetally.errors import VideoError
from facetally.tracks.appearances import PredictedGender
from facetally.video.opening import opened, video_stream

SubtitleFormat = Literal["ass", "srt", "vtt"]
Labels = Mapping[int, tuple[str, PredictedGender]]
"""Text and gender by track."""
MIN_EVENT_MS = 10
"""Shorter ones cannot be stored in ASS, which counts in hundredths of seconds."""


def subtitles(
    stretches: Sequence[Stretch],
    labels: Labels,
    *,
    form: SubtitleFormat,
    displayed_wh: tuple[int, int],
    first_frame_s: float = 0.0,
) -> str:
    """The content of a file of subtitles.

    Args:
        stretches: where the faces are.
        labels: those of the tracks that are named.
        form: the format.
        displayed_wh: width and height of the picture as displayed, in the pixels of the boxes.
        first_frame_s: time of the first frame as players count it.
    """
    named = [one for one in stretches if one.track_id in labels]
    file = pysubs2.SSAFile()
    if form == "ass":
        _prepare(file, displayed_wh)
        file.events = [event for one in named for event in _boxes(one, labels, displayed_wh, first_frame_s)]
        content = StringIO()
        _LongAss.to_file(file, content, form)
        return content.getvalue()
    file.events = list(_texts(named, labels, first_frame_s))
    return file.to_string(form)


class _LongAss(SubstationFormat):
    """ASS for films of any length: pysubs2 puts all events after ten hours at 9:59:59.99.

    See findings/pysubs2-ass-ends-at-ten-hours.sh.
    """

    @staticmethod
    def ms_to_timestamp(requested_ms: int) -> str:
        """H:MM:SS.cc, with as many digits for the hours as they need; FFmpeg and libass read any number."""
        seconds, hundredths = divmod((max(requested_ms, 0) + 5) // 10, 100)
        return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{hundredths:02d}"


def first_frame_s(path: Path, stream: int = -1) -> float:
    """The time of a video's first frame as players count it, from the start of the file's first stream.

    Raises:
        VideoError: it has no frame.
    """
    with opened(path) as container:
        own = video_stream(container, path, stream)
        for frame in container.decode(own):
            stamp_s = float(frame.pts * frame.time_base) if frame.pts is not None and frame.time_base else 0.0
            return max(stamp_s - (container.start_time or 0) / 1e6, 0.0)
    raise VideoError(f"{path} has no frames", fix="leave it out")


def _texts(stretches: Sequence[Stretch], labels: Labels, first_s: float) -> Iterator[pysubs2.SSAEvent]:
    """One event for each time in which the same people are in view: a line for each of them."""
    spans = sorted({(one.track_id, _ms(one.start_s, first_s), _ms(one.stop_s, first_s)) for one in stretches})
    moments = sorted({at for _, start, stop in spans for at in (start, stop)})
    starting: dict[int, list[int]] = {}
    ending: dict[int, list[int]] = {}
    for track_id, start, stop in spans:
        starting.setdefault(start, []).append(track_id)
        ending.setdefault(stop, []).append(track_id)
    now: dict[int, int] = {}
    held: pysubs2.SSAEvent | None = None
    for at, following in zip(moments, [*moments[1:], moments[-1:]], strict=False):
        for track_id in starting.get(at, []):
            now[track_id] = now.get(track_id, 0) + 1
        for track_id in ending.get(at, []):
            now[track_id] -= 1
        shown = "\\N".join(labels[track_id][0] for track_id in sorted(now) if now[track_id] > 0)
        if held and held.text == shown and held.end == at and isinstance(following, int):
            held.end = following
            continue
        if held:
            yield held
        is_text = bool(shown) and isinstance(following, int)
        held = pysubs2.SSAEvent(start=at, end=following, text=shown) if is_text else None  # type: ignore[arg-type]
    if held:
        yield held


def _prepare(file: pysubs2.SSAFile, displayed_wh: tuple[int, int]) -> None:
    """Sets the size of the picture that positions count in, and a style for each gender."""
    file.info["PlayResX"], file.info["PlayResY"] = map(str, displayed_wh)
    # positions are those of the displayed picture, whatever the shape of its pixels
    file.info["LayoutResX"], file.info["LayoutResY"] = map(str, displayed_wh)
    file.info["ScaledBorderAndShadow"] = "yes"
    file.info["WrapStyle"] = "2"
    text_px = max(round(TEXT_OF_PICTURE[0] * 1.4 * displayed_wh[1]), 8)
    file.styles = {}
    for gender in get_args(PredictedGender):
        paper, ink = (pysubs2.Color(*colour) for colour in COLOURS[gender])
        file.styles[gender] = pysubs2.SSAStyle(
            fontname="DejaVu Sans",
            fontsize=text_px,
            borderstyle=3,
            outline=text_px / 6,
            shadow=0,
            primarycolor=ink,
            outlinecolor=paper,
            backcolor=paper,
        )
        line_px = max(2, round(max(displayed_wh) * LINE_OF_PICTURE))
        clear = pysubs2.Color(0, 0, 0, 255)
        file.styles[f"{gender} box"] = pysubs2.SSAStyle(
            primarycolor=clear, outlinecolor=paper, borderstyle=1, outline=line_px, shadow=0
        )


def _boxes(one: Stretch, labels: Labels, displayed_wh: tuple[int, int], first_s: float) -> Iterator[pysubs2.SSAEvent]:
    """The box, which moves and changes its size evenly, and the caption above it."""
    text, gender = labels[one.track_id]
    start, stop = _ms(one.start_s, first_s), _ms(one.stop_s, first_s)
    if stop - start < MIN_EVENT_MS:
        return
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = one.first, one.last
    wide, high = max(ax2 - ax1, 1.0), max(ay2 - ay1, 1.0)
    scales = f"\\fscx{100 * (bx2 - bx1) / wide:.1f}\\fscy{100 * (by2 - by1) / high:.1f}"
    place = f"\\move({ax1:.1f},{ay1:.1f},{bx1:.1f},{by1:.1f})"
    drawing = f"m 0 0 l {wide:.0f} 0 l {wide:.0f} {high:.0f} l 0 {high:.0f}"
    box = f"{{\\an7{place}\\t({scales})\\p1}}{drawing}{{\\p0}}"
    yield pysubs2.SSAEvent(start=start, end=stop, text=box, style=f"{gender} box")
    has_room = min(ay1, by1) >= 2 * TEXT_OF_PICTURE[0] * displayed_wh[1]
    corner, from_y, to_y = ("\\an1", ay1, by1) if has_room else ("\\an7", ay2, by2)
    at = f"{{{corner}\\move({ax1:.1f},{from_y:.1f},{bx1:.1f},{to_y:.1f})}}"
    yield pysubs2.SSAEvent(start=start, end=stop, text=f"{at}{text}", style=gender, layer=1)


def _ms(time_s: float, first_s: float) -> int:
    return round(1000 * (time_s + first_s))
