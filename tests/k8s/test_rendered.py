"""The rendered files: current, and what Kubernetes takes."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import Any

import kubernetes_validate
import pytest

from .conftest import K8S, OVERLAYS, Manifests, load, rendered

OLDEST = (1, 27)  # native gRPC probes are generally available
VERSIONS = sorted(
    {
        f"{major}.{minor}"
        for major, minor in (map(int, one.split(".")[:2]) for one in kubernetes_validate.utils.all_versions())
        if (major, minor) >= OLDEST
    }
)
CUSTOM = {"ServiceMonitor", "ScaledObject"}  # of operators, whose schemas do not come with Kubernetes'
HASH = re.compile(r"(atomlens-settings)-[a-z0-9]{10}\b")


def comparable(text: str) -> dict[tuple[str, str], Any]:
    """Return objects by kind and name, but for what kustomizes differ in: hashes, empty maps."""
    objects = load(HASH.sub(r"\1", text))
    for one in objects:
        one["metadata"] = {key: value for key, value in one["metadata"].items() if value != {}}
    return {(one["kind"], one["metadata"]["name"]): one for one in objects}


def test_every_overlay_is_rendered() -> None:
    """There is a rendered file for each overlay and none besides."""
    assert sorted(path.name for path in (K8S / "rendered").iterdir()) == [f"{name}.yaml" for name in OVERLAYS]
    assert set(OVERLAYS) >= {"cpu", "gpu", "dev"}


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="there is no kubectl")
@pytest.mark.parametrize("name", OVERLAYS)
def test_current(name: str) -> None:
    """What is committed is what the overlay says: `make k8s` would change nothing."""
    made = subprocess.run(
        ["kubectl", "kustomize", str(K8S / "overlays" / name)], check=True, capture_output=True, text=True
    )
    assert comparable(made.stdout) == comparable((K8S / "rendered" / f"{name}.yaml").read_text())


@pytest.mark.parametrize("version", VERSIONS)
def test_valid(version: str, overlay: Manifests) -> None:
    """Each object keeps the schema of every version of Kubernetes, with no field that it does not know."""
    kinds = set()
    for one in overlay.objects:
        if one["kind"] not in CUSTOM:
            assert kubernetes_validate.validate(one, version, strict=True) == version
            kinds.add(one["kind"])
    assert {"ConfigMap", "Deployment", "NetworkPolicy", "PodDisruptionBudget", "Service"} <= kinds


def test_validation_is_strict() -> None:
    """A field that Kubernetes does not know would not pass."""
    deployment = rendered("cpu").one("Deployment")
    deployment["spec"]["template"]["spec"]["replicaz"] = 1
    with pytest.raises(kubernetes_validate.ValidationError, match="replicaz"):
        kubernetes_validate.validate(deployment, VERSIONS[-1], strict=True)


def test_names_are_unique(overlay: Manifests) -> None:
    """No object hides another, and all are in one namespace."""
    names = [(one["kind"], one["metadata"]["name"]) for one in overlay.objects]
    assert len(set(names)) == len(names)
    assert {one["metadata"]["namespace"] for one in overlay.objects} == {"atomlens"}
