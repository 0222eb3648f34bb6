"""How workers start, fail to start, and are replaced."""

from __future__ import annotations

from tests.integration.stage.conftest import Bench, wait_for


def test_a_stage_whose_models_do_not_load_says_so_and_keeps_trying(bench: Bench) -> None:
    stage = bench.start_stage(STAGE_TEST_BROKEN_MODEL="yes")

    wait_for(lambda: "the model is broken" in stage.get("/readyz").text, 40)

    assert stage.get("/readyz").status_code == 503
    assert stage.get("/healthz").status_code == 200
    loads = bench.ledger.llen("loads")
    wait_for(lambda: bench.ledger.llen("loads") > loads, 20)
    assert stage.stop() == 0


def test_a_worker_is_replaced_between_jobs_after_its_share(bench: Bench) -> None:
    stage = bench.start_stage(FACEPIPE_STAGE_MAX_JOBS="1")
    stage.wait_until_ready()

    bench.enqueue("a1")
    bench.enqueue("a2")

    wait_for(lambda: bench.has_result("a2") and bench.is_idle(), 20)
    assert bench.runs_of("a1") != bench.runs_of("a2")
    assert 'facepipe_stage_restarts_total{reason="replaced"}' in stage.get("/metrics").text
