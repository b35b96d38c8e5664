"""Guard: who a call comes from, and whether it may be made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from atomlens.server.errors import PermissionDeniedError, UnauthenticatedError
from atomlens.server.security.scopes import ANY, OPEN, access
from atomlens.server.security.tokens import Token, Tokens

KEY = "authorization"
SCHEME = "bearer "
NAMES = ("x509_common_name", "x509_subject_alternative_name")  # of a certificate, as gRPC tells them
Metadata = Mapping[str, str | bytes]
Proof = Callable[[], Mapping[str, Iterable[bytes]]]  # `auth_context` of gRPC's context


class Known(Protocol):
    """Where the tokens that are known now are found."""

    @property
    def value(self) -> Tokens:
        """All tokens."""
        ...


class Guard:
    """Lets calls in: by a token where the server knows any, by a client's certificate where it asks for one.

    Where it asks for both, both are needed: a connection without a certificate never gets as far as a call.
    """

    def __init__(self, known: Known | None = None, asks_certificates: bool = False) -> None:
        self._known, self._asks_certificates = known, asks_certificates

    def check(self, method: str, metadata: Metadata, proof: Proof) -> str:
        """Return who calls /PACKAGE.SERVICE/METHOD: the name of the token, else of the certificate.

        It is empty where neither is asked for.

        Raises:
            UnauthenticatedError: there is no token, or it is not known.
            PermissionDeniedError: the token lacks the scope.
        """
        needed = access(method) if self._known else OPEN
        if self._known is None or needed == OPEN:
            return _name(proof()) if self._asks_certificates else ""
        token = self._find(metadata, self._known.value)
        if needed != ANY and needed not in token.scopes:
            raise PermissionDeniedError(f"the token of {token.name} lacks the scope `{needed}`")
        return token.name

    def _find(self, metadata: Metadata, known: Tokens) -> Token:
        given = metadata.get(KEY)
        if given is None:
            raise UnauthenticatedError(
                "a token is needed, as `authorization: Bearer TOKEN` in the call's metadata", "TOKEN_MISSING"
            )
        token = known.find(_secret(given))
        if token is None:
            raise UnauthenticatedError("the token is not known here")
        return token


def _secret(given: str | bytes) -> str:
    """Return the secret in the value of the header; where there is none, what is no token's."""
    if isinstance(given, bytes) or given[: len(SCHEME)].lower() != SCHEME:
        return ""
    return given[len(SCHEME) :].strip()


def _name(proof: Mapping[str, Iterable[bytes]]) -> str:
    """Return the common name of a client's certificate, else the first of its other names."""
    found = (name.decode(errors="replace") for kind in NAMES for name in proof.get(kind, ()))
    return next(filter(None, found), "")
