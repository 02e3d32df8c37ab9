"""Serves one video file in real time at rtsp://127.0.0.1:PORT/film, as a camera would.

    /usr/bin/python3 scripts/rtsp_server.py film.mp4 8554 [--user anna --password secret] [--log sent.csv]

It needs GStreamer and the system's own Python, as Debian installs them: gir1.2-gst-rtsp-server-1.0,
gstreamer1.0-plugins-good and python3-gi. The film must be H.264 in MP4. Each client gets it from its start.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import gi  # type: ignore[import-not-found]

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # type: ignore[import-not-found]  # noqa: E402

LAUNCH = '( filesrc location="{path}" ! qtdemux ! h264parse ! rtph264pay name=pay0 pt=96 )'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("film", type=Path)
    parser.add_argument("port", type=int)
    parser.add_argument("--user", default="")
    parser.add_argument("--password", default="")
    parser.add_argument("--log", type=Path, help="gets a line for each frame: its time in the film, and now")
    given = parser.parse_args()
    Gst.init(None)
    server = GstRtspServer.RTSPServer(address="127.0.0.1", service=str(given.port))
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(LAUNCH.format(path=given.film.resolve()))
    if given.log:
        log = given.log.open("w", buffering=1)
        factory.connect("media-configure", lambda _, media: note_packets(media, log))
    if given.user:
        protect(server, factory, given.user, given.password)
    server.get_mount_points().add_factory("/film", factory)
    if not server.attach(None):
        raise SystemExit(f"port {given.port} cannot be used")
    print("ready", flush=True)
    GLib.MainLoop().run()


def protect(server: Any, factory: Any, user: str, password: str) -> None:
    """Asks every client for a user and a password."""
    auth, token = GstRtspServer.RTSPAuth(), GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", user)
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    server.set_auth(auth)
    factory.add_role_from_structure(
        Gst.Structure.new_from_string(
            f"{user},media.factory.access=(boolean)true,media.factory.construct=(boolean)true"
        )
    )


def note_packets(media: Any, log: Any) -> None:
    """Notes when each frame is cut into packets, which then wait for nothing but the clock of the film."""

    def sent(_: Any, info: Any) -> Any:
        log.write(f"{info.get_buffer().pts / Gst.SECOND:.6f},{time.time():.6f}\n")
        return Gst.PadProbeReturn.OK

    media.get_element().get_by_name("pay0").get_static_pad("sink").add_probe(Gst.PadProbeType.BUFFER, sent)


if __name__ == "__main__":
    main()
