"""Opens video files safely, chooses the stream to decode, and reads what the container states about it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from facetally.errors import VideoError
from facetally.formatting import command, counted

MAX_PIXELS = 2**26
"""Of an image, twice as many as 8K has. A small file can hold larger images, and hundreds of them would fill memory."""
CONTAINERS = (
    "aac,aiff,amv,apng,asf,av1,avi,avs2,avs3,cavsvideo,cine,dhav,dirac,dnxhd,dv,evc,flac,flic,flv,gif,gxf,h261,h263,"
    "h264,hevc,ifv,ivf,ivr,jpegxl_anim,kux,live_flv,lmlm4,luodat,lvf,lxf,m4v,matroska,mgsts,mjpeg,mjpeg_2000,mlv,mov,"
    "moflex,mp3,mpeg,mpegts,mpegvideo,mtv,mxf,mxg,nsv,nut,nuv,obu,ogg,pmp,pva,r3d,rm,simbiosis_imx,smjpeg,swf,ty,vc1,"
    "vc1test,vivo,vvc,wav,webp_pipe,wtv,yuv4mpegpipe"
)
"""Formats that are opened: those that contain their images; not playlists, which name other files."""
SAFE = {"format_whitelist": CONTAINERS, "protocol_whitelist": "file"}
TAGS: dict[str, Any] = {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}
"""Accepts metadata that is not UTF-8. PyAV 19 and later escape it, and have no such argument."""
NO_TIMESTAMPS, TS_DISCONT = 0x0080, 0x0200
"""Flags of formats without times (FFmpeg's AVFMT_NOTIMESTAMPS), and with clocks that may jump (AVFMT_TS_DISCONT)."""
OWN_DURATION = frozenset(("mov", "avi", "mxf", "gxf"))
"""Formats that state how long the video stream lasts. Others state the length of the longest stream, often sound."""
MAX_RATE = 1000
"""A stated rate above it is the tick of a clock."""


@dataclass(frozen=True)
class VideoInfo:
    """What the container states; nothing is decoded for it."""

    width_px: int
    height_px: int
    """Stored size; a rotated video is displayed with the two exchanged."""
    fps: float
    """Mean frame rate; 0 if unknown. For information only: no times are computed from it."""
    duration_s: float
    """Expected seconds; 0 if the container states none."""
    codec: str
    container: str


def opened(path: Path) -> InputContainer:
    """Opens a file of one of `CONTAINERS`.

    Raises:
        VideoError: it is missing, empty, or none of them.
    """
    if not path.exists():
        raise VideoError(f"{path} does not exist", fix="check the path")
    if path.stat().st_size == 0:
        raise VideoError(f"{path} is empty (0 bytes)", fix="copy the file again from its source")
    try:
        # with "file:", as a colon in the name would be taken for a protocol
        container: InputContainer = av.open(f"file:{path}", options=SAFE, **TAGS)
        return container
    except av.error.ArgumentError as error:
        raise VideoError(
            f"{path} is not a supported video: it is a playlist, a single image, or no video at all",
            fix="give the video files themselves; for images use facetally predict",
        ) from error
    except (av.error.FFmpegError, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise VideoError(
            f"{path} cannot be opened as a video: {reason}",
            fix="play it to check that it is complete; if it plays, re-encode it with: "
            + command("ffmpeg", "-i", path, "-c:v", "libx264", "repaired.mp4"),
        ) from error


def video_stream(container: InputContainer, path: Path, number: int = -1) -> VideoStream:
    """The stream that players show, or one chosen by number; cover art of music files does not count.

    Raises:
        VideoError: there is none, or its images are too large.
    """
    streams = video_streams(container)
    if not streams:
        raise VideoError(f"{path} has no video stream", fix="leave it out, or give the file with the video")
    if number >= len(streams):
        raise VideoError(
            f"{path} has no video stream {number}: {counted(len(streams), 'video stream')}, counted from 0",
            fix="leave it out, or run it without --stream",
        )
    best = container.streams.best("video")
    stream = streams[number] if number >= 0 else best if best in streams else streams[0]
    codec = stream.codec_context
    if codec.width * codec.height > MAX_PIXELS:
        raise VideoError(
            f"{path} has frames of {codec.width} x {codec.height} pixels; more than {MAX_PIXELS:,} are not decoded",
            fix="make it smaller: " + command("ffmpeg", "-i", path, "-vf", "scale=1920:-2", "smaller.mp4"),
        )
    return stream


def video_streams(container: InputContainer) -> list[VideoStream]:
    """All video streams but cover art, in their order in the file, which is that of FFmpeg's v:0, v:1, ..."""
    covers = av.stream.Disposition.attached_pic
    return [stream for stream in container.streams.video if not stream.disposition & covers]


def other_streams(container: InputContainer, stream: VideoStream) -> str:
    """A sentence about the video streams besides the one that is read; empty if there are none."""
    streams = video_streams(container)
    others = [
        f"{number} ({one.codec_context.width} x {one.codec_context.height}, {one.codec_context.name})"
        for number, one in enumerate(streams)
        if one.index != stream.index
    ]
    if not others:
        return ""
    own = next(number for number, one in enumerate(streams) if one.index == stream.index)
    many = counted(len(streams), "video stream")
    return f"the file has {many}; {own} was read, not {', '.join(others)}: choose with --stream"


def info_of(container: InputContainer, stream: VideoStream) -> VideoInfo:
    """What the container states about a stream."""
    own_s = own_duration_s(container, stream)
    # FFmpeg adds the streams' starts to the length of an ASF file, which it gives every stream
    stated_s = [float(container.duration) / av.time_base] if container.duration else []
    stated_s += [float(stream.duration * stream.time_base)] if stream.duration and stream.time_base else []
    return VideoInfo(
        width_px=stream.codec_context.width,
        height_px=stream.codec_context.height,
        fps=stated_rate(container, stream),
        duration_s=min(stated_s, default=0.0) if own_s is None else own_s,
        codec=stream.codec_context.name,
        container=container.format.name,
    )


def own_duration_s(container: InputContainer, stream: VideoStream) -> float | None:
    """The stream's own duration; None if only one of the whole file is stated, which includes longer sound.

    Matroska states where the stream ends, not how long it is.
    """
    tag = stream.metadata.get("DURATION", "")  # Matroska: 00:01:02.500000000
    parts = tag.split(":")
    if len(parts) == 3 and all(part.replace(".", "", 1).isdigit() for part in parts):
        hours, minutes, seconds = map(float, parts)
        return 3600 * hours + 60 * minutes + seconds
    if OWN_DURATION.isdisjoint(container.format.name.split(",")) or not stream.duration or not stream.time_base:
        return None
    return float(stream.duration * stream.time_base)


def stated_rate(container: InputContainer, stream: VideoStream) -> float:
    """Frames per second; 0 if unknown.

    For films without a container FFmpeg's average is a default (25 for raw H.264), or the tick of a clock (60000 for
    raw DV); its guess reads the stream itself.
    """
    has_times = not int(container.format.flags) & NO_TIMESTAMPS
    rates = (stream.average_rate if has_times else None, stream.guessed_rate, stream.average_rate)
    return next((float(rate) for rate in rates if rate and rate <= MAX_RATE), 0.0)


def states_length(container: InputContainer) -> bool:
    """Whether the file states its length; for other formats FFmpeg estimates one from its first and last packets."""
    return not int(container.format.flags) & (NO_TIMESTAMPS | TS_DISCONT)


def clock_may_jump(container: InputContainer) -> bool:
    """Whether times in files of this format may jump forward, as those of broadcasts do."""
    return bool(int(container.format.flags) & TS_DISCONT) or "flv" in container.format.name.split(",")
