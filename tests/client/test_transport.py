"""Connections to servers that come and go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from atomlens.client import AsyncClient, Client, Explanation, StreamSettings
from atomlens.client.explanation import Outcome
from atomlens.client.testing import serve
from atomlens.client.transport import GrpcTransport
from atomlens.v1 import explanation_service_pb2, model_service_pb2

from .conftest import MODELS

if TYPE_CHECKING:
    from ase import Atoms

SETTINGS = StreamSettings(chunk_atoms=100, window_atoms=1000)


def ask(address: str, items: Iterator[Atoms]) -> list[Outcome]:
    """Stream with the synchronous client."""
    with Client(address, streaming=SETTINGS) as client:
        return list(client.stream(items, MODELS[0]))


def ask_async(address: str, items: Iterator[Atoms]) -> list[Outcome]:
    """Stream with the asynchronous client."""

    async def collect() -> list[Outcome]:
        async with AsyncClient(address, streaming=SETTINGS) as client:
            return [outcome async for outcome in client.stream(items, MODELS[0])]

    return asyncio.run(collect())


@pytest.mark.parametrize("way", [ask, ask_async])
def test_replaced_server(
    toy_repository: Path, molecules: list[Atoms], way: Callable[[str, Iterator[Atoms]], list[Outcome]]
) -> None:
    """A stream goes on, with nothing lost, when its server leaves and another one takes its place."""
    with ExitStack() as first, ExitStack() as second:
        address = first.enter_context(serve(models=toy_repository)).address

        def items() -> Iterator[Atoms]:
            for count in range(400):
                if count == 200:
                    first.close()
                    second.enter_context(serve(models=toy_repository, address=address))
                yield molecules[count % 20]

        outcomes = way(address, items())
    assert [outcome.id for outcome in outcomes] == [str(count) for count in range(400)]
    energies = np.array([outcome.energy for outcome in outcomes if isinstance(outcome, Explanation)], float)
    np.testing.assert_allclose(energies, np.tile(energies[:20], 20), atol=1e-3)


def test_every_call() -> None:
    """The client offers every call of the API."""
    services = (
        explanation_service_pb2.DESCRIPTOR.services_by_name["ExplanationService"],
        model_service_pb2.DESCRIPTOR.services_by_name["ModelService"],
    )
    for service in services:
        for method in service.methods:
            name = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in method.name)
            assert callable(getattr(GrpcTransport, name[1:]))
