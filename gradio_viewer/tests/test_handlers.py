"""The handlers against a fake input API over real HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from facepipe_client import AsyncClient
from gradio_viewer import handlers
from gradio_viewer.address import Place
from gradio_viewer.list_html import Upload
from gradio_viewer.pace import Pace
from gradio_viewer.recent import Batch
from tests.support.fake_documents import portrait
from tests.support.fake_input_api import FakeApi

T = TypeVar("T")


def ask(address: str, question: Callable[[AsyncClient], Awaitable[T]]) -> T:
    """Runs one question with a client of its own."""

    async def run() -> T:
        api = AsyncClient(address)
        try:
            return await question(api)
        finally:
            await api.close()

    return asyncio.run(run())


def test_uploads_are_followed_to_the_end(address: str) -> None:
    # given a file that the API took, and one that it refused
    async def upload(api: AsyncClient) -> list[str]:
        accepted = await api.upload(portrait(), "family.jpg")
        batch = Batch()
        batch.add(Upload.sent("family <b>.jpg", accepted.image_id, ""))
        batch.add(Upload.sent("bad.jpg", "", "no image"))
        return [html async for html in handlers.watch(api, batch)]

    # when
    pages = ask(address, upload)
    # then
    assert "1 of 2 finished" in pages[0]
    assert "done: 2 faces" in pages[-1]
    assert "family &lt;b&gt;.jpg" in pages[-1]
    assert "refused: no image" in pages[-1]
    assert "2 of 2 finished" in pages[-1]


def test_results_are_paged_and_keep_their_search(address: str, fake: FakeApi) -> None:
    # given
    for number in range(5):
        fake.add(f"{number}.jpg")
    place = Place("results", search={"gender": "female"})
    # when
    first = ask(address, lambda api: handlers.results(api, place, 3))
    rest = ask(address, lambda api: handlers.results(api, replace(place, cursor="3"), 3))
    # then
    assert first.count("fp-tile") == 3
    assert "?tab=results&amp;gender=female&amp;cursor=3" in first
    assert rest.count("fp-tile") == 2
    assert 'id="older"' not in rest
    assert fake.queries[0] == {"gender": "female", "limit": "3"}


def test_problem_document_becomes_a_message(address: str) -> None:
    html, result = ask(address, lambda api: handlers.image(api, "ab" * 32))
    assert "there is no such image" in html
    assert result is None


def test_service_behind_the_api_that_is_down_is_a_message(address: str, fake: FakeApi) -> None:
    fake.plots_down = True
    html = ask(address, lambda api: handlers.plots(api, {}))
    assert "The plots cannot be shown now: plotter_service does not answer" in html


def test_api_that_is_down_is_a_banner() -> None:
    # given
    nobody = "http://127.0.0.1:9"
    # when / then
    assert "does not answer" in ask(nobody, lambda api: handlers.outlook(api, Pace()))[0]
    html = ask(nobody, lambda api: handlers.results(api, Place("results"), 3))
    assert "does not answer" in html
    assert "Traceback" not in html
    assert "does not answer" in ask(nobody, lambda api: handlers.trace(api, "ab" * 32))


def test_api_that_runs_needs_no_banner_and_names_the_models(address: str) -> None:
    banner, models = ask(address, lambda api: handlers.outlook(api, Pace()))
    assert banner == ""
    assert "faces: facepipe-yolov8n-face" in models


def test_a_stage_that_cannot_work_is_a_banner(address: str, fake: FakeApi) -> None:
    fake.problems = {"landmark_service": "worker 1 died: no face detector: <looked for>"}
    banner, _ = ask(address, lambda api: handlers.outlook(api, Pace()))
    assert "landmark_service cannot work now: worker 1 died: no face detector" in banner
    assert "&lt;looked for&gt;" in banner


def test_a_queue_is_told_with_its_pace_and_its_end(address: str, fake: FakeApi) -> None:
    # given sixty images of which thirty were finished in the last ten seconds
    pace = Pace()
    now = time.monotonic()
    pace.note(0, now - 10)
    fake.numbers = {"accepted": 60, "in_flight": 30}
    # when the page asks
    banner, _ = ask(address, lambda api: handlers.outlook(api, pace))
    # then
    assert "30 images wait; " in banner
    assert "are done, all in about 1" in banner
    # and when all are finished, nothing is said
    fake.numbers = {"accepted": 60, "in_flight": 0}
    assert ask(address, lambda api: handlers.outlook(api, pace))[0] == ""


def test_a_pace_is_that_of_the_last_two_minutes() -> None:
    pace = Pace()
    assert pace.per_s() is None
    pace.note(100, 0.0)
    pace.note(100, 1.0)
    assert pace.per_s() is None  # too short to say
    pace.note(110, 10.0)
    assert pace.per_s() == 1.0
    pace.note(110, 200.0)
    pace.note(110, 210.0)
    assert pace.per_s() == 0.0  # what was long ago counts no more
    pace.note(3, 220.0)
    assert pace.per_s() is None  # another ledger


def test_the_limits_are_those_of_the_api(address: str, fake: FakeApi) -> None:
    # given an API that takes less than usual
    fake.max_bytes = 3 * 2**20
    # when the page asks, and when there is no API to ask
    told = ask(address, handlers.limits)
    silent = ask("http://127.0.0.1:9", handlers.limits)
    # then the page tells that limit, and none that it does not know
    assert "each up to 3 MB" in told
    assert "each up to" not in silent
