"""What an attacker sends to the page: no file, no path, nothing of another visitor comes back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.fake_documents import portrait
from tests.support.fake_input_api import FakeApi, serving

pytest.importorskip("gradio")

import gradio as gr
from starlette.routing import Mount

from facepipe.system.settings import AddressSettings
from gradio_viewer.app import create_viewer_app
from gradio_viewer.events import Events
from gradio_viewer.settings import ViewerSettings
from gradio_viewer.visitors import Visitors

from .visitor import Visitor, file_data

# Gradio and its server warn of their own ways; our code is held to the strict filter elsewhere.
pytestmark = pytest.mark.filterwarnings("default")

SECRET = "the bytes of a file that is none of the page's"
# Nothing of these may be in any answer: where this machine keeps its files.
PATHS = re.compile(r"site-packages|/tmp/|/home/|/root/|/usr/|/var/|Traceback|\.py\b")
NOTHING: dict[str, Any] = {"dropdown": "any", "textbox": "", "state": None, "file": None}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("page")


@pytest.fixture(scope="module")
def secret(folder: Path) -> Path:
    """A file outside every volume that the page's process may read."""
    path = folder / "secret.txt"
    path.write_text(SECRET)
    return path


@pytest.fixture(scope="module")
def viewer(folder: Path) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(folder / "gradio"))
        with serving(FakeApi().app) as address:
            app = create_viewer_app(ViewerSettings(address=AddressSettings(input=address)))
            with serving(app) as viewer:
                yield viewer


@pytest.fixture
def visitor(viewer: str) -> Iterator[Visitor]:
    visitor = Visitor(viewer)
    yield visitor
    visitor.close()


def harmless(kinds: list[str]) -> list[Any]:
    return [NOTHING[kind] for kind in kinds]


def test_every_event_takes_what_the_page_sends(visitor: Visitor) -> None:
    """The other tests would prove nothing if every call were refused."""
    assert len(visitor.events) >= 10
    for number, kinds in visitor.events.items():
        assert visitor.join(number, harmless(kinds)).status_code == 200
        assert '"success":true' in visitor.messages()


def test_no_value_of_any_event_reads_a_file(visitor: Visitor, secret: Path, folder: Path) -> None:
    # given every place where a value goes, and a file's description in it, bare and nested
    file = file_data(str(secret))
    for number, kinds in visitor.events.items():
        for place in range(len(kinds)):
            for value in (file, [file], {"value": file}, [[file]], str(secret), [str(secret)]):
                data: list[Any] = harmless(kinds)
                data[place] = value
                # when it is sent
                answer = visitor.join(number, data, event_data=file)
                # then it is refused, passed over where what comes does not matter, or a mere text
                is_text = kinds[place] == "textbox" and isinstance(value, str)
                if kinds[place] != "state" and not is_text:
                    assert answer.status_code == 400
                told = answer.text + (visitor.messages() if answer.is_success else "")
                assert SECRET not in told
                assert not PATHS.search(told)
    # and Gradio has copied nothing
    assert list((folder / "gradio").rglob("*.txt")) == []


def test_calls_that_bypass_the_queue_are_closed(visitor: Visitor, secret: Path) -> None:
    body = {"data": [file_data(str(secret))] * 6, "fn_index": 4, "session_hash": "s"}
    for way in ("run/predict", "api/predict", "call/first", "call/v2/first", "queue/push"):
        assert visitor.http.post(f"/gradio_api/{way}", json=body).status_code == 404
    server = {"data": str(secret), "component_id": 4, "session_hash": "s", "fn_name": "ls"}
    assert visitor.http.post("/gradio_api/component_server", json=server).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file={secret}", "/gradio_api/file/{secret}", "/file={secret}",
        "/gradio_api/file=../../{secret}", "//gradio_api/file={secret}",
        "/gradio_api/./file={secret}", "/static/../../../..{secret}",
        "/static/%2e%2e/%2e%2e/%2e%2e/%2e%2e{secret}", "/static/{secret}", "/static//{secret}",
        "/assets/..%2f..%2f..%2f..{secret}", "/files/..%2f..{secret}/upright.jpg",
        "/plots/..%2f..{secret}.png", "/svelte/{secret}", "/gradio_api/proxy=http://127.0.0.1/",
        "/gradio_api/deep_link?session_hash=x", "/?deep_link=../../{secret}",
        "/gradio_api/custom_component/x/client/..%2f..{secret}/x",
    ],
)  # fmt: skip
def test_no_address_gives_a_file(visitor: Visitor, secret: Path, path: str) -> None:
    answer = visitor.http.get(path.format(secret=secret))

    assert SECRET not in answer.text
    assert answer.status_code < 500
    asked = answer.text.replace(str(secret), "")  # an answer may say what was asked for
    assert not re.search(r"site-packages|Traceback", asked)


def _routes(routes: Any) -> Iterator[tuple[str, str]]:
    for route in routes:
        inner = getattr(route, "original_router", route)
        if isinstance(route, Mount) or inner is not route:
            yield from _routes(inner.routes)
        for method in getattr(route, "methods", None) or ():
            yield method, route.path


OPEN = {
    "/", "/healthz", "/readyz", "/metrics", "/manifest.json", "/theme.css", "/favicon.ico",
    "/robots.txt", "/static/{path:path}", "/assets/{path:path}", "/plots/{name}.{kind}",
    "/page/{name}", "/page/sample.png", "/page/sample.jpg",
    "/files/{image_id}/original", "/files/export.{kind}", "/files/chosen.zip",
    "/files/{image_id}/faces/{index}.jpg",
    "/files/{image_id}/upright.jpg", "/files/{image_id}/thumbnail.jpg",
    "/files/{image_id}/annotated.jpg", "/files/{image_id}/result.json",
    "/files/{image_id}/sidecar.xmp",
    "/gradio_api/queue/join", "/gradio_api/queue/data", "/gradio_api/upload",
    "/gradio_api/upload_progress", "/gradio_api/heartbeat/{session_hash}",
}  # fmt: skip


def test_of_all_routes_that_gradio_has_only_those_of_the_page_are_open(
    viewer: str, visitor: Visitor
) -> None:
    # given every route of the application, Gradio's own among them
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", "/nonexistent")
        app = create_viewer_app(ViewerSettings())
    routes = set(_routes(app.routes))
    assert {"/gradio_api/file={path_or_url:path}", "/gradio_api/queue/join"} <= {
        path for _, path in routes
    }
    for method, path in routes:
        if path in OPEN:
            continue
        # when it is called
        address = re.sub(r"\{\w+(:path)?\}", "x", path)
        answer = visitor.http.request(method, address)
        # then there is nothing
        assert (method, path, answer.status_code) == (method, path, 404)


def test_a_session_is_of_no_use_to_another_visitor(viewer: str) -> None:
    # given a visitor with something to be told, and another one who knows the session's name
    victim, thief = Visitor(viewer, "victims"), Visitor(viewer, "victims")
    number = next(n for n, kinds in victim.events.items() if not kinds)
    victim.join(number, harmless(victim.events[number]))
    # when the other one asks for what the session is told
    stolen = thief.messages()
    # then nothing is there for him, and the visitor is told all
    assert "session_not_found" in stolen
    assert "process_completed" not in stolen
    assert '"success":true' in victim.messages()
    victim.close()
    thief.close()


def test_an_uploaded_file_is_of_no_use_to_another_visitor(viewer: str) -> None:
    # given a visitor who has uploaded a file
    owner, thief = Visitor(viewer), Visitor(viewer)
    ticket = owner.upload(("a.jpg", portrait()))[0]
    number = owner.taking_files
    # when another one shows its ticket, or one that was changed
    refused = thief.join(number, [[file_data(ticket)]])
    forged = owner.join(number, [[file_data("x" + ticket)]])
    # then it is refused, and its owner's is taken
    assert (refused.status_code, forged.status_code) == (400, 400)
    assert "done: 2 faces" in owner.choose([file_data(ticket)])
    owner.close()
    thief.close()


def test_without_the_cookie_of_the_page_there_is_nothing(viewer: str) -> None:
    visitor = Visitor(viewer)
    cookie = visitor.welcome.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    visitor.http.cookies.clear()

    assert visitor.join(0, []).status_code == 400
    assert visitor.http.get("/gradio_api/heartbeat/x").status_code == 400
    assert visitor.http.post("/gradio_api/upload", files={"files": b"x"}).status_code == 400
    visitor.close()


def test_a_component_without_a_rule_stops_the_viewer_at_its_start() -> None:
    with gr.Blocks() as page:
        gr.Button().click(lambda value: value, inputs=gr.Slider())

    with pytest.raises(TypeError, match="Slider"):
        Events(page, Visitors())


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["any", "stored", "../../etc/passwd", "file:///etc/passwd", "x" * 100_000])
    | st.just(10**4000)
    | st.just(file_data("/etc/passwd")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["path", "url", "meta", "value", "__type__"]), inner)
    ),
    max_leaves=8,
)
FUZZED = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@FUZZED
@given(data=st.data())
def test_whatever_is_sent_to_an_event_nothing_breaks(visitor: Visitor, data: st.DataObject) -> None:
    # given an event and whatever may come for it, in place or out of it
    events = visitor.events
    number = data.draw(st.sampled_from(sorted(events)) | JSON)
    kinds = events.get(number, []) if type(number) is int else []
    right = st.tuples(*(st.just(NOTHING[kind]) | JSON for kind in kinds)).map(list)
    values = data.draw(right | JSON)
    session = data.draw(st.just(visitor.session) | JSON)
    # when it is sent
    answer = visitor.join(
        number,
        values,
        session_hash=session,
        trigger_id=data.draw(JSON),
        event_data=data.draw(JSON),
        event_id=data.draw(JSON),
        simple_format=data.draw(JSON),
    )
    # then it is taken or refused, and neither tells a path
    assert answer.status_code in (200, 400)
    told = answer.text
    if answer.is_success and session == visitor.session:
        told += visitor.messages()
    assert not PATHS.search(told)
    assert "root:x:0" not in told


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"data": NaN}',
        b'{"fn_index": 1e999, "data": []}', b'{"data": [' + b"1" * 5000 + b']}',
        b'{"data": "' + b"x" * 5_000_000 + b'"}',
    ],
    ids=lambda body: repr(body[:20]),
)  # fmt: skip
def test_a_body_that_is_none_is_refused(visitor: Visitor, body: bytes) -> None:
    answer = visitor.http.post("/gradio_api/queue/join", content=body)

    assert answer.status_code == (413 if len(body) > 2**22 else 400)
    assert answer.json()["code"] in ("invalid_request", "image_too_large")
