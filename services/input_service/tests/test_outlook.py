from __future__ import annotations

from redis import Redis

from facepipe.domain.analysis import ModelInfo
from facepipe.queue.stage_reports import StageReport
from input_service.outlook import SERVICES, outlook, outlook_of

YOLO, BLAZE = ModelInfo(name="yolo", sha256="ab"), ModelInfo(name="blaze", sha256="cd")


def report(service: str, problem: str = "", **models: ModelInfo) -> StageReport:
    return StageReport(service=service, problem=problem, models=models)


def test_the_models_of_all_hosts_are_named_once() -> None:
    reports = [report(service) for service in SERVICES]
    reports += [report("landmark_service", detector=model) for model in (YOLO, BLAZE, YOLO)]

    found = outlook_of(reports)

    assert found.models == {"detector": [YOLO, BLAZE]}
    assert found.problems == {}


def test_a_stage_cannot_work_when_none_of_its_processes_can() -> None:
    reports = [
        report("landmark_service", "no face detector"),
        report("landmark_service"),
        report("agegender_service", "no weights"),
        report("agegender_service", "no weights"),
        report("data_storage_service"),
    ]

    problems = outlook_of(reports).problems

    assert problems == {
        "agegender_service": "no weights",
        "plotter_service": "no process of it reports",
    }


def test_without_redis_that_is_the_problem() -> None:
    assert set(outlook(Redis(port=9)).problems) == {"redis"}
