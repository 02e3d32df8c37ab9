"""The labelling server refuses everybody but the page itself, and serves no file by a name that it is sent."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from label_server import DrawnRun, LabelServer

from facetally.errors import OptionError
from facetally.local_page import HOST, bound_socket

LABEL = {"kind": "track", "number": 0, "set": {"answer": "female"}}


class Caller:
    """Sends requests as they are given, where a library would tidy them up."""

    def __init__(self, server: LabelServer) -> None:
        address = urlsplit(server.url)
        assert address.hostname and address.port
        self.host, self.port, self.root = address.hostname, address.port, address.path.rstrip("/")

    def ask(
        self, path: str, method: str = "GET", body: object = None, root: str | None = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and content; names of headers with underscores for dashes."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        connection.putrequest(method, (self.root if root is None else root) + path, skip_host="host" in headers)
        data = b"" if body is None else json.dumps(body).encode()
        for name, value in {"content_length": str(len(data)), **headers}.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders(data)
        answer = connection.getresponse()
        return answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read()

    def save(self, body: object, **headers: str) -> int:
        """The status of sending a label."""
        own = {"origin": f"http://{self.host}:{self.port}", "content_type": "application/json"}
        return self.ask("/api/save", "POST", body, **{**own, **headers})[0]


@pytest.fixture(scope="module")
def caller(drawn_run: DrawnRun, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    """Of one server for all tests."""
    truth = tmp_path_factory.mktemp("server") / "truth"
    server = LabelServer([str(drawn_run.out), "-o", str(truth), "--moments", "3"]).start()
    yield Caller(server)
    server.kill()


def test_the_page_is_served_with_a_strict_policy(caller: Caller) -> None:
    status, headers, content = caller.ask("/")
    assert status == 200
    assert b"<script src=" in content
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy and "http" not in policy
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in headers
    assert "server" not in headers


def test_another_host_is_refused(caller: Caller) -> None:
    assert caller.ask("/", host="example.org")[0] == 421
    assert caller.ask("/", host=f"127.0.0.1.example.org:{caller.port}")[0] == 421
    assert caller.ask("/", host=f"localhost:{caller.port}")[0] == 200


@pytest.mark.parametrize("root", ["", "/", "/x", "/label.js", "/api/state", "/start/x", "/start/", "/docs"])
def test_without_the_token_nothing_is_served(caller: Caller, root: str) -> None:
    status, _, content = caller.ask("/", root=root)
    assert status == 403
    assert b"facetally label" in content


def test_a_label_from_elsewhere_is_refused(caller: Caller) -> None:
    assert caller.save(LABEL) == 200
    assert caller.save(LABEL, origin="http://example.org") == 403
    assert caller.save(LABEL, origin="null") == 403
    assert caller.save(LABEL, sec_fetch_site="cross-site") == 403
    assert caller.save(LABEL, sec_fetch_site="same-site") == 403
    assert caller.save(LABEL, content_type="text/plain") == 415
    assert caller.save({**LABEL, "set": {"answer": "x" * 300_000}}) == 413


def test_another_site_cannot_show_a_picture(caller: Caller) -> None:
    assert caller.ask("/api/view/track/0", sec_fetch_site="cross-site", sec_fetch_mode="no-cors")[0] == 403
    assert caller.ask("/api/view/track/0", sec_fetch_site="same-origin")[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        *("/../../etc/passwd", "/..%2f..%2fetc%2fpasswd", "/%2e%2e/label.html", "/page/label.html", "/label.html"),
        *("/api/view/track/..%2f0", "/api/view/track/a%2ffirst.mp4", "/api/view/..%2f/0", "/api/view/track/99"),
        *("/api/view/track/-1", "/api/item/face/0", "/api/item/track/1e1", "/openapi.json", "/docs"),
    ],
)
def test_no_file_is_served_by_a_name_that_is_sent(caller: Caller, path: str) -> None:
    status, _, content = caller.ask(path)
    assert status in (404, 422)
    assert b"root:" not in content and b"<html" not in content


NO_TRACK_VALUES: list[object] = [{}, [], {"answer": "cat"}, {"answer": None}, {"gender": "female"}]
NO_FACES: list[object] = [1, [1], [{}], [{"box": [0, 0, 1]}], [{"box": [5, 0, 1, 9]}], [{"box": [0, 0, 1, "a"]}]]


@pytest.mark.parametrize(
    "label",
    [
        *([], {}, "x", 1, None, {**LABEL, "kind": "undo"}, {**LABEL, "number": "0"}, {**LABEL, "number": True}),
        *({**LABEL, "set": values} for values in NO_TRACK_VALUES),
        *({**LABEL, "set": {"same_as": number}} for number in (0, 1, -1, 99, 0.5, True, "1")),
        *({"kind": "moment", "number": 0, "set": {"missed": faces}} for faces in NO_FACES),
        {"kind": "moment", "number": 0, "set": {"done": True}},
    ],
    ids=repr,
)
def test_a_label_that_makes_no_sense_is_not_saved(caller: Caller, label: object) -> None:
    assert caller.save(label) == 422


def test_a_missing_item_is_not_found(caller: Caller) -> None:
    assert caller.save({**LABEL, "number": 12}) == 404
    assert caller.save({**LABEL, "number": -1}) == 404


def test_a_port_that_is_taken_is_an_error_with_its_fix() -> None:
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        with pytest.raises(OptionError, match="cannot be used: Address already in use") as caught:
            bound_socket(other.getsockname()[1])
    assert "--port" in caught.value.fix
