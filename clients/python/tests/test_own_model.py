"""The example that analyses again what other weights have analysed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from starlette.responses import Response

from tests.support.scripted_api import IMAGE_ID, NOW, Server, state, stats, taken, told, uploaded

PROGRAM = Path(__file__).resolve().parents[3] / "examples" / "own_model.py"
OURS, OTHERS = ({"name": "detector", "sha256": digit * 64} for digit in "12")


def result() -> dict[str, Any]:
    return {
        "schema_version": 1,
        "timestamp": NOW,
        "image_path": "",
        "redis_key": "",
        "num_faces": 0,
        "faces": [],
        "image": state()["image"],
        "models": {"detector": OTHERS, "landmarks": None},
    }


def test_a_result_of_other_weights_is_made_anew_from_the_upload(server: Server) -> None:
    # Given a pipeline whose only result is of other weights than those in use
    server.answers = [
        told({**stats(), "models": {"detector": [OURS]}}),
        told({"images": [state()], "next_cursor": None}),
        told(result()),
        Response(b"the upload"),
        uploaded(taken()),
        told(state("stored")),
    ]

    done = subprocess.run(
        [sys.executable, PROGRAM, "--api", server.address],
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    # Then its upload is sent again, by force, and waited for
    assert "1 results are of other weights\n1 were analysed again" in done.stdout
    *_, sent, waited = server.seen
    assert (sent.body, sent.query) == (b"the upload", "force=true")
    assert waited.path == f"/v1/images/{IMAGE_ID}"
