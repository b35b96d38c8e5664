"""Server: `atomlens serve` in a process of its own, as users run it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType

import grpc

from benchmarks.process import ContenderError

PATIENCE_SECONDS = 120.0
COMMAND = Path(sys.executable).parent / "atomlens"


class Server:
    """A server with a directory of models that is ready; use it as a context."""

    def __init__(self, provider: str, models: str) -> None:
        self.address = f"127.0.0.1:{_free_port()}"
        self._said = TemporaryFile("w+")  # noqa: SIM115
        self._process = subprocess.Popen(
            [COMMAND, "serve", "--address", self.address, "--provider", provider, "--models", models],
            env={**os.environ},
            stdout=self._said,
            stderr=self._said,
        )
        try:
            with grpc.insecure_channel(self.address) as channel:
                grpc.channel_ready_future(channel).result(PATIENCE_SECONDS)
        except grpc.FutureTimeoutError as error:
            self._said.seek(0)
            said = self._said.read()[-500:]
            self.close()
            raise ContenderError(f"the server did not start: {said}") from error

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    def close(self) -> None:
        """Let the server leave."""
        self._process.terminate()
        self._process.wait()
        self._said.close()

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
