from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.stack.certificates import make_certificates
from tools.stack.configuration import MARK, Stack, load_stack
from tools.stack.errors import StackError
from tools.stack.redis_server import operator_password, render_config
from tools.stack.services import SERVICES
from tools.stack.supervisor_config import render, socket_path

Load = Callable[[str], Stack]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Load:
    """Loads the stack from the text of a `.env`, with nothing set outside it."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("FACEPIPE_")}
    monkeypatch.setattr(os, "environ", clean)

    def load(env_file: str, *, is_worker: bool | None = None) -> Stack:
        (tmp_path / "env").write_text(env_file)
        clean["FACEPIPE_ENV_FILE"] = str(tmp_path / "env")
        clean["FACEPIPE_RUN_FOLDER"] = str(tmp_path / "run")
        return load_stack(is_worker)

    return load


def test_neighbours_are_found_where_the_ports_say(load: Load) -> None:
    stack = load("FACEPIPE_PORT_STORAGE=9003\nFACEPIPE_PORT_OTLP=9317\nFACEPIPE_PORT_REDIS=9379\n")

    assert stack.environment["FACEPIPE_ADDRESS_OTLP"] == "127.0.0.1:9317"
    assert stack.environment["FACEPIPE_REDIS_URL"] == "redis://127.0.0.1:9379/0"
    assert stack.starts_redis


def test_an_address_of_the_users_own_stays(load: Load) -> None:
    stack = load("FACEPIPE_ADDRESS_OTLP=collector:4317\nFACEPIPE_REDIS_URL=redis://other:6379/1\n")

    assert stack.environment["FACEPIPE_ADDRESS_OTLP"] == "collector:4317"
    assert stack.redis.url == "redis://other:6379/1"
    assert not stack.starts_redis
    assert stack.redis.password_file is None


def test_each_service_has_a_user_in_redis_whose_password_only_the_owner_can_read(
    load: Load,
) -> None:
    stack = load("")
    stack.run.mkdir()

    stack.vault.share_redis(operator_password(stack))

    users = stack.vault.users_of_redis.read_text()
    passwords = set()
    for name in ("input_service", "landmark_service", "watcher"):
        own = stack.environment_of(name)
        file = Path(own["FACEPIPE_REDIS_PASSWORD_FILE"])
        password = file.read_text().strip()
        passwords.add(password)
        assert own["FACEPIPE_REDIS_USER"] == name
        assert len(password) >= 32
        assert password not in users
        assert hashlib.sha256(password.encode()).hexdigest() in users
        assert file.stat().st_mode & 0o777 == 0o600
        stack.vault.share_redis(operator_password(stack))
        assert file.read_text().strip() == password, "made once"
    assert len(passwords) == 3
    assert stack.redis.user == "watcher"


WORKER_HOST = """
FACEPIPE_REDIS_URL=redis://worker@first:6379/0
FACEPIPE_ADDRESS_STORE_GRPC=first:50051
FACEPIPE_ADDRESS_INPUT=http://first:8000
FACEPIPE_ADDRESS_OTLP=first:4317
FACEPIPE_TLS_CA=
"""


def test_a_worker_host_runs_the_stages_alone_with_the_addresses_it_is_told(
    load: Callable[..., Stack],
) -> None:
    stack = load(f"{WORKER_HOST}FACEPIPE_ACCESS_TOKEN=a-token-of-the-first-host\n", is_worker=True)

    config = render(stack, [])
    assert config.count("[program:") == 2
    assert "-m landmark_service" in config
    assert "-m agegender_service" in config
    assert "secrets" not in config, "the token is the user's, none is made here"
    assert stack.environment["FACEPIPE_ADDRESS_STORE_GRPC"] == "first:50051"
    assert stack.redis.url == "redis://worker@first:6379/0"


def test_a_worker_host_that_is_not_told_where_the_rest_is_says_what_is_missing(
    load: Callable[..., Stack],
) -> None:
    with pytest.raises(
        StackError, match="FACEPIPE_ADDRESS_OTLP, FACEPIPE_TLS_CA, FACEPIPE_ACCESS_TOKEN or"
    ):
        load(WORKER_HOST.replace("_OTLP", "_X").replace("_TLS", "_X"), is_worker=True)


def test_with_certificates_the_services_find_each_other_over_tls(
    load: Load, tmp_path: Path
) -> None:
    make_certificates(tmp_path / "authority", tmp_path / "secrets", [])
    own = tmp_path / "secrets" / "watcher"
    stack = load(
        f"FACEPIPE_TLS_CA={own}/ca.crt\nFACEPIPE_TLS_CERT={own}/tls.crt\n"
        f"FACEPIPE_TLS_KEY={own}/tls.key\n"
    )

    assert stack.environment["FACEPIPE_REDIS_URL"] == "rediss://127.0.0.1:6379/0"
    assert stack.environment["FACEPIPE_ADDRESS_INPUT"] == "https://127.0.0.1:8000"
    assert all(stack.address(service).startswith("https://") for service in SERVICES)
    config = render_config(6379, tmp_path, tmp_path, "127.0.0.1", stack.settings.tls).splitlines()
    for host, bound in (("0.0.0.0", "bind 0.0.0.0"), ("10.0.0.5", "bind 127.0.0.1 10.0.0.5")):  # noqa: S104  # read, not listened on
        assert bound in render_config(6379, tmp_path, tmp_path, host, stack.settings.tls)
    assert {"port 0", "tls-port 6379", f'tls-key-file "{own}/tls.key"'} <= set(config)


def test_services_without_a_queue_have_no_say_in_redis(load: Load) -> None:
    stack = load("")
    stack.run.mkdir()

    stack.vault.share_redis(operator_password(stack))

    for service in ("gradio_viewer", "logger_service"):
        own = stack.environment_of(service)
        assert {value for name, value in own.items() if "REDIS" in name} == {""}


@pytest.mark.parametrize(
    "env_file", ["FACEPIPE_REDIS_PASSWORD=mine", "FACEPIPE_REDIS_PASSWORD_FILE={folder}/own"]
)
def test_a_password_of_the_users_own_is_the_operators(
    load: Load, tmp_path: Path, env_file: str
) -> None:
    (tmp_path / "own").write_text("mine\n")
    stack = load(env_file.format(folder=tmp_path))

    assert operator_password(stack) == "mine"
    assert stack.environment_of("input_service")["FACEPIPE_REDIS_PASSWORD"] == ""


def test_a_redis_elsewhere_is_reached_as_its_address_and_the_settings_say(load: Load) -> None:
    stack = load(
        "FACEPIPE_REDIS_URL=redis://other:6379/1\nFACEPIPE_REDIS_USER=facepipe\n"
        "FACEPIPE_REDIS_PASSWORD=mine\n"
    )

    assert (stack.redis.user, stack.redis.password) == ("facepipe", "mine")
    assert stack.redis.url == "redis://other:6379/1"
    assert not any("REDIS" in name for name in stack.environment_of("input_service"))


def test_a_password_file_of_the_users_own_that_is_missing_is_told(load: Load) -> None:
    stack = load("FACEPIPE_REDIS_PASSWORD_FILE=/nowhere/password\n")

    with pytest.raises(StackError, match="/nowhere/password"):
        operator_password(stack)


def test_what_two_starts_compare_carries_no_secret(load: Load) -> None:
    one = load("FACEPIPE_REDIS_PASSWORD=one\n").summary()
    del os.environ["FACEPIPE_REDIS_PASSWORD"]
    two = load("FACEPIPE_REDIS_PASSWORD=two\n").summary()

    assert one != two
    assert "one" not in one


def test_public_services_listen_where_bind_says_and_are_reached_from_here(load: Load) -> None:
    stack = load("FACEPIPE_BIND=0.0.0.0\nFACEPIPE_WATCH_DIR=/photos\n")
    config = render(stack, [])

    for service in SERVICES:
        section = config.partition(f"[program:{service.name}]")[2].partition("[program:")[0]
        host = "0.0.0.0" if service.public else "127.0.0.1"  # noqa: S104 - compared with
        assert f'FACEPIPE_HOST="{host}"' in section
        assert stack.address(service).startswith("http://127.0.0.1:")


def test_the_watcher_runs_where_there_is_a_folder_to_watch(load: Load) -> None:
    assert "watch_service" not in render(load(""), [])
    assert "[program:watch_service]" in render(load("FACEPIPE_WATCH_DIR=/photos\n"), [])


def test_the_viewer_alone_has_a_folder_for_uploads(load: Load) -> None:
    stack = load("")

    _, *programs = render(stack, []).split("[program:")

    with_folder = [text for text in programs if f'GRADIO_TEMP_DIR="{stack.run}/uploads"' in text]
    assert [text.partition("]")[0] for text in with_folder] == ["gradio_viewer"]


def test_every_process_carries_the_mark(load: Load) -> None:
    stack = load("")

    assert stack.environment[MARK] == str(stack.run)


def test_the_socket_moves_where_its_path_would_be_too_long(load: Load, tmp_path: Path) -> None:
    stack = load("")
    near = Stack(stack.settings, Path("/short"), {}, starts_redis=True)
    far = Stack(stack.settings, tmp_path / ("x" * 120), {}, starts_redis=True)

    assert socket_path(near) == Path("/short/supervisor.sock")
    assert len(str(socket_path(far))) < 100


def test_what_configparser_reads_differently_is_escaped(load: Load) -> None:
    stack = load("")
    odd = Stack(stack.settings, Path("/run%20folder"), stack.environment, starts_redis=True)

    assert "pidfile=/run%%20folder/supervisord.pid" in render(odd, ["redis-server"])
