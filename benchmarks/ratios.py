"""Ratios: what is to be reached, and how it follows from what was measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Results = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Ratio:
    """One number to reach."""

    key: str
    name: str
    target: float
    north_star: float
    most: bool  # whether it is to be at most that, not at least
    of: Callable[[Results], float | None]

    def reached(self, value: float | None, bound: float) -> bool:
        """Return whether a value is as good as a bound."""
        return value is not None and (value <= bound if self.most else value >= bound)


def ratios(results: Results) -> dict[str, float | None]:
    """Return every ratio, None where a contender is missing."""
    return {ratio.key: ratio.of(results) for ratio in RATIOS}


def end_to_end(results: Results) -> float | None:
    """Return the structures a second of the best way to ask the server."""
    rows = results["throughput"]["rows"]
    rates = [
        row["per_second"] for key, row in rows.items() if key.startswith("server_") and row["per_second"]
    ]
    return max(rates, default=None)


def sessions(results: Results) -> float | None:
    """Return the structures a second of bare sessions, in one process or in several, whichever is more."""
    return _most(results, "sessions", "sessions_each")


def _most(results: Results, *keys: str) -> float | None:
    rows = results["throughput"]["rows"]
    return max((rows[key]["per_second"] for key in keys if rows[key]["per_second"]), default=None)


def _over(first: float | None, second: float | None) -> float | None:
    return first / second if first and second else None


def _probe(results: Results) -> float | None:
    rows = results["probe"]["rows"]
    return _over(rows["server_one"]["per_second"], rows["eager_one"]["per_second"])


def _latency(results: Results) -> float | None:
    found = results["latency"]
    return _over(found["explain_ms"], found["session_ms"] + found["echo_ms"])


def _growth(results: Results) -> float | None:
    sizes = results["growth"]
    return _over(sizes[-1]["us_per_pair"], sizes[0]["us_per_pair"])


RATIOS = (
    Ratio(
        "end_to_end_over_schnetpack",
        "structures/s end to end over gRPC ÷ SchNetPack in process",
        5,
        10,
        False,
        lambda found: _over(end_to_end(found), _most(found, "schnetpack")),
    ),
    Ratio(
        "end_to_end_over_session",
        "structures/s end to end ÷ bare sessions on the same batches, one per core",
        0.75,
        0.9,
        False,
        lambda found: _over(end_to_end(found), sessions(found)),
    ),
    Ratio(
        "compiled_over_naive",
        "compiled (molecules.onnx) ÷ naive ONNX graph, QM9 molecules",
        10,
        15,
        False,
        lambda found: _over(sessions(found), _most(found, "naive")),
    ),
    Ratio(
        "probe_over_eager", "probe points/s over gRPC ÷ the same probe in eager torch", 10, 30, False, _probe
    ),
    Ratio(
        "probe_bytes_over_4",
        "probe stream bytes on the wire ÷ 4 bytes per value",
        1.02,
        1.01,
        True,
        lambda found: found["probe_wire"]["over_4"],
    ),
    Ratio(
        "probe_peak_mib",
        "peak memory above idle in MiB, large grid, sleeping reader",
        200,
        100,
        True,
        lambda found: found["sleeping_reader"]["peak_above_idle_mib"],
    ),
    Ratio(
        "latency_over_session",
        "median latency of one molecule ÷ (bare session + empty call of that size)",
        1.5,
        1.15,
        True,
        _latency,
    ),
    Ratio("cost_growth", "cost per pair, largest ÷ smallest box of water", 1.5, 1.1, True, _growth),
)
