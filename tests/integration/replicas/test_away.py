"""The server of the ledger is away, or shows a certificate of somebody else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from data_storage_service.database import open_ledger
from data_storage_service.database.address import server_url
from data_storage_service.database.errors import database_errors
from data_storage_service.settings import DataStorageSettings, StorageSettings
from facepipe.domain.errors import FacepipeError, ServiceUnavailableError
from facepipe.domain.status import Status
from facepipe.ledger.client import FaceStoreClient
from facepipe.system.settings import VolumeSettings
from facepipe.system.tls import TlsSettings
from tests.integration.input.rig import photograph
from tests.integration.replicas.replicas import Fleet, Stages
from tests.integration.replicas.test_replicas import send
from tests.support.postgres_server import PostgresServer, running_postgres
from tests.support.redis_server import running_redis
from tests.support.waiting import wait_until
from tools.stack.certificates import make_certificates


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """One that may be stopped."""
    with running_postgres() as server:
        yield server


def ledger_problem(url: str) -> str:
    """What the service says of its ledger; "" when all is well, or it does not answer yet."""
    try:
        answer = httpx.get(f"{url}/readyz", trust_env=False, timeout=10)
    except httpx.HTTPError:
        return ""
    return str(answer.json().get("checks", {}).get("ledger", ""))


def status(client: FaceStoreClient, image_id: str) -> Status | None:
    try:
        return client.get(image_id).status
    except FacepipeError:
        return None


def test_a_server_that_is_away_is_waited_for_and_nothing_is_lost(
    tmp_path: Path, own_postgres: PostgresServer
) -> None:
    # given a ledger whose server is stopped, and the services
    (tmp_path / "redis").mkdir()
    database = own_postgres.new_database()
    own_postgres.stop()
    with running_redis(tmp_path / "redis") as redis:
        fleet = Fleet(tmp_path, redis, database)
        store, api = fleet.stores["a"], fleet.inputs["a"]
        client, jobs = fleet.client(), redis.client()
        try:
            store.start()
            api.start()

            # then the ledger says so, and uploads are accepted all the same
            wait_until(lambda: "service_unavailable" in ledger_problem(store.url), 60, 0.2)
            wait_until(lambda: send(api, photograph(0)) is not None, 60, 0.2)
            first = send(api, photograph(1))
            assert first is not None
            with pytest.raises(ServiceUnavailableError):
                client.get(first)

            # when it comes, goes, and comes again, then all goes on by itself
            with Stages(client, jobs):
                own_postgres.start()
                wait_until(lambda: status(client, first) is Status.STORED, 60, 0.2)
                store.wait()
                own_postgres.stop()
                wait_until(lambda: "service_unavailable" in ledger_problem(store.url), 60, 0.2)
                second = send(api, photograph(2))
                assert second is not None
                own_postgres.start()
                wait_until(lambda: status(client, second) is Status.STORED, 60, 0.2)
                store.wait()
        finally:
            client.close()
            jobs.close()
            store.kill()
            api.kill()


def test_the_server_has_to_show_a_certificate_of_the_authority(
    tmp_path: Path, own_postgres: PostgresServer
) -> None:
    # given a server with a certificate for a name
    for name in ("ours", "theirs"):
        folder = tmp_path / name
        make_certificates(folder / "authority", folder / "secrets", ["db.example"])
    of_server = tmp_path / "ours" / "secrets" / "data_storage_service"
    name = own_postgres.new_database().partition("@/")[2].partition("?")[0]
    own_postgres.stop()
    own_postgres.start(
        TlsSettings(ca=of_server / "ca.crt", cert=of_server / "tls.crt", key=of_server / "tls.key")
    )

    def problem(host: str, authority: str) -> str:
        address = f"postgresql://postgres@{host}:{own_postgres.port}/{name}?hostaddr=127.0.0.1"
        settings = DataStorageSettings(
            storage=StorageSettings(database_url=address),
            tls=TlsSettings(ca=tmp_path / authority / "secrets" / "worker" / "ca.crt"),
            volumes=VolumeSettings(root=tmp_path / "volumes"),
        )
        assert server_url(settings.storage, settings.tls) is not None
        engine = open_ledger(settings)
        try:
            with database_errors(), engine.connect() as connection:
                used = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
                assert connection.exec_driver_sql(used).scalar_one() is True
        except ServiceUnavailableError as error:
            return error.message
        finally:
            engine.dispose()
        return ""

    # then who trusts its authority, and calls it by that name, is let in over TLS
    assert problem("db.example", "ours") == ""

    # and nobody else
    assert "certificate verify failed" in problem("db.example", "theirs")
    assert "does not match host name" in problem("other.example", "ours")
