"""Unreadable: what stands for bytes that are no message, so that they are answered as any bad input is.

Left alone, gRPC ends such a call as UNKNOWN before the door sees it, with a traceback in the log each time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc
from google.protobuf.message import DecodeError

from atomlens.server.calls import Context
from atomlens.server.errors import InputError
from atomlens.server.services.translation import abort

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Bytes that could not be read, and why."""

    reason: str


def readable(message: T | Unreadable) -> T:
    """Return a message.

    Raises:
        InputError: it is none.
    """
    if isinstance(message, Unreadable):
        raise InputError(f"the message cannot be read: {message.reason}", "UNREADABLE")
    return message


async def understood(message: T | Unreadable, context: Context) -> T:
    """Return a message, or end the call of a service that stands before no door."""
    try:
        return readable(message)
    except InputError as error:
        await abort(context, error, "")


class Forgiving:
    """A server to add services to, whose methods get what cannot be read as `Unreadable`."""

    def __init__(self, server: grpc.aio.Server) -> None:
        self._server = server

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        """Do nothing: the same methods come by their names."""

    def add_registered_method_handlers(self, service: str, methods: Mapping[str, Any]) -> None:
        """Add a service with these methods."""
        forgiving = {
            name: method._replace(request_deserializer=reader(method.request_deserializer))
            for name, method in methods.items()
        }
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, forgiving),))


def reader(parse: Callable[[bytes], T]) -> Callable[[bytes], T | Unreadable]:
    """Return a parser that raises nothing."""

    def read(data: bytes) -> T | Unreadable:
        try:
            return parse(data)
        except DecodeError as error:
            return Unreadable(str(error))

    return read
