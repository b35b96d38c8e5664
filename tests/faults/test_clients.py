"""Clients that behave badly: they stop reading, or vanish in the middle of something."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable, Iterator
from threading import Event

import grpc
import numpy as np
import pytest

from atomlens.v1 import probes_pb2, structures_pb2
from atomlens.v1.explanation_service_pb2 import (
    ExplainRequest,
    ExplainStreamRequest,
    StreamOptions,
    StructureChunk,
)
from atomlens.v1.explanation_service_pb2_grpc import ExplanationServiceStub
from atomlens.v1.explanations_pb2 import ModelSelector
from tests.faults.load import MODEL, WATER, loaded
from tests.served import Served, Start

Record = Callable[[str, object], None]
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5)  # and empty settings
SELECTOR = ModelSelector(name=MODEL)
EACH_MIB = 100  # for a reader that stopped, with a window of structures that are as small as can be
LEFT_MIB = 200  # that may stay in the process when a thousand clients are gone
RESET = struct.pack("ii", 1, 0)  # close with a reset, as a process that dies does not say goodbye


def water(copies: int) -> structures_pb2.Structures:
    """Return a message with that many molecules of water."""
    return structures_pb2.Structures(
        counts=np.full(copies, 3, "<i4").tobytes(),
        numbers=np.tile(WATER.numbers, copies).astype("u1").tobytes(),
        positions=np.tile(WATER.positions, (copies, 1)).astype("<f8").tobytes(),
    )


@pytest.mark.timeout(600)
def test_readers_that_stop_hold_up_nobody_else(start: Start, record_property: Record) -> None:
    """The server reads and computes no more for them; its memory stays bounded, and so does its leaving."""
    server = start(grace_seconds=2.0)
    leave = Event()

    def requests() -> Iterator[ExplainStreamRequest]:
        yield ExplainStreamRequest(options=StreamOptions(model=SELECTOR))
        ids = np.arange(1000, dtype="<u8").tobytes()
        while not leave.is_set():
            yield ExplainStreamRequest(chunk=StructureChunk(ids=ids, structures=water(1000)))

    points = np.random.default_rng(0).uniform(-3, 3, (600_000, 3)).astype("<f8").tobytes()
    probe = probes_pb2.ProbeRequest(model=SELECTOR, structures=water(1), elements=b"\x01\x06", points=points)
    with grpc.insecure_channel(server.address) as channel, loaded(server.address, record_property) as load:
        stub = ExplanationServiceStub(channel)
        idle = server.memory_mib()
        sleepers = [stub.ExplainStream(requests()) for _ in range(3)] + [stub.Probe(probe) for _ in range(3)]
        load.wait_for(5)
        full = server.memory_mib("VmHWM")
        assert full - idle < EACH_MIB * len(sleepers)
        load.wait_for(5)
        assert server.memory_mib("VmHWM") - full < EACH_MIB  # of everybody else's work, not of theirs
        leave.set()
        for sleeper in sleepers:
            sleeper.cancel()
    assert server.terminate() == 0


@pytest.mark.timeout(600)
def test_a_thousand_clients_that_vanish_leave_nothing_behind(start: Start, record_property: Record) -> None:
    """Whether they said nothing, half a frame, or asked and did not wait; files and memory come back."""
    server = start()
    with loaded(server.address, record_property) as load:
        _vanish(server, 50)  # what is opened once
        files, memory = server.open_files(), server.memory_mib()
        _vanish(server, 1000)
        load.wait_for(2)
        while server.open_files() > files + 20:
            time.sleep(0.05)  # until sockets that were reset are gone
        assert server.memory_mib() - memory < LEFT_MIB


def _vanish(server: Served, many: int) -> None:
    """Have clients connect, in four ways, and go without a word."""
    host, _, port = server.address.rpartition(":")
    for index in range(many):
        if index % 4 == 3:
            _ask_and_go(server.address)
            continue
        with socket.create_connection((host, int(port))) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            connection.sendall((b"", PREFACE, PREFACE + b"\x00\x40\x00\x01")[index % 4])


def _ask_and_go(address: str) -> None:
    """Open a stream and a call over a connection that is closed before either has an answer."""
    options = [("grpc.use_local_subchannel_pool", 1)]  # a connection of its own
    with grpc.insecure_channel(address, options) as channel:
        stub = ExplanationServiceStub(channel)
        stub.ExplainStream(iter([ExplainStreamRequest(options=StreamOptions(model=SELECTOR))]))
        stub.Explain.future(ExplainRequest(model=SELECTOR, structures=water(300)))
