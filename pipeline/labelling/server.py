"""The web server of the labelling page. Its pages are four known files; pictures go by their number in the sample."""

from __future__ import annotations

from typing import Any

from fastapi import Body, FastAPI, Request
from fastapi.responses import JSONResponse

from facetally.errors import OutputError, PipelineError
from facetally.labelling.answers import BadAnswerError
from facetally.labelling.session import Session
from facetally.labelling.upkeep import Upkeep
from facetally.labelling.views import ViewsStoppedError
from facetally.local_page import PageFile, Tickets, add_page_files, guarded_app

VIEW_S = 60.0
"""A picture that takes longer is given up."""
PAGE_FILES = {
    "": PageFile("label.html", "text/html; charset=utf-8"),
    "label.css": PageFile("label.css", "text/css; charset=utf-8"),
    "label.js": PageFile("label.js", "text/javascript; charset=utf-8"),
    "moments.js": PageFile("moments.js", "text/javascript; charset=utf-8"),
}


def make_app(session: Session, upkeep: Upkeep, *, token: str, port: int, tickets: Tickets | None = None) -> FastAPI:
    """The server.

    Args:
        session: what is labelled.
        upkeep: is told of every label.
        token: the first part of every address.
        port: that it listens on.
        tickets: for /start/TICKET, which leads to the page.
    """
    app = guarded_app("facetally label", token=token, port=port, tickets=tickets)

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
    add_page_files(app, token, "facetally.labelling", PAGE_FILES)
    return app


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
