"""`atomlens.server.batching.forecast`: what costs and rates foretell."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from atomlens.server.batching.crew import Crew
from atomlens.server.batching.forecast import Forecast
from atomlens.server.batching.observer import Unobserved
from atomlens.server.batching.rates import WARM

from .scenes import BULK, INTERACTIVE
from .test_queue import job

BATCH = 100


def foretold(check: Callable[[Crew, Forecast], None]) -> None:
    """Check what is foretold of two workers: "a" takes 10 ms a cost, "b" takes 1 ms, and 300 wait."""

    async def main() -> None:
        crew = Crew(2, BATCH, Unobserved(), lambda: None)
        for _ in range(WARM):
            crew.rates.note("a", BATCH, 1000.0)
            crew.rates.note("b", BATCH, 100.0)
        for one in (job(100, "a"), job(200, "b", priority=BULK)):
            crew.queue.put(one)
        check(crew, Forecast(crew))
        await crew.close()

    asyncio.run(main())


def test_work_needs_the_time_of_what_is_before_it_and_its_own() -> None:
    """All workers share what waits; a call of one piece is computed by one of them."""

    def check(_: Crew, forecast: Forecast) -> None:
        assert forecast.needed_seconds(INTERACTIVE, [job(50, "b")]) == pytest.approx(0.5 + 0.05)
        assert forecast.needed_seconds(INTERACTIVE, [job(50, "b"), job(50, "b")]) == pytest.approx(0.5 + 0.05)
        assert forecast.needed_seconds(BULK, [job(50, "b")]) == pytest.approx(0.6 + 0.05)

    foretold(check)


def test_what_is_not_known_counts_nothing() -> None:
    """Of a kind that was never measured."""

    def check(crew: Crew, forecast: Forecast) -> None:
        crew.queue.put(job(10**9, "unknown"))
        assert forecast.needed_seconds(INTERACTIVE, [job(10**9, "unknown")]) == pytest.approx(0.5)

    foretold(check)


def test_where_there_is_time_for_everything_nothing_is_to_be_foretold() -> None:
    """It is soon if all that waits, at the slowest rate of all, would be done in time by one worker."""

    def check(_: Crew, forecast: Forecast) -> None:
        assert forecast.is_soon(100, 4.1)
        assert not forecast.is_soon(100, 3.9)

    foretold(check)


def test_there_is_room_when_the_excess_has_left() -> None:
    """At the mean rate of what waits."""

    def check(_: Crew, forecast: Forecast) -> None:
        assert forecast.retry_seconds(150) == pytest.approx(1.2 * 0.5 / 2)

    foretold(check)
