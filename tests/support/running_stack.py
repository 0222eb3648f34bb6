"""A stack as the acceptance tests see it: from outside."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from facepipe_client import Client
from tools.stack_driver.api import connect


class Stack(Protocol):
    """Whatever answers at the public addresses; `LocalStack` and `ComposeStack` are such."""

    @property
    def api(self) -> Client:
        """The input API."""

    @property
    def viewer(self) -> str | None:
        """Address of the page; None where it is not to be tested."""

    @property
    def volumes(self) -> Path | None:
        """Where the stack keeps its files; None where they cannot be seen from here."""


@dataclass(frozen=True)
class RunningStack:
    """A stack that somebody else has started."""

    api: Client
    viewer: str | None
    volumes: Path | None

    @classmethod
    def from_environment(cls) -> RunningStack | None:
        """The one that `FACEPIPE_ACCEPTANCE_API` and its neighbours name; None if it is unset."""
        api, viewer, volumes = (
            os.environ.get(f"FACEPIPE_ACCEPTANCE_{name}") for name in ("API", "VIEWER", "VOLUMES")
        )
        if not api:
            return None
        return cls(connect(api), viewer, Path(volumes) if volumes else None)
