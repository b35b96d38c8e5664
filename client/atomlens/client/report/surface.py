"""Surface: which points around a structure make a surface, Σ_i |r−r_i|^−p = d^−p."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

from atomlens.client.errors import InputError

POWER = 12.0  # of surfaces that are named by their distance
LARGEST_POWER = 100.0
READS = "distance:D or inverse-power:P:C"
SurfaceLike: TypeAlias = "Surface | str"


@dataclass(frozen=True, slots=True)
class Surface:
    """A level set of the atoms' inverse powers, given by the distance at which it surrounds one atom alone.

    At the power of 12 its points are about ``distance_angstrom`` from the nearest nucleus in structures of
    every size; at small powers it moves outwards with the number of atoms.
    """

    distance_angstrom: float = 2.0  # d
    power: float = POWER  # p

    def __post_init__(self) -> None:
        if not 1.0 <= self.power <= LARGEST_POWER:
            raise _wrong(f"a power from 1 to {LARGEST_POWER:g}", f"{self.power:g}")
        if not 0.0 < self.distance_angstrom < math.inf:
            raise _wrong("a positive distance or level", f"{self.distance_angstrom:g}")

    @classmethod
    def parse(cls, text: str) -> Surface:
        """Return the surface of ``distance:D`` (D in Å) or ``inverse-power:P:C``, Σ_i |r−r_i|^−P = C."""
        kind, *words = text.strip().split(":")
        try:
            numbers = [float(word) for word in words]
        except ValueError as error:
            raise _wrong(READS, repr(text)) from error
        if kind == "distance" and len(numbers) == 1:
            return cls(numbers[0])
        if kind == "inverse-power" and len(numbers) == 2:
            return cls(_distance(*numbers), numbers[0])
        raise _wrong(READS, repr(text))

    @classmethod
    def of(cls, value: SurfaceLike) -> Surface:
        """Return a surface as it is, or the one that a text names."""
        return value if isinstance(value, Surface) else cls.parse(value)

    def __str__(self) -> str:
        if self.power == POWER:
            return f"distance:{self.distance_angstrom:.10g}"
        return f"inverse-power:{self.power:.10g}:{self.distance_angstrom**-self.power:.10g}"


def _distance(power: float, level: float) -> float:
    """Return d of d^−power = level, and what no surface has where there is none."""
    try:
        return float(level ** (-1 / power))
    except (ZeroDivisionError, OverflowError, TypeError):
        return 0.0


def _wrong(rule: str, got: str) -> InputError:
    return InputError(f"`surface` must be {rule}, got {got}", field="surface")
