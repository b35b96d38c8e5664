"""Alerts: rules for Prometheus, each with the place in the runbook that says what to do."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

RUNBOOK = "docs/operations.md"
DAY = 86400  # seconds


@dataclass(frozen=True, slots=True)
class Alert:
    """One rule: what is wrong, for how long it must be so, and how grave that is."""

    name: str
    expression: str
    minutes: int
    severity: Literal["warning", "critical"]
    summary: str

    @property
    def anchor(self) -> str:
        """Where the runbook has it: the name in small letters with hyphens."""
        words = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in self.name)
        return words.removeprefix("-atom-lens-")

    def lines(self) -> list[str]:
        """Return the rule in YAML."""
        return [
            f"      - alert: {self.name}",
            f"        expr: {json.dumps(self.expression)}",
            f"        for: {self.minutes}m",
            f"        labels: {{severity: {self.severity}}}",
            "        annotations:",
            f"          summary: {json.dumps(self.summary)}",
            f"          runbook_url: {RUNBOOK}#{self.anchor}",
        ]


def _share(code: str, per: str = "job, instance") -> str:
    """Return the share of calls that end with codes."""
    some, all_ = (
        f"sum by ({per}) (rate(atomlens_calls_total{which}[5m]))" for which in (f'{{code=~"{code}"}}', "")
    )
    return f"{some} / {all_}"


def _grew(counter: str) -> str:
    """Return that something was counted lately, the first time too, before which there was no such series."""
    return f"increase({counter}[15m]) > 0 or ({counter} > 0 unless {counter} offset 15m)"


ALERTS = (
    Alert(
        "AtomLensDown",
        'up{job=~".*atomlens.*"} == 0',
        2,
        "critical",
        "{{ $labels.instance }} does not answer Prometheus.",
    ),
    Alert(
        "AtomLensNotReady",
        "atomlens_ready == 0",
        10,
        "critical",
        "{{ $labels.instance }} runs and is not ready.",
    ),
    Alert(
        "AtomLensStalled",
        "atomlens_queue_cost > 0 and on (job, instance) "
        "sum by (job, instance) (rate(atomlens_batch_cost_total[5m])) == 0",
        5,
        "critical",
        "Work waits in {{ $labels.instance }} and nothing is computed.",
    ),
    Alert(
        "AtomLensQueueNearFull",
        "atomlens_queue_cost / atomlens_queue_cost_limit > 0.8",
        5,
        "warning",
        "The queue of {{ $labels.instance }} is {{ $value | humanizePercentage }} full.",
    ),
    Alert(
        "AtomLensHighWait",
        "histogram_quantile(0.95, sum by (le, job, instance) "
        '(rate(atomlens_queue_seconds_bucket{priority="interactive"}[5m]))) > 1',
        10,
        "warning",
        "Interactive work waits up to {{ $value | humanizeDuration }} in {{ $labels.instance }}.",
    ),
    Alert(
        "AtomLensCallsFail",
        f"{_share('INTERNAL|UNKNOWN|DATA_LOSS')} > 0.01",
        5,
        "critical",
        "{{ $value | humanizePercentage }} of the calls of {{ $labels.instance }} fail by its own fault.",
    ),
    Alert(
        "AtomLensCallsRefused",
        f"{_share('RESOURCE_EXHAUSTED|UNAVAILABLE')} > 0.05",
        10,
        "warning",
        "{{ $labels.instance }} refuses {{ $value | humanizePercentage }} of its calls for lack of room.",
    ),
    Alert(
        "AtomLensCallsLate",
        f"{_share('DEADLINE_EXCEEDED')} > 0.05",
        10,
        "warning",
        "{{ $value | humanizePercentage }} of the calls of {{ $labels.instance }} are not answered in time.",
    ),
    Alert(
        "AtomLensModelFailed",
        'atomlens_model_state{state="failed"} == 1',
        1,
        "warning",
        "{{ $labels.model }}@{{ $labels.version }} could not be loaded by {{ $labels.instance }}.",
    ),
    Alert(
        "AtomLensOutOfMemory",
        _grew("atomlens_out_of_memory_total"),
        0,
        "warning",
        "Batches of {{ $labels.model }} were halved in {{ $labels.instance }}: memory did not suffice.",
    ),
    Alert(
        "AtomLensMemoryNearLimit",
        "process_resident_memory_bytes / on (job, instance) atomlens_memory_limit_bytes > 0.9",
        5,
        "warning",
        "{{ $labels.instance }} uses {{ $value | humanizePercentage }} of its memory.",
    ),
    Alert(
        "AtomLensStreamsAtLimit",
        "atomlens_streams_open / atomlens_streams_limit >= 1 or "
        "sum by (job, instance) (atomlens_streams_open) / on (job, instance) "
        'atomlens_streams_limit{kind="all"} >= 1',
        10,
        "warning",
        "{{ $labels.instance }} has as many streams open as it may have.",
    ),
    Alert(
        "AtomLensWorkerCrashed",
        _grew("atomlens_workers_replaced_total"),
        0,
        "warning",
        "A worker of {{ $labels.instance }} crashed and was replaced.",
    ),
    Alert(
        "AtomLensCertificateExpires",
        f"atomlens_certificate_expiry_timestamp_seconds - time() < {7 * DAY}",
        5,
        "warning",
        "{{ $labels.certificate }} of {{ $labels.instance }} expires in {{ $value | humanizeDuration }}.",
    ),
    Alert(
        "AtomLensReloadFailed",
        _grew('atomlens_reloads_total{outcome="failed"}'),
        0,
        "warning",
        "{{ $labels.instance }} could not read its {{ $labels.what }} again and goes on with the old ones.",
    ),
    Alert(
        "AtomLensLogLinesLost",
        _grew("atomlens_log_lines_dropped_total"),
        0,
        "warning",
        "{{ $labels.instance }} could not write lines of its log.",
    ),
)


def rules() -> list[str]:
    """Return the lines below `groups:` of a file of rules."""
    return ["  - name: atomlens", "    rules:", *(line for alert in ALERTS for line in alert.lines())]
