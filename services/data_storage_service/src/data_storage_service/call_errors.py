"""What a caller is told of an error: gRPC's status codes, as `FaceStoreClient` understands them."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, TypeVar

import grpc

from facepipe.domain.errors import (
    FacepipeError,
    ImageNotFoundError,
    InvalidRequestError,
    ServiceUnavailableError,
)

_log = logging.getLogger(__name__)
_Method = TypeVar("_Method", bound=Callable[..., Any])


def answers(method: _Method) -> _Method:
    """Turns our errors into gRPC's status codes."""

    @functools.wraps(method)
    def answer(self: Any, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return method(self, request, context)
        except FacepipeError as error:
            abort(context, error)

    return answer  # type: ignore[return-value]  # functools.wraps keeps the signature


def abort(context: grpc.ServicerContext, error: FacepipeError) -> NoReturn:
    """Ends a call with the status code that `FaceStoreClient` understands."""
    match error:
        case ImageNotFoundError():
            code = grpc.StatusCode.NOT_FOUND
        case InvalidRequestError():
            code = grpc.StatusCode.INVALID_ARGUMENT
        case _ if error.transient:
            code = grpc.StatusCode.UNAVAILABLE
        case _:
            code = grpc.StatusCode.INTERNAL
    if code not in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT):
        _log.warning("a call ends with %s: %s", code.name, error)
    context.abort(code, error.message)


@contextmanager
def writing_volume() -> Iterator[None]:
    """A volume that cannot be written is a fault that passes."""
    try:
        yield
    except OSError as error:
        raise ServiceUnavailableError(f"the result cannot be written: {error}") from error


@contextmanager
def parsing() -> Iterator[None]:
    """What does not fit our types is the caller's mistake."""
    try:
        yield
    except (ValueError, KeyError, OverflowError) as error:
        raise InvalidRequestError(f"the message is malformed: {error}") from error
