"""A user of this machine who has no token calls the inside ports: nothing is told or changed."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from fastapi import FastAPI
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from data_storage_service.app import create_storage_app
from data_storage_service.server import create_server, serving
from data_storage_service.settings import DataStorageSettings
from data_storage_service.wiring import open_services
from facepipe.domain.errors import ServiceUnavailableError
from facepipe.ledger.client import FaceStoreClient
from facepipe.stages import StageName
from facepipe.system.inside_token import InsideToken
from facepipe.system.settings import (
    AddressSettings,
    PortSettings,
    RedisSettings,
    TelemetrySettings,
    VolumeSettings,
)
from facepipe.v1 import face_store_pb2 as pb
from facepipe.v1.face_store_pb2_grpc import FaceStoreStub
from input_service.app import create_input_app
from input_service.settings import InputSettings
from landmark_service.app import create_app as create_landmark_app
from landmark_service.settings import LandmarkSettings
from logger_service.app import create_logger_app
from logger_service.settings import LoggerSettings
from plotter_service.app import create_app as create_plotter_app
from plotter_service.settings import PlotterServiceSettings
from tests.integration.input.rig import served
from tests.support import store_samples as samples
from tests.support.redis_server import free_port, running_redis

WRONG = InsideToken("a-token-of-somebody-elses")
SHOWN: list[tuple[tuple[str, str], ...] | None] = [None, WRONG.metadata]
IMAGE_ID = samples.image_id_of(0)


class Ledger:
    """The gRPC port of data_storage_service with one image, and an insider's client."""

    def __init__(self, address: str, client: FaceStoreClient) -> None:
        self.address, self.client = address, client
        self.channel = grpc.insecure_channel(address)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    folder = tmp_path_factory.mktemp("ledger")
    with running_redis(tmp_path_factory.mktemp("redis")) as redis:
        settings = DataStorageSettings(
            redis=RedisSettings(url=redis.url), volumes=VolumeSettings(root=folder)
        )
        room = open_services(settings)
        with serving(create_server(room, "127.0.0.1:0")) as server:
            address = f"127.0.0.1:{server.port}"
            client = FaceStoreClient(address, settings.inside_token, timeout_s=20)
            client.register(IMAGE_ID, samples.info(IMAGE_ID), samples.START)
            ledger = Ledger(address, client)
            yield ledger
            ledger.channel.close()
            client.close()
        room.close()


METHODS = list(pb.DESCRIPTOR.services_by_name["FaceStore"].methods)


def _request(method: Any) -> Any:
    """A request that would do something: it names the image that there is."""
    request = GetMessageClass(method.input_type)()
    for name, value in {
        "image_id": IMAGE_ID,
        "generation": 1,
        "stage": str(StageName.LANDMARK),
        "failure": pb.PartError(code="made_up", message="made up"),
    }.items():
        if (field := method.input_type.fields_by_name.get(name)) is None:
            continue
        if field.message_type is None:
            setattr(request, name, value)
        else:
            getattr(request, name).CopyFrom(value)
    return request


@pytest.mark.parametrize("metadata", SHOWN, ids=["none", "wrong"])
@pytest.mark.parametrize("method", METHODS, ids=lambda method: str(method.name))
def test_an_outsider_neither_reads_nor_changes_the_ledger(
    ledger: Ledger, method: Any, metadata: Any
) -> None:
    stub = FaceStoreStub(ledger.channel)  # type: ignore[no-untyped-call]  # generated
    assert len(METHODS) >= 9
    before = ledger.client.get(IMAGE_ID)

    def call() -> None:
        answer = getattr(stub, method.name)(_request(method), timeout=20, metadata=metadata)
        next(answer)  # of the stream; any other call has raised

    with pytest.raises(grpc.RpcError) as told:
        call()

    assert told.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert "inside token" in (told.value.details() or "")
    assert ledger.client.get(IMAGE_ID) == before
    assert ledger.client.stats().accepted == 1


def test_an_outsider_is_told_of_health_and_not_of_the_methods(ledger: Ledger) -> None:
    health = health_pb2_grpc.HealthStub(ledger.channel)
    assert health.Check(health_pb2.HealthCheckRequest(), timeout=20).status == 1

    reflection = reflection_pb2_grpc.ServerReflectionStub(ledger.channel)
    wanted = reflection_pb2.ServerReflectionRequest(list_services="")
    with pytest.raises(grpc.RpcError) as told:
        next(reflection.ServerReflectionInfo(iter([wanted]), timeout=20))
    assert told.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_a_client_with_a_wrong_token_says_so_and_may_try_again(ledger: Ledger) -> None:
    client = FaceStoreClient(ledger.address, WRONG, timeout_s=20)

    with pytest.raises(ServiceUnavailableError, match="FACEPIPE_ACCESS_TOKEN") as told:
        client.save_started(samples.run(IMAGE_ID, StageName.LANDMARK))
    assert told.value.transient
    problem = client.problem(timeout_s=20)
    assert problem is not None
    assert "FACEPIPE_ACCESS_TOKEN" in problem
    assert WRONG.value not in problem
    assert ledger.client.problem(timeout_s=20) is None


@pytest.fixture
def logs(tmp_path: Path) -> LoggerSettings:
    port = free_port()
    return LoggerSettings(
        port=PortSettings(otlp=port),
        address=AddressSettings(otlp=f"127.0.0.1:{port}"),
        volumes=VolumeSettings(root=tmp_path),
        telemetry=TelemetrySettings(enabled=False),
    )


@pytest.mark.parametrize("metadata", SHOWN, ids=["none", "wrong"])
def test_an_outsider_writes_neither_html_nor_false_traces_into_the_log(
    logs: LoggerSettings, metadata: Any
) -> None:
    # Given what an outsider would like to have in the log
    line: dict[str, Any] = {"body": {"string_value": "<script>alert(1)</script>"}}
    lines = logs_service_pb2.ExportLogsServiceRequest(
        resource_logs=[{"scope_logs": [{"log_records": [line]}]}]  # type: ignore[list-item]
    )
    span: dict[str, Any] = {"name": "<b>false</b>", "trace_id": b"1" * 16, "span_id": b"1" * 8}
    spans = trace_service_pb2.ExportTraceServiceRequest(
        resource_spans=[{"scope_spans": [{"spans": [span]}]}]  # type: ignore[list-item]
    )
    with (
        served(create_logger_app(logs)) as url,
        grpc.insecure_channel(logs.address.otlp) as channel,
    ):
        to_logs = logs_service_pb2_grpc.LogsServiceStub(channel)  # type: ignore[no-untyped-call]  # generated
        to_traces = trace_service_pb2_grpc.TraceServiceStub(channel)  # type: ignore[no-untyped-call]  # generated

        # Then it is refused, and nothing of it is there
        for export, request in ((to_logs.Export, lines), (to_traces.Export, spans)):
            with pytest.raises(grpc.RpcError) as told:
                export(request, timeout=20, metadata=metadata)
            assert told.value.code() is grpc.StatusCode.UNAUTHENTICATED
        insider = logs.inside_token
        assert httpx.get(f"{url}/logs", headers=insider.headers).json()["lines"] == []

        # While an insider's is
        to_logs.Export(lines, timeout=20, metadata=insider.metadata)
        (found,) = httpx.get(f"{url}/logs", headers=insider.headers).json()["lines"]
        assert found["message"] == "<script>alert(1)</script>"
    assert not list(logs.volumes.logs.glob("spans-*"))


@pytest.mark.parametrize("headers", [{}, WRONG.headers], ids=["none", "wrong"])
def test_an_outsider_gets_nothing_but_the_probes_over_http(
    headers: dict[str, str], tmp_path: Path
) -> None:
    # Given every service with an inside HTTP port
    shared: dict[str, Any] = {
        "redis": RedisSettings(url="redis://127.0.0.1:9/0"),
        "volumes": VolumeSettings(root=tmp_path),
        "address": AddressSettings(store_grpc="127.0.0.1:9", otlp="127.0.0.1:9"),
        "telemetry": TelemetrySettings(enabled=False),
    }
    apps = [
        create_storage_app(DataStorageSettings(**shared)),
        create_logger_app(LoggerSettings(**shared)),
        create_plotter_app(PlotterServiceSettings(**shared)),
        create_landmark_app(LandmarkSettings(**shared)),
    ]
    for app in apps:
        # When an outsider asks for every path that there is, and some that there are not
        paths = {(m.upper(), path) for path, ways in app.openapi()["paths"].items() for m in ways}
        paths |= {("GET", path) for path in ("/docs", "/openapi.json", "/nothing", "//metrics")}
        assert {path for _, path in paths} >= {"/healthz", "/readyz", "/metrics"}
        for method, path in sorted(paths):
            answer = _ask(app, method, path.replace("{image_id}", IMAGE_ID), headers)

            # Then the probes answer, and nothing else does
            if path in ("/healthz", "/readyz"):
                assert answer.status_code in (200, 500, 503), (app.title, path)
            else:
                assert answer.status_code == 401, (app.title, method, path)
                assert answer.json()["code"] == "inside_only"
                assert answer.headers["www-authenticate"] == "Bearer"


def _ask(app: FastAPI, method: str, path: str, headers: dict[str, str]) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.request(method, path, headers=headers)

    return asyncio.run(ask())


def test_the_input_api_is_not_ready_with_a_token_that_the_ledger_refuses(
    ledger: Ledger, tmp_path: Path
) -> None:
    settings = InputSettings(
        access=InputSettings().access.model_copy(update={"token": WRONG.value}),
        redis=RedisSettings(url="redis://127.0.0.1:9/0"),
        volumes=VolumeSettings(root=tmp_path),
        address=AddressSettings(store_grpc=ledger.address, otlp="127.0.0.1:9"),
        telemetry=TelemetrySettings(enabled=False),
    )

    answer = _ask(create_input_app(settings), "GET", "/readyz", {})

    assert answer.status_code == 503
    assert "FACEPIPE_ACCESS_TOKEN" in answer.json()["checks"]["ledger"]


SERVICES = ("logger_service", "data_storage_service", "landmark_service", "input_service")


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_without_a_token_says_so_in_a_line_and_ends(service: str, tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    clean = {k: v for k, v in os.environ.items() if not k.startswith("FACEPIPE_")}

    done = subprocess.run(
        [sys.executable, "-m", service],
        env=clean | {"FACEPIPE_ACCESS_TOKEN_FILE": str(missing)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    reason = f"FACEPIPE_ACCESS_TOKEN_FILE={missing} cannot be read"
    assert last.startswith(f"{service} does not start: {reason}")
    assert "Traceback" not in done.stderr
