"""`atomlens.server.watching`: on an event loop that must go on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from atomlens.server import watching
from atomlens.server.repository import Repository
from atomlens.server.watching import RepositoryWatcher

PATIENCE = 60.0


class Looked(Repository):
    """A repository whose looks are counted, and take until they are let go."""

    def __init__(self) -> None:
        super().__init__()
        self.looks: list[bool] = []
        self.let_go = threading.Event()
        self.error: Exception | None = None
        self.at_once = self.most_at_once = 0
        self.left = False

    def refresh(self, again: bool = False) -> None:
        """Count a look."""
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.looks.append(again)
        assert self.let_go.wait(PATIENCE)
        self.at_once -= 1
        if self.error is not None:
            raise self.error

    def leave(self) -> None:
        """Remember who left."""
        self.left = True


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop go on until something holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0)


def test_it_looks_again_and_again() -> None:
    """Whatever a look meets, until it is cancelled."""

    async def main() -> Looked:
        repository = Looked()
        repository.let_go.set()
        watch = asyncio.create_task(RepositoryWatcher(repository, 1e-4).watch())
        await until(lambda: len(repository.looks) > 3)
        repository.error = OSError("a disk")
        seen = len(repository.looks)
        await until(lambda: len(repository.looks) > seen + 3)
        watch.cancel()
        await asyncio.wait([watch])
        return repository

    repository = asyncio.run(main())
    assert not any(repository.looks)
    assert repository.left


def test_an_error_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """With its trace, and what was loaded serves on; who asked for the look is told."""

    async def main() -> None:
        repository = Looked()
        repository.let_go.set()
        repository.error = RuntimeError("a mistake")
        watch = asyncio.create_task(RepositoryWatcher(repository, 1e-4).watch())
        await until(lambda: "the repository could not be looked at" in caplog.text)
        watch.cancel()
        await asyncio.wait([watch])
        with pytest.raises(RuntimeError, match="a mistake"):
            await RepositoryWatcher(repository, 0.0).refresh()

    asyncio.run(main())
    assert "RuntimeError: a mistake" in caplog.text


def test_without_an_interval_it_looks_when_it_is_asked_to() -> None:
    """And tries again what failed."""

    async def main() -> Looked:
        repository = Looked()
        repository.let_go.set()
        watcher = RepositoryWatcher(repository, 0.0)
        watch = asyncio.create_task(watcher.watch())
        for _ in range(100):
            await asyncio.sleep(0)
        assert (repository.looks, repository.left) == ([], False)
        await watcher.refresh()
        watch.cancel()
        await asyncio.wait([watch])
        return repository

    repository = asyncio.run(main())
    assert (repository.looks, repository.left) == ([True], True)


def test_one_look_goes_on_at_a_time_and_the_loop_goes_on_beside_it() -> None:
    """Each that asks gets a look that began after it asked, which all who wait for it share."""

    async def main() -> Looked:
        repository = Looked()
        watcher = RepositoryWatcher(repository, 0.0)
        asking = [asyncio.create_task(watcher.refresh()) for _ in range(3)]
        await until(lambda: len(repository.looks) == 1)
        asking += [asyncio.create_task(watcher.refresh()) for _ in range(3)]
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(repository.looks) == 1
        repository.let_go.set()
        await asyncio.gather(*asking)
        return repository

    repository = asyncio.run(main())
    assert (repository.looks, repository.most_at_once) == ([True] * 2, 1)


def test_who_asks_and_leaves_has_no_thread_wait() -> None:
    """However many do while a look goes on, or hangs: one more look follows, and not one for each."""

    async def main() -> Looked:
        repository = Looked()
        watcher = RepositoryWatcher(repository, 0.0)
        for _ in range(50):
            asking = asyncio.create_task(watcher.refresh())
            await until(lambda: bool(repository.looks))
            for _ in range(10):
                await asyncio.sleep(0)
            asking.cancel()
            await asyncio.wait([asking])
        assert sum(thread.name == "repository" for thread in threading.enumerate()) == 1
        repository.let_go.set()
        await watcher.refresh()
        return repository

    repository = asyncio.run(main())
    assert (repository.looks, repository.most_at_once) == ([True] * 2, 1)


def test_whatever_ends_a_look_ends_the_wait_for_it() -> None:
    """An error of a library that is no `Exception`, too: the next look would wait for ever."""

    class Panic(BaseException):
        """What nobody expects."""

    class Panicking(Looked):
        """A repository that cannot be looked at."""

        def refresh(self, again: bool = False) -> None:
            """Raise."""
            raise Panic(again)

    async def main() -> None:
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(Panic):
                await RepositoryWatcher(Panicking(), 0.0).refresh()

    asyncio.run(main())


def test_nobody_waits_for_a_volume_that_hangs() -> None:
    """Neither who asked and left, nor the end of the loop, nor that of the process."""

    async def main() -> Looked:
        repository = Looked()
        watcher = RepositoryWatcher(repository, 1e-4)
        watch = asyncio.create_task(watcher.watch())
        await until(lambda: bool(repository.looks))
        watch.cancel()
        await asyncio.wait([watch])
        return repository

    repository = asyncio.run(main())
    (hanging,) = (thread for thread in threading.enumerate() if thread.name == "repository")
    assert hanging.daemon
    repository.let_go.set()
    hanging.join(PATIENCE)
    assert not hanging.is_alive()


def test_who_closes_waits_for_the_look_that_goes_on() -> None:
    """Which is told to end: a process does not end well while the runtime loads a graph."""

    async def main() -> None:
        repository = Looked()
        watcher = RepositoryWatcher(repository, 0.0)
        asking = asyncio.create_task(watcher.refresh())
        await until(lambda: bool(repository.looks))
        closing = asyncio.create_task(watcher.close())
        await until(lambda: repository.left)
        for _ in range(100):
            await asyncio.sleep(0)
        assert not closing.done()
        repository.let_go.set()
        await closing
        await asking
        assert not any(thread.name == "repository" for thread in threading.enumerate())

    asyncio.run(main())


def test_who_closes_does_not_wait_for_a_volume_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """For longer than there is patience."""
    monkeypatch.setattr(watching, "LAST_SECONDS", 0.0)

    async def main() -> Looked:
        repository = Looked()
        watcher = RepositoryWatcher(repository, 0.0)
        asking = asyncio.create_task(watcher.refresh())
        await until(lambda: bool(repository.looks))
        asking.cancel()
        await watcher.close()
        return repository

    repository = asyncio.run(main())
    (hanging,) = (thread for thread in threading.enumerate() if thread.name == "repository")
    repository.let_go.set()
    hanging.join(PATIENCE)
