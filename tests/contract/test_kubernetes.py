"""The manifests are valid, closed, and say what compose says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from jsonschema import Draft202012Validator

from facepipe.make_secrets import HOLDERS, REDIS, Vault
from facepipe.queue.job_table import FUNCTIONS
from facepipe.queue.redis_acl import grants
from input_service.summary_views import StageLoadView
from tests.support.kubernetes import FOLDER, OVERLAYS, Manifests, in_compose
from tools.paths import ROOT
from tools.stack.certificates import make_certificates

VERSION = "1.32"
PUBLIC = {"input-service", "gradio-viewer"}
UNITS = {"Gi": 2**30, "Mi": 2**20, "g": 2**30, "m": 2**20}


@pytest.fixture(scope="module", params=OVERLAYS)
def manifests(request: pytest.FixtureRequest) -> Manifests:
    return Manifests.of(request.param)


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return found


@pytest.fixture(scope="module")
def known_settings() -> set[str]:
    """Every variable that a service reads."""
    text = (ROOT / ".env.example").read_text()
    return set(re.findall(r"^#? ?(FACEPIPE_\w+)=", text, re.MULTILINE))


def test_every_document_is_valid(manifests: Manifests) -> None:
    keda = Draft202012Validator(json.loads((FOLDER / "keda.schema.json").read_text()))
    for document in manifests.documents:
        if document["apiVersion"].startswith("keda.sh/"):
            keda.validate(document)
        else:
            kubernetes_validate.validate(document, VERSION, strict=True)


def test_the_workloads_are_the_services_of_compose(
    manifests: Manifests, compose: dict[str, Any]
) -> None:
    helpers = {"volumes"}  # makes folders and secrets, which a cluster has of its own
    expected = {
        name
        for name, service in compose["services"].items()
        if "profiles" not in service and name not in helpers
    }

    assert {in_compose(name) for name in manifests.pods} == expected
    for name in manifests.pods:
        service = compose["services"][in_compose(name)]
        assert manifests.container(name)["image"] == service["image"]
        if "build" in service:
            assert _ports(manifests, name)["http"] == service["build"]["args"]["PORT"]


def test_settings_are_those_that_services_read(
    manifests: Manifests, compose: dict[str, Any], known_settings: set[str]
) -> None:
    own = {one["name"] for name in manifests.pods for one in _environment(manifests, name)}

    maps = [set(one["data"]) for one in manifests.named("ConfigMap").values()]
    assert known_settings >= own.union(*maps)
    shared = compose["x-environment"]
    # What says where something is differs; what is as in compose stays so.
    same = {key for key in shared if key.startswith("FACEPIPE_PORT_")} - {"FACEPIPE_PORT_WATCH"}
    assert {key: manifests.settings[key] for key in same} == {key: shared[key] for key in same}
    assert set(manifests.settings) >= {key for key in shared if "ADDRESS" in key}
    for name in manifests.pods:
        user = {e["name"]: e.get("value") for e in _environment(manifests, name)}.get(
            "FACEPIPE_REDIS_USER"
        )
        assert user == (in_compose(name) if in_compose(name) in grants() else None), name


def test_addresses_lead_to_a_port_of_a_service(manifests: Manifests) -> None:
    services = manifests.named("Service")
    for key, address in manifests.settings.items():
        if "ADDRESS" not in key and key != "FACEPIPE_REDIS_URL":
            continue
        host, port = re.sub(r"^\w+://|/\d$", "", address).split(":")
        name, namespace, _ = host.split(".")
        service = services[name]
        assert namespace == service["metadata"]["namespace"]
        ports = {one["port"]: one["targetPort"] for one in service["spec"]["ports"]}
        (pod,) = manifests.selected({"matchLabels": service["spec"]["selector"]})
        assert _ports(manifests, pod)[ports[int(port)]] == int(port)


def test_folders_memory_and_cpus_are_those_of_compose(
    manifests: Manifests, compose: dict[str, Any]
) -> None:
    for name in manifests.pods:
        service = compose["services"][in_compose(name)]
        container = manifests.container(name)
        in_compose_mounted = {one.split(":")[1]: one.endswith(":ro") for one in service["volumes"]}
        for mount in container["volumeMounts"]:
            path = mount["mountPath"]
            if path != "/tmp":
                assert in_compose_mounted[path] == mount.get("readOnly", False), (name, path)
        limits = container["resources"]["limits"]
        assert _bytes(limits["memory"]) == _bytes(_default(service["mem_limit"])), name
        if "cpus" in service:
            assert limits["cpu"] == _default(service["cpus"]), name
        assert set(container["resources"]["requests"]) == {"cpu", "memory"}


def test_redis_is_started_as_in_compose(manifests: Manifests, compose: dict[str, Any]) -> None:
    expected = [_default(word) for word in compose["services"]["redis"]["command"]]

    assert manifests.container("redis")["command"] == expected


def test_no_pod_may_do_more_than_a_container_of_compose(manifests: Manifests) -> None:
    for name, pod in manifests.pods.items():
        spec, own = pod["spec"], manifests.container(name)["securityContext"]
        assert spec["securityContext"]["runAsNonRoot"], name
        assert spec["securityContext"]["runAsUser"] == 10001
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        assert own["readOnlyRootFilesystem"]
        assert own["allowPrivilegeEscalation"] is False
        assert own["capabilities"] == {"drop": ["ALL"]}


def test_every_pod_is_watched_and_stops_gracefully(manifests: Manifests) -> None:
    for name, pod in manifests.pods.items():
        container = manifests.container(name)
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            assert probe in container, (name, probe)
        if name == "redis":
            continue
        assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
        assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
        (_, pause_s) = container["lifecycle"]["preStop"]["exec"]["command"]
        # A worker has 20 s for its job; then its lease and its log are given back.
        assert pod["spec"]["terminationGracePeriodSeconds"] >= int(pause_s) + 35


def test_secrets_are_named_and_never_written_down(manifests: Manifests) -> None:
    assert not manifests.named("Secret")
    holders = {f"facepipe-{who.replace('_', '-')}" for who in (*HOLDERS, REDIS)}
    for name, pod in manifests.pods.items():
        volumes = [volume["secret"] for volume in pod["spec"]["volumes"] if "secret" in volume]
        assert [volume["secretName"] for volume in volumes] == [f"facepipe-{name}"]
        assert holders >= {volume["secretName"] for volume in volumes}
        for variable in _environment(manifests, name):
            is_secret = re.search(
                r"KEYS?$|KEY_ID$|PASSWORD$|TOKEN$|SECRET$|DATABASE_URL$", variable["name"]
            )
            assert bool(is_secret) == ("secretKeyRef" in variable.get("valueFrom", {})), variable


def test_the_secrets_that_the_readme_makes_hold_what_is_read(
    manifests: Manifests, tmp_path: Path
) -> None:
    readme = (FOLDER / "README.md").read_text()
    names = re.search(r'NAMES="([^"]+)"', readme)
    assert names
    called = [value for key, value in manifests.settings.items() if "ADDRESS" in key]
    called.append(manifests.settings["FACEPIPE_REDIS_URL"])
    hosts = {re.sub(r"^\w+://|:.*$", "", address) for address in called}
    assert set(names[1].split()) == hosts

    vault = Vault(tmp_path / "secrets")
    vault.share_token()
    vault.share_redis()
    make_certificates(tmp_path / "authority", vault.folder, names[1].split())

    read = [value for value in manifests.settings.values() if value.startswith("/secrets/")]
    for name in manifests.pods:
        made = {path.name for path in (vault.folder / in_compose(name)).iterdir()}
        needed = {Path(path).name for path in read}
        if name == "redis":
            needed = {"users.acl", "redis-password", "tls.conf"}
        elif in_compose(name) not in grants():
            needed -= {"redis-password"}
        assert made >= needed, name


def test_one_pod_at_a_time_is_taken_from_each_workload(manifests: Manifests) -> None:
    meant = [
        manifests.selected(budget["spec"]["selector"])
        for budget in manifests.named("PodDisruptionBudget").values()
    ]

    assert sorted(meant, key=min) == [{name} for name in sorted(manifests.pods)]


def test_nobody_is_called_but_by_those_who_need_to(manifests: Manifests) -> None:
    policies = manifests.named("NetworkPolicy")
    closed = policies["default-deny"]["spec"]
    assert closed["podSelector"] == {}
    assert "ingress" not in closed
    assert "egress" not in closed

    calls = set(_calls(manifests))
    of_redis = {name for name in manifests.pods if in_compose(name) in grants()}
    assert {caller for caller, callee, _ in calls if callee == "redis"} == of_redis
    assert {callee for caller, callee, _ in calls if caller == "elsewhere"} == PUBLIC
    assert {port for _, callee, port in calls if callee == "data-storage-service"} == {"grpc"}
    assert ("gradio-viewer", "data-storage-service", "grpc") not in calls
    assert ("gradio-viewer", "logger-service", "http") not in calls


def test_several_of_a_service_share_no_volume() -> None:
    manifests = Manifests.of("scaled")
    several = {
        name
        for name, workload in manifests.named("Deployment").items()
        if workload["spec"].get("replicas", 2) > 1
    }

    assert several >= {"input-service", "data-storage-service", "landmark-service"}
    for name in several:
        volumes = manifests.pods[name]["spec"]["volumes"]
        assert not [volume for volume in volumes if "persistentVolumeClaim" in volume], name
    for name in ("input-service", "data-storage-service"):
        told = {one["name"] for one in _environment(manifests, name)}
        assert "FACEPIPE_FILES_KEY_SECRET" in told
        sources = {one["configMapRef"]["name"] for one in manifests.container(name)["envFrom"]}
        assert sources == {"facepipe", "facepipe-files"}
    assert "FACEPIPE_FILES_URL" in manifests.named("ConfigMap")["facepipe-files"]["data"]
    ledger = {one["name"] for one in _environment(manifests, "data-storage-service")}
    assert "FACEPIPE_STORAGE_DATABASE_URL" in ledger


def test_what_scales_asks_for_numbers_that_there_are() -> None:
    manifests = Manifests.of("scaled")
    scaled = manifests.named("ScaledObject")

    assert set(scaled) == {"landmark-service", "agegender-service"}
    for name, document in scaled.items():
        assert document["spec"]["scaleTargetRef"]["name"] == name
        assert "replicas" not in manifests.named("Deployment")[name]["spec"]
        asked = set()
        for trigger in document["spec"]["triggers"]:
            url, where = trigger["metadata"]["url"], trigger["metadata"]["valueLocation"]
            assert url == f"{manifests.settings['FACEPIPE_ADDRESS_INPUT']}/v1/stats"
            root, queue, field = where.split(".")
            assert (root, FUNCTIONS[queue].partition(".")[0]) == ("stages", in_compose(name))
            assert field in StageLoadView.model_fields
            assert trigger["authenticationRef"]["name"] in manifests.named("TriggerAuthentication")
            asked.add(field)
        assert asked == {"unfinished", "oldest_s"}


def _environment(manifests: Manifests, name: str) -> list[dict[str, Any]]:
    return list(manifests.container(name).get("env") or [])


def _ports(manifests: Manifests, name: str) -> dict[str, int]:
    return {one["name"]: one["containerPort"] for one in manifests.container(name)["ports"]}


def _calls(manifests: Manifests) -> Iterator[tuple[str, str, str]]:
    """Who may call whom at which port, monitors left out; "elsewhere" is any other namespace."""
    for name, policy in manifests.named("NetworkPolicy").items():
        if name == "monitoring":
            continue
        for rule in policy["spec"].get("ingress", []):
            for callee in manifests.selected(policy["spec"]["podSelector"]):
                for port in (one["port"] for one in rule["ports"]):
                    assert port in _ports(manifests, callee), (name, callee, port)
                    for peer in rule["from"]:
                        if "namespaceSelector" in peer:
                            yield "elsewhere", callee, port
                            continue
                        for caller in manifests.selected(peer["podSelector"]):
                            yield caller, callee, port


def _default(value: object) -> str:
    """The value where nobody has set another one."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(value))


def _bytes(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)(\w+)", text).groups()  # type: ignore[union-attr]  # or it fails
    return int(number) * UNITS[unit]
