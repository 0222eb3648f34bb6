"""What the stack is compared with does the same work: `make bench` cannot end half-way."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import httpx

from tests.support.redis_server import free_port
from tests.support.waiting import wait_until


def test_the_bound_analyses_a_photograph_and_writes_its_files(
    tmp_path: Path, portraits: list[Path]
) -> None:
    bound = subprocess.run(
        [sys.executable, "-m", "benchmarks.bound", str(tmp_path)],
        input=json.dumps([str(portraits[0])]) + "\n",
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )

    ready, answer = bound.stdout.splitlines()
    assert ready == "ready"
    assert json.loads(answer)["faces"] == 1
    written = [path for path in (tmp_path / "saved_data").iterdir() if path.is_file()]
    assert sorted(path.suffix for path in written) == [".jpg", ".json"]


def test_the_plain_program_analyses_a_photograph(portraits: list[Path]) -> None:
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.afternoon", str(port)]
    with subprocess.Popen(command) as process:
        try:
            wait_until(lambda: _listens(port))

            answer = httpx.post(
                f"http://127.0.0.1:{port}/analyse", content=portraits[0].read_bytes(), timeout=60
            )
        finally:
            process.terminate()

    assert answer.status_code == 200
    assert answer.json()["num_faces"] == 1


def _listens(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/openapi.json").is_success
    except httpx.TransportError:
        return False
