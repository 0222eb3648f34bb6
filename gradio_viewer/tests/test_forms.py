"""An upload's form is read piece by piece, and what is held of it has its room."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.requests import Request

from gradio_viewer.memory_budget import BufferedFile, MemoryBudget
from gradio_viewer.multipart import Begin, End, pieces


def _request(body: bytes, size: int) -> Request:
    chunks = [body[at : at + size] for at in range(0, len(body), size)]

    async def receive() -> dict[str, Any]:
        chunk = chunks.pop(0) if chunks else b""
        return {"type": "http.request", "body": chunk, "more_body": bool(chunks)}

    headers = [(b"content-type", b"multipart/form-data; boundary=x")]
    return Request({"type": "http", "headers": headers, "method": "POST"}, receive)


@pytest.mark.parametrize("size", [1, 2, 7, 64, 10_000])
def test_a_form_is_read_the_same_however_it_is_cut(size: int) -> None:
    # given a form with an odd name, bytes that look like a boundary, and a field that is no file
    photo = b"\r\n--y\r\n--" + bytes(range(256))
    body = (
        b'--x\r\ncontent-disposition: form-data; name="files"; filename="\xc3\xa9 %22.jpg"\r\n'
        b"Content-Type: image/jpeg\r\n\r\n" + photo + b"\r\n"
        b'--x\r\nContent-Disposition: form-data; name="other"\r\n\r\nvalue\r\n'
        b'--x\r\nContent-Disposition: form-data; name="files"; filename=""\r\n\r\n\r\n--x--\r\n'
    )

    async def read() -> list[Any]:
        return [piece async for piece in pieces(_request(body, size))]

    # when it comes in pieces
    found = asyncio.run(read())
    # then the files are what they were
    whole = b"".join(piece for piece in found if isinstance(piece, bytes))
    others = [piece for piece in found if not isinstance(piece, bytes)]
    assert whole == photo
    assert others == [Begin("é %22.jpg"), End(), Begin(""), End()]


def test_who_finds_the_room_full_waits_and_nobody_waits_for_ever() -> None:
    # given room for three parts, and five files of two parts that come side by side
    budget, most = MemoryBudget(3), 0

    async def hold() -> None:
        nonlocal most
        with budget.buffer() as place:
            for _ in range(2):
                await place.add(b"x")
                most = max(most, budget.held)
                await asyncio.sleep(0)

    async def run() -> None:
        async with asyncio.timeout(60):
            await asyncio.gather(*(hold() for _ in range(5)))

    # when all of them come
    asyncio.run(run())
    # then all have gone through, and never more than the room and one file were held
    assert 3 <= most <= 5
    assert budget.held == 0


def test_what_is_held_is_read_again_from_its_beginning() -> None:
    # given a file that came in pieces of all sizes
    async def hold(place: BufferedFile) -> None:
        for chunk in (b"", b"abc", b"d" * 100_000, b"ef"):
            await place.add(chunk)

    with MemoryBudget(10).buffer() as place:
        asyncio.run(hold(place))
        # when it is read twice
        for _ in range(2):
            place.seek(0)
            whole = b"".join(iter(lambda: place.read(70_000) or b"", b""))
            # then it is whole
            assert whole == b"abc" + b"d" * 100_000 + b"ef"
        assert place.size == len(whole)
