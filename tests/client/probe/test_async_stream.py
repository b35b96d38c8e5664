"""`atomlens.client.probe.async_stream`: what is different where there is an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from atomlens.client import AsyncClient, Client, DeadlineError, InputError, StreamSettings
from atomlens.client.backoff import BackoffSettings
from atomlens.client.probe import Grid
from atomlens.client.probe.async_stream import AsyncProbeStream
from atomlens.client.testing import RunningServer

from .conftest import WATER
from .played import DIGEST, SLABS, VALUES, AsyncPlayed, Played, StallError, request

BACKOFF = BackoffSettings(4, 0.001, 0.002)
GRID = Grid([-4.0, -4.0, -4.0], np.eye(3) * 0.2, (40, 40, 40))  # in four slabs of 16,384 points
MODEL = "toy-schnet-energy"


def in_a_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test in an event loop of its own."""

    @wraps(test)
    def run(**fixtures: Any) -> None:
        asyncio.run(test(**fixtures))

    return run


def opening(played: Played, timeout_seconds: float | None = 30.0) -> Awaitable[AsyncProbeStream]:
    """Open a stream."""
    return AsyncProbeStream.open(AsyncPlayed(played), WATER, request(), BACKOFF, timeout_seconds)


@in_a_loop
async def test_slabs_in_order() -> None:
    """Each comes out once, between a header and a trailer."""
    opened = await opening(Played(2, 1))
    assert opened.header.digest == DIGEST
    assert opened.trailer is None
    slabs = [slab async for slab in opened]
    assert [slab.index for slab in slabs] == list(range(SLABS))
    assert np.concatenate([slab.values for slab in slabs], axis=1).tobytes() == VALUES.tobytes()
    assert opened.trailer is not None
    assert [slab async for slab in opened] == []


@in_a_loop
async def test_nothing_is_read_ahead() -> None:
    """The server is asked for a slab when one is taken."""
    played = Played()
    opened = await opening(played)
    assert played.calls[0].sent == 1
    for taken in range(SLABS):
        await anext(opened)
        assert played.calls[0].sent == taken + 2
    await opened.close()


@pytest.mark.parametrize("slabs", [0, 3])
@in_a_loop
async def test_a_silent_server_is_not_waited_for(slabs: int) -> None:
    """When the next answer takes longer than allowed, it is an error and the call ends."""
    played = Played(slabs, end=StallError())
    with pytest.raises(DeadlineError, match=r"no answer came for 0\.05 s"):
        async for _ in await opening(played, 0.05):
            pass
    assert len(played.calls) == 1
    assert played.calls[0].cancelled.is_set()


@in_a_loop
async def test_a_deadline_of_the_server_is_passed_on() -> None:
    """As it is, and not tried again."""
    late = DeadlineError("too late")
    played = Played(2, end=late)
    with pytest.raises(DeadlineError) as caught:
        await (await opening(played)).collect(progress=False)
    assert caught.value is late
    assert len(played.calls) == 1


@in_a_loop
async def test_leaving_ends_the_call() -> None:
    """By closing or by leaving a block, more than once if need be."""
    closed, left = Played(), Played()
    opened = await opening(closed)
    assert (await anext(opened)).index == 0
    await opened.close()
    await opened.close()
    async with await opening(left) as opened:
        await anext(opened)
    for played in (closed, left):
        assert played.calls[0].cancelled.is_set()
        assert played.calls[0].sent == 2
    assert [slab async for slab in opened] == []


@pytest.mark.parametrize("turns", range(1, 12))
@in_a_loop
async def test_a_task_that_is_cancelled_ends_the_call(turns: int) -> None:
    """At whatever turn of the loop that is, and nothing is tried again."""
    played = Played(2, end=StallError())
    task = asyncio.ensure_future((await opening(played)).collect(progress=False))
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert played.calls[0].cancelled.is_set()
    assert len(played.calls) == 1


@in_a_loop
async def test_only_fresh_streams_are_collected() -> None:
    """One that was begun, collected or closed is refused."""
    begun, whole, closed = [await opening(Played()) for _ in range(3)]
    await anext(begun)
    await whole.collect(progress=False)
    await closed.close()
    for opened in (begun, whole, closed):
        with pytest.raises(InputError, match="`collect` must come before a slab is taken"):
            await opened.collect(progress=False)
    await begun.close()


Asked = Callable[[], AbstractAsyncContextManager[AsyncClient]]


@pytest.fixture(params=["server", "local"])
def asked(request: pytest.FixtureRequest, server: RunningServer, toy_repository: Path) -> Asked:
    """What makes an asynchronous client of a server, or of the engine in this process."""
    settings = StreamSettings(backoff=BACKOFF)
    if request.param == "server":
        return lambda: server.async_client(streaming=settings)
    return lambda: AsyncClient.local(toy_repository, streaming=settings)


@in_a_loop
async def test_the_same_as_the_synchronous_client(asked: Asked, client: Client) -> None:
    """Bit for bit, several at once."""
    async with asked() as asynchronous:
        streams = [
            await asynchronous.probe(WATER, ["H", "O"], MODEL, grid=GRID, slab_points=16_384)
            for _ in range(2)
        ]
        maps = await asyncio.gather(*(one.collect(progress=False) for one in streams))
    stream = client.probe(WATER, ["H", "O"], MODEL, grid=GRID)
    expected = stream.collect(progress=False)
    for one, found in zip(streams, maps, strict=True):
        assert found.values.tobytes() == expected.values.tobytes()
        assert (found.closest, found.fields) == (expected.closest, expected.fields)
        assert one.trailer is not None
        assert stream.trailer is not None
        assert one.trailer.ranges == stream.trailer.ranges


@in_a_loop
async def test_other_ways_to_say_where(asked: Asked, client: Client) -> None:
    """A fitted grid, a list of points, atoms left out."""
    async with asked() as asynchronous:
        for where in ({"spacing": 0.7, "margin": 1.0}, {"points": [[0.0, 0.0, 1.5]], "left_out": [1]}):
            given: dict[str, Any] = {"model": MODEL, **where}
            found = await (await asynchronous.probe(WATER, "H", **given)).collect()
            expected = client.probe(WATER, "H", **given).collect()
            assert found.values.tobytes() == expected.values.tobytes()
            np.testing.assert_array_equal(found.points(), expected.points())
            assert found.left_out == expected.left_out


@in_a_loop
async def test_what_is_refused(asked: Asked) -> None:
    """Is refused as soon as it is asked for."""
    async with asked() as asynchronous:
        with pytest.raises(InputError) as caught:
            await asynchronous.probe(WATER, "F", MODEL)
        assert (caught.value.reason, caught.value.field) == ("UNKNOWN_ELEMENT", "elements[0]")


@in_a_loop
async def test_the_loop_goes_on_while_slabs_are_computed(asked: Asked) -> None:
    """Other tasks have their turns, and a stream may be left at any slab."""
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    async with asked() as asynchronous:
        opened = await asynchronous.probe(WATER, "H", MODEL, grid=GRID, slab_points=16_384)
        before = turns
        assert (await anext(opened)).index == 0
        assert turns > before
        await opened.close()
    counting.cancel()
