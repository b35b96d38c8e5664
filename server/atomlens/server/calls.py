"""Call: what the server knows of a call beside its request, made once at the door."""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import count
from typing import Any

import grpc

from atomlens.server.errors import InputError
from atomlens.server.telemetry.account import Account

REQUEST_ID, PRIORITY = "x-request-id", "atomlens-priority"  # metadata that clients may send
LONGEST_ID = 64  # characters of a request id that are kept
Context = grpc.aio.ServicerContext[Any, Any]


class Priority(IntEnum):
    """Whose work is computed first: somebody's who waits for one answer, or a pipeline's."""

    INTERACTIVE = 0
    BULK = 1


PRIORITIES = {priority.name.lower(): priority for priority in Priority}


@dataclass(frozen=True, slots=True)
class Method:
    """A method that can be called."""

    path: str  # /atomlens.v1.ExplanationService/Explain
    priority: Priority  # of its calls, where they do not say otherwise
    stream: str = ""  # where calls are streams, of which kind: explain or probe


@dataclass(frozen=True, slots=True)
class Call:
    """One call. Its deadline is a point in time on the event loop's clock, infinite for none."""

    context: Context
    method: Method
    client: str  # the identity that limits are kept for: of a token, a certificate, else the peer's host
    request_id: str  # the client's, or one of ours
    deadline: float
    priority: Priority
    account: Account = field(default_factory=Account)  # what it was about, for the log

    @classmethod
    def of(cls, context: Context, method: Method, client: str, metadata: Mapping[str, str | bytes]) -> Call:
        """Return the call that a context of gRPC belongs to.

        Raises:
            InputError: its metadata break a rule.
        """
        left = context.time_remaining()
        deadline = math.inf if left is None else asyncio.get_running_loop().time() + left
        request_id = str(metadata.get(REQUEST_ID, ""))[:LONGEST_ID] or f"{PROCESS}-{next(NUMBERS)}"
        return cls(context, method, client, request_id, deadline, _priority(metadata, method.priority))


PROCESS, NUMBERS = os.urandom(4).hex(), count(1)
current: ContextVar[Call | None] = ContextVar("current", default=None)  # the call being answered


def host(peer: str) -> str:
    """Return the host of a peer as gRPC names it, ipv4:127.0.0.1:4711."""
    return peer.partition(":")[2].rpartition(":")[0] or peer


def _priority(metadata: Mapping[str, str | bytes], otherwise: Priority) -> Priority:
    wanted = metadata.get(PRIORITY)
    if wanted is None:
        return otherwise
    if str(wanted) not in PRIORITIES:
        raise InputError(
            f"metadata `{PRIORITY}` must be {' or '.join(PRIORITIES)}, got {wanted!r}", field=PRIORITY
        )
    return PRIORITIES[str(wanted)]
