"""Programs are told of finished images: signed, in order, and whatever is restarted."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from facepipe.domain.errors import MisconfiguredError
from input_service import webhooks
from input_service.app import create_input_app
from input_service.settings import FetchSettings, InputSettings, WebhookSettings
from tests.integration.input.rig import Rig, open_bench, photograph, served, wait_for

KEY = bytes(range(32))
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"


@dataclass
class Receiver:
    """A program that takes webhooks, or answers as it is told first."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    seen: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def told(self) -> list[tuple[str, str]]:
        """Type and image of each message that was taken, in order."""
        found = [json.loads(body) for _, body in self.seen]
        return [(one["type"], one["data"]["image_id"]) for one in found]


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = receiver.answers.pop(0) if receiver.answers else 204
            if status < 300:
                receiver.seen.append(({k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    receiver.url = f"http://127.0.0.1:{server.server_port}/hook"
    yield receiver
    server.shutdown()
    server.server_close()


def _settings(receiver: Receiver, **fetch: Any) -> InputSettings:
    return InputSettings(
        webhook=WebhookSettings(urls=receiver.url, secret=SECRET),
        fetch=FetchSettings(**({"private": "127.0.0.0/8"} | fetch)),
    )


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "PAUSES_S", (0.01, 0.02, 0.05))
    monkeypatch.setattr(webhooks, "_AGAIN_S", 0.05)


def _position(rig: Rig) -> Path:
    folder = rig.settings.volumes.inbox / ".webhooks"
    wait_for(lambda: any(folder.glob("*.json")))
    return next(folder.glob("*.json"))


def test_a_receiver_is_told_of_what_is_finished_signed_and_in_order(tmp_path: Path) -> None:
    with receiving() as receiver, open_bench(tmp_path, _settings(receiver)) as rig:
        _position(rig)
        # Given a receiver that stumbles at first
        receiver.answers = [500, 429]

        # When images are finished, fail, and are deleted
        stored, failed = (rig.accept(photograph(700 + n), external_id=f"x{n}") for n in range(2))
        rig.finish(stored, ages=(30,))
        wait_for(lambda: receiver.told == [("image.stored", stored)])
        rig.fail(failed)
        wait_for(lambda: len(receiver.told) == 2)
        rig.http.delete(f"/v1/images/{stored}")
        wait_for(lambda: len(receiver.told) == 3)

    assert receiver.told[1:] == [("image.failed", failed), ("image.deleted", stored)]
    for headers, body in receiver.seen:
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        signature = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
        assert headers["webhook-signature"] == f"v1,{signature}"
    assert len({headers["webhook-id"] for headers, _ in receiver.seen}) == 3
    assert json.loads(receiver.seen[0][1])["data"]["image"]["external_id"] == "x0"


def test_what_happens_while_the_service_is_down_is_told_when_it_is_back(tmp_path: Path) -> None:
    with receiving() as receiver, open_bench(tmp_path / "a") as rig:
        settings = rig.settings.model_copy(
            update={
                "webhook": WebhookSettings(urls=receiver.url, secret=SECRET),
                "fetch": FetchSettings(private="127.0.0.0/8"),
            }
        )
        first, second, third = (rig.accept(photograph(710 + n)) for n in range(3))
        rig.finish(first)  # before there was a webhook

        with served(create_input_app(settings)):
            _position(rig)
            rig.finish(second)
            wait_for(lambda: receiver.told == [("image.stored", second)])
        rig.finish(third)
        with served(create_input_app(settings)):
            wait_for(lambda: len(receiver.told) == 2)

    assert receiver.told == [("image.stored", second), ("image.stored", third)]


def test_a_message_that_is_refused_again_and_again_holds_up_nothing(tmp_path: Path) -> None:
    with receiving() as receiver, open_bench(tmp_path, _settings(receiver)) as rig:
        _position(rig)
        receiver.answers = [400] * 4
        first, second = (rig.accept(photograph(720 + n)) for n in range(2))
        rig.finish(first)
        wait_for(lambda: receiver.answers == [])
        rig.finish(second)
        wait_for(lambda: receiver.told == [("image.stored", second)])


def test_a_receiver_in_a_private_network_is_told_nothing(tmp_path: Path) -> None:
    with receiving() as receiver, open_bench(tmp_path, _settings(receiver, private="")) as rig:
        position = _position(rig)
        before = position.read_text()
        rig.finish(rig.accept(photograph(730)))

        wait_for(lambda: rig.http.get("/v1/stats").json()["stored"] == 1)

        assert (receiver.told, position.read_text()) == ([], before)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_!", "whsec_c2hvcnQ=", "c2hvcnQ="])
def test_without_a_usable_secret_the_service_does_not_start(secret: str) -> None:
    with pytest.raises(MisconfiguredError, match="openssl"):
        webhooks.key_of(secret)


@pytest.mark.parametrize("private", ["true", "10.0.0.1/8", "localhost"])
def test_private_networks_that_are_none_are_told_at_the_start(private: str) -> None:
    with pytest.raises(ValidationError, match="private"):
        FetchSettings(private=private)
