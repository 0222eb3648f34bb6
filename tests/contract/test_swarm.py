"""The file for Swarm says what compose says."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from facepipe.queue.redis_acl import grants
from tools.paths import ROOT

STACK = ROOT / "deploy/swarm/stack.yml"

Document = dict[str, Any]


@pytest.fixture(scope="module")
def swarm() -> Document:
    found: Document = yaml.safe_load(STACK.read_text())
    return found


@pytest.fixture(scope="module")
def compose() -> Document:
    found: Document = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return found


def test_services_limits_and_folders_are_those_of_compose(
    swarm: Document, compose: Document
) -> None:
    expected = {n for n, s in compose["services"].items() if "profiles" not in s} - {"volumes"}
    assert set(swarm["services"]) == expected

    for name, service in swarm["services"].items():
        other = compose["services"][name]
        image = re.sub(
            r"\$\{FACEPIPE_REGISTRY:-(\w+)\}(.*):\$\{FACEPIPE_TAG.*", r"\1\2", service["image"]
        )
        assert image == other["image"]
        limits = service["deploy"]["resources"]["limits"]
        assert limits["memory"] == _default(other["mem_limit"]), name
        assert limits.get("cpus") == (_default(other["cpus"]) if "cpus" in other else None), name
        mounted = {one.partition(":")[2] for one in other["volumes"]}
        temporary, *volumes = service["volumes"]
        assert temporary == {"type": "tmpfs", "target": "/tmp"}
        assert {one.partition(":")[2] for one in volumes} <= mounted, name
        for key in ("init", "read_only", "cap_drop", "stop_grace_period"):
            assert service[key] == compose["x-contained"][key], (name, key)


def test_redis_is_started_as_in_compose(swarm: Document, compose: Document) -> None:
    told = (_default(word) for word in compose["services"]["redis"]["command"])
    expected = ["/tmp" if word == "/data" else word for word in told]  # it has no volume

    assert swarm["services"]["redis"]["command"] == expected
    assert swarm["services"]["redis"]["user"] == compose["services"]["redis"]["user"]


def test_settings_are_those_that_services_read(swarm: Document) -> None:
    known = re.findall(r"^#?(FACEPIPE_\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    for name, service in swarm["services"].items():
        told = service.get("environment", {})
        assert set(told) <= set(known), name
        assert told.get("FACEPIPE_REDIS_USER") == (name if name in grants() else None)


def test_every_file_that_is_read_is_a_secret_of_that_service(swarm: Document) -> None:
    for name, service in swarm["services"].items():
        targets = {one["target"]: one["source"] for one in service["secrets"]}
        assert all(source == f"{name}-{path[9:]}" for path, source in targets.items())
        assert set(targets.values()) <= set(swarm["secrets"])
        read = {v for v in service.get("environment", {}).values() if v.startswith("/secrets/")}
        needed = read - ({"/secrets/redis-password"} if name not in grants() else set())
        assert needed <= set(targets), name


def test_what_has_a_volume_is_where_it_is_and_once(swarm: Document) -> None:
    for name, service in swarm["services"].items():
        deploy = service["deploy"]
        assert deploy["endpoint_mode"] == "dnsrr", name
        if len(service["volumes"]) > 1:
            assert deploy["placement"]["constraints"] == ["node.labels.facepipe == first"], name
            assert deploy.get("replicas", 1) == 1, name


def _default(value: object) -> str:
    """The value where nobody has set another one."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(value))
