"""What the stack is compared with does the same work: `make bench` cannot end half-way."""

from __future__ import annotations

from pathlib import Path

from fastapi.testclient import TestClient

from benchmarks.afternoon import create_app
from benchmarks.bound import Program


def test_the_plain_program_analyses_a_photograph_and_writes_its_files(
    tmp_path: Path, portraits: list[Path]
) -> None:
    client = TestClient(create_app(Program(tmp_path)))

    answer = client.post("/analyse", content=portraits[0].read_bytes())

    assert answer.status_code == 200
    assert answer.json()["num_faces"] == 1
    image_id = answer.json()["image"]["sha256"]
    written = {path.name for path in (tmp_path / "saved_data").iterdir() if path.is_file()}
    assert written == {f"{image_id}.jpg", f"{image_id}.json"}
