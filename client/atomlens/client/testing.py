"""Testing: a real server in this process, on a free port, for tests of whatever uses AtomLens."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atomlens.client.aio import AsyncClient
from atomlens.client.client import Client
from atomlens.client.errors import MissingExtraError

if TYPE_CHECKING:
    from atomlens.server.settings import ServerSettings

GRACE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that is ready."""

    address: str  # HOST:PORT

    def client(self, **settings: Any) -> Client:
        """Return a client of it; settings are those of `Client`."""
        return Client(self.address, **settings)

    def async_client(self, **settings: Any) -> AsyncClient:
        """Return an asynchronous client of it, to be called in its event loop."""
        return AsyncClient(self.address, **settings)


@contextmanager
def serve(models: Path | str | None = None, **settings: Any) -> Iterator[RunningServer]:
    """Run a server (extra `server`) with a directory of models while the block lasts.

    Without a directory it has the bundled models; ``settings`` are those of `ServerSettings`.

    Example::

        with serve("repository") as server, server.client() as client:
            print(client.explain(atoms))
    """
    try:
        from atomlens.server.settings import ServerSettings
    except ModuleNotFoundError as error:
        raise MissingExtraError("server", "`atomlens.client.testing`") from error
    directory = None if models is None else Path(models)
    thread = _ServerThread(ServerSettings(**{"address": "127.0.0.1:0", "models": directory, **settings}))
    thread.start()
    try:
        yield RunningServer(thread.ready.result())
    finally:
        thread.leave()
        thread.join()


class _ServerThread(threading.Thread):
    """An event loop with a server in it; ``ready`` is its address or why it did not start."""

    def __init__(self, settings: ServerSettings) -> None:
        super().__init__(name="atomlens-server", daemon=True)
        self.ready: Future[str] = Future()
        self._settings = settings
        self._loop = asyncio.new_event_loop()
        self._leave = asyncio.Event()

    def run(self) -> None:
        """Serve until told to leave."""
        try:
            self._loop.run_until_complete(self._serve())
        except BaseException as error:  # raised again in the thread that waits for the server
            if not self.ready.done():
                self.ready.set_exception(error)
            else:
                raise
        finally:
            self._loop.close()

    def leave(self) -> None:
        """Let the server stop; call it once it started or failed."""
        if self.ready.exception() is None:
            self._loop.call_soon_threadsafe(self._leave.set)

    async def _serve(self) -> None:
        from atomlens.server.app import Server

        server = Server(self._settings)
        await server.start()
        self.ready.set_result(server.address)
        await self._leave.wait()
        await server.stop(GRACE_SECONDS)
