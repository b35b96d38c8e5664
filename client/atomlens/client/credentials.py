"""Credentials: whom a client trusts, and what it proves itself with."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from atomlens.client.address import is_loopback
from atomlens.client.errors import InputError, UnreadableFileError
from atomlens.client.trace_context import trace_context

Options = Sequence[tuple[str, str | int]]
Metadata = tuple[tuple[str, str], ...]
SECRET = re.compile("[!-~]+")
LONGEST_SECRET = 4096  # bytes: of longer metadata servers take none


@dataclass(frozen=True, slots=True)
class Tls:
    """An encrypted connection; files are in PEM form and read when a client is made."""

    ca: Path | str | None = None  # that the server's certificate comes from; the public ones if not given
    cert: Path | str | None = None  # the client's own, for servers that ask for one
    key: Path | str | None = None  # of that certificate
    server_name: str = ""  # in the server's certificate, where it is reached by another name

    def __post_init__(self) -> None:
        if (self.cert is None) != (self.key is None):
            missing = "key" if self.key is None else "cert"
            raise InputError(f"`{missing}` is missing: `cert` and `key` go together", field=missing)

    def read(self) -> grpc.ChannelCredentials:
        """Read the files; raises `UnreadableFileError` for one that is missing, or what it should not be."""
        ca, cert, key = (_contents(name, getattr(self, name)) for name in ("ca", "cert", "key"))
        self._check()
        return grpc.ssl_channel_credentials(ca, key, cert)

    def _check(self) -> None:
        """Raise what gRPC would say of the files no earlier than at the first call, and less clearly."""
        import ssl  # it takes a while to load, and few need it

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            if self.ca is not None:
                context.load_verify_locations(self.ca)
        except ssl.SSLError as error:
            raise UnreadableFileError(
                f"`ca` {self.ca} must be certificates in PEM form", field="ca"
            ) from error
        try:
            if self.cert is not None:
                context.load_cert_chain(self.cert, self.key, password="")
        except ssl.SSLError as error:
            rule = "`cert` and `key` must be a certificate and its own key, not encrypted, in PEM form"
            raise UnreadableFileError(f"{rule}: {self.cert}, {self.key}", field="cert") from error


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a connection is made with. A token is a text, or the path of a file that each call reads anew."""

    tls: Tls | None = None
    token: str | Path | None = field(default=None, repr=False)
    insecure_token: bool = False  # whether a token may be sent to another machine without TLS

    @classmethod
    def of(cls, tls: Tls | bool, token: str | Path | None, insecure_token: bool) -> Credentials:
        """Return credentials of what users of a client write; True is TLS with the CAs that are public."""
        return cls((Tls() if tls else None) if isinstance(tls, bool) else tls, token, insecure_token)

    def channel(self, address: str, options: Options) -> grpc.Channel:
        """Return a channel to a server; raises `InputError` where it would show the token to others."""
        self._check(address)
        if self.tls is None:
            return grpc.insecure_channel(address, options)
        return grpc.secure_channel(address, self.tls.read(), self._named(options))

    def async_channel(self, address: str, options: Options) -> grpc.aio.Channel:
        """Return a channel of grpc.aio, as `channel` does."""
        self._check(address)
        if self.tls is None:
            return grpc.aio.insecure_channel(address, options)
        return grpc.aio.secure_channel(address, self.tls.read(), self._named(options))

    def metadata(self) -> Metadata | None:
        """Return what a call is sent with: the token, and the caller's span where one is active."""
        proof = () if self.token is None else (("authorization", f"Bearer {_secret(self.token)}"),)
        return proof + trace_context() or None

    def _check(self, address: str) -> None:
        self.metadata()
        if self.token and not (self.tls or self.insecure_token or is_loopback(address)):
            rule = "set `tls`, or `insecure_token` where nobody can read what is sent"
            raise InputError(f"`token` must not go to {address} in plain text: {rule}", field="token")

    def _named(self, options: Options) -> Options:
        name = self.tls.server_name if self.tls else ""
        return [*options, ("grpc.ssl_target_name_override", name)] if name else options


def _secret(token: str | Path) -> str:
    """Return the text of a token, which no message repeats."""
    secret = _read(token) if isinstance(token, os.PathLike) else token
    if not isinstance(secret, str) or not SECRET.fullmatch(secret):
        where = f" in {token}" if isinstance(token, os.PathLike) else ""
        raise InputError(f"`token`{where} must be one word of ASCII letters, digits and signs", field="token")
    return secret


def _read(path: Path) -> str:
    """Return what is in a token's file: without Python's own files, which take four times as long."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.read(file, LONGEST_SECRET).decode(errors="replace").strip()
        finally:
            os.close(file)
    except OSError as error:
        raise UnreadableFileError(
            f"`token` {path} cannot be read: {error.strerror}", field="token"
        ) from error


def _contents(name: str, path: Path | str | None) -> bytes | None:
    if path is None:
        return None
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UnreadableFileError(f"`{name}` {path} cannot be read: {error.strerror}", field=name) from error
