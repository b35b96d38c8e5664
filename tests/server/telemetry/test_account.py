"""`atomlens.server.telemetry.account`."""

from __future__ import annotations

import pytest

from atomlens.server.telemetry.account import Account
from atomlens.server.telemetry.metrics import Metrics


def test_an_account_tells_what_it_knows_and_nothing_else() -> None:
    """A call that came to nothing has no numbers."""
    assert Account().fields() == {}
    account = Account()
    account.probed("m", 1, 4096)
    assert account.fields() == {"model": "m@1", "points": 4096}


@pytest.mark.parametrize("metrics", [Metrics(), None], ids=["metrics", "nobody"])
def test_what_comes_in_pieces_is_added_up_and_told_at_once(metrics: Metrics | None) -> None:
    """A stream may last for hours: metrics hear of each of its chunks."""
    account = Account(metrics)
    account.answered("m", 2, 3, ["TOO_CLOSE", "TOO_CLOSE"], 40)
    account.answered("m", 2, 1, [], 10)
    account.probed("m", 2, 64)
    assert account.fields() == {"model": "m@2", "structures": 4, "failed": 2, "cost": 50, "points": 64}
    if metrics is not None:
        value = metrics.registry.get_sample_value
        assert value("atomlens_structures_total", {"model": "m"}) == 4
        assert value("atomlens_structure_failures_total", {"reason": "TOO_CLOSE"}) == 2
        assert value("atomlens_probe_points_total") == 64
