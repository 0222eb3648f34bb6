"""What happens on the page: the API is asked, HTML comes out. Knows nothing of Gradio."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from typing import Any, cast

from facepipe_client import WITH_RESULT, AsyncClient, ClientError, Filters, ModelInfo, NoAnswerError
from gradio_viewer import image_html, list_html, plots_html, trace_html, words
from gradio_viewer.address import IMAGE_ID, Place
from gradio_viewer.downloads import MOST_CHOSEN
from gradio_viewer.list_html import Upload
from gradio_viewer.markup import Html, join, notice, tag
from gradio_viewer.pace import Pace
from gradio_viewer.problems import told
from gradio_viewer.queue_html import queue
from gradio_viewer.recent import Batch

FOLLOWED_AT_ONCE = 8
REDRAW_S = 0.25
_SAID = ("kind", "face_index", "box", "age", "gender")

Act = Callable[[str], Awaitable[Html | None]]

_log = logging.getLogger(__name__)


def problem(api: AsyncClient, error: ClientError) -> Html:
    """An API error as a sentence on the page."""
    if isinstance(error, NoAnswerError):
        return notice(f"{told(api, error)} The page works again as soon as it does.", "error")
    return notice(told(api, error), "error")


async def outlook(api: AsyncClient, pace: Pace) -> tuple[Html, Html]:
    """A banner that says what cannot work now and what waits; and the models in use."""
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
    pace.note(stats.accepted - stats.in_flight)
    waiting = queue(stats.in_flight, pace.per_s(), stats.paused_at)
    return join(*banners, waiting), _models(stats.models)


async def set_paused(api: AsyncClient, *, paused: bool) -> Html | None:
    """Has the workers rest, or go on; what hinders that, if anything does."""
    try:
        await (api.pause() if paused else api.resume())
    except ClientError as error:
        return problem(api, error)
    return None


async def limits(api: AsyncClient) -> Html:
    """What may be sent, as the API is set."""
    try:
        return list_html.limits(await api.limits())
    except ClientError:  # the banner says why
        return list_html.limits()


def _models(models: dict[str, list[ModelInfo]]) -> Html:
    parts = [
        f"{words.PARTS.get(part, part)}: {' and '.join(model.name for model in found)}"
        for part, found in models.items()
    ]
    return tag("p", f"Models in use: {', '.join(parts)}", class_="fp-dim") if parts else Html("")


async def watch(api: AsyncClient, batch: Batch, page: str | None = None) -> AsyncIterator[Html]:
    """Follows what a visitor sends, up to the end of all; yields the list whenever it changes.

    Args:
        api: where the states come from.
        batch: what was sent.
        page: the opened page that shows the list; it goes on to the result of what it sent alone.
    """

    def shown() -> Html:
        is_alone = page is not None and batch.sent_alone_by == page
        return list_html.progress(batch.uploads, is_alone)

    slots = asyncio.Semaphore(FOLLOWED_AT_ONCE)

    async def follow(item: Upload) -> None:
        try:
            async with slots:
                async for state in api.follow(item.image_id):
                    item.update(state.to_json())
                    batch.changed.set()
        except ClientError as error:
            item.status, item.problem = "failed", told(api, error)
        except Exception:
            _log.exception("an upload could not be followed")
            item.status, item.problem = "failed", "the page lost sight of it; look under Results"
        finally:
            batch.changed.set()

    tasks: dict[int, asyncio.Task[None]] = {}
    try:
        while True:
            batch.changed.clear()
            for item in batch.uploads:
                if item.image_id and not item.is_final and id(item) not in tasks:
                    tasks[id(item)] = asyncio.create_task(follow(item))
            yield shown()
            if not batch.sending and all(task.done() for task in tasks.values()):
                break
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(batch.changed.wait(), 5)
            await asyncio.sleep(REDRAW_S)
        yield shown()
    finally:
        for task in tasks.values():
            task.cancel()


async def results(api: AsyncClient, place: Place, limit: int) -> Html:
    """A page of what a search finds."""
    try:
        page = await api.image_page(
            limit=limit, cursor=place.cursor, **cast(Filters, dict(place.search))
        )
    except ClientError as error:
        return problem(api, error)
    images = [state.to_json() for state in page.images]
    after = page.next_cursor or ""
    return list_html.gallery(images, place.search, place.cursor, after, page.total)


async def image(api: AsyncClient, image_id: str) -> tuple[Html, dict[str, Any] | None]:
    """View and document of one image."""
    result = None
    try:
        state = await api.image(image_id)
        if state.status in WITH_RESULT:
            result = (await api.result(image_id)).to_json()
    except ClientError as error:
        return problem(api, error), None
    view = image_html.image_view(state.to_json(), result)
    return view, image_html.shortened(result) if result else None


async def analyse_again(api: AsyncClient, image_id: str) -> Html | None:
    """Has an image analysed anew from its upload; what hinders that, if anything does."""
    try:
        state = await api.image(image_id)
        source = await api.file(image_id, "source")
        await api.upload(source, state.image.file_name or "image", force=True, urgent=True)
    except ClientError as error:
        return problem(api, error)
    return None


async def correct(api: AsyncClient, image_id: str, text: str) -> Html | None:
    """Keeps or takes back what a person says of a face; what hinders that, if anything does."""
    try:
        said = json.loads(text)
        known = {key: said[key] for key in _SAID if key in said}
        undone = [int(number) for number in said.get("undo", [])]
    except (ValueError, TypeError, AttributeError):
        return notice("The page sent something that it does not take; load it again.", "error")
    try:
        for number in undone:
            await api.take_back(image_id, number)
        if "kind" in known:
            await api.correct(image_id, **known)
    except ClientError as error:
        return problem(api, error)
    return None


async def with_many(api: AsyncClient, text: str) -> Html | None:
    """Erases chosen images or has them analysed again; what hinders that, of which of them."""
    try:
        said = json.loads(text)
        acts: dict[str, Act] = {"delete": api.delete, "again": partial(analyse_again, api)}
        act = acts[said["do"]]
        chosen = [one for one in said["images"] if IMAGE_ID.fullmatch(one)][:MOST_CHOSEN]
    except (ValueError, TypeError, KeyError):
        return notice("The page sent something that it does not take; load it again.", "error")
    slots = asyncio.Semaphore(FOLLOWED_AT_ONCE)

    async def one(image_id: str) -> Html | None:
        async with slots:
            try:
                return await act(image_id)
            except ClientError as error:
                return problem(api, error)

    return join(*dict.fromkeys(await asyncio.gather(*map(one, chosen))))


async def delete(api: AsyncClient, image_id: str) -> Html:
    """Erases an image; the page's script then goes on to the results."""
    try:
        await api.delete(image_id)
    except ClientError as error:
        return problem(api, error)
    return tag("div", notice("The image was erased."), data_goto="?tab=results")


async def trace(api: AsyncClient, image_id: str) -> Html:
    try:
        return trace_html.trace(await api.trace(image_id))
    except ClientError as error:
        return notice(f"The trace cannot be shown now: {told(api, error)}", "warning")


async def plots(api: AsyncClient, search: Mapping[str, str]) -> Html:
    """Every plot, drawn from its data; with a search, of what it finds."""
    try:
        if search:
            found = await api.plots_data(**cast(Filters, dict(search)))
        else:
            names = [plot.name for plot in await api.plots()]
            files = await asyncio.gather(*(api.plot(name, "json") for name in names))
            found = [json.loads(plot) for plot in files]
    except ClientError as error:
        return notice(f"The plots cannot be shown now: {told(api, error)}", "warning")
    return plots_html.plots(found, search)
