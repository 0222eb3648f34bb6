"""A small input API on a free port: a few images, and uploads that finish in a moment."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from PIL import Image

from facepipe_client.documents import Limits, Links
from tests.support.fake_documents import (
    NOW,
    Json,
    bars,
    corrected,
    crowded,
    document,
    portrait,
    trace_document,
)
from tests.support.scripted_api import stats as numbers

STAGES = ("received", "queued", "detecting", "analysing", "storing", "stored")


class FakeApi:
    """State and routes; tests change `images` and `plots_down` as they need."""

    def __init__(self) -> None:
        self.images: dict[str, Json] = {}
        self.queries: list[dict[str, str]] = []
        self.plots: list[Json] = [{"name": "age_by_gender", "title": "Age by gender"}]
        self.crowd = 0  # so many faces are in every image, if any
        self.corrections: dict[str, list[Json]] = {}
        self.plots_after_s = 0.0
        self.step_s = 0.05  # that a stage takes
        self.plots_down: bool | str = False  # or what is said of it
        self.problems: dict[str, str] = {}
        self.max_bytes = 50 * 2**20
        self.paused_at: str | None = None
        self.numbers: Json = {}  # of /v1/stats, where they are not the usual ones
        self.app = FastAPI()
        self._add_routes()

    def add(self, name: str, status: str = "stored", **values: Any) -> str:
        image_id = hashlib.sha256(name.encode()).hexdigest()
        self.images[image_id] = {
            "image_id": image_id,
            "status": status,
            "generation": 1,
            "num_faces": 2 if status in ("stored", "partial") else None,
            "error": None,
            "image": {
                "width": 800, "height": 600, "format": "JPEG", "orientation_applied": 1,
                "sha256": image_id, "file_name": name, "size_bytes": 123_456,
            },
            "received_at": NOW,
            "updated_at": NOW,
            "timeline": [],
            "links": dict.fromkeys(Links.model_fields, ""),
            **values,
        }  # fmt: skip
        return image_id

    def _add_routes(self) -> None:
        app = self.app

        @app.get("/healthz")
        async def healthz() -> Json:
            return {"status": "alive"}

        @app.get("/v1/stats")
        async def stats() -> Json:
            model = {"name": "facepipe-yolov8n-face", "sha256": "ab" * 32}
            return {
                **numbers(),
                **self.numbers,
                "paused_at": self.paused_at,
                "problems": self.problems,
                "models": {"detector": [model]},
            }

        @app.post("/v1/queue/{action}")
        async def set_paused(action: str) -> Json:
            self.paused_at = NOW if action == "pause" else None
            return {"paused_at": self.paused_at}

        @app.get("/v1/limits")
        async def limits() -> Json:
            others = dict.fromkeys(Limits.model_fields, 1)
            return {**others, "max_bytes": self.max_bytes, "max_pixels": 250_000_000}

        @app.post("/v1/images", status_code=202)
        async def send(request: Request) -> Any:
            async with request.form() as form:
                file: Any = form["files"]
                data = await file.read()
            if not data.startswith((b"\xff\xd8", b"\x89PNG")):
                detail = "not an image of an accepted format"
                return JSONResponse(
                    {"title": "Unsupported", "detail": detail, "code": "unsupported_image"}, 415
                )
            image_id = self.add(file.filename, "received")
            entry = {"file_name": file.filename, "image_id": image_id, "status": "received"}
            return {"images": [entry]}

        @app.get("/v1/images")
        async def images(request: Request) -> Json:
            self.queries.append(dict(request.query_params))
            start = int(request.query_params.get("cursor", "0"))
            limit = int(request.query_params["limit"])
            gender = request.query_params.get("gender")
            found = list(self.images.values())[::-1]
            if gender:  # all have a woman's face, and one of which nothing is known
                found = found if gender in ("female", "unknown") else []
            more = str(start + limit) if len(found) > start + limit else None
            page = {"images": found[start : start + limit], "next_cursor": more}
            return page | ({} if start else {"total": len(found)})

        @app.get("/v1/export")
        async def export(request: Request) -> Response:
            self.queries.append(dict(request.query_params))
            return Response("image_id,age\n", media_type="text/csv")

        @app.get("/v1/images/{image_id}")
        async def state(image_id: str) -> Any:
            known = self.images.get(image_id)
            missing = {"title": "Not found", "detail": "there is no such image", "code": "x"}
            return known or JSONResponse(missing, 404)

        @app.get("/v1/images/{image_id}/events")
        async def events(image_id: str) -> StreamingResponse:
            return StreamingResponse(self._run(image_id), media_type="text/event-stream")

        @app.get("/v1/images/{image_id}/result")
        async def result(image_id: str) -> Json:
            found = crowded(image_id, self.crowd) if self.crowd else document(image_id)
            return corrected(found, self.corrections.get(image_id, []))

        @app.post("/v1/images/{image_id}/corrections", status_code=201)
        async def correct(image_id: str, said: Json) -> Any:
            if (said.get("box") or {}).get("x2", 0) > 800:
                return JSONResponse({"detail": "the box lies outside", "code": "x"}, 400)
            known = self.corrections.setdefault(image_id, [])
            box = said.get("box") or document(image_id)["faces"][said["face_index"]]["box"]
            known.append({"number": 100 + len(known), "made_at": NOW, **said, "box": box})
            return known[-1]

        @app.delete("/v1/images/{image_id}/corrections/{number}", status_code=204)
        async def take_back(image_id: str, number: int) -> None:
            known = self.corrections[image_id]
            self.corrections[image_id] = [one for one in known if one["number"] != number]

        @app.get("/v1/images/{image_id}/source")
        @app.get("/v1/images/{image_id}/annotated")
        async def source(image_id: str) -> Response:
            return Response(portrait(), media_type="image/jpeg")

        @app.get("/v1/images/{image_id}/thumbnail.jpg")
        @app.get("/v1/images/{image_id}/faces/{index}/crop.jpg")
        async def small(image_id: str) -> Response:
            buffer = io.BytesIO()
            with Image.open(io.BytesIO(portrait())) as image:
                image.resize((224, 224)).save(buffer, "JPEG")
            return Response(buffer.getvalue(), media_type="image/jpeg")

        @app.get("/v1/images/{image_id}/sidecar.xmp")
        async def sidecar(image_id: str) -> Response:
            return Response("<x:xmpmeta/>", media_type="application/rdf+xml")

        @app.get("/v1/images/{image_id}/trace")
        async def trace(image_id: str) -> Json:
            return trace_document(image_id)

        @app.get("/v1/plots")
        async def plots() -> Any:
            await asyncio.sleep(self.plots_after_s)
            if self.plots_down:
                is_text = isinstance(self.plots_down, str)
                detail = self.plots_down if is_text else "plotter_service does not answer"
                return JSONResponse({"title": "Down", "detail": detail, "code": "x"}, 503)
            return {"plots": self.plots}

        @app.get("/v1/plots/data")
        async def plots_data(request: Request) -> Json:
            self.queries.append(dict(request.query_params))
            return {"plots": [{**bars(), **plot} for plot in self.plots]}

        @app.get("/v1/plots/{name}.json")
        async def plot_data(name: str) -> Json:
            found = next(plot for plot in self.plots if plot["name"] == name)
            return {**bars(), **found}

        @app.delete("/v1/images/{image_id}", status_code=204)
        async def delete(image_id: str) -> None:
            self.images.pop(image_id)

        @app.get("/v1/plots/{name}.png")
        async def plot(name: str) -> Response:
            buffer = io.BytesIO()
            Image.new("RGB", (400, 300), "#dde").save(buffer, "PNG")
            return Response(buffer.getvalue(), media_type="image/png")

    async def _run(self, image_id: str) -> AsyncIterator[str]:
        image = self.images[image_id]
        for status in STAGES[STAGES.index(image["status"]) :]:
            image["status"] = status
            if status == "stored":
                image["num_faces"] = 2
            yield f"event: state\ndata: {json.dumps(image)}\n\n"
            await asyncio.sleep(self.step_s)


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """Runs an application on a free port of loopback; gives its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = uvicorn.Config(app, port=port, log_config=None, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)
