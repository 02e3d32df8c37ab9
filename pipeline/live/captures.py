"""Opens cameras, files and streams, and gives their pictures one after the other."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.container import InputContainer
from av.video.frame import VideoFrame

from facetally.errors import VideoError
from facetally.live.sources import EXAMPLE, Source
from facetally.live.timing import Backlog
from facetally.video.decoder import Decoder
from facetally.video.opening import CONTAINERS, MAX_PIXELS, TAGS, VideoInfo, info_of, video_stream
from facetally.video.pixel_aspect import PixelAspect
from facetally.video.reader import FrameImage, Orientation

OPEN_S, SILENT_S = 10.0, 5.0
"""A server that has not answered, or sent nothing, for so long is taken for lost."""
PROTOCOLS = {
    "rtsp": "rtsp,rtp,srtp,tcp,udp",
    "rtsps": "rtsps,rtp,srtp,tls,tcp,udp",
    "http": "http,https,tls,tcp",
    "https": "https,tls,tcp",
}
"""What an address may lead FFmpeg to: never to a file."""
RTSP_OPTIONS = {"rtsp_flags": "prefer_tcp", "analyzeduration": "1000000"}
"""Not "nobuffer": it loses the packets that FFmpeg looks at first, among them the first keyframe."""
CAMERA_FPS = 30.0
FINISHED_S = 1.0
"""A stream that ends so near to the length it stated has not broken off."""


@dataclass(frozen=True)
class Picture:
    """A picture of a source, not converted yet."""

    image: FrameImage
    time_s: float | None
    """Seconds on the source's own clock, from any moment; None if it has none."""


class SharedImage(FrameImage):
    """An image that two threads use: one looks for faces, the other shows it. FFmpeg's scaler is not made for both."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._lock = threading.Lock()

    def bgr(self, size_wh: tuple[int, int] | None = None) -> npt.NDArray[np.uint8]:
        """As `FrameImage.bgr`."""
        with self._lock:
            return super().bgr(size_wh)

    def forget_full_size(self) -> None:
        """As `FrameImage.forget_full_size`."""
        with self._lock:
            super().forget_full_size()


class Capture(Protocol):
    """An opened source."""

    @property
    def info(self) -> VideoInfo:
        """What it states."""

    is_paced: bool
    """Whether pictures come faster than in real time, and have to be waited for."""
    skipped_count: int
    """Pictures so far that were not decoded, to catch up."""

    def pictures(self) -> Iterator[Picture]:
        """All pictures, until the source ends."""

    def is_finished(self) -> bool:
        """Whether the source has come to its own end, and need not be opened again."""

    def close(self) -> None:
        """Releases the source."""


class FileCapture:
    """A file, decoded as in a run.

    Raises:
        VideoError: it is no video.
    """

    is_paced, skipped_count = True, 0

    def __init__(self, path: Path) -> None:
        self._decoder = Decoder(path)

    @property
    def info(self) -> VideoInfo:
        return self._decoder.info

    def pictures(self) -> Iterator[Picture]:
        orientation: Orientation | None = None
        for image in self._decoder.images():
            orientation = orientation or Orientation.of(image.image)
            yield Picture(SharedImage.of(image, orientation), image.time_s)

    def is_finished(self) -> bool:
        return True

    def close(self) -> None:
        self._decoder.close()


class CameraCapture:
    """A camera, by OpenCV.

    Raises:
        VideoError: there is no such camera, or it cannot be used.
    """

    is_paced, skipped_count = False, 0

    def __init__(self, number: int) -> None:
        cv2.utils.logging.setLogLevel(
            cv2.utils.logging.LOG_LEVEL_SILENT
        )  # it prints where it looked; the errors here say more
        self._capture = cv2.VideoCapture(number)
        if not self._capture.isOpened():
            self._capture.release()
            raise _no_camera(number)
        width, height = (
            int(self._capture.get(which)) for which in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        )
        fps = float(self._capture.get(cv2.CAP_PROP_FPS))
        self.info = VideoInfo(width, height, fps if 0 < fps < 1000 else CAMERA_FPS, 0.0, "raw", "camera")

    def pictures(self) -> Iterator[Picture]:
        while True:
            is_read, image = self._capture.read()
            if not is_read:
                return
            yield Picture(picture_of_array(np.asarray(image, np.uint8)), None)

    def is_finished(self) -> bool:
        return False

    def close(self) -> None:
        self._capture.release()


def picture_of_array(image_bgr: np.ndarray) -> FrameImage:
    """An image that is in memory, (H, W, 3) uint8 BGR, as that of a frame."""
    return SharedImage(VideoFrame.from_ndarray(image_bgr, format="bgr24"), Orientation())


def _no_camera(number: int) -> VideoError:
    device = Path(f"/dev/video{number}")
    others = sorted(path.name.removeprefix("video") for path in Path("/dev").glob("video*"))
    if Path("/dev").exists() and not device.exists() and Path("/proc").exists():
        known = f"there is only {', '.join(others)}" if others else "this machine has none"
        return VideoError(f"there is no camera {number}: {known}", fix="connect it, or give another source")
    try:
        with device.open("rb"):
            pass
    except PermissionError:
        return VideoError(
            f"camera {number} may not be used: no permission for {device}",
            fix="add yourself to its group, then log in again: sudo usermod -aG video $USER",
        )
    except OSError:
        pass
    return VideoError(
        f"camera {number} cannot be opened: another program may be using it, or it gives no pictures",
        fix="close other programs that show it (a browser, a meeting), or give another number",
    )


class StreamCapture:
    """A stream of the network, by FFmpeg.

    Args:
        source: its address.

    Raises:
        VideoError: it cannot be opened; the message does not contain its password.
    """

    def __init__(self, source: Source) -> None:
        self._source, self._backlog, self.skipped_count = source, Backlog(), 0
        scheme = source.address.partition("://")[0]
        self._container = _opened(source, scheme)
        try:
            self._stream = video_stream(self._container, Path(source.shown))
            codec = self._stream.codec_context
            codec.thread_count = 1  # more would hold back as many pictures
            codec.options = {"max_pixels": str(MAX_PIXELS)}
            self._aspect = PixelAspect(self._container, self._stream)
            self.info = info_of(self._container, self._stream)
        except BaseException:
            self._container.close()
            raise
        self.is_paced = scheme.startswith("http") and self.info.duration_s > 0
        self._first_s: float | None = None
        self._until_s = 0.0

    def pictures(self) -> Iterator[Picture]:
        try:
            for packet in self._container.demux(self._stream):
                if not self._is_wanted(packet):
                    self.skipped_count += 1
                    continue
                with suppress(av.error.InvalidDataError):  # a damaged picture of a stream is no reason to end
                    for image in packet.decode():
                        yield self._picture(image)
        except (av.error.FFmpegError, OSError):
            return  # broken off

    def _is_wanted(self, packet: Any) -> bool:
        if self.is_paced or packet.pts is None:
            return True
        behind = self._backlog.of(float(packet.pts * packet.time_base), time.monotonic(), bool(packet.is_keyframe))
        self._stream.codec_context.skip_frame = "NONREF" if behind == "much" else "DEFAULT"
        if behind == "lost":
            self._stream.codec_context.flush_buffers()
        return behind != "lost"

    def _picture(self, image: VideoFrame) -> Picture:
        time_s = image.time
        if time_s is not None:
            self._first_s = time_s if self._first_s is None else self._first_s
            self._until_s = time_s - self._first_s
        return Picture(SharedImage(image, Orientation(), self._aspect.of(image)), time_s)

    def is_finished(self) -> bool:
        length_s = self.info.duration_s
        return length_s > 0 and self._until_s >= length_s - FINISHED_S

    def close(self) -> None:
        self._container.close()


def _opened(source: Source, scheme: str) -> InputContainer:
    options = {"protocol_whitelist": PROTOCOLS[scheme]}
    if scheme.startswith("rtsp"):
        options |= {"format_whitelist": "rtsp,mpegts"} | RTSP_OPTIONS
    else:
        options |= {"format_whitelist": f"{CONTAINERS},mpjpeg"}
    try:
        container: InputContainer = av.open(source.address, options=options, timeout=(OPEN_S, SILENT_S), **TAGS)
        return container
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise _not_opened(source, error) from None  # the cause holds the address


def _not_opened(source: Source, error: Exception) -> VideoError:
    if isinstance(error, av.error.HTTPUnauthorizedError | av.error.HTTPForbiddenError):
        if "@" not in source.address:
            return VideoError(f"{source.shown} asks for a user and a password", fix=f"give both: {EXAMPLE}")
        return VideoError(
            f"{source.shown} refused the user or the password",
            fix="check both; write special characters in them as in a web address: @ as %40, / as %2F",
        )
    if isinstance(error, av.error.HTTPNotFoundError):
        return VideoError(f"{source.shown} does not exist on its server", fix="check the path after the server's name")
    if isinstance(error, av.error.ArgumentError | av.error.InvalidDataError):
        return VideoError(
            f"{source.shown} is not a stream that can be read: it is a playlist, a web page, or no video at all",
            fix="give the address of the stream itself",
        )
    reason = source.redacted(getattr(error, "strerror", None) or str(error))
    if isinstance(error, av.error.ExitError | TimeoutError):
        reason = f"no answer for {OPEN_S:g} s"
    return VideoError(
        f"{source.shown} cannot be opened: {reason}",
        fix="check that the server runs and can be reached from this machine, and the address; does it play in VLC?",
    )


def opened(source: Source) -> Capture:
    """Opens a source.

    Raises:
        VideoError: it cannot be opened.
        OptionError: it is no source.
    """
    if source.kind == "camera":
        return CameraCapture(int(source.address))
    return FileCapture(Path(source.address)) if source.kind == "file" else StreamCapture(source)
