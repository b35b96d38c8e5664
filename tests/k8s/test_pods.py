"""Pods: hardened, probed, and told only what the server understands."""

from __future__ import annotations

import asyncio
import math
import tomllib
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from atomlens.server.app import Server
from atomlens.server.settings import PREFIX, ServerSettings

from .conftest import ROOT, Manifests, rendered

IDLE_BYTES, PROBE_BYTES = 300 * 2**20, 30 * 2**20  # a warm server, and the buffers of each probe
WAITING_BYTES, COMPUTING_BYTES = 40, 2000  # for each atom or pair in the queue, and of a batch in a SchNet
LEAVING_SECONDS = 10  # beside preStop and the grace: closing what is open


def settings_of(overlay: Manifests) -> ServerSettings:
    """Return the settings that pods of an overlay start with."""
    return ServerSettings.from_environment({}, overlay.settings)


def containers(overlay: Manifests) -> Iterator[dict[str, Any]]:
    """Return all containers, those that run before the server too."""
    yield from overlay.pod.get("initContainers", [])
    yield from overlay.pod["containers"]


def test_variables_are_settings(overlay: Manifests) -> None:
    """Every variable is a setting of the server, and all values together are valid."""
    known = {f"{PREFIX}{name.upper()}" for name in ServerSettings.__dataclass_fields__}
    given = set(overlay.settings) | {one["name"] for one in overlay.server["env"]}
    assert given <= known
    settings_of(overlay)


def test_variables_come_from_the_map_that_is_there(overlay: Manifests) -> None:
    """The name of the settings carries their hash: pods are replaced when they change."""
    name = overlay.one("ConfigMap")["metadata"]["name"]
    assert overlay.server["envFrom"] == [{"configMapRef": {"name": name}}]
    assert name != "atomlens-settings"


def test_services_define_no_variables(overlay: Manifests) -> None:
    """The service `atomlens` would define ATOMLENS_PORT and more, which look like settings."""
    assert overlay.pod["enableServiceLinks"] is False


def test_ports_are_those_of_the_settings(overlay: Manifests) -> None:
    """Calls, health and metrics have ports of their own, on every interface of the pod."""
    settings = settings_of(overlay)
    addresses = {
        "grpc": settings.address,
        "health": settings.health_address,
        "metrics": settings.metrics_address,
    }
    assert addresses == {name: f"0.0.0.0:{port}" for name, port in overlay.ports.items()}


@pytest.mark.parametrize("probe", ["startupProbe", "readinessProbe", "livenessProbe"])
def test_probes_ask_the_health_port(probe: str, overlay: Manifests) -> None:
    """Probes have no TLS and no names of ports: they ask the port of health, by its number."""
    assert overlay.server[probe]["grpc"]["port"] == overlay.ports["health"]


def test_probes_are_answered() -> None:
    """A server that is ready answers every probe of a pod with SERVING."""
    container = rendered("cpu").server
    asked = {container[name]["grpc"].get("service", "") for name in container if name.endswith("Probe")}
    assert asked == {"", "live"}

    async def main() -> None:
        server = Server(ServerSettings(address="127.0.0.1:0", health_address="127.0.0.1:0", workers=1))
        await server.start()
        async with grpc.aio.insecure_channel(server.health_address) as channel:
            health: Any = health_pb2_grpc.HealthStub(channel)
            for service in asked:
                answer = await health.Check(health_pb2.HealthCheckRequest(service=service))
                assert answer.status == health_pb2.HealthCheckResponse.SERVING
        await server.stop(0.0)

    asyncio.run(main())


def test_a_pod_has_time_to_leave(overlay: Manifests) -> None:
    """Kubernetes kills nobody who keeps to the grace: preStop and what was accepted fit into its patience."""
    command = overlay.server["lifecycle"]["preStop"]["exec"]["command"]
    assert command[0] == "sleep"
    needed = float(command[1]) + settings_of(overlay).grace_seconds + LEAVING_SECONDS
    assert overlay.pod["terminationGracePeriodSeconds"] >= needed


def test_pods_are_restricted(overlay: Manifests) -> None:
    """They keep the restricted standard of Kubernetes, and write nowhere but in volumes."""
    context = overlay.pod["securityContext"]
    assert context["runAsNonRoot"] is True
    assert context["runAsUser"] > 0
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert overlay.pod["automountServiceAccountToken"] is False
    for container in containers(overlay):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_nothing_of_the_node_is_shared(overlay: Manifests) -> None:
    """Volumes are claims, secrets and empty directories of a bounded size."""
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(overlay.pod)
    for volume in overlay.pod["volumes"]:
        (kind,) = set(volume) - {"name"}
        assert kind in {"emptyDir", "persistentVolumeClaim", "secret"}
        assert kind != "emptyDir" or volume["emptyDir"]["sizeLimit"]


def test_mounts_are_volumes(overlay: Manifests) -> None:
    """What is mounted is declared, and what is declared is mounted."""
    declared = {volume["name"] for volume in overlay.pod["volumes"]}
    mounted = {mount["name"] for container in containers(overlay) for mount in container["volumeMounts"]}
    assert mounted == declared


def test_claims_are_there(overlay: Manifests) -> None:
    """A volume's claim comes with the overlay."""
    claims = {one["metadata"]["name"] for one in overlay.all("PersistentVolumeClaim")}
    wanted = {
        volume["persistentVolumeClaim"]["claimName"]
        for volume in overlay.pod["volumes"]
        if "persistentVolumeClaim" in volume
    }
    assert wanted == claims


@pytest.mark.parametrize("name", ["cpu", "gpu", "keda", "secure"])
def test_models_are_mounted_read_only(name: str) -> None:
    """The server reads its repository where the settings say, and cannot write to it."""
    overlay = rendered(name)
    mounts = {one["mountPath"]: one for one in overlay.server["volumeMounts"]}
    assert mounts[overlay.settings["ATOMLENS_MODELS"]]["readOnly"] is True


def test_models_of_an_image_are_copied() -> None:
    """What the first container writes is what the server reads."""
    overlay = rendered("gpu")
    (copying,) = overlay.pod["initContainers"]
    source, target = copying["command"][2:]
    assert source == "/models/."
    (mount,) = copying["volumeMounts"]
    assert target == f"{mount['mountPath']}/"
    reading = {one["name"]: one["mountPath"] for one in overlay.server["volumeMounts"]}
    assert reading[mount["name"]] == overlay.settings["ATOMLENS_MODELS"]


def test_memory_is_bounded(overlay: Manifests) -> None:
    """Every container asks for CPU and memory and has a limit of memory; CPU is never throttled."""
    for container in containers(overlay):
        assert {"cpu", "memory"} <= set(container["resources"]["requests"])
        assert "memory" in container["resources"]["limits"]
        assert "cpu" not in container["resources"]["limits"]


def test_memory_suffices(overlay: Manifests) -> None:
    """The limit holds what the settings allow at once: see the table in k8s/README.md, which was measured."""
    settings, resources = settings_of(overlay), overlay.server["resources"]
    needed = (
        IDLE_BYTES
        + settings.probe_streams * PROBE_BYTES
        + settings.context_cache_mib * 2**20
        + settings.max_queue_cost * WAITING_BYTES
        + cores(resources["requests"]["cpu"]) * settings.max_structure_cost * COMPUTING_BYTES
    )
    assert needed <= gibibytes(resources["limits"]["memory"]) * 2**30


def cores(text: str) -> int:
    """Return how many workers a request of CPU makes, as Kubernetes rounds it."""
    return math.ceil(int(text.removesuffix("m")) / 1000) if text.endswith("m") else int(text)


def gibibytes(text: str) -> int:
    """Return the number of a quantity such as 4Gi."""
    assert text.endswith("Gi")
    return int(text.removesuffix("Gi"))


def test_workers_are_those_of_the_request(overlay: Manifests) -> None:
    """Without a limit of CPU the server would take every core of the node for its own."""
    (workers,) = [one for one in overlay.server["env"] if one["name"] == "ATOMLENS_WORKERS"]
    source = workers["valueFrom"]["resourceFieldRef"]
    assert source == {"containerName": overlay.server["name"], "resource": "requests.cpu", "divisor": "1"}


@pytest.mark.parametrize(
    ("name", "provider", "gpus"),
    [("cpu", "cpu", None), ("dev", "cpu", None), ("keda", "cpu", None), ("gpu", "cuda", "1")],
)
def test_providers(name: str, provider: str, gpus: str | None) -> None:
    """A pod that is to run on a GPU asks for one, and no other does."""
    overlay = rendered(name)
    assert overlay.settings["ATOMLENS_PROVIDER"] == provider
    assert overlay.server["resources"]["limits"].get("nvidia.com/gpu") == gpus


@pytest.mark.parametrize(
    ("name", "target"), [("cpu", "cpu"), ("gpu", "gpu"), ("keda", "cpu"), ("secure", "cpu")]
)
def test_images_are_of_this_version(name: str, target: str) -> None:
    """Production runs the image of the version that the manifests come with."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert rendered(name).server["image"] == f"atomlens:{version}-{target}"


def test_secrets_are_where_the_settings_look() -> None:
    """Certificates, key and tokens are files of secrets, mounted read-only."""
    overlay = rendered("secure")
    secrets = {one["name"]: one["secret"] for one in overlay.pod["volumes"] if "secret" in one}
    mounts = {
        one["mountPath"]: one["name"] for one in overlay.server["volumeMounts"] if one["name"] in secrets
    }
    settings = settings_of(overlay)
    files = (settings.tls_cert, settings.tls_key, settings.tls_client_ca, settings.tokens)
    assert {str(path.parent) for path in files if path} == set(mounts)
    assert all(files)
    assert {one["secretName"] for one in secrets.values()} == {"atomlens-tls", "atomlens-tokens"}
    assert all(one["defaultMode"] == 0o440 for one in secrets.values())
    assert not overlay.all("Secret")  # none is ever committed
