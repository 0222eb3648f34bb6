"""What happens on the page: the API is asked, HTML comes out. Knows nothing of Gradio."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any, cast

from facepipe_client import WITH_RESULT, AsyncClient, ClientError, Filters, ModelInfo, NoAnswerError
from gradio_viewer import image_html, list_html, plots_html, trace_html, words
from gradio_viewer.list_html import Upload
from gradio_viewer.markup import Html, join, notice, tag
from gradio_viewer.problems import told

FOLLOWED_AT_ONCE = 8
REDRAW_S = 0.25

_log = logging.getLogger(__name__)


def problem(api: AsyncClient, error: ClientError) -> Html:
    """An API error as a sentence on the page."""
    if isinstance(error, NoAnswerError):
        return notice(f"{told(api, error)} The page works again as soon as it does.", "error")
    return notice(told(api, error), "error")


async def outlook(api: AsyncClient) -> tuple[Html, Html]:
    """A banner that says what cannot work now, empty when all is well; and the models in use."""
    try:
        stats = await api.stats()
    except ClientError as error:
        if not isinstance(error, NoAnswerError):
            return problem(api, error), Html("")
        return notice(
            f"The input API at {api.address} does not answer: nothing can be uploaded or shown "
            "until it is running again.",
            "error",
        ), Html("")
    banners = [
        notice(f"{service} cannot work now: {reason}. What is uploaded waits for it.", "error")
        for service, reason in stats.problems.items()
    ]
    return join(*banners), _models(stats.models)


def _models(models: dict[str, list[ModelInfo]]) -> Html:
    parts = [
        f"{words.PARTS.get(part, part)}: {' and '.join(model.name for model in found)}"
        for part, found in models.items()
    ]
    return tag("p", f"Models in use: {', '.join(parts)}", class_="fp-dim") if parts else Html("")


async def upload(api: AsyncClient, uploads: Sequence[Upload]) -> AsyncIterator[Html]:
    """Follows files that were sent to the end; yields the progress whenever it changes."""
    changed = asyncio.Event()
    slots = asyncio.Semaphore(FOLLOWED_AT_ONCE)

    async def follow(item: Upload) -> None:
        try:
            async with slots:
                async for state in api.follow(item.image_id):
                    item.update(state.to_json())
                    changed.set()
        except ClientError as error:
            item.problem = told(api, error)
        except Exception:
            _log.exception("an upload could not be followed")
            item.problem = "the page lost sight of it; look under Results"
        finally:
            changed.set()

    tasks = [asyncio.create_task(follow(item)) for item in uploads if item.image_id]
    try:
        while not all(task.done() for task in tasks):
            changed.clear()
            yield list_html.progress(uploads)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), 5)
            await asyncio.sleep(REDRAW_S)
        yield list_html.progress(uploads)
    finally:
        for task in tasks:
            task.cancel()


def search_filters(
    status: str, gender: str, ages: tuple[str, str], faces: tuple[str, str]
) -> dict[str, str]:
    """The fields of the search as parameters of the API; empty ones are left out."""
    chosen = {"status": status, "gender": gender}
    typed = dict(zip(("min_age", "max_age", "min_faces", "max_faces"), ages + faces, strict=True))
    return {name: value for name, value in chosen.items() if value and value != "any"} | {
        name: value.strip() for name, value in typed.items() if value and value.strip()
    }


async def gallery(
    api: AsyncClient, filters: dict[str, str], cursor: str, limit: int
) -> tuple[Html, str]:
    """A page of results and the cursor of the next one."""
    try:
        page = await api.image_page(limit=limit, cursor=cursor, **cast(Filters, filters))
    except ClientError as error:
        return problem(api, error), ""
    images = [state.to_json() for state in page.images]
    return list_html.gallery(images), page.next_cursor or ""


async def image(api: AsyncClient, image_id: str) -> tuple[Html, Html, dict[str, Any] | None]:
    """View, face cards and document of one image."""
    result = None
    try:
        state = await api.image(image_id)
        if state.status in WITH_RESULT:
            result = (await api.result(image_id)).to_json()
    except ClientError as error:
        return problem(api, error), Html(""), None
    return (
        image_html.image_view(state.to_json(), result),
        image_html.face_cards(image_id, result),
        image_html.shortened(result) if result else None,
    )


async def trace(api: AsyncClient, image_id: str) -> Html:
    try:
        return trace_html.trace(await api.trace(image_id))
    except ClientError as error:
        return notice(f"The trace cannot be shown now: {told(api, error)}", "warning")


async def plots(api: AsyncClient) -> Html:
    try:
        found = [plot.to_json() for plot in await api.plots()]
        return plots_html.plots(found, version=f"{time.time():.0f}")
    except ClientError as error:
        return notice(f"The plots cannot be shown now: {told(api, error)}", "warning")
