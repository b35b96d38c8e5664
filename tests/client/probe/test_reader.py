"""`atomlens.client.probe.reader`: fed by hand, without any input and output."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pytest

from atomlens.client import InternalError, UnavailableError
from atomlens.client.backoff import BackoffSettings
from atomlens.client.probe.reader import Reader
from atomlens.v1 import probes_pb2

from .conftest import POINTS as PLACES
from .played import (
    DIGEST,
    GONE,
    MODEL_DIGEST,
    SLAB_POINTS,
    SLABS,
    VALUES,
    Message,
    answer,
    header,
    request,
    slab,
    trailer,
)


def reader(messages: list[Message] | None = None, attempts: int = 4, **fields: Any) -> Reader:
    """Return a reader that has taken some messages."""
    made = Reader(request(**fields), BackoffSettings(attempts, 0.1, 0.3))
    for message in messages or []:
        made.take(message)
    return made


def test_slabs_come_out_as_they_were_sent() -> None:
    """In order, header and trailer apart."""
    made = reader()
    taken = [made.take(message) for message in answer()]
    assert taken[0] is taken[-1] is None
    slabs = [one for one in taken if one is not None]
    assert [(one.index, one.first_point) for one in slabs] == [(k, k * SLAB_POINTS) for k in range(SLABS)]
    assert np.concatenate([one.values for one in slabs], axis=1).tobytes() == VALUES.tobytes()
    assert [len(one) for one in slabs] == [50, 50, 50, 50, 10]
    assert (made.header.digest, str(made.header.model)) == (DIGEST, "m@7")
    assert made.trailer is not None
    assert made.trailer.slabs == SLABS


def test_values_cannot_be_written_to() -> None:
    """They are the bytes of the message."""
    taken = reader([header()]).take(slab(0))
    assert taken is not None
    with pytest.raises(ValueError, match="read-only"):
        taken.values[0] = 1.0


def test_what_goes_on_is_the_same_answer() -> None:
    """The model's version and digest and the answer's digest are asked for once they are known."""
    made = reader()
    assert (made.request.model.name, made.request.model.digest, made.request.digest) == ("m", "", "")
    made.take(header())
    assert (made.request.model.name, made.request.model.digest) == ("m@7", MODEL_DIGEST)
    assert made.request.digest == DIGEST
    assert made.request.first_slab == 0


def test_only_what_is_missing_is_asked_for_again() -> None:
    """And the trailer of each call is about what that call sent."""
    made = reader([header(), slab(0), slab(1)])
    made.broken(GONE)
    assert made.request.first_slab == 2
    made.take(header())
    made.take(slab(2))
    made.broken(GONE)
    assert made.request.first_slab == 3
    for message in answer(3):
        made.take(message)
    assert made.trailer is not None
    assert (made.trailer.slabs, made.trailer.checksum) == (2, trailer(3).trailer.checksum)


def test_a_call_may_break_before_its_header_or_after_the_last_slab() -> None:
    """What was asked for is asked for again, the trailer alone if only that is missing."""
    made = reader()
    made.broken(GONE)
    assert (made.request.first_slab, made.request.digest) == (0, "")
    for message in answer()[:-1]:
        made.take(message)
    made.broken(GONE)
    assert made.request.first_slab == SLABS
    for message in answer(SLABS):
        made.take(message)
    assert made.trailer is not None
    assert made.trailer.checksum == 0


def test_a_request_may_begin_later() -> None:
    """With any slab."""
    made = Reader(request(), BackoffSettings())
    made.request.first_slab = 3
    made = Reader(made.request, BackoffSettings())
    slabs = [made.take(message) for message in answer(3)]
    assert [one.index for one in slabs if one is not None] == [3, 4]


def test_attempts_without_progress_are_counted() -> None:
    """A header is no progress, a slab is; pauses double up to the longest."""
    made = reader(attempts=4)
    for first in range(2):
        pauses = []
        for _ in range(3):
            pauses.append(made.broken(GONE))
            made.take(header())
        assert [pause <= most for pause, most in zip(pauses, (0.1, 0.2, 0.3), strict=True)] == [True] * 3
        assert min(pauses) >= 0.05
        made.take(slab(first))
    for _ in range(3):
        made.broken(GONE)
    with pytest.raises(UnavailableError) as caught:
        made.broken(GONE)
    assert caught.value is GONE


FLIPPED = bytes(1) + slab(0).slab.values[1:]
DAMAGED: dict[str, tuple[list[Message], str]] = {
    "empty": ([Message()], "the server sent nothing where header was to come"),
    "slab first": ([slab(0)], "sent slab where header was to come"),
    "trailer first": ([trailer()], "sent trailer where header was to come"),
    "two headers": ([header(), header()], "sent header where slab or trailer was to come"),
    "skipped": ([header(), slab(1)], "sent slab 1 in the place of 0"),
    "twice": ([header(), slab(0), slab(0)], "sent slab 0 in the place of 1"),
    "first point": ([header(), slab(0, first_point=50)], "sent slab 0 in the place of 0"),
    "short": ([header(), slab(0, values=slab(0).slab.values[:-4])], r"hold \(2, 50\) values, got 396 bytes"),
    "long": ([header(), slab(0, values=slab(0).slab.values + bytes(4))], r"\(2, 50\) values, got 404 bytes"),
    "no values": ([header(), slab(0, values=b"", checksum=0)], r"\(2, 50\) values, got 0 bytes"),
    "last too long": (
        [header(), *map(slab, range(4)), slab(4, values=slab(3).slab.values)],
        r"slab 4 must hold \(2, 10\) values, got 400 bytes",
    ),
    "checksum": ([header(), slab(0, checksum=1)], "slab 0 was damaged on its way"),
    "values": ([header(), slab(0, values=FLIPPED)], "slab 0 was damaged on its way"),
    "too early": ([*answer()[:-2], trailer()], "ended a probe before all slabs had come whole"),
    "empty answer": ([header(), trailer(SLABS)], "ended a probe before all slabs had come whole"),
    "wrong trailer": ([*answer()[:-1], trailer(1)], "ended a probe before all slabs had come whole"),
    "one more": ([*answer()[:-1], slab(SLABS)], "sent slab where trailer was to come"),
    "after the end": ([*answer(), trailer()], "sent trailer where nothing was to come"),
    "header after the end": ([*answer(), header()], "sent header where nothing was to come"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_what_is_damaged_or_out_of_order_is_an_error(name: str) -> None:
    """Of the server, at the message in question."""
    messages, error = DAMAGED[name]
    made = reader(messages[:-1])
    with pytest.raises(InternalError, match=error):
        made.take(messages[-1])


def test_every_call_begins_with_a_header() -> None:
    """After a break too, and it is that of the same answer."""
    made = reader([header(), slab(0)])
    made.broken(GONE)
    with pytest.raises(InternalError, match="sent slab where header was to come"):
        made.take(slab(1))
    with pytest.raises(InternalError, match="went on with another probe"):
        made.take(header(digest="ef" * 32))


def test_slabs_of_several_calls_are_checked_as_one_call_sent_them() -> None:
    """A trailer that tells of all slabs is not that of the second call."""
    made = reader([header(), slab(0)])
    made.broken(GONE)
    for message in answer(1)[:-1]:
        made.take(message)
    with pytest.raises(InternalError, match="before all slabs had come whole"):
        made.take(trailer(0))


@pytest.mark.parametrize(
    ("where", "changes"),
    [
        (PLACES, {}),
        (PLACES, {"grid": None, "points": 5}),
        (None, {"grid": None}),
    ],
    ids=["a grid for a list", "another list", "a list for a grid"],
)
def test_points_are_those_that_were_asked_for(where: Any, changes: dict[str, Any]) -> None:
    """An answer about others is an error, before there are any values."""
    made = reader() if where is None else reader(where=where)
    with pytest.raises(InternalError, match="answers for other points than it was sent"):
        made.take(header(**changes | {"slabs": -(-changes.get("points", 210) // 50)}))


def test_a_list_of_points_is_read_like_a_grid() -> None:
    """With values in the order of the list."""
    values = np.arange(8, dtype="<f4").tobytes()
    made = reader([header(grid=None, points=4, slabs=1)], where=PLACES)
    sent = probes_pb2.ProbeSlab(index=0, first_point=0, values=values, checksum=zlib.crc32(values))
    taken = made.take(Message(slab=sent))
    assert taken is not None
    assert taken.values.tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]
