"""Log lines as a person reads them on stderr, and what may stand in an attribute."""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_REPEATED = {"color_message"}  # uvicorn's message once more, in colour
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")
_NEEDS_QUOTES = re.compile(r"[\s\"=]|^$")
_INT64 = 2**63


def extra_fields(record: logging.LogRecord) -> dict[str, object]:
    """What the caller passed as `extra`, and the image id of the context."""
    return {
        key: value
        for key, value in vars(record).items()
        if key not in _STANDARD | _REPEATED
        and not key.startswith(("_", "otel_"))
        and value is not None
    }


def attribute_value(value: object) -> str | bool | int | float:
    """A value as OTLP can carry it: 64-bit numbers, valid Unicode, text for all else.

    >>> attribute_value({"faces": 2})
    "{'faces': 2}"
    """
    if isinstance(value, bool | float):
        return value
    if isinstance(value, int) and -_INT64 <= value < _INT64:
        return int(value)
    return str(value).encode("utf-8", "backslashreplace").decode()


def one_line(text: str) -> str:
    r"""Text without control characters, so that no input can forge a line or move the cursor.

    >>> one_line("a\nb")
    'a\\nb'
    """
    return _CONTROL.sub(lambda match: repr(match.group())[1:-1], text)


class TextFormatter(logging.Formatter):
    """One line: time, level, service, logger, message, fields; a traceback below it."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC)
        line = (
            f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z "
            f"{record.levelname:<7} {self._service} {record.name}: {record.getMessage()}"
        )
        fields = extra_fields(record)
        image_id = fields.pop("image_id", None)
        if image_id:
            fields["image"] = str(image_id)[:12]
        trace_id = getattr(record, "otel_trace_id", None)
        if trace_id:
            fields["trace"] = str(trace_id)[:12]
        text = one_line(" ".join([line, *(_field(key, value) for key, value in fields.items())]))
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        if record.stack_info:
            text += "\n" + self.formatStack(record.stack_info)
        return text.encode("utf-8", "backslashreplace").decode()


def _field(key: str, value: object) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return f"{key}={text!r}" if _NEEDS_QUOTES.search(text) else f"{key}={text}"
