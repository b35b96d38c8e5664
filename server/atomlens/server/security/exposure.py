"""Exposure: what others than this machine can reach, and how little keeps them from it."""

from __future__ import annotations

import ipaddress
import logging

from atomlens.server.settings import ListeningSettings, SecuritySettings

log = logging.getLogger(__name__)


def warn_of_exposure(listening: ListeningSettings, security: SecuritySettings) -> None:
    """Warn where the network reaches the server and nothing is encrypted, or nobody is asked who it is."""
    if is_loopback(listening.address):
        return
    if security.tls_cert is None:
        also = ", tokens too" if security.tokens else ""
        log.warning(
            "`address` %s can be reached from outside, without TLS: what is sent can be read on its way%s",
            listening.address,
            also,
        )
    if security.tokens is None and security.tls_client_ca is None:
        log.warning(
            "`address` %s can be reached from outside, and whoever reaches it may ask: there are no `tokens`",
            listening.address,
        )


def is_loopback(address: str) -> bool:
    """Return whether HOST:PORT is reached from this machine alone."""
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
