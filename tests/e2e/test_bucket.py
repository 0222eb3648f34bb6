"""The whole stack with its files in a bucket, and real models."""

from __future__ import annotations

from pathlib import Path

import pytest

from facepipe_client import DeletedError
from tests.support.s3_server import running_s3
from tests.support.waiting import wait_until
from tools.stack_driver.api import upload_all
from tools.stack_driver.local_stack import LocalStack


def test_a_stack_keeps_its_files_in_a_bucket(portraits: list[Path], tmp_path: Path) -> None:
    stack = LocalStack.prepare(tmp_path / "stack")
    with running_s3("moto", tmp_path / "s3") as server:
        stack.environment.update(server.variables)
        try:
            stack.verb("start")

            # When photographs are analysed
            images = [path.read_bytes() for path in portraits[:3]]
            ids = upload_all(stack.api, images)
            states = stack.api.wait_all(ids)
            assert {state.status for state in states.values()} == {"stored"}

            # Then their results are in the bucket, and nothing of them in the folder
            parts = [f"{i}{ending}" for i in ids for ending in (".json", ".jpg")]
            parts += [f"source/{image_id}" for image_id in ids]
            expected = sorted(f"some/where/saved_data/{part}" for part in parts)
            wait_until(lambda: server.names() == expected, every_s=0.2)
            assert not [path for path in stack.volumes.rglob("*") if path.stem in ids]
            assert stack.api.file(ids[0], "source") == images[0]
            assert stack.api.file(ids[0], "annotated").startswith(b"\xff\xd8")

            # And the index can be made of them
            assert "3 results indexed" in _said(stack.verb("reindex"))

            # And what is deleted is gone from the bucket
            for image_id in ids:
                stack.api.delete(image_id)
            with pytest.raises(DeletedError):
                stack.api.file(ids[0], "annotated")
            wait_until(lambda: server.names() == [], every_s=0.2)
            assert stack.verb("status", check=False).returncode == 0
        finally:
            stack.verb("stop", check=False)


def _said(done: object) -> str:
    return f"{getattr(done, 'stdout', '')}{getattr(done, 'stderr', '')}"
