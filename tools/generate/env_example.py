"""`.env.example`: every variable of every settings class, its default, one line each."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from facepipe.system.settings import Settings
from tools.paths import ROOT
from tools.stack.configuration import LocalSettings
from tools.stack.services import SERVICES

_HEAD = """\
# Every variable of the pipeline with its default. Copy this file to `.env` and uncomment what
# you change; a variable of the environment has the last word. Written by `make format`.
"""


def env_example() -> dict[Path, str]:
    """.env.example and its contents."""
    blocks = [_HEAD, *_blocks()]
    return {ROOT / ".env.example": "\n".join(blocks)}


def variables() -> set[str]:
    """The names of all variables."""
    lines = env_example()[ROOT / ".env.example"].splitlines()
    return {line[1:].partition("=")[0] for line in lines if line.startswith("#FACEPIPE_")}


def _blocks() -> Iterator[str]:
    shared = _lines(Settings, [])
    yield _block("Every service", shared)
    yield _block("Without Docker (`make start`)", _lines(LocalSettings, shared))
    for service in SERVICES:
        for settings in _settings_classes(service.name):
            lines = _lines(settings, shared)
            if lines:
                yield _block(service.name, lines)


def _settings_classes(package: str) -> Iterator[type[Settings]]:
    try:
        module = importlib.import_module(f"{package}.settings")
    except ModuleNotFoundError:
        return
    for value in vars(module).values():
        if isinstance(value, type) and issubclass(value, Settings) and value is not Settings:
            yield value


def _block(title: str, lines: list[str]) -> str:
    return "\n".join([f"## {title}", *lines, ""])


def _lines(model: type[BaseModel], known: list[str]) -> list[str]:
    found = list(_fields(model, "FACEPIPE"))
    return [line for line in found if line not in known]


def _fields(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, info in model.model_fields.items():
        variable = f"{prefix}_{name.upper()}"
        default = info.get_default(call_default_factory=True)
        if isinstance(default, BaseModel):
            yield from _fields(type(default), variable)
        else:
            yield _line(variable, default, info)


def _line(variable: str, default: object, info: FieldInfo) -> str:
    if isinstance(default, bool):
        default = str(default).lower()
    text = f"#{variable}={'' if default is None else default}"
    return f"{text}  # {info.description}" if info.description else text
