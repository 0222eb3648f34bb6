"""A stack as the acceptance tests see it: from outside."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tools.stack_driver.pipeline import Pipeline


class Stack(Protocol):
    """Whatever answers at the public addresses; `LocalStack` and `ComposeStack` are such."""

    @property
    def api(self) -> Pipeline:
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

    api: Pipeline
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
        return cls(Pipeline(api.rstrip("/")), viewer, Path(volumes) if volumes else None)
