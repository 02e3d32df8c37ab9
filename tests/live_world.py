"""Cameras that are not there, and a server of streams."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from drawn_world import HEIGHT_PX, WIDTH_PX, Film, SquareDetector

from facetally.detection.faces import Faces, ImageArray
from facetally.live.captures import Picture, picture_of_array
from facetally.video.opening import VideoInfo

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


class SlowDetector(SquareDetector):
    """Needs a while for each picture.

    Args:
        seconds: how long.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def detect(self, images_bgr: Sequence[ImageArray], frame_hw: tuple[int, int] | None = None) -> list[Faces]:
        time.sleep(self.seconds)
        return super().detect(images_bgr, frame_hw)


def free_port() -> int:
    """A port that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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
