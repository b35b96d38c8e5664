"""Heads: what a network's number per atom means, and the property it adds up to."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

Kind = Literal["energy", "charge", "extent", "intensive"]
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
TAKEN = frozenset(  # what graphs call other things, or will
    {"numbers", "positions", "neighbors", "shifts", "context", "charges", "spins", "structure"}
)
SMOOTH = 1e-6  # (e·Å)²: |p| has no gradient at 0, sqrt(p·p + ε) has


@dataclass(frozen=True, slots=True)
class HeadSettings:
    """What a head is built from."""

    kind: Kind
    name: str  # of the graph's output
    property_unit: str
    offsets: dict[int, float]  # E⁰ of each element in the property's unit, empty for none

    def __post_init__(self) -> None:
        check_name(self.name)


class Surroundings:
    """What sums over structures need: owners (atoms,), counts (structures,), centred positions (atoms, 3)."""

    def __init__(self, owners: Tensor, counts: Tensor, positions: Tensor) -> None:
        self.owners, self.counts, self.positions = owners, counts, positions

    def sums(self, values: Tensor) -> Tensor:
        """Return sums over the atoms of each structure: (structures, ...)."""
        return values.new_zeros(len(self.counts), *values.shape[1:]).index_add(0, self.owners, values)


class Head(nn.Module):
    """From a network's numbers to contributions σ y + μ (σ, μ untrained), and from those to a property."""

    scale: Tensor
    shift: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("shift", torch.zeros(()))

    def standardise(self, labels: Tensor, surroundings: Surroundings) -> None:
        """Take σ and μ from the training set's labels (structures,), where a head needs them."""

    def forward(self, values: Tensor) -> Tensor:
        """Return contributions: (atoms,) in the head's unit."""
        return self.scale * values + self.shift

    def property(self, contributions: Tensor, surroundings: Surroundings) -> Tensor:
        """Return the property without offsets: (structures,) in the property's unit."""
        raise NotImplementedError

    def settle(self, contributions: Tensor, numbers: Tensor) -> bool:  # noqa: ARG002
        """Fix what training left open, given the training set's contributions (atoms,) and elements (atoms,).

        Returns:
            Whether the sign of the contributions was turned.
        """
        return False


class EnergyHead(Head):
    """ε_i = σ y_i + μ and E − ΣE⁰ = Σ ε_i, with the training set's mean μ and deviation σ per atom."""

    def standardise(self, labels: Tensor, surroundings: Surroundings) -> None:
        """Take μ and σ from E − ΣE⁰ per atom."""
        per_atom = labels.double() / surroundings.counts
        self.shift.fill_(float(per_atom.mean()))
        self.scale.fill_(float(per_atom.std()))

    def property(self, contributions: Tensor, surroundings: Surroundings) -> Tensor:
        """Return E − ΣE⁰: (structures,) eV."""
        return surroundings.sums(contributions)


class IntensiveHead(Head):
    """ε_i = σ y_i + μ and P = Σ ε_i / N, with the training set's mean μ and deviation σ."""

    def standardise(self, labels: Tensor, surroundings: Surroundings) -> None:  # noqa: ARG002
        """Take μ and σ from P."""
        self.shift.fill_(float(labels.double().mean()))
        self.scale.fill_(float(labels.double().std()))

    def property(self, contributions: Tensor, surroundings: Surroundings) -> Tensor:
        """Return P: (structures,) eV or eV/atom."""
        return surroundings.sums(contributions) / surroundings.counts


class ExtentHead(Head):
    """q_i = σ y_i + μ and ⟨R²⟩ = Σ q_i |r_i − r_com|²: charges like numbers of electrons, not neutral."""

    def standardise(self, labels: Tensor, surroundings: Surroundings) -> None:
        """Take μ from the least squares of ⟨R²⟩ = μ Σ |r_i − r_com|², and σ = μ: hydrogen is far from it."""
        moments = surroundings.sums(_squares(surroundings)).double()
        electrons = float((labels * moments).sum() / (moments**2).sum()) if bool(moments.any()) else 1.0
        self.shift.fill_(electrons)
        self.scale.fill_(electrons)

    def property(self, contributions: Tensor, surroundings: Surroundings) -> Tensor:
        """Return ⟨R²⟩: (structures,) Å²."""
        return surroundings.sums(contributions * _squares(surroundings))


class ChargeHead(Head):
    """q_i = ±y_i + b, shifted so that Σq = Q (here 0), and |p| = |Σ q_i (r_i − r_com)|."""

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


@dataclass(frozen=True, slots=True)
class HeadKind:
    """What all heads of a kind share."""

    build: Callable[[], Head]
    unit: str  # of contributions
    property_units: tuple[str, ...]  # that its labels may have


KINDS: dict[Kind, HeadKind] = {
    "energy": HeadKind(EnergyHead, "eV", ("eV",)),
    "charge": HeadKind(ChargeHead, "e", ("e·Å",)),
    "extent": HeadKind(ExtentHead, "electrons", ("Å²",)),
    "intensive": HeadKind(IntensiveHead, "eV", ("eV", "eV/atom")),
}


def build_head(settings: HeadSettings) -> Head:
    """Return the head of the kind that the settings name."""
    return KINDS[settings.kind].build()


def check_name(name: str) -> str:
    """Return a head's name.

    Raises:
        ValueError: a graph cannot have an output of that name.
    """
    if not NAME.fullmatch(name) or name in TAKEN:
        rule = f"must be letters, digits and _, a letter first, and none of {', '.join(sorted(TAKEN))}"
        raise ValueError(f"`head_name` {rule}, got {name!r}")
    return name


def _squares(surroundings: Surroundings) -> Tensor:
    """Return |r_i − r_com|²: (atoms,) Å²."""
    return (surroundings.positions**2).sum(1)
