"""Takes the picture out of what is stored: one field of interlaced images, without the lines above the picture.

The two fields of an interlaced image are recorded one after the other. Whatever moves is combed, and classifiers of
faces suffer from that; one field alone has half the lines, but shows one moment.
"""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame

D10_LINES = {(720, 608): 32, (720, 512): 32}
"""Lines above the picture in SMPTE D-10 (IMX), which stores the vertical blanking, by stored width and height."""
D10_CODEC = "mpeg2video"
COMB_CONTRAST = 12
"""A pixel is combed if it is by so many of 255 levels brighter than the pixels above and below it, or darker."""
COLUMN_STEP = 4
"""One in so many columns is looked at, ..."""
BLOCK = 8
"""... in blocks of so many lines of a field and such columns; ..."""
COMBED_SHARE = 0.4
"""... an image is combed if in one of them this share of the pixels is."""


def lines_above(codec: str, stored_wh: tuple[int, int]) -> int:
    """How many stored lines lie above the picture."""
    return D10_LINES.get(stored_wh, 0) if codec == D10_CODEC else 0


def picture_of(decoded: VideoFrame, blank_lines: int = 0) -> VideoFrame:
    """The picture in a decoded image, with half the lines where its fields differ.

    Args:
        decoded: as stored.
        blank_lines: from `lines_above`.
    """
    filters = [("crop", f"{decoded.width}:{decoded.height - blank_lines}:0:{blank_lines}")] if blank_lines else []
    filters += [("field", "top")] if decoded.interlaced_frame and is_combed(decoded) else []
    if not filters:
        return decoded
    graph = av.filter.Graph()
    base = decoded.time_base or Fraction(1, 25)
    source = graph.add_buffer(width=decoded.width, height=decoded.height, format=decoded.format, time_base=base)
    steps = [source, *(graph.add(name, words) for name, words in filters), graph.add("buffersink")]
    graph.link_nodes(*steps).configure()
    graph.push(decoded)
    return graph.vpull()


def is_combed(decoded: VideoFrame) -> bool:
    """Whether the fields of an image differ anywhere; True for formats whose brightness cannot be looked at."""
    luma = _luma(decoded)
    if luma is None:
        return True
    lines = luma[: luma.shape[0] // 2 * 2, ::COLUMN_STEP].astype(np.int16)
    above, own, below = lines[0:-2:2], lines[1:-1:2], lines[2::2]
    brighter = np.minimum(own - above, own - below) > COMB_CONTRAST
    darker = np.minimum(above - own, below - own) > COMB_CONTRAST
    combed = brighter | darker
    rows, columns = (size // BLOCK for size in combed.shape)
    if not rows or not columns:
        return False
    blocks = combed[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK)
    return bool(blocks.mean(axis=(1, 3)).max() > COMBED_SHARE)


def _luma(decoded: VideoFrame) -> npt.NDArray[np.uint8] | None:
    """(H, W) uint8 brightness, without a copy for 8 bits; None for formats without a plane for it."""
    form = decoded.format
    if form.is_rgb or form.is_big_endian or not (form.is_planar or len(form.components) == 1):
        return None
    plane, bits = decoded.planes[0], form.components[0].bits
    dtype = np.uint8 if bits == 8 else np.uint16
    stored = np.frombuffer(plane, dtype).reshape(plane.height, -1)[:, : decoded.width]  # type: ignore[call-overload]
    return np.asarray(stored if bits == 8 else stored >> (bits - 8), np.uint8)
