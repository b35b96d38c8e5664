"""Scale: which colour a value has, and what the ends and the middle of the colours stand for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


def _colors(digits: str) -> list[str]:
    return [f"#{color}" for color in digits.split()]


# ColorBrewer's RdBu and PuOr, diverging and told apart by the colour-blind, from low to high.
PALETTES = {
    "charge": _colors("b2182b d6604d f4a582 fddbc7 f4f4f4 d1e5f0 92c5de 4393c3 2166ac"),
    "energy": _colors("542788 8073ac b2abd2 d8daeb f4f4f4 fee0b6 fdb863 e08214 b35806"),
}
MEANINGS = {"charge": "red is negative, blue positive", "energy": "purple is lower, orange higher"}
LEAST = 1e-6  # half a range, in the scale's unit: what is all the same has the colour of the middle


@dataclass(frozen=True, slots=True)
class Scale:
    """A diverging scale: as far from the centre to either side, as far as the farthest values go."""

    palette: str
    unit: str
    center: float
    reach: float  # from the centre to the ends
    about: str  # what the centre is
    beyond: float = 0.0  # the share of the values that may lie beyond either end

    @classmethod
    def around(
        cls,
        palette: str,
        unit: str,
        values: npt.ArrayLike,
        about: str,
        center: float | None = None,
        beyond: float = 0.0,
    ) -> Scale:
        """Return the scale of some values around a centre, or around their mean."""
        finite = np.asarray(values, np.float64)
        finite = finite[np.isfinite(finite)]
        if not finite.size:
            return cls(palette, unit, center or 0.0, LEAST, about, beyond)
        center = float(finite.mean()) if center is None else center
        ends = np.quantile(finite, [beyond, 1.0 - beyond])
        return cls(palette, unit, center, max(LEAST, float(np.abs(ends - center).max())), about, beyond)

    @property
    def low(self) -> float:
        """The value of the first colour."""
        return self.center - self.reach

    @property
    def high(self) -> float:
        """The value of the last colour."""
        return self.center + self.reach
