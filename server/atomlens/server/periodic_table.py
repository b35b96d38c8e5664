"""Periodic table: the group and the period of an element, from the noble gases that close the periods."""

from __future__ import annotations

from bisect import bisect_left
from typing import NamedTuple

CLOSED = (0, 2, 10, 18, 36, 54, 86, 118)  # electrons of the empty core and of the noble gases
GROUPS = 18


class Place(NamedTuple):
    """Where an element stands."""

    group: int  # 1 to 18, 0 for the lanthanides La to Yb and the actinides Ac to No
    period: int  # 1 to 7


def place(number: int) -> Place:
    """Return the place of an element by its atomic number.

    The s elements are counted from the left end of their period, all others from its right end, where the
    noble gas has group 18: so helium is above neon. What lies between has no group. Group 3 is Sc, Y, Lu and
    Lr, as an IUPAC report of 2021 suggests.

    Raises:
        ValueError: there is no such element.
    """
    if not 0 < number <= CLOSED[-1]:
        raise ValueError(f"`number` must be 1 to {CLOSED[-1]}, got {number}")
    period = bisect_left(CLOSED, number)
    core, noble = CLOSED[period - 1], CLOSED[period]
    from_left, from_right = number - core, GROUPS - (noble - number)
    if from_left <= 2 and number < noble:
        return Place(from_left, period)
    return Place(from_right if from_right > 2 else 0, period)
