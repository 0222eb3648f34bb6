"""The whole service on free ports: OTLP in over gRPC, questions over HTTP."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import uvicorn
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from facepipe import telemetry
from facepipe.system.settings import AddressSettings, PortSettings, VolumeSettings
from logger_service.app import create_logger_app
from logger_service.settings import LoggerSettings, LogsSettings

IMAGE_ID = "c0ffee" + "ab" * 29
OTHER_ID = "d00d1e" + "cd" * 29
log = logging.getLogger("tests.logger")


@pytest.fixture
def settings(tmp_path: Path, free_port: int, another_free_port: int) -> LoggerSettings:
    return LoggerSettings(
        port=PortSettings(logger=free_port, otlp=another_free_port),
        address=AddressSettings(otlp=f"127.0.0.1:{another_free_port}"),
        volumes=VolumeSettings(root=tmp_path),
        logs=LogsSettings(flush_ms=20, fsync_s=0.1),
    )


@pytest.fixture
def service(settings: LoggerSettings) -> Iterator[httpx.Client]:
    app = create_logger_app(settings)
    config = uvicorn.Config(
        app,
        port=settings.port.logger,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    address = f"http://127.0.0.1:{settings.port.logger}"
    headers = settings.inside_token.headers
    with httpx.Client(base_url=address, headers=headers, timeout=10) as client:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        telemetry.setup("landmark_service", settings)
        yield client
        telemetry.shutdown()
    server.should_exit = True
    thread.join(10)


def deliver() -> None:
    """Sends what waits, by ending telemetry."""
    telemetry.shutdown()


def analyse(image_id: str, file_name: str) -> None:
    with telemetry.image_span("find_faces", image_id, file_name=file_name):
        log.info("reading %s of %s", file_name, image_id[:12], extra={"file_name": file_name})
        with telemetry.span("detect"):
            log.warning("a small face", extra={"faces": 1})


def test_trace_of_an_image_has_its_spans_and_lines(service: httpx.Client) -> None:
    # given
    analyse(IMAGE_ID, "anna.jpg")
    analyse(OTHER_ID, "bert.jpg")
    deliver()
    # when
    found = service.get(f"/traces/{IMAGE_ID}").json()
    # then
    spans = {span["name"]: span for span in found["spans"]}
    assert set(spans) == {"find_faces", "detect"}
    assert spans["detect"]["parent_id"] == spans["find_faces"]["span_id"]
    assert spans["find_faces"]["service"] == "landmark_service"
    assert spans["find_faces"]["time"] <= spans["detect"]["time"]
    assert spans["detect"]["end"] <= spans["find_faces"]["end"]
    assert [line["message"] for line in found["logs"]] == [
        f"reading anna.jpg of {IMAGE_ID[:12]}",
        "a small face",
    ]


def test_a_trace_shows_the_last_run_and_no_reader(
    service: httpx.Client, settings: LoggerSettings
) -> None:
    # given an image that ran, is read, ran again, and is sent once more, which runs nothing
    audit = logging.getLogger("audit")
    analyse(IMAGE_ID, "first.jpg")
    for _ in range(3):
        audit.info("read_state", extra={"image_id": IMAGE_ID, "action": "read_state"})
    analyse(IMAGE_ID, "second.jpg")
    deliver()
    telemetry.setup("input_service", settings)
    with telemetry.image_span("receive", IMAGE_ID):
        log.info("known already", extra={"image_id": IMAGE_ID})
    deliver()
    # when
    found = service.get(f"/traces/{IMAGE_ID}").json()
    # then the trace is that of the second run alone
    assert [span["name"] for span in found["spans"]] == ["find_faces", "detect"]
    assert [line["message"] for line in found["logs"]] == [
        f"reading second.jpg of {IMAGE_ID[:12]}",
        "a small face",
    ]
    # and the reads are in the log
    lines = service.get("/logs", params={"image_id": IMAGE_ID}).json()["lines"]
    assert [line["message"] for line in lines].count("read_state") == 3


def test_unknown_image_has_an_empty_trace(service: httpx.Client) -> None:
    assert service.get(f"/traces/{IMAGE_ID}").json()["spans"] == []


def test_search_filters_and_pages(service: httpx.Client) -> None:
    # given
    analyse(IMAGE_ID, "anna.jpg")
    for number in range(25):
        log.info("line %d", number, extra={"colour": 'a "red" one'})
    deliver()
    # when / then
    first = service.get("/logs", params={"text": "RED", "limit": 10}).json()
    second = service.get(
        "/logs", params={"text": "RED", "limit": 100, "cursor": first["next_cursor"]}
    ).json()
    assert [line["message"] for line in first["lines"] + second["lines"]] == [
        f"line {number}" for number in reversed(range(25))
    ]
    assert second["next_cursor"] is None

    def count(**params: str) -> int:
        return len(service.get("/logs", params=params).json()["lines"])

    assert count(level="WARNING") == 1
    assert count(image_id=IMAGE_ID) == 2
    assert count(text='"RED"') == 25
    assert count(service="input_service") == 0
    assert count(service="landmark_service") == 27
    assert count(since="2999-01-01T00:00:00Z") == 0
    assert count(until="2000-01-01T00:00:00Z") == 0
    assert count(since="2000-01-01T00:00:00", until="2999-01-01T00:00:00+02:00") == 27


def test_invalid_cursor_is_a_problem_document(service: httpx.Client) -> None:
    answer = service.get("/logs", params={"cursor": "../../etc/passwd"})
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid_request"


def test_stream_shows_lines_as_they_arrive(service: httpx.Client) -> None:
    # given
    with service.stream("GET", "/logs/stream", params={"level": "WARNING"}) as answer:
        # when
        analyse(IMAGE_ID, "anna.jpg")
        # then
        for text in answer.iter_lines():
            if text.startswith("data:"):
                assert json.loads(text[5:])["message"] == "a small face"
                break


def test_erased_image_is_gone_from_the_files(
    service: httpx.Client, settings: LoggerSettings
) -> None:
    # given
    analyse(IMAGE_ID, "anna.jpg")
    analyse(OTHER_ID, "bert.jpg")
    deliver()
    page = service.get("/logs", params={"limit": 1}).json()
    # when
    answer = service.delete(f"/images/{IMAGE_ID}")
    # then
    assert answer.json()["changed_lines"] == 3
    everything = "".join(file.read_text() for file in settings.volumes.logs.glob("*.jsonl"))
    assert IMAGE_ID[:12] not in everything
    assert "anna" not in everything
    assert "bert.jpg" in everything
    assert service.get(f"/traces/{IMAGE_ID}").json()["logs"] == []
    assert len(service.get(f"/traces/{OTHER_ID}").json()["spans"]) == 2
    # and the cursor given out before still fits
    rest = service.get("/logs", params={"cursor": page["next_cursor"]}).json()["lines"]
    assert [line["message"] for line in rest] == [
        f"reading bert.jpg of {OTHER_ID[:12]}",
        "a small face",
        "reading [erased] of [erased]",
    ]


def test_line_that_arrives_after_the_erasing_is_blank(
    service: httpx.Client, settings: LoggerSettings
) -> None:
    # given: the lines are still with the sender
    analyse(IMAGE_ID, "anna.jpg")
    service.delete(f"/images/{IMAGE_ID}")
    # when
    deliver()
    service.get("/logs")
    # then
    everything = "".join(file.read_text() for file in settings.volumes.logs.glob("*.jsonl"))
    assert "find_faces" in everything
    assert IMAGE_ID[:12] not in everything
    assert "anna" not in everything


def test_any_program_with_the_opentelemetry_sdk_and_the_inside_token_may_send(
    service: httpx.Client, settings: LoggerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    token = settings.inside_token.value
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"authorization=Bearer%20{token}")
    provider = TracerProvider(resource=Resource.create({"service.name": "someone_else"}))
    exporter = OTLPSpanExporter(endpoint=f"http://{settings.address.otlp}", insecure=True)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    # when
    tracer = provider.get_tracer("any")
    with tracer.start_as_current_span(
        "work", kind=trace.SpanKind.CLIENT, attributes={"image_id": IMAGE_ID, "sizes": [1, 2]}
    ) as span:
        span.add_event("half way", {"done": 0.5})
    provider.shutdown()
    # then
    [found] = service.get(f"/traces/{IMAGE_ID}").json()["spans"]
    assert found["service"] == "someone_else"
    assert found["kind"] == "client"
    assert found["attributes"] == {"sizes": [1, 2]}
    assert found["events"][0]["name"] == "half way"


def test_log_files_that_cannot_be_written_are_not_ready(
    service: httpx.Client, settings: LoggerSettings
) -> None:
    logs = settings.volumes.logs
    logs.rename(logs.with_name("elsewhere"))

    answer = service.get("/readyz")

    assert answer.status_code == 503
    assert str(logs) in answer.json()["checks"]["files"]


def test_probes_and_metrics(service: httpx.Client) -> None:
    assert service.get("/healthz").status_code == 200
    assert service.get("/readyz").status_code == 200
    assert "logger_written_total" in service.get("/metrics").text
