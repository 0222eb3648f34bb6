"""How workers start, fail to start, and are replaced."""

from __future__ import annotations

from facepipe.queue.stage_reports import StageReport, stage_reports
from tests.integration.stage.conftest import Rig, wait_for


def test_a_stage_whose_models_do_not_load_says_so_and_keeps_trying(rig: Rig) -> None:
    stage = rig.start_stage(STAGE_TEST_BROKEN_MODEL="yes")

    wait_for(lambda: "the model is broken" in stage.get("/readyz").text, 40)

    assert stage.get("/readyz").status_code == 503
    assert stage.get("/healthz").status_code == 200
    # And it tells the others, who cannot ask it
    wait_for(lambda: any("the model is broken" in r.problem for r in stage_reports(rig.redis)), 20)
    loads = rig.ledger.llen("loads")
    wait_for(lambda: rig.ledger.llen("loads") > loads, 20)
    assert stage.stop() == 0


def test_a_stage_names_its_models_until_it_stops(rig: Rig) -> None:
    stage = rig.start_stage()
    stage.wait_until_ready()

    assert stage.get("/readyz").json()["models"]["detector"]["name"] == "tested"

    def said() -> list[StageReport]:
        return [report for report in stage_reports(rig.redis) if report.models]

    wait_for(lambda: len(said()) == 1 and not said()[0].problem, 10)
    assert said()[0].models["detector"].name == "tested"
    assert stage.stop() == 0
    assert said() == []


def test_a_worker_is_replaced_between_jobs_after_its_share(rig: Rig) -> None:
    stage = rig.start_stage(FACEPIPE_STAGE_MAX_JOBS="1")
    stage.wait_until_ready()

    rig.enqueue("a1")
    rig.enqueue("a2")

    wait_for(lambda: rig.has_result("a2") and rig.is_idle(), 20)
    assert rig.runs_of("a1") != rig.runs_of("a2")
    assert (
        'facepipe_stage_restarts_total{reason="replaced",stage="landmark"}'
        in stage.get("/metrics").text
    )


def test_a_worker_beyond_its_memory_limit_is_replaced_between_jobs_and_the_other_one_works_on(
    rig: Rig,
) -> None:
    # Given two workers that may hold 256 MiB each, and nobody else
    for other in rig.living_stages():
        other.stop()
    stage = rig.start_stage(FACEPIPE_STAGE_MAX_RSS_MB="256", FACEPIPE_STAGE_WORKERS="2")
    stage.wait_until_ready()
    before = set(stage.worker_pids())

    # When a job makes one of them grow beyond, with more jobs waiting behind it
    rig.enqueue("b1", "grow=300")
    others = [f"c{number}" for number in range(8)]
    for image_id in others:
        rig.enqueue(image_id, "slow=0.3")

    # Then that job has its result, at the first attempt, and so have the others
    wait_for(lambda: all(map(rig.has_result, ["b1", *others])) and rig.is_idle(), 30)
    assert [len(rig.runs_of(image_id)) for image_id in ["b1", *others]] == [1] * 9
    assert not rig.failures_of("b1")

    # And its worker was replaced, after that job, by a small one; the other one was not
    stage.wait_until_ready()
    [grown] = rig.runs_of("b1")
    after = set(stage.worker_pids())
    assert grown not in {pid for image_id in others for pid in rig.runs_of(image_id)}
    assert len(after) == 2
    assert before - after == {grown}
    assert (
        'facepipe_stage_restarts_total{reason="replaced",stage="landmark"} 1.0'
        in stage.get("/metrics").text
    )


def test_a_stage_counts_the_jpegs_that_its_workers_decoded(rig: Rig) -> None:
    # Given a stage whose workers are replaced after two jobs, and no other one
    for other in rig.living_stages():
        other.stop()
    stage = rig.start_stage(FACEPIPE_STAGE_MAX_JOBS="2")
    stage.wait_until_ready()

    # When some of five jobs decode
    decodes = (1, 0, 2, 1, 0)
    for number, count in enumerate(decodes):
        rig.enqueue(f"e{number}", f"decode={count}")

    # Then the service knows of all, those of workers that have left included
    wait_for(lambda: all(rig.has_result(f"e{number}") for number in range(5)), 60)
    wait_for(lambda: "facepipe_jpeg_decodes_total 4.0" in stage.get("/metrics").text, 10)
