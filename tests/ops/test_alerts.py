"""`ops.alerts`."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.alerts import ALERTS, RUNBOOK, Alert
from ops.files import files
from tests.ops.promql import check

HERE = 'job="atomlens",instance="a"'
CALLS = f'atomlens_calls_total{{{HERE},method="M",code='
# What a server tells in half an hour, minute by minute, where nothing is wrong ...
HEALTHY = {
    f"up{{{HERE}}}": "1x30",
    f"atomlens_ready{{{HERE}}}": "1x30",
    f"atomlens_queue_cost{{{HERE}}}": "500x30",
    f"atomlens_queue_cost_limit{{{HERE}}}": "1000x30",
    f'atomlens_batch_cost_total{{{HERE},model="m"}}': "0+100x30",
    f'atomlens_queue_seconds_bucket{{{HERE},priority="interactive",le="0.5"}}': "0+60x30",
    f'atomlens_queue_seconds_bucket{{{HERE},priority="interactive",le="2.0"}}': "0+60x30",
    f'atomlens_queue_seconds_bucket{{{HERE},priority="interactive",le="+Inf"}}': "0+60x30",
    CALLS + '"OK"}': "0+1000x30",
    f'atomlens_model_state{{{HERE},model="m",version="1",state="failed"}}': "0x30",
    f"process_resident_memory_bytes{{{HERE}}}": "50x30",
    f"atomlens_memory_limit_bytes{{{HERE}}}": "100x30",
    f'atomlens_streams_open{{{HERE},kind="probe"}}': "2x30",
    f'atomlens_streams_limit{{{HERE},kind="probe"}}': "8x30",
    f'atomlens_streams_limit{{{HERE},kind="all"}}': "20x30",
    f"atomlens_workers_replaced_total{{{HERE}}}": "0x30",
    f'atomlens_certificate_expiry_timestamp_seconds{{{HERE},certificate="c"}}': "2592000x30",
    f'atomlens_reloads_total{{{HERE},what="tokens",outcome="succeeded"}}': "3x30",
    f"atomlens_log_lines_dropped_total{{{HERE}}}": "0x30",
}
# ... and what is different where one thing is; a second way for some.
WRONG: dict[str, dict[str, str]] = {
    "AtomLensDown": {f"up{{{HERE}}}": "0x30"},
    "AtomLensNotReady": {f"atomlens_ready{{{HERE}}}": "0x30"},
    "AtomLensStalled": {f'atomlens_batch_cost_total{{{HERE},model="m"}}': "700x30"},
    "AtomLensQueueNearFull": {f"atomlens_queue_cost{{{HERE}}}": "900x30"},
    "AtomLensHighWait": {
        f'atomlens_queue_seconds_bucket{{{HERE},priority="interactive",le="0.5"}}': "0+30x30"
    },
    "AtomLensCallsFail": {CALLS + '"INTERNAL"}': "0+20x30"},
    "AtomLensCallsRefused": {CALLS + '"RESOURCE_EXHAUSTED"}': "0+100x30"},
    "AtomLensCallsLate": {CALLS + '"DEADLINE_EXCEEDED"}': "0+100x30"},
    "AtomLensModelFailed": {f'atomlens_model_state{{{HERE},model="m",version="1",state="failed"}}': "1x30"},
    "AtomLensOutOfMemory": {f'atomlens_out_of_memory_total{{{HERE},model="m"}}': "_x25 1x5"},
    "AtomLensMemoryNearLimit": {f"process_resident_memory_bytes{{{HERE}}}": "95x30"},
    "AtomLensStreamsAtLimit": {f'atomlens_streams_open{{{HERE},kind="probe"}}': "8x30"},
    "AtomLensWorkerCrashed": {f"atomlens_workers_replaced_total{{{HERE}}}": "0x25 1x5"},
    "AtomLensCertificateExpires": {
        f'atomlens_certificate_expiry_timestamp_seconds{{{HERE},certificate="c"}}': "86400x30"
    },
    "AtomLensReloadFailed": {f'atomlens_reloads_total{{{HERE},what="tokens",outcome="failed"}}': "_x25 1x5"},
    "AtomLensLogLinesLost": {f"atomlens_log_lines_dropped_total{{{HERE}}}": "0x25 7x5"},
}
WRONG_TOO = {"AtomLensStreamsAtLimit": {f'atomlens_streams_open{{{HERE},kind="explain"}}': "18x30"}}
RUNBOOK_FILE = Path(__file__).parents[2] / RUNBOOK
by_name = pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)


@by_name
def test_a_rule_is_of_metrics_and_labels_that_there_are(alert: Alert) -> None:
    """Its expression is well-formed, too."""
    check(alert.expression)


@by_name
def test_a_rule_is_written_as_it_is_meant(alert: Alert) -> None:
    """With the place in the runbook where it is explained."""
    (group,) = yaml.safe_load(files()["ops/alerts.yaml"])["groups"]
    (rule,) = [rule for rule in group["rules"] if rule["alert"] == alert.name]
    assert rule == {
        "alert": alert.name,
        "expr": alert.expression,
        "for": f"{alert.minutes}m",
        "labels": {"severity": alert.severity},
        "annotations": {
            "summary": alert.summary,
            "runbook_url": f"docs/operations.md#{alert.anchor}",
        },
    }


def test_places_in_the_runbook_are_named_after_the_alerts() -> None:
    """In the form in which headings of Markdown are linked to; each alert has its own."""
    assert Alert("AtomLensQueueNearFull", "", 0, "warning", "").anchor == "queue-near-full"
    assert len({alert.anchor for alert in ALERTS}) == len(ALERTS)


@by_name
def test_the_runbook_has_a_heading_for_each_alert(alert: Alert) -> None:
    """Which is where its link leads to."""
    headings = re.findall(r"^#+ (.*)$", RUNBOOK_FILE.read_text(), re.MULTILINE)
    anchors = [re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-") for heading in headings]
    assert alert.anchor in anchors


def group(name: str, different: dict[str, str], firing: list[str]) -> dict[str, Any]:
    """Return a test as promtool reads it: series, and the alerts that are told in the end."""
    series = {**HEALTHY, **different}
    told = 'count by (alertname) (ALERTS{alertstate="firing"})'
    return {
        "name": name,
        "interval": "1m",
        "input_series": [{"series": series, "values": values} for series, values in series.items()],
        "promql_expr_test": [
            {
                "expr": told,
                "eval_time": "29m",
                "exp_samples": [{"labels": f'{{alertname="{one}"}}', "value": 1} for one in firing],
            }
        ],
    }


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool, of Prometheus, is not installed")
def test_prometheus_tells_what_is_wrong_and_nothing_else(tmp_path: Path) -> None:
    """Nobody is told of a healthy server; of each fault, that one alert is."""
    assert set(WRONG) == {alert.name for alert in ALERTS}
    (tmp_path / "alerts.yaml").write_text(files()["ops/alerts.yaml"])
    wrong = [*WRONG.items(), *WRONG_TOO.items()]
    tests = [group("healthy", {}, []), *(group(name, series, [name]) for name, series in wrong)]
    whole = {"rule_files": ["alerts.yaml"], "evaluation_interval": "1m", "tests": tests}
    (tmp_path / "tests.yaml").write_text(yaml.safe_dump(whole, sort_keys=False))
    ran = subprocess.run(
        ["promtool", "test", "rules", "tests.yaml"], cwd=tmp_path, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
