"""Where the password of Redis comes from, and that no message carries it."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError
from redis.exceptions import AuthenticationError

from facepipe.queue.redis_connection import connect_redis, explain, shown_address
from facepipe.system.settings import RedisSettings, Settings

SECRET = "opensesame"  # pragma: allowlist secret - made up for these tests


def login_of(settings: RedisSettings) -> tuple[str, ...]:
    """What a connection would be opened with."""
    provider = connect_redis(settings).connection_pool.connection_kwargs["credential_provider"]
    return tuple(provider.get_credentials()) if provider else ()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text(f"{SECRET}\n")
    return path


def test_without_a_password_none_is_sent() -> None:
    assert login_of(RedisSettings()) == ()


def test_the_password_is_that_of_the_address_else_that_of_the_variable_else_that_of_the_file(
    file: Path,
) -> None:
    both = RedisSettings(password="variable", password_file=file)
    all_three = both.model_copy(update={"url": "redis://:address@queue/0"})

    assert login_of(RedisSettings(password_file=file)) == (SECRET,)
    assert login_of(both) == ("variable",)
    assert login_of(all_three) == ("address",)


def test_a_user_and_a_percent_encoded_password_in_the_address_are_read() -> None:
    settings = RedisSettings(url="rediss://anna:p%40ss%2Fword@queue:6380/1")
    pool = connect_redis(settings).connection_pool

    assert login_of(settings) == ("anna", "p@ss/word")
    assert pool.connection_kwargs["host"] == "queue"
    assert pool.connection_kwargs["port"] == 6380
    assert pool.connection_kwargs["db"] == 1
    assert "SSL" in pool.connection_class.__name__


def test_a_unix_socket_is_an_address_too() -> None:
    settings = RedisSettings(url="unix://:secret@/run/redis.sock?db=2")
    pool = connect_redis(settings).connection_pool

    assert login_of(settings) == ("secret",)
    assert pool.connection_kwargs["path"] == "/run/redis.sock"
    assert pool.connection_kwargs["db"] == 2


def test_a_user_in_the_address_takes_the_password_of_the_file(file: Path) -> None:
    assert login_of(RedisSettings(url="redis://anna@queue/0", password_file=file)) == (
        "anna",
        SECRET,
    )


def test_the_file_is_read_for_every_connection(file: Path) -> None:
    provider = connect_redis(RedisSettings(password_file=file)).connection_pool.connection_kwargs[
        "credential_provider"
    ]
    file.write_text("another")

    assert provider.get_credentials() == ("another",)


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe"])
def test_a_file_without_a_password_is_told_as_such(file: Path, content: bytes | None) -> None:
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)

    with pytest.raises(AuthenticationError, match=f"{file.name} (cannot be read|is empty)") as told:
        login_of(RedisSettings(password_file=file))
    assert explain(told.value).startswith("redis_auth_failed: ")


@pytest.mark.parametrize(
    "url",
    [
        f"redis://:{SECRET}/x@queue:6379/0",
        f"redis://:{SECRET}#x@queue:6379/0",
        f"redis://:12/{SECRET}@queue:6379/0",
        f"http://:{SECRET}@queue/0",
        SECRET,
    ],
)
def test_an_address_that_is_none_is_refused_without_repeating_it(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACEPIPE_REDIS_URL", url)

    with pytest.raises(ValidationError, match="percent-encoded") as told:
        Settings()
    assert SECRET not in str(told.value)


def test_settings_that_are_printed_keep_the_password_to_themselves() -> None:
    redis = RedisSettings(url=f"redis://:{SECRET}@queue/0", password=SECRET)

    assert SECRET not in f"{redis!r} {redis} {Settings(redis=redis)!r}"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"redis://:{SECRET}@127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
        (f"rediss://anna:{SECRET}@queue/1?password={SECRET}", "rediss://queue/1"),
        (f"unix://:{SECRET}@/run/redis.sock", "unix:///run/redis.sock"),
    ],
)
def test_an_address_is_shown_without_its_login(url: str, shown: str) -> None:
    assert shown_address(url) == shown
