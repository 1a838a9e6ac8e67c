"""The web application: a page for a browser, and a JSON endpoint for programs."""

from __future__ import annotations

import base64
import hashlib
import logging
import re
from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from ..errors import CvkitError
from .answers import Answers, NotPossible, RefusedUpload

log = logging.getLogger("cvkit")

_MOST_CLASSES = 1000


def application(answers: Answers, max_bytes: int, hosts: Sequence[str]) -> Starlette:
    """Return the application.

    It reads no file that a request names, answers only requests that name one of `hosts`, so a web page elsewhere
    cannot reach it through a name of its own (DNS rebinding), and stores nothing.

    Args:
        answers: What answers the requests.
        max_bytes: Largest size of an upload, in bytes.
        hosts: Host names that a request may address; ``*`` for any.
    """
    handlers = _Handlers(answers, max_bytes)
    return Starlette(
        routes=[
            Route("/", handlers.page, methods=["GET"]),
            Route("/model", handlers.about, methods=["GET"]),
            Route("/predict", handlers.predict, methods=["POST"]),
            Route("/explain", handlers.explain, methods=["POST"]),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts), www_redirect=False)],
        exception_handlers={HTTPException: _refused},
    )


class _Handlers:
    """The handlers of the routes."""

    def __init__(self, answers: Answers, max_bytes: int) -> None:
        self._answers, self._max_bytes = answers, max_bytes
        self._html, policy = _page()
        self._headers = {"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer"}

    async def page(self, request: Request) -> Response:
        """Return the page that takes an image and shows its prediction."""
        return HTMLResponse(self._html, headers=self._headers)

    async def about(self, request: Request) -> Response:
        """Return what the model is."""
        return JSONResponse(self._answers.about())

    async def predict(self, request: Request) -> Response:
        """Return the most probable classes of the image in the body; ``?top=3`` says how many."""
        top = _top(request)
        upload = await self._body(request)
        return await self._answer(lambda: self._answers.prediction(upload, top))

    async def explain(self, request: Request) -> Response:
        """Return the map of the image in the body for the class ``?class=NAME``, or for the most probable one."""
        upload = await self._body(request)
        return await self._answer(lambda: self._answers.explanation(upload, request.query_params.get("class")))

    async def _answer(self, answer: Callable[[], dict[str, Any]]) -> Response:
        try:
            return JSONResponse(await run_in_threadpool(answer))
        except RefusedUpload as error:
            raise HTTPException(400, str(error)) from error
        except NotPossible as error:
            raise HTTPException(501, str(error)) from error
        except (CvkitError, ValueError) as error:  # it may contain paths of this machine
            log.warning("%s", error)
            raise HTTPException(500, "the server could not answer; its log says why") from error

    async def _body(self, request: Request) -> bytes:
        """Return the body; stop reading where it is too long, whatever length the request claims."""
        origin = request.headers.get("origin")
        if origin is not None and _host(origin) != request.url.netloc:
            raise HTTPException(403, f"the web page {origin} may not use this server")
        if request.headers.get("content-type", "").startswith("multipart/"):
            raise HTTPException(415, "send the bytes of the image as the body, as curl --data-binary @FILE does")
        upload = bytearray()
        try:
            async for part in request.stream():
                upload += part
                if len(upload) > self._max_bytes:
                    raise HTTPException(413, f"the upload is larger than {self._max_bytes / 1e6:g} MB")
        except ClientDisconnect as error:  # nobody reads the answer, and the log of the server stays short
            raise HTTPException(400, "the upload was interrupted") from error
        if not upload:
            raise HTTPException(400, "the body is empty; send the bytes of an image file")
        return bytes(upload)


def _top(request: Request) -> int:
    text = request.query_params.get("top", "3")
    if not re.fullmatch(r"[0-9]{1,4}", text) or not 1 <= int(text) <= _MOST_CLASSES:
        raise HTTPException(400, f"top must be an integer from 1 to {_MOST_CLASSES:,}, got {text[:40]!r}")
    return int(text)


def _host(origin: str) -> str | None:
    """Return host and port of an origin; None if it is not one."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


async def _refused(request: Request, error: Any) -> Response:
    """Return an `HTTPException` as JSON, like every other answer; Starlette's own handler returns plain text."""
    text = error.detail
    if error.status_code == 405:
        text = (
            f"{request.url.path} does not answer {request.method}; allowed: {(error.headers or {}).get('Allow', '')}"
        )
    return JSONResponse({"error": text}, error.status_code, headers=error.headers)


def _page() -> tuple[str, str]:
    """Return the page as HTML, and the content security policy that allows its own script, style and pictures."""
    folder = files("cvkit.serving")
    script, style, html = (
        folder.joinpath(name).read_text(encoding="utf-8") for name in ("page.js", "page.css", "page.html")
    )
    policy = (
        f"default-src 'none'; connect-src 'self'; img-src data: blob:; style-src '{_digest(style)}'; "
        f"script-src '{_digest(script)}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return html.replace("<!-- style -->", f"<style>{style}</style>").replace(
        "<!-- script -->", f'<script type="module">{script}</script>'
    ), policy


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
