"""Cameras that are not there, with clocks of their own, and a server of streams."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from drawn_world import HEIGHT_PX, WIDTH_PX, Film, SquareDetector

from facetally.detection.faces import Faces, ImageArray
from facetally.live.captures import Picture, picture_of_array
from facetally.live.reader import Arrived, Reader
from facetally.video.opening import VideoInfo

WAIT_S = 60
ROOT = Path(__file__).resolve().parent.parent
SYSTEM_PYTHON = Path("/usr/bin/python3")
RTSP_PACKAGES = "gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-good python3-gi"


@dataclass
class DrawnCamera:
    """A camera that films a drawn film, and begins it again at its end."""

    film: Film
    fps: float = 25.0
    is_paced: bool = False
    skipped_count: int = 0
    pictures_left: int = 10**9
    """It breaks off after so many."""
    info: VideoInfo = field(init=False)

    def __post_init__(self) -> None:
        self.info = VideoInfo(WIDTH_PX, HEIGHT_PX, self.fps, 0.0, "raw", "camera")
        self._images = self.film.images(25)

    def pictures(self) -> Iterator[Picture]:
        """Pictures without times, as cameras give them."""
        started_s, number = time.monotonic(), 0
        while self.pictures_left > 0:
            self.pictures_left -= 1
            time.sleep(max(0.0, started_s + number / self.fps - time.monotonic()))
            yield Picture(picture_of_array(self._images[int(number * 25 / self.fps) % len(self._images)]), None)
            number += 1

    def is_finished(self) -> bool:
        """A camera never is."""
        return False

    def close(self) -> None: ...


@dataclass
class SteppedCamera(DrawnCamera):
    """A drawn camera that gives a picture when it is asked to, and moves a clock on by the time between two.

    Tests put it in the place of the module `time`, so that nothing depends on how fast a machine is.
    """

    now_s: float = 0.0
    is_ended: bool = False
    _asked: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def monotonic(self) -> float:
        """The time of the newest picture."""
        return self.now_s

    def pictures(self) -> Iterator[Picture]:
        for number in range(self.pictures_left):
            self._asked.acquire()
            if self.is_ended:
                return
            self.now_s = number / self.fps
            yield Picture(picture_of_array(self._images[int(number * 25 / self.fps) % len(self._images)]), None)

    def end(self) -> None:
        """Gives no more pictures."""
        self.is_ended = True
        self._asked.release()

    def is_finished(self) -> bool:
        return self.is_ended

    def give(self, count: int, reader: Reader) -> None:
        """Gives so many more pictures, and returns when the reader has them, or wants no more."""
        wanted = reader.frame_count + count
        for _ in range(count):
            self._asked.release()
        while reader.frame_count < wanted and not reader.is_over:
            time.sleep(0.001)


class SlowDetector(SquareDetector):
    """The camera gives some pictures while it works on one.

    Args:
        camera: it.
        count: how many.
    """

    reader: Reader

    def __init__(self, camera: SteppedCamera, count: int) -> None:
        self.camera, self.count = camera, count

    def detect(self, images_bgr: Sequence[ImageArray], frame_hw: tuple[int, int] | None = None) -> list[Faces]:
        self.camera.give(self.count, self.reader)
        return super().detect(images_bgr, frame_hw)


class PatientReader(Reader):
    """Gives the next picture only when the one before was looked at, so that none is missed on a slow machine."""

    _done = -1

    def wait_for_newer(self, index: int, timeout_s: float) -> Arrived | None:
        self._done = max(self._done, index)  # who asks for a newer picture has done with this one
        return super().wait_for_newer(index, timeout_s)

    def _give(self, arrived: Arrived) -> None:
        super()._give(arrived)
        while self._done < arrived.index and not self.is_over:
            time.sleep(0.001)


def free_port() -> int:
    """A port that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_open(port: int) -> bool:
    """Whether somebody answers at this port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_for(is_so: Callable[[], bool]) -> None:
    """Waits until something is so."""
    until_s = time.monotonic() + WAIT_S
    while not is_so():
        assert time.monotonic() < until_s, "nothing happened"
        time.sleep(0.002)


def has_rtsp_server() -> bool:
    """Whether GStreamer's RTSP server is installed."""
    code = "import gi; gi.require_version('GstRtspServer', '1.0')"
    words = [str(SYSTEM_PYTHON), "-c", code]
    return SYSTEM_PYTHON.exists() and not subprocess.run(words, capture_output=True, check=False).returncode


@contextmanager
def rtsp_server(film: Path, port: int, *extra: str) -> Iterator[str]:
    """GStreamer sends a film in real time; gives its address."""
    words = [str(SYSTEM_PYTHON), str(ROOT / "scripts" / "rtsp_server.py"), str(film), str(port), *extra]
    server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout and server.stdout.readline().strip() == "ready"
        yield f"rtsp://127.0.0.1:{port}/film"
    finally:
        server.kill()
        server.communicate()
