"""`atomlens health`: asks a server whether it serves, for probes of containers and scripts."""

from __future__ import annotations

import argparse
import os
import threading
from collections.abc import Mapping
from typing import Any

import grpc

from atomlens.client.address import DEFAULT_ADDRESS, checked_address
from atomlens.client.errors import InputError, UnavailableError
from atomlens.client.translation import translated

DESCRIPTION = "Ask a server whether it serves; the exit code is 0 if it does and 3 if it does not."
VARIABLES = ("ATOMLENS_HEALTH_ADDRESS", "ATOMLENS_ADDRESS")
ANY_HOST = {"0.0.0.0": "127.0.0.1", "[::]": "localhost"}  # where one listens, and where one asks


def add_parser(commands: Any) -> None:
    """Declare the command's arguments."""
    parser = commands.add_parser(
        "health", help="ask a server whether it serves (extra `server`)", description=DESCRIPTION
    )
    parser.add_argument(
        "--server",
        metavar="HOST:PORT",
        help="a port without TLS; if not given, the one that a server started with the same "
        f"{' or '.join(VARIABLES)} listens on",
    )
    parser.add_argument(
        "--service", default="", metavar="NAME", help="a service's full name; the whole server if not given"
    )
    parser.add_argument(
        "--timeout", type=float, default=5.0, metavar="SECONDS", help="longest wait for the answer (5)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the status; return 0 when it is SERVING.

    Raises:
        UnavailableError: the server says that it does not serve, or says nothing.
    """
    if not 0 < args.timeout <= threading.TIMEOUT_MAX:
        raise InputError(f"`--timeout` must be positive and finite, got {args.timeout:g}")
    address = checked_address(args.server or local_address(os.environ))
    status = status_of(address, args.service, args.timeout)
    if status != "SERVING":
        raise UnavailableError(f"the server at {address} says {status}")
    print(status)
    return 0


def local_address(environment: Mapping[str, str]) -> str:
    """Return where a server that was started with these variables is asked on the machine it runs on."""
    listening = next((environment[name] for name in VARIABLES if environment.get(name)), DEFAULT_ADDRESS)
    host, colon, port = listening.rpartition(":")
    return f"{ANY_HOST.get(host, host)}{colon}{port}"


def status_of(address: str, service: str, timeout_seconds: float) -> str:
    """Return what a server says of a service, as SERVING; errors are the client's."""
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    with grpc.insecure_channel(address) as channel, translated(address):
        stub: Any = health_pb2_grpc.HealthStub(channel)  # whose methods its types do not know
        answer = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=timeout_seconds)
    return health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
