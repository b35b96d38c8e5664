"""The rendered manifests, object by object."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
K8S = ROOT / "k8s"
OVERLAYS = sorted(path.name for path in (K8S / "overlays").iterdir())
SCALED = ("cpu", "gpu", "keda", "secure")  # overlays with an autoscaler and metrics


@dataclass(frozen=True, slots=True)
class Manifests:
    """The objects of one overlay."""

    name: str
    objects: list[dict[str, Any]]

    def all(self, kind: str) -> list[dict[str, Any]]:
        """Return the objects of a kind."""
        return [one for one in self.objects if one["kind"] == kind]

    def one(self, kind: str) -> dict[str, Any]:
        """Return the only object of a kind."""
        (found,) = self.all(kind)
        return found

    @property
    def template(self) -> dict[str, Any]:
        """What every pod is made of."""
        template: dict[str, Any] = self.one("Deployment")["spec"]["template"]
        return template

    @property
    def pod(self) -> dict[str, Any]:
        """The specification of every pod."""
        spec: dict[str, Any] = self.template["spec"]
        return spec

    @property
    def server(self) -> dict[str, Any]:
        """The container of the server."""
        (container,) = self.pod["containers"]
        assert isinstance(container, dict)
        return container

    @property
    def settings(self) -> dict[str, str]:
        """The variables that every server is started with."""
        data: dict[str, str] = self.one("ConfigMap")["data"]
        return data

    @property
    def ports(self) -> dict[str, int]:
        """The container's ports by name."""
        return {port["name"]: port["containerPort"] for port in self.server["ports"]}


def load(text: str) -> list[dict[str, Any]]:
    """Return the objects of a YAML file."""
    return [one for one in yaml.safe_load_all(text) if one]


def rendered(name: str) -> Manifests:
    """Return an overlay as it is committed."""
    return Manifests(name, load((K8S / "rendered" / f"{name}.yaml").read_text()))


@pytest.fixture(params=OVERLAYS)
def overlay(request: pytest.FixtureRequest) -> Manifests:
    """Each overlay."""
    return rendered(request.param)


@pytest.fixture(params=SCALED)
def scaled(request: pytest.FixtureRequest) -> Manifests:
    """Each overlay that is scaled."""
    return rendered(request.param)
