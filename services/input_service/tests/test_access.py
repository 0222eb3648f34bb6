from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from input_service import keys
from input_service.access.keyring import ApiKey, KeyEntryError, KeyRing, Scope, new_key, parse_keys
from input_service.access.policy import AccessPolicy, UnsafeSettingsError
from input_service.access.rates import TokenBuckets
from input_service.app import create_input_app
from input_service.settings import InputAccessSettings, InputSettings, ViewerSettings

TOKEN = InputSettings().access.token


def test_a_key_is_shown_once_and_stored_as_a_hash(capsys: pytest.CaptureFixture[str]) -> None:
    assert keys.main(["new", "anna", "--scopes", "read,write"]) == 0

    _, key, _, entry = capsys.readouterr().out.splitlines()
    assert key not in entry
    known = KeyRing(parse_keys(entry)).find(key)
    assert known is not None
    assert (known.name, known.scopes) == ("anna", frozenset({Scope.READ, Scope.WRITE}))


@pytest.mark.parametrize("arguments", [["new", "a b"], ["new", "a", "--scopes", "read,all"]])
def test_a_key_that_could_not_be_stored_is_not_made(arguments: list[str]) -> None:
    assert keys.main(arguments) == 2


@pytest.mark.parametrize(
    "entry", ["", "name", "name:read:abc", f"name:fly:{'a' * 64}", f"na me:read:{'a' * 64}"]
)
def test_an_entry_that_is_none_is_refused_without_being_repeated(entry: str) -> None:
    with pytest.raises(KeyEntryError) as refused:
        ApiKey.parse(entry)

    assert "a" * 64 not in str(refused.value)


def test_only_the_key_itself_is_found() -> None:
    key = new_key()
    ring = KeyRing([ApiKey.of("b", [Scope.READ], new_key()), ApiKey.of("a", [Scope.READ], key)])

    assert ring.find(key) is not None
    for other in ("", key[:-1], key + "x", ApiKey.of("a", [], key).digest, "\udcff"):
        assert ring.find(other) is None


@pytest.mark.parametrize("bind", ["0.0.0.0", "::", "192.168.1.5", "photos.example"])  # noqa: S104  # that is what is refused
def test_beyond_loopback_nothing_starts_without_keys(bind: str) -> None:
    with pytest.raises(UnsafeSettingsError, match="FACEPIPE_ACCESS_OPEN"):
        create_input_app(InputSettings(bind=bind))


def test_the_service_says_why_it_does_not_start() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "input_service"],
        env=os.environ | {"FACEPIPE_BIND": "192.0.2.1", "FACEPIPE_TELEMETRY_ENABLED": "false"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 1
    assert "input_service does not start: FACEPIPE_BIND=192.0.2.1" in ended.stderr


@pytest.mark.parametrize("bind", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_on_loopback_no_key_is_needed(bind: str) -> None:
    assert not AccessPolicy(InputSettings(bind=bind)).is_required


def test_keys_or_an_explicit_word_let_it_start() -> None:
    opened = InputSettings(bind="192.0.2.1", access=InputAccessSettings(open=True, token=TOKEN))
    with_viewer = InputSettings(bind="192.0.2.1", viewer=ViewerSettings(key=new_key()))

    assert not AccessPolicy(opened).is_required
    assert AccessPolicy(with_viewer).is_required


def test_keys_that_cannot_be_read_stop_the_start(tmp_path: Path) -> None:
    for access in (
        InputAccessSettings(keys="nonsense", token=TOKEN),
        InputAccessSettings(keys_file=tmp_path / "missing", token=TOKEN),
    ):
        with pytest.raises(UnsafeSettingsError, match="cannot be read"):
            AccessPolicy(InputSettings(access=access))


def test_settings_do_not_show_keys() -> None:
    settings = InputSettings(
        viewer=ViewerSettings(key="secret-1"),
        access=InputAccessSettings(token="secret-2", keys="secret-3"),
    )

    assert "secret" not in repr(settings)


def test_a_bucket_refills_as_time_goes_by() -> None:
    now = [0.0]
    buckets = TokenBuckets(rate_per_s=2, burst=3, clock=lambda: now[0])

    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0.5]
    assert buckets.take("b") == 0
    now[0] = 0.5
    assert [buckets.take("a") for _ in range(2)] == [0, 0.5]
    now[0] = 100
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0.5]


def test_what_nobody_has_foreseen_is_answered_with_care(tmp_path: Path) -> None:
    app = create_input_app(InputSettings())

    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError("nobody has foreseen this")

    answer = TestClient(app, "http://127.0.0.1", raise_server_exceptions=False).get("/broken")

    assert answer.status_code == 500
    assert answer.json()["code"] == "internal_error"
    assert answer.headers["x-content-type-options"] == "nosniff"
