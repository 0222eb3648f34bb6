"""What `make bench` makes of its rounds, and how docs/performance.md tells it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from benchmarks.contenders import Run
from benchmarks.costs import Spent
from benchmarks.syncs import counted
from benchmarks.throughput import Kind, Rounds, summary
from tools.generate.performance import performance_blocks, throughput_block


def _measured() -> Rounds:
    """Two rounds of ten photographs with two faces each: the second one twice as slow."""
    cpu_s = Counter({"gradio_viewer": 1.0, "landmark_service worker": 3.0})
    spent = Spent(cpu_s, 300, 20.0, store_calls=70, jpeg_decodes=30)
    return Rounds(
        bound=[Run(2.0, 4.0, 20), Run(4.0, 4.0, 20)],
        stack=[Run(2.5, 5.0, 20, spent), Run(8.0, 5.0, 20, spent)],
        afternoon=[Run(5.0, 4.5, 20), Run(10.0, 4.5, 20)],
        bare_s=[0.1, 0.2, 0.3],
        stack_s=[0.2, 0.3, 1.0],
    )


def _report(ratio: float, idle: float) -> dict[str, Any]:
    kind = summary(Kind("portrait", [b""], 10, 3), _measured()) | {"load": 2.0}
    kind["stack ÷ bound"]["median"] = ratio
    rest = {"CPU, share of one core": idle, "memory, MB": 900}
    rest["CPU by process, share of one core"] = {"gradio_viewer": idle}  # type: ignore[assignment]  # a table in the report
    return {
        "machine": "2 cores, x86_64",
        "models": {"detector": "yolo 1234"},
        "load_before": 0.5,
        "load_after": 2.5,
        "kinds": {"portrait": kind},
        "idle": rest,
    }


def test_a_summary_divides_by_images_and_compares_within_a_round() -> None:
    told = summary(Kind("portrait", [b""], 10, 3), _measured())

    # rates are images a second
    assert told["bound"] == {"median": 3.75, "min": 2.5, "max": 5.0}
    assert told["faces an image"] == 2
    # each round of the stack stands beside the bound of the same round: 2 / 2.5 and 4 / 8
    assert told["stack ÷ bound"] == {"median": 0.65, "min": 0.5, "max": 0.8}
    # what processes spent in all rounds is divided by the images of all rounds
    assert told["CPU by process"] == {"landmark_service worker": 300.0, "gradio_viewer": 100.0}
    assert (told["Redis commands an image"], told["Redis MB an image"]) == (30.0, 2.0)
    assert (told["gRPC calls an image"], told["JPEG decodes an image"]) == (7.0, 3.0)
    assert (told["CPU, bound"], told["CPU, stack"]) == (400, 500)
    assert told["CPU beyond the bound, share"] == 0.25
    # latencies are of single images
    assert told["latency, stack"] == {"p50": 300, "p95": 1000}


@pytest.mark.parametrize(
    ("ratio", "idle", "missed"), [(0.80, 0.02, 1), (0.79, 0.02, 2), (0.79, 0.021, 3)]
)
def test_the_page_says_which_musts_are_missed(ratio: float, idle: float, missed: int) -> None:
    """The latency of these rounds, 100 ms above the bare one, misses its own."""
    blocks = performance_blocks(_report(ratio, idle))

    assert blocks["musts"].count("**no**") == missed
    assert "0.5 before the first photograph, 2.0 after portrait, 2.5 at the end" in blocks["run"]
    assert "173,000" in blocks["sizing"]
    assert "500 ms of one core, 400 ms" in throughput_block(_report(ratio, idle))


def test_wall_clock_on_a_busy_machine_judges_nothing() -> None:
    """There the stack, of many processes, gets a larger share of the CPUs than the bound."""
    musts = performance_blocks(_report(1.2, 0.03) | {"load_before": 9.0})["musts"].splitlines()

    judged = {row.split("|")[1].strip(): row.split("|")[5].strip() for row in musts[2:]}
    assert judged["stack ÷ bound, portrait"] == "not judged, busy machine"
    assert judged["latency of a portrait, p50 above bare"] == "not judged, busy machine"
    assert judged["CPU beyond the bound, a portrait"] == "yes"
    assert judged["idle stack, CPU of one core"] == "**no**"


def test_syncs_of_both_kinds_are_counted_in_what_strace_tells() -> None:
    told = (
        "% time     seconds  usecs/call     calls    errors syscall\n"
        "------ ----------- ----------- --------- --------- ----------------\n"
        " 60.10    0.003100         310        10           fdatasync\n"
        " 39.90    0.002200        1100         2         1 fsync\n"
        "------ ----------- ----------- --------- --------- ----------------\n"
        "100.00    0.005300         441        12         1 total\n"
    )

    assert counted(told) == 12
    assert counted("") == 0
