"""The page's layout in Gradio, and which handler each part calls."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import gradio as gr
from gradio.data_classes import GradioRootModel

from facepipe.files.formats import LABELS
from facepipe_client import AsyncClient
from gradio_viewer import handlers, image_html
from gradio_viewer.list_html import Upload
from gradio_viewer.settings import ViewerSettings

TITLE = "Face analysis"
STATUSES = ["any", "stored", "partial", "failed", "queued", "detecting", "analysing", "storing"]
GENDERS = ["any", "female", "male", "unknown"]
BANNER_EVERY_S = 20
_IMAGE_ID = re.compile(r"^[0-9a-f]{64}$")


class _Entries(GradioRootModel):
    root: list[dict[str, str]]


def create_page(api: AsyncClient, settings: ViewerSettings) -> gr.Blocks:
    """The whole page; mount it in an application with `gr.mount_gradio_app`."""
    page = gr.Blocks(title=TITLE, analytics_enabled=False)
    with page:
        gr.HTML(f"<h1>{TITLE}</h1>", elem_id="title")
        banner = gr.HTML(elem_id="banner")
        with gr.Tabs(elem_id="tabs") as tabs:
            with gr.Tab("Upload", id="upload"):
                _upload_tab(api, settings)
            with gr.Tab("Results", id="results") as results:
                _results_tab(api, settings, page, results)
            with gr.Tab("Image", id="image"):
                _image_tab(api, page, tabs)
            with gr.Tab("Plots", id="plots") as plots:
                _plots_tab(api, plots)

        models = gr.HTML(elem_id="models")

        async def check() -> tuple[str, str]:
            return await handlers.outlook(api)

        shown: dict[str, Any] = {
            "outputs": [banner, models], "show_progress": "hidden", "api_visibility": "private",
        }  # fmt: skip
        page.load(check, **shown)
        gr.Timer(BANNER_EVERY_S).tick(check, **shown)
    return page


def _upload_tab(api: AsyncClient, settings: ViewerSettings) -> None:
    gr.Markdown(
        f"Choose one or many photographs: {LABELS}, "
        f"each up to {settings.upload.max_bytes / 2**20:g} MB."
    )
    files = gr.File(
        label="Photographs", file_count="multiple", elem_id="upload", height=180, type="filepath"
    )
    # Gradio would look for files; what comes are the entries that `events` makes of them.
    files.data_model = _Entries
    files.preprocess = _uploads  # type: ignore[method-assign, assignment]  # see above
    progress = gr.HTML(elem_id="progress")

    async def send(uploads: list[Upload]) -> AsyncIterator[Any]:
        if not uploads:
            yield gr.skip(), gr.skip()
            return
        async for html in handlers.upload(api, uploads):
            yield gr.skip(), html
        yield None, gr.skip()  # ready for more

    files.upload(
        send,
        inputs=files,
        outputs=[files, progress],
        show_progress="hidden",
        concurrency_limit=None,  # they were sent already, and are only followed
        api_visibility="private",
    )


def _uploads(entries: _Entries | None) -> list[Upload]:
    return [Upload.sent(**entry) for entry in entries.root] if entries else []


def _results_tab(api: AsyncClient, settings: ViewerSettings, page: gr.Blocks, tab: gr.Tab) -> None:
    with gr.Accordion("Search", open=False, elem_id="search"):
        with gr.Row():
            status = gr.Dropdown(STATUSES, value="any", label="Status", min_width=140)
            gender = gr.Dropdown(GENDERS, value="any", label="Gender", min_width=140)
        with gr.Row():
            min_age = _number("Age from", "min-age")
            max_age = _number("Age to", "max-age")
            min_faces = _number("Faces from", "min-faces")
            max_faces = _number("Faces to", "max-faces")
        with gr.Row():
            find = gr.Button("Search", variant="primary", elem_id="search-button")
            clear = gr.Button("Clear")
    gallery = gr.HTML(elem_id="gallery")
    with gr.Row(elem_id="paging"):
        newer = gr.Button("Newer", interactive=False, min_width=90, size="sm", elem_id="newer")
        refresh = gr.Button("Refresh", min_width=90, size="sm", elem_id="refresh")
        older = gr.Button("Older", interactive=False, min_width=90, size="sm", elem_id="older")
    # Cursors of the pages gone through; the last one is that of the page being shown.
    trail = gr.State([""])
    onward = gr.State("")
    fields = [status, gender, min_age, max_age, min_faces, max_faces]
    shown = [gallery, trail, onward, newer, older]

    async def show(cursors: list[str], values: tuple[Any, ...]) -> tuple[Any, ...]:
        chosen_status, chosen_gender, *numbers = values
        filters = handlers.search_filters(
            chosen_status, chosen_gender, (numbers[0], numbers[1]), (numbers[2], numbers[3])
        )
        html, after = await handlers.gallery(api, filters, cursors[-1], settings.viewer.page_size)
        return (
            html,
            cursors,
            after,
            gr.Button(interactive=len(cursors) > 1),
            gr.Button(interactive=bool(after)),
        )

    async def first(*values: Any) -> tuple[Any, ...]:
        return await show([""], values)

    async def again(cursors: list[str], *values: Any) -> tuple[Any, ...]:
        return await show(cursors, values)

    async def back(cursors: list[str], *values: Any) -> tuple[Any, ...]:
        return await show(cursors[:-1] or [""], values)

    async def forward(cursors: list[str], after: str, *values: Any) -> tuple[Any, ...]:
        return await show([*cursors, after] if after else cursors, values)

    options: dict[str, Any] = {
        "outputs": shown, "show_progress": "minimal", "api_visibility": "private",
    }  # fmt: skip
    page.load(first, inputs=fields, **options)
    tab.select(again, inputs=[trail, *fields], **options)
    refresh.click(again, inputs=[trail, *fields], **options)
    find.click(first, inputs=fields, **options)
    newer.click(back, inputs=[trail, *fields], **options)
    older.click(forward, inputs=[trail, onward, *fields], **options)
    clear.click(
        lambda: ("any", "any", "", "", "", ""), outputs=fields, api_visibility="private"
    ).then(first, inputs=fields, **options)


def _number(label: str, elem_id: str) -> gr.Textbox:
    # Not gr.Number: it cannot be empty, and shows 0, when it has not been typed into.
    return gr.Textbox(
        label=label,
        placeholder="any",
        max_lines=1,
        min_width=110,
        elem_id=elem_id,
    )


def _image_tab(api: AsyncClient, page: gr.Blocks, tabs: gr.Tabs) -> None:
    view = gr.HTML(image_html.empty_view(), elem_id="image-view")
    faces = gr.HTML(elem_id="faces")
    with gr.Accordion("Trace", open=True):
        trace = gr.HTML(elem_id="trace")
    with gr.Accordion("Result", open=False):
        document = gr.JSON(
            label="Landmark lists are shortened here; the file has all of them",
            elem_id="result-json",
            open=False,
        )

    async def show(request: gr.Request) -> tuple[Any, ...]:
        image_id = str(request.query_params.get("image") or "")
        if not _IMAGE_ID.match(image_id):
            return gr.skip(), gr.skip(), gr.skip(), gr.skip()
        html, cards, result = await handlers.image(api, image_id)
        return gr.Tabs(selected="image"), html, cards, result

    async def show_trace(request: gr.Request) -> Any:
        image_id = str(request.query_params.get("image") or "")
        return await handlers.trace(api, image_id) if _IMAGE_ID.match(image_id) else gr.skip()

    hidden: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    page.load(show, outputs=[tabs, view, faces, document], **hidden)
    page.load(show_trace, outputs=trace, **hidden)


def _plots_tab(api: AsyncClient, tab: gr.Tab) -> None:
    plots = gr.HTML(elem_id="plots")
    refresh = gr.Button("Refresh", size="sm")

    async def show() -> str:
        return await handlers.plots(api)

    tab.select(show, outputs=plots, show_progress="minimal", api_visibility="private")
    refresh.click(show, outputs=plots, show_progress="minimal", api_visibility="private")
