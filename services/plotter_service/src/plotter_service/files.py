"""The plots on disk, and the list of them.

plots/<name>.png .svg .json     each written aside and renamed
plots/index.json                the list, written last
plots/.cache/                   matplotlib's list of fonts; may be deleted at any time
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from facepipe.domain.errors import ImageNotFoundError, ServiceUnavailableError
from facepipe.files.store.folder import make_folder, volume_problem, write_durably
from plotter_service.plots import NAMES

MEDIA_TYPES = {"png": "image/png", "svg": "image/svg+xml", "json": "application/json"}


class PlotFiles:
    """The folder of the plots."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def cache_folder(self) -> Path:
        return self.folder / ".cache"

    def problem(self) -> str | None:
        """A check of `/readyz`: why no plot can be written."""
        try:
            make_folder(self.folder)
        except OSError as error:
            return f"{self.folder} cannot be made: {error.strerror}"
        return volume_problem(self.folder)

    def write(self, name: str, contents: Mapping[str, bytes]) -> None:
        """Writes one plot; `contents` by file extension."""
        make_folder(self.folder)
        for extension, data in contents.items():
            write_durably(self.folder / f"{name}.{extension}", data)

    def write_index(self, titles: Mapping[str, str], images: int, revision: int) -> None:
        """Writes the list of the plots, title by name; `revision` is that of the ledger."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        plots = [
            {"name": name, "title": title, "updated_at": now} for name, title in titles.items()
        ]
        index = {"plots": plots, "images": images, "revision": revision}
        write_durably(self._index, json.dumps(index, indent=2).encode())

    def index(self) -> list[dict[str, Any]]:
        """The plots that there are, each with `name`, `title`, `updated_at` and `links`."""
        plots: list[dict[str, Any]] = self._read_index().get("plots", [])
        for plot in plots:
            plot["links"] = {kind: f"/plots/{plot['name']}.{kind}" for kind in MEDIA_TYPES}
        return plots

    def revision(self) -> int | None:
        """The revision of the ledger that the plots show; None when there are none."""
        return self._read_index().get("revision")

    def path(self, name: str, extension: str) -> Path:
        """The file of a plot.

        Raises:
            ImageNotFoundError: there is no plot by that name.
            ServiceUnavailableError: it was not drawn yet.
        """
        if name not in NAMES or extension not in MEDIA_TYPES:
            message = f"there is no plot {name}.{extension}; GET /plots lists them"
            raise ImageNotFoundError(message)
        path = self.folder / f"{name}.{extension}"
        if not path.is_file():
            raise ServiceUnavailableError("the plot is being drawn", retry_after_s=5)
        return path

    def age_s(self) -> float | None:
        """Seconds since the plots were drawn; None when they never were.

        Plots from the future, which a clock that was set back leaves, are as old as can be:
        else nothing would be drawn until it is their time.
        """
        try:
            age_s = time.time() - self._index.stat().st_mtime
        except FileNotFoundError:
            return None
        return max(0.0, age_s) if age_s > -1 else math.inf

    def _read_index(self) -> dict[str, Any]:
        try:
            index = json.loads(self._index.read_bytes())
        except (OSError, ValueError):
            return {}
        return index if isinstance(index, dict) else {}

    @property
    def _index(self) -> Path:
        return self.folder / "index.json"
