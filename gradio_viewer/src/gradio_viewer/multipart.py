"""A form's files as they come: nothing is collected, nothing touches a disk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from facepipe.domain.errors import InvalidRequestError

MAX_HEADER = 8192


@dataclass(frozen=True, slots=True)
class Begin:
    """A file begins."""

    name: str


@dataclass(frozen=True, slots=True)
class End:
    """The file that began has ended."""


Piece = Begin | bytes | End


async def pieces(request: Request) -> AsyncIterator[Piece]:
    """Of each file its beginning, its bytes and its end; other fields are passed over.

    Raises:
        InvalidRequestError: it is no form, or it breaks off.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise InvalidRequestError("send files as multipart/form-data")
    form = _Form()
    try:
        parser = MultipartParser(options[b"boundary"], form.callbacks())  # type: ignore[arg-type]
        async for chunk in request.stream():
            parser.write(chunk)
            for piece in form.taken():
                yield piece
        parser.finalize()
    except FormParserError as error:
        raise InvalidRequestError("that form is broken") from error
    if not form.has_ended:
        raise InvalidRequestError("that form breaks off")


class _Form:
    """Takes down what the parser calls out."""

    def __init__(self) -> None:
        self.has_ended = False
        self._pieces: list[Piece] = []
        self._name = self._value = b""
        self._disposition = b""
        self._is_file = False

    def callbacks(self) -> dict[str, object]:
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, a, b: self._grow("_name", data[a:b]),
            "on_header_value": lambda data, a, b: self._grow("_value", data[a:b]),
            "on_header_end": self._end_header,
            "on_headers_finished": self._end_headers,
            "on_part_data": self._add,
            "on_part_end": self._end,
            "on_end": lambda: setattr(self, "has_ended", True),
        }

    def taken(self) -> list[Piece]:
        found, self._pieces = self._pieces, []
        return found

    def _begin(self) -> None:
        self._disposition, self._is_file = b"", False

    def _grow(self, which: str, more: bytes) -> None:
        grown = getattr(self, which) + more
        if len(grown) > MAX_HEADER:
            raise InvalidRequestError("a header of that form is too long")
        setattr(self, which, grown)

    def _end_header(self) -> None:
        if self._name.lower() == b"content-disposition":
            self._disposition = self._value
        self._name = self._value = b""

    def _end_headers(self) -> None:
        _, options = parse_options_header(self._disposition)
        if b"filename" in options:
            self._is_file = True
            self._pieces.append(Begin(options[b"filename"].decode("utf-8", "replace")))

    def _add(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self._pieces.append(data[start:end])

    def _end(self) -> None:
        if self._is_file:
            self._pieces.append(End())
