"""`atomlens.server.batching.jobs`: how those who wait are told."""

from __future__ import annotations

import asyncio
import gc

import pytest

from atomlens.server.batching.jobs import Errand, abandon, fail, settle
from atomlens.server.errors import EngineError

from .scenes import ERRAND, Asking


def errand() -> Errand:
    """Return an errand that somebody waits for."""
    done = asyncio.get_running_loop().create_future()
    return Errand(Asking(), "errand", ERRAND, 0.0, done, lambda: None)


def test_the_first_word_counts() -> None:
    """Whoever was told something is told nothing else, and whoever left is told nothing."""

    async def main() -> None:
        told, failed, left = errand(), errand(), errand()
        settle(told, 7)
        fail([failed], EngineError("first"))
        abandon([left])
        for one in (told, failed, left):
            settle(one, 8)
            fail([one], EngineError("second"))
        assert await told.done == 7
        with pytest.raises(EngineError, match="first"):
            await failed.done
        assert left.done.cancelled()

    asyncio.run(main())


def test_an_error_that_is_abandoned_is_not_reported() -> None:
    """Nobody waits for it: the event loop has nothing to complain of."""

    async def main() -> None:
        complaints: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, told: complaints.append(told))
        one = errand()
        fail([one], EngineError("unseen"))
        abandon([one])
        del one
        gc.collect()
        await asyncio.sleep(0)
        assert complaints == []

    asyncio.run(main())
