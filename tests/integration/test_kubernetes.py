"""Checks deploy/kubernetes without a cluster.

The overlays are rendered by kubectl and compared with the schemas of Kubernetes. The
command lines, environments and probes of Glimpse's own containers run as processes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import kubernetes_validate
import pytest

from api.load.base import RATE_UNKNOWN_PER_S
from common.keys.redis import RedisKeys
from common.keys.token import issue
from common.redis.client import connect
from common.settings import PREFIX, Settings, load_settings
from tests.support.containers import ROOT, Container, compose
from tests.support.kubernetes import (
    KEDA,
    OVERLAYS,
    Manifest,
    ScaledObject,
    containers,
    environment,
    find,
    image_of,
    render,
    workloads,
)
from tests.support.polling import index_and_find_a_picture, wait_for
from tests.support.services import MilvusLite, Valkey, free_port

NAMES = sorted(path.name for path in OVERLAYS.iterdir())
# The version of Kubernetes whose schemas apply.
VERSION = "1.37"
# The port of the workers' metrics.
METRICS_PORT = 9464
# Workloads of ours.
OURS = ("glimpse-api", "glimpse-worker-search", "glimpse-worker-ingest")
EVERY = [(name, workload["metadata"]["name"]) for name in NAMES for workload in workloads(name)]


def pod(overlay: str, workload: str) -> dict[str, Any]:
    kind = "StatefulSet" if workload == "glimpse-redis" else "Deployment"
    return find(overlay, kind, workload)["spec"]["template"]["spec"]


def main_container(overlay: str, workload: str) -> dict[str, Any]:
    return pod(overlay, workload)["containers"][0]


def test_the_overlays_are_those_of_the_documentation() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    assert NAMES == ["cpu", "external", "gpu"]
    assert all(f"overlays/{name}" in text for name in NAMES)


@pytest.mark.parametrize("overlay", NAMES)
def test_every_object_meets_its_schema(overlay: str) -> None:
    for each in render(overlay):
        if each["kind"] in KEDA:
            KEDA[each["kind"]].model_validate(each)
        else:
            kubernetes_validate.validate(each, VERSION, strict=True)
        assert each["kind"] == "Namespace" or each["metadata"]["namespace"] == "glimpse"


@pytest.mark.parametrize(("overlay", "workload"), EVERY)
def test_a_pod_is_allowed_where_pods_are_restricted(overlay: str, workload: str) -> None:
    """Checks what the namespace's pod security standard, "restricted", asks for, and more."""
    here = pod(overlay, workload)
    assert here["securityContext"]["runAsNonRoot"] is True
    assert here["securityContext"]["runAsUser"] > 0
    assert here["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert here["automountServiceAccountToken"] is False
    assert here["enableServiceLinks"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & here.keys()
    assert not [volume for volume in here["volumes"] if "hostPath" in volume]
    for container in containers({"spec": {"template": {"spec": here}}}):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
        assert "memory" in container["resources"]["limits"]
        assert re.search(r":\d+\.\d+\.\d+", container["image"]), container["image"]
        image = image_of(container)
        if image is not None:
            user = f"{here['securityContext']['runAsUser']}:{here['securityContext']['runAsGroup']}"
            assert f"\nUSER {user}\n" in image.stage


@pytest.mark.parametrize(("overlay", "workload"), EVERY)
def test_a_pod_has_time_to_finish(overlay: str, workload: str) -> None:
    here, container = pod(overlay, workload), main_container(overlay, workload)
    grace_s = here["terminationGracePeriodSeconds"]
    slept = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    if workload == "glimpse-api":
        config = (ROOT / "api" / "server" / "config.py").read_text()
        takes_s = float(re.findall(r"^graceful_timeout = (\d+)", config, re.MULTILINE)[0])
        # As long as Services need to forget the pod.
        assert slept >= 5
    else:
        takes_s = Settings().grace_s
    assert grace_s >= slept + takes_s + 5


@pytest.mark.parametrize("overlay", NAMES)
def test_a_probe_asks_only_what_a_restart_or_a_drain_can_help(overlay: str) -> None:
    api = main_container(overlay, "glimpse-api")
    paths = {kind: api[f"{kind}Probe"]["httpGet"]["path"] for kind in ("liveness", "readiness")}
    assert paths == {"liveness": "/healthz", "readiness": "/readyz"}
    for workload in OURS[1:]:
        worker = main_container(overlay, workload)
        command = worker["livenessProbe"]["exec"]["command"]
        assert command == worker["startupProbe"]["exec"]["command"]
        assert command == ["python", "-m", "worker.liveness"]
        startup = worker["startupProbe"]
        # As long as docker-compose.yml gives it.
        assert startup["periodSeconds"] * startup["failureThreshold"] >= 600


@pytest.mark.parametrize("overlay", NAMES)
def test_objects_that_select_pods_select_those_of_one_workload(overlay: str) -> None:
    labels = {
        each["metadata"]["name"]: each["spec"]["template"]["metadata"]["labels"]
        for each in workloads(overlay)
    }

    def selected(selector: dict[str, str]) -> list[str]:
        return [name for name, found in labels.items() if selector.items() <= found.items()]

    for each in render(overlay):
        name = each["metadata"]["name"]
        if each["kind"] == "Service":
            assert selected(each["spec"]["selector"]) == [name]
        elif each["kind"] in ("PodDisruptionBudget", "Deployment", "StatefulSet"):
            assert selected(each["spec"]["selector"]["matchLabels"]) == [name]
    budgets = {each["metadata"]["name"] for each in render(overlay) if "Budget" in each["kind"]}
    assert budgets == set(OURS)


@pytest.mark.parametrize("overlay", NAMES)
def test_everything_is_forbidden_that_no_policy_allows(overlay: str) -> None:
    policies = [each["spec"] for each in render(overlay) if each["kind"] == "NetworkPolicy"]
    of_all = {"matchLabels": {"app.kubernetes.io/part-of": "glimpse"}}
    denied = [each for each in policies if each["podSelector"] == of_all]
    assert ["Ingress", "Egress"] in [each["policyTypes"] for each in denied]
    for each in workloads(overlay):
        labels = each["spec"]["template"]["metadata"]["labels"]
        assert labels["app.kubernetes.io/part-of"] == "glimpse"
    # No worker is reached by anyone but a Prometheus.
    to_workers = [each for each in policies if "matchExpressions" in each["podSelector"]]
    (scraped,) = [each for each in to_workers if "ingress" in each]
    (rule,) = scraped["ingress"]
    assert [list(peer) for peer in rule["from"]] == [["namespaceSelector"]]
    assert rule["ports"] == [{"protocol": "TCP", "port": METRICS_PORT}]
    entered = [
        each["podSelector"]["matchLabels"]
        for each in policies
        if "ingress" in each and each is not scraped
    ]
    components = {labels["app.kubernetes.io/component"] for labels in entered}
    assert components == ({"api"} if overlay == "external" else {"api", "redis"})


@pytest.mark.parametrize("overlay", NAMES)
def test_workers_serve_metrics_where_prometheus_looks(overlay: str) -> None:
    for workload in OURS[1:]:
        template = find(overlay, "Deployment", workload)["spec"]["template"]
        main = template["spec"]["containers"][0]
        assert main["ports"] == [{"name": "metrics", "containerPort": METRICS_PORT}]
        assert template["metadata"]["annotations"]["prometheus.io/port"] == str(METRICS_PORT)
        bind = load_settings(
            {"GLIMPSE_METRICS_BIND": environment(overlay, main)["GLIMPSE_METRICS_BIND"]}
        ).metrics_bind
        assert bind is not None
        assert bind.port == METRICS_PORT


@pytest.mark.parametrize("overlay", NAMES)
def test_workers_are_added_for_images(overlay: str) -> None:
    scaled = ScaledObject.model_validate(find(overlay, "ScaledObject", "glimpse-worker-ingest"))
    assert "replicas" not in find(overlay, "Deployment", scaled.spec.scaleTargetRef.name)["spec"]
    # Without an ingest worker, nothing removes what is deleted.
    assert scaled.spec.minReplicaCount >= 1
    (trigger,) = scaled.spec.triggers
    assert trigger.metadata["valueLocation"] == "glimpse_images_pending"
    assert trigger.metadata["url"] == "http://glimpse-api.glimpse.svc:8000/metrics"
    # More are added before a worker of unknown rate would refuse uploads.
    target = float(trigger.metadata["targetValue"])
    assert target >= RATE_UNKNOWN_PER_S * 60
    reference = trigger.authenticationRef
    assert reference is not None
    assert find(overlay, "TriggerAuthentication", reference.name)


@pytest.mark.parametrize("overlay", NAMES)
def test_every_variable_is_a_setting(overlay: str, tmp_path: Path) -> None:
    for workload in workloads(overlay):
        for container in containers(workload):
            if image_of(container) is None:
                continue
            given = environment(overlay, container)
            known = dict(given)
            for name in given:
                if name.endswith("_FILE") and name.startswith(f"{PREFIX}REDIS"):
                    known[name] = str(written(tmp_path / "redis", "redis://:secret@redis:6379/0"))
                elif name.endswith("TOKEN_FILE"):
                    known[name] = str(written(tmp_path / "token", "root:secret"))
            settings = load_settings(known)
            # A pod is reached by others only.
            assert settings.open_to == "nobody"
            assert mounted(workload, container, given)


# Variables with the folders and files that a container writes.
_MODELS = {"GLIMPSE_CLIP_CACHE", "GLIMPSE_CACHE_DIR", "HF_HOME"}
_USED = {
    "fetch": _MODELS,
    "worker": {*_MODELS, "GLIMPSE_BLOBS_DIR", "GLIMPSE_ALIVE_FILE"},
    "api": {"GLIMPSE_BLOBS_DIR"},
}


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def mounted(workload: Manifest, container: dict[str, Any], given: dict[str, str]) -> bool:
    """Return whether every file and folder that a variable names is on a volume."""
    volumes = {each["name"]: each for each in workload["spec"]["template"]["spec"]["volumes"]}
    mounts = {each["mountPath"]: volumes[each["name"]] for each in container["volumeMounts"]}
    files = {
        f"{path}/{item['path']}"
        for path, volume in mounts.items()
        for item in volume.get("secret", {}).get("items", [])
    }
    for name, value in given.items():
        if name.endswith("_FILE") and name != "GLIMPSE_ALIVE_FILE":
            assert value in files, name
        elif name in _USED[container["name"]] & given.keys():
            assert any(value.startswith(path) for path in mounts), name
    return "/tmp" in mounts


@pytest.fixture(scope="module")
def places(
    valkey: Valkey, milvus_lite: MilvusLite, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    data, secrets = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("secrets")
    (secrets / "redis-url").write_text(valkey.url)
    return {
        "/run/secrets/glimpse": str(secrets),
        "http://milvus.milvus.svc:19530": milvus_lite.uri,
        "/data/": f"{data}/",
        "ViT-B/32": "hashing",
        "0.0.0.0:8000": f"127.0.0.1:{free_port()}",
    }


def contained(folder: Path, places: dict[str, str], container: dict[str, Any]) -> Container:
    """Return a container of the overlay for CPUs, with its readiness probe."""
    image = image_of(container)
    assert image is not None
    probe = container.get("readinessProbe", {}).get("exec", {}).get("command") or [
        *("python", "-c", "import urllib.request as u; u.urlopen('http://0.0.0.0:8000/readyz')")
    ]
    # Each pod has a /tmp of its own.
    metrics = {f"0.0.0.0:{METRICS_PORT}": f"127.0.0.1:{free_port()}"}
    own = places | {"/tmp/alive": f"{folder}/alive"} | metrics
    return Container(
        folder, image.command(container.get("args")), environment("cpu", container), probe, own
    )


@pytest.fixture(scope="module")
def fleet(
    places: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Container]]:
    """The Deployments' pods, one of each, started as Kubernetes starts them."""
    running: dict[str, Container] = {}
    try:
        for workload in OURS:
            *first, main = containers(find("cpu", "Deployment", workload))
            for each in first:
                ended = contained(tmp_path_factory.mktemp("first"), places, each).run()
                assert (ended.returncode, ended.stdout) == (0, "hashing needs no download\n")
            running[workload] = contained(tmp_path_factory.mktemp(workload), places, main)
            assert not running[workload].answers()
            running[workload].start()
        yield running
    finally:
        for container in running.values():
            container.stop()


@pytest.fixture(scope="module")
def key(valkey: Valkey) -> str:
    """A key with every scope, as `glimpse keys create` makes it."""
    token, made = issue("operators", "all", ("read", "write", "admin"), 0.0, None)
    with connect(valkey.url) as client:
        RedisKeys(client).add(made)
    return token.text


@pytest.fixture
def client(places: dict[str, str], key: str) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {key}"}
    url = f"http://{places['0.0.0.0:8000']}"
    with httpx.Client(base_url=url, timeout=60, headers=headers) as client:
        yield client


def test_a_picture_goes_through_the_pods(fleet: dict[str, Container], client: httpx.Client) -> None:
    index_and_find_a_picture(client)
    # The containers' root is read-only.
    assert not [path for container in fleet.values() for path in container.home.iterdir()]


@pytest.mark.usefixtures("fleet")
def test_the_metric_is_one_that_the_key_can_read(client: httpx.Client) -> None:
    (trigger,) = find("cpu", "ScaledObject", "glimpse")["spec"]["triggers"]
    text = client.get("/metrics").raise_for_status().text
    assert re.search(rf"^{trigger['metadata']['valueLocation']} \d", text, re.MULTILINE)


@pytest.mark.parametrize("workload", OURS[1:])
def test_a_workers_probes_succeed_while_it_is_well(
    fleet: dict[str, Container], workload: str
) -> None:
    probes = main_container("cpu", workload)
    for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
        probed = fleet[workload].run(probes[kind]["exec"]["command"])
        assert probed.returncode == 0, probed.stderr


def test_without_redis_pods_are_drained_and_not_restarted(
    fleet: dict[str, Container], client: httpx.Client, valkey: Valkey
) -> None:
    valkey.kill()
    try:
        assert client.get("/readyz").status_code == 503
        assert client.get("/healthz").status_code == 200
        for workload in OURS[1:]:
            alive = main_container("cpu", workload)["livenessProbe"]["exec"]["command"]
            (Path(fleet[workload].folder) / "alive").unlink(missing_ok=True)
            wait_for(lambda c=alive, w=workload: fleet[w].run(c).returncode == 0, 30, "a sign")
            ready = main_container("cpu", workload)["readinessProbe"]["exec"]["command"]
            assert fleet[workload].run(ready).returncode != 0
    finally:
        valkey.start()


def test_no_pod_is_drained_or_restarted_because_workers_are_away(
    fleet: dict[str, Container], client: httpx.Client
) -> None:
    for workload in OURS[1:]:
        fleet[workload].stop()
    wait_for(lambda: client.get("/readyz?for=all").status_code == 503, 30, "workers to be missed")
    for path in ("/readyz", "/healthz"):
        assert client.get(path).status_code == 200


def test_redis_in_the_cluster_is_that_of_the_documentation_and_of_compose() -> None:
    for name in ("cpu", "gpu"):
        services = {each["metadata"]["name"] for each in render(name) if each["kind"] == "Service"}
        assert services == {"glimpse-api", "glimpse-redis"}
    text = (ROOT / "docs" / "operations.md").read_text()
    assert "redis://:$password@glimpse-redis:6379/0" in text
    container, composed = main_container("cpu", "glimpse-redis"), compose()["services"]["redis"]
    assert container["image"] == f"docker.io/{composed['image']}"
    # The test of docker-compose.yml runs the options.
    options = composed["command"][2:]
    place = ["valkey-server", "/run/secrets/redis/redis.conf", "--dir", "/data"]
    assert container["command"] == [*place, *options]
