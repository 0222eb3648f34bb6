"""API keys: made once, shown once, kept as hashes.

A key is 256 bits of chance, so that one round of SHA-256 is enough: there is nothing to guess.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

PREFIX = "fp_"
_ENTRY = re.compile(
    r"(?P<name>[\w.-]{1,64}):(?P<scopes>[a-z,]+):(?P<digest>[0-9a-f]{64})", re.ASCII
)


class Scope(StrEnum):
    """What a key allows."""

    READ = "read"
    WRITE = "write"
    DELETE = "delete"
    ADMIN = "admin"


ALL_SCOPES = frozenset(Scope)


class KeyEntryError(ValueError):
    """A stored key is not written as `name:scopes:sha256`."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is stored: whose it is, what it allows, and the SHA-256 of it."""

    name: str
    scopes: frozenset[Scope]
    digest: str

    @classmethod
    def of(cls, name: str, scopes: Iterable[Scope], key: str) -> Self:
        return cls(name, frozenset(scopes), _digest(key))

    @classmethod
    def parse(cls, entry: str) -> Self:
        """Reads `name:scopes:sha256`. Raises KeyEntryError, which never quotes the entry."""
        found = _ENTRY.fullmatch(entry)
        if found is None:
            raise KeyEntryError("an API key is stored as name:read,write,delete:sha256")
        try:
            scopes = frozenset(Scope(scope) for scope in found["scopes"].split(","))
        except ValueError as error:
            raise KeyEntryError(f"key {found['name']}: {error}") from error
        return cls(found["name"], scopes, found["digest"])

    def __str__(self) -> str:
        scopes = ",".join(scope for scope in Scope if scope in self.scopes)
        return f"{self.name}:{scopes}:{self.digest}"


class KeyRing:
    """The keys that are known."""

    def __init__(self, keys: Iterable[ApiKey]) -> None:
        self._keys = tuple(keys)

    def find(self, key: str) -> ApiKey | None:
        """The stored key behind one that was sent.

        All are compared, each in constant time: how long it takes tells nothing.
        """
        digest = _digest(key)
        found = None
        for known in self._keys:
            if hmac.compare_digest(known.digest, digest):
                found = known
        return found


def new_key() -> str:
    return PREFIX + secrets.token_urlsafe(32)


def parse_keys(text: str) -> list[ApiKey]:
    """Reads entries separated by white space; what follows a `#` in a line is not read."""
    lines = (line.partition("#")[0] for line in text.splitlines())
    return [ApiKey.parse(entry) for line in lines for entry in line.split()]


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
