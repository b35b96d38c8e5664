"""Translation: the one place where errors become gRPC statuses."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn, TypeVar

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from google.rpc import status_pb2

from atomlens.server.errors import EngineError, ServerError

DETAILS = "grpc-status-details-bin"
CODES = {code.value[0]: code for code in grpc.StatusCode}
log = logging.getLogger(__name__)

Behavior = Callable[[Any, grpc.aio.ServicerContext[Any, Any]], Awaitable[Any]]
Servicer = TypeVar("Servicer")


def translated(servicer: Servicer, service: ServiceDescriptor) -> Servicer:
    """Have calls of a service that raise a ServerError end with its status, and any other with INTERNAL.

    Done once, before the servicer is added to a server: an interceptor would take its time from every call.
    """
    for method in service.methods:
        setattr(servicer, method.name, _translated(getattr(servicer, method.name)))
    return servicer


def _translated(behavior: Behavior) -> Behavior:
    async def translated(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        try:
            return await behavior(request, context)
        except grpc.aio.AbortError:
            raise
        except Exception as error:
            if _left(error):
                raise asyncio.CancelledError from error  # there is nobody to tell
            await _abort(context, _status(error))

    return translated


def _left(error: Exception) -> bool:
    """Return whether the call ended because its client left: a write that waits for it fails in gRPC."""
    while isinstance(error, ExceptionGroup):
        if error.subgroup(ServerError):
            return False
        error = error.exceptions[0]
    return isinstance(error, grpc.aio.InternalError)


def _status(error: Exception) -> status_pb2.Status:
    """Return the status of an error, or of the first ServerError in a group."""
    while isinstance(error, ExceptionGroup):
        known = error.subgroup(ServerError)
        error = (known or error).exceptions[0]
    if isinstance(error, ServerError):
        return error.to_status()
    log.error("a call failed unexpectedly", exc_info=error)
    return EngineError("the server failed unexpectedly; its log has the reason").to_status()


async def _abort(context: grpc.aio.ServicerContext[Any, Any], status: status_pb2.Status) -> NoReturn:
    metadata = ((DETAILS, status.SerializeToString()),)
    await context.abort(CODES[status.code], status.message, metadata)
