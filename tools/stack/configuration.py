"""What the stack is started with: `.env`, the environment, and what follows from the ports."""

from __future__ import annotations

import hashlib
import json
import os
import ssl
from dataclasses import dataclass
from pathlib import Path

from dotenv import dotenv_values
from pydantic import BaseModel, Field

from facepipe.domain.errors import MisconfiguredError
from facepipe.make_secrets import ACCESS_TOKEN, REDIS_PASSWORD, Vault
from facepipe.queue.redis_acl import WATCHER, WORKER, grants
from facepipe.system.inside_token import InsideToken
from facepipe.system.settings import PortSettings, RedisSettings, Settings
from facepipe.system.tls import trusting
from tools.paths import ROOT
from tools.stack.errors import StackError
from tools.stack.services import SERVICES, Service

# In the environment of every process of the stack: the folder it keeps its own files in.
# Whoever carries it was started by us, whatever has become of its parents.
MARK = "FACEPIPE_STACK"

# Read by verbs, not by the processes: they may differ from one verb to the next.
_OF_VERBS = {
    "FACEPIPE_ENV_FILE",
    "FACEPIPE_PYTHON",
    "FACEPIPE_START_TIMEOUT_S",
    "FACEPIPE_TEST_DATA",
    "FACEPIPE_TORCH_INDEX",
}
# Where the rest of the stack is, for a host that has the stages alone.
_OF_A_WORKER = (
    "FACEPIPE_REDIS_URL",
    "FACEPIPE_ADDRESS_STORE_GRPC",
    "FACEPIPE_ADDRESS_INPUT",
    "FACEPIPE_ADDRESS_OTLP",
)
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - compared with, not listened on


class LocalPorts(PortSettings):
    redis: int = 6379


class RunSettings(BaseModel):
    folder: Path = Field(default=Path("run"), description="configuration and output of processes")


class StartSettings(BaseModel):
    timeout_s: float = Field(default=120, description="how long `make start` waits for services")


class TorchSettings(BaseModel):
    index: str = Field(
        default="",
        description="package index with PyTorch for CPUs, for what needs Ultralytics; none: the "
        "usual one, with CUDA",
    )


class LocalSettings(Settings):
    """What `make start` reads beside the settings of the services."""

    port: LocalPorts = LocalPorts()
    run: RunSettings = RunSettings()
    start: StartSettings = StartSettings()
    torch: TorchSettings = TorchSettings()


@dataclass(frozen=True, slots=True)
class Stack:
    """Where the processes of the stack run, and with which environment.

    Attributes:
        run: folder of the generated configuration and of what the processes print.
        environment: of every process.
        starts_redis: False when FACEPIPE_REDIS_URL names one that runs already.
        is_worker: whether it is the stages alone, of a stack whose rest is on another host.
    """

    settings: LocalSettings
    run: Path
    environment: dict[str, str]
    starts_redis: bool
    is_worker: bool = False

    @property
    def services(self) -> tuple[Service, ...]:
        """Those that are to run."""
        if self.is_worker:
            return tuple(s for s in SERVICES if s.joins)
        return tuple(s for s in SERVICES if not s.asked_by or self.environment.get(s.asked_by))

    @property
    def volumes(self) -> Path:
        return Path(self.environment["FACEPIPE_VOLUMES_ROOT"])

    @property
    def log_folder(self) -> Path:
        return self.run / "log"

    @property
    def redis(self) -> RedisSettings:
        """How the verbs reach Redis."""
        if self.starts_redis:
            login = {
                "url": self.environment["FACEPIPE_REDIS_URL"],
                "user": WATCHER,
                "password": "",
                "password_file": self.vault.path(WATCHER, REDIS_PASSWORD),
            }
            return self.settings.redis.model_copy(update=login)
        file = self.settings.redis.password_file
        return self.settings.redis.model_copy(
            update={"password_file": ROOT / file if file else None}
        )

    def environment_of(self, service: str) -> dict[str, str]:
        """What is set for one service alone: its own secrets, of those that are made here."""
        own: dict[str, str] = {}
        if self.settings.access.token_file is None and not self.is_worker:
            own["FACEPIPE_ACCESS_TOKEN_FILE"] = str(self.vault.path(service, ACCESS_TOKEN))
        if self.starts_redis:
            own["FACEPIPE_REDIS_PASSWORD"] = ""  # the operator's
            if service in grants():
                file = self.vault.path(service, REDIS_PASSWORD)
                own["FACEPIPE_REDIS_USER"] = service
                own["FACEPIPE_REDIS_PASSWORD_FILE"] = str(file)
        return own

    @property
    def vault(self) -> Vault:
        """Where the secrets of this stack are."""
        return Vault(self.run / "secrets")

    @property
    def inside_token(self) -> InsideToken:
        """What the inside ports of the stack ask for.

        Raises:
            StackError: it is not there, e.g. because nothing was started yet.
        """
        file = Path(self.environment["FACEPIPE_ACCESS_TOKEN_FILE"])
        try:
            return InsideToken.read(self.settings.access.token, file)
        except MisconfiguredError as error:
            raise StackError(error.message) from error

    def port(self, name: str) -> int:
        return int(getattr(self.settings.port, name))

    def address(self, service: Service) -> str:
        """Where this machine reaches a service."""
        host = self.settings.bind if service.public else self.settings.host
        return f"{self.scheme}://{_reachable(host)}:{self.port(service.ports[0])}"

    @property
    def scheme(self) -> str:
        return "https" if self.settings.tls.is_shown else "http"

    @property
    def trust(self) -> ssl.SSLContext | bool:
        """What the services of this machine are checked by.

        Raises:
            StackError: the certificate of the authority cannot be read.
        """
        try:
            return trusting(self.settings.tls.ca)
        except MisconfiguredError as error:
            raise StackError(error.message) from error

    def summary(self) -> str:
        """What must be the same for two starts to mean the same stack."""
        environment = self.environment.items()
        ours = {k: v for k, v in environment if k.startswith("FACEPIPE_") and k not in _OF_VERBS}
        ours["services"] = " ".join(service.name for service in self.services)
        # A digest: among them are keys and passwords.
        return hashlib.sha256(json.dumps(ours, sort_keys=True).encode()).hexdigest()


def load_stack(is_worker: bool | None = None) -> Stack:
    """The stack as `.env` and the environment describe it; the environment has the last word.

    FACEPIPE_ENV_FILE names another file than `.env`.

    Args:
        is_worker: whether the stages alone run here; None: as it was started last.

    Raises:
        StackError: a worker host is not told where the rest of the stack is.
    """
    env_file = os.environ.get("FACEPIPE_ENV_FILE", ROOT / ".env")
    environ = {k: v for k, v in dotenv_values(env_file).items() if v is not None}
    environ |= os.environ
    os.environ.update(environ)
    settings = LocalSettings()
    run = (ROOT / settings.run.folder).resolve()
    starts_redis = "FACEPIPE_REDIS_URL" not in environ
    volumes = str((ROOT / settings.volumes.root).resolve())
    secure = "s" if settings.tls.is_shown else ""
    if is_worker:
        _check_worker(environ, settings)
    elif is_worker is None:
        is_worker = (run / WORKER).exists()
    derived = {
        **_addresses(settings),
        "FACEPIPE_REDIS_URL": f"redis{secure}://127.0.0.1:{settings.port.redis}/0",
    }
    if (password_file := settings.redis.password_file) is not None:
        environ["FACEPIPE_REDIS_PASSWORD_FILE"] = str(ROOT / password_file)
    token_file = settings.access.token_file or run / "secrets" / WATCHER / ACCESS_TOKEN
    environ["FACEPIPE_ACCESS_TOKEN_FILE"] = str(ROOT / token_file)
    environment = {
        **derived,
        **environ,
        **_no_proxy(environ),
        "FACEPIPE_VOLUMES_ROOT": volumes,
        MARK: str(run),
    }
    environment.pop("VIRTUAL_ENV", None)
    return Stack(settings, run, environment, starts_redis, is_worker)


def _check_worker(environ: dict[str, str], settings: LocalSettings) -> None:
    missing = [name for name in _OF_A_WORKER if not environ.get(name)]
    if "FACEPIPE_TLS_CA" not in environ:  # set and empty: a tunnel encrypts
        missing.append("FACEPIPE_TLS_CA")
    if not settings.access.token and settings.access.token_file is None:
        missing.append("FACEPIPE_ACCESS_TOKEN or FACEPIPE_ACCESS_TOKEN_FILE")
    if missing:
        raise StackError(
            "a worker host is told in .env, or the environment, where the rest of the stack is; "
            f"these are missing: {', '.join(missing)} (docs/operations.md, A worker host)"
        )


def _addresses(settings: LocalSettings) -> dict[str, str]:
    """Where the services find each other, following the ports."""
    port, host = settings.port, _reachable(settings.host)
    http = "https" if settings.tls.is_shown else "http"
    return {
        "FACEPIPE_ADDRESS_INPUT": f"{http}://{_reachable(settings.bind)}:{port.input}",
        "FACEPIPE_ADDRESS_LOGGER": f"{http}://{host}:{port.logger}",
        "FACEPIPE_ADDRESS_PLOTTER": f"{http}://{host}:{port.plotter}",
        "FACEPIPE_ADDRESS_STORE_GRPC": f"{host}:{port.store_grpc}",
        "FACEPIPE_ADDRESS_OTLP": f"{host}:{port.otlp}",
    }


def _reachable(host: str) -> str:
    return "127.0.0.1" if host in EVERYWHERE else host


def _no_proxy(environ: dict[str, str]) -> dict[str, str]:
    """Services talk to each other directly, also where the way out is a proxy."""
    known = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    hosts = ",".join([*filter(None, known.split(",")), "127.0.0.1", "localhost"])
    return {"no_proxy": hosts, "NO_PROXY": hosts}
