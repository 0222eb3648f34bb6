"""The API as a service: its document, its probes."""

from __future__ import annotations

import json

import httpx

from facepipe.version import VERSION
from tools.paths import ROOT


def test_the_api_describes_itself_as_was_published(http: httpx.Client) -> None:
    published = json.loads((ROOT / "docs" / "openapi" / "input_service.json").read_text())

    assert http.get("/openapi.json").json() == published
    assert http.get("/docs").headers["content-type"].startswith("text/html")


def test_it_is_alive_ready_and_measured(http: httpx.Client) -> None:
    assert http.get("/healthz").json() == {"status": "alive", "version": VERSION}
    ready = http.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    metrics = http.get("/metrics")
    assert metrics.headers["content-type"].startswith("text/plain")
    assert b"\n# TYPE " in metrics.content
