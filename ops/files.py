"""Files: what is made of the table, by the place where it is kept."""

from __future__ import annotations

import json

from ops.alerts import rules
from ops.dashboard import dashboard
from ops.reference import reference
from ops.settings import settings

MADE = "# Made by `make dashboards`; do not edit."
OPERATOR = """apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: atomlens
  labels:
    app.kubernetes.io/name: atomlens
spec:
  groups:"""


def files() -> dict[str, str]:
    """Return the text of each file: for Grafana, for Prometheus and its operator, and for readers."""
    inner = [f"  {line}" for line in rules()]
    return {
        "ops/grafana.json": json.dumps(dashboard(), indent=1) + "\n",
        "ops/alerts.yaml": "\n".join([MADE, "groups:", *rules()]) + "\n",
        "ops/prometheus-rule.yaml": "\n".join([MADE, OPERATOR, *inner]) + "\n",
        "docs/metrics.md": reference(),
        "docs/settings.md": settings(),
    }
