"""Errors: what can go wrong, told apart by who must act.

ServerError
├── InputError          the caller must change the request          INVALID_ARGUMENT
├── UnknownModelError   the caller must name another model          NOT_FOUND
├── UnusableModelError  the operator must mend a model              FAILED_PRECONDITION
├── OverloadedError     the caller must send less, or later         RESOURCE_EXHAUSTED
├── OutOfMemoryError    the caller must send smaller structures     RESOURCE_EXHAUSTED
├── UnavailableError    the caller must ask another server          UNAVAILABLE
├── UnauthenticatedError   the caller must say who it is            UNAUTHENTICATED
├── PermissionDeniedError  the operator must allow it first         PERMISSION_DENIED
├── DeadlineError       the caller gave too little time             DEADLINE_EXCEEDED
└── EngineError         we must mend the engine                     INTERNAL
BundleError             the operator must mend a bundle; at loading, never over the wire
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

DOMAIN = "atomlens"
LONGEST_MESSAGE = 1000  # bytes: details above 8 KiB would be dropped on the way


class ServerError(Exception):
    """An error that a caller is told about, with its gRPC status."""

    code: ClassVar[int] = code_pb2.INTERNAL
    reason: str = "INTERNAL"

    def __init__(
        self,
        message: str,
        reason: str | None = None,
        field: str | None = None,
        retry_seconds: float | None = None,
    ) -> None:
        """Say what happened.

        Args:
            message: for people.
            reason: a fixed word for programs.
            field: of the request, where one is to blame.
            retry_seconds: after which the same may be asked again, where that helps.
        """
        super().__init__(message)
        self.message = message.encode()[:LONGEST_MESSAGE].decode(errors="ignore")
        self.reason = reason or self.reason
        self.field = field
        self.retry_seconds = retry_seconds

    def to_status(self) -> status_pb2.Status:
        """Return the status with its details: ErrorInfo, a BadRequest for a field, RetryInfo for a time."""
        status = status_pb2.Status(code=self.code, message=self.message)
        for detail in self._details():
            packed = Any()
            packed.Pack(detail)
            status.details.append(packed)
        return status

    def _details(self) -> Iterator[Message]:
        yield error_details_pb2.ErrorInfo(reason=self.reason, domain=DOMAIN)
        if self.field:
            violation = error_details_pb2.BadRequest.FieldViolation(
                field=self.field, description=self.message
            )
            yield error_details_pb2.BadRequest(field_violations=[violation])
        if self.retry_seconds is not None:
            told = error_details_pb2.RetryInfo()
            told.retry_delay.FromNanoseconds(round(1e9 * self.retry_seconds))
            yield told


class InputError(ServerError):
    """Something in the request breaks a rule."""

    code = code_pb2.INVALID_ARGUMENT
    reason = "WRONG_SHAPE"


class UnknownModelError(ServerError):
    """There is no such model or version."""

    code = code_pb2.NOT_FOUND
    reason = "UNKNOWN_MODEL"


class UnusableModelError(ServerError):
    """The model exists and cannot be asked."""

    code = code_pb2.FAILED_PRECONDITION
    reason = "MODEL_FAILED"


class OverloadedError(ServerError):
    """The queue has no room, or as many streams are open as may be."""

    code = code_pb2.RESOURCE_EXHAUSTED
    reason = "QUEUE_FULL"


class OutOfMemoryError(ServerError):
    """There is not enough memory for one structure alone."""

    code = code_pb2.RESOURCE_EXHAUSTED
    reason = "OUT_OF_MEMORY"


class UnavailableError(ServerError):
    """The server is leaving."""

    code = code_pb2.UNAVAILABLE
    reason = "DRAINING"


class UnauthenticatedError(ServerError):
    """A token is needed, and there is none or it is not known."""

    code = code_pb2.UNAUTHENTICATED
    reason = "TOKEN_UNKNOWN"


class PermissionDeniedError(ServerError):
    """The token is known, and does not allow this."""

    code = code_pb2.PERMISSION_DENIED
    reason = "SCOPE_MISSING"


class DeadlineError(ServerError):
    """The call's deadline passed before its work was done."""

    code = code_pb2.DEADLINE_EXCEEDED
    reason = "DEADLINE"


class EngineError(ServerError):
    """The runtime failed on accepted input."""


class BundleError(Exception):
    """A bundle that breaks the contract; the message says which file and which rule."""


class UnreadableError(BundleError):
    """The system does not give a file now; it may later, though nobody touches it."""
