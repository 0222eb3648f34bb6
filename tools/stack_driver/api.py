"""The input API as tests and long runs use it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import httpx

from facepipe_client import Client, Result


def connect(address: str) -> Client:
    """A client that opens a connection a call: none stays open, none is stale after a kill."""
    limits = httpx.Limits(max_keepalive_connections=0)
    return Client(address, timeout_s=60, transport=httpx.HTTPTransport(limits=limits))


def upload_all(api: Client, images: Iterable[bytes]) -> list[str]:
    """Sends images one by one; their ids."""
    return [api.upload(image).image_id for image in images]


def analyse(api: Client, image: bytes) -> Result:
    """Sends one image, which must come to a whole result."""
    result = api.analyse(image)
    assert result.status == "stored", result.error
    return result


def document_of(api: Client, image_id: str) -> dict[str, Any]:
    """The result document as it stands on disk."""
    found: dict[str, Any] = json.loads(api.file(image_id, "result"))
    return found
