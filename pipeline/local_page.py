"""What all pages have in common that are served for one browser on this machine, and for nobody else.

A server listens at 127.0.0.1 only. Every address begins with a random token; the Host header must be this machine's, so
that no name on the internet can be made to point here; what is sent must come from the page itself. No file is served
by a name that a browser sends.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping
from importlib import resources
from typing import TYPE_CHECKING, NamedTuple

from facetally.errors import OptionError
from facetally.formatting import command as command_line

if TYPE_CHECKING:
    import uvicorn
    from fastapi import FastAPI, Request, Response

PACKAGES = ("fastapi", "uvicorn")
"""Of the extras `label` and `live`."""

HOST = "127.0.0.1"
MAX_BODY_BYTES = 200_000
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class PageFile(NamedTuple):
    """A file of the page."""

    name: str
    media_type: str


class RefusedError(Exception):
    """A request that is not answered."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why


def check_packages(page: str, extra: str, otherwise: str = "") -> None:
    """Raises an error where the packages of a page are not installed.

    Args:
        page: what it is, for the error.
        extra: that installs them.
        otherwise: what else may be done, for the fix.

    Raises:
        OptionError: one is missing.
    """
    for name in PACKAGES:
        if importlib.util.find_spec(name) is None:
            raise OptionError(
                f"{page} needs the package {name}, which is not installed",
                fix=command_line("pip", "install", f"facetally[{extra}]") + otherwise,
            )


def has_display() -> bool:
    """Whether windows can be opened, as far as the environment says."""
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def bound_socket(port: int) -> socket.socket:
    """A socket at this machine's own address.

    Args:
        port: 0: any free one.

    Raises:
        OptionError: the port is taken, or not allowed.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise OptionError(
            f"port {port} cannot be used: {error.strerror}", fix="leave out --port: a free one is then taken"
        ) from error
    listener.listen()  # so that a browser may come before the server is ready
    return listener


def new_token() -> str:
    """A secret that cannot be guessed."""
    return secrets.token_urlsafe(24)


class Tickets:
    """Addresses that lead to the page once: other users of the machine may see with which one a browser is started."""

    def __init__(self) -> None:
        self._valid: set[str] = set()

    def new(self) -> str:
        ticket = new_token()
        self._valid.add(ticket)
        return ticket

    def use(self, ticket: str) -> bool:
        """Whether it was valid; it is not any more."""
        is_valid = ticket in self._valid
        self._valid.discard(ticket)
        return is_valid


def server_config(app: FastAPI, grace_s: int) -> uvicorn.Config:
    """How an app is served.

    Args:
        app: the server.
        grace_s: for requests that are under way when it ends.
    """
    import uvicorn

    return uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=grace_s,
    )


def guarded_app(command: str, *, token: str, port: int, tickets: Tickets | None = None) -> FastAPI:
    """A server that answers the page alone; its addresses are added by the caller.

    Args:
        command: that prints the address of the page.
        token: the first part of every address.
        port: that it listens on.
        tickets: for /start/TICKET, which leads to the page.
    """
    from fastapi import FastAPI
    from fastapi.responses import PlainTextResponse, RedirectResponse

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    hosts = {f"{name}:{port}" for name in (HOST, "localhost")}

    async def guarded(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        response: Response
        try:
            check_host(request, hosts)
            _, first, *rest = request.url.path.split("/")
            if first == "start" and len(rest) == 1 and tickets and tickets.use(rest[0]):
                response = RedirectResponse(f"/{token}/", 303)
            else:
                check_request(request, token, hosts, command)
                response = await call_next(request)
        except RefusedError as refused:
            response = PlainTextResponse(refused.why, refused.status)
        response.headers.update(HEADERS)
        return response

    app.middleware("http")(guarded)
    return app


def check_host(request: Request, hosts: set[str]) -> None:
    """Refuses what was sent to another name, such as one on the internet that was made to point here.

    Raises:
        RefusedError: another host.
    """
    if request.headers.get("host") not in hosts:
        raise RefusedError(421, "This server answers at 127.0.0.1 only.")


def check_request(request: Request, token: str, hosts: set[str], command: str) -> None:
    """Refuses what does not come from the page.

    Raises:
        RefusedError: no token, another site, or a body that is too large.
    """
    headers = request.headers
    given = request.url.path.split("/")[1]
    if not secrets.compare_digest(given.encode(), token.encode()):
        raise RefusedError(403, f"Open the address that `{command}` printed, with all of its characters.")
    is_navigation = headers.get("sec-fetch-mode") == "navigate" and request.method == "GET"
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none") and not is_navigation:
        raise RefusedError(403, "Only the page itself may ask for this.")
    if request.method not in ("GET", "HEAD"):
        if headers.get("origin") not in {f"http://{host}" for host in hosts}:
            raise RefusedError(403, "Only the page itself may send this.")
        if headers.get("content-type", "").partition(";")[0] != "application/json":
            raise RefusedError(415, "What is sent must be JSON.")
        length = headers.get("content-length", "")
        if not length.isdigit() or int(length) > MAX_BODY_BYTES:
            raise RefusedError(413, "This is too long.")


def add_page_files(app: FastAPI, token: str, package: str, files: Mapping[str, PageFile]) -> None:
    """The page itself: known files.

    Args:
        app: the server.
        token: the first part of every address.
        package: that holds the files, in its folder `page`.
        files: by the last part of their addresses.
    """
    from fastapi import Response

    def page_file(file: PageFile) -> Callable[[], Response]:
        content = (resources.files(package) / "page" / file.name).read_bytes()
        return lambda: Response(content, media_type=file.media_type)

    for name, file in files.items():
        app.add_api_route(f"/{token}/{name}", page_file(file), methods=["GET"])
