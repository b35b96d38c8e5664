"""TLS: the certificates of a running server, renewed without a restart."""

from __future__ import annotations

import logging
import math
import time
from pathlib import Path

import grpc

from atomlens.server.security.certificates import Certificates
from atomlens.server.security.permissions import warn_of_readers
from atomlens.server.security.reloaded import Contents, Heard, Reloaded, unheard
from atomlens.server.settings import SecuritySettings

DAY_SECONDS = 86_400.0
NOTICES = (0.0, DAY_SECONDS, 7 * DAY_SECONDS, 30 * DAY_SECONDS)  # left when the log warns
log = logging.getLogger(__name__)


class Tls:
    """A server's certificates. New connections get what the files hold now, old ones go on as they began."""

    def __init__(self, settings: SecuritySettings, heard: Heard = unheard) -> None:
        """Read the files.

        Raises:
            ValueError: one cannot be used; the message names the setting.
        """
        self.asks_clients = settings.tls_client_ca is not None
        self._files = Reloaded(_paths(settings), _parse, heard)
        self._given = self._files.value
        self._noticed = math.inf  # the last notice that was given of these certificates
        if settings.tls_key:
            warn_of_readers("tls_key", settings.tls_key)
        self._notice()

    def credentials(self) -> grpc.ServerCredentials:
        """Return what a port of gRPC listens with; it looks at the files at every handshake."""
        return grpc.dynamic_ssl_server_credentials(
            self._given.configuration(),
            self._fetch,  # type: ignore[arg-type]  # None stands for no change, which its types do not know
            require_client_authentication=self.asks_clients,
        )

    def refresh(self) -> None:
        """Read the files again if they changed, and warn of an end that is near."""
        if self._files.refresh():
            self._noticed = math.inf
        self._notice()

    def seconds_left(self) -> float:
        """Return the time until a certificate of the server ends; negative when it has."""
        return self._files.value.ends - time.time()

    def _fetch(self) -> grpc.ServerCertificateConfiguration | None:
        """Return the certificates if they are others than gRPC has; called in a thread of gRPC."""
        self._files.refresh()
        if self._given is self._files.value:
            return None
        self._given = self._files.value
        return self._given.configuration()

    def _notice(self) -> None:
        left = self.seconds_left()
        due = next((notice for notice in NOTICES if left <= notice), math.inf)
        if due < self._noticed:
            self._noticed = due
            when = f"ends in {left / DAY_SECONDS:.1f} days" if left > 0 else "has ended: no client accepts it"
            log.warning("the certificate in %s %s", self._files.name, when)


def _paths(settings: SecuritySettings) -> dict[str, Path]:
    names = ("tls_cert", "tls_key", "tls_client_ca")
    return {name: path for name in names if (path := getattr(settings, name)) is not None}


def _parse(contents: Contents) -> Certificates:
    chain, key, *client_ca = contents
    return Certificates.parse(chain, key, client_ca[0] if client_ca else None, time.time())
