"""Batch head: what one atom-wise output of a model says about every structure of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from atomlens.client.arrays import shaped
from atomlens.client.errors import InputError
from atomlens.client.frozen import Frozen, FrozenMapping
from atomlens.client.head import Head
from atomlens.client.structure import Floats

ATOMIC = ("contributions", "model", "offset", "raw")
VECTORS = ("vectors", "origins")
WORDS = ("name", "aggregation", "unit", "property_unit")


@dataclass(frozen=True, slots=True, eq=False)
class BatchHead(Frozen):
    """Properties and contributions in flat arrays, NaN for structures that failed and for their atoms."""

    name: str
    aggregation: str  # how contributions make the property: sum, mean, dipole or second_moment
    unit: str  # of the contributions
    property_unit: str
    properties: Floats  # (structures,); of a dipole head magnitudes
    contributions: Floats  # (atoms,)
    model: Floats | None = None  # (atoms,) what the network says; sum and mean heads
    offset: Floats | None = None  # (atoms,) what depends on the element alone; sum and mean heads
    raw: Floats | None = None  # (atoms,) charges before neutrality; dipole heads
    vectors: Floats | None = None  # (structures, 3) dipoles in `property_unit`; dipole heads
    origins: Floats | None = None  # (structures, 3) centres of mass in Å; dipole heads

    def check(self, structures: int, atoms: int) -> None:
        """Raise `InputError` where an array is not of so many structures or atoms."""
        shaped("properties", "(structures,)", self.properties, (structures,))
        for name in ATOMIC:
            if (values := getattr(self, name)) is not None:
                shaped(name, "(atoms,)", values, (atoms,))
        for name in VECTORS:
            if (values := getattr(self, name)) is not None:
                shaped(name, "(structures, 3)", values, (structures, 3))

    def one(self, structure: int, atoms: slice) -> Head:
        """Return what is said of one structure, which owns these atoms."""
        return Head(
            self.name,
            self.aggregation,
            self.unit,
            self.property_unit,
            float(self.properties[structure]),
            self.contributions[atoms],
            _at(self.model, atoms),
            _at(self.offset, atoms),
            _at(self.raw, atoms),
            _at(self.vectors, structure),
            _at(self.origins, structure),
        )

    def part(
        self, structures: slice | npt.NDArray[np.int64], atoms: slice | npt.NDArray[np.int64]
    ) -> BatchHead:
        """Return what is said of some structures, which own these atoms."""
        return BatchHead(
            self.name,
            self.aggregation,
            self.unit,
            self.property_unit,
            self.properties[structures],
            self.contributions[atoms],
            _at(self.model, atoms),
            _at(self.offset, atoms),
            _at(self.raw, atoms),
            _at(self.vectors, structures),
            _at(self.origins, structures),
        )

    @classmethod
    def concatenate(cls, parts: Sequence[BatchHead]) -> BatchHead:
        """Return what one head says of all parts, in order; raises `InputError` where heads differ."""
        kinds = {tuple(getattr(part, name) for name in WORDS) for part in parts}
        if len(kinds) > 1:
            raise InputError(f"`heads` must be the same in all parts, got {sorted(kinds)}", field="heads")
        arrays: dict[str, Any] = {}
        for field in fields(cls)[len(WORDS) :]:
            values = [getattr(part, field.name) for part in parts]
            missing = {value is None for value in values}
            if len(missing) > 1:
                raise InputError(f"`{field.name}` must be in all parts or in none", field="heads")
            arrays[field.name] = None if values[0] is None else np.concatenate(values)
        return cls(*kinds.pop(), **arrays)


class BatchHeads(FrozenMapping[str, BatchHead]):
    """Heads of a batch by name, which can be pickled and not be changed."""

    __slots__ = ()


def _at(values: Floats | None, where: Any) -> Any:
    return None if values is None else values[where]
