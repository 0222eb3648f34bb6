"""The links of the list of plots lead to the plots, by way of the plotter's own routes."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
from fastapi import FastAPI

from facepipe.web.service import create_app
from plotter_service.app import add_routes
from plotter_service.files import MEDIA_TYPES, PlotFiles
from plotter_service.freshness import Freshness
from plotter_service.settings import PlotterServiceSettings
from tests.integration.input.rig import Rig, served


class _Fresh:
    async def ensure(self) -> None:
        """What is on disk is shown as it is."""


@pytest.fixture
def plotter(tmp_path: Path) -> FastAPI:
    """The plotter's routes over two plots on disk."""
    files = PlotFiles(tmp_path)
    for name in ("age_by_gender", "gender_split"):
        files.write(name, {kind: f"{name} as {kind}".encode() for kind in MEDIA_TYPES})
    files.write_index({"age_by_gender": "Ages", "gender_split": "Genders"}, images=3, revision=1)
    app = create_app("plotter_service", PlotterServiceSettings())
    add_routes(app, files, cast(Freshness, _Fresh()))
    return app


def test_each_link_leads_to_its_plot(
    rig: Rig, plotter: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(plotter) as address:
        monkeypatch.setattr(rig.settings.address, "plotter", address)
        plots = rig.http.get("/v1/plots").json()["plots"]
        answers = {
            (plot["name"], kind): rig.http.get(link)
            for plot in plots
            for kind, link in plot["links"].items()
        }

    assert {name for name, _ in answers} == {"age_by_gender", "gender_split"}
    assert {kind for _, kind in answers} == set(MEDIA_TYPES)
    for (name, kind), answer in answers.items():
        assert answer.content == f"{name} as {kind}".encode()
        assert answer.headers["content-type"].startswith(MEDIA_TYPES[kind])
