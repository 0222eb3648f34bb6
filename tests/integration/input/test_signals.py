"""What the API tells those who watch over it or scale it: `/v1/stats` and `/metrics`."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from facepipe.queue.job_table import JOBS
from facepipe.queue.stage_reports import StageReport, publish
from tests.integration.input.rig import Rig, photograph

Samples = dict[tuple[str, str], float]


def metrics_of(rig: Rig) -> Samples:
    """Values by the name of the metric and of the stage, with the state."""
    text = rig.http.get("/metrics").raise_for_status().text
    return {
        (sample.name, ".".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("facepipe_pipeline_")
    }


def report(host: str, workers: int, jobs_per_s: float) -> StageReport:
    return StageReport(
        service="landmark_service", host=host, workers=workers, jobs_per_s=jobs_per_s
    )


def test_both_tell_the_load_of_each_stage(rig: Rig) -> None:
    # Given two processes on one host, one on another, and three images that wait
    for number, one in enumerate((report("a", 2, 0.5), report("a", 1, 0.25), report("b", 4, 0.75))):
        publish(rig.redis, f"test-{number}", one)
    for number in range(3):
        rig.accept(photograph(900 + number))

    stages = rig.http.get("/v1/stats").json()["stages"]
    metrics = metrics_of(rig)

    assert set(stages) == {kind.queue for kind in JOBS}
    landmark = stages["landmark"]
    assert (landmark["queued"], landmark["running"], landmark["unfinished"]) == (3, 0, 3)
    assert (landmark["workers"], landmark["hosts"], landmark["jobs_per_s"]) == (7, 2, 1.5)
    assert landmark["time_to_empty_s"] == 2.0
    assert 0 < landmark["oldest_s"] < 60
    assert metrics["facepipe_pipeline_jobs", "landmark.queued"] == 3
    for name, key in {
        "unfinished_jobs": "unfinished",
        "jobs_per_second": "jobs_per_s",
        "workers": "workers",
        "hosts": "hosts",
        "time_to_empty_seconds": "time_to_empty_s",
    }.items():
        assert metrics[f"facepipe_pipeline_{name}", "landmark"] == landmark[key]
    assert metrics["facepipe_pipeline_oldest_job_seconds", "landmark"] >= landmark["oldest_s"]


def test_what_cannot_work_is_told_and_never_emptied(rig: Rig) -> None:
    # Given a stage without workers, and a job for it
    rig.find_faces(rig.accept(photograph(910)), faces=1)

    agegender = rig.http.get("/v1/stats").json()["stages"]["agegender"]

    metrics = metrics_of(rig)
    assert agegender["workers"] == 0
    assert agegender["time_to_empty_s"] is None
    assert metrics["facepipe_pipeline_time_to_empty_seconds", "agegender"] == float("inf")
    assert metrics["facepipe_pipeline_problem", "agegender_service"] == 1
