from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from facepipe.domain.errors import ForbiddenError, TooManyRequestsError, UnauthorizedError
from input_service import keys
from input_service.access.keyring import ApiKey, KeyEntryError, KeyRing, Scope, new_key, parse_keys
from input_service.access.policy import ANYBODY, AccessPolicy, UnsafeSettingsError, require_scope
from input_service.access.rates import Slots, TokenBuckets
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

    assert "secret-" not in repr(settings)


def test_a_stored_key_is_read_as_it_was_written() -> None:
    first = ApiKey.of("anna", [Scope.DELETE, Scope.READ], new_key())
    second = ApiKey.of("b.c-d", [Scope.WRITE], new_key())

    # Given two entries, with a remark behind each
    text = f"{first}  # the archive\n# nobody:read:\n{second} # a#b"

    assert str(first) == f"anna:read,delete:{first.digest}"
    assert parse_keys(text) == [first, second]


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("anna:read", "an API key is stored as name:read,write,delete:sha256"),
        (f"anna:read,fly:{'a' * 64}", "key anna: 'fly' is not a valid Scope"),
    ],
)
def test_an_entry_that_is_none_says_what_is_wrong(entry: str, told: str) -> None:
    with pytest.raises(KeyEntryError) as refused:
        ApiKey.parse(entry)

    assert str(refused.value) == told


def test_a_new_key_is_of_256_bits_and_never_the_same() -> None:
    made = {new_key() for _ in range(20)}

    assert len(made) == 20
    assert all(key.startswith("fp_") and len(key) == 3 + 43 for key in made)


def test_keys_come_from_the_setting_from_its_file_and_from_the_viewer(tmp_path: Path) -> None:
    # Given a key in each place
    sent = [new_key(), new_key(), new_key()]
    file = tmp_path / "keys"
    file.write_text(str(ApiKey.of("filed", [Scope.READ], sent[1])))
    access = InputAccessSettings(
        keys=str(ApiKey.of("anna", [Scope.WRITE], sent[0])), keys_file=file, token=TOKEN
    )
    policy = AccessPolicy(InputSettings(access=access, viewer=ViewerSettings(key=sent[2])))

    # When each calls, and a worker with the inside token
    callers = [policy.caller(key) for key in [*sent, TOKEN]]

    # Then each is known by its name and has its own scopes
    assert [(caller.name, set(caller.scopes)) for caller in callers] == [
        ("anna", {Scope.WRITE}),
        ("filed", {Scope.READ}),
        ("viewer", set(Scope)),
        ("inside", {Scope.READ}),
    ]


def test_who_has_no_key_is_told_what_to_do() -> None:
    policy = AccessPolicy(InputSettings(viewer=ViewerSettings(key=new_key())))

    for key, told in ((None, "send an API key"), ("", "send an API key"), ("x", "is not known")):
        with pytest.raises(UnauthorizedError, match=told):
            policy.caller(key)


def test_where_no_key_is_asked_for_anybody_may_do_everything() -> None:
    policy = AccessPolicy(InputSettings())

    assert policy.caller(None) is policy.caller("x") is ANYBODY
    assert set(ANYBODY.scopes) == set(Scope)


@pytest.mark.parametrize(
    ("method", "path", "needed"),
    [
        ("GET", "/v1/images", Scope.READ),
        ("HEAD", "/v1/images", Scope.READ),
        ("OPTIONS", "/v1/images", Scope.READ),
        ("POST", "/v1/images", Scope.WRITE),
        ("PUT", "/v1/images", Scope.WRITE),
        ("DELETE", "/v1/images", Scope.DELETE),
        ("POST", "/v1/queue/pause", Scope.ADMIN),
        ("POST", "/v1/queue/resume", Scope.ADMIN),
    ],
)
def test_each_call_needs_its_own_scope(method: str, path: str, needed: Scope) -> None:
    require_scope(ApiKey.of("anna", [needed], new_key()), method, path)

    others = ApiKey.of("anna", set(Scope) - {needed}, new_key())
    with pytest.raises(ForbiddenError, match=f"^the key anna lacks the scope {needed}$"):
        require_scope(others, method, path)


def test_only_so_many_calls_of_one_name_wait_at_a_time() -> None:
    slots = Slots(2)

    with slots.held("a"), slots.held("a"), slots.held("b"):
        with (
            pytest.raises(
                TooManyRequestsError, match=r"^a waits for 2 answers already$"
            ) as refused,
            slots.held("a"),
        ):
            pass
        assert refused.value.retry_after_s == 5

    with slots.held("a"), slots.held("a"):
        pass
    assert not slots._taken


def test_without_a_rate_nobody_waits() -> None:
    buckets = TokenBuckets(rate_per_s=0, burst=1, clock=lambda: 0.0)

    assert [buckets.take("a") for _ in range(3)] == [0, 0, 0]


def test_less_than_one_a_second_is_a_rate_as_well() -> None:
    buckets = TokenBuckets(rate_per_s=0.5, burst=1, clock=lambda: 0.0)

    assert [buckets.take("a") for _ in range(3)] == [0, 2, 2]


def test_of_very_many_names_the_one_that_was_silent_longest_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("input_service.access.rates._MAX_BUCKETS", 2)
    buckets = TokenBuckets(rate_per_s=1, burst=1, clock=lambda: 0.0)

    # Given a and b, of which a has called last, when a third comes
    assert [buckets.take(name) for name in "abac"] == [0, 0, 1, 0]

    # Then a is remembered and b is new
    assert [buckets.take(name) for name in "ab"] == [1, 0]


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
