"""The links of the list of plots lead to the plots, by way of the plotter's own routes."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any, cast

import pytest
from fastapi import FastAPI

from facepipe.domain.face_fields import FaceCondition
from facepipe.ledger.messages import query_from_pb
from facepipe.ledger.states import ListQuery
from facepipe.v1 import face_store_pb2 as pb
from facepipe.web.service import create_app
from plotter_service.app import add_routes
from plotter_service.chosen import Chosen
from plotter_service.files import MEDIA_TYPES, PlotFiles
from plotter_service.freshness import Freshness
from plotter_service.settings import PlotterServiceSettings
from tests.integration.input.rig import Rig, served


class _Fresh:
    async def ensure(self) -> None:
        """What is on disk is shown as it is."""


class _Asked:
    """Notes which images were asked about."""

    def __init__(self, asked: list[ListQuery]) -> None:
        self._asked = asked

    def plots(self, where: str) -> list[dict[str, Any]]:
        message = pb.ListAnalysesRequest.FromString(base64.urlsafe_b64decode(where))
        self._asked.append(query_from_pb(message))
        return [{"name": "gender_split"}]


@pytest.fixture
def asked() -> list[ListQuery]:
    return []


@pytest.fixture
def plotter(tmp_path: Path, asked: list[ListQuery]) -> FastAPI:
    """The plotter's routes over two plots on disk."""
    files = PlotFiles(tmp_path)
    for name in ("age_by_gender", "gender_split"):
        files.write(name, {kind: f"{name} as {kind}".encode() for kind in MEDIA_TYPES})
    files.write_index({"age_by_gender": "Ages", "gender_split": "Genders"}, images=3, revision=1)
    app = create_app("plotter_service", PlotterServiceSettings())
    add_routes(app, files, cast(Freshness, _Fresh()), cast(Chosen, _Asked(asked)))
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


def test_plots_of_some_images_take_the_filters_of_the_list(
    rig: Rig, plotter: FastAPI, asked: list[ListQuery], monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(plotter) as address:
        monkeypatch.setattr(rig.settings.address, "plotter", address)
        found = rig.http.get("/v1/plots/data?name=beach&min_age=18&gender=female&tag=summer")
        refused = rig.http.get("/v1/plots/data?colour=red")

    assert found.json() == {"plots": [{"name": "gender_split"}]}
    (query,) = asked
    assert (query.name, query.tags) == ("beach", ("summer",))
    assert set(query.faces) == {
        FaceCondition("age", low=18), FaceCondition("gender", any_of=("female",)),
    }  # fmt: skip
    assert refused.status_code == 422
