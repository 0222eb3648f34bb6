"""The dashboard for Grafana asks for metrics and labels that running services expose."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import promql_parser as promql
import pytest
from jsonschema import Draft202012Validator
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.input.rig import open_bench
from tests.integration.stage.conftest import Rig, wait_for
from tools.paths import ROOT

FOLDER = ROOT / "deploy/grafana"
# Prometheus itself gives these to what it reads.
OF_PROMETHEUS = {"job", "instance"}

Exposed = dict[str, set[str]]


@pytest.fixture(scope="module")
def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / "facepipe.json").read_text())
    return found


@pytest.fixture(scope="module")
def exposed(rig: Rig, tmp_path_factory: pytest.TempPathFactory) -> Exposed:
    """The labels of each metric of the API and of a stage that has done a job and lost one."""
    stage = rig.start_stage(FACEPIPE_STAGE_MAX_JOBS="2")
    stage.wait_until_ready()
    rig.enqueue("d1", "die,quick")
    wait_for(lambda: rig.has_result("d1"), 30)
    wait_for(lambda: "outcome=" in stage.get("/metrics").text, 10)
    found = labels_in(stage.get("/metrics").text)
    with open_bench(tmp_path_factory.mktemp("api")) as api:
        return found | labels_in(api.http.get("/metrics").text)


def labels_in(text: str) -> Exposed:
    found: Exposed = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def expressions(dashboard: dict[str, Any]) -> Iterator[str]:
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield target["expr"].replace("$__rate_interval", "1m")


def parts(node: Any) -> Iterator[Any]:
    """An expression and all expressions in it."""
    yield node
    for name in ("expr", "lhs", "rhs", "vector_selector"):
        if (inner := getattr(node, name, None)) is not None:
            yield from parts(inner)
    for inner in getattr(node, "args", None) or []:
        yield from parts(inner)


def test_it_has_the_form_of_a_dashboard(dashboard: dict[str, Any]) -> None:
    schema = json.loads((FOLDER / "dashboard.schema.json").read_text())
    Draft202012Validator(schema).validate(dashboard)

    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for one, other in combinations((panel["gridPos"] for panel in panels), 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below, (one, other)


def test_every_metric_and_label_is_there(dashboard: dict[str, Any], exposed: Exposed) -> None:
    asked: set[str] = set()
    for text in expressions(dashboard):
        nodes = list(parts(promql.parse(text)))
        names = {str(node.name) for node in nodes if isinstance(node, promql.VectorSelector)}
        assert names, text
        for node in nodes:
            labels: set[str] = set()
            if isinstance(node, promql.AggregateExpr) and node.modifier:
                labels = set(node.modifier.labels)
            elif isinstance(node, promql.VectorSelector):
                labels = {matcher.name for matcher in node.matchers.matchers} - {"__name__"}
            for name in names:
                assert exposed.get(name, set()) >= labels - OF_PROMETHEUS, (text, name)
        asked |= names

    assert asked <= set(exposed)
    # And nothing of ours is left out but what another panel tells as well, and when counting began.
    ours = {name for name in exposed if name.startswith("facepipe_")}
    ours = {name for name in ours if not name.endswith("_created")}
    assert ours - asked == {"facepipe_stage_queue_length"}
