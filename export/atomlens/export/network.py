"""Network: what every family of atomistic networks has in common."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from torch import Tensor

from atomlens.export.neighborhood import Neighborhood


class AtomOutput(NamedTuple):
    """What a network says of each atom, before scale, mean and units."""

    values: Tensor  # (atoms,)
    context: Tensor | None  # (layers, atoms, features): what a probe feels of the atoms, where it needs it


class Network(Protocol):
    """A function from elements and surroundings to one number per atom."""

    family: str
    settings: Any
    prepares_atoms: bool  # whether what `prepare` returns is a row per atom, which training may keep

    def prepare(self, numbers: Tensor, neighborhood: Neighborhood) -> Any:
        """Return what does not depend on weights and is worth keeping between epochs."""

    def __call__(self, numbers: Tensor, prepared: Any) -> AtomOutput:
        """Return the output for each atom."""
