"""Decodes a video file into pictures with true times, past whatever is broken in it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av

from facetally.errors import VideoError
from facetally.options import TIME_TOLERANCE_S, Sampling
from facetally.video import nal
from facetally.video.frame_skipping import Skipping

MAX_FAILED_READS = 100
"""Reads that may fail one after the other before the rest of a file is given up."""
MAX_PIXELS = 2**26
"""Of a picture, twice an 8K one; a small file can hold larger ones, and hundreds of them would fill any memory."""
CONTAINERS = (
    "aac,aiff,apng,asf,av1,avi,dv,flac,flv,gif,gxf,h261,h263,h264,hevc,ivf,jpegxl_anim,m4v,matroska,mjpeg,mov,mp3,mpeg,"
    "mpegts,mpegvideo,mxf,nut,obu,ogg,rm,swf,vc1,vvc,wav,webp_pipe,wtv,yuv4mpegpipe"
)
"""What is opened: formats that hold their pictures themselves; not playlists, which name other files."""
SAFE = {"format_whitelist": CONTAINERS, "protocol_whitelist": "file"}
EVERY_IMAGE = Sampling(every_s=0)


@dataclass(frozen=True)
class VideoInfo:
    """What the container says, before anything is decoded."""

    width_px: int
    height_px: int
    """Stored size; a rotated video is displayed with the two exchanged."""
    fps: float
    """Mean rate; 0 where unknown. For information only: times never come from it."""
    duration_s: float
    """Expected seconds; 0 where the container does not say."""
    codec: str
    container: str


@dataclass(frozen=True)
class TimedImage:
    """A decoded picture, still in the decoder's pixel format."""

    index: int
    time_s: float
    """Presentation time in seconds from the video's first frame."""
    duration_s: float
    """Until the next picture; where packets between the two were lost, only as long as the picture itself lasts."""
    image: Any


class Decoder:
    """One pass over a file's video stream; of several, the one that players show.

    Args:
        path: the file.
        sampling: which pictures will be looked at; others may be left out, but not from times and counts.
        threads: decoder threads; 0 lets FFmpeg choose.

    Raises:
        VideoError: the file is missing, empty, no video, or holds no video stream.
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
        self._failed_in_a_row = 0
        self._start_s: float | None = None  # presentation time of the first picture
        self._read_until_s = 0.0  # where the last packet ends, by the container's times
        self._without_image: list[float] = []  # times of packets whose picture has not come yet, or never will

    def close(self) -> None:
        """Closes the file."""
        self._container.close()

    @property
    def expected_s(self) -> float:
        """Duration by the container; 0 where it does not say."""
        if "matroska" in self.info.container:  # states where the video ends, not how long it is
            return max(self.info.duration_s - (self._start_s or 0.0), 0.0)
        return self.info.duration_s

    def images(self) -> Iterator[TimedImage]:
        """Every picture in order of presentation, one late: its duration is known when the next one is there."""
        nominal_s = 1 / self.info.fps if self.info.fps else 0.04
        held: tuple[float, Any] | None = None
        for image in self._decoded():
            time_s = self._time_s(image)
            if held:
                own_s = self._own_duration_s(held[1]) or nominal_s
                if time_s is None or time_s <= held[0]:  # no stamp, or one that jumps back
                    time_s = held[0] + own_s
                gap_s = time_s - held[0]
                is_torn = held[1].is_corrupt or image.is_corrupt or self._lost_between(held[0], time_s)
                yield self._timed(*held, min(own_s, gap_s) if is_torn else gap_s)
            held = max(time_s or 0.0, 0.0), image
        if held:
            own_s = self._own_duration_s(held[1]) or nominal_s
            left_out = self._skipping.left_out  # behind this last one
            end_s = self._read_until_s if self._keyframes else max(left_out, default=-math.inf) + own_s
            yield self._timed(*held, max(own_s, end_s - (self._start_s or 0.0) - held[0]))
            self.image_count += len(left_out)

    def _timed(self, time_s: float, image: Any, duration_s: float) -> TimedImage:
        self.decoded_s += duration_s
        stamp_s = self._seconds(image.pts, image)
        self.image_count += 1 + (self._skipping.shown(stamp_s) if stamp_s is not None else 0)
        return TimedImage(self.image_count - 1, time_s, duration_s, image)

    def _time_s(self, image: Any) -> float | None:
        stamp_s = self._seconds(image.pts, image)
        if self._start_s is None:  # the first keyframe may come later than the first frame
            first_packet_s = min(self._without_image, default=0.0)
            self._start_s = first_packet_s if self._keyframes else stamp_s or 0.0
        return None if stamp_s is None else stamp_s - self._start_s

    def _own_duration_s(self, item: Any) -> float:
        return self._seconds(item.duration, item) or 0.0

    def _seconds(self, ticks: int | None, item: Any) -> float | None:
        base = item.time_base or self._stream.time_base
        return float(ticks * base) if ticks is not None and base else None

    def _lost_between(self, start_s: float, stop_s: float) -> bool:
        """Whether something broke, and a packet between the times of two pictures gave none.

        Errors come to light some pictures before or after the gap they tear, so only the packets' own times tell where
        it is; and in a whole file packets without a picture are normal (the second fields of interlaced video).
        """
        if self._keyframes:
            return False
        first_s = self._start_s or 0.0
        later = [time_s for time_s in self._without_image if time_s - first_s > start_s + TIME_TOLERANCE_S]
        self._without_image = later
        return self.bad_packet_count > 0 and any(time_s - first_s < stop_s - TIME_TOLERANCE_S for time_s in later)

    def _new_skipping(self) -> Skipping:
        codec, extradata = self.info.codec, self._stream.codec_context.extradata

        def is_referred_to(packet: Any) -> bool:
            return nal.is_referred_to(packet, codec, length_size)

        def is_due(before_s: float, time_s: float) -> bool:
            """As in `Sampling`, for times of packets; everything until it is known where the video starts."""
            return self._start_s is None or self._sampling.is_due(before_s - self._start_s, time_s - self._start_s)

        skipping = Skipping(is_due, is_referred_to, self._sampling.every_s * self._sampling.patience)
        if codec in nal.CODECS and self._sampling.every_s and not self._keyframes:
            length_size = nal.length_size(codec, extradata)
        else:
            skipping.stop()
        return skipping

    def _decoded(self) -> Iterator[Any]:
        """Pictures as FFmpeg gives them; packets that cannot be decoded are counted and passed over."""
        context = self._stream.codec_context
        for packet, is_wanted in self._skipping.ahead(self._read()):
            if not self._keyframes:
                context.skip_frame = "DEFAULT" if is_wanted else "NONREF"
            if is_wanted:
                self._note(packet)
            try:
                images = packet.decode()
            except av.error.FFmpegError:
                self.bad_packet_count += 1
                self._skipping.stop()  # from here on it matters what came and what did not
                continue
            self._failed_in_a_row = 0
            corrupt_count = sum(image.is_corrupt for image in images)  # decoded, but from a packet cut short
            self.bad_packet_count += corrupt_count
            if corrupt_count or any(image.interlaced_frame for image in images):
                self._skipping.stop()  # a packet of interlaced video may hold half a picture
            yield from images

    def _note(self, packet: Any) -> None:
        start_s = self._seconds(packet.pts, packet)
        if start_s is not None and not packet.is_discard and (not self._keyframes or self._start_s is None):
            self._without_image.append(start_s)

    def _read(self) -> Iterator[tuple[Any, float | None]]:
        """Packets and their times, the empty one of the end included; what cannot be read is counted."""
        packets = self._container.demux(self._stream)
        while self._failed_in_a_row < MAX_FAILED_READS:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.error.FFmpegError:
                self.bad_packet_count += 1
                self._failed_in_a_row += 1
                self._without_image.append(self._read_until_s)
                self._skipping.stop()
                packets = self._container.demux(self._stream)  # the generator ended with its error
                continue
            is_last = packet.size == 0 and packet.dts is None
            if packet.size == 0 and not is_last:  # a dropped frame; to the decoder it would mean the end
                continue
            time_s = self._seconds(packet.pts, packet)
            if time_s is not None and not packet.is_discard:
                self._read_until_s = max(self._read_until_s, time_s + self._own_duration_s(packet))
            yield packet, time_s
            if is_last:
                return


def _opened(path: Path) -> Any:
    if not path.exists():
        raise VideoError(f"{path} does not exist", fix="check the path")
    if path.stat().st_size == 0:
        raise VideoError(f"{path} is empty (0 bytes)", fix="copy the file again from its source")
    try:
        # "file:", or a name with a colon would be taken for a protocol
        return av.open(f"file:{path}", metadata_errors="replace", options=SAFE)
    except av.error.ArgumentError as error:
        raise VideoError(
            f"{path} is of a kind that is not read: a playlist, a single picture, or no video at all",
            fix="give the video files themselves; pictures are for facetally predict",
        ) from error
    except (av.error.FFmpegError, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise VideoError(
            f"{path} cannot be opened as a video: {reason}",
            fix="play it to see whether it is whole; if it plays, re-encode it with: "
            f"ffmpeg -i '{path}' -c:v libx264 repaired.mp4",
        ) from error


def _video_stream(container: Any, path: Path) -> Any:
    """The stream that players show; the cover of a piece of music is none."""
    streams = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
    if not streams:
        container.close()
        raise VideoError(f"{path} has no video stream", fix="leave it out, or give the file with the picture")
    best = container.streams.best("video")
    stream = best if best in streams else streams[0]
    codec = stream.codec_context
    if codec.width * codec.height > MAX_PIXELS:
        container.close()
        raise VideoError(
            f"{path} has pictures of {codec.width} x {codec.height} pixels; more than {MAX_PIXELS:,} are not decoded",
            fix=f"make it smaller: ffmpeg -i '{path}' -vf scale=1920:-2 smaller.mp4",
        )
    return stream


def _info(container: Any, stream: Any) -> VideoInfo:
    return VideoInfo(
        width_px=stream.codec_context.width,
        height_px=stream.codec_context.height,
        fps=float(stream.average_rate or stream.guessed_rate or 0),
        duration_s=_duration_s(container, stream),
        codec=stream.codec_context.name,
        container=container.format.name,
    )


def _duration_s(container: Any, stream: Any) -> float:
    """The stream's own duration where it has one: the container's also counts longer sound."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    tag = stream.metadata.get("DURATION", "")  # Matroska: 00:01:02.500000000
    parts = tag.split(":")
    if len(parts) == 3 and all(part.replace(".", "", 1).isdigit() for part in parts):
        return sum(float(part) * 60**power for part, power in zip(parts, (2, 1, 0), strict=True))
    return float(container.duration) / av.time_base if container.duration else 0.0
