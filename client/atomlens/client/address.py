"""Address: where a server is, HOST:PORT."""

from __future__ import annotations

import ipaddress
import re

from atomlens.client.errors import InputError

DEFAULT_PORT = "50551"
SCHEME = re.compile("dns:(///?)?|ipv4:|ipv6:")  # in front of a target that gRPC is to look up as it says
HOST_AND_PORT = re.compile(r"(?P<host>\[.*\]|[^:/,\[\]]+):(?P<port>[^:/,]*)")
SCHEMES = {"dns", "ipv4", "ipv6", "unix", "unix-abstract", "vsock", "xds"}  # of targets, whose rest is gRPC's
DEFAULT_ADDRESS = f"127.0.0.1:{DEFAULT_PORT}"


def checked_address(address: str) -> str:
    """Return an address that gRPC understands, with the default port if it has none.

    Raises `InputError` for an address of the web, a port that there is none of, or what is no text.
    """
    if not isinstance(address, str) or not address or address.startswith(("http://", "https://")):
        raise InputError(f"`address` must be HOST:PORT, got {address!r}", field="address")
    if _is_ipv6(address):
        return f"[{address}]:{DEFAULT_PORT}"
    _check_port(address)
    return address if ":" in address.rpartition("]")[2] else f"{address}:{DEFAULT_PORT}"


def _check_port(address: str) -> None:
    """Raise `InputError` for HOST:PORT with no port there; gRPC would ask for one until the time is over."""
    found = HOST_AND_PORT.fullmatch(address)
    if found is None or found["host"] in SCHEMES:
        return
    port = found["port"]
    if not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536):
        rule = "`address` must be HOST:PORT with a port from 1 to 65535"
        raise InputError(f"{rule}, got {address!r}", field="address")


def is_loopback(address: str) -> bool:
    """Return whether all hosts of a target that gRPC understands are this machine; no name is looked up."""
    if address.startswith(("unix:", "unix-abstract:")):
        return True
    hosts = SCHEME.sub("", address).split(",")
    return all(_is_loopback(host.rpartition(":")[0].strip("[]")) for host in hosts)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_ipv6(address: str) -> bool:
    try:
        return bool(ipaddress.IPv6Address(address))
    except ValueError:
        return False
