"""What the tests of dashboard and alerts share: PromQL, parsed, and the series that a server has."""

from __future__ import annotations

from typing import Any

import promql_parser

from atomlens.server.telemetry.metrics import Metrics
from atomlens.server.telemetry.table import METRICS

SUFFIXES = {
    "counter": ("",),
    "gauge": ("",),
    "live": ("",),
    "histogram": ("_bucket", "_sum", "_count"),
}
LABELS = {metric.name + suffix: set(metric.labels) for metric in METRICS for suffix in SUFFIXES[metric.kind]}
OF_THE_PROCESS = {sample.name for family in Metrics().registry.collect() for sample in family.samples}
OF_PROMETHEUS = {"up"}  # which it adds to every server it asks
ADDED = {"job", "instance", "le"}  # by Prometheus to every series, and by histograms to their buckets


def check(expression: str) -> None:
    """Do nothing if an expression is well-formed and names only series and labels that there are."""
    parsed = promql_parser.parse(expression.replace("$__rate_interval", "5m"))
    names = _Names(parsed)
    for name, labels in names.selected:
        assert name in LABELS.keys() | OF_THE_PROCESS | OF_PROMETHEUS, name
        assert labels <= LABELS.get(name, set()) | ADDED, (name, labels)
    known = ADDED.union(*(LABELS.get(name, set()) for name, _ in names.selected))
    assert names.grouped <= known, names.grouped
    assert names.selected


class _Names:
    """What a parsed expression selects, and by which labels it groups."""

    def __init__(self, parsed: Any) -> None:
        self.selected: list[tuple[str, set[str]]] = []
        self.grouped: set[str] = set()
        self._visit(parsed)

    def _visit(self, node: Any) -> None:
        if isinstance(node, promql_parser.MatrixSelector):
            node = node.vector_selector
        if isinstance(node, promql_parser.VectorSelector):
            self.selected.append((node.name or "", {matcher.name for matcher in node.matchers.matchers}))
        if isinstance(node, promql_parser.AggregateExpr) and node.modifier is not None:
            self.grouped |= set(node.modifier.labels)
        if isinstance(node, promql_parser.BinaryExpr) and node.modifier and node.modifier.matching:
            self.grouped |= set(node.modifier.matching.labels)
        for part in ("lhs", "rhs", "expr"):
            if getattr(node, part, None) is not None:
                self._visit(getattr(node, part))
        for argument in getattr(node, "args", []):
            self._visit(argument)
