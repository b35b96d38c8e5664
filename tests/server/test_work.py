"""`atomlens.server.work`."""

from __future__ import annotations

from atomlens.server.work import PADDING, Load


def test_loads_add_up_but_for_the_widest_table() -> None:
    """A joined table is as wide as the wider one."""
    assert Load(3, 2, 5).joined(Load(40, 30, 4)) == Load(43, 32, 5)


def test_a_load_fits_up_to_its_cost_and_its_padding() -> None:
    """Both bounds are exact."""
    assert Load(100, 10, 10 * PADDING).fits(100)
    assert not Load(101, 10, 10).fits(100)
    assert not Load(100, 10, 10 * PADDING + 1).fits(100)
