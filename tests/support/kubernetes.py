"""The manifests in deploy/kubernetes, rendered as `kubectl apply -k` sends them."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field

from tests.support.containers import API, ROOT, WORKER, Image

OVERLAYS = ROOT / "deploy" / "kubernetes" / "overlays"

Manifest = dict[str, Any]
# Images of ours, by name.
IMAGES: dict[str, Image] = {"glimpse-api": API, "glimpse-worker": WORKER}


@cache
def render(overlay: str) -> list[Manifest]:
    """Return an overlay's manifests."""
    kubectl = Path(sys.executable).parent / "kubectl"
    run = subprocess.run(
        [kubectl, "kustomize", OVERLAYS / overlay], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return list(yaml.safe_load_all(run.stdout))


def find(overlay: str, kind: str, name: str) -> Manifest:
    """Return one manifest; ConfigMaps have a digest after their names."""
    found = [
        each
        for each in render(overlay)
        if each["kind"] == kind and each["metadata"]["name"].startswith(name)
    ]
    assert found, f"{overlay} has no {kind} {name}"
    return found[0]


def workloads(overlay: str) -> Iterator[Manifest]:
    """Iterate over the manifests that have pods."""
    for each in render(overlay):
        if each["kind"] in ("Deployment", "StatefulSet"):
            yield each


def containers(workload: Manifest) -> list[dict[str, Any]]:
    """Return the containers of a workload's pods, with those that run first."""
    pod = workload["spec"]["template"]["spec"]
    return [*pod.get("initContainers", []), *pod["containers"]]


def image_of(container: dict[str, Any]) -> Image | None:
    """Return the image of ours that a container runs; None if it is another's."""
    return IMAGES.get(container["image"].partition(":")[0])


def environment(overlay: str, container: dict[str, Any]) -> dict[str, str]:
    """Return the variables of a container, except those from Secrets."""
    found: dict[str, str] = {}
    for source in container.get("envFrom", []):
        if "configMapRef" in source:
            found |= find(overlay, "ConfigMap", source["configMapRef"]["name"])["data"]
    for each in container.get("env", []):
        found[each["name"]] = each["value"] if "value" in each else _resource(each, container)
    return found


def _resource(variable: dict[str, Any], container: dict[str, Any]) -> str:
    kind, _, name = variable["valueFrom"]["resourceFieldRef"]["resource"].partition(".")
    # Kubernetes rounds a number of cores up.
    cores: str = container["resources"][kind][name]
    return str(math.ceil(float(cores.removesuffix("m")) / (1000 if cores.endswith("m") else 1)))


class Strict(BaseModel):
    """A part of a custom resource; other fields are errors, as for an API server."""

    model_config = ConfigDict(extra="forbid")


class Metadata(Strict):
    """Metadata of an object."""

    name: str
    namespace: str
    labels: dict[str, str] = {}


class Reference(Strict):
    """A reference by name."""

    name: str


class Fallback(Strict):
    """Replicas while a metric cannot be read."""

    failureThreshold: int  # noqa: N815
    replicas: int


class Trigger(Strict):
    """A metric and its target."""

    type: str
    metadata: dict[str, str]
    metricType: str | None = None  # noqa: N815
    authenticationRef: Reference | None = None  # noqa: N815


class Scaling(Strict):
    """The specification of a ScaledObject."""

    scaleTargetRef: Reference  # noqa: N815
    minReplicaCount: int = Field(ge=0)  # noqa: N815
    maxReplicaCount: int = Field(ge=1)  # noqa: N815
    pollingInterval: int = Field(ge=1)  # noqa: N815
    fallback: Fallback | None = None
    # The behavior of a HorizontalPodAutoscaler, which has a schema of its own.
    advanced: dict[str, dict[str, Any]] = {}
    triggers: list[Trigger] = Field(min_length=1)


class SecretTarget(Strict):
    """A parameter of a trigger, from a Secret."""

    parameter: str
    name: str
    key: str


class Authentication(Strict):
    """The specification of a TriggerAuthentication."""

    secretTargetRef: list[SecretTarget]  # noqa: N815


class ScaledObject(Strict):
    """KEDA's ScaledObject, as in its CRD, as far as Glimpse uses it."""

    apiVersion: str = Field(pattern="^keda.sh/v1alpha1$")  # noqa: N815
    kind: str
    metadata: Metadata
    spec: Scaling


class TriggerAuthentication(Strict):
    """KEDA's TriggerAuthentication, likewise."""

    apiVersion: str = Field(pattern="^keda.sh/v1alpha1$")  # noqa: N815
    kind: str
    metadata: Metadata
    spec: Authentication


KEDA: dict[str, type[Strict]] = {
    "ScaledObject": ScaledObject,
    "TriggerAuthentication": TriggerAuthentication,
}
