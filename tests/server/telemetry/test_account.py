"""`atomlens.server.telemetry.account`."""

from __future__ import annotations

from atomlens.server.telemetry.account import Account


def test_an_account_tells_what_it_knows_and_nothing_else() -> None:
    """A call that came to nothing has no numbers."""
    assert Account().fields() == {}
    account = Account(model="m@1", structures=3)
    account.cost += 40
    assert account.fields() == {"model": "m@1", "structures": 3, "cost": 40}
