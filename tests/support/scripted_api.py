"""A server that answers as it is told, and what it may be told to answer."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from facepipe_client.documents import Links

IMAGE_ID = "ab" * 32
NOW = "2026-11-22T20:12:00.123000Z"


def state(status: str = "stored", **values: Any) -> dict[str, Any]:
    """The state of an image as the API tells it."""
    links = dict.fromkeys(Links.model_fields, "/")
    image = {"width": 8, "height": 6, "format": "PNG", "sha256": IMAGE_ID}
    known = {
        "image_id": IMAGE_ID, "status": status, "generation": 1, "num_faces": None,
        "corrected": False,
    }  # fmt: skip
    times = {"received_at": NOW, "updated_at": NOW, "timeline": []}
    return {**known, "error": None, "image": image, **times, "links": links, **values}


def stats(**numbers: int) -> dict[str, Any]:
    """The numbers of the API; those that are not given are 0."""
    names = ("accepted", "in_flight", "stored", "partial", "failed", "deleted", "faces", "inbox")
    tables = ("images_by_status", "faces_by_gender", "queues", "stages", "models", "problems")
    zeros = dict.fromkeys((*names, "stored_last_hour"), 0)
    return {
        **zeros,
        **{name: {} for name in tables},
        "accuracy": accuracy(),
        "paused_at": None,
        **numbers,
    }


def accuracy(**known: float) -> dict[str, float | None]:
    """Of a pipeline that nobody has corrected, but for what is given."""
    counts = dict.fromkeys(("images", "found", "not_faces", "missed", "ages", "genders"), 0)
    shares = dict.fromkeys(("precision", "recall", "age_error_years", "gender_right"))
    return {**counts, **shares, **known}


def problem(status: int, code: str, **more: Any) -> Response:
    """A problem document; `retry_after` becomes a header."""
    headers = {"Retry-After": str(more.pop("retry_after"))} if "retry_after" in more else {}
    document = {"title": "T", "status": status, "detail": f"it is {code}", "code": code, **more}
    return Response(json.dumps(document), status, headers, "application/problem+json")


def told(document: Any, status: int = 200) -> Response:
    return Response(json.dumps(document), status, media_type="application/json")


def streamed(text: str) -> Response:
    return Response(text, media_type="text/event-stream")


def uploaded(*entries: dict[str, Any]) -> Response:
    return told({"images": list(entries)}, 202)


def taken(name: str = "", image_id: str = IMAGE_ID) -> dict[str, Any]:
    return {"file_name": name, "image_id": image_id, "status": "queued", "known": False}


def put_off(name: str) -> dict[str, Any]:
    error = {"code": "too_many_requests", "status": 429, "detail": "later"}
    return {"file_name": name, "error": error}


@dataclass
class Seen:
    """A request that came."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Server:
    """Gives the answers in their order, the last one again and again.

    An answer of None breaks the connection off.
    """

    answers: list[Response | None] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    address: str = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        request = Request(scope, receive)
        body = await request.body()
        url = request.url
        headers = dict(request.headers)
        self.seen.append(Seen(request.method, url.path, url.query, headers, body))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is None:
            start = {"type": "http.response.start", "status": 200}
            await send({**start, "headers": [(b"content-length", b"9")]})
            return  # uvicorn closes the connection, as nine bytes are missing
        await answer(scope, receive, send)
