"""Harness: one run of everything."""

from __future__ import annotations

from datetime import UTC, datetime
from time import perf_counter
from typing import Any

from benchmarks.cast import Cast
from benchmarks.floor import floor
from benchmarks.growth import growth
from benchmarks.latency import latency
from benchmarks.loads import loads, wire_bytes
from benchmarks.machine import describe, pin, versions
from benchmarks.material import prepared
from benchmarks.probing import probe_wire, probing, sleeping_reader
from benchmarks.process import ContenderError
from benchmarks.profiles import graph_profiles, server_profile
from benchmarks.ratios import ratios
from benchmarks.rounds import say
from benchmarks.settings import Settings
from benchmarks.throughput import throughput


def run(settings: Settings) -> dict[str, Any]:
    """Measure everything and return it as JSON has it."""
    begun = perf_counter()
    cores = pin(settings.cores)
    with prepared(settings) as material, Cast(settings, material) as cast:
        found: dict[str, Any] = {
            "date": datetime.now(UTC).date().isoformat(),
            "machine": describe(),
            "versions": versions() | _peer_versions(cast),
            "run": {
                "provider": settings.provider,
                "cores": len(cores) or None,
                "seconds": settings.seconds,
                "repeats": settings.repeats,
                "molecules": len(material.pool),
                "mean_atoms": float(material.pool.counts.mean()),
                "source": material.source,
            },
        }
        for name, measure in SECTIONS.items():
            say(name)
            found[name] = measure(cast)
            if name == "loads":
                found["peaks_mib"] = cast.peaks_mib()
        found["floor"] = floor(settings.provider)
        found["missing"] = cast.missing
    found["run"]["took_seconds"] = round(perf_counter() - begun)
    return {"ratios": ratios(found), **found}


SECTIONS = {
    "throughput": throughput,
    "loads": loads,
    "latency": latency,
    "wire": wire_bytes,
    "probe": probing,
    "probe_wire": probe_wire,
    "sleeping_reader": sleeping_reader,
    "growth": growth,
    "graph_profiles": graph_profiles,
    "server_profile": server_profile,
}


def _peer_versions(cast: Cast) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in ("schnetpack 0", "triton"):
        try:
            found |= cast[name].ask("versions")
        except ContenderError:
            continue
    return found
