"""Which PostgreSQL is taken, and how its server is checked; no message shows the password."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_storage_service.database import open_ledger, open_server
from data_storage_service.database.address import server_url, shown
from data_storage_service.settings import DataStorageSettings, StorageSettings
from facepipe.domain.errors import MisconfiguredError, UnencryptedError
from facepipe.system.settings import VolumeSettings
from facepipe.system.tls import TlsSettings

PASSWORD = "s3cret"  # pragma: allowlist secret - made up for these tests
PLAIN = TlsSettings()
WITH_CA = TlsSettings(ca=Path("/secrets/ca.crt"))


def storage(url: str) -> StorageSettings:
    return StorageSettings(database_url=url)


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg"])
def test_both_ways_to_write_it_are_one(scheme: str) -> None:
    url = server_url(storage(f"{scheme}://anna:{PASSWORD}@db.example/ledger"), PLAIN)

    assert url is not None
    assert url.drivername == "postgresql+psycopg"
    assert url.password == PASSWORD
    assert "sslmode" not in url.query
    assert shown(url) == "postgresql://db.example/ledger"


def test_without_an_address_there_is_no_server() -> None:
    assert server_url(StorageSettings(), WITH_CA) is None


def test_the_address_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "ledger-url"
    file.write_text(f"postgresql://anna:{PASSWORD}@db.example/ledger\n")

    url = server_url(StorageSettings(database_url_file=file), PLAIN)

    assert url is not None
    assert url.database == "ledger"


@pytest.mark.parametrize("content", [None, "", "\n"])
def test_a_file_without_an_address_is_refused(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "ledger-url"
    if content is not None:
        file.write_text(content)

    with pytest.raises(MisconfiguredError, match="ledger-url"):
        server_url(StorageSettings(database_url_file=file), PLAIN)


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://anna:{PASSWORD}@db.example/ledger",
        f"sqlite:///{PASSWORD}",
        f"postgresql://anna:{PASSWORD}@a@db.example/ledger",
        f"postgresql://anna@db.example:{PASSWORD}/ledger",
        PASSWORD,
    ],
)
def test_what_is_no_postgresql_is_refused_without_a_word_of_the_password(url: str) -> None:
    with pytest.raises(MisconfiguredError, match="FACEPIPE_STORAGE_DATABASE_URL") as refused:
        server_url(storage(url), PLAIN)

    assert PASSWORD not in str(refused.value)


def test_an_option_that_postgresql_does_not_know_is_refused() -> None:
    with pytest.raises(MisconfiguredError, match="colour"):
        open_server(f"postgresql+psycopg://anna:{PASSWORD}@db.example/ledger?colour=red")


def test_another_machine_has_to_show_a_certificate_where_there_is_an_authority() -> None:
    url = server_url(storage("postgresql://db.example/ledger"), WITH_CA)

    assert url is not None
    assert url.query == {"sslmode": "verify-full", "sslrootcert": "/secrets/ca.crt"}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "/run/postgresql"])
def test_this_machine_need_not(host: str) -> None:
    url = server_url(storage(f"postgresql:///ledger?host={host}"), WITH_CA)

    assert url is not None
    assert "sslmode" not in url.query


@pytest.mark.parametrize("mode", ["disable", "prefer", "require"])
def test_what_does_not_check_another_machine_is_refused(mode: str) -> None:
    with pytest.raises(UnencryptedError, match="sslmode"):
        server_url(storage(f"postgresql://db.example/ledger?sslmode={mode}"), WITH_CA)


def test_a_server_that_is_away_is_waited_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # given the address of a server that nobody has started
    settings = DataStorageSettings(
        storage=storage(f"postgresql://anna:{PASSWORD}@/ledger?host={tmp_path}"),
        volumes=VolumeSettings(root=tmp_path / "volumes"),
    )

    # when the ledger is opened, then that is logged, without the password, and is no error
    open_ledger(settings).dispose()
    assert "is waited for" in caplog.text
    assert PASSWORD not in caplog.text
