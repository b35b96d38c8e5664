"""`atomlens.server.errors`."""

from __future__ import annotations

import pytest
from google.rpc import code_pb2, error_details_pb2

from atomlens.server import errors
from atomlens.server.errors import InputError, OverloadedError, ServerError

CODES = {
    errors.InputError: code_pb2.INVALID_ARGUMENT,
    errors.UnknownModelError: code_pb2.NOT_FOUND,
    errors.UnusableModelError: code_pb2.FAILED_PRECONDITION,
    errors.OverloadedError: code_pb2.RESOURCE_EXHAUSTED,
    errors.UnavailableError: code_pb2.UNAVAILABLE,
    errors.OutOfMemoryError: code_pb2.RESOURCE_EXHAUSTED,
    errors.UnauthenticatedError: code_pb2.UNAUTHENTICATED,
    errors.PermissionDeniedError: code_pb2.PERMISSION_DENIED,
    errors.DeadlineError: code_pb2.DEADLINE_EXCEEDED,
    errors.EngineError: code_pb2.INTERNAL,
}


@pytest.mark.parametrize("kind", CODES)
def test_every_error_has_its_status(kind: type[ServerError]) -> None:
    """Code, message and an ErrorInfo with reason and domain."""
    status = kind("what happened").to_status()
    info = error_details_pb2.ErrorInfo()
    assert status.code == CODES[kind]
    assert status.message == "what happened"
    assert len(status.details) == 1
    assert status.details[0].Unpack(info)
    assert (info.domain, info.reason) == ("atomlens", kind.reason)


def test_every_kind_of_error_is_told_apart() -> None:
    """The table above is complete."""
    assert set(ServerError.__subclasses__()) == set(CODES)


def test_the_field_to_blame_travels_along() -> None:
    """As a violation of a BadRequest."""
    status = InputError("no good", "NOT_FINITE", "structures[3].positions[7]").to_status()
    request = error_details_pb2.BadRequest()
    assert status.details[1].Unpack(request)
    (violation,) = request.field_violations
    assert (violation.field, violation.description) == ("structures[3].positions[7]", "no good")


def test_the_time_to_try_again_travels_along() -> None:
    """As a RetryInfo, in the time that it was said."""
    status = OverloadedError("full", retry_seconds=1.25).to_status()
    told = error_details_pb2.RetryInfo()
    assert status.details[1].Unpack(told)
    assert told.retry_delay.ToMilliseconds() == 1250


@pytest.mark.parametrize("letter", ["a", "ä", "😀"])
def test_details_stay_under_4_kib(letter: str) -> None:
    """However long the message is, and however many bytes its letters take."""
    error = InputError(letter * 100_000, field="structures[0]")
    assert len(error.to_status().SerializeToString()) < 4096
