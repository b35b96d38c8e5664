"""`atomlens.server.telemetry.call_log`."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from atomlens.server.calls import Call, Priority
from atomlens.server.telemetry.account import Account
from atomlens.server.telemetry.call_log import CallLog

ENDS = {"OK": "", "INVALID_ARGUMENT": "WRONG_SHAPE", "INTERNAL": "INTERNAL"}


@pytest.fixture
def call() -> Call:
    """A call of a client about two structures."""
    nothing: Any = None
    return Call(nothing, nothing, "lab", "r-1", 0.0, Priority.BULK, Account(None, "m@1", 2, 0, 40))


def told(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """Return what the lines carry."""
    return [record.fields for record in caplog.records if hasattr(record, "fields")]


def test_a_line_tells_what_a_call_was_about_and_how_it_ended(
    call: Call, caplog: pytest.LogCaptureFixture
) -> None:
    """With the id of the request, whoever formats it; the time in seconds."""
    caplog.set_level(logging.INFO)
    CallLog().ended("/s/M", call, "", "OK", "", 0.12345678)
    (record,) = caplog.records
    assert record.__dict__["request_id"] == "r-1"
    assert told(caplog) == [
        {
            "method": "/s/M",
            "client": "lab",
            "code": "OK",
            "seconds": 0.123457,
            "model": "m@1",
            "structures": 2,
            "cost": 40,
        }
    ]


def test_a_call_that_was_not_let_in_is_known_by_its_peer(caplog: pytest.LogCaptureFixture) -> None:
    """It has no id, for its metadata were not believed."""
    caplog.set_level(logging.INFO)
    CallLog().ended("/s/M", None, "10.0.0.1", "UNAUTHENTICATED", "NO_TOKEN", 0.0)
    assert told(caplog) == [
        {
            "method": "/s/M",
            "client": "10.0.0.1",
            "code": "UNAUTHENTICATED",
            "reason": "NO_TOKEN",
            "seconds": 0.0,
        }
    ]


@pytest.mark.parametrize(
    ("which", "codes"),
    [
        ("all", ["OK", "INVALID_ARGUMENT", "INTERNAL"]),
        ("failed", ["INVALID_ARGUMENT", "INTERNAL"]),
        ("none", []),
    ],
)
def test_calls_that_have_a_line_are_chosen(
    which: str, codes: list[str], call: Call, caplog: pytest.LogCaptureFixture
) -> None:
    """All of them, those that failed, or none."""
    caplog.set_level(logging.INFO)
    for code, reason in ENDS.items():
        CallLog(which).ended("/s/M", call, "", code, reason, 0.0)
    assert [fields["code"] for fields in told(caplog)] == codes


def test_what_somebody_must_look_into_is_a_warning(call: Call, caplog: pytest.LogCaptureFixture) -> None:
    """All else is information, and not made where nobody wants it."""
    caplog.set_level(logging.WARNING)
    for code, reason in ENDS.items():
        CallLog().ended("/s/M", call, "", code, reason, 0.0)
    assert [fields["code"] for fields in told(caplog)] == ["INTERNAL"]
