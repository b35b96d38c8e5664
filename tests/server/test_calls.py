"""`atomlens.server.calls`."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from typing import Any

import pytest

from atomlens.server.calls import Call, Method, Priority, host
from atomlens.server.errors import InputError

METHOD = Method("/atomlens.v1.ExplanationService/Explain", Priority.INTERACTIVE)


class Context:
    """The part of gRPC's context that a call is made of."""

    def __init__(self, left: float | None = None) -> None:
        self._left = left

    def time_remaining(self) -> float | None:
        """Return the seconds that are left."""
        return self._left


def made(metadata: Mapping[str, str | bytes], left: float | None = None, method: Method = METHOD) -> Call:
    """Return a call, and the loop's time when it was made."""

    async def make() -> Call:
        context: Any = Context(left)
        return Call.of(context, method, "somebody", metadata)

    return asyncio.run(make())


def test_a_deadline_is_a_point_in_time() -> None:
    """And infinitely far where the client gave none."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        context: Any = Context(5.0)
        before = loop.time()
        call = Call.of(context, METHOD, "", {})
        assert before + 5.0 <= call.deadline <= loop.time() + 5.0

    asyncio.run(main())
    assert made({}).deadline == math.inf


def test_a_request_keeps_the_id_it_came_with() -> None:
    """Cut to a length that a log bears; one that has none gets one that no other has."""
    assert made({"x-request-id": "run-7/12"}).request_id == "run-7/12"
    assert made({"x-request-id": "x" * 1000}).request_id == "x" * 64
    assert made({}).request_id != made({}).request_id != ""


@pytest.mark.parametrize("otherwise", list(Priority))
def test_metadata_may_say_how_urgent_a_call_is(otherwise: Priority) -> None:
    """Where they do not, its method does."""
    method = Method("/x/y", otherwise)
    assert made({"atomlens-priority": "bulk"}, method=method).priority is Priority.BULK
    assert made({"atomlens-priority": "interactive"}, method=method).priority is Priority.INTERACTIVE
    assert made({}, method=method).priority is otherwise


@pytest.mark.parametrize("wanted", ["urgent", "", "BULK", b"bulk"])
def test_an_unknown_priority_is_an_error(wanted: str | bytes) -> None:
    """That names the metadata and what they may be."""
    with pytest.raises(
        InputError, match="metadata `atomlens-priority` must be interactive or bulk"
    ) as caught:
        made({"atomlens-priority": wanted})
    assert caught.value.field == "atomlens-priority"


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ("ipv4:127.0.0.1:4711", "127.0.0.1"),
        ("ipv6:%5B::1%5D:4711", "%5B::1%5D"),
        ("unix:", "unix:"),
        ("", ""),
    ],
)
def test_the_host_of_a_peer(peer: str, expected: str) -> None:
    """Its port changes with every connection and is no identity."""
    assert host(peer) == expected
