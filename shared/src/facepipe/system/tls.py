"""TLS between services: who is believed, and what a server shows.

`FACEPIPE_TLS_CA` names the authority that calls of other services are checked by; with it every
gRPC call is encrypted. `FACEPIPE_TLS_CERT` and `FACEPIPE_TLS_KEY` are what this process shows: with
them all of its ports speak TLS and nothing else. `make certificates` makes all three. Who calls is
told by the inside token.
"""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc
from pydantic import BaseModel, Field, field_validator

from facepipe.domain.errors import MisconfiguredError, UnencryptedError


class TlsSettings(BaseModel):
    """Files in PEM."""

    ca: Path | None = Field(
        default=None, description="certificate of the authority that other services are checked by"
    )
    cert: Path | None = Field(
        default=None, description="certificate of this service; with it all of its ports speak TLS"
    )
    key: Path | None = Field(default=None, description="private key of that certificate")

    @field_validator("ca", "cert", "key", mode="before")
    @classmethod
    def _none_when_empty(cls, value: object) -> object:
        return value or None

    @property
    def is_shown(self) -> bool:
        """Whether the ports of this process speak TLS."""
        return self.cert is not None

    @property
    def files(self) -> tuple[Path, Path]:
        """Certificate and key.

        Raises:
            MisconfiguredError: one of them is not set.
        """
        if self.cert is None or self.key is None:
            raise MisconfiguredError("set FACEPIPE_TLS_CERT and FACEPIPE_TLS_KEY, or neither")
        return self.cert, self.key


def open_channel(address: str, ca: Path | None, options: Sequence[tuple[str, Any]]) -> grpc.Channel:
    """A channel to another service, encrypted where an authority is set.

    Raises:
        MisconfiguredError: the certificate of the authority cannot be read.
    """
    if ca is None:
        return grpc.insecure_channel(address, options=options)
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(_read(ca)), options=options)


def open_port(server: grpc.Server, address: str, tls: TlsSettings) -> int:
    """Has a gRPC server listen.

    Raises:
        MisconfiguredError: certificate or key cannot be read.
        RuntimeError: the port is taken.
    """
    if not tls.is_shown:
        return server.add_insecure_port(address)
    cert, key = tls.files
    return server.add_secure_port(address, grpc.ssl_server_credentials([(_read(key), _read(cert))]))


def trusting(ca: Path | None) -> ssl.SSLContext | bool:
    """What httpx checks `https://` by, its `verify`.

    Raises:
        MisconfiguredError: the certificate of the authority cannot be read.
    """
    if ca is None:
        return True
    try:
        return ssl.create_default_context(cadata=_read(ca).decode())
    except (ssl.SSLError, ValueError) as error:
        raise MisconfiguredError(f"{ca} is no certificate: {error}") from error


def check_encrypted(
    tls: TlsSettings, listens_on: str, calls: Sequence[tuple[str, str]] = ()
) -> None:
    """Raises when something between machines would go unencrypted, or no file can be read.

    Args:
        tls: the files.
        listens_on: the address that the inside ports are reached at, "" where there are none.
        calls: names of settings and the URLs in them that lead to other machines.

    Raises:
        UnencryptedError: it would; the message says which setting makes it so.
        MisconfiguredError: a certificate or key is not set or cannot be read.
    """
    if tls.is_shown or tls.key is not None:
        for file in tls.files:
            _read(file)
    elif listens_on and not is_loopback(listens_on):
        raise UnencryptedError(
            f"the inside ports would be open to other machines at {listens_on} without TLS: set "
            "FACEPIPE_TLS_CERT and FACEPIPE_TLS_KEY (`make certificates` makes them), or "
            "FACEPIPE_HOST=127.0.0.1; in a container whose ports are not published, "
            "FACEPIPE_INSIDE_BIND=127.0.0.1"
        )
    if tls.ca is None:
        return
    _read(tls.ca)
    for name, url in calls:
        address = urlsplit(url)
        if address.scheme in ("http", "redis") and not is_loopback(address.hostname or ""):
            raise UnencryptedError(
                f"FACEPIPE_TLS_CA is set and {name} begins with {address.scheme}://, which is not "
                f"encrypted: write {address.scheme}s://"
            )


def is_loopback(host: str) -> bool:
    """Whether a name or an address leads to this machine alone."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise MisconfiguredError(f"{file} cannot be read: {error.strerror}") from error
