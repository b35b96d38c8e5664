"""Triton client: batches that are ready, sent by `tritonclient` over gRPC, some at once."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from typing import Any

import numpy as np
import tritonclient.grpc as triton

from benchmarks.feeds import Feed, load_feeds
from benchmarks.worker import repeat

NAME = "graph"  # and a number, as the server calls its models
MOST_CLIENTS = 16


class TritonClient:
    """Threads with a connection each."""

    def __init__(self, address: str, feeds: str, head: str, instances: int) -> None:
        self._names = [f"{NAME}{instance}" for instance in range(instances)]
        self._feeds, self._head = load_feeds(feeds), head
        self._clients = [triton.InferenceServerClient(address) for _ in range(MOST_CLIENTS)]
        self._requests = [_inputs(feed) for feed in self._feeds]
        self._outputs = [triton.InferRequestedOutput(head)]
        self._pool = ThreadPoolExecutor(MOST_CLIENTS)

    def measure(self, seconds: float, clients: int) -> Mapping[str, float]:
        """Send all batches over and over, so many at once."""

        def run(index: int) -> Mapping[str, float]:
            turns = islice(cycle(range(len(self._feeds))), index * len(self._feeds) // clients, None)
            return repeat(lambda: self._send(index, next(turns)), seconds)

        ran = list(self._pool.map(run, range(clients)))
        done = sum(one["structures"] for one in ran)
        return {"structures": done, "seconds": max(one["seconds"] for one in ran)}

    def contributions(self, feed: int) -> list[float]:
        """Return what the graph says of the atoms of one batch, row after row."""
        answer = self._clients[0].infer(self._names[0], self._requests[feed], outputs=self._outputs)
        return [float(value) for value in np.ravel(answer.as_numpy(self._head))]

    def _send(self, client: int, feed: int) -> int:
        name = self._names[client % len(self._names)]
        answer = self._clients[client].infer(name, self._requests[feed], outputs=self._outputs)
        answer.as_numpy(self._head)
        return self._feeds[feed].structures


make = TritonClient


def _inputs(feed: Feed) -> list[Any]:
    inputs = []
    for name, array in feed.inputs.items():
        one = triton.InferInput(name, list(array.shape), "INT64" if array.dtype == np.int64 else "FP32")
        one.set_data_from_numpy(np.ascontiguousarray(array))
        inputs.append(one)
    return inputs
