"""Head: what one atom-wise output of a model says about one structure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from atomlens.client.frozen import Frozen, FrozenMapping
from atomlens.client.structure import Floats

WELL_KNOWN = {"energy": "energies", "charge": "charges"}  # head: name of its contributions
WELL_KNOWN_PROPERTIES = {"energy": "energy", "charge": "dipole_magnitude"}  # head: name of its property


@dataclass(frozen=True, slots=True, eq=False)
class Head(Frozen):
    """A property, the contributions it is made of, and what those are made of."""

    name: str
    aggregation: str  # how contributions make the property: sum, mean, dipole or second_moment
    unit: str  # of the contributions
    property_unit: str
    value: float  # the property; of a dipole head its magnitude
    contributions: Floats  # (atoms,)
    model: Floats | None = None  # (atoms,) what the network says; sum and mean heads
    offset: Floats | None = None  # (atoms,) what depends on the element alone; sum and mean heads
    raw: Floats | None = None  # (atoms,) charges before neutrality; dipole heads
    vector: Floats | None = None  # (3,) dipole in `property_unit`; dipole heads
    origin: Floats | None = None  # (3,) centre of mass in Å; dipole heads

    @property
    def property_name(self) -> str:
        """Name of the property: the charges of a structure make its ``dipole_magnitude``."""
        return WELL_KNOWN_PROPERTIES.get(self.name, self.name)

    @property
    def plural(self) -> str:
        """Name of the column of contributions."""
        return WELL_KNOWN.get(self.name, self.name)

    def columns(self) -> Iterator[tuple[str, Floats]]:
        """Yield the name and values of every atomic quantity, parts before wholes."""
        parts = {"model": self.model, "offset": self.offset, "raw": self.raw}
        for part, values in parts.items():
            if values is not None:
                yield f"{self.plural}_{part}", values
        yield self.plural, self.contributions


class Heads(FrozenMapping[str, Head]):
    """Heads by name, which can be pickled and not be changed."""

    __slots__ = ()
