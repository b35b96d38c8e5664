"""`ops.files`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from ops.dashboard import dashboard
from ops.files import files

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", files())
def test_what_is_kept_is_what_is_made(name: str) -> None:
    """Whoever changes the table makes the files anew: `make dashboards`."""
    assert (ROOT / name).read_text() == files()[name]


def test_grafana_reads_the_dashboard() -> None:
    """It is JSON."""
    assert json.loads(files()["ops/grafana.json"]) == dashboard()


def test_the_operator_of_prometheus_gets_the_same_rules() -> None:
    """As a resource of its own kind."""
    resource = yaml.safe_load(files()["ops/prometheus-rule.yaml"])
    assert (resource["apiVersion"], resource["kind"]) == ("monitoring.coreos.com/v1", "PrometheusRule")
    assert resource["spec"] == yaml.safe_load(files()["ops/alerts.yaml"])
