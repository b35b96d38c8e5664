"""`atomlens.server.periodic_table`."""

from __future__ import annotations

import pytest

from atomlens.server.elements import SYMBOLS
from atomlens.server.periodic_table import place

COLUMNS = {
    1: "H Li Na K Rb Cs Fr",
    2: "Be Mg Ca Sr Ba Ra",
    3: "Sc Y Lu Lr",
    4: "Ti Zr Hf Rf",
    8: "Fe Ru Os Hs",
    11: "Cu Ag Au Rg",
    12: "Zn Cd Hg Cn",
    13: "B Al Ga In Tl Nh",
    14: "C Si Ge Sn Pb Fl",
    16: "O S Se Te Po Lv",
    17: "F Cl Br I At Ts",
    18: "He Ne Ar Kr Xe Rn Og",
}
SIZES = {1: 2, 2: 8, 3: 8, 4: 18, 5: 18, 6: 32, 7: 32}


@pytest.mark.parametrize("group", COLUMNS)
def test_groups_are_the_columns_of_the_table(group: int) -> None:
    """All members of a group and no others have its number, from the top downwards."""
    members = [number for number in range(1, 119) if place(number).group == group]
    assert [SYMBOLS[number] for number in members] == COLUMNS[group].split()
    periods = [place(number).period for number in members]
    assert periods == list(range(8 - len(periods), 8))


def test_periods_have_their_sizes() -> None:
    """Two, eight, eight, eighteen, eighteen and twice thirty-two elements."""
    periods = [place(number).period for number in range(1, 119)]
    assert {period: periods.count(period) for period in set(periods)} == SIZES
    assert periods == sorted(periods)


def test_the_f_block_has_no_group() -> None:
    """Fourteen lanthanides and fourteen actinides."""
    without = [SYMBOLS[number] for number in range(1, 119) if place(number).group == 0]
    assert " ".join(without[:14]) == "La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb"
    assert " ".join(without[14:]) == "Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No"


@pytest.mark.parametrize("number", [-1, 0, 119])
def test_what_is_no_element_has_no_place(number: int) -> None:
    """The error says which numbers there are."""
    with pytest.raises(ValueError, match=f"`number` must be 1 to 118, got {number}"):
        place(number)
