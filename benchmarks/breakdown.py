"""Breakdown: where the time goes, by operator in each graph and by function in the server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.ratios import Results
from benchmarks.tables import figure, percent, table


def breakdown(results: Results) -> str:
    """Return tables of operators and functions with what the machine could do at best beside them."""
    gflops = results["floor"]["gemm_gflops"]
    parts = ["## Where the time goes"]
    for name, one in results["graph_profiles"].items():
        parts += _graph(name, one, gflops)
    return "\n".join([*parts, *_server(results["server_profile"])])


def _graph(name: str, found: Mapping[str, Any], gflops: float) -> list[str]:
    thing = "point" if name == "probe" else "structure"
    each, work = (found[kind] / found["structures"] for kind in ("us", "operations"))
    floor = figure(work / gflops / 1e3)
    return [
        "",
        f"The {name} graph ({found['graph']}), one thread: {figure(each)} µs a {thing} while profiled. Its "
        f"matrix products are {figure(work / 1e6)} MFLOP a {thing}, {floor} µs at the floor.",
        "",
        *table(
            ["operator", "share"], [[one["operator"], percent(one["share"])] for one in found["operators"]]
        ),
    ]


def _server(seen: Mapping[str, Any]) -> list[str]:
    rows = [[f"`{one['function']}`", percent(one["share"])] for one in seen["functions"]]
    text = (
        f"The server's threads under two streams, looked at {seen['looks']:,} times "
        f"({seen['busy_threads']:.1f} of them busy on average; `run` of the runtime is the graph; threads of "
        "compiled code cannot be looked into):"
    )
    return ["", text, "", *table(["function", "share of busy looks"], rows)]
