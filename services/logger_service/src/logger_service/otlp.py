"""OTLP messages -> records. Pure; tolerant, since any program may send."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable, Iterator
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from logger_service.records import Level, LogLine, SpanEvent, SpanLine, iso_time

_KINDS = ("internal", "internal", "server", "client", "producer", "consumer")
_STATUSES = ("unset", "ok", "error")
# Said on every line by the SDK; of no use to a reader.
_DULL_RESOURCE = ("telemetry.sdk.language", "telemetry.sdk.name", "telemetry.sdk.version")
_DAY_NS = 86_400 * 1_000_000_000
_MAX_DEPTH = 16


def log_lines(request: ExportLogsServiceRequest) -> Iterator[LogLine]:
    """The lines of an export request, in its order."""
    for resource_logs in request.resource_logs:
        resource = attributes_of(resource_logs.resource.attributes)
        service = _service(resource)
        for scope_logs in resource_logs.scope_logs:
            for record in scope_logs.log_records:
                yield _log_line(record, service, resource, scope_logs.scope.name)


def span_lines(request: ExportTraceServiceRequest) -> Iterator[SpanLine]:
    """The spans of an export request, in its order."""
    for resource_spans in request.resource_spans:
        resource = attributes_of(resource_spans.resource.attributes)
        service = _service(resource)
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                yield _span_line(span, service, resource)


def attributes_of(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    """Key-value pairs as a dictionary that JSON can hold."""
    return {pair.key: value_of(pair.value) for pair in pairs}


def value_of(value: AnyValue, depth: int = 0) -> Any:
    """An OTLP value as JSON can hold it: bytes become hex, NaN and infinities text."""
    kind = value.WhichOneof("value")
    if kind is None or depth > _MAX_DEPTH:
        return None
    if kind == "array_value":
        return [value_of(item, depth + 1) for item in value.array_value.values]
    if kind == "kvlist_value":
        return {pair.key: value_of(pair.value, depth + 1) for pair in value.kvlist_value.values}
    if kind == "bytes_value":
        return value.bytes_value.hex()
    plain = getattr(value, kind)
    return str(plain) if isinstance(plain, float) and not math.isfinite(plain) else plain


def _log_line(record: LogRecord, service: str, resource: dict[str, Any], logger: str) -> LogLine:
    attributes = attributes_of(record.attributes)
    body = value_of(record.body)
    severity = record.severity_number or Level.INFO.severity
    return LogLine(
        time=iso_time(_moment(record.time_unix_nano or record.observed_time_unix_nano)),
        service=service,
        level=Level.of_severity(severity),
        severity=severity,
        logger=logger,
        message=body if isinstance(body, str) else json.dumps(body, ensure_ascii=False),
        image_id=_pop_image_id(attributes),
        trace_id=record.trace_id.hex(),
        span_id=record.span_id.hex(),
        attributes=attributes,
        resource=resource,
    )


def _span_line(span: Span, service: str, resource: dict[str, Any]) -> SpanLine:
    attributes = attributes_of(span.attributes)
    start = _moment(span.start_time_unix_nano)
    end = max(start, span.end_time_unix_nano if span.start_time_unix_nano else start)
    return SpanLine(
        time=iso_time(start),
        end=iso_time(end),
        duration_ms=round((end - start) / 1e6, 3),
        service=service,
        name=span.name,
        image_id=_pop_image_id(attributes),
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        kind=_at(_KINDS, span.kind),
        status=_at(_STATUSES, span.status.code),
        error=span.status.message,
        attributes=attributes,
        resource=resource,
        events=[
            SpanEvent(
                time=iso_time(_moment(event.time_unix_nano)),
                name=event.name,
                attributes=attributes_of(event.attributes),
            )
            for event in span.events
        ],
    )


def _service(resource: dict[str, Any]) -> str:
    for key in _DULL_RESOURCE:
        resource.pop(key, None)
    return str(resource.pop("service.name", "") or "unknown_service")


def _pop_image_id(attributes: dict[str, Any]) -> str:
    return str(attributes.pop("image_id", "") or "")


def _moment(nanoseconds: int) -> int:
    """A time that can be filed: none, or one from tomorrow on, counts as now."""
    now = time.time_ns()
    return nanoseconds if 0 < nanoseconds < now + _DAY_NS else now


def _at(names: tuple[str, ...], number: int) -> str:
    return names[number] if 0 <= number < len(names) else names[0]
