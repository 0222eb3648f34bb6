"""Attacks of pages on other sites on the API on this machine, over real sockets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.input.rig import Rig, open_bench, photograph

EVIL = "https://evil.example"


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with open_bench(tmp_path_factory.mktemp("input")) as rig:
        yield rig


@pytest.fixture(scope="module")
def image_id(rig: Rig) -> str:
    return rig.accept(photograph(1))


def test_a_rebound_name_reads_nothing(rig: Rig, image_id: str) -> None:
    for path in (
        "/v1/images",
        f"/v1/images/{image_id}/source",
        "/v1/export?format=csv",
        "/metrics",
    ):
        answer = rig.http.get(path, headers={"Host": "evil.example"})

        assert (answer.status_code, answer.json()["code"]) == (421, "unknown_host")
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "body",
    [
        {"files": [("files", ("a.png", photograph(2), "image/png"))]},
        {"data": {"files": "a"}},
        {"content": photograph(2), "headers": {"Content-Type": "text/plain"}},
    ],
    ids=["multipart", "form", "text"],
)
@pytest.mark.parametrize("told", [{"Origin": EVIL}, {"Sec-Fetch-Site": "cross-site"}], ids=str)
def test_a_form_of_another_site_sends_nothing(
    rig: Rig, body: dict[str, Any], told: dict[str, str]
) -> None:
    headers = body.get("headers", {}) | told
    before = _counts(rig)

    answer = rig.http.post("/v1/images", **(body | {"headers": headers}))

    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert _counts(rig) == before


def _counts(rig: Rig) -> dict[str, Any]:
    """The statistics without the ages of jobs, which grow by themselves."""
    stats: dict[str, Any] = rig.http.get("/v1/stats").json()
    for stage in stats["stages"].values():
        del stage["oldest_s"]
    return stats


def test_a_page_of_another_site_deletes_and_repeats_nothing(rig: Rig, image_id: str) -> None:
    for told in ({"Origin": EVIL}, {"Sec-Fetch-Site": "cross-site"}, {"Host": "evil.example"}):
        deletion = rig.http.delete(f"/v1/images/{image_id}", headers=told)
        retry = rig.http.post(f"/v1/images/{image_id}/retry", headers=told)

        assert {deletion.status_code, retry.status_code} <= {403, 421}
    assert rig.http.get(f"/v1/images/{image_id}").json()["status"] != "deleted"
