from __future__ import annotations

import httpx
import pytest

from facepipe_client import (
    AnalysisFailedError,
    BusyError,
    DeletedError,
    NotAllowedError,
    NotFinishedError,
    NotFoundError,
    ProblemError,
    RefusedError,
    SourceNotKeptError,
)
from facepipe_client.errors import problem_of


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (400, "invalid_request", RefusedError),
        (401, "unauthorized", NotAllowedError),
        (404, "not_found", NotFoundError),
        (409, "not_finished", NotFinishedError),
        (409, "failed", AnalysisFailedError),
        (409, "source_not_kept", SourceNotKeptError),
        (410, "deleted", DeletedError),
        (422, "undecodable_image", RefusedError),
        (429, "too_many_requests", BusyError),
        (500, "internal_error", ProblemError),
        (507, "storage_full", BusyError),
    ],
)
def test_a_problem_is_the_error_of_its_kind(
    status: int, code: str, error: type[ProblemError]
) -> None:
    answer = httpx.Response(status, json={"code": code, "detail": "this is why"})

    found = problem_of(answer)

    assert type(found) is error
    assert (found.status, found.code, str(found)) == (status, code, "this is why")


def test_an_error_without_a_problem_document_is_told_by_its_status() -> None:
    for body in (b"<html>", b"[]", b""):
        found = problem_of(httpx.Response(502, content=body))

        assert (type(found), str(found), found.code) == (ProblemError, "Bad Gateway", "")


def test_a_time_to_come_again_that_is_no_number_is_none() -> None:
    headers = {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}

    assert problem_of(httpx.Response(503, headers=headers)).retry_after_s == 0
