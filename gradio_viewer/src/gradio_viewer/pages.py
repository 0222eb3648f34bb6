"""The page's layout in Gradio, and which handler each part calls.

What is shown is what the address says: links change it, and the script presses `go`, whose
events read it. So back, forward, a reload and a sent link lead to the same place.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import gradio as gr
from gradio.data_classes import GradioRootModel

from facepipe_client import AsyncClient
from gradio_viewer import handlers, image_html, list_html, search_html
from gradio_viewer.address import Place
from gradio_viewer.list_html import Upload
from gradio_viewer.markup import join, notice, tag
from gradio_viewer.pace import Pace
from gradio_viewer.recent import Batch, Recent
from gradio_viewer.settings import ViewerSettings
from gradio_viewer.visitors import visitor_of

TITLE = "Face analysis"
SAYING = "Faces, landmarks, age and gender of your photographs. Nothing leaves this machine."
REFRESH_EVERY_S = 10
# The script has noted what a person said.
_NOTED = "() => [window.fpSaid]"
_HIDDEN: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}


class _Entries(GradioRootModel):
    root: list[dict[str, str]]


def create_page(api: AsyncClient, settings: ViewerSettings, recent: Recent) -> gr.Blocks:
    """The whole page; mount it in an application with `gr.mount_gradio_app`."""
    pace = Pace()
    page = gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True)
    with page:
        gr.HTML(tag("header", tag("h1", TITLE), tag("p", SAYING)), elem_id="title")
        banner = gr.HTML(elem_id="banner")
        go = gr.Button("Go", elem_id="go", elem_classes="fp-hidden")
        pause = gr.Button("Pause", elem_id="do-pause", elem_classes="fp-hidden")
        resume = gr.Button("Go on", elem_id="do-resume", elem_classes="fp-hidden")
        with gr.Tabs(elem_id="tabs") as tabs:
            with gr.Tab("Upload", id="upload"):
                _upload_tab(api, page, recent)
            with gr.Tab("Results", id="results"):
                search = gr.HTML(search_html.search({}), elem_id="search-part")
                gallery = gr.HTML(elem_id="gallery")
                said = gr.Textbox(visible=False)
                many = gr.Button("With the chosen", elem_id="do-many", elem_classes="fp-hidden")
            with gr.Tab("Image", id="image"):
                view, document = _image_tab(api, page, go)
            with gr.Tab("Plots", id="plots"):
                plot_search = gr.HTML(search_html.search({}, "plots"), elem_id="plot-search-part")
                plots = gr.HTML(notice("The plots are on their way."), elem_id="plots")
        models = gr.HTML(elem_id="models")

        async def show(request: gr.Request) -> tuple[Any, ...]:
            place = _place(request)
            shown: list[Any] = [gr.skip()] * 6
            if place.tab == "results":
                found = await handlers.results(api, place, settings.viewer.page_size)
                shown[:2] = search_html.search(place.search), found
            elif place.image_id:
                shown[2:4] = await handlers.image(api, place.image_id)
            elif place.is_broken:
                shown[2:4] = image_html.broken_link(), None
            elif place.tab == "plots":
                filters = _filters(place)
                shown[4:] = (
                    search_html.search(filters, "plots"),
                    await handlers.plots(api, filters),
                )
            return gr.Tabs(selected=place.tab), *shown

        async def show_first(request: gr.Request) -> tuple[Any, ...]:
            """Leaves the tab that a bare address shows: a visitor may have chosen another."""
            tab, *shown = await show(request)
            return (tab if request.query_params else gr.skip()), *shown

        parts = [tabs, search, gallery, view, document, plot_search, plots]
        page.load(show_first, outputs=parts, **_HIDDEN)
        go.click(show, outputs=parts, trigger_mode="multiple", **_HIDDEN)

        async def act(text: str, request: gr.Request) -> Any:
            problem = await handlers.with_many(api, text)
            found = await handlers.results(api, _place(request), settings.viewer.page_size)
            return join(problem, found)

        many.click(act, inputs=said, outputs=gallery, js=_NOTED, **_HIDDEN)

        async def refresh(request: gr.Request) -> tuple[Any, ...]:
            """What cannot work now; new results, where the newest are shown; and plots of them."""
            place = _place(request)
            is_newest = place.tab == "results" and not place.cursor
            size = settings.viewer.page_size
            newest = await handlers.results(api, place, size) if is_newest else gr.skip()
            drawn = (
                await handlers.plots(api, _filters(place)) if place.tab == "plots" else gr.skip()
            )
            return *await handlers.outlook(api, pace), newest, drawn

        async def set_paused(paused: bool) -> tuple[Any, ...]:
            problem = await handlers.set_paused(api, paused=paused)
            said, models = await handlers.outlook(api, pace)
            return join(problem, said), models

        pause.click(partial(set_paused, True), outputs=[banner, models], **_HIDDEN)
        resume.click(partial(set_paused, False), outputs=[banner, models], **_HIDDEN)

        parts = [banner, models, gallery, plots]
        page.load(refresh, outputs=parts, **_HIDDEN)
        gr.Timer(REFRESH_EVERY_S).tick(refresh, outputs=parts, **_HIDDEN)
    return page


def _place(request: gr.Request) -> Place:
    return Place.of(request.query_params.items())


def _filters(place: Place) -> dict[str, str]:
    """The search without its order, which plots have none of."""
    return {name: value for name, value in place.search.items() if name != "sort"}


def _upload_tab(api: AsyncClient, page: gr.Blocks, recent: Recent) -> None:
    files = gr.File(
        label="Drop photographs, or a whole selection of them",
        file_count="multiple",
        elem_id="upload",
        height=240,
        type="filepath",
    )
    # Gradio would look for files; what comes are the entries that `events` makes of them.
    files.data_model = _Entries
    files.preprocess = _uploads  # type: ignore[method-assign, assignment]  # see above
    gr.HTML(list_html.other_ways(), elem_id="ways")
    limits = gr.HTML(list_html.limits(), elem_id="limits")
    progress = gr.HTML(elem_id="progress")
    watching = gr.Button("Watch", elem_id="watch", elem_classes="fp-hidden")

    def batch(request: gr.Request) -> Batch:
        return recent.of((visitor_of(request.request) if request.request else None) or "")

    def note(uploads: list[Upload], request: gr.Request) -> None:
        if uploads:
            batch(request).sent_alone_by = request.session_hash if len(uploads) == 1 else None

    async def watch(request: gr.Request) -> AsyncIterator[Any]:
        async for html in handlers.watch(api, batch(request), request.session_hash):
            yield html

    # They are only followed, which costs nothing.
    options: dict[str, Any] = {**_HIDDEN, "concurrency_limit": None}
    # "multiple": what is sent while the list of the last one still comes must not go unnoticed.
    noted = files.upload(note, inputs=files, trigger_mode="multiple", **options)
    # Ready for more. The browser goes through the events of a component in turn, so the list is
    # followed by an event of its own: else what a person chooses at its end would be taken away.
    files.upload(None, outputs=files, js="() => null", **_HIDDEN)
    noted.then(watch, outputs=progress, trigger_mode="multiple", **options)
    page.load(watch, outputs=progress, **options)
    page.load(partial(handlers.limits, api), outputs=limits, **_HIDDEN)
    watching.click(watch, outputs=progress, **options)


def _uploads(entries: _Entries | None) -> list[Upload]:
    return [Upload.sent(**entry) for entry in entries.root] if entries else []


def _image_tab(api: AsyncClient, page: gr.Blocks, go: gr.Button) -> tuple[gr.HTML, gr.JSON]:
    view = gr.HTML(image_html.empty_view(), elem_id="image-view")
    with gr.Accordion("Trace: what was done when", open=False, elem_id="trace-part") as part:
        trace = gr.HTML(elem_id="trace")
    with gr.Accordion("Result as JSON", open=False, elem_id="json-part"):
        document = gr.JSON(
            label="Landmark lists are shortened here; the file has all of them",
            elem_id="result-json",
            open=False,
        )
    look = gr.Button("Look again", elem_id="do-trace", elem_classes="fp-hidden")
    again = gr.Button("Analyse again", elem_id="do-again", elem_classes="fp-hidden")
    delete = gr.Button("Delete", elem_id="do-delete", elem_classes="fp-hidden")

    said = gr.Textbox(visible=False)
    correct = gr.Button("Correct", elem_id="do-correct", elem_classes="fp-hidden")

    async def take_correction(text: str, request: gr.Request) -> Any:
        image_id = _place(request).image_id
        if not image_id:
            return gr.skip(), gr.skip()
        problem = await handlers.correct(api, image_id, text)
        view, document = await handlers.image(api, image_id)
        return join(problem, view), document

    async def show_trace(request: gr.Request) -> Any:
        place = _place(request)
        return await handlers.trace(api, place.image_id) if place.image_id else gr.skip()

    async def analyse_again(request: gr.Request) -> Any:
        image_id = _place(request).image_id
        if not image_id:
            return gr.skip()
        problem = await handlers.analyse_again(api, image_id)
        return problem or (await handlers.image(api, image_id))[0]

    async def erase(request: gr.Request) -> Any:
        image_id = _place(request).image_id
        return await handlers.delete(api, image_id) if image_id else gr.skip()

    for looked in (part.expand, look.click, go.click):
        looked(show_trace, outputs=trace, trigger_mode="multiple", **_HIDDEN)
    again.click(analyse_again, outputs=view, **_HIDDEN)
    delete.click(erase, outputs=view, **_HIDDEN)
    correct.click(take_correction, inputs=said, outputs=[view, document], js=_NOTED, **_HIDDEN)
    return view, document
