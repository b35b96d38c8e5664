"""What the tests of the explanation service ask, and how they hold its models."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import numpy as np
from google.rpc import error_details_pb2
from grpc_status.rpc_status import from_call

from atomlens.server.app import Server
from atomlens.server.model import Model, Outputs
from atomlens.server.work import Work
from atomlens.v1 import structures_pb2
from atomlens.v1.explanation_service_pb2 import (
    ExplainStreamRequest,
    ExplainStreamResponse,
    StreamOptions,
    StructureChunk,
)
from atomlens.v1.explanation_service_pb2_grpc import ExplanationServiceStub
from atomlens.v1.explanations_pb2 import ModelSelector

ENERGY = ModelSelector(name="toy-bpnn-energy")
OPEN = ExplainStreamRequest(options=StreamOptions(model=ENERGY))


def stub(channel: grpc.aio.Channel) -> Any:
    """Return the service at the other end."""
    return ExplanationServiceStub(channel)


def chunk(first_id: int, packed: structures_pb2.Structures) -> ExplainStreamRequest:
    """Return structures with ids from the first one on."""
    ids = np.arange(first_id, first_id + len(packed.counts) // 4, dtype="<u8")
    return ExplainStreamRequest(chunk=StructureChunk(ids=ids.tobytes(), structures=packed))


def ids(answer: ExplainStreamResponse) -> list[int]:
    """Return the ids that an answer is for."""
    return [int(number) for number in np.frombuffer(answer.chunk.ids, "<u8")]


def details(error: grpc.aio.AioRpcError) -> tuple[str, str]:
    """Return the reason and the field that a failed call carries."""
    call: Any = error
    status: Any = from_call(call)
    info, request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    assert status.details[0].Unpack(info)
    assert status.message == error.details()
    named = any(detail.Unpack(request) for detail in status.details)
    return info.reason, request.field_violations[0].field if named else ""


@contextmanager
def held(server: Server, name: str = ENERGY.name) -> Iterator[threading.Event]:
    """Keep a model of the server from answering until the event is set."""
    model: Model = server._engine.repository.find(name)
    gate, run = threading.Event(), model.run

    def wait(work: Work) -> Outputs:
        assert gate.wait(30)
        return run(work)

    model.run = wait  # type: ignore[method-assign]
    try:
        yield gate
    finally:
        gate.set()
        model.run = run  # type: ignore[method-assign]


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition of the server in this process."""
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.005)
