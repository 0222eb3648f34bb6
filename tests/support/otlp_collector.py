"""An OTLP/gRPC collector that keeps what it is sent."""

from __future__ import annotations

from collections.abc import Callable
from concurrent import futures
from typing import Any

import grpc
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span


class Collector(logs_service_pb2_grpc.LogsServiceServicer):
    """Takes logs and spans; `refuse` says which record it does not take."""

    def __init__(self) -> None:
        self.services: set[str] = set()
        self.logs: list[LogRecord] = []
        self.spans: list[Span] = []
        self.refuse: Callable[[Any], bool] = lambda _: False
        self._server: grpc.Server | None = None

    def start(self, port: int) -> None:
        server = grpc.server(futures.ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
        logs_service_pb2_grpc.add_LogsServiceServicer_to_server(self, server)  # type: ignore[no-untyped-call] # generated
        traces = _Traces(self)
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(traces, server)  # type: ignore[no-untyped-call] # generated
        assert server.add_insecure_port(f"127.0.0.1:{port}") == port
        server.start()
        self._server = server

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop(0).wait()

    def Export(self, request: Any, context: Any) -> Any:  # noqa: N802 # name of the protocol
        for resource_logs in request.resource_logs:
            for attribute in resource_logs.resource.attributes:
                if attribute.key == "service.name":
                    self.services.add(attribute.value.string_value)
            for scope_logs in resource_logs.scope_logs:
                if any(self.refuse(record) for record in scope_logs.log_records):
                    context.abort(grpc.StatusCode.INVALID_ARGUMENT, "refused")
                self.logs.extend(scope_logs.log_records)
        return logs_service_pb2.ExportLogsServiceResponse()

    def bodies(self) -> list[str]:
        bodies = [record.body.string_value for record in self.logs]
        return [body for body in bodies if not body.startswith("log collector")]


class _Traces(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    def Export(self, request: Any, context: Any) -> Any:  # noqa: N802 # name of the protocol
        for resource_spans in request.resource_spans:
            for scope_spans in resource_spans.scope_spans:
                self._collector.spans.extend(scope_spans.spans)
        return trace_service_pb2.ExportTraceServiceResponse()
