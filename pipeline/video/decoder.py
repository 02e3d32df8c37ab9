"""Decodes a video file into images with their presentation times; broken packets are skipped and counted."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import av
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from facetally.errors import VideoError
from facetally.formatting import command
from facetally.options import TIME_TOLERANCE_S, Sampling
from facetally.video import nal
from facetally.video.fields import lines_above
from facetally.video.frame_skipping import Skipping
from facetally.video.joined import second_recording_at
from facetally.video.opening import MAX_PIXELS, VideoInfo, info_of, opened, other_streams, video_stream
from facetally.video.packets import PacketReader
from facetally.video.pixel_aspect import PixelAspect

EVERY_IMAGE = Sampling(every_s=0)
RATE_FACTOR = 1.5
"""If the frame rate that the container states is off by more, that of the decoded images is given instead, ..."""
MIN_RATED_IMAGES = 10
"""... once there are so many."""


@dataclass(frozen=True)
class TimedImage:
    """A decoded image, still in the decoder's pixel format."""

    index: int
    time_s: float
    """Presentation time in seconds from the video's first frame."""
    duration_s: float
    """Seconds until the next image; if packets between the two were lost, the image's own duration."""
    image: VideoFrame
    pixel_aspect: float = 1.0
    """Width of a pixel relative to its height."""
    blank_lines: int = 0
    """Stored lines above the picture."""


class Decoder:
    """One pass over a file's video stream; if there are several, over the one that `sampling` names.

    Args:
        path: the file.
        sampling: which images will be sampled; others may be skipped, but still count in times and counts.
        threads: decoder threads; 0 lets FFmpeg choose.

    Raises:
        VideoError: the file is missing, empty, not a video, or has no video stream.
    """

    def __init__(self, path: Path, sampling: Sampling = EVERY_IMAGE, threads: int = 0) -> None:
        self._path, self._container = path, opened(path)
        try:
            self._stream = video_stream(self._container, path, sampling.stream)
        except VideoError:
            self._container.close()
            raise
        self._stream.thread_type = "AUTO"
        self._stream.codec_context.thread_count = threads
        self._stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
        self._sampling, self._keyframes = sampling, sampling.keyframes
        self._info = info_of(self._container, self._stream)
        self.other_streams = other_streams(self._container, self._stream)
        """A sentence about the video streams that are not read; empty without any."""
        self._packets = PacketReader(self._container, self._stream, self._note_failed_read)
        self._pixel_aspect = PixelAspect(self._container, self._stream)
        self._skipping = self._new_skipping()
        self.image_count = 0
        self.bad_packet_count = 0
        self.decoded_s = 0.0
        self.warnings: Counter[str] = Counter()
        """Messages about what could not be read, decoded or placed in time, and how often each came."""
        self._frames_on = 1  # how many frames the newest image is later than the one given before; at the end, the end
        self._late_count = 0  # images that came too late to be given, since the last one that was
        self._start_s: float | None = None  # presentation time of the first image
        self._without_image: list[float] = []  # times of packets whose image has not been decoded yet, or was lost

    def close(self) -> None:
        """Closes the file."""
        self._container.close()

    @property
    def info(self) -> VideoInfo:
        """What the container states; its frame rate gives way to that of the images so far if it is far from theirs."""
        fps = self.image_count / self.decoded_s if self.decoded_s else 0.0
        is_known = self.image_count >= MIN_RATED_IMAGES and not self._keyframes
        is_off = is_known and not fps / RATE_FACTOR < self._info.fps < fps * RATE_FACTOR
        return replace(self._info, fps=fps) if is_off else self._info

    @property
    def expected_s(self) -> float:
        """How long the video should last; 0 if that is unknown. Before all is read, as the container states."""
        return self._packets.expected_s(self._start_s, self._info.duration_s)

    @property
    def jump_count(self) -> int:
        """Jumps of the video's clock so far; all are closed up."""
        return self._packets.jump_count

    def unread(self) -> VideoError | None:
        """Another recording in the file that is not read; known when all images were."""
        packets, container = self._packets, self._info.container
        at = second_recording_at(self._path, container, packets.until_byte) if packets.is_at_end else None
        if at is None:
            return None
        return VideoError(
            f"{self._path} is two recordings or more, joined byte by byte; only the first was read",
            fix=f"cut it apart: {command('tail', '-c', f'+{at + 1}', self._path)} > "
            + command(f"second{self._path.suffix}"),
        )

    def images(self) -> Iterator[TimedImage]:
        """Every image in order of presentation; each is given when the next one is decoded and its duration known.

        An image without a time follows the one before it. In H.264 and HEVC, an image whose time is not later than that
        of the one before it is counted, but not given: it would be stored under the time of another. In other codecs
        the order is relied on: MPEG-4 may pack two images into one packet, and FFmpeg then swaps their times.
        """
        nominal_s = 1 / self._info.fps if self._info.fps else 0.04
        held: tuple[float, VideoFrame, float] | None = None
        has_own_times, is_guessed = self._info.codec in nal.CODECS, False
        for image in self._keyframe_images() if self._keyframes else self._all_images():
            aspect = self._pixel_aspect.of(image)
            time_s = self._time_s(image)
            if held:
                own_s = self._own_duration_s(held[1]) or nominal_s
                if has_own_times and not is_guessed and time_s is not None and time_s <= held[0]:
                    self._note_late()
                    continue
                is_guessed = time_s is None or time_s <= held[0]
                if time_s is None or is_guessed:
                    time_s = held[0] + own_s * self._frames_on
                gap_s = time_s - held[0]
                is_torn = held[1].is_corrupt or image.is_corrupt or self._lost_between(held[0], time_s)
                yield self._timed(*held, min(own_s, gap_s) if is_torn else gap_s)
            else:
                is_guessed = time_s is None
            held = max(time_s or 0.0, 0.0), image, aspect
        if held:
            own_s = self._own_duration_s(held[1]) or nominal_s
            left_out = self._skipping.left_out  # those after this last image
            end_s = self._packets.until_s if self._keyframes else max(left_out, default=-math.inf) + own_s
            shortest_s = own_s * (self._frames_on if held[1].pts is None else 1)
            yield self._timed(*held, max(shortest_s, end_s - (self._start_s or 0.0) - held[0]))
            self.image_count += len(left_out)

    def _timed(self, time_s: float, image: VideoFrame, aspect: float, duration_s: float) -> TimedImage:
        self.decoded_s += duration_s
        stamp_s = self._packets.seconds(image.pts, image)
        self.image_count += 1 + (self._skipping.shown(stamp_s) if stamp_s is not None else 0)
        blank_lines = lines_above(self._info.codec, (image.width, image.height))
        if blank_lines and aspect != 1:  # stated for the whole picture, and divided by too many lines
            aspect *= 1 - blank_lines / image.height
        index, self.image_count, self._late_count = self.image_count - 1, self.image_count + self._late_count, 0
        return TimedImage(index, time_s, duration_s, image, aspect, blank_lines)

    def _time_s(self, image: VideoFrame) -> float | None:
        stamp_s = self._packets.seconds(image.pts, image)
        if self._start_s is None:
            self._start_s = stamp_s or 0.0
        return None if stamp_s is None else stamp_s - self._start_s

    def _own_duration_s(self, item: VideoFrame | Packet[VideoStream]) -> float:
        return self._packets.seconds(item.duration, item) or 0.0

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
        codec = self._info.codec
        patience_s = self._sampling.every_s * self._sampling.patience
        if codec not in nal.CODECS or not self._sampling.every_s or self._keyframes:
            return Skipping.never()
        is_referred_to = nal.reference_test(codec, self._stream.codec_context.extradata)
        return Skipping(self._is_due, is_referred_to, patience_s)

    def _is_due(self, before_s: float, time_s: float) -> bool:
        """As in `Sampling`, for times of packets; always true until the start time of the video is known."""
        return self._start_s is None or self._sampling.is_due(before_s - self._start_s, time_s - self._start_s)

    def _all_images(self) -> Iterator[VideoFrame]:
        """Images in the order in which FFmpeg gives them."""
        context = self._stream.codec_context
        for packet, is_wanted in self._skipping.ahead(self._read()):
            context.skip_frame = "DEFAULT" if is_wanted else "NONREF"
            if is_wanted:
                self._note(packet)
            yield from self._images_in(packet)

    def _keyframe_images(self) -> Iterator[VideoFrame]:
        """The first image that a player shows, and the keyframes after it.

        The first image is decoded as in a pass over all of them, so that times count from the same frame. It may be no
        keyframe: an edit list can make a film begin between two (findings/pyav-skip-nonkey-edit-list.sh). Each later
        keyframe is decoded alone. FFmpeg could skip the frames between, but then it drops and reorders keyframes, as
        it orders them by counters that are ambiguous across a gap (findings/pyav-skip-nonkey-reorders.sh).
        """
        is_started, packet_count, frame_number = False, 0, 0
        for packet, _ in self._read():
            is_shown = bool(packet.size) and not packet.is_discard
            if not is_started:
                images = self._images_in(packet)
                images += self._images_left() if images and packet.size else []
                is_started = bool(images)
                numbered = [(n, image) for n, image in enumerate(images) if n == 0 or image.key_frame]
            elif is_shown and packet.is_keyframe:
                images = self._images_in(packet) + self._images_left()
                own = (image for image in images if image.key_frame and image.pts == packet.pts)
                numbered = [(packet_count, image) for image in own]
            else:
                self._packets.failed_in_a_row, numbered = 0, []
            packet_count += is_shown
            for number, image in numbered:
                self._frames_on, frame_number = number - frame_number, number
                yield image
        self._frames_on = max(packet_count - frame_number, 1)

    def _images_in(self, packet: Packet[VideoStream] | None) -> list[VideoFrame]:
        """The images that a packet completes, or the decoder still holds; what cannot be decoded is counted."""
        try:
            images = self._stream.codec_context.decode(None) if packet is None else packet.decode()
        except av.error.FFmpegError as error:
            self._note_bad_packet(error)
            self._skipping.stop()  # from here on lost images must be distinguished from skipped ones
            return []
        self._packets.failed_in_a_row = 0
        corrupt_count = sum(image.is_corrupt for image in images)  # decoded, but from a packet cut short
        self.bad_packet_count += corrupt_count
        if corrupt_count or any(image.interlaced_frame for image in images):
            self._skipping.stop()  # a packet of interlaced video may hold half an image
        return images

    def _images_left(self) -> list[VideoFrame]:
        """The images that the decoder still holds; the next packet must be a keyframe."""
        images = self._images_in(None)
        self._stream.codec_context.flush_buffers()
        return images

    def _note_late(self) -> None:
        self._late_count += 1
        self.warnings["Frame out of order"] += 1

    def _note_failed_read(self, error: av.error.FFmpegError) -> None:
        self._note_bad_packet(error)
        self._without_image.append(self._packets.until_s)
        self._skipping.stop()

    def _note_bad_packet(self, error: av.error.FFmpegError) -> None:
        self.bad_packet_count += 1
        self.warnings[error.strerror or str(error)] += 1

    def _note(self, packet: Packet[VideoStream]) -> None:
        start_s = self._packets.packet_seconds(packet.pts)
        if start_s is not None and not packet.is_discard:
            self._without_image.append(start_s)

    def _read(self) -> Iterator[tuple[Packet[VideoStream], float | None]]:
        for packet, time_s in self._packets:
            if self._packets.jumped:
                self._skipping.stop()  # the images on either side of a jump do not belong together
            yield packet, time_s
