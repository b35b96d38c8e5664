"""`atomlens.server.security.guard`."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace

import pytest

from atomlens.server.errors import PermissionDeniedError, UnauthenticatedError
from atomlens.server.security.guard import Guard
from atomlens.server.security.tokens import Tokens

from .conftest import line

EXPLAIN, PROBE = "/atomlens.v1.ExplanationService/Explain", "/atomlens.v1.ExplanationService/Probe"
REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
KNOWN = SimpleNamespace(
    value=Tokens.parse(line("ada", "explain", "sesame") + line("bob", "probe,admin", "abra"))
)


def nobody() -> Mapping[str, list[bytes]]:
    """Return what gRPC knows of a client without a certificate."""
    return {}


def carol() -> Mapping[str, list[bytes]]:
    """Return what gRPC knows of a client with one."""
    return {"transport_security_type": [b"ssl"], "x509_common_name": [b"carol"]}


def workload() -> Mapping[str, list[bytes]]:
    """Return what gRPC knows of a client whose certificate has no common name."""
    return {
        "x509_common_name": [b""],
        "x509_subject_alternative_name": [b"spiffe://lab/screening", b"10.0.0.1"],
    }


def test_nothing_is_asked_of_anyone() -> None:
    """Without tokens and certificates every method is open, and callers have no names."""
    assert Guard().check(PROBE, {"authorization": "Bearer what"}, carol) == ""


@pytest.mark.parametrize("value", ["Bearer sesame", "bearer sesame", "BEARER  sesame "])
def test_a_known_token(value: str) -> None:
    """A token opens what its scopes say, and reflection; its name is who calls."""
    guard = Guard(KNOWN)
    assert guard.check(EXPLAIN, {"authorization": value}, nobody) == "ada"
    assert guard.check(REFLECTION, {"authorization": value}, nobody) == "ada"
    with pytest.raises(PermissionDeniedError, match="the token of ada lacks the scope `probe`"):
        guard.check(PROBE, {"authorization": value}, nobody)


@pytest.mark.parametrize("method", [EXPLAIN, PROBE, REFLECTION, "/some.Other/Method"])
def test_no_token(method: str) -> None:
    """What is to be sent is said."""
    with pytest.raises(UnauthenticatedError, match="`authorization: Bearer TOKEN`") as caught:
        Guard(KNOWN).check(method, {"user-agent": "x"}, nobody)
    assert caught.value.reason == "TOKEN_MISSING"


@pytest.mark.parametrize(
    "value", ["Bearer nonsense", "Bearer", "Bearer ", "", "sesame", "Basic sesame", "Bearer\tsesame", b"\xff"]
)
def test_unknown_and_malformed_tokens_look_alike(value: str | bytes) -> None:
    """Who guesses learns nothing of what was wrong."""
    with pytest.raises(UnauthenticatedError) as caught:
        Guard(KNOWN).check(EXPLAIN, {"authorization": value}, nobody)
    assert (str(caught.value), caught.value.reason) == ("the token is not known here", "TOKEN_UNKNOWN")


def test_health_is_open() -> None:
    """Probes of an orchestrator have no tokens."""
    assert Guard(KNOWN).check("/grpc.health.v1.Health/Check", {}, nobody) == ""


def test_a_certificate_names_who_calls() -> None:
    """Without tokens a client's certificate opens everything; with them the token is needed as well."""
    assert Guard(None, asks_certificates=True).check(PROBE, {}, carol) == "carol"
    assert Guard(None, asks_certificates=True).check(PROBE, {}, workload) == "spiffe://lab/screening"
    assert Guard(None, asks_certificates=True).check(PROBE, {}, nobody) == ""
    both = Guard(KNOWN, asks_certificates=True)
    with pytest.raises(UnauthenticatedError):
        both.check(EXPLAIN, {}, carol)
    assert both.check(EXPLAIN, {"authorization": "Bearer sesame"}, carol) == "ada"


def test_tokens_are_those_that_are_known_now() -> None:
    """A token that is taken out of the file opens nothing more."""
    known = SimpleNamespace(value=KNOWN.value)
    guard, sent = Guard(known), {"authorization": "Bearer sesame"}
    assert guard.check(EXPLAIN, sent, nobody) == "ada"
    known.value = Tokens.parse(line("ada", "explain", "other"))
    with pytest.raises(UnauthenticatedError):
        guard.check(EXPLAIN, sent, nobody)
