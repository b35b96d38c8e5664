"""Services, and who may reach what."""

from __future__ import annotations

from typing import Any

from .conftest import Manifests


def service(overlay: Manifests, name: str) -> dict[str, Any]:
    """Return a service's specification."""
    (found,) = [one for one in overlay.all("Service") if one["metadata"]["name"] == name]
    spec: dict[str, Any] = found["spec"]
    return spec


def test_selectors_match_the_pods(overlay: Manifests) -> None:
    """Whatever chooses pods chooses those of the Deployment."""
    labels = overlay.template["metadata"]["labels"].items()
    selectors = [
        overlay.one("Deployment")["spec"]["selector"]["matchLabels"],
        overlay.one("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        overlay.one("NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        *(one["labelSelector"]["matchLabels"] for one in overlay.pod["topologySpreadConstraints"]),
        *(one["spec"]["selector"] for one in overlay.all("Service")),
    ]
    assert all(selector and selector.items() <= labels for selector in selectors)


def test_ports_of_services_are_ports_of_pods(overlay: Manifests) -> None:
    """Each target is a port that the container names, and has the same number outside."""
    for one in overlay.all("Service"):
        for port in one["spec"]["ports"]:
            assert port["port"] == overlay.ports[port["targetPort"]]
            assert port["name"] == port["targetPort"]


def test_there_is_an_address_for_each_pod_and_one_for_all(overlay: Manifests) -> None:
    """Clients that balance by themselves ask the headless service for the addresses of all pods."""
    assert service(overlay, "atomlens-pods")["clusterIP"] == "None"
    assert "clusterIP" not in service(overlay, "atomlens")


def test_health_is_no_service(overlay: Manifests) -> None:
    """The port without TLS is for the node alone."""
    ports = {port["name"] for one in overlay.all("Service") for port in one["spec"]["ports"]}
    assert ports == {"grpc", "metrics"}


def test_connections_have_an_age(overlay: Manifests) -> None:
    """Clients come to know new pods: their connections end now and then."""
    assert float(overlay.settings["ATOMLENS_MAX_CONNECTION_AGE_SECONDS"]) > 0


def test_who_may_reach_what(overlay: Manifests) -> None:
    """Calls come from labelled pods, metrics from the monitoring, health from anywhere; nothing goes out."""
    spec = overlay.one("NetworkPolicy")["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert spec["egress"] == []
    senders = {rule["ports"][0]["port"]: rule.get("from") for rule in spec["ingress"]}
    assert all(len(rule["ports"]) == 1 for rule in spec["ingress"])
    assert set(senders) == set(overlay.ports.values())
    (clients,) = senders[overlay.ports["grpc"]]
    assert clients["podSelector"]["matchLabels"] == {"atomlens.io/client": "true"}
    (monitoring,) = senders[overlay.ports["metrics"]]
    assert monitoring["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "monitoring"}
    assert senders[overlay.ports["health"]] is None


def test_one_pod_at_a_time_is_disturbed(overlay: Manifests) -> None:
    """A node can be drained with one replica as with many."""
    assert overlay.one("PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


def test_pods_are_spread(overlay: Manifests) -> None:
    """Over zones and over nodes, where there are several."""
    keys = {one["topologyKey"] for one in overlay.pod["topologySpreadConstraints"]}
    assert keys == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}
