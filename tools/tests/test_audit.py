"""The audit counts only where the database answers, against one that is made up."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tools.checks.audit import NOT_RUN, audit

Answer = Callable[[str], tuple[int, bytes]]
KNOWN = "jinja2"


@contextmanager
def database(answer: Answer) -> Iterator[str]:
    """The address of an OSV API that says what `answer` says of a package."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, body = answer(query["package"]["name"])
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def knows_flaws_of(*packages: str) -> Answer:
    def answer(name: str) -> tuple[int, bytes]:
        affected = {"package": {"name": name, "ecosystem": "PyPI"}, "ranges": []}
        flaw = {"id": f"FLAW-{name}", "summary": "a flaw", "affected": [affected]}
        return 200, json.dumps({"vulns": [flaw]} if name in packages else {}).encode()

    return answer


@pytest.fixture(autouse=True)
def _without_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def locks(tmp_path: Path) -> list[Path]:
    """Two services that share a package."""
    pin = "--hash=sha256:" + "0" * 64
    for name, other in (("one", "alpha"), ("two", "beta")):
        lock = tmp_path / f"{name}.txt"
        lock.write_text(f"shared==1.0 \\\n    {pin}\n{other}==2.0 \\\n    {pin}\n")
    return [tmp_path / "one.txt", tmp_path / "two.txt"]


def test_a_known_flaw_of_one_package_fails_and_is_named(
    locks: list[Path], capfd: pytest.CaptureFixture[str]
) -> None:
    with database(knows_flaws_of(KNOWN, "beta")) as url:
        assert audit(locks, url) == 1

    said = capfd.readouterr().out
    assert "FLAW-beta" in said
    assert "FLAW-jinja2" not in said


def test_without_a_known_flaw_it_passes(locks: list[Path]) -> None:
    with database(knows_flaws_of(KNOWN)) as url:
        assert audit(locks, url) == 0


@pytest.mark.parametrize(
    "answer",
    [
        lambda _: (200, b"{}"),
        lambda _: (200, b"<html>log in to this network</html>"),
        lambda _: (403, b""),
        lambda _: (404, b""),
    ],
    ids=["knows nothing", "a page", "refuses", "not there"],
)
def test_something_else_in_the_place_of_the_database_is_no_pass(
    locks: list[Path], answer: Answer, capfd: pytest.CaptureFixture[str]
) -> None:
    with database(answer) as url:
        assert audit(locks, url) == NOT_RUN

    assert "not run: the advisory database is unreachable" in capfd.readouterr().out


def test_nobody_to_ask_is_no_pass(locks: list[Path]) -> None:
    with database(knows_flaws_of()) as url:
        pass

    assert audit(locks, url, timeout_s=2) == NOT_RUN


def test_a_database_that_fails_in_the_middle_fails_the_audit(locks: list[Path]) -> None:
    knows = knows_flaws_of(KNOWN)

    with database(lambda name: knows(name) if name == KNOWN else (500, b"")) as url:
        assert audit(locks, url) == 1
