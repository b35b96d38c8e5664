"""Translation: the one place where errors become gRPC statuses."""

from __future__ import annotations

import logging
from typing import NoReturn

import grpc
from google.protobuf import any_pb2
from google.rpc import error_details_pb2

from atomlens.server.calls import Context
from atomlens.server.errors import EngineError, ServerError

DETAILS = "grpc-status-details-bin"
CODES = {code.value[0]: code for code in grpc.StatusCode}
log = logging.getLogger(__name__)


def has_left(error: Exception) -> bool:
    """Return whether a call ended because its client left: a write that waits for it fails in gRPC."""
    while isinstance(error, ExceptionGroup):
        if error.subgroup(ServerError):
            return False
        error = error.exceptions[0]
    return isinstance(error, grpc.aio.InternalError)


def server_error(error: Exception) -> ServerError:
    """Return the first ServerError in a group, or what stands for an error that nobody foresaw."""
    while isinstance(error, ExceptionGroup):
        known = error.subgroup(ServerError)
        error = (known or error).exceptions[0]
    if isinstance(error, ServerError):
        return error
    log.error("a call failed unexpectedly", exc_info=error)
    return EngineError("the server failed unexpectedly; its log has the reason")


async def abort(context: Context, error: ServerError, request_id: str) -> NoReturn:
    """End a call with the status of an error, which names the request where it has an id."""
    status = error.to_status()
    if request_id:
        packed = any_pb2.Any()
        packed.Pack(error_details_pb2.RequestInfo(request_id=request_id))
        status.details.append(packed)
    await context.abort(CODES[status.code], status.message, ((DETAILS, status.SerializeToString()),))
