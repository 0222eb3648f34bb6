"""The application: health endpoints, files for the browser, and the page itself."""

from __future__ import annotations

import os
import shutil
import ssl
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI

from facepipe.system.tls import trusting
from facepipe.web.service import Check, create_app
from facepipe_client import AsyncClient, Client, ClientError
from gradio_viewer.downloads import create_download_router
from gradio_viewer.files import SCRIPTS, create_router
from gradio_viewer.login import Login, needs_login
from gradio_viewer.memory_budget import MemoryBudget
from gradio_viewer.recent import Recent
from gradio_viewer.settings import ViewerSettings
from gradio_viewer.visitors import Visitors

# Gradio reads this when it is imported: nothing leaves the page or this process.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ.setdefault("HF_HUB_OFFLINE", "1")
# Gradio must not have a folder that others share, e.g. another program with Gradio.
if "GRADIO_TEMP_DIR" not in os.environ:
    os.environ["GRADIO_TEMP_DIR"] = tempfile.mkdtemp(prefix="facepipe-viewer-")

import gradio as gr  # after the environment is set

from gradio_viewer.door import Door
from gradio_viewer.events import Events
from gradio_viewer.pages import create_page
from gradio_viewer.uploads import create_upload_router

_WEB = files("gradio_viewer.web")
STYLES = ("base.css", "lists.css", "image.css", "plots.css")
QUEUE_PAUSE_S = 0.1
UPLOADS_IN_MEMORY = 64 * 2**20
ANSWER_S = 15.0
# What a person does before the page's script is there; it takes that up.
_EARLY = (
    "window.fpEarly = []; for (const kind of ['click', 'change'])"
    " addEventListener(kind, (event) => window.fpEarly?.push(event.target));"
)
# Events that wait for a worker; beyond, the page asks to try again.
MAX_WAITING = 500


def create_viewer_app(settings: ViewerSettings, api: AsyncClient | None = None) -> FastAPI:
    """The viewer; `api` is made from `settings.address.input` unless one is given.

    Without the API it is not ready, and the page says so.
    """
    address, trust = settings.address.input, trusting(settings.tls.ca)
    client = api or AsyncClient(address, key=settings.viewer.key, timeout_s=ANSWER_S, verify=trust)
    has_login = needs_login(settings)
    visitors = Visitors()
    recent = Recent()
    page = create_page(client, settings, recent)
    page.queue(default_concurrency_limit=16, max_size=MAX_WAITING, api_open=False)
    # Gradio looks a thousand times a second whether somebody wants something.
    page._queue.sleep_when_free = page._queue.progress_update_sleep_when_free = QUEUE_PAUSE_S

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        with _own_folder():
            yield
        await client.close()

    checks: dict[str, Check] = {"input_api": partial(_api_problem, client.address, trust)}
    app = create_app(
        "gradio_viewer",
        settings,
        checks=checks,
        lifespan=lifespan,
        private_paths=("/gradio_api/",),
        is_inside=False,
    )
    app.add_middleware(Door, events=Events(page, visitors), visitors=visitors)
    if has_login:
        app.add_middleware(Login, user=settings.viewer.user, password=settings.viewer.password)
    app.include_router(create_download_router(client))
    app.include_router(create_router(client, settings))
    budget = MemoryBudget(UPLOADS_IN_MEMORY)
    app.include_router(create_upload_router(client, visitors, recent, budget))
    mounted: FastAPI = gr.mount_gradio_app(
        app,
        page,
        path="/",
        footer_links=[],
        ssr_mode=False,
        show_error=False,
        enable_monitoring=False,
        allowed_paths=[],
        run_history=False,
        mcp_server=False,
        css="".join((_WEB / name).read_text() for name in STYLES),
        head=f'<script>{_EARLY}</script><script type="module" src="/page/{SCRIPTS[0]}"></script>',
        theme=_theme(),
    )
    # Gradio checks where a file lies only on a page that was launched; a mounted one never is.
    page.has_launched = True
    return mounted


def _theme() -> gr.themes.Base:
    """One type family, that of the visitor's own machine, and one accent."""
    sans = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
    mono = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")
    return gr.themes.Base(
        primary_hue="teal", secondary_hue="teal", neutral_hue="slate", font=sans, font_mono=mono
    )


@contextmanager
def _own_folder() -> Iterator[None]:
    """An empty folder for Gradio, for this user alone. Nothing is ever put there."""
    folder = Path(os.environ["GRADIO_TEMP_DIR"])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _api_problem(address: str, trust: ssl.SSLContext | bool) -> str | None:
    """A check of `/readyz`: does the input API answer?"""
    try:
        with Client(address, timeout_s=2.0, verify=trust) as api:
            api.health()
    except ClientError as error:
        return f"{address} does not answer: {error}"
    return None
