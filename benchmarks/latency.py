"""Latency: one molecule over the socket, against the run of its graph and an empty call, in turn."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.cast import HEAD, Cast
from benchmarks.feeds import Feed, load_feeds, save_feeds
from benchmarks.pool import Pool
from benchmarks.rounds import say
from benchmarks.settings import MODEL

ATOMS = 20


def latency(cast: Cast) -> dict[str, Any]:
    """Return medians in ms of all rounds: of the whole, of the run of the graph, and of the empty call."""
    bare = _bare_session(cast)
    echo = cast["identity"].ask("address")
    calls, rounds = cast.settings.calls, max(cast.settings.repeats, 1)
    served, ran = [], []
    for _ in range(rounds):
        served.append(cast["asking"].ask("latency", model=MODEL, calls=calls, echo=echo))
        ran.append(cast[bare].ask("median_ms", calls=calls))
    explained, echoed = (median(one[name] for one in served) for name in ("explain_ms", "echo_ms"))
    say(f"  explain {explained:.3f} ms, echo {echoed:.3f} ms, session {median(ran):.3f} ms")
    return {
        "atoms": int(_closest(cast.material.pool).counts[0]),
        "explain_ms": explained,
        "explain_p99_ms": median(one["explain_p99_ms"] for one in served),
        "echo_ms": echoed,
        "session_ms": median(ran),
        "bytes": served[0]["bytes"],
        "calls": calls * rounds,
    }


def _bare_session(cast: Cast) -> str:
    """Start a session on what the engine feeds its graph for that molecule; return its name."""
    pool, feeds = cast.material.file("single pool.npz"), cast.material.file("single.npz")
    _closest(cast.material.pool).save(Path(pool))
    provider = {"provider": cast.settings.provider}
    cast.start(
        "engine of one", "contenders.engine", {"pool": pool, "models": cast.material.models, **provider}
    )
    cast["engine of one"].ask("record", path=feeds, model=MODEL, batch=1)
    save_feeds(Path(feeds), [Feed(1, load_feeds(feeds)[0].inputs)])
    given = {"graph": str(cast.graph_of(MODEL)), "feeds": feeds, "head": HEAD, **provider}
    cast.start("session of one", "contenders.sessions", given)
    return "session of one"


def _closest(pool: Pool) -> Pool:
    """Return the molecule of twenty atoms, or of a number close to that, that `Asking` asks about."""
    rows = sorted(range(len(pool)), key=lambda row: (abs(int(pool.counts[row]) - ATOMS), str(row)))
    return pool.take(np.array(rows[:1]))
