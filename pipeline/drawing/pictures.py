"""Brings decoded pictures into the form that is encoded: planes of 8 bits, of even size, as large as is asked for."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from av.sidedata.sidedata import Type as SideDataType
from av.video.frame import VideoFrame

from facetally.drawing.placement import Placement
from facetally.errors import OutputError
from facetally.video.decoder import TimedImage
from facetally.video.dynamic_range import HLG, PQ
from facetally.video.opening import MAX_PIXELS
from facetally.video.reader import FrameImage, Orientation

FULL, LIMITED = "yuvj420p", "yuv420p"
"""FFmpeg's names of the formats, with a brightness of 0-255 and of 16-235."""
BT601, BT709 = 6, 1
"""FFmpeg's numbers of matrices, primaries and transfers."""


class Pictures:
    """The pictures of one video, all in the form of the first.

    Stored pictures stay as they are wherever H.264 can hold them: rotation and the shape of pixels are stated in the
    new file as in the old. Pictures of high dynamic range are converted to the standard one, as the detector sees them.

    Args:
        first: the first picture.
        height_px: of the displayed picture; 0: as it is.
    """

    def __init__(self, first: TimedImage, height_px: int = 0) -> None:
        frame = first.image
        self._orientation = Orientation.of(frame)
        shown = FrameImage.of(first, self._orientation)
        self.displayed_wh = shown.hw[1], shown.hw[0]
        """As the boxes count."""
        self.is_converted = getattr(frame, "color_trc", 0) in (PQ, HLG)
        stored = self.displayed_wh if self.is_converted else (frame.width, frame.height)
        scale = height_px / self.displayed_wh[1] if height_px else 1.0
        self._wh = _even(stored[0] * scale), _even(stored[1] * scale)
        if self._wh[0] * self._wh[1] > MAX_PIXELS:
            raise OutputError(f"--height {height_px} makes the pictures too large", fix="give a smaller height")
        self._aspect = 1.0 if self.is_converted else first.pixel_aspect
        self._format = FULL if _is_full(frame) and not self.is_converted else LIMITED
        self._matrix_bytes = None if self.is_converted else frame.side_data.get(SideDataType.DISPLAYMATRIX)  # type: ignore[call-overload]
        self._first = frame
        self.placement = Placement(
            self.displayed_wh,
            self._wh,
            Orientation() if self.is_converted else self._orientation,
            0 if self.is_converted else round(first.blank_lines * scale),
        )

    def set_up(self, stream: Any) -> None:
        """Tells the output's stream the size, format, colours, rotation and shape of pixels."""
        context, frame = stream.codec_context, self._first
        stream.width, stream.height, stream.pix_fmt = *self._wh, self._format
        if self._aspect != 1:
            context.sample_aspect_ratio = Fraction(self._aspect).limit_denominator(1000)
        context.color_range = 2 if self._format == FULL else 1
        if self.is_converted:
            context.colorspace = context.color_primaries = context.color_trc = BT709
        elif frame.format.is_rgb or frame.format.name == "pal8":
            context.colorspace = BT601
        else:
            context.colorspace = frame.colorspace
            context.color_primaries, context.color_trc = frame.color_primaries, frame.color_trc
        if self._matrix_bytes is not None and self._orientation != Orientation():
            import numpy as np

            stream.set_display_matrix(np.frombuffer(bytes(self._matrix_bytes), np.int32)[:9].tolist())

    def prepared(self, image: TimedImage, is_painted: bool) -> VideoFrame:
        """The picture in the form that is encoded; writable where it is painted on."""
        frame = image.image
        if self.is_converted:
            bgr = FrameImage.of(image, self._orientation).bgr(self._wh)
            made = VideoFrame.from_ndarray(bgr, format="bgr24")
            return made.reformat(format=LIMITED, dst_colorspace=BT709, dst_color_range=1)
        if (frame.width, frame.height) != self._wh or frame.format.name != self._format:
            # by default FFmpeg starts as many threads as there are cores, for each picture again
            return frame.reformat(*self._wh, format=self._format, interpolation="BICUBIC", threads=1)
        if is_painted:
            frame.make_writable()  # the decoder still needs it as it was
        return frame


def _even(length: float) -> int:
    """The even number of pixels nearest to a length, and not less than 2: H.264 stores colour for 2 x 2 pixels."""
    return max(2 * round(length / 2 + 1e-9), 2)


def _is_full(frame: VideoFrame) -> bool:
    return frame.format.name.startswith("yuvj") or (int(frame.color_range) == 2 and not frame.format.is_rgb)
