"""`atomlens.client.probe.stream`: against a server played by hand, a real one, and the engine itself."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np
import pytest

from atomlens.client import (
    AsyncClient,
    CancelledError,
    Client,
    DeadlineError,
    InputError,
    InternalError,
    OverloadedError,
    StreamSettings,
    UnavailableError,
)
from atomlens.client.backoff import BackoffSettings
from atomlens.client.probe import Grid, ProbeMap
from atomlens.client.probe.stream import ProbeStream

from .conftest import ALIGNED, CRYSTAL, WATER
from .played import (
    DIGEST,
    MODEL_DIGEST,
    SLABS,
    VALUES,
    AsyncPlayed,
    Call,
    Message,
    Played,
    StallError,
    answer,
    header,
    request,
)

BACKOFF = BackoffSettings(4, 0.001, 0.002)


def stream(played: Played, timeout_seconds: float | None = 30.0) -> ProbeStream:
    """Open a stream."""
    return ProbeStream(played, WATER, request(), BACKOFF, timeout_seconds)


def collected(played: Played) -> ProbeMap:
    """Return the map that the synchronous client makes."""
    return stream(played).collect(progress=False)


def collected_async(played: Played) -> ProbeMap:
    """Return the map that the asynchronous client makes."""

    async def collect() -> ProbeMap:
        settings = StreamSettings(backoff=BACKOFF)
        client = AsyncClient(transport=AsyncPlayed(played), streaming=settings)
        opened = await client.probe(WATER, ["H", "C"], "m", grid=ALIGNED)
        return await opened.collect(progress=False)

    return asyncio.run(collect())


both = pytest.mark.parametrize("collect", [collected, collected_async], ids=["sync", "async"])
Collect = Callable[[Played], ProbeMap]


def test_slabs_in_order() -> None:
    """Each comes out once, between a header and a trailer."""
    opened = stream(Played())
    assert opened.header.digest == DIGEST
    assert opened.trailer is None
    slabs = list(opened)
    assert [slab.index for slab in slabs] == list(range(SLABS))
    assert np.concatenate([slab.values for slab in slabs], axis=1).tobytes() == VALUES.tobytes()
    assert opened.trailer is not None
    assert list(opened) == []


@both
@pytest.mark.parametrize(
    "ends_after", [(), (1,), (5,), (0, 2), (1, 1, 1, 1, 1), (0, 0, 0, 1, 0, 0, 3), (2, 0, 2, 0, 1)]
)
def test_every_slab_once(collect: Collect, ends_after: tuple[int, ...]) -> None:
    """However often calls break, what was sent is not asked for again, and the answer stays the same."""
    played = Played(*ends_after)
    found = collect(played)
    assert found.values.tobytes() == VALUES.tobytes()
    assert len(played.calls) == len(ends_after) + 1
    first, known = 0, False
    for sent, call in zip(played.requests, played.calls, strict=True):
        assert sent.first_slab == first
        assert (sent.digest, sent.model.digest) == ((DIGEST, MODEL_DIGEST) if known else ("", ""))
        assert sent.model.name == ("m@7" if known else "m")
        assert call.cancelled.is_set()
        first += sum(message.HasField("slab") for message in call.messages)
        known = known or bool(call.messages)
    assert first == SLABS


@both
def test_an_end_without_a_trailer_is_a_break(collect: Collect) -> None:
    """Also one that looks like a good end."""
    played = Played(2, 1, end=None)
    assert collect(played).values.tobytes() == VALUES.tobytes()
    assert [sent.first_slab for sent in played.requests] == [0, 2, 3]


@both
@pytest.mark.parametrize("first", [0, 2])
def test_patience(collect: Collect, first: int) -> None:
    """A server that is away for too many attempts since the last slab is an error, that of the last."""
    assert len(collect(Played(first, 0, 0))) == len(ALIGNED)
    gone = UnavailableError("away")
    played = Played(first, 0, 0, 0, 0, end=gone)
    with pytest.raises(UnavailableError) as caught:
        collect(played)
    assert caught.value is gone
    assert len(played.calls) == BACKOFF.max_attempts


class Full(Played):
    """A transport to servers that have no room for some of the calls."""

    def __init__(self, *full: int, ends_after: tuple[int, ...] = (2,)) -> None:
        super().__init__(*ends_after)
        self._full = full
        self.refusal = OverloadedError("no room", reason="TOO_MANY_PROBES", retry_seconds=0.001)

    def probe(self, request: Any) -> Call:
        """Open a call, or refuse it."""
        place = len(self.calls)
        call = super().probe(request)
        if place in self._full:
            call.messages, call.end = [], self.refusal
        return call


@both
def test_a_probe_that_was_begun_waits_for_room(collect: Collect) -> None:
    """What was collected is not lost because others are answered when it goes on."""
    played = Full(1, 2)
    assert collect(played).values.tobytes() == VALUES.tobytes()
    assert [sent.first_slab for sent in played.requests] == [0, 2, 2, 2]


@both
def test_a_probe_that_was_not_begun_waits_for_room_too(collect: Collect) -> None:
    """Where the server says when to come again; otherwise it is refused at once."""
    played = Full(0, 1)
    assert collect(played).values.tobytes() == VALUES.tobytes()
    assert [sent.first_slab for sent in played.requests] == [0, 0, 0]
    played = Full(0)
    played.refusal = OverloadedError("too large", reason="OUT_OF_MEMORY")
    with pytest.raises(OverloadedError) as caught:
        collect(played)
    assert caught.value is played.refusal
    assert len(played.calls) == 1


@both
def test_room_is_not_waited_for_without_end(collect: Collect) -> None:
    """As many attempts are made as for a server that is away."""
    played = Full(*range(1, 20))
    with pytest.raises(OverloadedError):
        collect(played)
    assert len(played.calls) == BACKOFF.max_attempts


@both
def test_other_errors_are_not_tried_again(collect: Collect) -> None:
    """What the server refuses it would refuse again; where it comes does not matter."""
    for slabs in (0, 2):
        refusal = InputError("no", reason="UNKNOWN_ELEMENT", field="elements[0]")
        played = Played(slabs, end=refusal)
        with pytest.raises(InputError) as caught:
            collect(played)
        assert caught.value is refusal
        assert len(played.calls) == 1
        assert played.calls[0].cancelled.is_set()


class Broken(Played):
    """Breaks after everything was said."""

    def probe(self, request: Any) -> Call:
        """Open a call."""
        call = super().probe(request)
        call.end = UnavailableError("gone at last")
        return call


@both
def test_a_break_after_the_trailer_is_none(collect: Collect) -> None:
    """Everything has come, and nothing is asked for again."""
    played = Broken()
    assert collect(played).values.tobytes() == VALUES.tobytes()
    assert len(played.calls) == 1


class Lying(Played):
    """Sends other messages than it should."""

    def __init__(self, *messages: Message) -> None:
        super().__init__()
        self.messages = messages

    def probe(self, request: Any) -> Call:
        """Open a call."""
        self.requests.append(request)
        self.calls.append(Call(self.messages, None))
        return self.calls[-1]


@both
def test_what_makes_no_sense_is_an_error(collect: Collect) -> None:
    """At once, and the call ends."""
    for messages in ([Message()], [answer()[1]], [header(), header()], [header(), answer()[2]], answer(1)):
        played = Lying(*messages)
        with pytest.raises(InternalError):
            collect(played)
        assert len(played.calls) == 1
        assert played.calls[0].cancelled.is_set()


@pytest.mark.parametrize("slabs", [0, 3])
def test_a_silent_server_is_not_waited_for(slabs: int) -> None:
    """When the next answer takes longer than allowed, it is an error and the call ends."""
    played = Played(slabs, end=StallError())
    with pytest.raises(DeadlineError, match=r"no answer came for 0\.05 s"):
        list(stream(played, 0.05))
    assert len(played.calls) == 1
    assert played.calls[0].sent == (slabs + 1 if slabs else 0)
    assert played.calls[0].cancelled.is_set()


class Late(Played):
    """Like the engine in this process: a call that is cancelled while it computes ends without an error."""

    def __init__(self, says: bool) -> None:
        super().__init__()
        self.says = says

    def probe(self, request: Any) -> Any:
        """Open a call."""
        call = super().probe(request)
        played = self

        class Computing(Call):
            def __iter__(self) -> Iterator[Message]:
                yield self.messages[0]
                assert self.cancelled.wait(30)
                if played.says:
                    yield self.messages[1]

        self.calls[-1] = Computing(call.messages, None)
        return self.calls[-1]


@pytest.mark.parametrize("says", [False, True], ids=["nothing", "a slab"])
def test_what_comes_too_late_is_not_taken(says: bool) -> None:
    """Nor is the probe begun again, when the call ends as it is cancelled."""
    played = Late(says)
    opened = stream(played, 0.05)
    with pytest.raises(DeadlineError):
        next(opened)
    assert len(played.calls) == 1


class Watch(threading.Timer):
    """A timer that is remembered."""

    made: ClassVar[list[threading.Timer]] = []

    def start(self) -> None:
        """Start."""
        self.made.append(self)
        super().start()


def test_only_the_server_is_hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """No time runs while a slab is in the reader's hands."""
    monkeypatch.setattr(threading, "Timer", Watch)
    monkeypatch.setattr(Watch, "made", [])
    for taken, _ in enumerate(stream(Played())):
        assert len(Watch.made) == taken + 2  # for the header and each slab
        assert all(timer.finished.is_set() for timer in Watch.made)


def test_a_call_that_others_cancel_is_not_late() -> None:
    """The error says so."""
    with pytest.raises(CancelledError, match="by somebody"):
        list(stream(Played(2, end=CancelledError("by somebody"))))


def left(opened: ProbeStream) -> None:
    """Leave by closing."""
    opened.close()


def left_block(opened: ProbeStream) -> None:
    """Leave a block."""
    with opened:
        pass


@pytest.mark.parametrize("leave", [left, left_block])
def test_leaving_ends_the_call(leave: Callable[[ProbeStream], None]) -> None:
    """Nothing more is taken from the server, and iteration is at its end."""
    played = Played()
    opened = stream(played)
    assert next(opened).index == 0
    leave(opened)
    leave(opened)
    assert played.calls[0].cancelled.is_set()
    assert played.calls[0].sent == 2
    assert list(opened) == []
    assert opened.header.digest == DIGEST


def test_a_stream_that_is_forgotten_ends_its_call() -> None:
    """Without being told to."""
    played = Played()
    opened = stream(played)
    next(opened)
    del opened
    gc.collect()
    assert played.calls[0].cancelled.is_set()


def test_nothing_is_read_ahead() -> None:
    """The server is asked for a slab when one is taken."""
    played = Played()
    opened = stream(played)
    assert played.calls[0].sent == 1
    for taken in range(SLABS):
        next(opened)
        assert played.calls[0].sent == taken + 2


def test_only_fresh_streams_are_collected() -> None:
    """One that was begun, collected or closed is refused."""
    begun, whole, closed = stream(Played()), stream(Played()), stream(Played())
    next(begun)
    whole.collect(progress=False)
    closed.close()
    for opened in (begun, whole, closed):
        with pytest.raises(InputError, match="`collect` must come before a slab is taken"):
            opened.collect(progress=False)


def test_a_collection_that_fails_ends_the_call() -> None:
    """Also when it is interrupted."""
    for end in (InputError("no"), KeyboardInterrupt()):
        played = Played(2, end=end)  # type: ignore[arg-type]
        with pytest.raises(type(end)):
            collected(played)
        assert played.calls[0].cancelled.is_set()


GRID = Grid([-4.0, -4.0, -4.0], np.eye(3) * 0.2, (40, 40, 40))  # in four slabs of 16,384 points
MODEL = "toy-schnet-energy"


@pytest.mark.parametrize("model", [MODEL, "toy-bpnn-energy"])
def test_a_server_and_the_engine_in_this_process_say_the_same(
    model: str, client: Client, local: Client
) -> None:
    """Bit for bit, with the same trailer but for the time that it took."""
    streams = [one.probe(WATER, ["H", "O"], model, grid=GRID, slab_points=16_384) for one in (client, local)]
    assert streams[0].header.digest == streams[1].header.digest
    maps = [one.collect(progress=False) for one in streams]
    assert maps[0].values.tobytes() == maps[1].values.tobytes()
    assert maps[0].values.shape == (2, 40, 40, 40)
    for one, found in zip(streams, maps, strict=True):
        assert one.trailer is not None
        assert tuple(one.trailer.extrapolating.values()) == found.flagged
        assert one.trailer.ranges == tuple(
            found.value_range(probe, extrapolating=True) for probe in ("H", "O")
        )
        assert one.trailer.trusted_ranges == tuple(found.value_range(probe) for probe in ("H", "O"))


@pytest.mark.parametrize("side", ["server", "local"])
def test_points_grids_and_fitted_grids_agree(side: str, client: Client, local: Client) -> None:
    """A point has its value wherever it is asked for, within float32."""
    asked = client if side == "server" else local
    fitted = asked.probe(WATER, "H", MODEL, spacing=0.5, margin=2.0).collect(progress=False)
    again = asked.probe(WATER, "H", MODEL, grid=fitted.grid).collect(progress=False)
    assert again.values.tobytes() == fitted.values.tobytes()
    listed = asked.probe(WATER, "H", MODEL, points=fitted.points()).collect(progress=False)
    assert listed.values.tobytes() == fitted.values.tobytes()
    few = fitted.points()[::97]
    scattered = asked.probe(WATER, "H", MODEL, points=few).collect(progress=False)
    assert np.abs(scattered.values[0] - fitted.values.ravel()[::97]).max() < 1e-5
    low, high = fitted.points().min(axis=0), fitted.points().max(axis=0)
    assert (low <= WATER.positions.min(axis=0) - 2.0 + 1e-9).all()
    assert (high >= WATER.positions.max(axis=0) + 2.0 - 1e-9).all()


def test_a_fitted_grid_of_a_crystal_takes_its_cell(client: Client) -> None:
    """From its origin, and the map repeats."""
    found = client.probe(CRYSTAL, "Na", "toy-schnet-formation", spacing=0.7).collect(progress=False)
    assert CRYSTAL.cell is not None
    assert np.array_equal(found.grid.origin, np.zeros(3))
    assert found.grid.closes(CRYSTAL).all()
    np.testing.assert_allclose(
        found.grid.axes * np.array(found.grid.counts)[:, None], CRYSTAL.cell, rtol=1e-14
    )
    moved = found.points() + CRYSTAL.cell[0] - 3 * CRYSTAL.cell[2]
    there = client.probe(CRYSTAL, "Na", "toy-schnet-formation", points=moved).collect(progress=False)
    assert np.abs(there.values.ravel() - found.values.ravel()).max() < 1e-5


@pytest.mark.parametrize("side", ["server", "local"])
@pytest.mark.parametrize(
    ("elements", "more", "reason", "field"),
    [
        ("F", {}, "UNKNOWN_ELEMENT", "elements[0]"),
        ("H", {"heads": ["charge"]}, "UNKNOWN_HEAD", "heads"),
        ("H", {"slab_points": 1000}, "WRONG_SHAPE", "slab_points"),
        ("H", {"spacing": 1e-300}, "TOO_MANY_POINTS", "fitted.spacing_angstrom"),
        ("H", {"spacing": 100.0, "margin": 999.0}, "GRID_TOO_LARGE", "fitted"),
        ("H", {"points": [[0.0, 0.0, 2e6]]}, "COORDINATES_TOO_LARGE", "points[0]"),
        ("H", {"grid": Grid([0, 0, 0], np.eye(3), [2**31 - 1] * 3)}, "TOO_MANY_POINTS", "grid"),
    ],
)
def test_what_is_refused(
    side: str, elements: str, more: dict[str, Any], reason: str, field: str, client: Client, local: Client
) -> None:
    """Is refused as soon as it is asked for, by the server as by the engine in this process."""
    asked = client if side == "server" else local
    with pytest.raises(InputError) as caught:
        asked.probe(WATER, elements, MODEL, **more)
    assert (caught.value.reason, caught.value.field) == (reason, field)
