from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from facepipe.service import create_app
from plotter_service import app as app_module
from plotter_service import jobs
from plotter_service.app import add_routes, ask_if_changed
from plotter_service.files import PlotFiles
from plotter_service.jobs import PlotWorker
from plotter_service.plots import NAMES
from plotter_service.settings import PlotterServiceSettings

from .documents import face, image_id, store

NOBODY = Redis(port=9)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Delays with which plots were asked for."""
    delays: list[float] = []

    def enqueue_plots(_redis: Redis, delay_s: float = 0.0) -> bool:
        delays.append(delay_s)
        return True

    monkeypatch.setattr(jobs, "enqueue_plots", enqueue_plots)
    monkeypatch.setattr(app_module, "enqueue_plots", enqueue_plots)
    return delays


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PlotterServiceSettings:
    monkeypatch.setenv("FACEPIPE_VOLUMES_ROOT", str(tmp_path))
    monkeypatch.setenv("FACEPIPE_PLOTTER_MEMORY", "512m")  # compose's, no setting of ours
    return PlotterServiceSettings()


@pytest.fixture
def files(settings: PlotterServiceSettings) -> PlotFiles:
    return PlotFiles(settings.plots_folder)


class Http:
    """Asks an application in process."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    def get(self, path: str) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://127.0.0.1"
            ) as client:
                return await client.get(path)

        return asyncio.run(ask())


@pytest.fixture
def http(settings: PlotterServiceSettings, files: PlotFiles) -> Http:
    app = create_app("plotter_service", settings)
    add_routes(app, files)
    return Http(app)


def age_by(files: PlotFiles, seconds: float) -> None:
    """Makes the plots look older."""
    index = files.folder / "index.json"
    then = index.stat().st_mtime - seconds
    os.utime(index, (then, then))


def faces_counted(files: PlotFiles) -> float:
    plot = json.loads((files.folder / "gender_split.json").read_bytes())
    return float(sum(plot["series"][0]["values"]))


def test_first_drawing_needs_no_result(
    settings: PlotterServiceSettings, files: PlotFiles, asked: list[float]
) -> None:
    PlotWorker(settings, NOBODY).redraw()

    assert [plot["name"] for plot in files.index()] == list(NAMES)
    kinds = {path.suffix for path in files.folder.iterdir() if path.stem in NAMES}
    assert kinds == {".png", ".svg", ".json"}
    assert asked == []


def test_plots_from_the_future_do_not_hold_up_the_next_ones(
    settings: PlotterServiceSettings, files: PlotFiles, asked: list[float]
) -> None:
    # Given plots that were drawn before the clock was set back by an hour
    worker = PlotWorker(settings, NOBODY)
    worker.redraw()
    age_by(files, -3600)

    # When another result comes
    store(settings.volumes.saved_data, 1, [face()])
    worker.redraw()

    # Then they are drawn at once
    assert asked == []
    assert faces_counted(files) == 1


def test_a_job_soon_after_the_last_drawing_puts_itself_off(
    settings: PlotterServiceSettings, files: PlotFiles, asked: list[float]
) -> None:
    # given
    worker = PlotWorker(settings, NOBODY)
    worker.redraw()
    store(settings.volumes.saved_data, 1, [face()])

    # when
    worker.redraw()

    # then
    assert faces_counted(files) == 0
    (delay_s,) = asked
    assert 0 < delay_s <= settings.plotter.min_interval_s

    # when that time has passed
    age_by(files, 60)
    worker.redraw()

    # then
    assert faces_counted(files) == 1


def test_a_deleted_result_vanishes_from_the_plots(
    settings: PlotterServiceSettings, files: PlotFiles, asked: list[float]
) -> None:
    # given
    worker = PlotWorker(settings, NOBODY)
    store(settings.volumes.saved_data, 1, [face()])
    worker.redraw()
    assert faces_counted(files) == 1

    # when
    (settings.volumes.saved_data / f"{image_id(1)}.json").unlink()
    age_by(files, 60)
    worker.redraw()

    # then
    assert faces_counted(files) == 0


def test_nothing_new_is_not_drawn_again(
    settings: PlotterServiceSettings, files: PlotFiles, asked: list[float]
) -> None:
    worker = PlotWorker(settings, NOBODY)
    worker.redraw()
    age_by(files, 60)
    before = (files.folder / "index.json").stat().st_mtime_ns

    worker.redraw()

    assert (files.folder / "index.json").stat().st_mtime_ns == before


def test_what_was_not_read_in_time_is_asked_for_again(
    settings: PlotterServiceSettings,
    files: PlotFiles,
    asked: list[float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from plotter_service import cache

    monkeypatch.setattr(cache, "_BATCH", 1)
    settings.plotter.read_budget_s = 1e-9
    for number in range(2):
        store(settings.volumes.saved_data, number, [face()])

    PlotWorker(settings, NOBODY).redraw()

    assert faces_counted(files) == 1
    assert asked == [0.0]


def test_watcher_asks_when_results_came_or_went(tmp_path: Path, asked: list[float]) -> None:
    # given
    results = tmp_path / "saved_data"
    path = store(results, 1)
    os.utime(results, (1, 1))

    # when
    seen = ask_if_changed(NOBODY, results, -1)
    seen = ask_if_changed(NOBODY, results, seen)
    assert len(asked) == 1
    path.unlink()
    ask_if_changed(NOBODY, results, seen)

    # then
    assert len(asked) == 2


def test_watcher_asks_again_when_redis_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(_redis: Redis) -> bool:
        raise RedisConnectionError("refused")

    monkeypatch.setattr(app_module, "enqueue_plots", down)
    assert ask_if_changed(NOBODY, tmp_path, -1) == -1


class TestHttp:
    def test_before_the_first_drawing_there_are_no_plots(self, http: Http) -> None:
        assert http.get("/plots").json() == {"plots": []}
        assert http.get("/plots/confidence.png").status_code == 404

    @pytest.mark.parametrize(
        ("kind", "media_type"),
        [("png", "image/png"), ("svg", "image/svg+xml"), ("json", "application/json")],
    )
    def test_links_lead_to_files(
        self,
        kind: str,
        media_type: str,
        http: Http,
        settings: PlotterServiceSettings,
        asked: list[float],
    ) -> None:
        PlotWorker(settings, NOBODY).redraw()

        for plot in http.get("/plots").json()["plots"]:
            answer = http.get(plot["links"][kind])
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith(media_type)
            assert answer.content

    @pytest.mark.parametrize(
        "path", ["index.json", "nothing.png", "confidence.exe", "..%2Findex.json", "confidence"]
    )
    def test_nothing_else_is_served(
        self, path: str, http: Http, settings: PlotterServiceSettings, asked: list[float]
    ) -> None:
        PlotWorker(settings, NOBODY).redraw()
        assert http.get(f"/plots/{path}").status_code == 404
