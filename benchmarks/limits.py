"""Limits: what keeps each ratio from being better, in the figures of the run."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.ratios import Results, end_to_end, sessions
from benchmarks.tables import figure, percent

MOST = 3  # operators that are named


def limits(results: Results) -> Mapping[str, str]:
    """Return a sentence for each ratio."""
    return {
        "end_to_end_over_schnetpack": _schnetpack(results),
        "end_to_end_over_session": _session(results),
        "compiled_over_naive": _compiled(results),
        "probe_over_eager": _probe(results),
        "probe_bytes_over_4": "values are float32 without loss; header, trailer and frames are the rest",
        "probe_peak_mib": "a tile for each worker while it is computed, and what gRPC buffers for a reader",
        "latency_over_session": _latency(results),
        "cost_growth": _growth(results),
    }


def _schnetpack(results: Results) -> str:
    rows = results["throughput"]["rows"]
    alone, each = (rows[key]["per_second"] for key in ("schnetpack_network", "schnetpack_each"))
    return (
        "SchNetPack converts and finds neighbors in one thread of Python; its network alone does "
        f"{figure(alone)} structures/s, and processes of one thread, one a core, {figure(each)} together"
    )


def _session(results: Results) -> str:
    bare, whole, cores = sessions(results), end_to_end(results), results["run"]["cores"]
    if not (bare and whole and cores):
        return "not measured"
    run, all_in = 1e6 * cores / bare, 1e6 * cores / whole
    return (
        f"a structure takes {all_in:.0f} µs of a core end to end and {run:.0f} µs in a bare session; the "
        "rest is client, wire, checks, batching and sums, on the same cores"
    )


def _compiled(results: Results) -> str:
    shares = []
    for name in ("naive", "compiled"):
        operators = results["graph_profiles"][name]["operators"][:MOST]
        shares.append(
            f"{name}: " + ", ".join(f"{one['operator']} {percent(one['share'])}" for one in operators)
        )
    rows = results["throughput"]["rows"]
    table, naive = (rows[key]["per_second"] for key in ("atoms", "naive"))
    return (
        f"where the time goes in the graphs ({'; '.join(shares)}). On the neighbor table that the naive "
        f"graph reads, atoms.onnx is {figure(table / naive)} times as fast as it"
    )


def _probe(results: Results) -> str:
    profile = results["graph_profiles"]["probe"]
    shares = ", ".join(f"{one['operator']} {percent(one['share'])}" for one in profile["operators"][:MOST])
    return (
        "one element; more of them cost little, for all share what comes before the last layers. The graph's "
        f"products of matrices ({shares} of its time) run at the floor of the machine; eager torch is fast "
        "at them too, and at softplus, unlike the naive graph"
    )


def _latency(results: Results) -> str:
    found = results["latency"]
    rest = found["explain_ms"] - found["session_ms"] - found["echo_ms"]
    return (
        f"{rest:.2f} ms are left for encoding, checks, sums and decoding, in code whose caches are cold "
        "after every switch between processes; the bare session is hot and sees no other shape"
    )


def _growth(results: Results) -> str:
    first, last = results["growth"][0], results["growth"][-1]
    return (
        f"{first['us_per_pair']:.2f} µs a pair in boxes of {first['atoms']:,} atoms, "
        f"{last['us_per_pair']:.2f} µs in one of {last['atoms']:,}: neighbor search and graph together, all "
        "sizes with as many atoms at once"
    )
