"""How often each call of FaceStore was asked for, for `/metrics`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
from prometheus_client import Counter

from facepipe.v1 import face_store_pb2 as pb

_SERVICE = pb.DESCRIPTOR.services_by_name["FaceStore"]
_METHODS = {f"/{_SERVICE.full_name}/{method.name}": method.name for method in _SERVICE.methods}
_CALLS = Counter("facepipe_store_calls", "gRPC calls of FaceStore", ["method"])

_Handler = Any  # generic in the types of grpc, and no type at run time


class CallCounts(grpc.ServerInterceptor):
    """Counts what is let through to it."""

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], _Handler],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> _Handler:
        if method := _METHODS.get(handler_call_details.method):
            _CALLS.labels(method).inc()
        return continuation(handler_call_details)
