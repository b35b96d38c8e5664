"""Probing: maps by the engine and the server against eager torch, their bytes, and a reader asleep."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np

from benchmarks.cast import Cast
from benchmarks.memory import cpu_seconds, forget_peak, memory
from benchmarks.process import ContenderError, Process
from benchmarks.relay import Relay
from benchmarks.rounds import Row, best_variant, rate, run_rounds, say
from benchmarks.server import Server
from benchmarks.settings import MODEL

PROBES = {"one": ("H",), "four": ("H", "C", "N", "O")}
CHUNKS = (256, 1024, 4096)
CHECKED = 200  # points whose values are compared
TRIAL_SECONDS = 0.4  # at most
REPEATS = 2  # at most: a map takes a while
QUIET_SECONDS, LONGEST_SECONDS = 1.0, 60.0  # without work: the server waits for its reader


def probing(cast: Cast) -> dict[str, Any]:
    """Return points a second of all contenders, and how far their values are apart."""
    points = cast.settings.probe_points
    found: dict[str, Any] = {"difference_ev": {}, "rows": {}}
    rows = []
    for key, elements in PROBES.items():
        file = cast.material.file(f"points {key}.npz")
        found["points"] = cast["local"].ask("save_points", path=file, elements=elements, points=points)
        found["difference_ev"][key] = _difference(cast, file, elements)
        rows += _rows(cast, key, file, elements)
    run_rounds(rows, cast.settings.seconds, min(cast.settings.repeats, REPEATS))
    found["rows"] = {row.key: row.to_dict() for row in rows}
    return found


def probe_wire(cast: Cast) -> dict[str, float]:
    """Return the bytes on the wire of one map, HTTP/2 included, over 4 for each of its values."""
    relay = Relay(cast.server.address)
    given = {"pool": cast.material.pool_file, "address": relay.address}
    cast.start("wire probe", "contenders.asking", given)
    points = cast.settings.probe_points
    answer = cast["wire probe"].ask("probe", model=MODEL, elements=PROBES["one"], points=points)
    relay.close()
    return {
        "values": answer["values"],
        "bytes": relay.received_bytes,
        "over_4": relay.received_bytes / (4 * answer["values"]),
    }


def sleeping_reader(cast: Cast) -> dict[str, Any]:
    """Return the memory of a server whose client asked for a large map and reads nothing of it."""
    points = cast.settings.large_probe_points
    with Server(cast.settings.provider, cast.material.models) as server:
        given = {"pool": cast.material.pool_file, "address": server.address}
        with Process("benchmarks.contenders.asking", given) as asking:
            forget_peak(server.pid)
            idle = memory(server.pid)
            begun = time.perf_counter()
            asked = asking.ask("open_probe", model=MODEL, elements=PROBES["four"], points=points)
            waited = _until_quiet(server.pid)
            asleep = memory(server.pid)
            return {
                "points": asked,
                "fields": len(PROBES["four"]),
                "idle_mib": round(idle.now_mib, 1),
                "peak_mib": round(asleep.peak_mib, 1),
                "peak_above_idle_mib": round(asleep.peak_mib - idle.now_mib, 1),
                "stopped": waited,
                "seconds": round(time.perf_counter() - begun, 1),
            }


def _until_quiet(pid: int) -> bool:
    """Wait until a process has done nothing for a while; return whether that came about in time."""
    begun = time.perf_counter()
    while time.perf_counter() - begun < LONGEST_SECONDS:
        before = cpu_seconds(pid)
        time.sleep(QUIET_SECONDS)
        if cpu_seconds(pid) - before < 0.05 * QUIET_SECONDS:
            return True
    return False


def _rows(cast: Cast, key: str, file: str, elements: tuple[str, ...]) -> list[Row]:
    variants = [
        {"threads": threads, "chunk": chunk} for threads, chunk in product((1, cast.settings.cores), CHUNKS)
    ]
    best = best_variant(
        variants,
        lambda one: rate(
            cast["eager"].ask(
                "probe", seconds=min(TRIAL_SECONDS, cast.settings.seconds / 2), path=file, **one
            )
        ),
    )
    say(f"  eager probe: {best}")
    many = f"{len(elements)} element{'s' if len(elements) > 1 else ''}"
    threads = f"{best['threads']} thread{'s' if best['threads'] > 1 else ''}"
    words = f"{many}, {threads}, chunks of {best['chunk']}, all atoms"
    return [
        Row(
            f"eager_{key}",
            "torch, eager",
            words,
            lambda seconds: rate(cast["eager"].ask("probe", seconds=seconds, path=file, **best)),
        ),
        Row(f"engine_{key}", "engine in process", many, _map(cast, "local", elements)),
        Row(f"server_{key}", "server over gRPC", many, _map(cast, "asking", elements)),
    ]


def _map(cast: Cast, name: str, elements: tuple[str, ...]) -> Callable[[float], float]:
    """Return a measurement of maps, one after another until some time has passed."""

    def measure(seconds: float) -> float:
        points = taken = 0.0
        while taken < seconds:
            answer = cast[name].ask(
                "probe", model=MODEL, elements=elements, points=cast.settings.probe_points
            )
            points, taken = points + answer["points"], taken + answer["seconds"]
        return points / taken

    return measure


def _difference(cast: Cast, file: str, elements: tuple[str, ...]) -> float | str:
    """Return the largest difference between values of the engine and of eager torch, in eV."""
    try:
        eager = cast["eager"].ask("probe_values", path=file, count=CHECKED)
        given = {"elements": elements, "points": cast.settings.probe_points, "count": CHECKED}
        engine = cast["local"].ask("probe_values", model=MODEL, **given)
    except ContenderError as error:
        return str(error)
    return float(np.abs(np.array(eager) - np.array(engine)).max())
