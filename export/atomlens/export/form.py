"""Form: a model as graphs are made of it, with every filter and activation as trained, or compiled."""

from __future__ import annotations

import copy
from typing import Any

from torch import Tensor, nn

from atomlens.export.compiled.slots import FieldSlots, MoleculeSlots, Slots, TableSlots
from atomlens.export.model import Model
from atomlens.export.neighborhood import Field, NeighborTable


class Form(nn.Module):
    """What graphs ask: contributions of atoms and values of probes, from what they feel in its layout."""

    method: str  # in words, for the card
    terms: int  # functions of the distance that filters are expanded in, 0 where they are as trained

    def __init__(self, cutoff: float) -> None:
        super().__init__()
        self.cutoff = cutoff

    def table(self, positions: Tensor, neighbors: Tensor, shifts: Tensor) -> Any:
        """Return what atoms feel by a neighbor table."""
        raise NotImplementedError

    def field(self, points: Tensor, positions: Tensor) -> Any:
        """Return what points feel of the atoms of a field."""
        raise NotImplementedError

    def forward(self, numbers: Tensor, around: Any) -> tuple[Tensor, Tensor | None]:
        """Return contributions (atoms,) in the head's unit, and the context of families that have one."""
        raise NotImplementedError

    def probe(self, elements: Tensor, around: Any, carried: Tensor) -> Tensor:
        """Return Ω: (elements, points) in the head's unit, for what the field's atoms carry."""
        raise NotImplementedError


class ExactForm(Form):
    """A model as it was trained."""

    method = "the network as trained, operator by operator, on a neighbor table without scatter"
    terms = 0

    def __init__(self, model: Model) -> None:
        super().__init__(model.network.settings.cutoff_angstrom)
        self.model = copy.deepcopy(model)

    def table(self, positions: Tensor, neighbors: Tensor, shifts: Tensor) -> NeighborTable:
        """Return what atoms feel by a neighbor table."""
        return NeighborTable(positions, neighbors, shifts, self.cutoff)

    def field(self, points: Tensor, positions: Tensor) -> Field:
        """Return what points feel of the atoms of a field."""
        return Field(points, positions)

    def forward(self, numbers: Tensor, around: NeighborTable) -> tuple[Tensor, Tensor | None]:
        """Return contributions (atoms,) and the context."""
        contributions, context = self.model(numbers, self.model.network.prepare(numbers, around))
        return contributions, context

    def probe(self, elements: Tensor, around: Field, carried: Tensor) -> Tensor:
        """Return Ω: (elements, points)."""
        return self.model.probe(elements, around, carried)


class CompiledForm(Form):
    """A model rewritten for the runtime."""

    def table(self, positions: Tensor, neighbors: Tensor, shifts: Tensor) -> Slots:
        """Return what atoms feel by a neighbor table."""
        return TableSlots(positions, neighbors, shifts, self.cutoff)

    def molecules(self, numbers: Tensor, positions: Tensor) -> Slots:
        """Return what atoms of small molecules feel: all of their molecule."""
        return MoleculeSlots(numbers, positions, self.cutoff)

    def field(self, points: Tensor, positions: Tensor) -> Slots:
        """Return what points feel of the atoms of a field."""
        return FieldSlots(points, positions, self.cutoff)
