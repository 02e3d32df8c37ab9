"""The live picture as a page for a browser on this machine: MJPEG, with the counts and three buttons beside it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import asdict
from typing import Any, get_args

import cv2
import uvicorn
from fastapi import Body, FastAPI
from fastapi.responses import JSONResponse, Response, StreamingResponse

from facetally.detection.faces import ImageArray
from facetally.live.views import Status, Wish
from facetally.local_page import (
    HOST,
    PageFile,
    Tickets,
    add_page_files,
    bound_socket,
    guarded_app,
    new_token,
    server_config,
)

PAGE_FILES = {
    "": PageFile("live.html", "text/html; charset=utf-8"),
    "live.css": PageFile("live.css", "text/css; charset=utf-8"),
    "live.js": PageFile("live.js", "text/javascript; charset=utf-8"),
}
WISHES: tuple[Wish, ...] = get_args(Wish)
BOUNDARY = "picture"
JPEG_QUALITY = 80
POLL_S = 0.01
MAX_VIEWERS = 8
GRACE_S = 1
"""For requests that are under way when the server ends."""
LAST_S = 1.2
"""So long the page may still ask how it ended: it asks twice a second."""


class PageView:
    """A view in a browser.

    Args:
        title: what is shown.
        can_save: whether tables are stored.
        port: to listen on; 0: any free one.
        is_ready: is called with the page's address, and with one that leads there once.

    Raises:
        OptionError: the port is taken.
    """

    max_fps = 15.0

    def __init__(self, title: str, *, can_save: bool, port: int = 0, is_ready: Callable[[str, str], None]) -> None:
        self._title, self._can_save = title, can_save
        self._jpeg, self._number = b"", 0
        self._status: dict[str, Any] = {}
        self._viewers = 0
        self._wishes: list[Wish] = []
        self._is_over = False
        self._listener, token, tickets = bound_socket(port), new_token(), Tickets()
        port = self._listener.getsockname()[1]
        app = guarded_app("facetally live", token=token, port=port, tickets=tickets)
        self._add_routes(app, f"/{token}")
        add_page_files(app, token, "facetally.live", PAGE_FILES)
        self._server = uvicorn.Server(server_config(app, GRACE_S))
        self._thread = threading.Thread(target=self._server.run, args=([self._listener],), name="page", daemon=True)
        self._thread.start()
        is_ready(f"http://{HOST}:{port}/{token}/", f"http://{HOST}:{port}/start/{tickets.new()}")

    def wants_picture(self) -> bool:
        """Whether a browser shows the page."""
        return self._viewers > 0

    def show(self, image_bgr: ImageArray, status: Status) -> None:
        """Encodes a picture, once for all browsers."""
        done, jpeg = cv2.imencode(".jpg", image_bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        if done:
            self._jpeg, self._number = jpeg.tobytes(), self._number + 1
        self.tell(status)

    def tell(self, status: Status) -> None:
        """Keeps the status for the page."""
        latency_s = None if status.latency_s != status.latency_s else round(status.latency_s, 3)
        self._status = asdict(status) | {"latency_s": latency_s}

    def wishes(self) -> Iterable[Wish]:
        """The buttons that were pressed."""
        wishes, self._wishes = self._wishes, []
        return wishes

    def close(self) -> None:
        """Ends the server, once the page had the time to learn of it."""
        self._is_over = True
        if self._viewers:
            self._thread.join(timeout=LAST_S)
        self._server.should_exit = True
        self._thread.join(timeout=2 * GRACE_S + 1)
        self._listener.close()

    def _add_routes(self, app: FastAPI, root: str) -> None:
        @app.get(f"{root}/api/state")
        def state() -> dict[str, Any]:
            return self._status | {"title": self._title, "can_save": self._can_save, "is_over": self._is_over}

        @app.post(f"{root}/api/wish")
        def wish(message: Any = Body()) -> Response:  # noqa: B008 - FastAPI's way
            wanted = message.get("wish") if isinstance(message, dict) else None
            self._wishes += [known for known in WISHES if known == wanted]
            return JSONResponse({}, 200 if wanted in WISHES else 422)

        @app.get(f"{root}/picture")
        def picture() -> Response:
            if self._viewers >= MAX_VIEWERS:
                return JSONResponse({"what": "too many browsers"}, 503)
            return StreamingResponse(self._pictures(), media_type=f"multipart/x-mixed-replace; boundary={BOUNDARY}")

    async def _pictures(self) -> AsyncIterator[bytes]:
        """Always the newest picture: one that comes while another is sent is left out if a third comes meanwhile."""
        sent = 0
        self._viewers += 1
        try:
            while not self._is_over:
                if self._number > sent:
                    sent, jpeg = self._number, self._jpeg
                    head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                    yield head.encode() + jpeg + b"\r\n"
                await asyncio.sleep(POLL_S)
        finally:
            self._viewers -= 1
