"""The asynchronous client against a real server and against the engine in this process."""

from __future__ import annotations

import asyncio
import inspect
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from atomlens.client import AsyncClient, Client, Embedding, Explanation, InputError, UnknownModelError
from atomlens.client.testing import RunningServer

from .conftest import MODELS

if TYPE_CHECKING:
    from ase import Atoms

Ask = Callable[[AsyncClient], Awaitable[Any]]
Run = Callable[[Ask], Any]


@pytest.fixture(params=["server", "local"])
def run(request: pytest.FixtureRequest, server: RunningServer, toy_repository: Path) -> Run:
    """Return what runs a question with a new client in a new event loop."""

    async def with_client(ask: Ask) -> Any:
        made = server.async_client() if request.param == "server" else AsyncClient.local(toy_repository)
        async with made as asked:
            return await ask(asked)

    return lambda ask: asyncio.run(with_client(ask))


def test_same_as_synchronous(run: Run, client: Client, molecule_file: Path) -> None:
    """All ways of asking say what the synchronous client says."""
    expected = [
        one.energy for one in client.explain_many(molecule_file, MODELS) if isinstance(one, Explanation)
    ]

    async def ask(asked: AsyncClient) -> list[list[float | None]]:
        many = await asked.explain_many(molecule_file, MODELS)
        streams = [asked.stream(molecule_file, MODELS), asked.stream(molecule_file, MODELS[0])]
        streamed = [[one async for one in stream] for stream in streams]
        single = [await asked.explain(f"{molecule_file}@{k}", MODELS) for k in range(len(many))]
        ways: list[list[Any]] = [[*many], *map(list, streamed), [*single]]
        return [[one.energy for one in answers] for answers in ways]

    for found in run(ask):
        np.testing.assert_allclose(np.array(found, float), np.array(expected, float), atol=1e-3)


def test_batches_same_as_synchronous(run: Run, client: Client, molecules: list[Atoms]) -> None:
    """Batches get the answers that the synchronous client gets, from asynchronous sources too."""
    batches = [molecules[:7], molecules[7:20]]
    expected = [client.explain_batch(batch, MODELS[0]).properties["energy"] for batch in batches]

    async def source() -> AsyncIterator[list[Atoms]]:
        for batch in batches:
            await asyncio.sleep(0)
            yield batch

    async def ask(asked: AsyncClient) -> list[list[Any]]:
        return [
            [await asked.explain_batch(batch, MODELS[0]) for batch in batches],
            [answers async for answers in asked.stream_batches(batches, MODELS[0])],
            [answers async for answers in asked.stream_batches(source(), MODELS[0])],
        ]

    for way in run(ask):
        for answers, energies in zip(way, expected, strict=True):
            np.testing.assert_allclose(answers.properties["energy"], energies, atol=1e-3)


def test_asynchronous_source(run: Run, molecules: list[Atoms]) -> None:
    """Structures may come from an asynchronous iterable."""

    async def source() -> AsyncIterator[Atoms]:
        for atoms in molecules[:5]:
            await asyncio.sleep(0)
            yield atoms

    async def ask(asked: AsyncClient) -> list[str]:
        return [one.id async for one in asked.stream(source(), MODELS)]

    assert run(ask) == ["0", "1", "2", "3", "4"]


def test_live_source(run: Run, molecules: list[Atoms]) -> None:
    """A source that waits for the answer to one structure before it gives the next gets it."""
    answered = asyncio.Event()

    async def source() -> AsyncIterator[Atoms]:
        for atoms in molecules[:3]:
            yield atoms
            yield atoms
            await answered.wait()
            answered.clear()

    async def ask(asked: AsyncClient) -> int:
        count = 0
        async for _ in asked.stream(source(), MODELS[0]):
            count += 1
            answered.set()
        return count

    async def eager(asked: AsyncClient) -> int:
        asked._streaming = type(asked._streaming)(chunk_seconds=0.0)
        return await asyncio.wait_for(ask(asked), 20)

    assert run(eager) == 6


def test_leaving_a_stream(run: Run, molecules: list[Atoms]) -> None:
    """Leaving in the middle leaves a client that can ask again."""

    async def ask(asked: AsyncClient) -> Explanation:
        stream = asked.stream(itertools.cycle(molecules), MODELS)
        async for _ in stream:
            break
        await stream.aclose()
        return await asked.explain(molecules[0], MODELS)

    assert run(ask).energy is not None


def test_unknown_model(run: Run, molecules: list[Atoms]) -> None:
    """A model that is not served is an error in streams too."""

    async def ask(asked: AsyncClient) -> None:
        async for _ in asked.stream(molecules, "nothing"):
            pass

    with pytest.raises(UnknownModelError):
        run(ask)


def test_models(run: Run) -> None:
    """Models and cards are there."""

    async def ask(asked: AsyncClient) -> list[str]:
        return [(await asked.model(status.name)).status.name for status in await asked.models()]

    assert set(MODELS) <= set(run(ask))


def test_embedding(run: Run, client: Client) -> None:
    """An embedding is the one that the other client gets."""

    async def ask(asked: AsyncClient) -> Embedding:
        return await asked.embedding(MODELS[0])

    assert run(ask).to_dict() == client.embedding(MODELS[0]).to_dict()


def test_same_interface() -> None:
    """Whatever the client can do, the asynchronous one can, with the same arguments."""
    for name, method in inspect.getmembers(Client, inspect.isfunction):
        if not name.startswith("_"):
            assert list(inspect.signature(getattr(AsyncClient, name)).parameters) == list(
                inspect.signature(method).parameters
            ), name


def test_closed(server: RunningServer, molecules: list[Atoms]) -> None:
    """A client that was closed says so, in every way of asking."""

    async def ask() -> None:
        async with server.async_client() as closed:
            assert await closed.models()
        for answer in (
            closed.explain(molecules[0], MODELS),
            anext(closed.stream(molecules, MODELS[0])),
            closed.models(),
        ):
            with pytest.raises(InputError, match="the client is closed"):
                await answer

    asyncio.run(ask())
