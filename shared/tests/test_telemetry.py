"""Telemetry against a real OTLP/gRPC collector on a free port."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Iterator
from threading import Thread
from typing import Any

import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from facepipe import telemetry
from facepipe.system.settings import AddressSettings, Settings, TelemetrySettings
from facepipe.telemetry import outbox
from tests.support.otlp_collector import Collector

IMAGE_ID = "ab" * 32
# Exporters left to themselves try for ten seconds and more.
GIVEN_UP_S = 8.0
log = logging.getLogger("tests.telemetry")


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    telemetry.shutdown()
    collector.stop()


def settings(port: int, **values: Any) -> Settings:
    return Settings(
        address=AddressSettings(otlp=f"127.0.0.1:{port}"), telemetry=TelemetrySettings(**values)
    )


def wait_for(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


def attributes_of(record: LogRecord | Span) -> dict[str, str]:
    values = {}
    for item in record.attributes:
        kind = item.value.WhichOneof("value")
        values[item.key] = str(getattr(item.value, kind)) if kind else ""
    return values


def test_line_inside_an_image_span_carries_its_ids(collector: Collector, port: int) -> None:
    # given
    collector.start(port)
    telemetry.setup("landmark_service", settings(port))
    # when
    with telemetry.image_span("find_faces", IMAGE_ID, attempt=2) as span:
        log.info("found %d", 3, extra={"faces": 3, "name_of_file": "naïve \udcff.jpg"})
    telemetry.shutdown()
    # then
    [line] = collector.logs
    [sent] = collector.spans
    context = span.get_span_context()
    assert collector.services == {"landmark_service"}
    assert line.body.string_value == "found 3"
    assert line.severity_text == "INFO"
    assert line.trace_id == sent.trace_id == context.trace_id.to_bytes(16, "big")
    assert line.span_id == sent.span_id
    found = attributes_of(line)
    assert found["image_id"] == IMAGE_ID
    assert found["faces"] == "3"
    assert found["name_of_file"] == "naïve \\udcff.jpg"
    assert attributes_of(sent) == {"image_id": IMAGE_ID, "attempt": "2"}


def test_traceparent_continues_one_trace(collector: Collector, port: int) -> None:
    # given
    collector.start(port)
    telemetry.setup("input_service", settings(port))
    assert telemetry.current_traceparent() == ""
    # when
    with telemetry.image_span("receive", IMAGE_ID):
        handed_on = telemetry.current_traceparent()
    with (
        telemetry.image_span("find_faces", IMAGE_ID, traceparent=handed_on),
        telemetry.span("detect"),
    ):
        pass
    telemetry.shutdown()
    # then
    spans = {span.name: span for span in collector.spans}
    assert spans["find_faces"].parent_span_id == spans["receive"].span_id
    assert spans["detect"].parent_span_id == spans["find_faces"].span_id
    assert len({span.trace_id for span in collector.spans}) == 1


def test_error_in_a_span_is_recorded(collector: Collector, port: int) -> None:
    # given
    collector.start(port)
    telemetry.setup("landmark_service", settings(port))

    def fail() -> None:
        with telemetry.image_span("find_faces", IMAGE_ID):
            try:
                int("broken")
            except ValueError:
                log.exception("failed")
                raise

    # when
    with pytest.raises(ValueError, match="broken"):
        fail()
    telemetry.shutdown()
    # then
    [span] = collector.spans
    [line] = collector.logs
    assert span.status.code == 2
    assert attributes_of(line)["exception.type"] == "ValueError"
    assert "broken" in attributes_of(line)["exception.stacktrace"]


def test_backlog_reaches_a_collector_that_comes_back(
    collector: Collector,
    port: int,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # given: nobody listens
    monkeypatch.setattr(outbox, "GRACE_S", 0)
    telemetry.setup("landmark_service", settings(port))
    for number in range(5):
        log.info("early %d", number)
    time.sleep(2.5)
    # when
    collector.start(port)
    # then
    wait_for(lambda: len(collector.bodies()) >= 5)
    assert collector.bodies()[:5] == [f"early {number}" for number in range(5)]
    telemetry.shutdown()
    text = capsys.readouterr().err
    assert text.count("does not answer") == 1
    assert text.count("answers again") == 1


def test_backlog_is_bounded_and_keeps_the_newest(collector: Collector, port: int) -> None:
    # given: nobody listens
    telemetry.setup("landmark_service", settings(port, backlog=50))
    for number in range(300):
        log.info("line %d", number)
    time.sleep(1.0)
    for number in range(300, 320):
        log.info("line %d", number)
    # when
    collector.start(port)
    # then
    wait_for(lambda: "line 319" in collector.bodies())
    assert len(collector.logs) <= 52  # the two lines about the outage ride along


def test_shutdown_is_not_held_up_by_a_collector_that_is_down(port: int) -> None:
    # given
    telemetry.setup("landmark_service", settings(port))
    with telemetry.image_span("find_faces", IMAGE_ID):
        log.info("never delivered")
    # when
    started = time.monotonic()
    telemetry.shutdown()
    # then
    assert time.monotonic() - started < GIVEN_UP_S


def test_shutdown_is_not_held_up_by_a_collector_that_hangs(port: int) -> None:
    # given: a listener that never answers
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", port))
        silent.listen()
        telemetry.setup("landmark_service", settings(port))
        log.info("never delivered")
        time.sleep(1)
        # when
        started = time.monotonic()
        telemetry.shutdown()
        # then
        assert time.monotonic() - started < GIVEN_UP_S


def test_logging_never_waits_for_the_collector(port: int) -> None:
    # given: nobody listens
    telemetry.setup("landmark_service", settings(port, backlog=100))

    # when more is logged than may wait to be sent
    def log_much() -> None:
        for number in range(2000):
            log.info("line %d", number)

    lines = Thread(target=log_much, daemon=True)
    lines.start()
    # then it comes to its end all the same
    lines.join(timeout=60)
    assert not lines.is_alive()
    telemetry.shutdown()


def test_one_refused_record_does_not_hold_up_the_others(collector: Collector, port: int) -> None:
    # given
    collector.refuse = lambda record: record.body.string_value == "poison"
    collector.start(port)
    telemetry.setup("landmark_service", settings(port))
    # when
    for number in range(20):
        log.info("poison" if number == 7 else f"line {number}")
    # then
    wait_for(lambda: len(collector.logs) == 19)


def test_text_line_is_one_line_for_people(port: int, capsys: pytest.CaptureFixture[str]) -> None:
    # given
    telemetry.setup("input_service", settings(port, enabled=False))
    # when
    with telemetry.image_span("receive", IMAGE_ID):
        log.warning("received %s", "a\nb\x1b[2J.jpg", extra={"size_bytes": 12, "note": "two words"})
    telemetry.shutdown()
    # then
    [line] = capsys.readouterr().err.splitlines()
    assert "WARNING input_service tests.telemetry: received a\\nb\\x1b[2J.jpg" in line
    assert "size_bytes=12" in line
    assert "note='two words'" in line
    assert f"image={IMAGE_ID[:12]}" in line
    assert "trace=" in line


def test_forked_child_leaves_the_backlog_to_its_parent(collector: Collector, port: int) -> None:
    # given: one line waits
    telemetry.setup("landmark_service", settings(port))
    log.info("once")
    # when
    child = os.fork()
    if child == 0:
        log.info("stderr only")
        telemetry.shutdown()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    collector.start(port)
    # then
    wait_for(lambda: "once" in collector.bodies())
    telemetry.shutdown()
    assert collector.bodies().count("once") == 1
    assert "stderr only" not in collector.bodies()


def test_span_without_setup_passes_the_trace_on() -> None:
    # given
    traceparent = "00-" + "1" * 32 + "-" + "2" * 16 + "-01"
    # when
    with telemetry.image_span("receive", IMAGE_ID, traceparent=traceparent):
        handed_on = telemetry.current_traceparent()
    # then
    assert handed_on.split("-")[1] == "1" * 32
