"""Logs and traces of a process: the standard library's logging and OpenTelemetry -> OTLP.

Call `setup` once per process and log as usual::

    telemetry.setup("landmark_service", settings)
    with telemetry.image_span("find_faces", image_id, traceparent=job_traceparent):
        logging.getLogger(__name__).info("faces found", extra={"faces": 3})

Every line goes to stderr and, over OTLP/gRPC, to `settings.address.otlp`, which may be
logger_service or any other collector; that one is shown `OTEL_EXPORTER_OTLP_HEADERS` instead of
the inside token. Keys of `extra` become attributes. Inside `image_span`
a line carries the trace, the span and the image id. While the collector is down, up to
`settings.telemetry.backlog` log records and as many spans are kept and sent later.

A forked child writes to stderr only; a child that wants more is started afresh (spawn) and
calls `setup` itself.
"""

from __future__ import annotations

import atexit
import logging
import os
import socket
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import LogsServiceStub
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.environment_variables import OTEL_EXPORTER_OTLP_HEADERS
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.re import parse_env_headers
from opentelemetry.util.types import AnyValue

from facepipe.system.settings import Settings
from facepipe.telemetry.outbox import Collector, Metadata, Outbox
from facepipe.telemetry.text_log import TextFormatter, attribute_value, extra_fields

SHUTDOWN_S = 1.8
MAX_MESSAGE_CHARS = 16_384
MAX_ATTRIBUTE_CHARS = 8_192

# Chatty libraries: a line a request, or four at every start, say nothing of use.
_QUIET = ("httpx", "httpcore", "asyncio", "uvicorn.error", "matplotlib")
# What the exporting itself logs must not be exported.
_NOT_EXPORTED = ("opentelemetry", "grpc")
_IMAGE_ID = otel_context.create_key("image_id")
_PROPAGATOR = TraceContextTextMapPropagator()


@dataclass(slots=True)
class _Running:
    """What `setup` started in this process."""

    tracer: trace.Tracer
    handlers: list[logging.Handler]
    outboxes: list[Outbox[ReadableLogRecord] | Outbox[ReadableSpan]]
    collector: Collector | None
    pid: int


_running: _Running | None = None
_lock = threading.Lock()


def setup(service: str, settings: Settings) -> None:
    """Starts logging and tracing of this process; a second call replaces the first.

    Args:
        service: `service.name` of everything that this process reports.
        settings: `address.otlp`, the inside token, the sections `telemetry` and `tls` are read.

    Raises:
        MisconfiguredError: there is no inside token to show the collector.
    """
    global _running  # one process, one telemetry
    shutdown()
    attributes: dict[str, AnyValue] = {
        "service.name": service,
        "service.namespace": "facepipe",
        "host.name": socket.gethostname(),
        "process.pid": os.getpid(),
    }
    resource = Resource.create(attributes)
    provider = TracerProvider(
        sampler=ALWAYS_ON,
        resource=resource,
        shutdown_on_exit=False,
        span_limits=SpanLimits(max_attribute_length=MAX_ATTRIBUTE_CHARS),
    )
    text = logging.StreamHandler(sys.stderr)
    text.setFormatter(TextFormatter(service))
    running = _Running(trace.NoOpTracer(), [text], [], None, os.getpid())
    if settings.telemetry.enabled:
        _connect(running, provider, resource, settings)
    running.tracer = provider.get_tracer("facepipe")

    root = logging.getLogger()
    root.setLevel(settings.telemetry.level.upper())
    for handler in running.handlers:
        handler.addFilter(_add_context)
        root.addHandler(handler)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    with _lock:
        _running = running


def _connect(
    running: _Running, provider: TracerProvider, resource: Resource, settings: Settings
) -> None:
    collector = Collector(settings.address.otlp, _metadata(settings), settings.tls.ca)
    backlog = settings.telemetry.backlog
    log_service = LogsServiceStub(collector.channel)  # type: ignore[no-untyped-call] # generated
    trace_service = TraceServiceStub(collector.channel)  # type: ignore[no-untyped-call] # generated
    logs = Outbox("logs", collector, encode_logs, log_service.Export, backlog)
    spans = Outbox("spans", collector, encode_spans, trace_service.Export, backlog)
    provider.add_span_processor(_SpanSink(spans))
    running.handlers.append(_LogSink(logs, resource))
    running.outboxes += [logs, spans]
    running.collector = collector


def _metadata(settings: Settings) -> Metadata:
    """What the collector asks for: logger_service the inside token, another one its own headers."""
    if headers := os.environ.get(OTEL_EXPORTER_OTLP_HEADERS):
        return tuple(parse_env_headers(headers, liberal=True).items())
    return settings.inside_token.metadata


def shutdown() -> None:
    """Sends what is left, for two seconds at most, and ends logging of this process."""
    global _running  # one process, one telemetry
    with _lock:
        running, _running = _running, None
    if running is None:
        return
    deadline = time.monotonic() + SHUTDOWN_S
    for outbox in running.outboxes:
        outbox.stop(deadline)
    for outbox in running.outboxes:
        outbox.join()
    for handler in running.handlers:
        logging.getLogger().removeHandler(handler)
    logging.captureWarnings(capture=False)
    if running.collector is not None and running.pid == os.getpid():
        running.collector.close()


@contextmanager
def image_span(
    name: str, image_id: str, *, traceparent: str = "", **attributes: object
) -> Iterator[trace.Span]:
    """A span of the work on one image; log lines inside it carry its ids.

    Args:
        name: what is being done, e.g. "find_faces".
        image_id: becomes the attribute `image_id` of the span and of the lines.
        traceparent: W3C trace context to continue; without it the current span is the parent,
            or a new trace begins.
        attributes: further attributes of the span.

    Yields:
        The span. An exception that leaves the block is recorded on it.
    """
    parent = _PROPAGATOR.extract({"traceparent": traceparent}) if traceparent else None
    parent = otel_context.set_value(_IMAGE_ID, image_id, parent)
    token = otel_context.attach(parent)
    try:
        with span(name, image_id=image_id, **attributes) as current:
            yield current
    finally:
        otel_context.detach(token)


@contextmanager
def span(name: str, **attributes: object) -> Iterator[trace.Span]:
    """A span inside the current one, e.g. a step of the work on an image."""
    running = _running
    tracer = running.tracer if running else trace.NoOpTracer()
    values = {key: attribute_value(value) for key, value in attributes.items()}
    with tracer.start_as_current_span(name, attributes=values) as current:
        yield current


def current_traceparent() -> str:
    """The W3C `traceparent` of the current span, to be handed on; "" outside a span."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier)
    return carrier.get("traceparent", "")


def _add_context(record: logging.LogRecord) -> bool:
    """Puts image, trace and span id on a line, where they are known."""
    image_id = otel_context.get_value(_IMAGE_ID)
    if image_id and not hasattr(record, "image_id"):
        record.image_id = image_id
    context = trace.get_current_span().get_span_context()
    if context.is_valid and not hasattr(record, "otel_trace_id"):
        record.otel_trace_id = trace.format_trace_id(context.trace_id)
    return True


class _LogSink(logging.Handler):
    """Turns lines of the standard library's logging into OTLP log records."""

    def __init__(self, outbox: Outbox[ReadableLogRecord], resource: Resource) -> None:
        super().__init__()
        self._outbox = outbox
        self._resource = resource

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.split(".", 1)[0] in _NOT_EXPORTED:
            return
        try:
            log_record = LogRecord(
                timestamp=int(record.created * 1e9),
                severity_text=record.levelname,
                severity_number=_severity(record.levelno),
                body=str(attribute_value(record.getMessage()))[:MAX_MESSAGE_CHARS],
                attributes=_attributes(record),
            )
            scope = InstrumentationScope(record.name)
            self._outbox.put(ReadableLogRecord(log_record, self._resource, scope))
        except Exception:
            self.handleError(record)


class _SpanSink(SpanProcessor):
    """Hands ended spans to the outbox."""

    def __init__(self, outbox: Outbox[ReadableSpan]) -> None:
        self._outbox = outbox

    def on_end(self, span: ReadableSpan) -> None:
        self._outbox.put(span)


def _attributes(record: logging.LogRecord) -> Mapping[str, str | bool | int | float]:
    values = {key: _short(value) for key, value in extra_fields(record).items()}
    values["code.function.name"] = f"{record.module}.{record.funcName}"
    values["code.line.number"] = record.lineno
    if record.exc_info and record.exc_info[1] is not None:
        error = record.exc_info[1]
        values["exception.type"] = type(error).__qualname__
        values["exception.message"] = _short(str(error))
        values["exception.stacktrace"] = _short(
            "".join(traceback.format_exception(error))[-MAX_ATTRIBUTE_CHARS:]
        )
    return values


def _short(value: object) -> str | bool | int | float:
    cleaned = attribute_value(value)
    return cleaned[:MAX_ATTRIBUTE_CHARS] if isinstance(cleaned, str) else cleaned


def _severity(level: int) -> SeverityNumber:
    if level >= logging.CRITICAL:
        return SeverityNumber.FATAL
    if level >= logging.ERROR:
        return SeverityNumber.ERROR
    if level >= logging.WARNING:
        return SeverityNumber.WARN
    return SeverityNumber.INFO if level >= logging.INFO else SeverityNumber.DEBUG


def _after_fork() -> None:
    if _running is not None:
        for outbox in _running.outboxes:
            outbox.abandon()


os.register_at_fork(after_in_child=_after_fork)
atexit.register(shutdown)
