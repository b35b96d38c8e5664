"""Translation: the one place where errors become gRPC statuses."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

import grpc
from google.rpc import status_pb2

from atomlens.server.errors import EngineError, ServerError

DETAILS = "grpc-status-details-bin"
CODES = {code.value[0]: code for code in grpc.StatusCode}
# What makes a handler of each kind that the services have.
MAKERS: dict[str, Callable[..., Any]] = {
    "unary_unary": grpc.unary_unary_rpc_method_handler,
    "unary_stream": grpc.unary_stream_rpc_method_handler,
    "stream_stream": grpc.stream_stream_rpc_method_handler,
}
log = logging.getLogger(__name__)

Behavior = Callable[[Any, grpc.aio.ServicerContext[Any, Any]], Awaitable[Any]]


class Translation(grpc.aio.ServerInterceptor):
    """Ends a call that raised a ServerError with its status, and any other with INTERNAL."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Return the handler with its behavior wrapped; other services' handlers as they are."""
        handler = await continuation(handler_call_details)
        if handler is None or not str(handler_call_details.method).startswith("/atomlens."):
            return handler  # None: there is no such method
        kind = next(kind for kind in MAKERS if getattr(handler, kind))
        behavior = _translated(getattr(handler, kind))
        return MAKERS[kind](behavior, handler.request_deserializer, handler.response_serializer)


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
