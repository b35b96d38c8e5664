"""Network: what every family of atomistic networks has in common."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, Protocol

from torch import Tensor

from atomlens.export.neighborhood import Neighborhood
from atomlens.server.card import MAX_CUTOFF_ANGSTROM

# What a probe must know of the atoms that it feels: their elements, or the features that they carry.
Carried = Literal["numbers", "context"]


class AtomOutput(NamedTuple):
    """What a network says of each atom, before scale, mean and units."""

    values: Tensor  # (atoms,)
    context: Tensor | None  # (layers, atoms, features): what a probe feels of the atoms, where it needs it


def check_sizes(cutoff_angstrom: float, least: Mapping[str, tuple[float, float]]) -> None:
    """Check what a network is to be built from.

    Args:
        cutoff_angstrom: what the engine takes at most.
        least: each size by its name, and the least it may be.

    Raises:
        ValueError: one of them is too small or too large; the message names it.
    """
    if not 0 < cutoff_angstrom <= MAX_CUTOFF_ANGSTROM:
        rule = f"must be above 0 and at most {MAX_CUTOFF_ANGSTROM:g} Å"
        raise ValueError(f"`cutoff_angstrom` {rule}, got {cutoff_angstrom:g}")
    for name, (value, smallest) in least.items():
        if not smallest <= value < math.inf:
            raise ValueError(f"`{name}` must be {smallest:g} at least, got {value:g}")


class Network(Protocol):
    """A function from elements and surroundings to one number per atom."""

    family: str
    settings: Any
    prepares_atoms: bool  # whether what `prepare` returns is a row per atom, which training may keep
    carries: Carried

    def prepare(self, numbers: Tensor, neighborhood: Neighborhood) -> Any:
        """Return what does not depend on weights and is worth keeping between epochs."""

    def __call__(self, numbers: Tensor, prepared: Any) -> AtomOutput:
        """Return the output for each atom."""

    def probe(self, elements: Tensor, neighborhood: Neighborhood, carried: Tensor) -> Tensor:
        """Return the output for a probe of each element at each point: (elements, points).

        Args:
            elements: atomic numbers of the probes, (elements,).
            neighborhood: the points as centers, and the field's atoms that they feel.
            carried: what the field's atoms carry, as `carries` says: their atomic numbers (field,), or their
                context (layers, field, features).
        """
