"""Address: where a server is, HOST:PORT."""

from __future__ import annotations

import ipaddress

from atomlens.client.errors import InputError

DEFAULT_PORT = "50551"
DEFAULT_ADDRESS = f"127.0.0.1:{DEFAULT_PORT}"


def checked_address(address: str) -> str:
    """Return an address that gRPC understands, with the default port if it has none.

    Raises `InputError` for an address of the web or what is no text.
    """
    if not isinstance(address, str) or not address or address.startswith(("http://", "https://")):
        raise InputError(f"`address` must be HOST:PORT, got {address!r}", field="address")
    if _is_ipv6(address):
        return f"[{address}]:{DEFAULT_PORT}"
    return address if ":" in address.rpartition("]")[2] else f"{address}:{DEFAULT_PORT}"


def _is_ipv6(address: str) -> bool:
    try:
        return bool(ipaddress.IPv6Address(address))
    except ValueError:
        return False
