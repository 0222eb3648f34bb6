"""Pages of other sites reach neither the page nor its queue."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from facepipe.system.settings import AddressSettings
from tests.support.fake_input_api import serving

pytest.importorskip("gradio")

from gradio_viewer.app import create_viewer_app
from gradio_viewer.settings import ViewerSettings

pytestmark = pytest.mark.filterwarnings("default")
QUEUE = "/gradio_api/queue"


@pytest.fixture
def page(address: str) -> Iterator[httpx.Client]:
    settings = ViewerSettings(address=AddressSettings(input=address))
    with (
        serving(create_viewer_app(settings)) as viewer,
        httpx.Client(base_url=viewer, timeout=20, trust_env=False) as client,
    ):
        yield client


def test_a_rebound_name_sees_nothing_of_the_page(page: httpx.Client) -> None:
    for path in ("/", "/config", "/healthz", f"{QUEUE}/data?session_hash=a"):
        assert page.get(path, headers={"Host": "evil.example"}).status_code == 421


@pytest.mark.parametrize(
    "told", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}], ids=str
)
def test_a_page_of_another_site_reaches_no_event_and_no_file(
    page: httpx.Client, told: dict[str, str]
) -> None:
    join = page.post(f"{QUEUE}/join", content=b"{}", headers={"Content-Type": "text/plain"} | told)
    upload = page.post("/gradio_api/upload", files={"files": ("a.png", b"x")}, headers=told)
    answers = [join, upload]
    for path in (f"{QUEUE}/data?session_hash=a", "/gradio_api/file=a", "/gradio_api/info"):
        answers.append(page.get(path, headers=told))

    assert {answer.status_code for answer in answers} == {403}
    # And a link from there still shows the page.
    assert page.get("/", headers=told).status_code == 200
