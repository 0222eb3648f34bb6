"""Configuration of watch_service, `FACEPIPE_WATCH_*`."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, Field

from facepipe.system.settings import Settings


class WatchSection(BaseModel):
    dir: Path | None = Field(
        default=None, description="photographs that are put into this folder are sent; none: off"
    )
    key: str = Field(default="", repr=False, description="API key with which they are sent")
    settle_s: float = Field(
        default=2.0, gt=0, description="a file is complete when it is the same for so long"
    )
    look_every_s: float = Field(
        default=60.0,
        gt=0,
        description="pause between two looks at the whole folder, e.g. of a network, which may "
        "not tell of changes",
    )


class WatchServiceSettings(Settings):
    """Everything that watch_service reads from the environment."""

    watch: WatchSection = WatchSection()

    @property
    def memory_file(self) -> Path:
        """Where it is kept what was sent."""
        return self.volumes.root / "watch" / "sent.sqlite"
