"""The application: health endpoints, files for the browser, and the page itself."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from facepipe.service import create_app
from gradio_viewer.client import InputApi
from gradio_viewer.files import create_router
from gradio_viewer.login import Login, needs_login
from gradio_viewer.settings import ViewerSettings
from gradio_viewer.uploads import NotesUploads, UploadFolder

# Gradio reads this when it is imported: nothing leaves the page or this process.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ.setdefault("HF_HUB_OFFLINE", "1")
# Uploads must not end in a folder that others share, e.g. another program with Gradio.
if "GRADIO_TEMP_DIR" not in os.environ:
    os.environ["GRADIO_TEMP_DIR"] = tempfile.mkdtemp(prefix="facepipe-viewer-")

import gradio as gr  # after the environment is set
from gradio import route_utils

from gradio_viewer.pages import create_page  # after the environment is set


class _OwnUpload(route_utils.GradioUploadFile):
    """An upload in a folder of its own.

    Gradio names the folder by the content: two people who send the same photograph would have
    one file, and the first to be done would take it away from the other.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sha.update(secrets.token_bytes(16))


route_utils.GradioUploadFile = _OwnUpload  # type: ignore[misc]  # there is no other way in


def create_viewer_app(settings: ViewerSettings, api: InputApi | None = None) -> FastAPI:
    """The viewer; `api` is made from `settings.address.input` unless one is given.

    It is ready as soon as it runs: without the API the page says so.
    """
    client = api or InputApi(settings.address.input, settings.viewer.key)
    has_login = needs_login(settings)
    uploads = UploadFolder(Path(os.environ["GRADIO_TEMP_DIR"]))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with uploads.kept_clean():
            yield
        await client.close()

    app = create_app("gradio_viewer", settings, lifespan=lifespan, private_paths=("/gradio_api/",))
    app.add_middleware(NotesUploads, uploads=uploads)
    if has_login:
        app.add_middleware(Login, user=settings.viewer.user, password=settings.viewer.password)
    app.include_router(create_router(client, settings))
    page = create_page(client, settings, uploads)
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
