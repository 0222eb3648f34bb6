"""However many results there are: every question is answered, in the same memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator

import pytest

from data_storage_service import row_stream
from facepipe.domain.status import Status
from facepipe.ledger.client import FaceStoreClient
from plotter_service.collect import collect
from plotter_service.plots import plots_of
from tests.integration.input.rig import Rig, open_bench
from tools.stack_driver.many_results import BEGIN, make_results

FEW, MANY = 400, 1600
# A document of these takes 20 kB once it is parsed, so holding them all would take 24 MB more.
LANDMARKS = 40
ALLOWANCE_BYTES = 8 * 2**20


@pytest.fixture(scope="module")
def rigs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, Rig]]:
    folders = {count: tmp_path_factory.mktemp(f"of-{count}") for count in (FEW, MANY)}
    for count, folder in folders.items():
        make_results(folder / "volumes" / "saved_data", count, LANDMARKS)
    with pytest.MonkeyPatch.context() as patch:
        # Counting what is allocated slows everything down, on a busy machine by seconds.
        patch.setattr(FaceStoreClient.__init__, "__defaults__", (120.0,))
        with open_bench(folders[FEW]) as few, open_bench(folders[MANY]) as many:
            yield {FEW: few, MANY: many}


def _list(rig: Rig, query: str = "") -> int:
    """How many images a list with these filters has, over all of its pages."""
    count, cursor = 0, ""
    while True:
        page = rig.http.get(f"/v1/images?limit=200&cursor={cursor}{query}").raise_for_status()
        count += len(page.json()["images"])
        cursor = page.json()["next_cursor"]
        if cursor is None:
            return count


def _filter(rig: Rig) -> int:
    middle = (BEGIN.replace(minute=30)).isoformat().replace("+", "%2B")
    assert _list(rig, "&status=failed&status=deleted") == 0
    assert _list(rig, f"&received_before={middle}") == 60
    return _list(rig, "&max_faces=2") + _list(rig, "&min_age=30&gender=female&min_yaw=-20")


def _stats(rig: Rig) -> int:
    return int(rig.http.get("/v1/stats").raise_for_status().json()["stored"])


def _export(file_format: str) -> Callable[[Rig], int]:
    def run(rig: Rig) -> int:
        size = 0
        with rig.http.stream("GET", f"/v1/export?format={file_format}") as answer:
            answer.raise_for_status()
            for chunk in answer.iter_raw():
                size += len(chunk)
        return size

    return run


def _plots(rig: Rig) -> int:
    statistics = collect(rig.store)
    assert plots_of(statistics)
    return statistics.images


OPERATIONS: dict[str, Callable[[Rig], int]] = {
    "list": _list,
    "filter": _filter,
    "stats": _stats,
    "csv": _export("csv"),
    "parquet": _export("parquet"),
    "coco": _export("coco"),
    "plots": _plots,
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_four_times_the_results_are_answered_in_the_same_memory(
    name: str, rigs: dict[int, Rig], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given two ledgers, one of four times the results, each asked once to load what it needs
    monkeypatch.setattr(row_stream, "_IMAGES_AT_ONCE", 100)
    operation = OPERATIONS[name]
    operation(rigs[FEW])

    # When both are asked
    answers = {count: _with_peak(operation, rig) for count, rig in rigs.items()}

    # Then the answer has grown with the results, and what it took to give it has not
    (few, low), (many, high) = answers[FEW], answers[MANY]
    assert 3 < many / few < 4.2
    assert high < low + ALLOWANCE_BYTES


def _with_peak(operation: Callable[[Rig], int], rig: Rig) -> tuple[int, int]:
    """The answer, and the most memory that was taken on the way to it."""
    tracemalloc.start()
    try:
        return operation(rig), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_what_is_made_up_is_what_the_ledger_would_hold(rigs: dict[int, Rig]) -> None:
    rig = rigs[FEW]
    (newest, *_) = rig.http.get("/v1/images?limit=1").json()["images"]

    assert newest["status"] == Status.STORED
    document = rig.http.get(f"/v1/images/{newest['image_id']}/result").raise_for_status().json()
    assert (document["num_faces"], len(document["faces"][0]["landmarks"])) == (1, LANDMARKS)
    assert rig.room.queries.outdated_faces(1) == []
