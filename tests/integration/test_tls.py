"""Between machines: the right authority and the token get in, and nobody else does."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import httpx
import pytest
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from redis.exceptions import AuthenticationError, RedisError

from facepipe.domain.errors import ServiceUnavailableError
from facepipe.files.image_store import RedisImageStore, SourceImages
from facepipe.files.inbox import Inbox
from facepipe.files.result_files import ResultFiles
from facepipe.files.store.folder import FolderFiles
from facepipe.ledger.client import FaceStoreClient
from facepipe.make_secrets import HOLDERS, REDIS
from facepipe.queue.redis_connection import connect_redis
from facepipe.system.inside_token import InsideToken
from facepipe.system.settings import (
    AddressSettings,
    PortSettings,
    RedisSettings,
    Settings,
    TelemetrySettings,
    VolumeSettings,
)
from facepipe.system.tls import TlsSettings, trusting
from facepipe.telemetry.outbox import Collector
from input_service.settings import InputSettings
from logger_service.app import create_logger_app
from logger_service.settings import LoggerSettings
from tests.integration.input.rig import Rig, open_bench, photograph, served
from tests.support.missing import missing
from tests.support.redis_server import free_port, redis_servers, running_redis
from tools.stack.certificates import make_certificates
from tools.stack.errors import StackError

WRONG = InsideToken("a-token-of-somebody-elses")
Files = Callable[[str], TlsSettings]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """What `make certificates` made, by the name of a service."""
    return _made(tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """The same of another authority."""
    return _made(tmp_path_factory.mktemp("theirs"))


def _made(folder: Path) -> Files:
    make_certificates(folder / "authority", folder / "secrets", ["first.example", "10.0.0.5"])

    def files(who: str) -> TlsSettings:
        own = folder / "secrets" / who
        return TlsSettings(ca=own / "ca.crt", cert=own / "tls.crt", key=own / "tls.key")

    return files


@pytest.fixture(scope="module")
def rig(authority: Files, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """The ledger over gRPC, and the API that serves the bytes, with certificates."""
    settings = InputSettings(tls=authority("input_service"))
    with open_bench(tmp_path_factory.mktemp("rig"), settings) as rig:
        yield rig


def test_the_ledger_answers_who_trusts_the_authority_and_has_the_token(
    rig: Rig, stranger: Files
) -> None:
    address, token = rig.settings.address.store_grpc, rig.settings.inside_token
    ours, theirs = rig.settings.tls.ca, stranger("worker").ca
    image_id = rig.accept(photograph(1))

    assert rig.store.get(image_id).image_id == image_id
    for ca, shown in ((theirs, token), (None, token), (ours, WRONG)):
        client = FaceStoreClient(address, shown, timeout_s=5, ca=ca)
        with pytest.raises(ServiceUnavailableError):
            client.get(image_id)
        client.close()


def test_the_bytes_go_over_https_to_who_trusts_the_authority(
    rig: Rig, stranger: Files, tmp_path: Path
) -> None:
    # Given an image that is not cached
    image_id = rig.accept(photograph(2))
    cache = RedisImageStore(rig.redis, rig.settings.redis)
    cache.discard(image_id)
    url = str(rig.http.base_url)

    def elsewhere(url: str, ca: Path | None) -> SourceImages:
        inbox, results = Inbox(FolderFiles(tmp_path)), ResultFiles(FolderFiles(tmp_path))
        return SourceImages(cache, inbox, results, url, rig.settings.inside_token, ca=ca)

    # Then another host gets it with our authority, and with no other, and not in plain
    assert elsewhere(url, rig.settings.tls.ca).load(image_id).shape == (32, 48, 3)
    for where, ca in (
        (url, stranger("worker").ca),
        (url, None),
        (url.replace("https", "http"), rig.settings.tls.ca),
    ):
        with pytest.raises(ServiceUnavailableError):
            elsewhere(where, ca).load(image_id)


def test_the_logger_takes_lines_from_who_trusts_the_authority_and_has_the_token(
    authority: Files, stranger: Files, tmp_path: Path
) -> None:
    port = free_port()
    settings = LoggerSettings(
        port=PortSettings(otlp=port),
        address=AddressSettings(otlp=f"localhost:{port}"),
        volumes=VolumeSettings(root=tmp_path),
        telemetry=TelemetrySettings(enabled=False),
        tls=authority("logger_service"),
    )
    token, tls = settings.inside_token, settings.tls

    def send(text: str, ca: Path | None, shown: InsideToken) -> None:
        request = logs_service_pb2.ExportLogsServiceRequest()
        request.resource_logs.add().scope_logs.add().log_records.add().body.string_value = text
        collector = Collector(settings.address.otlp, shown.metadata, ca)
        stub = logs_service_pb2_grpc.LogsServiceStub(collector.channel)  # type: ignore[no-untyped-call]  # generated
        try:
            stub.Export(request, timeout=5, metadata=collector.metadata)
        finally:
            collector.close()

    with served(create_logger_app(settings)) as url:
        send("ours", tls.ca, token)
        for ca, shown in ((stranger("worker").ca, token), (None, token), (tls.ca, WRONG)):
            with pytest.raises(grpc.RpcError):
                send("theirs", ca, shown)
        answer = httpx.get(f"{url}/logs", headers=token.headers, verify=trusting(tls.ca))

    assert url.startswith("https://")
    assert [line["message"] for line in answer.json()["lines"]] == ["ours"]


def _redis_with_tls() -> str:
    binary = next(filter(_knows_tls, redis_servers()), None)
    if binary is None:
        missing("no redis-server that knows TLS (Debian: apt install redis-server)")
    return binary


def _knows_tls(binary: str) -> bool:
    command = [binary, "--port", "0", "--tls-port", "1"]
    tried = subprocess.run(command, capture_output=True, text=True, check=False)
    return "No tls-cert-file" in tried.stdout


def test_redis_lets_in_who_trusts_the_authority_and_has_the_password(
    authority: Files, stranger: Files, tmp_path: Path
) -> None:
    binary, tls = _redis_with_tls(), authority(REDIS)
    with running_redis(tmp_path, "operator", binary=binary, may_refuse=True, tls=tls) as server:
        url = server.url_of("worker")
        # Checked by the authority of all services, where none is named for Redis alone
        settings = Settings(redis=RedisSettings(url=url), tls=TlsSettings(ca=tls.ca))
        assert url.startswith("rediss://")
        assert connect_redis(settings.redis).ping()

        theirs = RedisSettings(url=url, ca_file=stranger("worker").ca)
        plain = RedisSettings(url=url.replace("rediss", "redis"))
        for refused in (theirs, RedisSettings(url=url), plain):
            with pytest.raises(RedisError) as told:
                connect_redis(refused).ping()
            assert not isinstance(told.value, AuthenticationError), "it got as far as the password"
        with pytest.raises(AuthenticationError):
            connect_redis(RedisSettings(url=server.url, ca_file=tls.ca)).ping()


INSIDE = ("logger_service", "data_storage_service", "plotter_service", "landmark_service")
BEYOND = {"FACEPIPE_HOST": "0.0.0.0"}  # noqa: S104  # to be refused


def _starting(
    service: str, folder: Path, chosen: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("FACEPIPE_")}
    needed = {
        "FACEPIPE_ACCESS_TOKEN": Settings().access.token,
        "FACEPIPE_VOLUMES_ROOT": str(folder),
        "FACEPIPE_TELEMETRY_ENABLED": "false",
    }
    return subprocess.run(
        [sys.executable, "-m", service],
        env=clean | needed | chosen,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("service", INSIDE)
def test_a_service_told_to_listen_for_other_machines_in_plain_does_not_start(
    service: str, tmp_path: Path
) -> None:
    done = _starting(service, tmp_path, BEYOND)

    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"{service} does not start: unencrypted: ")
    assert "FACEPIPE_TLS_CERT" in last


@pytest.mark.parametrize(
    ("chosen", "code", "named"),
    [
        (
            {"FACEPIPE_INSIDE_BIND": "10.1.2.3"},
            "unencrypted",
            "10.1.2.3",
        ),
        ({"FACEPIPE_TLS_KEY": "/nowhere"}, "misconfigured", "FACEPIPE_TLS_CERT"),
        ({"FACEPIPE_TLS_CERT": "/nowhere", "FACEPIPE_TLS_KEY": "/nowhere"}, "", "/nowhere"),
        ({"FACEPIPE_TLS_CA": "/nowhere"}, "", "/nowhere"),
    ],
)
def test_settings_that_do_not_hold_together_are_told_at_the_start(
    tmp_path: Path, chosen: dict[str, str], code: str, named: str
) -> None:
    done = _starting("logger_service", tmp_path, chosen)

    last = done.stderr.splitlines()[-1]
    assert done.returncode == 1
    assert last.startswith("logger_service does not start: ")
    assert code in last
    assert named in last


def test_a_worker_that_would_show_its_token_in_plain_does_not_start(
    authority: Files, tmp_path: Path
) -> None:
    ca = {"FACEPIPE_TLS_CA": str(authority("worker").ca)}

    for name, url in (
        ("FACEPIPE_ADDRESS_INPUT", "http://first.example:8000"),
        ("FACEPIPE_REDIS_URL", "redis://worker@first.example:6379/0"),
        ("FACEPIPE_FILES_ENDPOINT", "http://store.example:9000"),
    ):
        done = _starting("landmark_service", tmp_path, {**ca, name: url})
        assert done.returncode == 1
        assert "does not start: unencrypted: " in done.stderr
        assert name in done.stderr


def test_certificates_made_again_keep_the_authority_and_every_holder_its_own_files(
    tmp_path: Path,
) -> None:
    names = ["first.example"]
    make_certificates(tmp_path / "authority", tmp_path / "secrets", names)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    make_certificates(tmp_path / "authority", tmp_path / "secrets", names)

    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    changed = {path.name for path in before if after[path] != before[path]}
    assert after.keys() == before.keys()
    assert changed == {"tls.crt", "tls.key"}
    assert {path.parent.name for path in after if path.name == "ca.crt"} >= {*HOLDERS, REDIS}
    assert not (tmp_path / "secrets" / "worker" / "tls.key").exists()
    assert {path.stat().st_mode & 0o777 for path in after if path.suffix == ".key"} == {0o600}
    authorities = {hashlib.sha256(after[p]).digest() for p in after if p.name == "ca.crt"}
    assert len(authorities) == 1


def test_a_name_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="certificates cannot be made"):
        make_certificates(tmp_path / "authority", tmp_path / "secrets", ["fürst.example"])
