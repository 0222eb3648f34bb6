"""Logs and spans of a process, over OTLP.

process   what a process calls: `setup`, `image_span`, `shutdown`
outbox    bounded delivery to the collector
text_log  the same lines for a person, on stderr
"""

from facepipe.telemetry.process import (
    current_traceparent,
    image_span,
    setup,
    shutdown,
    span,
)

__all__ = ["current_traceparent", "image_span", "setup", "shutdown", "span"]
