"""Models are swapped, broken, changed and removed while many ask.

No call fails, and every answer is that of one version.
"""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
import weakref
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from atomlens.client import Client, Structure
from atomlens.server.app import Server
from atomlens.server.bundle import ATOMS
from atomlens.server.settings import ServerSettings
from atomlens.v1 import structures_pb2
from atomlens.v1.explanation_service_pb2 import (
    ExplainRequest,
    ExplainStreamRequest,
    StreamOptions,
    StructureChunk,
)
from atomlens.v1.explanation_service_pb2_grpc import ExplanationServiceStub
from atomlens.v1.explanations_pb2 import Explanations, ModelSelector
from atomlens.v1.model_service_pb2 import ModelState, ModelStatus, RefreshModelsRequest
from atomlens.v1.model_service_pb2_grpc import ModelServiceStub
from atomlens.v1.probes_pb2 import ProbeRequest
from tests.served import Served
from tests.server.pair_model import compiled
from tests.server.published import Published

MODEL = ModelSelector(name="toy-schnet-energy")
UNARY, STREAMS = 4, 3
MANY = 100  # answers of each kind, between one fault and the next
CHUNKS = 40  # of a stream, before its caller opens another
ROUNDED_OFF = 1e-3  # eV; versions are 3 eV and more apart
NUMBERS = [8, 1, 1]
POSITIONS = np.array([[0.0, 0.0, 0.12], [0.0, 0.76, -0.48], [0.0, -0.76, -0.48]])
WATER = Structure(NUMBERS, POSITIONS)


def water() -> structures_pb2.Structures:
    """Return one molecule as the message that carries it."""
    return structures_pb2.Structures(
        counts=np.array([3], "<i4").tobytes(),
        numbers=bytes(NUMBERS),
        positions=POSITIONS.astype("<f8").tobytes(),
    )


class Crowd:
    """Callers of every kind that ask for MODEL over and over, and check each answer."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._service: Any = ExplanationServiceStub(channel)
        self._energy = 0.0  # of the model without what versions add
        self.answers: Counter[tuple[str, int]] = Counter()  # by kind and version
        self._changed = asyncio.Condition()
        self._tasks: list[asyncio.Task[None]] = []
        self._leave = False

    async def __aenter__(self) -> Crowd:
        response = await self._service.Explain(ExplainRequest(model=MODEL, structures=water()))
        self._energy = energy(response.explanations) - 3.0 * response.provenance.version
        callers = [*[self._unary] * UNARY, *[self._stream] * STREAMS, self._probe]
        self._tasks = [asyncio.create_task(caller()) for caller in callers]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._leave = True
        await asyncio.gather(*self._tasks)

    async def see(self, version: int, answers: int = MANY) -> None:
        """Wait until unary calls and streams have that many more answers of a version, or a call fails."""
        before = self.answers.copy()
        async with self._changed:
            await self._changed.wait_for(
                lambda: (
                    any(task.done() for task in self._tasks)
                    or all(
                        self.answers[kind, version] >= before[kind, version] + answers
                        for kind in ("unary", "stream")
                    )
                )
            )
        for task in self._tasks:
            if task.done():
                task.result()

    async def _count(self, kind: str, version: int) -> None:
        async with self._changed:
            self.answers[kind, version] += 1
            self._changed.notify_all()

    async def _check(self, kind: str, explanations: Explanations, version: int) -> None:
        assert energy(explanations) - self._energy == pytest.approx(3.0 * version, abs=ROUNDED_OFF)
        await self._count(kind, version)

    async def _unary(self) -> None:
        while not self._leave:
            response = await self._service.Explain(ExplainRequest(model=MODEL, structures=water()))
            await self._check("unary", response.explanations, response.provenance.version)

    async def _stream(self) -> None:
        while not self._leave:
            await self.stream(self._chunks(CHUNKS))

    async def stream(self, requests: AsyncIterator[ExplainStreamRequest]) -> None:
        """Ask over one stream, which keeps its version to the end."""
        version, chunks = 0, 0
        async for response in self._service.ExplainStream(requests):
            if response.HasField("opened"):
                version = response.opened.version
                continue
            assert response.chunk.provenance.version == version
            chunks += 1
            await self._check("stream", response.chunk.explanations, version)
        assert chunks

    async def _chunks(self, many: int) -> AsyncIterator[ExplainStreamRequest]:
        yield ExplainStreamRequest(options=StreamOptions(model=MODEL))
        for index in range(many):
            if self._leave and index:
                return
            yield chunk(index)

    async def _probe(self) -> None:
        """Ask for maps, whose values have nothing of what versions add, from header to trailer."""
        request = ProbeRequest(model=MODEL, structures=water(), elements=b"\x01")
        request.fitted.spacing_angstrom, request.fitted.margin_angstrom = 0.15, 3.0
        while not self._leave:
            kinds = Counter[str]()
            async for response in self._service.Probe(request):
                kinds[str(response.WhichOneof("content"))] += 1
            assert kinds["header"] == kinds["trailer"] == 1
            await self._count("probe", 0)


def chunk(index: int) -> ExplainStreamRequest:
    """Return a chunk of one molecule."""
    content = StructureChunk(ids=np.array([index], "<u8").tobytes(), structures=water())
    return ExplainStreamRequest(chunk=content)


def energy(message: Explanations) -> float:
    """Return the energy of the only molecule."""
    assert not message.failures, message.failures[0].status.message
    return float(np.frombuffer(message.heads[0].properties, "<f8")[0])


class Scene:
    """A server that watches a repository, and who asks it."""

    def __init__(self, published: Published, server: Server, channel: grpc.aio.Channel, crowd: Crowd) -> None:
        self.published, self.server, self.channel, self.crowd = published, server, channel, crowd

    async def refresh(self) -> dict[str, ModelStatus]:
        """Have the repository looked at; return what became of each version."""
        response = await ModelServiceStub(self.channel).RefreshModels(RefreshModelsRequest())
        return {f"{one.version} {state(one)}": one for one in response.models}

    def model(self, version: int) -> weakref.ref[Any]:
        """Return a reference to a model that does not keep it."""
        name = f"{self.published.name}@{version}"
        return weakref.ref(self.server._engine.repository.find(name))


def state(status: ModelStatus) -> str:
    """Return a state as a word."""
    return ModelState.Name(status.state).removeprefix("MODEL_STATE_").lower()


@pytest.fixture
def scene(toy_repository: Path, tmp_path: Path) -> Callable[..., Any]:
    """A server with version 1 of a model, under load."""

    @asynccontextmanager
    async def start(**settings: Any) -> AsyncIterator[Scene]:
        published = Published(toy_repository, tmp_path / "models")
        published.publish(1)
        given: dict[str, Any] = {
            "models_poll_seconds": 0.0,
            "workers": 2,
            "address": "127.0.0.1:0",
        } | settings
        server = Server(ServerSettings(models=published.root, **given))
        async with AsyncExitStack() as stack:
            await server.start()
            stack.push_async_callback(server.stop, 5.0)
            channel = await stack.enter_async_context(grpc.aio.insecure_channel(server.address))
            crowd = await stack.enter_async_context(Crowd(channel))
            yield Scene(published, server, channel, crowd)

    return start


def test_versions_are_swapped_under_load(scene: Callable[..., Any]) -> None:
    """Five times: each new one takes over, the one before is removed, and its memory is freed."""

    async def main() -> Counter[tuple[str, int]]:
        async with scene() as here:
            await here.crowd.see(1)
            for version in range(2, 7):
                old = here.model(version - 1)
                here.published.publish(version)
                here.published.remove(version - 1)
                told = await here.refresh()
                assert told[f"{version} ready"].is_default
                assert set(told) <= {f"{version} ready", f"{version - 1} draining"}
                await here.crowd.see(version)
                await here.crowd.see(version, CHUNKS * STREAMS)  # older streams have ended
                gc.collect()
                assert old() is None
                assert set(await here.refresh()) == {f"{version} ready"}
            answers: Counter[tuple[str, int]] = here.crowd.answers
        return answers

    answers = asyncio.run(main())
    assert {version for kind, version in answers if kind == "unary"} == set(range(1, 7))
    assert answers.total() >= 6 * 2 * MANY
    print(f"\nanswers {dict(answers)}, none lost")


def test_a_new_version_is_seen_without_being_told_of(scene: Callable[..., Any]) -> None:
    """Where the repository is polled."""

    async def main() -> None:
        async with scene(models_poll_seconds=0.01) as here:
            await here.crowd.see(1)
            here.published.publish(2)
            await here.crowd.see(2)

    asyncio.run(main())


def truncate(published: Published, version: int) -> None:
    """Publish a version whose graph ends too soon."""
    hidden = published.write(published.root / published.name / ".partial", version)
    (hidden / ATOMS).write_bytes((hidden / ATOMS).read_bytes()[:1000])
    hidden.rename(published.path(version))


def hang(published: Published, version: int) -> None:
    """Publish a version with a pipe into which nobody writes, in the place of its graph."""
    hidden = published.write(published.root / published.name / ".partial", version)
    (hidden / ATOMS).unlink()
    os.mkfifo(hidden / ATOMS)
    hidden.rename(published.path(version))


BROKEN: dict[str, tuple[Callable[[Published, int], object], str]] = {
    "truncated": (truncate, "atoms.onnx: its SHA-256 differs from the one on the card"),
    "a pipe": (hang, "atoms.onnx: must be a plain file"),
    "no graph": (
        lambda published, version: published.publish(version, b"\x00\x01"),
        "atoms.onnx: no graph the runtime can load",
    ),
    "of another contract": (
        lambda published, version: published.publish(version, contract=7),
        "card.json: `contract` must be 1, got 7",
    ),
    "of another name": (
        lambda published, version: published.publish(version, name="other"),
        "card.json: `name` must be the directory's",
    ),
    "empty": (
        lambda published, version: published.path(version).mkdir(),
        "card.json: cannot be read: No such file or directory",
    ),
}


def test_broken_versions_are_reported_and_the_old_one_serves_under_load(scene: Callable[..., Any]) -> None:
    """Whatever is broken; what is whole after them takes over."""

    async def main() -> None:
        async with scene() as here:
            await here.crowd.see(1, 10)
            for version, (publish, reason) in enumerate(BROKEN.values(), 2):
                publish(here.published, version)
                told = await here.refresh()
                assert told[f"{version} failed"].reason.startswith(reason)
                assert told["1 ready"].is_default
                await here.crowd.see(1, 10)
            here.published.publish(9)
            assert (await here.refresh())["9 ready"].is_default
            await here.crowd.see(9)
            assert {version for kind, version in here.crowd.answers if kind == "unary"} == {1, 9}

    asyncio.run(main())


def test_a_version_that_is_overwritten_in_place_serves_on_under_load(scene: Callable[..., Any]) -> None:
    """As it was loaded, with a word about it; and when the whole repository is gone."""

    async def main() -> None:
        async with scene() as here:
            await here.crowd.see(1)
            other = here.published.write(here.published.root / "other", 5)
            shutil.copytree(other, here.published.path(1), dirs_exist_ok=True)
            told = await here.refresh()
            assert "card.json: its SHA-256 is another" in told["1 ready"].reason
            await here.crowd.see(1)
            shutil.rmtree(here.published.root)
            assert set(await here.refresh()) == {"1 ready"}
            await here.crowd.see(1)
            assert {version for _, version in here.crowd.answers} == {0, 1}

    asyncio.run(main())


def test_a_stream_keeps_a_version_that_was_removed(scene: Callable[..., Any]) -> None:
    """To its last answer; then the memory of the version is free."""

    async def main() -> None:
        async with scene() as here:
            await here.crowd.see(1, 10)
            opened, go_on = asyncio.Event(), asyncio.Event()

            async def requests() -> AsyncIterator[ExplainStreamRequest]:
                yield ExplainStreamRequest(options=StreamOptions(model=MODEL))
                yield chunk(0)
                opened.set()
                await go_on.wait()
                for index in range(1, 10):
                    yield chunk(index)

            async with asyncio.TaskGroup() as group:
                group.create_task(here.crowd.stream(requests()))
                try:
                    await opened.wait()
                    await here.crowd.see(1, 10)
                    old = here.model(1)
                    here.published.publish(2)
                    here.published.remove(1)
                    await here.refresh()
                    await here.crowd.see(2, CHUNKS * STREAMS)  # every other stream is a new one
                    assert set(await here.refresh()) == {"1 draining", "2 ready"}
                    before = here.crowd.answers["stream", 1]
                finally:
                    go_on.set()
            assert here.crowd.answers["stream", 1] == before + 9
            gc.collect()
            assert old() is None
            assert set(await here.refresh()) == {"2 ready"}

    asyncio.run(main())


def test_a_server_leaves_in_good_order_while_it_loads(toy_repository: Path, tmp_path: Path) -> None:
    """Neither the version it is at nor those that are left hold it up or hurt it."""
    published = Published(toy_repository, tmp_path / "models")
    published.publish(1)
    server = Served(published.root, models_poll_seconds=0.001, max_model_versions=0)
    hidden = [published.write(published.root / "hidden" / str(version), version) for version in range(2, 42)]
    for version, directory in enumerate(hidden, 2):
        directory.rename(published.path(version))
    while not any("is loaded and warm" in line for line in server.lines[1:]):
        assert server.process.poll() is None
    assert server.terminate() == 0
    assert any("stopped" in line for line in server.lines)


HUNGRY = """
<ir_version: 10, opset_import: ["" : 18]>
hungry (int64[atoms] numbers) => (float[atoms] energy) {
  many = Constant <value = int64[1] {1000000000}> ()
  ones = ConstantOfShape (many)
  sum = ReduceSum <keepdims = 1> (ones)
  shape = Shape (numbers)
  energy = Expand (sum, shape)
}
"""


def test_a_version_that_asks_for_absurd_memory_is_refused(toy_repository: Path, tmp_path: Path) -> None:
    """By what models may compute in, when it is warmed: it asks for 4 GB, and never gets them."""
    published = Published(toy_repository, tmp_path / "models", "toy-bpnn-energy")
    published.publish(1)
    server = Served(published.root, models_poll_seconds=0.0, runtime_memory_mib=256)
    try:
        with Client(server.address) as client:
            before = client.explain(WATER, published.name).energy
            published.publish(2, compiled(HUNGRY))
            failed = client.refresh_models()[-1]
            assert (failed.version, failed.state) == (2, "failed")
            assert "llocate memory" in failed.reason or "is smaller than requested bytes" in failed.reason
            assert client.explain(WATER, published.name).energy == before
        assert server.memory_mib("VmHWM") < 1024
    finally:
        assert server.terminate() == 0
