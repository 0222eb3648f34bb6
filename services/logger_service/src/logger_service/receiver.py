"""The OTLP/gRPC receiver: any OpenTelemetry exporter that has the inside token may send here."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

import grpc
from grpc_health.v1 import health, health_pb2_grpc
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2_grpc
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from facepipe.domain.errors import ServiceUnavailableError
from facepipe.system.inside_token import InsideToken
from facepipe.system.tls import TlsSettings, open_port
from facepipe.web.inside_gates import GrpcGate
from logger_service.erasure import Erased
from logger_service.journal import Journal
from logger_service.otlp import log_lines, span_lines
from logger_service.records import Kind
from logger_service.tail import Tail

MAX_MESSAGE_BYTES = 16 * 2**20
THREADS = 4


class LogsReceiver(logs_service_pb2_grpc.LogsServiceServicer):
    """OTLP LogsService: into the journal, and to those who follow."""

    def __init__(self, journal: Journal, tail: Tail, erased: Erased) -> None:
        self._journal = journal
        self._tail = tail
        self._erased = erased

    def Export(  # noqa: N802 # name of the protocol
        self, request: ExportLogsServiceRequest, context: grpc.ServicerContext
    ) -> ExportLogsServiceResponse:
        lines = [self._erased.scrub(line) for line in log_lines(request)]
        if not self._journal.add(Kind.LOGS, lines):
            _refuse(context)
        self._tail.publish(lines)
        return ExportLogsServiceResponse()


class SpansReceiver(trace_service_pb2_grpc.TraceServiceServicer):
    """OTLP TraceService: into the journal."""

    def __init__(self, journal: Journal, erased: Erased) -> None:
        self._journal = journal
        self._erased = erased

    def Export(  # noqa: N802 # name of the protocol
        self, request: ExportTraceServiceRequest, context: grpc.ServicerContext
    ) -> ExportTraceServiceResponse:
        spans = [self._erased.scrub(span) for span in span_lines(request)]
        if not self._journal.add(Kind.SPANS, spans):
            _refuse(context)
        return ExportTraceServiceResponse()


def create_server(
    journal: Journal,
    tail: Tail,
    erased: Erased,
    address: str,
    token: InsideToken,
    tls: TlsSettings,
) -> grpc.Server:
    """A gRPC server with both services and the standard health service; not yet started.

    Raises:
        ServiceUnavailableError: the address cannot be listened on.
    """
    server = grpc.server(
        ThreadPoolExecutor(THREADS, thread_name_prefix="otlp"),
        interceptors=[GrpcGate(token)],
        options=[
            ("grpc.so_reuseport", 0),  # a taken port is an error, not a port shared
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ],
    )
    logs = LogsReceiver(journal, tail, erased)
    spans = SpansReceiver(journal, erased)
    logs_service_pb2_grpc.add_LogsServiceServicer_to_server(logs, server)  # type: ignore[no-untyped-call] # generated
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(spans, server)  # type: ignore[no-untyped-call] # generated
    health_pb2_grpc.add_HealthServicer_to_server(health.HealthServicer(), server)
    try:
        open_port(server, address, tls)
    except RuntimeError as error:
        raise ServiceUnavailableError(
            f"cannot listen for OTLP on {address}; if the port is taken, set FACEPIPE_PORT_OTLP"
        ) from error
    return server


def _refuse(context: grpc.ServicerContext) -> NoReturn:
    """UNAVAILABLE is the answer after which OTLP senders keep their records and try again."""
    context.abort(grpc.StatusCode.UNAVAILABLE, "the buffer is full; try again")
    raise AssertionError("abort raises")
