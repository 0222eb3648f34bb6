from __future__ import annotations

import asyncio

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from gradio_viewer.login import Login, LoginMissingError, needs_login
from gradio_viewer.settings import ViewerSection, ViewerSettings


@pytest.mark.parametrize(
    ("path", "auth", "status"),
    [
        ("/", None, 401),
        ("/", ("viewer", "wrong"), 401),
        ("/", ("viewer", "Pässwort"), 200),
        ("/readyz", None, 200),
        ("/readyz/../", None, 401),
    ],
)
def test_only_who_knows_the_password_gets_in(
    path: str, auth: tuple[str, str] | None, status: int
) -> None:
    async def hello(_: object) -> PlainTextResponse:
        return PlainTextResponse("hello")

    app = Starlette(routes=[Route("/{path:path}", hello)])
    guarded = Login(app, user="viewer", password="Pässwort")

    async def ask() -> int:
        transport = httpx.ASGITransport(guarded)
        async with httpx.AsyncClient(transport=transport, base_url="http://page") as client:
            basic = None if auth is None else httpx.BasicAuth(*(part.encode() for part in auth))
            return (await client.get(path, auth=basic)).status_code

    assert asyncio.run(ask()) == status


def test_a_header_that_is_none_is_refused() -> None:
    guarded = Login(Starlette(), user="viewer", password="secret")

    async def ask(value: str) -> int:
        transport = httpx.ASGITransport(guarded)
        async with httpx.AsyncClient(transport=transport, base_url="http://page") as client:
            return (await client.get("/", headers={"Authorization": value})).status_code

    for value in ("Basic", "Basic ???", "Bearer dmlld2VyOnNlY3JldA==", ""):
        assert asyncio.run(ask(value)) == 401


def test_on_this_host_no_login_is_asked_for() -> None:
    assert not needs_login(ViewerSettings(bind="127.0.0.1"))


def test_a_page_for_a_network_needs_a_password_or_an_explicit_word() -> None:
    with pytest.raises(LoginMissingError, match="FACEPIPE_VIEWER_PASSWORD"):
        needs_login(ViewerSettings(bind="192.168.1.2"))
    assert needs_login(ViewerSettings(bind="192.168.1.2", viewer=ViewerSection(password="secret")))
