"""Who is who: a visitor is a browser, and what belongs to one is of no use to another."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from facepipe.domain.errors import InvalidRequestError

COOKIE = "facepipe_visitor"
_VISITOR = re.compile(r"[A-Za-z0-9_-]{43}")
_GIVEN = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MAX_TICKET = 2000


def new_visitor() -> str:
    return secrets.token_urlsafe(32)


def visitor_of(request: HTTPConnection) -> str | None:
    """The visitor that the browser's cookie names."""
    found = request.cookies.get(COOKIE, "")
    return found if _VISITOR.fullmatch(found) else None


@dataclass(frozen=True, slots=True)
class Ticket:
    """What became of an uploaded file: an image of the API, or why it is none."""

    image_id: str = ""
    problem: str = ""


class Visitors:
    """Names and tickets that hold for one visitor alone, without anything being kept."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)

    def own_name(self, visitor: str, given: str) -> str:
        """The name for Gradio of a session or upload that a browser has named itself.

        Raises:
            InvalidRequestError: it is no such name.
        """
        if not _GIVEN.fullmatch(given):
            raise InvalidRequestError("that is no session of this page; load it again")
        return self._sign(visitor, given.encode()).hex()

    def write(self, visitor: str, ticket: Ticket) -> str:
        """A ticket as text that goes through the browser."""
        claims = [ticket.image_id, ticket.problem[:300]]
        data = base64.urlsafe_b64encode(json.dumps(claims, ensure_ascii=False).encode()).decode()
        return f"{data}.{self._sign(visitor, data.encode()).hex()}"

    def read(self, visitor: str, text: str) -> Ticket:
        """The ticket that was written for this visitor.

        Raises:
            InvalidRequestError: it is another's, or none.
        """
        data, _, signature = text.partition(".")
        is_short = len(text) <= _MAX_TICKET and text.isascii()
        expected = self._sign(visitor, data.encode()).hex() if is_short else ""
        if not is_short or not hmac.compare_digest(signature, expected):
            raise InvalidRequestError("that file was not uploaded from here")
        image_id, problem = json.loads(base64.urlsafe_b64decode(data))
        return Ticket(image_id, problem)

    def _sign(self, visitor: str, data: bytes) -> bytes:
        return hmac.digest(self._secret, visitor.encode() + b"\0" + data, hashlib.sha256)[:16]
