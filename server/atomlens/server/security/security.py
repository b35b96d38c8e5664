"""Security: the certificates and tokens of one server, from its start to its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import grpc

from atomlens.server.security.exposure import warn_of_exposure
from atomlens.server.security.guard import Guard
from atomlens.server.security.permissions import warn_of_readers
from atomlens.server.security.reloaded import Contents, Heard, Reloaded
from atomlens.server.security.tokens import Tokens
from atomlens.server.settings import SecuritySettings, ServerSettings

if TYPE_CHECKING:
    from atomlens.server.security.tls import Tls

Told = Callable[[str, bool], None]  # of certificates or tokens that changed: whether they could be used
REFRESH_SECONDS = 1.0  # between two looks at the files
log = logging.getLogger(__name__)


def untold(what: str, succeeded: bool) -> None:
    """Tell nobody."""


class Security:
    """What a server asks of those who call, and proves to them."""

    def __init__(self, settings: ServerSettings, told: Told = untold) -> None:
        """Read the files that the settings name, and warn of what is left open.

        Raises:
            ValueError: a file cannot be used; the message names the setting.
        """
        self.tls = _tls(settings, partial(told, "certificates"))
        self._tokens = _tokens(settings, partial(told, "tokens"))
        self.guard = Guard(self._tokens, self.tls is not None and self.tls.asks_clients)
        warn_of_exposure(settings, settings)

    def listen(self, server: grpc.aio.Server, address: str) -> int:
        """Have a server listen, with TLS where there are certificates, and return the port.

        Raises:
            RuntimeError: the address cannot be listened on.
        """
        if self.tls is None:
            return server.add_insecure_port(address)
        return server.add_secure_port(address, self.tls.credentials())

    async def watch(self) -> None:
        """Look at the files again and again until cancelled, beside the event loop."""
        while self.tls or self._tokens:
            await asyncio.sleep(REFRESH_SECONDS)
            try:
                await asyncio.to_thread(self.refresh)
            except Exception:  # a token that is taken back must not live on because of it
                log.exception("certificates and tokens could not be looked at")

    def refresh(self) -> None:
        """Read what changed."""
        if self.tls:
            self.tls.refresh()
        if self._tokens:
            self._tokens.refresh()


def _tls(settings: SecuritySettings, heard: Heard) -> Tls | None:
    """Return the certificates; their library is loaded only where there are any."""
    if settings.tls_cert is None:
        return None
    from atomlens.server.security.tls import Tls

    return Tls(settings, heard)


def _tokens(settings: SecuritySettings, heard: Heard) -> Reloaded[Tokens] | None:
    if settings.tokens is None:
        return None
    known = Reloaded({"tokens": settings.tokens}, _parse, heard)
    warn_of_readers("tokens", settings.tokens)
    return known


def _parse(contents: Contents) -> Tokens:
    try:
        return Tokens.parse(contents[0].decode())
    except ValueError as error:  # of an encoding, too, whose message would quote what it could not read
        reason = "is no text" if isinstance(error, UnicodeDecodeError) else str(error)
        raise ValueError(f"`tokens`: {reason}") from None
