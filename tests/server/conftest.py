"""What the tests of the server share: structures, their messages, and real servers on the loopback."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import grpc
import numpy as np
import pytest

from atomlens.server.app import Server
from atomlens.server.buffers import encode
from atomlens.server.model import Model
from atomlens.server.repository import Repository
from atomlens.server.settings import ServerSettings
from atomlens.server.structures import Floats, Structures
from atomlens.v1 import structures_pb2

if TYPE_CHECKING:
    from ase import Atoms


class Running(NamedTuple):
    """A server and a channel to it."""

    server: Server
    channel: grpc.aio.Channel


Serving = Callable[..., AbstractAsyncContextManager[Running]]
Pack = Callable[[Structures], structures_pb2.Structures]
Crystal = Callable[..., Structures]
LARGE = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


def _pack(structures: Structures) -> structures_pb2.Structures:
    return structures_pb2.Structures(
        counts=encode(structures.counts, "<i4"),
        numbers=encode(structures.numbers, "u1"),
        positions=encode(structures.positions, "<f8"),
        cells=encode(structures.cells, "<f8"),
        pbc=encode(structures.pbc, "u1"),
        charges=encode(structures.charges, "<f8"),
        spins=encode(structures.spins, "<i4"),
    )


@pytest.fixture(scope="session")
def pack() -> Pack:
    """Structures as the message that carries them."""
    return _pack


@pytest.fixture(scope="session")
def crystal() -> Crystal:
    """One structure from its numbers, positions, cell and periodicity."""

    def build(numbers: Sequence[int], positions: Any, cell: Any, pbc: Any = (True, True, True)) -> Structures:
        return Structures(
            np.array([len(numbers)]),
            np.array(numbers, np.int64),
            np.array(positions, np.float64).reshape(-1, 3),
            np.array(cell, np.float64)[None],
            np.array(pbc, np.bool_)[None],
            np.zeros(1),
            np.zeros(1, np.int64),
        )

    return build


@pytest.fixture
def rng() -> np.random.Generator:
    """A seeded source of numbers."""
    return np.random.default_rng(11)


@pytest.fixture(scope="session")
def g2(molecules: list[Atoms]) -> Structures:
    """All molecules of the G2 set made of H, C, N and O, as one batch."""
    return Structures.molecules(
        [len(atoms) for atoms in molecules],
        np.concatenate([atoms.numbers for atoms in molecules]),
        np.concatenate([atoms.positions for atoms in molecules]),
    )


@pytest.fixture(scope="session")
def water() -> Structures:
    """One water molecule."""
    return Structures.molecules([3], [8, 1, 1], [[0.0, 0.0, 0.12], [0.0, 0.76, -0.48], [0.0, -0.76, -0.48]])


@pytest.fixture(scope="session")
def repository(toy_repository: Path) -> Repository:
    """The toy models, loaded."""
    return Repository.open(toy_repository)


@pytest.fixture(scope="session")
def model(repository: Repository) -> Model:
    """The toy SchNet for energies."""
    return repository.find("toy-schnet-energy")


@pytest.fixture(scope="session")
def serving(toy_repository: Path) -> Serving:
    """A real server with the toy models, or with other settings, for an async with statement."""

    @asynccontextmanager
    async def start(**settings: Any) -> AsyncIterator[Running]:
        given: dict[str, Any] = {"address": "127.0.0.1:0", "models": toy_repository, "workers": 1} | settings
        server = Server(ServerSettings(**given))
        await server.start()
        try:
            async with grpc.aio.insecure_channel(server.address, LARGE) as channel:
                yield Running(server, channel)
        finally:
            await server.stop(0.0)

    return start


@pytest.fixture(scope="session")
def background() -> Iterator[Callable[[ServerSettings], str]]:
    """Servers that run beside the tests until the session ends: from settings to address."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    servers: list[Server] = []

    def start(settings: ServerSettings) -> str:
        servers.append(Server(settings))
        asyncio.run_coroutine_threadsafe(servers[-1].start(), loop).result()
        return servers[-1].address

    yield start
    for server in servers:
        asyncio.run_coroutine_threadsafe(server.stop(0.0), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def cluster(rng: np.random.Generator) -> Callable[[int], Floats]:
    """Positions of any number of atoms on a distorted grid, none closer than 0.9 Å."""

    def build(atoms: int) -> Floats:
        side = int(np.ceil(atoms ** (1 / 3)))
        grid = np.stack(np.meshgrid(*[np.arange(side)] * 3), -1).reshape(-1, 3)[:atoms] * 1.6
        return np.asarray(grid + rng.uniform(-0.2, 0.2, (atoms, 3)))

    return build
