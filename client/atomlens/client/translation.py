"""Translation: the one place where statuses of gRPC and of the engine become errors of the client."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import DecodeError
from google.rpc import code_pb2, error_details_pb2, status_pb2

from atomlens.client.errors import (
    AtomLensError,
    CancelledError,
    CertificateError,
    DeadlineError,
    InputError,
    InternalError,
    OverloadedError,
    PermissionDeniedError,
    UnauthenticatedError,
    UnavailableError,
    UnknownModelError,
    UnusableModelError,
)

DETAILS_KEY = "grpc-status-details-bin"
BROKEN_WRITE = "execute_batch"  # grpc.aio calls it internal when it writes to a call that has ended
UNTRUSTED = re.compile("CERTIFICATE_VERIFY_FAILED: (?P<why>[A-Za-z -]*)|Hostname Verification Check failed")
NO_TLS, CLOSED = "WRONG_VERSION_NUMBER", "Socket closed"
NOT_TAKEN = ("", "CANCELLED")  # what a server that leaves says of calls that nobody took; callers say more
TOO_MANY_CALLS = "Concurrent RPC limit exceeded"  # gRPC says it for the server, which never sees the call
CROWDED_SECONDS = 0.5  # before another attempt then
STRUCTURE_INDEX = re.compile(r"structures\[\d+\]\.?")
ERRORS: dict[int, type[AtomLensError]] = {
    code_pb2.INVALID_ARGUMENT: InputError,
    code_pb2.OUT_OF_RANGE: InputError,
    code_pb2.NOT_FOUND: UnknownModelError,
    code_pb2.FAILED_PRECONDITION: UnusableModelError,
    code_pb2.RESOURCE_EXHAUSTED: OverloadedError,
    code_pb2.UNAVAILABLE: UnavailableError,
    code_pb2.UNAUTHENTICATED: UnauthenticatedError,
    code_pb2.PERMISSION_DENIED: PermissionDeniedError,
    code_pb2.DEADLINE_EXCEEDED: DeadlineError,
    code_pb2.CANCELLED: CancelledError,
}


def from_status(status: status_pb2.Status) -> AtomLensError:
    """Return the error that a ``google.rpc.Status`` stands for."""
    known = status.code in code_pb2.Code.values()
    message = status.message or (code_pb2.Code.Name(status.code) if known else f"status {status.code}")
    return ERRORS.get(status.code, InternalError)(message, **_told(status.details))


def _told(details: Iterable[any_pb2.Any]) -> dict[str, Any]:
    """Return what the details of a status tell, as arguments of an error."""
    info, request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    retry, call = error_details_pb2.RetryInfo(), error_details_pb2.RequestInfo()
    told: dict[str, Any] = {}
    for detail in details:
        with suppress(DecodeError):  # what cannot be read tells nothing
            if detail.Unpack(info):
                told["reason"] = info.reason
            elif detail.Unpack(request) and request.field_violations:
                told["field"] = request.field_violations[0].field
            elif detail.Unpack(retry):
                told["retry_seconds"] = max(retry.retry_delay.ToNanoseconds() / 1e9, 0.0)
            elif detail.Unpack(call):
                told["request_id"] = call.request_id
    return told


def of_one_structure(status: status_pb2.Status) -> AtomLensError:
    """Return the error of one structure, without its index in a batch that the caller never saw."""
    error = from_status(status)
    message = STRUCTURE_INDEX.sub("", error.message)
    return type(error)(message, reason=error.reason, field=STRUCTURE_INDEX.sub("", error.field))


def from_rpc_error(error: grpc.RpcError, address: str) -> AtomLensError:
    """Return the error that a failed gRPC call with the server at ``address`` stands for."""
    call: Any = error  # grpc raises objects that are calls as well
    for key, value in call.trailing_metadata() or ():
        if key == DETAILS_KEY:
            with suppress(DecodeError):
                return from_status(status_pb2.Status.FromString(value))
    code = call.code().value[0]
    message = " ".join(str(call.details() or "").split())
    if code == code_pb2.INTERNAL and _is_broken_write(error):
        code, message = code_pb2.UNAVAILABLE, "the connection broke"
    if code == code_pb2.CANCELLED and message in NOT_TAKEN:
        code, message = code_pb2.UNAVAILABLE, "it left"
    if code == code_pb2.RESOURCE_EXHAUSTED and message.startswith(TOO_MANY_CALLS):
        told = "the server answers as many calls at once as it may"
        return OverloadedError(told, reason="TOO_MANY_CALLS", retry_seconds=CROWDED_SECONDS)
    if code == code_pb2.UNAVAILABLE:
        return _unavailable(address, message)
    if code == code_pb2.DEADLINE_EXCEEDED:
        message = f"the server at {address} did not answer in time"
    return from_status(status_pb2.Status(code=code, message=message))


def _is_broken_write(error: grpc.RpcError) -> bool:
    """Return whether grpc.aio wrote to a call that had ended; of other calls the same text may never come."""
    return isinstance(error, grpc.aio.AioRpcError) and BROKEN_WRITE in (error.debug_error_string() or "")


def _unavailable(address: str, message: str) -> UnavailableError:
    """Return why nobody answers; of TLS gRPC tells what the client found amiss, not what the server did."""
    if untrusted := UNTRUSTED.search(message):
        why = (untrusted["why"] or "it is another server's").strip()
        return CertificateError(f"the certificate of the server at {address} is not to be trusted: {why}")
    if NO_TLS in message:
        message = "it does not speak TLS"
    elif message.endswith(CLOSED) and message != CLOSED:  # while it connected, and not later
        message += "; it may want TLS, or a client's certificate that it trusts"
    return UnavailableError(f"no AtomLens server answers at {address} ({message})")


@contextmanager
def translated(address: str) -> Iterator[None]:
    """Raise what gRPC raises inside as an error of the client."""
    try:
        yield
    except grpc.RpcError as error:
        raise from_rpc_error(error, address) from error
