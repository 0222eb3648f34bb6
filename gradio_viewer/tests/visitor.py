"""A visitor of the page without a browser: its calls as Gradio's page makes them."""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any

import httpx

Json = dict[str, Any]


class Visitor:
    """Calls the page's events over real HTTP, with a cookie of its own."""

    def __init__(self, viewer: str, session: str = "k2j9vvisyzvj") -> None:
        self.http = httpx.Client(base_url=viewer, timeout=30, trust_env=False)
        self.session = session
        self.welcome = self.http.get("/")

    def close(self) -> None:
        self.http.close()

    @cached_property
    def config(self) -> Json:
        """What the page is told of its components and events."""
        start = self.welcome.text.index("window.gradio_config = ") + len("window.gradio_config = ")
        config: Json = json.JSONDecoder().raw_decode(self.welcome.text[start:])[0]
        return config

    @cached_property
    def events(self) -> dict[int, list[str]]:
        """The kinds of the inputs of each event that is more than a script of the page."""
        kinds = {found["id"]: found["type"] for found in self.config["components"]}
        return {
            event["id"]: [kinds[number] for number in event["inputs"]]
            for event in self.config["dependencies"]
            if event["backend_fn"]
        }

    @property
    def taking_files(self) -> int:
        """The event of the field for files."""
        return next(number for number, kinds in self.events.items() if kinds == ["file"])

    def choose(self, files: list[Json]) -> str:
        """Chooses uploaded files; what the page is told, by the events that follow as well."""
        number = self.taking_files
        self.join(number, [files]).raise_for_status()
        told = self.messages()
        for event in self.config["dependencies"]:
            if event["trigger_after"] == number:
                self.join(event["id"], []).raise_for_status()
                told += self.messages()
        return told

    def upload(self, *files: tuple[str, bytes]) -> list[str]:
        """Sends files; the tickets that come back."""
        form = [("files", file) for file in files]
        answer = self.http.post("/gradio_api/upload", params={"upload_id": "u1"}, files=form)
        tickets: list[str] = answer.raise_for_status().json()
        return tickets

    def join(self, event: Any, data: Any, **more: Any) -> httpx.Response:
        call = {"fn_index": event, "data": data, "session_hash": self.session, **more}
        return self.http.post(
            "/gradio_api/queue/join",
            content=json.dumps(call),
            headers={"Content-Type": "application/json"},
        )

    def messages(self) -> str:
        """All that the session is told, up to the end of what runs."""
        return self.http.get("/gradio_api/queue/data", params={"session_hash": self.session}).text


def file_data(path: str, name: str = "a.jpg") -> Json:
    return {"path": path, "orig_name": name, "meta": {"_type": "gradio.FileData"}}
