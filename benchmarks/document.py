"""Document: BENCHMARKS.md, made of nothing but what benchmarks.json holds."""

from __future__ import annotations

from typing import Any

from benchmarks.breakdown import breakdown
from benchmarks.limits import limits
from benchmarks.ratios import RATIOS, Ratio, Results, sessions
from benchmarks.tables import figure, over, table

INTRODUCTION = """# Benchmarks

`make bench` wrote this file and `benchmarks.json`, which holds every figure, on {date}. Everything ran in
one run, contenders in turn, all processes, clients included, on the same {cores}{processor};
provider: {provider}. `make bench DATA=DIR` takes molecules from `qm9.npz` in DIR, `PROVIDER=cuda` measures a
GPU.
"""
LEAST_SECONDS = 1.0  # of a measurement that is one
SMALL = """**These figures are of a small run, which shows that everything works and measures nothing.**
"""
READING = """## How to read it

* Throughputs are the best of {repeats} rounds of {seconds:g} s each: a machine that also does other things
  makes a round slower, never faster. Ratios are of such bests. Latencies are medians and percentiles of all
  calls.
* Client and server share the cores: what the client takes, the server lacks. A server that is asked from
  elsewhere has them to itself.
* A contender that can be tuned (threads, batches) was first tried in each of its variants; the table names
  the fastest.
* Closed loops ask again when they are answered, and so ask a slow server less; open loops ask at a fixed
  rate, and their latency counts from when a request was due.
"""


def document(results: Results) -> str:
    """Return the whole file."""
    parts = [
        _introduction(results),
        _ratios(results),
        READING.format(**results["run"]),
        _machine(results),
        _throughput(results),
        _energies(results),
        _loads(results),
        _latency(results),
        _memory(results),
        _probes(results),
        _growth(results),
        breakdown(results),
        _missing(results),
    ]
    return "\n".join(part.rstrip() + "\n" for part in parts if part)


def _introduction(results: Results) -> str:
    run, machine = results["run"], results["machine"]
    cores = f"{run['cores']} cores of an " if run["cores"] else ""
    note = "" if run["seconds"] >= LEAST_SECONDS and run["repeats"] > 1 else f"\n{SMALL}"
    text = INTRODUCTION.format(
        date=results["date"], cores=cores, processor=machine["processor"], provider=run["provider"]
    )
    return text + note


def _ratios(results: Results) -> str:
    rows = [_ratio_row(ratio, results["ratios"][ratio.key]) for ratio in RATIOS]
    lines = table(["what", "measured", "target", "north star", "reached"], rows)
    why = [f"* {ratio.name}: {limits(results)[ratio.key]}" for ratio in RATIOS]
    return "\n".join(["## What is to be reached", "", *lines, "", "What limits each:", "", *why])


def _ratio_row(ratio: Ratio, value: float | None) -> list[str]:
    sign = "≤" if ratio.most else "≥"
    word = "north star" if ratio.reached(value, ratio.north_star) else "target"
    reached = word if ratio.reached(value, ratio.target) else "no"
    return [
        ratio.name,
        figure(value),
        f"{sign} {ratio.target:g}",
        f"{sign} {ratio.north_star:g}",
        reached if value is not None else "not measured",
    ]


def _machine(results: Results) -> str:
    machine, run = results["machine"], results["run"]
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    floor = results["floor"]
    return "\n".join(
        [
            "## Machine and material",
            "",
            f"* {machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB; "
            f"{' '.join(machine['flags']) or 'no flags of note'}; {machine['system']}, "
            f"Python {machine['python']}.",
            f"* {versions}.",
            f"* {run['molecules']:,} {run['source']}; {run['mean_atoms']:.1f} atoms on average.",
            f"* The floor: {floor['gemm_gflops']:.0f} GFLOP/s of float32 matrix products of one core in ONNX "
            f"Runtime, {floor['copy_gb_per_second']:.1f} GB/s read and written by a large copy.",
            f"* The run took {run['took_seconds']} s.",
        ]
    )


def _throughput(results: Results) -> str:
    found = results["throughput"]["rows"]
    schnetpack, bare = found["schnetpack"]["per_second"], sessions(results)
    rows = [
        [
            row["name"],
            row["how"] if row["per_second"] else f"not measured: {row.get('reason', '')}",
            figure(row["per_second"]),
            over(row["per_second"], schnetpack),
            "–" if key.startswith("bpnn") else over(row["per_second"], bare),
        ]
        for key, row in found.items()
    ]
    lines = table(["contender", "how", "structures/s", "÷ SchNetPack", "÷ bare sessions"], rows)
    fed = [
        f"{model}: {feed['graph']}, at most {feed['largest']} structures a batch"
        for model, feed in results["throughput"]["feeds"].items()
    ]
    return "\n".join(
        ["## Throughput", "", *lines, "", f"What the engine feeds its graphs: {'; '.join(fed)}."]
    )


def _energies(results: Results) -> str:
    rows = [
        [name, f"{value:.1e} eV" if isinstance(value, float) else f"not measured: {value}"]
        for name, value in results["throughput"]["energy_difference_ev"].items()
    ]
    lines = table(["contender", "largest difference of an energy from the bundle's"], rows)
    return "\n".join(["The weights are the same: so are the energies.", "", *lines])


def _loads(results: Results) -> str:
    rows = [_load_row(one) for one in results["loads"]]
    header = ["load", "clients", "structures/s", "requests/s", "p50 ms", "p99 ms", "errors"]
    wire = results["wire"]
    text = (
        f"On the wire, HTTP/2 included, a structure takes {wire['stream_sent']:.0f} bytes there and "
        f"{wire['stream_received']:.0f} back in a stream, {wire['unary_sent']:.0f} and "
        f"{wire['unary_received']:.0f} in a call of its own."
    )
    return "\n".join(["## Loads on the server", "", *table(header, rows), "", text])


def _load_row(one: dict[str, Any]) -> list[str]:
    load, latency = one["load"], one["latency_ms"]
    size = f" of {load['batch']}" if load["mode"] in ("batch", "stream") else ""
    rate = f", open loop at {load['rate']:g}/s" if load["rate"] else ""
    return [
        f"{load['mode']}{size}{rate}",
        str(load["clients"]),
        figure(one["structures_per_second"]),
        figure(one["requests_per_second"]),
        figure(latency["p50"]),
        figure(latency["p99"]),
        str(sum(one["errors"].values())),
    ]


def _latency(results: Results) -> str:
    found = results["latency"]
    return "\n".join(
        [
            "## Latency of one molecule",
            "",
            f"`Client.explain` of {found['atoms']} atoms takes {found['explain_ms']:.3f} ms (p99 "
            f"{found['explain_p99_ms']:.3f} ms); the run of its graph {found['session_ms']:.3f} ms, an empty "
            f"call of {found['bytes']} bytes {found['echo_ms']:.3f} ms, `grpc.aio` there and the synchronous "
            f"client here. Medians of {found['calls']:,} calls.",
        ]
    )


def _memory(results: Results) -> str:
    rows = [[name, figure(peak)] for name, peak in results["peaks_mib"].items()]
    return "\n".join(["## Peak memory of each process", "", *table(["process", "MiB"], rows)])


def _probes(results: Results) -> str:
    found, sleeping, wire = results["probe"], results["sleeping_reader"], results["probe_wire"]
    rows = [
        [row["name"], row["how"], figure(row["per_second"]), over(row["per_second"], _eager(found, key))]
        for key, row in found["rows"].items()
    ]
    apart = ", ".join(
        f"{value:.1e} eV for {key}" if isinstance(value, float) else f"{key}: {value}"
        for key, value in found["difference_ev"].items()
    )
    ended = "until the server came to rest" if sleeping["stopped"] else "without the server coming to rest"
    return "\n".join(
        [
            "## Probes",
            "",
            *table(["contender", "how", "points/s", "÷ eager"], rows),
            "",
            f"A map of {found['points']:,} points around a molecule of about 20 atoms; values differ by "
            f"{apart}. Its stream took {wire['bytes']:,} bytes on the wire for {wire['values']:,} values.",
            "",
            f"A client asked for {sleeping['points']:,} points of {sleeping['fields']} elements and slept "
            f"{sleeping['seconds']:g} s, {ended}: the server held {sleeping['idle_mib']:g} MiB before and "
            f"{sleeping['peak_mib']:g} MiB at most.",
        ]
    )


def _eager(found: dict[str, Any], key: str) -> float | None:
    rate: float | None = found["rows"][f"eager_{key.rpartition('_')[2]}"]["per_second"]
    return rate


def _growth(results: Results) -> str:
    rows = [
        [
            f"{one['atoms']:,}",
            f"{one['boxes']:,}",
            figure(one["pairs_per_atom"]),
            figure(one["us_per_pair"]),
            figure(one["us_per_atom"]),
        ]
        for one in results["growth"]
    ]
    header = ["atoms", "boxes at once", "pairs per atom", "µs per pair", "µs per atom"]
    lines = table(header, rows)
    return "\n".join(["## Size: periodic boxes of water, engine in process", "", *lines])


def _missing(results: Results) -> str:
    if not results["missing"]:
        return ""
    rows = [f"* {name}: {reason}" for name, reason in results["missing"].items()]
    return "\n".join(["## What is missing", "", *rows])
