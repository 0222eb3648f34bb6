"""Forms as real clients write them: which parts are files, and how their names are encoded."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message

from fastapi import Request
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException, MultiPartParser

from facepipe.domain.errors import InvalidRequestError
from input_service.wishes import Wishes

_PLAIN = re.compile(r';\s*filename\s*=\s*("[^"]*"|[^;]*)', re.IGNORECASE)
_OF_FILES = frozenset({"file", "files", "image", "images", "photo", "photos", "picture", "upload"})


@asynccontextmanager
async def form_of(request: Request, max_files: int, max_fields: int) -> AsyncIterator[FormData]:
    """The parts of a form; what is large waits in temporary files until the end of the block.

    Raises:
        InvalidRequestError: it is no form, or has too many parts.
    """
    async with aclosing(request.stream()) as stream:
        parser = _Parser(request.headers, stream, max_files=max_files, max_fields=max_fields)
        try:
            form = await parser.parse()
        except MultiPartException as error:
            raise InvalidRequestError(f"the form cannot be read: {error.message}") from error
    try:
        yield form
    finally:
        await form.close()


class _Parser(MultiPartParser):
    """Starlette's parser, for which only a part with a plain `filename` is a file."""

    def on_headers_finished(self) -> None:
        part = self._current_part
        disposition = part.content_disposition or b""
        _, options = parse_options_header(disposition)
        field = options.get(b"name", b"")
        name: str | None = None
        if b"filename" in disposition.lower():
            name = file_name_of(disposition.decode("utf-8", "replace"))
        elif _is_file(field, dict(part.item_headers)):
            name = ""
        if name is not None:
            plain = name.replace("\\", "/").replace('"', "%22").encode()
            quoted = field.replace(b"\\", b"").replace(b'"', b"")
            part.content_disposition = b'form-data; name="%b"; filename="%b"' % (quoted, plain)
        super().on_headers_finished()


def file_name_of(disposition: str) -> str:
    """The file name of `Content-Disposition`: plain, or encoded as RFC 6266 or RFC 2047 say."""
    if "filename*" in disposition:  # then it counts, and the plain one is for old programs
        disposition = _PLAIN.sub("", disposition)
    header = Message()
    header["Content-Disposition"] = disposition
    name = header.get_filename("")
    if not (name.startswith("=?") and name.endswith("?=")):
        return name
    try:
        return str(make_header(decode_header(name)))
    except (HeaderParseError, LookupError, UnicodeError):
        return name


def _is_file(field: bytes, headers: dict[bytes, bytes]) -> bool:
    """Whether a part without a file name is a file all the same."""
    name = field.decode("utf-8", "replace").removesuffix("[]").lower()
    if name in Wishes.model_fields:
        return False
    kind = headers.get(b"content-type", b"text/plain").lower()
    return name in _OF_FILES or not kind.startswith(b"text/")
