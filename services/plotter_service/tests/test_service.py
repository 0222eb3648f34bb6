from __future__ import annotations

import asyncio
import base64
import json
import os
from dataclasses import dataclass, field

import httpx
import pytest
from fastapi import FastAPI
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from facepipe.domain.analysis import Gender
from facepipe.domain.errors import ServiceUnavailableError
from facepipe.ledger.messages import query_to_pb
from facepipe.ledger.states import Grouping, ListQuery, Stats, StepTime
from facepipe.web.service import create_app
from plotter_service import freshness
from plotter_service.app import add_routes
from plotter_service.chosen import Chosen
from plotter_service.collect import collect
from plotter_service.files import PlotFiles
from plotter_service.freshness import Freshness
from plotter_service.jobs import PlotWorker
from plotter_service.plots import NAMES
from plotter_service.settings import PlotterServiceSettings

NOON_S = 1_772_625_600  # 2026-03-04 12:00 UTC


@dataclass
class FakeLedger:
    """Counts of four faces in three results; `is_down` makes every call fail."""

    revision: int = 7
    is_down: bool = False
    asked: list[ListQuery | None] = field(default_factory=list)
    groups: dict[tuple[str, ...], dict[tuple[str, ...], int]] = field(
        default_factory=lambda: {
            ("num_faces",): {("0",): 1, ("1",): 1, ("14",): 1},
            ("stored_at",): {(str(NOON_S),): 2, (str(NOON_S + 60),): 1},
            ("reliable",): {("true",): 2, ("false",): 2},
            ("gender",): {("female",): 3, ("unknown",): 1},
            ("gender", "age"): {
                ("female", "0"): 1, ("female", "25"): 1, ("female", "115"): 1, ("unknown", ""): 1,
            },
            ("confidence",): {("0.85",): 3, ("1",): 1},
        }
    )  # fmt: skip

    def stats(self) -> Stats:
        if self.is_down:
            raise ServiceUnavailableError("down")
        return Stats({}, 3, 4, {}, 0, self.revision)

    def count(self, *by: Grouping, where: ListQuery | None = None) -> dict[tuple[str, ...], int]:
        self.asked.append(where)
        return self.groups[tuple(one.field for one in by)]

    def step_times(self) -> dict[str, StepTime]:
        return {"detect": StepTime(40.0, 55.0, 3)}


@pytest.fixture
def ledger() -> FakeLedger:
    return FakeLedger()


@pytest.fixture
def settings(tmp_path_factory: pytest.TempPathFactory) -> PlotterServiceSettings:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACEPIPE_VOLUMES_ROOT", str(tmp_path_factory.mktemp("volumes")))
        patch.setenv("FACEPIPE_PLOTTER_WAIT_S", "0.3")
        patch.setenv("FACEPIPE_PLOTTER_MEMORY", "512m")  # compose's, no setting of ours
        return PlotterServiceSettings()


@pytest.fixture
def files(settings: PlotterServiceSettings) -> PlotFiles:
    return PlotFiles(settings.plots_folder)


@pytest.fixture
def worker(ledger: FakeLedger, files: PlotFiles) -> PlotWorker:
    return PlotWorker(ledger, files)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, worker: PlotWorker) -> list[str]:
    """What plots were asked for; the worker draws them at once."""
    asked: list[str] = []

    def enqueue_plots(_redis: Redis) -> bool:
        asked.append("plots")
        worker.redraw()
        return True

    monkeypatch.setattr(freshness, "enqueue_plots", enqueue_plots)
    return asked


class Http:
    """Asks an application in process."""

    def __init__(self, app: FastAPI, headers: dict[str, str]) -> None:
        self._app = app
        self._headers = headers

    def get(self, path: str) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://127.0.0.1"
            ) as client:
                return await client.get(path, headers=self._headers)

        return asyncio.run(ask())


@pytest.fixture
def http(settings: PlotterServiceSettings, files: PlotFiles, ledger: FakeLedger) -> Http:
    app = create_app("plotter_service", settings)
    fresh = Freshness(files, ledger, Redis(port=9), settings.plotter)
    add_routes(app, files, fresh, Chosen(ledger, "open"))
    return Http(app, settings.inside_token.headers)


def age_by(files: PlotFiles, seconds: float) -> None:
    """Makes the plots look older."""
    index = files.folder / "index.json"
    then = index.stat().st_mtime - seconds
    os.utime(index, (then, then))


def test_the_numbers_are_those_that_the_ledger_counts(ledger: FakeLedger) -> None:
    found = collect(ledger)

    assert (found.images, found.faces, found.faces_with_age, found.reliable_faces) == (3, 4, 3, 2)
    assert found.faces_per_image == {0: 1, 1: 1, 10: 1}
    assert [(n, count) for n, count in enumerate(found.ages[Gender.FEMALE]) if count] == [
        (0, 1), (5, 1), (20, 1),
    ]  # fmt: skip
    assert found.genders == {Gender.FEMALE: 3, Gender.MALE: 0, Gender.UNKNOWN: 1}
    assert [(n, count) for n, count in enumerate(found.confidences) if count] == [(17, 3), (19, 1)]
    assert found.step_times["detect"].count == 3
    assert found.timeline.counts == (2, 1)


def test_every_plot_is_drawn_in_every_format(worker: PlotWorker, files: PlotFiles) -> None:
    worker.redraw()

    assert [plot["name"] for plot in files.index()] == list(NAMES)
    kinds = {path.suffix for path in files.folder.iterdir() if path.stem in NAMES}
    assert kinds == {".png", ".svg", ".json"}
    plot = json.loads((files.folder / "gender_split.json").read_bytes())
    assert plot["series"][0]["values"] == [3, 0, 1]


def test_plots_that_cannot_be_written_are_a_problem(files: PlotFiles) -> None:
    assert files.problem() is None

    files.folder.rmdir()
    files.folder.touch()  # a file where the folder should be

    assert str(files.folder) in (files.problem() or "")


def test_an_unchanged_ledger_is_not_drawn_again(
    worker: PlotWorker, files: PlotFiles, ledger: FakeLedger
) -> None:
    # given plots
    worker.redraw()
    index = files.folder / "index.json"
    before = index.stat().st_mtime_ns

    # when nothing has changed, then something has
    worker.redraw()
    assert index.stat().st_mtime_ns == before
    ledger.revision += 1
    worker.redraw()

    # then they are drawn once more
    assert index.stat().st_mtime_ns != before
    assert files.revision() == ledger.revision


@pytest.mark.usefixtures("asked")
class TestHttp:
    def test_the_first_visitor_has_them_drawn(self, http: Http, asked: list[str]) -> None:
        assert [plot["name"] for plot in http.get("/plots").json()["plots"]] == list(NAMES)
        assert asked == ["plots"]

    def test_a_visitor_sees_what_has_come_since(
        self, http: Http, files: PlotFiles, ledger: FakeLedger, asked: list[str]
    ) -> None:
        # given plots of some time ago, and another result
        http.get("/plots")
        age_by(files, 60)
        ledger.revision += 1
        ledger.groups["gender",] = {("male",): 5}

        # when somebody looks
        plot = http.get("/plots/gender_split.json").json()

        # then it counts
        assert plot["series"][0]["values"] == [0, 5, 0]
        assert len(asked) == 2

    def test_plots_of_a_moment_ago_are_fresh_enough(
        self, http: Http, ledger: FakeLedger, asked: list[str]
    ) -> None:
        http.get("/plots")
        ledger.revision += 1

        http.get("/plots")

        assert len(asked) == 1

    def test_plots_from_the_future_do_not_hold_up_the_next_ones(
        self, http: Http, files: PlotFiles, ledger: FakeLedger, asked: list[str]
    ) -> None:
        # given plots that were drawn before the clock was set back by an hour
        http.get("/plots")
        age_by(files, -3600)
        ledger.revision += 1

        http.get("/plots")

        assert len(asked) == 2

    def test_without_the_ledger_the_old_ones_are_shown(
        self, http: Http, files: PlotFiles, ledger: FakeLedger
    ) -> None:
        http.get("/plots")
        age_by(files, 60)
        ledger.is_down = True

        assert len(http.get("/plots").json()["plots"]) == len(NAMES)

    def test_nothing_waits_for_ever(self, http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(freshness, "enqueue_plots", lambda _: True)  # nobody draws

        assert http.get("/plots").json() == {"plots": []}
        answer = http.get("/plots/confidence.png")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")

    def test_without_redis_there_are_none_yet(
        self, http: Http, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def away(_redis: Redis) -> bool:
            raise RedisConnectionError("refused")

        monkeypatch.setattr(freshness, "enqueue_plots", away)

        assert http.get("/plots").json() == {"plots": []}

    @pytest.mark.parametrize(
        ("kind", "media_type"),
        [("png", "image/png"), ("svg", "image/svg+xml"), ("json", "application/json")],
    )
    def test_links_lead_to_files(self, kind: str, media_type: str, http: Http) -> None:
        for plot in http.get("/plots").json()["plots"]:
            answer = http.get(plot["links"][kind])
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith(media_type)
            assert answer.content

    @pytest.mark.parametrize(
        "path", ["index.json", "nothing.png", "confidence.exe", "..%2Findex.json", "confidence"]
    )
    def test_nothing_else_is_served(self, path: str, http: Http) -> None:
        assert http.get(f"/plots/{path}").status_code == 404


class TestChosen:
    """The plots of the images that filters let through."""

    WHERE = base64.urlsafe_b64encode(
        query_to_pb(ListQuery(name="beach", min_faces=1)).SerializeToString()
    ).decode()

    def test_are_counted_under_the_filters(self, http: Http, ledger: FakeLedger) -> None:
        # when
        plots = http.get(f"/plots/data?where={self.WHERE}").json()["plots"]

        # then the ledger was asked about these images alone
        assert {(one.name, one.min_faces) for one in ledger.asked if one} == {("beach", 1)}
        assert None not in ledger.asked
        # and what is not known of some of the images is not told
        names = [plot["name"] for plot in plots]
        assert "gender_split" in names
        assert {"stage_times", "own_accuracy"}.isdisjoint(names)

    def test_are_counted_again_once_the_ledger_has_changed(
        self, http: Http, ledger: FakeLedger
    ) -> None:
        for _ in range(2):
            http.get(f"/plots/data?where={self.WHERE}")
        once = len(ledger.asked)
        ledger.revision += 1
        http.get(f"/plots/data?where={self.WHERE}")
        assert len(ledger.asked) == 2 * once

    @pytest.mark.parametrize("where", ["%25", "CAE", "_____w=="])
    def test_what_is_no_filter_is_refused(self, http: Http, where: str) -> None:
        assert http.get(f"/plots/data?where={where}").status_code == 400

    def test_a_ledger_that_is_down_is_said(self, http: Http, ledger: FakeLedger) -> None:
        ledger.is_down = True
        assert http.get(f"/plots/data?where={self.WHERE}").status_code == 503
