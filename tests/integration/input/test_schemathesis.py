"""The OpenAPI document is true: made-up calls, and walks along its links, on the running API."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    ignored_auth,
    negative_data_rejection,
    positive_data_acceptance,
)

from input_service.app import create_input_app
from input_service.settings import InputSettings
from tests.integration.input.rig import Rig, open_bench, photograph

CALLS_AN_OPERATION = 20
WALKS = 20
STEPS = 8
# Nobody works on the images here: a call may last as long as it asks the API to wait, 300 s.
PATIENCE_S = 330

_EXCLUDED = [
    # Bytes that are no image, a cursor of nowhere, an image that was deleted: valid by schema.
    positive_data_acceptance,
    # What FastAPI reads as a number or a list is laxer than JSON.
    negative_data_rejection,
    # Keys are declared and, on loopback, not asked for.
    ignored_auth,
    # Starlette names the methods of one route where two share a path.
    allow_header_conformance,
    # Held below, more strictly.
    not_a_server_error,
]
_BOUNDS: dict[str, Any] = {
    "deadline": None,
    "derandomize": True,
    "database": None,
    "suppress_health_check": list(HealthCheck),
}
_counts: Counter[str] = Counter()


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with open_bench(tmp_path_factory.mktemp("input")) as rig:
        rig.finish(rig.accept(photograph(1)), ages=(30,))
        rig.fail(rig.accept(photograph(2)))
        rig.accept(photograph(3))
        yield rig
    print(f"\nschemathesis: {dict(_counts)}")


# Read from the application itself, so that each operation is a test of its own.
schemathesis.serializer.alias("application/zip", "application/octet-stream")

# The stream of all images has no end: test_events.py follows it.
document = create_input_app(InputSettings()).openapi()
schema = schemathesis.openapi.from_dict(document).exclude(path="/v1/events")


@schema.parametrize()
@settings(max_examples=CALLS_AN_OPERATION, **_BOUNDS)
def test_made_up_calls(case: Any, rig: Rig) -> None:
    """Each operation with made-up, valid and invalid, parameters and bodies."""
    _send_real_images_now_and_then(case)
    _counts["calls"] += 1

    response = case.call(base_url=str(rig.http.base_url), timeout=PATIENCE_S)

    _counts[f"{response.status_code // 100}xx"] += 1
    _require_no_error_of_ours(response)
    case.validate_response(response, excluded_checks=_EXCLUDED)


def test_walks_along_the_links(rig: Rig) -> None:
    """Upload, then state, result, files, retry, delete, in any order."""

    # Without the plotter, a walk that begins at its plots leads nowhere.
    linked = schema.exclude(path_regex="/plots")

    class Walk(linked.as_state_machine()):  # type: ignore[misc]  # made at run time
        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            return {"base_url": str(rig.http.base_url), "timeout": PATIENCE_S}

        def before_call(self, case: Any) -> None:
            _send_real_images_now_and_then(case, share=1.0)
            _counts["steps"] += 1

        def validate_response(self, response: Any, case: Any, **options: Any) -> None:
            _counts[f"steps {response.status_code // 100}xx"] += 1
            _require_no_error_of_ours(response)
            case.validate_response(response, excluded_checks=_EXCLUDED)

        def teardown(self) -> None:
            _counts["walks"] += 1
            super().teardown()

    Walk.run(settings=settings(max_examples=WALKS, stateful_step_count=STEPS, **_BOUNDS))

    assert _counts["steps 2xx"] > WALKS


def _send_real_images_now_and_then(case: Any, share: float = 0.5) -> None:
    """Made-up bytes are never an image; without one nothing behind the decoder is reached."""
    if case.operation.label != "POST /v1/images" or random.random() > share:
        return
    case.media_type = "multipart/form-data"
    case.body = {"files": [photograph(random.randrange(10))]}
    # Made-up wishes are mostly refused, before a real image is looked at.
    case.query = {key: value for key, value in (case.query or {}).items() if key == "force"}


def _require_no_error_of_ours(response: Any) -> None:
    """Logger and plotter are not there, which is said in so many words, and nothing else."""
    if response.status_code >= 500:
        body = response.json()
        assert (body["status"], body["code"]) == (503, "service_unavailable"), body
        assert "/trace" in body["instance"] or "/plots" in body["instance"], body
