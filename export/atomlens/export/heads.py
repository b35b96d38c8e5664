"""Heads: what a network's number per atom means, and the property it adds up to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

Kind = Literal["energy", "charge"]
SMOOTH = 1e-6  # (e·Å)²: |p| has no gradient at 0, sqrt(p·p + ε) has


@dataclass(frozen=True, slots=True)
class HeadSettings:
    """What a head is built from."""

    kind: Kind
    property_unit: str
    offsets: dict[int, float]  # E⁰ of each element in the property's unit, empty for none


class Surroundings:
    """What sums over structures need: owners (atoms,), counts (structures,), centred positions (atoms, 3)."""

    def __init__(self, owners: Tensor, counts: Tensor, positions: Tensor) -> None:
        self.owners, self.counts, self.positions = owners, counts, positions

    def sums(self, values: Tensor) -> Tensor:
        """Return sums over the atoms of each structure: (structures, ...)."""
        return values.new_zeros(len(self.counts), *values.shape[1:]).index_add(0, self.owners, values)


class EnergyHead(nn.Module):
    """ε_i = σ y_i + μ and E − ΣE⁰ = Σ ε_i, with the training set's mean μ and deviation σ per atom."""

    scale: Tensor
    shift: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("shift", torch.zeros(()))

    def standardise(self, labels: Tensor, counts: Tensor) -> None:
        """Take μ and σ from E − ΣE⁰ (structures,) and the atom counts of the training set."""
        per_atom = labels.double() / counts
        self.shift.fill_(float(per_atom.mean()))
        self.scale.fill_(float(per_atom.std()))

    def forward(self, values: Tensor) -> Tensor:
        """Return the model's atomic energies ε: (atoms,) eV."""
        return self.scale * values + self.shift

    def property(self, contributions: Tensor, surroundings: Surroundings) -> Tensor:
        """Return E − ΣE⁰: (structures,) eV."""
        return surroundings.sums(contributions)

    def settle(self, contributions: Tensor, numbers: Tensor) -> bool:  # noqa: ARG002
        """Return False: training leaves nothing of an energy open."""
        return False


class ChargeHead(nn.Module):
    """q_i = ±y_i + b, shifted so that Σq = Q (here 0), and |p| = |Σ q_i (r_i − r_com)|."""

    scale: Tensor
    shift: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("shift", torch.zeros(()))

    def standardise(self, labels: Tensor, counts: Tensor) -> None:
        """Do nothing: charges have no scale to take from dipoles."""

    def forward(self, values: Tensor) -> Tensor:
        """Return the raw charges q: (atoms,) e."""
        return self.scale * values + self.shift

    def property(self, contributions: Tensor, surroundings: Surroundings) -> Tensor:
        """Return |p|: (structures,) e·Å."""
        excess = surroundings.sums(contributions) / surroundings.counts
        charges = contributions - excess[surroundings.owners]
        dipole = surroundings.sums(charges[:, None] * surroundings.positions)  # (structures, 3)
        return torch.sqrt((dipole * dipole).sum(1) + SMOOTH)

    def settle(self, contributions: Tensor, numbers: Tensor) -> bool:
        """Settle what |p| leaves open: raw charges average to zero, and oxygen is negative.

        Neutrality takes away any constant, and |p| any sign, so that training may end with either.

        Args:
            contributions: raw charges of the training set, (atoms,).
            numbers: their atomic numbers, (atoms,).

        Returns:
            Whether the sign was turned.
        """
        self.shift.sub_(contributions.mean())
        oxygen = numbers == 8
        turned = bool(oxygen.any() and contributions[oxygen].mean() > contributions.mean())
        if turned:
            self.scale.neg_()
            self.shift.neg_()
        return turned


def build_head(settings: HeadSettings) -> EnergyHead | ChargeHead:
    """Return the head of the kind that the settings name."""
    return EnergyHead() if settings.kind == "energy" else ChargeHead()
