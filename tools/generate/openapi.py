"""The OpenAPI documents of the services that others talk to over HTTP."""

from __future__ import annotations

import importlib
import json
import secrets
from pathlib import Path
from typing import Any

from tools.paths import ROOT

_FOLDER = ROOT / "docs" / "openapi"
# package, function that makes the application, class of its settings
_APPLICATIONS = (
    ("input_service", "create_input_app", "InputSettings"),
    ("logger_service", "create_logger_app", "LoggerSettings"),
)


def openapi() -> dict[Path, str]:
    """docs/openapi/<service>.json and its contents, for each service."""
    return {
        _FOLDER / f"{row[0]}.json": json.dumps(described(*row), indent=2, sort_keys=True) + "\n"
        for row in _APPLICATIONS
    }


def described(
    package: str = "input_service",
    create: str = "create_input_app",
    settings: str = "InputSettings",
) -> dict[str, Any]:
    """The OpenAPI document of a service, in the order of its code."""
    application = importlib.import_module(f"{package}.app")
    configuration = importlib.import_module(f"{package}.settings")
    chosen = getattr(configuration, settings)()
    chosen.access.token = secrets.token_urlsafe()  # without one there is no application
    document: dict[str, Any] = getattr(application, create)(chosen).openapi()
    return document
