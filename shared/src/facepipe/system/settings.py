"""Configuration that two or more services share, read from `FACEPIPE_*` variables.

A nested field is reached with one underscore: `FACEPIPE_REDIS_URL` is `redis.url`. A service
derives from `Settings` and adds a section of its own. `.env.example` lists every variable.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from facepipe.system.files_settings import FilesSettings
from facepipe.system.inside_token import InsideToken
from facepipe.system.tls import TlsSettings, is_loopback


class RedisSettings(BaseModel):
    url: str = Field(
        default="redis://127.0.0.1:6379/0",
        repr=False,
        description="redis://, rediss:// or unix://; a user and a password may stand in it",
    )
    user: str = Field(default="", description="user of Redis, where none stands in the address")
    password: str = Field(
        default="", repr=False, description="password of Redis, where none stands in the address"
    )
    password_file: Path | None = Field(default=None, description="a file with that password")
    ca_file: Path | None = Field(
        default=None, description="authority that rediss:// is checked by; none: FACEPIPE_TLS_CA"
    )
    image_budget_bytes: int = Field(
        default=512 * 2**20, description="no image is cached when Redis uses more memory"
    )
    image_ttl_s: int = Field(default=900, description="how long uploads and crops stay cached")

    @field_validator("ca_file", mode="before")
    @classmethod
    def _none_when_empty(cls, value: object) -> object:
        return value or None

    @property
    def is_checked(self) -> bool:
        """Whether Redis has to show a certificate of an authority that is set here."""
        return self.ca_file is not None and self.url.startswith("rediss://")

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        if not _is_redis_address(url):
            raise ValueError(
                "is no redis://, rediss:// or unix:// address; a password in it is percent-encoded"
            )
        return url


class PortSettings(BaseModel):
    input: int = 8000
    landmark: int = 8001
    agegender: int = 8002
    storage: int = 8003
    logger: int = 8004
    plotter: int = 8005
    watch: int = 8006
    viewer: int = 7860
    store_grpc: int = 50051
    otlp: int = 4317


class AddressSettings(BaseModel):
    """Where the other services are reached."""

    input: str = "http://127.0.0.1:8000"
    logger: str = "http://127.0.0.1:8004"
    plotter: str = "http://127.0.0.1:8005"
    store_grpc: str = "127.0.0.1:50051"
    otlp: str = "127.0.0.1:4317"


class VolumeSettings(BaseModel):
    """Folders on disk; each may be a mount of its own."""

    root: Path = Path("volumes")

    @cached_property
    def inbox(self) -> Path:
        return self.root / "inbox"

    @cached_property
    def saved_data(self) -> Path:
        return self.root / "saved_data"

    @cached_property
    def logs(self) -> Path:
        return self.root / "logs"

    @cached_property
    def models(self) -> Path:
        return self.root / "models"


class StageSettings(BaseModel):
    """How a stage runs its workers."""

    workers: int = Field(
        default=0,
        ge=0,
        le=64,
        description="RQ worker processes; 0: for landmarks one a CPU, else 1",
    )
    threads: int = Field(default=1, ge=0, description="threads a model; 0: by the CPU quota")
    device: Literal["cpu", "cuda"] = Field(default="cpu", description="what models run on")
    job_timeout_s: int | None = Field(
        default=None, ge=1, description="seconds, then killed and tried again; default: by stage"
    )
    host: str = Field(
        default="",
        description="name of the machine, where a container has another; default: the host name",
    )
    lease_s: int = Field(default=8, ge=3, description="silence after which a job is given back")
    max_jobs: int = Field(default=10_000, ge=1, description="jobs, then a worker is replaced")
    max_rss_mb: int = Field(
        default=2048,
        ge=128,
        description="resident size, in MB, above which a worker is replaced after its job",
    )


class ReconcileSettings(BaseModel):
    every_s: float = Field(
        default=3, gt=0, description="pause between two looks for what was accepted and is lost"
    )


class AccessSettings(BaseModel):
    """Who is let in."""

    open: bool = Field(
        default=False, description="no API key and no login, even beyond this host; on purpose"
    )

    allowed_hosts: str = Field(
        default="",
        description="further names that lead here, `host` or `host:port`, e.g. of a proxy",
    )
    token: str = Field(
        default="", repr=False, description="the inside token, which services show each other"
    )
    token_file: Path | None = Field(default=None, description="a file with that token")


class HttpSettings(BaseModel):
    """What a server takes from its callers."""

    connections: int = Field(default=512, ge=8, description="open at a time, of one service")
    connections_per_address: int = Field(
        default=256, ge=4, description="of one address; the silent ones make room"
    )
    head_s: float = Field(default=10, gt=0, description="within which the head of a request comes")
    body_s: float = Field(
        default=20, gt=0, description="over which a body has to bring 1 KiB a second"
    )
    send_s: float = Field(default=60, gt=0, description="for which an answer waits to be taken")


class TelemetrySettings(BaseModel):
    enabled: bool = True
    level: str = "INFO"
    backlog: int = Field(default=2048, description="records kept while the logger does not answer")


class Settings(BaseSettings):
    """What every service needs to find the others."""

    model_config = SettingsConfigDict(
        env_prefix="FACEPIPE_",
        env_nested_delimiter="_",
        env_nested_max_split=1,
        extra="ignore",
        # What was set wrongly may be a key or a password.
        hide_input_in_errors=True,
    )

    host: str = Field(default="127.0.0.1", description="address that a service listens on")
    bind: str = Field(default="127.0.0.1", description="address of the public ports")
    inside_bind: str = Field(
        default="",
        description="address at which the inside ports are published, where a container or a proxy "
        "does that; default: FACEPIPE_HOST",
    )
    model_dir: Path | None = Field(
        default=None, description="the project's own weights; default: models/ of the checkout"
    )
    redis: RedisSettings = RedisSettings()
    port: PortSettings = PortSettings()
    address: AddressSettings = AddressSettings()
    volumes: VolumeSettings = VolumeSettings()
    files: FilesSettings = FilesSettings()
    stage: StageSettings = StageSettings()
    reconcile: ReconcileSettings = ReconcileSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    access: AccessSettings = AccessSettings()
    http: HttpSettings = HttpSettings()
    tls: TlsSettings = TlsSettings()

    @model_validator(mode="after")
    def _check_redis_by_the_same_authority(self) -> Self:
        if self.redis.ca_file is None and self.tls.ca is not None:
            self.redis = self.redis.model_copy(update={"ca_file": self.tls.ca})
        return self

    @property
    def inside_token(self) -> InsideToken:
        """What this process shows others. Raises MisconfiguredError when there is none."""
        return InsideToken.read(self.access.token, self.access.token_file)

    @property
    def is_published(self) -> bool:
        """Whether the public ports can be reached from other machines."""
        return not is_loopback(self.bind)


def _is_redis_address(url: str) -> bool:
    """Whether it can be read; urllib's own words might repeat a piece of the password."""
    try:
        address = urlsplit(url)
        is_one = address.scheme in ("redis", "rediss", "unix") and address.port != 0
    except ValueError:
        return False
    return is_one and "@" not in address.path + address.query + address.fragment
