"""Settings of this service: the section `plotter`, variables `FACEPIPE_PLOTTER_*`."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, Field

from facepipe.files.result_files import plots_folder
from facepipe.system.settings import Settings


class PlotterSettings(BaseModel):
    """How often plots are drawn."""

    min_interval_s: float = Field(default=10.0, ge=0, description="seconds between two drawings")
    wait_s: float = Field(
        default=8.0, ge=0, description="seconds that a visitor waits for plots that are outdated"
    )


class JudgeSettings(BaseModel):
    """Which weights judge ages, as agegender_service is set."""

    weights: str = Field(
        default="open", description="whose ages the pyramid shows, corrected if they were measured"
    )


class PlotterServiceSettings(Settings):
    agegender: JudgeSettings = JudgeSettings()
    plotter: PlotterSettings = PlotterSettings()

    @property
    def plots_folder(self) -> Path:
        """Where the plots are written."""
        return plots_folder(self.volumes.saved_data)
