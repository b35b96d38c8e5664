"""Statuses as errors of the client."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2

from atomlens.client import errors
from atomlens.client.translation import DETAILS_KEY, from_status, of_one_structure, translated


def status(code: int, message: str, reason: str, field: str) -> status_pb2.Status:
    """Return a status as the server makes it."""
    made = status_pb2.Status(code=code, message=message)
    violation = error_details_pb2.BadRequest.FieldViolation(field=field)
    for detail in (
        error_details_pb2.ErrorInfo(reason=reason, domain="atomlens"),
        error_details_pb2.BadRequest(field_violations=[violation]),
    ):
        packed = any_pb2.Any()
        packed.Pack(detail)
        made.details.append(packed)
    return made


class Failed(grpc.RpcError):
    """A call that failed, as gRPC raises it."""

    def __init__(self, code: grpc.StatusCode, details: str, made: status_pb2.Status | None = None) -> None:
        super().__init__()
        self._code, self._details, self._made = code, details, made

    def code(self) -> grpc.StatusCode:
        """Return the code."""
        return self._code

    def details(self) -> str:
        """Return the message."""
        return self._details

    def trailing_metadata(self) -> Any:
        """Return the details as metadata."""
        return [] if self._made is None else [(DETAILS_KEY, self._made.SerializeToString())]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (code_pb2.INVALID_ARGUMENT, errors.InputError),
        (code_pb2.NOT_FOUND, errors.UnknownModelError),
        (code_pb2.FAILED_PRECONDITION, errors.UnusableModelError),
        (code_pb2.RESOURCE_EXHAUSTED, errors.OverloadedError),
        (code_pb2.UNAVAILABLE, errors.UnavailableError),
        (code_pb2.UNAUTHENTICATED, errors.UnauthenticatedError),
        (code_pb2.PERMISSION_DENIED, errors.PermissionDeniedError),
        (code_pb2.DEADLINE_EXCEEDED, errors.DeadlineError),
        (code_pb2.CANCELLED, errors.CancelledError),
        (code_pb2.INTERNAL, errors.InternalError),
        (code_pb2.UNIMPLEMENTED, errors.InternalError),
    ],
)
def test_kinds(code: int, kind: type[errors.AtomLensError]) -> None:
    """Every status becomes the error of who must act, with its message, reason and field."""
    error = from_status(status(code, "what is wrong", "WHY", "structures[3].positions[7]"))
    assert type(error) is kind
    assert (str(error), error.reason, error.field) == ("what is wrong", "WHY", "structures[3].positions[7]")


def test_builtin_kinds() -> None:
    """Errors can be caught as what Python calls them too."""
    assert issubclass(errors.InputError, ValueError)
    assert issubclass(errors.UnavailableError, ConnectionError)
    assert issubclass(errors.DeadlineError, TimeoutError)
    assert issubclass(errors.PermissionDeniedError, PermissionError)
    assert issubclass(errors.MissingExtraError, ImportError)


def test_of_one_structure() -> None:
    """The error of one structure does not tell of a batch that the caller never saw."""
    made = status(
        code_pb2.INVALID_ARGUMENT, "`structures[3].positions` is bad", "X", "structures[3].positions[7]"
    )
    error = of_one_structure(made)
    assert (str(error), error.field) == ("`positions` is bad", "positions[7]")


def test_rich_errors_of_calls() -> None:
    """A failed call raises the error that its details hold, from what gRPC raised."""
    failed = Failed(
        grpc.StatusCode.NOT_FOUND, "x", status(code_pb2.NOT_FOUND, "no such model", "UNKNOWN_MODEL", "")
    )
    with pytest.raises(errors.UnknownModelError, match="no such model") as caught, translated("host:1"):
        raise failed
    assert caught.value.reason == "UNKNOWN_MODEL"
    assert caught.value.__cause__ is failed


def test_details_that_cannot_be_read_tell_nothing() -> None:
    """Of a call and of a structure: what stands beside them is told, unknown codes by their number."""
    made = status(code_pb2.NOT_FOUND, "no such model", "UNKNOWN_MODEL", "model")
    made.details[0].value = b"\xff"
    error = from_status(made)
    assert (type(error), error.reason, error.field) == (errors.UnknownModelError, "", "model")
    assert str(from_status(status_pb2.Status(code=99))) == "status 99"

    class Garbled(Failed):
        def trailing_metadata(self) -> Any:
            return ((DETAILS_KEY, b"\xff"),)

    with pytest.raises(errors.UnknownModelError, match="it is not here"), translated("host:1"):
        raise Garbled(grpc.StatusCode.NOT_FOUND, "it is not here")


def test_plain_errors_of_calls() -> None:
    """A call that reaches no server names the address."""
    with pytest.raises(errors.UnavailableError) as caught, translated("host:1"):
        raise Failed(grpc.StatusCode.UNAVAILABLE, "connection\nrefused")
    assert str(caught.value) == "no AtomLens server answers at host:1 (connection refused)"


@pytest.mark.parametrize(
    ("details", "kind"),
    [
        ("", errors.UnavailableError),
        ("CANCELLED", errors.UnavailableError),
        ("Locally cancelled by application!", errors.CancelledError),
        ("Channel closed!", errors.CancelledError),
    ],
)
def test_calls_that_nobody_took(details: str, kind: type[errors.AtomLensError]) -> None:
    """A server that leaves cancels what reached it and nobody took: it is away, nobody cancelled."""
    with pytest.raises(errors.AtomLensError) as caught, translated("host:1"):
        raise Failed(grpc.StatusCode.CANCELLED, details)
    assert type(caught.value) is kind


FAILING = "connections to all backends failing; last error: "
HANDSHAKE = f"{FAILING}UNKNOWN: ipv4:1.2.3.4:5: Tls handshake failed (TSI_PROTOCOL_FAILURE): SSL_ERROR_SSL: "


@pytest.mark.parametrize(
    ("details", "kind", "words"),
    [
        (
            f"{HANDSHAKE}error:1000007d:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED: "
            "certificate has expired: OK",
            errors.CertificateError,
            "the certificate of the server at host:1 is not to be trusted: certificate has expired",
        ),
        (
            f"{FAILING}UNKNOWN: Custom verification check failed with error: UNAUTHENTICATED: Hostname "
            "Verification Check failed.",
            errors.CertificateError,
            "the certificate of the server at host:1 is not to be trusted: it is another server's",
        ),
        (
            f"{HANDSHAKE}error:100000f7:SSL routines:OPENSSL_internal:WRONG_VERSION_NUMBER: Invalid: OK",
            errors.UnavailableError,
            "no AtomLens server answers at host:1 (it does not speak TLS)",
        ),
        (
            f"{FAILING}UNAVAILABLE: ipv4:1.2.3.4:5: Socket closed",
            errors.UnavailableError,
            f"no AtomLens server answers at host:1 ({FAILING}UNAVAILABLE: ipv4:1.2.3.4:5: Socket closed; "
            "it may want TLS, or a client's certificate that it trusts)",
        ),
        (
            "Socket closed",
            errors.UnavailableError,
            "no AtomLens server answers at host:1 (Socket closed)",
        ),
    ],
)
def test_what_tls_found_amiss_is_said(details: str, kind: type[errors.AtomLensError], words: str) -> None:
    """A certificate is named as the reason where gRPC tells; where it does not, what it may be."""
    with pytest.raises(errors.UnavailableError) as caught, translated("host:1"):
        raise Failed(grpc.StatusCode.UNAVAILABLE, details)
    assert (type(caught.value), str(caught.value)) == (kind, words)


def test_the_time_to_come_again() -> None:
    """A server that says when it has room is heard; one that does not says nothing."""
    made = status(code_pb2.RESOURCE_EXHAUSTED, "full", "QUEUE_FULL", "")
    assert from_status(made).retry_seconds is None
    retry, packed = error_details_pb2.RetryInfo(), any_pb2.Any()
    retry.retry_delay.FromMilliseconds(1250)
    packed.Pack(retry)
    made.details.append(packed)
    assert from_status(made).retry_seconds == 1.25
    assert from_status(made).reason == "QUEUE_FULL"


def test_an_error_knows_the_id_that_the_log_of_the_server_has() -> None:
    """A failure inside the server says it, too: whoever reads the message can ask who runs the server."""
    packed = any_pb2.Any()
    packed.Pack(error_details_pb2.RequestInfo(request_id="ab-7"))
    inside = from_status(status_pb2.Status(code=code_pb2.INTERNAL, message="it broke", details=[packed]))
    assert (inside.request_id, str(inside)) == ("ab-7", "it broke (request ab-7)")
    refused = from_status(status_pb2.Status(code=code_pb2.NOT_FOUND, message="unknown", details=[packed]))
    assert (refused.request_id, str(refused)) == ("ab-7", "unknown")
    assert from_status(status(code_pb2.INTERNAL, "it broke", "INTERNAL", "")).request_id == ""
