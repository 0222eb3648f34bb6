"""Where images and results lie: in a folder, or in a bucket of an object store."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, Field, field_validator

from facepipe.domain.errors import MisconfiguredError
from facepipe.system.secret_file import read_secret

_KEY_ID, _KEY_SECRET = "FACEPIPE_FILES_KEY_ID", "FACEPIPE_FILES_KEY_SECRET"


class FilesSettings(BaseModel):
    """The address, and what it takes to be let in."""

    url: str = Field(
        default="",
        description="s3://bucket/prefix, or file:///folder; default: FACEPIPE_VOLUMES_ROOT",
    )
    endpoint: str = Field(default="", description="address of the S3 server; none: that of AWS")
    region: str = Field(default="us-east-1", description="of the bucket")
    key_id: str = Field(
        default="", description="id of the access key; none: what the machine is given by AWS"
    )
    key_id_file: Path | None = Field(default=None, description="a file with that id")
    key_secret: str = Field(default="", repr=False, description="secret of the access key")
    key_secret_file: Path | None = Field(default=None, description="a file with that secret")
    ca: Path | None = Field(
        default=None,
        description="a file with the authority of the S3 server, believed beside those of the "
        "system; none: FACEPIPE_TLS_CA",
    )
    downloads: Literal["stream", "redirect"] = Field(
        default="stream",
        description="redirect: clients of the API fetch files from the object store, by links "
        "that are good for five minutes",
    )
    timeout_s: float = Field(default=20, gt=0, description="within which one request is answered")

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        parts = urlsplit(url)
        is_folder = parts.scheme == "file" and not parts.netloc and parts.path.startswith("/")
        is_bucket = parts.scheme == "s3" and parts.netloc and "@" not in parts.netloc
        if url and not is_folder and not is_bucket:
            raise ValueError("is neither s3://bucket/prefix nor file:///folder")
        return url

    @field_validator("endpoint")
    @classmethod
    def _is_a_server(cls, endpoint: str) -> str:
        parts = urlsplit(endpoint)
        if endpoint and (parts.scheme not in ("http", "https") or "@" in parts.netloc):
            raise ValueError("is no http:// or https:// address without a login")
        return endpoint

    @field_validator("key_id_file", "key_secret_file", "ca", mode="before")
    @classmethod
    def _none_when_empty(cls, value: object) -> object:
        return value or None

    @property
    def is_bucket(self) -> bool:
        return self.url.startswith("s3://")

    @property
    def bucket(self) -> str:
        return urlsplit(self.url).netloc

    @property
    def prefix(self) -> str:
        """What stands before the names in the bucket, with its slash; "" for nothing."""
        prefix = urlsplit(self.url).path.strip("/")
        return f"{prefix}/" if prefix else ""

    def folder(self, default: Path) -> Path:
        """The folder, where it is one."""
        return Path(unquote(urlsplit(self.url).path)) if self.url.startswith("file:") else default

    def key(self) -> tuple[str, str] | None:
        """Id and secret of the access key; None: there is none.

        Raises:
            MisconfiguredError: there is half a key, or a file is empty or cannot be read.
        """
        key_id = self.key_id or read_secret(_KEY_ID, self.key_id_file)
        secret = self.key_secret or read_secret(_KEY_SECRET, self.key_secret_file)
        if bool(secret) != bool(key_id):
            raise MisconfiguredError(
                f"set {_KEY_ID} and {_KEY_SECRET} (or their _FILE), or neither"
            )
        return (key_id, secret) if key_id else None
