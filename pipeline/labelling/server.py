"""The web server of the labelling page: for one browser on this machine, and for nobody else.

It listens at 127.0.0.1 only. Every address begins with a random token; the Host header must be this machine's, so that
no name on the internet can be made to point here; what is saved must come from this page itself. No file is served by a
name that a browser sends: pages are four known files, pictures go by their number in the sample.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Awaitable, Callable
from importlib import resources
from typing import Any, NamedTuple

from fastapi import Body, FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse

from facetally.errors import OptionError, OutputError, PipelineError
from facetally.labelling.answers import BadAnswerError
from facetally.labelling.session import Session
from facetally.labelling.upkeep import Upkeep
from facetally.labelling.views import ViewsStoppedError

HOST = "127.0.0.1"
VIEW_S = 60.0
"""A picture that takes longer is given up."""
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


PAGE_FILES = {
    "": PageFile("label.html", "text/html; charset=utf-8"),
    "label.css": PageFile("label.css", "text/css; charset=utf-8"),
    "label.js": PageFile("label.js", "text/javascript; charset=utf-8"),
    "moments.js": PageFile("moments.js", "text/javascript; charset=utf-8"),
}


class RefusedError(Exception):
    """A request that is not answered."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why


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


def make_app(session: Session, upkeep: Upkeep, *, token: str, port: int, tickets: Tickets | None = None) -> FastAPI:
    """The server.

    Args:
        session: what is labelled.
        upkeep: is told of every label.
        token: the first part of every address.
        port: that it listens on.
        tickets: for /start/TICKET, which leads to the page.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    hosts = {f"{name}:{port}" for name in (HOST, "localhost")}

    @app.middleware("http")
    async def guarded(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        response: Response
        try:
            check_host(request, hosts)
            _, first, *rest = request.url.path.split("/")
            if first == "start" and len(rest) == 1 and tickets and tickets.use(rest[0]):
                response = RedirectResponse(f"/{token}/", 303)
            else:
                check_request(request, token, hosts)
                response = await call_next(request)
        except RefusedError as refused:
            response = PlainTextResponse(refused.why, refused.status)
        response.headers.update(HEADERS)
        return response

    @app.exception_handler(BadAnswerError)
    def bad_answer(_: Request, error: BadAnswerError) -> JSONResponse:
        return JSONResponse({"what": str(error), "fix": ""}, 422)

    @app.exception_handler(IndexError)
    def no_such_item(_: Request, __: IndexError) -> JSONResponse:
        return JSONResponse({"what": "no such item", "fix": ""}, 404)

    @app.exception_handler(PipelineError)
    def not_done(_: Request, error: PipelineError) -> JSONResponse:
        return JSONResponse({"what": error.what, "fix": error.fix}, 507 if isinstance(error, OutputError) else 409)

    add_routes(app, session, upkeep, token)
    add_page_files(app, token)
    return app


def check_host(request: Request, hosts: set[str]) -> None:
    """Refuses what was sent to another name, such as one on the internet that was made to point here.

    Raises:
        RefusedError: another host.
    """
    if request.headers.get("host") not in hosts:
        raise RefusedError(421, "This server answers at 127.0.0.1 only.")


def check_request(request: Request, token: str, hosts: set[str]) -> None:
    """Refuses what does not come from the page.

    Raises:
        RefusedError: no token, another site, or a body that is too large.
    """
    headers = request.headers
    given = request.url.path.split("/")[1]
    if not secrets.compare_digest(given.encode(), token.encode()):
        raise RefusedError(403, "Open the address that `facetally label` printed, with all of its characters.")
    is_navigation = headers.get("sec-fetch-mode") == "navigate" and request.method == "GET"
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none") and not is_navigation:
        raise RefusedError(403, "Only the page itself may ask for this.")
    if request.method not in ("GET", "HEAD"):
        if headers.get("origin") not in {f"http://{host}" for host in hosts}:
            raise RefusedError(403, "Only the page itself may save labels.")
        if headers.get("content-type", "").partition(";")[0] != "application/json":
            raise RefusedError(415, "Labels are sent as JSON.")
        length = headers.get("content-length", "")
        if not length.isdigit() or int(length) > MAX_BODY_BYTES:
            raise RefusedError(413, "This is too long for a label.")


def add_routes(app: FastAPI, session: Session, upkeep: Upkeep, token: str) -> None:
    """The addresses of labels and pictures."""
    root = f"/{token}"

    def state(counts: dict[str, Any], tab: str) -> dict[str, Any]:
        session.prefetch(tab)
        return {**counts, **upkeep.state()}

    @app.get(f"{root}/api/state")
    def get_state(tab: str = "") -> dict[str, Any]:
        about = {
            "annotator": session.options.annotator,
            "mode": session.sample.design.mode,
            "settle": session.options.settle,
            "show_predictions": session.options.show_predictions,
        }
        return {**about, **state(session.counts(tab[:40]), tab[:40])}

    @app.get(f"{root}/api/item/{{kind}}/{{number}}")
    def get_item(kind: str, number: int, tab: str = "") -> Any:
        if kind not in ("track", "moment"):
            raise IndexError(kind)
        return session.item(kind, number, tab[:40])

    @app.get(f"{root}/api/view/{{kind}}/{{number}}")
    def get_view(kind: str, number: int) -> Any:
        if kind not in ("track", "loop", "face", "moment"):
            raise IndexError(kind)
        return made_view(session, kind, number)

    @app.post(f"{root}/api/save")
    def save(message: Any = Body(), tab: str = "") -> Any:  # noqa: B008 - FastAPI's way
        if not isinstance(message, dict):
            raise BadAnswerError("no label")
        counts = session.save(message, tab[:40])
        upkeep.changed()
        return state(counts, tab[:40])

    @app.post(f"{root}/api/undo")
    def undo(tab: str = "") -> Any:
        counts = session.undo(tab[:40])
        upkeep.changed()
        return state(counts, tab[:40])


def made_view(session: Session, kind: str, number: int) -> Any:
    """The pictures of an item, or why there are none."""
    try:
        return session.views.get(session.view_key(kind, number), VIEW_S)
    except TimeoutError:
        return JSONResponse({"what": "making this picture takes too long", "fix": "pass it over"}, 504)
    except ViewsStoppedError:
        return JSONResponse({"what": "the server is ending", "fix": ""}, 503)


def add_page_files(app: FastAPI, token: str) -> None:
    """The page itself: four known files."""

    def page_file(file: PageFile) -> Callable[[], Response]:
        content = (resources.files("facetally.labelling") / "page" / file.name).read_bytes()
        return lambda: Response(content, media_type=file.media_type)

    for name, file in PAGE_FILES.items():
        app.add_api_route(f"/{token}/{name}", page_file(file), methods=["GET"])
