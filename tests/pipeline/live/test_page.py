"""The live picture on a page: for a browser on this machine that knows the address, and for nobody else."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import pytest

from facetally.live.page_view import PageView
from facetally.live.views import Status

STATUS = Status(61.0, {"female": 2}, 1, 5.0, 0.1, 3, "", is_paused=False)


@dataclass
class Page:
    """A page, and its address."""

    view: PageView
    address: str
    once: str

    def get(self, place: str = "", **headers: str) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers of an answer."""
        return answer(urllib.request.Request(f"{self.address}{place}", headers=headers))

    def wish(self, name: str, **headers: str) -> int:
        """The status of the answer to a button."""
        given = {"Content-Type": "application/json", "Origin": self.address[: self.address.index("/", 7)]} | headers
        body = json.dumps({"wish": name}).encode()
        return answer(urllib.request.Request(f"{self.address}api/wish", body, given))[0]


def answer(request: urllib.request.Request) -> tuple[int, bytes, dict[str, str]]:
    """Status, body and headers of the answer to a request."""
    try:
        with urllib.request.urlopen(request, timeout=10) as got:
            return got.status, got.read(), dict(got.headers)
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read(), dict(refused.headers)


@pytest.fixture
def page() -> Iterator[Page]:
    """A page that shows nothing yet."""
    places: list[str] = []
    view = PageView("rtsp://***@cam/a", can_save=True, is_ready=lambda *both: places.extend(both))
    view.tell(STATUS)
    yield Page(view, places[0], places[1])
    view.close()


def test_the_page_shows_the_newest_picture_and_the_counts(page: Page) -> None:
    with urllib.request.urlopen(f"{page.address}picture", timeout=10) as stream:
        for _ in range(1000):
            if page.view.wants_picture():
                break
            time.sleep(0.02)
        page.view.show(np.full((40, 60, 3), 200, np.uint8), STATUS)
        while not (line := stream.readline()).startswith(b"Content-Length"):
            pass
        stream.readline()
        image = cv2.imdecode(np.frombuffer(stream.read(int(line.split(b":")[1])), np.uint8), cv2.IMREAD_COLOR)
    assert image is not None and image.shape == (40, 60, 3) and image.mean() > 190
    state = json.loads(page.get("api/state")[1])
    assert (state["genders"], state["dropped_count"], state["title"]) == ({"female": 2}, 3, "rtsp://***@cam/a")


def test_nobody_looks_any_more_when_the_browser_is_closed(page: Page) -> None:
    urllib.request.urlopen(f"{page.address}picture", timeout=10).close()
    for _ in range(1000):
        page.view.show(np.zeros((400, 600, 3), np.uint8), STATUS)
        if not page.view.wants_picture():
            return
        time.sleep(0.02)
    raise AssertionError("the closed browser still counts")


def test_buttons_are_passed_on_and_nothing_else(page: Page) -> None:
    assert [page.wish(name) for name in ("pause", "save", "end", "format")] == [200, 200, 200, 422]
    assert list(page.view.wishes()) == ["pause", "save", "end"]
    assert list(page.view.wishes()) == []


def test_requests_of_others_are_refused(page: Page) -> None:
    root = page.address[: page.address.index("/", 7)]
    assert answer(urllib.request.Request(f"{root}/api/state"))[0] == 403
    assert answer(urllib.request.Request(f"{root}/guessed/"))[0] == 403
    assert page.get(Host="evil.example")[0] == 421
    assert page.get("picture", **{"Sec-Fetch-Site": "cross-site"})[0] == 403
    assert page.wish("end", Origin="http://evil.example") == 403
    assert page.wish("end", **{"Content-Type": "text/plain"}) == 415
    assert list(page.view.wishes()) == []


def test_the_page_may_load_nothing_from_elsewhere(page: Page) -> None:
    status, body, headers = page.get()
    assert status == 200 and b"live.js" in body
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["cache-control"] == "no-store"


def test_the_address_for_the_browser_works_once(page: Page) -> None:
    assert answer(urllib.request.Request(page.once))[0] == 200
    assert answer(urllib.request.Request(page.once))[0] == 403
