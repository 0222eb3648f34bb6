"""A gRPC channel that shows the inside token, for clients that take no metadata."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import grpc

from facepipe.system.inside_token import InsideToken


class ShowsToken(grpc.StreamStreamClientInterceptor):
    """For calls that stream both ways, as reflection's."""

    def __init__(self, token: InsideToken) -> None:
        self._token = token

    def intercept_stream_stream(
        self,
        continuation: Callable[[Any, Any], Any],
        client_call_details: Any,
        request_iterator: Iterator[Any],
    ) -> Any:
        shown = client_call_details._replace(metadata=self._token.metadata)
        return continuation(shown, request_iterator)
