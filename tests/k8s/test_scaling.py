"""Scaling and monitoring: by metrics that the server has."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from atomlens.server.telemetry.table import METRICS

from .conftest import K8S, Manifests, rendered

NAMES = {metric.name for metric in METRICS}
METRIC = re.compile(r"atomlens_[a-z_]+")
SUFFIXES = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9}
HPA, KEDA = "HorizontalPodAutoscaler", "ScaledObject"


def quantity(text: str) -> float:
    """Return the number that a quantity of Kubernetes stands for, as 2M."""
    found = re.fullmatch(r"([0-9.]+)([kMG]?)", str(text))
    assert found is not None
    return float(found[1]) * SUFFIXES[found[2]]


def target(overlay: Manifests) -> tuple[str, float]:
    """Return the metric that an overlay is scaled by, and how much of it a pod is to have."""
    if overlay.all(HPA):
        (metric,) = overlay.one(HPA)["spec"]["metrics"]
        pods: dict[str, Any] = metric["pods"]
        return pods["metric"]["name"], quantity(pods["target"]["averageValue"])
    (trigger,) = overlay.one(KEDA)["spec"]["triggers"]
    (name,) = METRIC.findall(trigger["metadata"]["query"])
    return name, quantity(trigger["metadata"]["threshold"])


def test_scaled_by_the_cost_that_waits(scaled: Manifests) -> None:
    """The metric is the queue's cost; a pod is to have a tenth of what it refuses calls at."""
    name, value = target(scaled)
    assert name == "atomlens_queue_cost"
    assert name in NAMES
    assert value == int(scaled.settings["ATOMLENS_MAX_QUEUE_COST"]) / 10


def test_one_autoscaler(overlay: Manifests) -> None:
    """Nobody else counts the replicas: the Deployment does not."""
    scalers = overlay.all(HPA) + overlay.all(KEDA)
    assert len(scalers) == (overlay.name != "dev")
    assert "replicas" not in overlay.one("Deployment")["spec"]
    for one in scalers:
        assert one["spec"]["scaleTargetRef"] == {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "name": overlay.one("Deployment")["metadata"]["name"],
        }


def test_the_variants_agree() -> None:
    """KEDA scales between the same bounds as the autoscaler of Kubernetes."""
    hpa, keda = rendered("cpu").one(HPA)["spec"], rendered("keda").one(KEDA)["spec"]
    assert (hpa["minReplicas"], hpa["maxReplicas"]) == (keda["minReplicaCount"], keda["maxReplicaCount"])
    assert keda["triggers"][0]["metricType"] == hpa["metrics"][0]["pods"]["target"]["type"]


def test_keda_asks_for_its_own_namespace() -> None:
    """The query counts the cost of no other installation."""
    overlay = rendered("keda")
    query = overlay.one(KEDA)["spec"]["triggers"][0]["metadata"]["query"]
    assert f'{{namespace="{overlay.one(KEDA)["metadata"]["namespace"]}"}}' in query


def test_the_adapter_makes_the_metric() -> None:
    """What the autoscaler asks for is what the adapter is told to make."""
    values = yaml.safe_load((K8S / "autoscaling" / "hpa" / "adapter-values.yaml").read_text())
    (rule,) = values["rules"]["custom"]
    assert METRIC.findall(rule["seriesQuery"]) == [target(rendered("cpu"))[0]]


def test_the_monitoring_finds_the_metrics(scaled: Manifests) -> None:
    """The monitor's labels and port are those of exactly one service: no pod is counted twice."""
    monitor = scaled.one("ServiceMonitor")["spec"]
    labels, (endpoint,) = monitor["selector"]["matchLabels"].items(), monitor["endpoints"]
    found = [
        one["metadata"]["name"]
        for one in scaled.all("Service")
        if labels <= one["metadata"]["labels"].items()
        and endpoint["port"] in {port["name"] for port in one["spec"]["ports"]}
    ]
    assert found == ["atomlens-pods"]


@pytest.mark.parametrize("name", ["dev"])
def test_nothing_of_operators(name: str) -> None:
    """The overlay for a laptop needs no operator in the cluster."""
    assert {one["apiVersion"].split("/")[0] for one in rendered(name).objects} <= {
        "v1",
        "apps",
        "policy",
        "networking.k8s.io",
    }
