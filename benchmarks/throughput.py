"""Throughput: structures a second of every contender, on the same molecules and weights, in turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Any

import numpy as np

from benchmarks.cast import DENSE, Cast
from benchmarks.process import ContenderError
from benchmarks.rounds import Row, best_variant, rate, run_rounds, say
from benchmarks.settings import MODEL, OTHER_MODEL

CHECKED = 32  # molecules whose energies are compared
TRIAL_SECONDS = 0.4  # of each variant of a contender, at most
WARM_UP_SECONDS = 0.5
Variant = Mapping[str, Any]


def throughput(cast: Cast) -> dict[str, Any]:
    """Return the rates of all contenders, and how far their energies are from the bundle's."""
    say("energies")
    differences = energy_differences(cast)
    say("variants")
    rows = [row for make in (_peers, _networks, _ours, _streams, _others) for row in make(cast)]
    say("rounds")
    run_rounds(rows, cast.settings.seconds, cast.settings.repeats)
    return {
        "rows": {row.key: row.to_dict() for row in rows},
        "energy_difference_ev": differences,
        "feeds": cast.feeds,
    }


def energy_differences(cast: Cast) -> dict[str, float | str]:
    """Return the largest difference in eV between energies of each contender and of the engine."""
    count = min(CHECKED, len(cast.material.pool))
    reference = np.array(cast["engine"].ask("energies", count=count, model=MODEL))
    asked: dict[str, Callable[[], Any]] = {
        "SchNetPack": lambda: cast["schnetpack 0"].ask("energies", count=count),
        "torch, eager": lambda: cast["eager"].ask("energies", count=count),
        "server": lambda: cast["asking"].ask("energies", count=count, model=MODEL),
        "naive ONNX graph": lambda: _naive_energies(cast, count),
    }
    found: dict[str, float | str] = {}
    for name, ask in asked.items():
        try:
            found[name] = float(np.abs(np.array(ask()) - reference).max())
        except ContenderError as error:
            found[name] = str(error)
    try:
        bare, served = (
            cast[name].ask("contributions", feed=0) for name in (f"sessions {MODEL}", "triton client")
        )
        found["the same graph in Triton (of an atom)"] = float(np.nanmax(np.abs(np.array(bare) - served)))
    except ContenderError as error:
        found["the same graph in Triton (of an atom)"] = str(error)
    return found


def _naive_energies(cast: Cast, count: int) -> list[float]:
    """Return energies of the naive graph: the engine's, with contributions exchanged for the graph's own."""
    pool = cast.material.pool.take(np.arange(count))
    naive, compiled = (np.array(cast[name].ask("contributions", feed=0)) for name in ("naive", "atoms"))
    owners = np.repeat(np.arange(count), pool.counts)
    change = np.bincount(owners, (naive - compiled)[: len(owners)], count)
    return list(np.array(cast["engine"].ask("energies", count=count, model=MODEL)) + change)


def _peers(cast: Cast) -> list[Row]:
    """SchNetPack in its best of a few configurations, and the graph in Triton."""
    variants = [
        {"neighbors": neighbors, "threads": threads, "batch": batch}
        for neighbors, threads, batch in product(
            ("TorchNeighborList", "MatScipyNeighborList"), (1, cast.settings.cores), (32, 64, 128)
        )
    ]
    names = [f"schnetpack {core}" for core in range(cast.settings.cores)]
    best = _best(cast, names[0], variants, "measure")
    alone = _best(
        cast,
        names[0],
        [one for one in variants if one["neighbors"] == variants[0]["neighbors"]],
        "model_only",
    )
    clients = _best(cast, "triton client", [{"clients": many} for many in (1, 2, 4, 8)], "measure")
    each = {**best, "threads": 1}
    return [
        Row("schnetpack", "SchNetPack in process", _words(best), _asked(cast, names[0], best)),
        Row(
            "schnetpack_each",
            "SchNetPack, a process for each core",
            _words(each),
            _together(cast, names, each),
        ),
        Row(
            "schnetpack_network",
            "SchNetPack, network alone",
            _words(alone),
            _asked(cast, names[0], alone, "model_only"),
        ),
        Row(
            "triton",
            "the same graph called by Python inside Triton",
            _words(clients),
            _asked(cast, "triton client", clients),
        ),
    ]


def _networks(cast: Cast) -> list[Row]:
    """The network by itself, on batches that are ready."""
    cores = cast.settings.cores
    variants = [{"threads": threads, "batch": batch} for threads, batch in product((1, cores), (16, 32, 64))]
    eager, many = _best(cast, "eager", variants, "measure"), {"sessions": cores}
    bare, sessions = f"sessions {MODEL}", [f"session {core}" for core in range(cores)]
    graph = str(cast.feeds[MODEL]["graph"])
    sized = Row(
        "sorted",
        f"{graph}, bare sessions",
        "one a core, batches of 64 of one size",
        _asked(cast, "sorted", many),
    )
    return [
        *([sized] if graph == DENSE else []),
        Row("eager", "torch, eager", f"{_words(eager)}, pairs ready", _asked(cast, "eager", eager)),
        Row(
            "naive",
            "naive ONNX graph, bare sessions",
            "one a core, tables ready",
            _asked(cast, "naive", many),
        ),
        Row("atoms", "atoms.onnx, bare sessions", "one a core, tables ready", _asked(cast, "atoms", many)),
        Row(
            "sessions",
            f"{graph}, bare sessions",
            "one a core in one process, the engine's batches",
            _asked(cast, bare, many),
        ),
        Row(
            "sessions_each",
            f"{graph}, bare sessions",
            "one a core in processes of their own, the engine's batches",
            _together(cast, sessions, {"sessions": 1}),
        ),
    ]


def _ours(cast: Cast, model: str = MODEL, key: str = "engine", name: str = "engine in process") -> list[Row]:
    """The engine without a server."""
    variants = [
        {"threads": threads, "batch": batch}
        for threads, batch in product((1, cast.settings.cores), (128, 512))
    ]
    best = _best(cast, "engine", [{**one, "model": model} for one in variants], "measure")
    return [Row(key, name, _words(best), _asked(cast, "engine", best))]


def _streams(cast: Cast) -> list[Row]:
    """The server over a socket, as fast as clients get it to be."""
    loads = [
        {"mode": "stream", "clients": 1, "batch": 256},
        {"mode": "stream", "clients": 2, "batch": 256},
        {"mode": "stream-each", "clients": 1},
        {"mode": "batch", "clients": 4, "batch": 256},
    ]
    return [
        Row(
            f"server_{load['mode']}_{load['clients']}",
            "server over gRPC",
            _load_words(load),
            _loaded(cast, MODEL, load),
        )
        for load in loads
    ]


def _others(cast: Cast) -> list[Row]:
    """The other family."""
    bare, many = f"sessions {OTHER_MODEL}", {"sessions": cast.settings.cores}
    load = {"mode": "stream", "clients": 2, "batch": 256}
    return [
        Row(
            "bpnn_sessions",
            "BPNN, bare sessions",
            "one a core, the engine's batches",
            _asked(cast, bare, many),
        ),
        *_ours(cast, OTHER_MODEL, "bpnn_engine", "BPNN, engine in process"),
        Row("bpnn_server", "BPNN, server over gRPC", _load_words(load), _loaded(cast, OTHER_MODEL, load)),
    ]


def _best(cast: Cast, name: str, variants: Sequence[Variant], do: str) -> Variant:
    """Return the fastest variant of a contender, the first of one that is missing."""
    if name not in cast:
        return variants[0]
    best = best_variant(
        variants,
        lambda one: rate(cast[name].ask(do, seconds=min(TRIAL_SECONDS, cast.settings.seconds / 2), **one)),
    )
    say(f"  {name}: {_words(best)}")
    return best


def _asked(cast: Cast, name: str, variant: Variant, do: str = "measure") -> Callable[[float], float]:
    return lambda seconds: rate(cast[name].ask(do, seconds=seconds, **variant))


def _together(cast: Cast, names: Sequence[str], variant: Variant) -> Callable[[float], float]:
    """Return a measurement of several processes at once, whose rates add up."""

    def measure(seconds: float) -> float:
        processes = [cast[name] for name in names]
        with ThreadPoolExecutor(len(processes)) as threads:
            answers = threads.map(lambda one: one.ask("measure", seconds=seconds, **variant), processes)
            return sum(rate(answer) for answer in answers)

    return measure


def _loaded(cast: Cast, model: str, load: Variant) -> Callable[[float], float]:
    def measure(seconds: float) -> float:
        given = {**load, "seconds": seconds, "warm_up_seconds": WARM_UP_SECONDS}
        answer = cast["asking"].ask("load", model=model, **given)
        if answer["errors"]:
            raise ContenderError(f"errors: {answer['errors']}")
        return float(answer["structures_per_second"])

    return measure


def _words(variant: Variant) -> str:
    words = []
    for name, value in variant.items():
        if name == "batch":
            words.append(f"batches of {value}")
        elif name == "neighbors":
            words.append(str(value))
        elif name != "model":
            words.append(f"{value} {name if value != 1 else name.rstrip('s')}")
    return ", ".join(words)


def _load_words(load: Variant) -> str:
    size = f" of {load['batch']}" if "batch" in load else ""
    return f"{load['mode']}{size}, {load['clients']} client{'s' if load['clients'] > 1 else ''}"
