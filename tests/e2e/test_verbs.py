"""The verbs of the Makefile, as a user meets them."""

from __future__ import annotations

import os
import re
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx
import psutil
import pytest

from facepipe.v1 import face_store_pb2 as pb
from facepipe.v1.face_store_pb2_grpc import FaceStoreStub
from tools.stack.processes import command_of
from tools.stack_driver.local_stack import LocalStack, kill
from tools.stack_driver.photos import without_face


def test_demo_prints_the_face_and_where_everything_is(stack: LocalStack) -> None:
    printed = stack.verb("demo").stdout

    assert re.search(r"^  face 0: .*, 478 landmarks, box \d+ x \d+ at", printed, re.MULTILINE)
    paths = re.findall(r"^  (?:result|annotated) +(\S+)$", printed, re.MULTILINE)
    assert [Path(path).suffix for path in paths] == [".json", ".jpg"]
    assert all(Path(path).is_file() for path in paths)
    assert stack.viewer in printed


def test_demo_with_a_photograph_of_nobody_says_so(stack: LocalStack, tmp_path: Path) -> None:
    photo = tmp_path / "nobody.jpg"
    photo.write_bytes(without_face(500))

    assert "no face was found" in stack.verb("demo", str(photo)).stdout


def test_demo_with_something_else_says_what_is_wrong(stack: LocalStack, tmp_path: Path) -> None:
    (tmp_path / "notes.jpg").write_text("not a photograph")

    refused = stack.verb("demo", str(tmp_path / "notes.jpg"), check=False)

    assert refused.returncode == 1
    assert "not accepted: not an image" in refused.stderr


def test_ingest_sends_a_folder_once(
    stack: LocalStack, tmp_path: Path, portraits: list[Path]
) -> None:
    # Given a folder with photographs, one of them twice, and a file that only looks like one
    for number in range(3):
        shutil.copy(portraits[number + 3], tmp_path / f"{number}.jpg")
    (tmp_path / "below").mkdir()
    shutil.copy(portraits[3], tmp_path / "below" / "again.JPG")
    (tmp_path / "broken.png").write_text("oh")

    # When it is sent twice
    first = stack.verb("ingest", str(tmp_path), check=False)
    second = stack.verb("ingest", str(tmp_path), check=False)

    # Then the second time nothing is sent, and both name the file that cannot be read
    assert "5 photographs" in first.stdout
    assert "4 with a result, 1 failed" in first.stdout
    assert "0 sent, 4 were known already, 4 with a result, 1 failed" in second.stdout
    assert "broken.png: not an image" in first.stdout
    assert first.returncode == second.returncode == 1


def test_a_second_start_finds_everything_running(stack: LocalStack) -> None:
    before = {process.pid for process in stack.processes()}

    printed = stack.verb("start").stdout

    assert "the stack is running" in printed
    assert {process.pid for process in stack.processes()} == before


def test_status_shows_workers_and_queues(stack: LocalStack) -> None:
    lines = stack.verb("status").stdout.splitlines()

    # Then the heavy stage has a worker a CPU, and the light one a single worker
    for service, workers in (("landmark_service", os.cpu_count()), ("agegender_service", 1)):
        row = next(line for line in lines if line.startswith(service))
        assert re.search(rf"\d+, up \d+:\d\d +yes +{workers} idle +0 ", row)


def test_who_has_no_token_gets_nothing_from_the_inside_ports(stack: LocalStack) -> None:
    for name in ("LANDMARK", "AGEGENDER", "STORAGE", "LOGGER", "PLOTTER"):
        address = f"http://127.0.0.1:{stack.port(name)}"
        assert httpx.get(f"{address}/readyz", trust_env=False).is_success
        refused = httpx.get(f"{address}/metrics", trust_env=False)
        assert (refused.status_code, refused.json()["code"]) == (401, "inside_only")
        headers = stack.inside_token.headers
        assert httpx.get(f"{address}/metrics", headers=headers, trust_env=False).is_success

    delete = pb.DeleteAnalysisRequest(image_id="0" * 64)
    with grpc.insecure_channel(f"127.0.0.1:{stack.port('STORE_GRPC')}") as channel:
        stub = FaceStoreStub(channel)  # type: ignore[no-untyped-call]  # generated
        with pytest.raises(grpc.RpcError) as told:
            stub.DeleteAnalysis(delete, timeout=20)
    assert told.value.code() is grpc.StatusCode.UNAUTHENTICATED

    secrets = [path for path in (stack.run_folder / "secrets").rglob("*") if path.is_file()]
    assert len(secrets) >= 8
    assert {path.stat().st_mode & 0o777 for path in secrets} == {0o600}
    shown = [" ".join(command_of(process)) for process in stack.processes()]
    shown += [path.read_text() for path in stack.run_folder.rglob("*.log")]
    assert not any(stack.inside_token.value in text for text in shown)


def test_the_central_log_is_read_with_the_token(stack: LocalStack) -> None:
    logs = f"http://127.0.0.1:{stack.port('LOGGER')}/logs"
    for service in (
        "input_service",
        "landmark_service",
        "agegender_service",
        "data_storage_service",
        "plotter_service",
        "gradio_viewer",
    ):
        answer = httpx.get(
            logs,
            params={"service": service, "limit": 1},
            headers=stack.inside_token.headers,
            trust_env=False,
        )
        assert answer.json()["lines"], service


@pytest.fixture
def own_stack(tmp_path: Path) -> Iterator[LocalStack]:
    """A stack that the test starts and stops itself; nothing of it is left if it does not."""
    stack = LocalStack.prepare(tmp_path)
    yield stack
    stack.verb("stop", check=False)


def test_stop_leaves_no_process_and_no_port(own_stack: LocalStack) -> None:
    own_stack.verb("start")
    assert len(own_stack.open_ports()) == 10

    own_stack.verb("stop")

    assert own_stack.processes() == []
    assert own_stack.open_ports() == []
    assert "nothing was running" in own_stack.verb("stop").stdout


def test_stop_cleans_up_after_a_supervisor_that_was_killed(own_stack: LocalStack) -> None:
    # Given a stack whose supervisor died without a word
    own_stack.verb("start")
    pid = int((own_stack.run_folder / "supervisord.pid").read_text())
    kill(psutil.Process(pid))
    assert own_stack.open_ports()

    # When it is stopped
    own_stack.verb("stop")

    # Then nothing is left
    assert own_stack.processes() == []
    assert own_stack.open_ports() == []


def test_a_taken_port_is_named_with_its_variable(own_stack: LocalStack) -> None:
    # Given somebody else on the port of the input API
    port = own_stack.port("INPUT")
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()

        # When the stack is started
        refused = own_stack.verb("start", check=False)

    # Then it says which port, which variable and who, and starts nothing
    assert refused.returncode == 1
    assert f"port {port} is taken by {psutil.Process().name()}" in refused.stderr
    assert "FACEPIPE_PORT_INPUT" in refused.stderr
    assert own_stack.processes() == []
