"""Loads: latencies and throughput of the server as its clients see them, closed and open loops."""

from __future__ import annotations

from typing import Any

from benchmarks.cast import Cast
from benchmarks.relay import Relay
from benchmarks.rounds import say
from benchmarks.settings import MODEL

WARM_UP_SECONDS = 0.5
SHARES = (0.3, 0.6)  # of the closed loop's throughput, at which the open loop asks


def loads(cast: Cast) -> list[dict[str, Any]]:
    """Return what the load generator saw of each kind of load."""
    most = max(cast.settings.clients)
    asked: list[dict[str, Any]] = [{"mode": "unary", "clients": many} for many in cast.settings.clients]
    asked += [
        {"mode": mode, "clients": many, "batch": 64} for mode in ("batch", "stream") for many in (1, most)
    ]
    found = [_load(cast, one) for one in asked]
    unary = max(one["requests_per_second"] for one in found if one["load"]["mode"] == "unary")
    rates = [round(share * unary, 1) for share in SHARES]
    return found + [
        _load(cast, {"mode": "unary", "clients": most, "rate": rate}) for rate in rates if rate > 0
    ]


def wire_bytes(cast: Cast) -> dict[str, float]:
    """Return the bytes on the wire for each structure, HTTP/2 included, of a stream and of single calls."""
    found: dict[str, float] = {}
    pool = {"pool": cast.material.pool_file}
    for mode, batch in (("stream", 64), ("unary", 1)):
        relay = Relay(cast.server.address)
        cast.start(f"wire {mode}", "contenders.asking", {**pool, "address": relay.address})
        given = {"mode": mode, "batch": batch, "seconds": cast.settings.seconds, "warm_up_seconds": 0.0}
        answer = cast[f"wire {mode}"].ask("load", model=MODEL, **given)
        answered = max(answer["answered"], 1)
        found |= {
            f"{mode}_sent": relay.sent_bytes / answered,
            f"{mode}_received": relay.received_bytes / answered,
        }
        relay.close()
    return found


def _load(cast: Cast, load: dict[str, Any]) -> dict[str, Any]:
    given = {**load, "seconds": cast.settings.seconds, "warm_up_seconds": WARM_UP_SECONDS}
    answer: dict[str, Any] = cast["asking"].ask("load", model=MODEL, **given)
    say(f"  {load}: {answer['structures_per_second']:,.0f} /s, p50 {answer['latency_ms']['p50']} ms")
    return answer
