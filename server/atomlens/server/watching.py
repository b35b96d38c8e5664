"""Watching: has the repository looked at again and again, beside the event loop that serves."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable

from atomlens.server.repository import Repository

LAST_SECONDS = 5.0  # that a look may take when the server leaves
log = logging.getLogger(__name__)


class RepositoryWatcher:
    """Polls, because volumes from the network tell nothing of what happens to them.

    One look goes on at a time, in a thread that no process waits for: a volume may hang for good.
    """

    def __init__(self, repository: Repository, poll_seconds: float) -> None:
        self._repository, self._poll_seconds = repository, poll_seconds
        self._turn = asyncio.Lock()
        self._next: asyncio.Task[None] | None = None  # a look that was asked for and has not begun
        self._threads: list[threading.Thread] = []

    async def watch(self) -> None:
        """Look every so often until cancelled; whatever a look meets, the next one follows."""
        try:
            while self._poll_seconds:
                await asyncio.sleep(self._poll_seconds)
                try:
                    await self._look(again=False)
                except Exception:  # what was loaded serves on
                    log.exception("the repository could not be looked at")
            await asyncio.get_running_loop().create_future()  # that nobody ever settles
        finally:
            self._repository.leave()

    async def refresh(self) -> None:
        """Look now, and try again what failed; return when everything that can be served is.

        Who asks before the look that another asked for has begun shares it. It goes on when they leave: each
        that came and left would have a thread wait otherwise.
        """
        if self._next is None:
            self._next = asyncio.create_task(self._look(again=True))
        await asyncio.shield(self._next)

    async def _look(self, again: bool) -> None:
        async with self._turn:
            if again:
                self._next = None
            await self._in_thread(lambda: self._repository.refresh(again))

    async def close(self) -> None:
        """Let a look that is going on end with the version it is at, but wait for no volume that hangs.

        A process that ends while the runtime loads a graph would not end well.
        """
        self._repository.leave()
        if self._next is not None:
            self._next.cancel()
        for thread in self._threads:
            await asyncio.to_thread(thread.join, LAST_SECONDS)

    async def _in_thread(self, function: Callable[[], None]) -> None:
        """Run a function in a thread of its own, which goes on if nobody waits for it any more."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        thread = threading.Thread(target=_run, args=(function, done), name="repository", daemon=True)
        self._threads = [*(one for one in self._threads if one.is_alive()), thread]
        thread.start()
        await done


def _run(function: Callable[[], None], done: asyncio.Future[None]) -> None:
    error = None
    try:
        function()
    except BaseException as caught:  # whatever it is, somebody waits
        error = caught
    try:
        done.get_loop().call_soon_threadsafe(_settle, done, error)
    except RuntimeError:  # the loop is closed: there is nobody to tell
        log.debug("a look at the repository ended after the server")


def _settle(done: asyncio.Future[None], error: BaseException | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
