"""Decodes a video file into images with their presentation times; broken packets are skipped and counted."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from facetally.errors import VideoError
from facetally.options import TIME_TOLERANCE_S, Sampling
from facetally.video import nal
from facetally.video.frame_skipping import Skipping

MAX_FAILED_READS = 100
"""Consecutive reads that may fail before the rest of a file is given up."""
MAX_PIXELS = 2**26
"""Of an image, twice as many as 8K has. A small file can hold larger images, and hundreds of them would fill memory."""
CONTAINERS = (
    "aac,aiff,apng,asf,av1,avi,dv,flac,flv,gif,gxf,h261,h263,h264,hevc,ivf,jpegxl_anim,m4v,matroska,mjpeg,mov,mp3,mpeg,"
    "mpegts,mpegvideo,mxf,nut,obu,ogg,rm,swf,vc1,vvc,wav,webp_pipe,wtv,yuv4mpegpipe"
)
"""Formats that are opened: those that contain their images; not playlists, which name other files."""
SAFE = {"format_whitelist": CONTAINERS, "protocol_whitelist": "file"}
TAGS: dict[str, Any] = {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}
"""Accepts metadata that is not UTF-8. PyAV 19 and later escape it, and have no such argument."""
EVERY_IMAGE = Sampling(every_s=0)


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


@dataclass(frozen=True)
class TimedImage:
    """A decoded image, still in the decoder's pixel format."""

    index: int
    time_s: float
    """Presentation time in seconds from the video's first frame."""
    duration_s: float
    """Seconds until the next image; if packets between the two were lost, the image's own duration."""
    image: VideoFrame


class Decoder:
    """One pass over a file's video stream; if there are several, over the one that players show.

    Args:
        path: the file.
        sampling: which images will be sampled; others may be skipped, but still count in times and counts.
        threads: decoder threads; 0 lets FFmpeg choose.

    Raises:
        VideoError: the file is missing, empty, not a video, or has no video stream.
    """

    def __init__(self, path: Path, sampling: Sampling = EVERY_IMAGE, threads: int = 0) -> None:
        self._container = _opened(path)
        self._stream = _video_stream(self._container, path)
        self._stream.thread_type = "AUTO"
        self._stream.codec_context.thread_count = threads
        self._stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
        self._sampling, self._keyframes = sampling, sampling.keyframes
        if self._keyframes:
            self._stream.codec_context.skip_frame = "NONKEY"
        self.info = _info(self._container, self._stream)
        self._skipping = self._new_skipping()
        self.image_count = 0
        self.bad_packet_count = 0
        self.decoded_s = 0.0
        self.warnings: Counter[str] = Counter()
        """Messages of FFmpeg about what it could not read or decode, and how often each came."""
        self._failed_in_a_row = 0
        self._start_s: float | None = None  # presentation time of the first image
        self._read_until_s = 0.0  # where the last packet ends, by the container's times
        self._without_image: list[float] = []  # times of packets whose image has not been decoded yet, or was lost

    def close(self) -> None:
        """Closes the file."""
        self._container.close()

    @property
    def expected_s(self) -> float:
        """Duration stated by the container; 0 if it states none."""
        if "matroska" in self.info.container:  # states where the video ends, not how long it is
            return max(self.info.duration_s - (self._start_s or 0.0), 0.0)
        return self.info.duration_s

    def images(self) -> Iterator[TimedImage]:
        """Every image in order of presentation; each is given when the next one is decoded and its duration known."""
        nominal_s = 1 / self.info.fps if self.info.fps else 0.04
        held: tuple[float, VideoFrame] | None = None
        for image in self._decoded():
            time_s = self._time_s(image)
            if held:
                own_s = self._own_duration_s(held[1]) or nominal_s
                if time_s is None or time_s <= held[0]:  # no timestamp, or one that jumps back
                    time_s = held[0] + own_s
                gap_s = time_s - held[0]
                is_torn = held[1].is_corrupt or image.is_corrupt or self._lost_between(held[0], time_s)
                yield self._timed(*held, min(own_s, gap_s) if is_torn else gap_s)
            held = max(time_s or 0.0, 0.0), image
        if held:
            own_s = self._own_duration_s(held[1]) or nominal_s
            left_out = self._skipping.left_out  # those after this last image
            end_s = self._read_until_s if self._keyframes else max(left_out, default=-math.inf) + own_s
            yield self._timed(*held, max(own_s, end_s - (self._start_s or 0.0) - held[0]))
            self.image_count += len(left_out)

    def _timed(self, time_s: float, image: VideoFrame, duration_s: float) -> TimedImage:
        self.decoded_s += duration_s
        stamp_s = self._seconds(image.pts, image)
        self.image_count += 1 + (self._skipping.shown(stamp_s) if stamp_s is not None else 0)
        return TimedImage(self.image_count - 1, time_s, duration_s, image)

    def _time_s(self, image: VideoFrame) -> float | None:
        stamp_s = self._seconds(image.pts, image)
        if self._start_s is None:  # the first keyframe may come later than the first frame
            first_packet_s = min(self._without_image, default=0.0)
            self._start_s = first_packet_s if self._keyframes else stamp_s or 0.0
        return None if stamp_s is None else stamp_s - self._start_s

    def _own_duration_s(self, item: VideoFrame | Packet[VideoStream]) -> float:
        return self._seconds(item.duration, item) or 0.0

    def _seconds(self, ticks: int | None, item: VideoFrame | Packet[VideoStream]) -> float | None:
        base = item.time_base or self._stream.time_base
        return float(ticks * base) if ticks is not None and base else None

    def _lost_between(self, start_s: float, stop_s: float) -> bool:
        """Whether a packet was broken, and one with a time between those of two images gave no image.

        FFmpeg may report an error some images before or after the gap it causes, so the gap is located by the times of
        the packets. In an intact file packets without an image are normal (the second fields of interlaced video).
        """
        if self._keyframes:
            return False
        first_s = self._start_s or 0.0
        later = [time_s for time_s in self._without_image if time_s - first_s > start_s + TIME_TOLERANCE_S]
        self._without_image = later
        return self.bad_packet_count > 0 and any(time_s - first_s < stop_s - TIME_TOLERANCE_S for time_s in later)

    def _new_skipping(self) -> Skipping:
        """Frames are skipped if the codec states which ones are needed by others, and not all frames are sampled."""
        codec = self.info.codec
        patience_s = self._sampling.every_s * self._sampling.patience
        if codec not in nal.CODECS or not self._sampling.every_s or self._keyframes:
            return Skipping.never()
        is_referred_to = nal.reference_test(codec, self._stream.codec_context.extradata)
        return Skipping(self._is_due, is_referred_to, patience_s)

    def _is_due(self, before_s: float, time_s: float) -> bool:
        """As in `Sampling`, for times of packets; always true until the start time of the video is known."""
        return self._start_s is None or self._sampling.is_due(before_s - self._start_s, time_s - self._start_s)

    def _decoded(self) -> Iterator[VideoFrame]:
        """Images in the order in which FFmpeg gives them; packets that cannot be decoded are counted and skipped."""
        context = self._stream.codec_context
        for packet, is_wanted in self._skipping.ahead(self._read()):
            if not self._keyframes:
                context.skip_frame = "DEFAULT" if is_wanted else "NONREF"
            if is_wanted:
                self._note(packet)
            try:
                images = packet.decode()
            except av.error.FFmpegError as error:
                self._note_bad_packet(error)
                self._skipping.stop()  # from here on lost images must be distinguished from skipped ones
                continue
            self._failed_in_a_row = 0
            corrupt_count = sum(image.is_corrupt for image in images)  # decoded, but from a packet cut short
            self.bad_packet_count += corrupt_count
            if corrupt_count or any(image.interlaced_frame for image in images):
                self._skipping.stop()  # a packet of interlaced video may hold half an image
            yield from images

    def _note_bad_packet(self, error: av.error.FFmpegError) -> None:
        self.bad_packet_count += 1
        self.warnings[error.strerror or str(error)] += 1

    def _note(self, packet: Packet[VideoStream]) -> None:
        start_s = self._seconds(packet.pts, packet)
        if start_s is not None and not packet.is_discard and (not self._keyframes or self._start_s is None):
            self._without_image.append(start_s)

    def _read(self) -> Iterator[tuple[Packet[VideoStream], float | None]]:
        """Packets and their times, including the empty one at the end; failed reads are counted."""
        packets = self._container.demux(self._stream)
        while self._failed_in_a_row < MAX_FAILED_READS:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.error.FFmpegError as error:
                self._note_bad_packet(error)
                self._failed_in_a_row += 1
                self._without_image.append(self._read_until_s)
                self._skipping.stop()
                packets = self._container.demux(self._stream)  # the generator ended with its error
                continue
            is_last = packet.size == 0 and packet.dts is None
            if packet.size == 0 and not is_last:  # a dropped frame; the decoder would take it for the end
                continue
            time_s = self._seconds(packet.pts, packet)
            if time_s is not None and not packet.is_discard:
                self._read_until_s = max(self._read_until_s, time_s + self._own_duration_s(packet))
            yield packet, time_s
            if is_last:
                return


def _opened(path: Path) -> InputContainer:
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
            f"ffmpeg -i '{path}' -c:v libx264 repaired.mp4",
        ) from error


def _video_stream(container: InputContainer, path: Path) -> VideoStream:
    """The stream that players show; cover art of music files does not count."""
    streams = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
    if not streams:
        container.close()
        raise VideoError(f"{path} has no video stream", fix="leave it out, or give the file with the video")
    best = container.streams.best("video")
    stream = best if best in streams else streams[0]
    codec = stream.codec_context
    if codec.width * codec.height > MAX_PIXELS:
        container.close()
        raise VideoError(
            f"{path} has frames of {codec.width} x {codec.height} pixels; more than {MAX_PIXELS:,} are not decoded",
            fix=f"make it smaller: ffmpeg -i '{path}' -vf scale=1920:-2 smaller.mp4",
        )
    return stream


def _info(container: InputContainer, stream: VideoStream) -> VideoInfo:
    return VideoInfo(
        width_px=stream.codec_context.width,
        height_px=stream.codec_context.height,
        fps=float(stream.average_rate or stream.guessed_rate or 0),
        duration_s=_duration_s(container, stream),
        codec=stream.codec_context.name,
        container=container.format.name,
    )


def _duration_s(container: InputContainer, stream: VideoStream) -> float:
    """The stream's own duration if it has one: the container's also includes longer audio."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    tag = stream.metadata.get("DURATION", "")  # Matroska: 00:01:02.500000000
    parts = tag.split(":")
    if len(parts) == 3 and all(part.replace(".", "", 1).isdigit() for part in parts):
        hours, minutes, seconds = map(float, parts)
        return 3600 * hours + 60 * minutes + seconds
    return float(container.duration) / av.time_base if container.duration else 0.0
