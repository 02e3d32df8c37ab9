"""The shape of a video's pixels: DVDs, tapes and broadcasts store wide pictures in narrow ones."""

from __future__ import annotations

from fractions import Fraction

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from facetally.video.opening import MAX_PIXELS

TOLERANCE = 0.01
"""Pixels that are nearer to square are taken for square: such ratios come from rounded sizes."""
MAX_ASPECT = 4.0
"""Pixels that are wider, or as much higher, come from damaged headers, and are taken for square."""
STATES_ASPECT = frozenset(("mov", "matroska"))
"""Formats that state one shape for the whole video, as players show it."""
REORDERED = 32
"""Images that a decoder may still give after it has read a new shape, which is not theirs yet."""
MEASURED_PX = 1000


class PixelAspect:
    """Follows the width of a video's pixels, relative to their height.

    A container's statement overrides that of the stream; without one the stream's may change at any image.

    Args:
        container: the opened file.
        stream: the one that is decoded.
    """

    def __init__(self, container: InputContainer, stream: VideoStream) -> None:
        stated, self._context = stream.sample_aspect_ratio, stream.codec_context
        self._seen = self._context.sample_aspect_ratio
        is_fixed = not STATES_ASPECT.isdisjoint(container.format.name.split(",")) or stated != self._seen
        self._is_fixed = is_fixed and bool(stated)
        self._aspect = sensible(stated or self._seen)
        self._unsure_count = 0

    def of(self, image: VideoFrame) -> float:
        """The shape of the pixels of the image decoded last."""
        if self._is_fixed:
            return self._aspect
        newest = self._context.sample_aspect_ratio
        if newest != self._seen:
            self._seen, self._unsure_count = newest, REORDERED
        if self._unsure_count:
            self._unsure_count -= 1
            self._aspect = sensible(_own_aspect(image, newest))
        return self._aspect


def sensible(aspect: Fraction | None) -> float:
    """The aspect as a number; 1 if it is unknown, nonsense, or as good as square."""
    value = float(aspect or 1)
    is_square = abs(value - 1) <= TOLERANCE or not 1 / MAX_ASPECT <= value <= MAX_ASPECT
    return 1.0 if is_square else value


def displayed_hw(stored_hw: tuple[int, int], aspect: float) -> tuple[int, int]:
    """Height and width with square pixels: the shorter side of the pixels is stretched, as browsers do it."""
    height, width = stored_hw
    if height * width * max(aspect, 1 / aspect) > MAX_PIXELS:
        return stored_hw
    return (height, round(width * aspect)) if aspect > 1 else (round(height / aspect), width)


def _own_aspect(image: VideoFrame, newest: Fraction | None) -> Fraction | None:
    """The image's own shape of pixels, which PyAV does not give: a filter draws it that wide."""
    try:
        graph = av.filter.Graph()
        base = image.time_base or Fraction(1, 25)
        source = graph.add_buffer(width=image.width, height=image.height, format=image.format, time_base=base)
        scale = graph.add("scale", f"w=trunc({MEASURED_PX}*if(sar\\,sar\\,1)+0.5):h=2:eval=frame:flags=neighbor")
        graph.link_nodes(source, scale, graph.add("buffersink")).configure()
        graph.push(image)
        return Fraction(graph.vpull().width, MEASURED_PX)
    except av.error.FFmpegError:
        return newest
