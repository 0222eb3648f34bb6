"""The application: health endpoints, files for the browser, and the page itself."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files

from fastapi import FastAPI

from facepipe.service import create_app
from gradio_viewer.client import InputApi
from gradio_viewer.files import create_router
from gradio_viewer.login import Login, needs_login
from gradio_viewer.settings import ViewerSettings

# Gradio reads this when it is imported: nothing leaves the page or this process.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import gradio as gr  # after the environment is set

from gradio_viewer.pages import create_page  # after the environment is set


def create_viewer_app(settings: ViewerSettings, api: InputApi | None = None) -> FastAPI:
    """The viewer; `api` is made from `settings.address.input` unless one is given.

    It is ready as soon as it runs: without the API the page says so.
    """
    client = api or InputApi(settings.address.input, settings.viewer.key)
    has_login = needs_login(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await client.close()

    app = create_app("gradio_viewer", settings, lifespan=lifespan)
    if has_login:
        app.add_middleware(Login, user=settings.viewer.user, password=settings.viewer.password)
    app.include_router(create_router(client, settings))
    page = create_page(client, settings)
    page.queue(default_concurrency_limit=16)
    mounted: FastAPI = gr.mount_gradio_app(
        app,
        page,
        path="/",
        footer_links=[],
        ssr_mode=False,
        show_error=False,
        enable_monitoring=False,
        max_file_size=f"{settings.viewer.max_upload_mb}mb",
        css=files("gradio_viewer").joinpath("style.css").read_text(),
        theme=gr.themes.Default(),
    )
    return mounted
