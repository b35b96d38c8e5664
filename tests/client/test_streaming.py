"""Streams of structures against transports that answer in strange ways."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import numpy as np
import pytest

from atomlens.client import (
    AsyncClient,
    Client,
    DeadlineError,
    Explanations,
    Failure,
    InputError,
    OverloadedError,
    StreamSettings,
    Structure,
    Structures,
    UnavailableError,
    wire,
)
from atomlens.client.backoff import BackoffSettings
from atomlens.client.errors import AtomLensError
from atomlens.client.explanation import Outcome
from atomlens.v1 import card_pb2, explanation_service_pb2, explanations_pb2

Request = explanation_service_pb2.ExplainStreamRequest
Response = explanation_service_pb2.ExplainStreamResponse
SETTINGS = StreamSettings(chunk_atoms=8, window_atoms=64, backoff=BackoffSettings(4, 0.001, 0.002))
NEVER = 10**9


class FakeTransport:
    """Answers each structure with its number of atoms, some chunks late and turned around.

    Every call breaks after ``breaks_after`` chunks, and the first ``refuses`` calls at once.
    """

    def __init__(self, breaks_after: int = NEVER, refuses: int = 0, held: int = 0) -> None:
        self.breaks_after, self.refuses, self.held = breaks_after, refuses, held
        self.refusal: AtomLensError = UnavailableError("not yet")
        self.selectors: list[str] = []
        self.sent: list[int] = []
        self.ended = 0

    def explain_stream(self, requests: Iterator[Request]) -> FakeAnswers:
        """Open a stream."""
        return FakeAnswers(self, requests)

    def close(self) -> None:
        """Close."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} is not for streams")


class FakeAnswers:
    """One call."""

    def __init__(self, transport: FakeTransport, requests: Iterator[Request]) -> None:
        self.transport, self.requests, self.cancelled = transport, requests, False

    def cancel(self) -> None:
        """Cancel."""
        self.cancelled = True

    def __iter__(self) -> Iterator[Response]:
        try:
            yield from self._answers()
        finally:
            self.transport.ended += 1

    def _answers(self) -> Iterator[Response]:
        opening = next(self.requests)
        self.transport.selectors.append(opening.options.model.name)
        if len(self.transport.selectors) <= self.transport.refuses:
            raise self.transport.refusal
        yield Response(opened=explanation_service_pb2.StreamOpened(model="m", version=7, digest="ab"))
        held: list[Response] = []
        for count, request in enumerate(self.requests):
            if count >= self.transport.breaks_after:
                raise UnavailableError("gone")
            held.append(answer(request))
            self.transport.sent += wire.decode_ids(request.chunk.ids).tolist()
            while len(held) > self.transport.held:
                yield from reversed(held)
                held.clear()
        yield from reversed(held)


def answer(request: Request) -> Response:
    """Return the answer to a chunk: the property is the number of atoms."""
    counts = np.frombuffer(request.chunk.structures.counts, "<i4")
    head = explanations_pb2.HeadExplanation(
        head="energy",
        aggregation=card_pb2.AGGREGATION_SUM,
        unit="eV",
        property_unit="eV",
        properties=counts.astype("<f8").tobytes(),
        contributions=np.ones(counts.sum(), "<f8").tobytes(),
    )
    explanations = explanations_pb2.Explanations(counts=counts.astype("<i4").tobytes(), heads=[head])
    chunk = explanation_service_pb2.ExplanationChunk(ids=request.chunk.ids, explanations=explanations)
    return Response(chunk=chunk)


class AsyncFake:
    """The same for programs with an event loop."""

    def __init__(self, fake: FakeTransport) -> None:
        self.fake = fake

    async def explain_stream(self, requests: AsyncIterator[Request]) -> AsyncIterator[Response]:
        """Open a stream."""
        call = FakeAnswers(self.fake, iter(()))
        waiting: list[Request] = []
        call.requests = iter(waiting.pop, None)  # one at a time, as they come
        answers = call._answers()
        held = call.transport
        try:
            async for request in requests:
                waiting.append(request)
                if not call.transport.selectors or request.HasField("options"):
                    yield next(answers)
                    continue
                assert held.held == 0
                yield next(answers)
        finally:
            self.fake.ended += 1

    async def close(self) -> None:
        """Close."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} is not for streams")


def structures(count: int) -> list[Structure]:
    """Return structures of one to seven atoms."""
    return [
        Structure(np.ones(1 + k % 7, np.int64), np.zeros((1 + k % 7, 3)), id=str(k)) for k in range(count)
    ]


def sizes(outcomes: list[Outcome]) -> list[tuple[str, float]]:
    """Return the id and property of each outcome."""
    return [(outcome.id, getattr(outcome, "energy", np.nan)) for outcome in outcomes]


Run = Callable[[FakeTransport, Any, bool], list[Outcome]]


def run_sync(fake: FakeTransport, items: Any, ordered: bool) -> list[Outcome]:
    """Stream with the synchronous client."""
    client = Client(transport=fake, streaming=SETTINGS, timeout_seconds=5)
    return list(client.stream(items, "m", ordered=ordered))


def run_async(fake: FakeTransport, items: Any, ordered: bool) -> list[Outcome]:
    """Stream with the asynchronous client."""

    async def collect() -> list[Outcome]:
        client = AsyncClient(transport=AsyncFake(fake), streaming=SETTINGS, timeout_seconds=5)
        return [outcome async for outcome in client.stream(items, "m", ordered=ordered)]

    return asyncio.run(collect())


both = pytest.mark.parametrize("run", [run_sync, run_async], ids=["sync", "async"])


@both
@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("breaks_after", [NEVER, 1, 3])
def test_every_structure_once(run: Run, ordered: bool, breaks_after: int) -> None:
    """Each structure is answered once with its own answer, in order when asked, however often calls break."""
    items = structures(100)
    found = sizes(run(FakeTransport(breaks_after), iter(items), ordered))
    expected = [(item.id, float(len(item))) for item in items]
    assert (found if ordered else sorted(found, key=lambda one: int(one[0]))) == expected


@pytest.mark.parametrize("ordered", [True, False])
def test_answers_in_any_order(ordered: bool) -> None:
    """Answers that come late and turned around find their structures."""
    items = structures(60)
    found = sizes(run_sync(FakeTransport(held=1), items, ordered))
    expected = [(item.id, float(len(item))) for item in items]
    assert sorted(found) == sorted(expected)
    assert (found == expected) is ordered


@both
def test_keeps_its_version(run: Run) -> None:
    """A stream that begins again asks for the version that it began with."""
    fake = FakeTransport(breaks_after=2)
    run(fake, structures(50), True)
    assert fake.selectors[0] == "m"
    assert set(fake.selectors[1:]) == {"m@7"}


@both
def test_only_what_is_unanswered_again(run: Run) -> None:
    """What was answered is not sent again."""
    fake = FakeTransport(breaks_after=3)
    run(fake, structures(50), True)
    assert sorted(fake.sent) == list(range(50))


@both
def test_patience(run: Run) -> None:
    """A server that comes back in time is waited for, one that does not is an error."""
    assert len(run(FakeTransport(refuses=3), structures(5), True)) == 5
    with pytest.raises(UnavailableError):
        run(FakeTransport(refuses=4), structures(5), True)


@both
def test_a_server_without_room_is_asked_again_when_it_says(run: Run) -> None:
    """As often as one that is away; and not at all where it does not say when."""
    fake = FakeTransport(refuses=3)
    fake.refusal = OverloadedError("too many streams", reason="TOO_MANY_STREAMS", retry_seconds=0.001)
    assert len(run(fake, structures(5), True)) == 5
    fake = FakeTransport(refuses=4)
    fake.refusal = OverloadedError("too many streams", reason="TOO_MANY_STREAMS", retry_seconds=0.001)
    with pytest.raises(OverloadedError, match="too many streams"):
        run(fake, structures(5), True)
    fake = FakeTransport(refuses=1)
    fake.refusal = OverloadedError("too large")
    with pytest.raises(OverloadedError, match="too large"):
        run(fake, structures(5), True)
    assert len(fake.selectors) == 1


@both
def test_no_pause_outlasts_the_timeout(run: Run) -> None:
    """A server that says to come again later than anybody waits is not waited for."""
    fake = FakeTransport(refuses=1)
    fake.refusal = OverloadedError("too many streams", retry_seconds=50.0)  # the clients here wait for 5 s
    with pytest.raises(OverloadedError, match="too many streams"):
        run(fake, structures(5), True)
    assert len(fake.selectors) == 1


class Nothing(FakeTransport):
    """Every call opens, answers nothing in so many words, and breaks."""

    def explain_stream(self, requests: Iterator[Request]) -> FakeAnswers:
        """Open a stream."""
        self.selectors.append("")
        return NoAnswers(self, requests)


class NoAnswers(FakeAnswers):
    """One of those calls."""

    def _answers(self) -> Iterator[Response]:
        yield Response(chunk=explanation_service_pb2.ExplanationChunk())
        raise UnavailableError("gone")


def test_answers_to_nothing_are_no_progress() -> None:
    """A server that sends them and breaks, over and over, is asked no more often than one that is away."""
    fake = Nothing()
    client = Client(transport=fake, streaming=SETTINGS, timeout_seconds=5)
    with pytest.raises(UnavailableError, match="gone"):
        list(client.stream(structures(3), "m"))
    assert len(fake.selectors) == SETTINGS.backoff.max_attempts


def test_a_stream_that_ends_when_all_is_answered_is_no_break() -> None:
    """However soon it ends: where no attempt is left there is no need for one."""
    once = StreamSettings(chunk_atoms=8, window_atoms=64, backoff=BackoffSettings(max_attempts=1))
    for _ in range(50):
        client = Client(transport=FakeTransport(), streaming=once, timeout_seconds=5)
        assert len(list(client.stream(structures(9), "m"))) == 9


@both
def test_bad_items_keep_their_place(run: Run) -> None:
    """What is no structure fails where it stands; the rest is answered."""
    items: list[Any] = list(structures(20))
    items[7] = {"numbers": [1], "positions": [[0.0, 0.0]]}
    found = run(FakeTransport(), items, True)
    assert isinstance(found[7], Failure)
    assert found[7].id == "7"
    assert [isinstance(one, Failure) for one in found].count(True) == 1


@pytest.mark.parametrize("ordered", [True, False])
def test_bounded(ordered: bool) -> None:
    """No more is taken from the iterable than the window and a chunk hold."""
    taken = given = 0

    def endless() -> Iterator[Structure]:
        nonlocal taken
        while True:
            taken += 4
            yield Structure([1] * 4, np.zeros((4, 3)))

    client = Client(transport=FakeTransport(), streaming=SETTINGS, timeout_seconds=5)
    stream = client.stream(endless(), "m", ordered=ordered)
    for _ in range(200):
        next(stream)
        given += 4
        assert taken - given <= SETTINGS.window_atoms + SETTINGS.chunk_atoms
    stream.close()


def test_leaving_ends_the_call() -> None:
    """Leaving the iteration ends the call and takes nothing more."""
    fake = FakeTransport()
    client = Client(transport=fake, streaming=SETTINGS, timeout_seconds=5)
    stream = client.stream(structures(1000), "m")
    next(stream)
    stream.close()
    assert fake.ended == 1
    assert len(fake.sent) < 1000


def test_silent_server() -> None:
    """A server that does not answer in time is an error."""
    client = Client(transport=FakeTransport(held=NEVER), streaming=SETTINGS, timeout_seconds=0.05)
    with pytest.raises(DeadlineError, match="no answer came for"):
        list(client.stream(structures(100), "m"))


def test_slow_input_is_answered_at_once() -> None:
    """Answers do not wait for structures that are still to come."""
    client = Client(transport=FakeTransport(), streaming=StreamSettings(chunk_seconds=0.0), timeout_seconds=5)
    answered: list[str] = []

    def slow() -> Iterator[Structure]:
        for k in range(10**6):
            if len(answered) > 3:
                return
            yield Structure([1], np.zeros((1, 3)), id=str(k))

    for outcome in client.stream(slow(), "m"):
        answered.append(outcome.id)
    assert 3 < len(answered) < 10**5


def test_many_random_breaks() -> None:
    """Whatever sizes chunks have and wherever calls break, every answer is right."""
    chance = random.Random(5)
    for _ in range(20):
        settings = StreamSettings(chance.randint(1, 30), 0.1, chance.randint(1, 90), SETTINGS.backoff)
        fake = FakeTransport(breaks_after=chance.randint(1, 4))
        client = Client(transport=fake, streaming=settings, timeout_seconds=5)
        items = structures(chance.randint(0, 40))
        assert sizes(list(client.stream(items, "m"))) == [(item.id, float(len(item))) for item in items]


Batched = Callable[[FakeTransport, Any], list[Explanations]]


def batches_sync(fake: FakeTransport, batches: Any) -> list[Explanations]:
    """Stream batches with the synchronous client."""
    client = Client(transport=fake, streaming=SETTINGS, timeout_seconds=5)
    return list(client.stream_batches(batches, "m"))


def batches_async(fake: FakeTransport, batches: Any) -> list[Explanations]:
    """Stream batches with the asynchronous client."""

    async def collect() -> list[Explanations]:
        client = AsyncClient(transport=AsyncFake(fake), streaming=SETTINGS, timeout_seconds=5)
        return [answers async for answers in client.stream_batches(batches, "m")]

    return asyncio.run(collect())


both_batched = pytest.mark.parametrize("run", [batches_sync, batches_async], ids=["sync", "async"])


@both_batched
@pytest.mark.parametrize("breaks_after", [NEVER, 1, 3])
@pytest.mark.parametrize("size", [1, 7, 50])
def test_every_batch_once(run: Batched, breaks_after: int, size: int) -> None:
    """Each batch is answered once, whole and in order, however often calls break."""
    items = structures(100)
    batches = [Structures.of(items[start : start + size]) for start in range(0, 100, size)]
    found = run(FakeTransport(breaks_after), iter(batches))
    assert [answers.structures.ids for answers in found] == [batch.ids for batch in batches]
    for answers, batch in zip(found, batches, strict=True):
        assert answers.properties["energy"].tolist() == batch.counts.tolist()
        assert answers.contributions["energy"].tolist() == [1.0] * len(batch.numbers)


def test_batches_of_late_answers() -> None:
    """Batches come in order, though answers to their parts do not."""
    batches = [Structures.of(structures(100)[start : start + 30]) for start in range(0, 100, 30)]
    found = batches_sync(FakeTransport(held=1), batches)
    assert [answers.structures.ids for answers in found] == [batch.ids for batch in batches]


@both_batched
def test_lists_are_batches(run: Batched) -> None:
    """A batch may be any iterable of structures, and an empty one is answered with nothing."""
    assert [len(answers) for answers in run(FakeTransport(), [structures(3), [], iter(structures(2))])] == [
        3,
        0,
        2,
    ]


@both_batched
def test_bad_batch(run: Batched) -> None:
    """What is no batch ends the stream with an error that names it, and nothing of the call is left."""
    fake = FakeTransport()
    with pytest.raises(InputError, match=r"`structures\[1\]`: `positions` must be"):
        run(fake, [structures(50), [([1], [[0.0] * 3]), ([1], [[0.0, 0.0]])]])
    assert fake.ended == 1


def test_batches_are_bounded() -> None:
    """No more batches are taken than the window and a chunk hold."""
    taken = given = 0

    def endless() -> Iterator[Structures]:
        nonlocal taken
        while True:
            taken += 6
            yield Structures.of([Structure([1] * 3, np.zeros((3, 3)))] * 2)

    client = Client(transport=FakeTransport(), streaming=SETTINGS, timeout_seconds=5)
    stream = client.stream_batches(endless(), "m")
    for _ in range(200):
        next(stream)
        given += 6
        assert taken - given <= SETTINGS.window_atoms + 2 * SETTINGS.chunk_atoms
    stream.close()


def test_many_random_breaks_of_batches() -> None:
    """Whatever sizes chunks and batches have and wherever calls break, every answer is right."""
    chance = random.Random(6)
    for _ in range(20):
        settings = StreamSettings(chance.randint(1, 30), 0.1, chance.randint(1, 90), SETTINGS.backoff)
        fake = FakeTransport(breaks_after=chance.randint(1, 4))
        client = Client(transport=fake, streaming=settings, timeout_seconds=5)
        batches = [structures(chance.randint(0, 20)) for _ in range(chance.randint(0, 6))]
        found = list(client.stream_batches(batches, "m"))
        assert [sizes(list(answers)) for answers in found] == [
            [(item.id, float(len(item))) for item in batch] for batch in batches
        ]
