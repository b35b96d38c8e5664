"""Profiles: where the time goes, by operator in a graph and by function in the server."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from math import prod
from pathlib import Path
from typing import Any

from benchmarks.cast import HEAD, Cast
from benchmarks.contenders.sessions import open_session
from benchmarks.feeds import load_feeds
from benchmarks.probing import PROBES
from benchmarks.rounds import say
from benchmarks.settings import MODEL

MOST = 10  # operators and functions that are told
RUNS = 12
PRODUCTS = ("MatMul", "Gemm", "FusedMatMul", "FusedGemm")


def graph_profiles(cast: Cast) -> dict[str, Any]:
    """Return time by operator in the graphs that the engine runs and in the naive one."""
    found = {}
    graphs = {
        "compiled": (cast.graph_of(MODEL), cast.material.file(f"{MODEL}.npz")),
        "naive": (Path(cast.material.naive_file), cast.material.file("tables.npz")),
    }
    probe = cast.material.file("probe.npz")
    given = {"elements": PROBES["one"], "points": cast.settings.probe_points}
    cast["local"].ask("record_probe", path=probe, model=MODEL, **given)
    graphs["probe"] = (cast.bundled(MODEL, "probe.onnx"), probe)
    for name, (graph, feeds) in graphs.items():
        found[name] = {"graph": graph.name, **profile(graph.read_bytes(), feeds, cast)}
    return found


def profile(graph: bytes, feeds: str, cast: Cast) -> dict[str, Any]:
    """Return time by operator and the arithmetic of matrix products, of a graph on some batches."""
    session = open_session(graph, cast.settings.provider, cast.material.file("profile"))
    some = load_feeds(feeds)[:RUNS]
    for feed in some:
        session.run([HEAD], feed.inputs)
    events = json.loads(Path(session.end_profiling()).read_text())
    return summary(events) | {"structures": sum(feed.structures for feed in some)}


def summary(events: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what a profile of the runtime says: operators by share, time, floating-point operations."""
    times: Counter[str] = Counter()
    operations = 0
    for event in events:
        told = event.get("args", {})
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            times[told["op_name"]] += event["dur"]
            if told["op_name"] in PRODUCTS:
                operations += product_operations(told)
    total = max(sum(times.values()), 1)
    operators = [{"operator": name, "share": time / total} for name, time in times.most_common(MOST)]
    return {"operators": operators, "us": sum(times.values()), "operations": operations}


def product_operations(told: Mapping[str, Any]) -> int:
    """Return 2·m·n·k (and batch) of a matrix product: twice its output's size times what is summed over."""
    first = next(iter(told["input_type_shape"][0].values()))
    output = next(iter(told["output_type_shape"][0].values()))
    # What is summed over is the last axis of the first factor, or with it turned the one before: the one
    # that is no row of the output.
    summed = first[-1] if len(first) < 2 or len(output) < 2 or first[-2] == output[-2] else first[-2]
    return int(2 * prod(output) * summed)


def server_profile(cast: Cast) -> dict[str, Any]:
    """Return what the threads of a server are seen doing while streams keep it busy."""
    cast.start(
        "served", "contenders.served", {"provider": cast.settings.provider, "models": cast.material.models}
    )
    address = cast["served"].ask("address")
    asking = {"pool": cast.material.pool_file, "address": address}
    cast.start("asking served", "contenders.asking", asking)
    seconds = max(cast.settings.seconds, 0.5)
    given = {"mode": "stream", "clients": 2, "batch": 256, "warm_up_seconds": 0.0, "model": MODEL}
    cast["asking served"].ask("load", seconds=0.2, **given)
    cast["served"].ask("begin")
    cast["asking served"].ask("load", seconds=2 * seconds, **given)
    seen: dict[str, Any] = cast["served"].ask("end", most=MOST)
    say(f"  {seen['busy_threads']:.1f} threads busy")
    return seen
