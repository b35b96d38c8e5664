"""Slots: the neighbors of every center in a row, in the layouts that graphs are fed.

A row has what one center feels: (centers, slots). What is no neighbor lies at the cutoff, where every
function of a compiled network is zero, so that nothing needs a mask.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn.functional import embedding

TINY = 1e-12  # Å²


class Vectors(NamedTuple):
    """Vectors from centers to neighbors by component: a last dimension of three would be slow to sum."""

    x: Tensor  # (centers, slots) Å
    y: Tensor
    z: Tensor

    def squares(self) -> Tensor:
        """Return their squared lengths: (centers, slots) Å²."""
        return self.x * self.x + self.y * self.y + self.z * self.z


class Slots(Protocol):
    """Centers and what each of them feels."""

    distances: Tensor  # Å, in the layout's own shape (..., pairs): once for each function of them

    @property
    def vectors(self) -> Vectors:
        """From centers to neighbors: (centers, slots) each."""

    def convolve(self, features: Tensor, waves: Tensor, coefficients: Tensor) -> Tensor:
        """Return Σ_j features_j ∘ (waves_ij coefficients): (centers, channels).

        Args:
            features: of the atoms that are felt, (atoms, channels).
            waves: functions of `distances`, (..., pairs, functions).
            coefficients: of the channels' filters in those functions, (functions, channels).
        """

    def rows(self) -> Tensor:
        """Return the distances of each center: (centers, slots) Å."""

    def felt(self, values: Tensor) -> Tensor:
        """Return the neighbors' values, or what is broadcast to them: (centers, slots).

        Args:
            values: one for each atom that is felt, (atoms,).
        """


class TableSlots:
    """The neighbor table of structures of any kind; −1 for an empty slot."""

    def __init__(self, positions: Tensor, neighbors: Tensor, shifts: Tensor, cutoff: float) -> None:
        real = neighbors >= 0  # (atoms, slots)
        self._neighbors = torch.where(real, neighbors, torch.zeros_like(neighbors))
        ends = embedding(self._neighbors, positions) + shifts - positions[:, None]  # (atoms, slots, 3)
        self._vectors = Vectors(ends[..., 0], ends[..., 1], ends[..., 2])
        self.distances = _distances(self._vectors.squares(), real, cutoff)

    @property
    def vectors(self) -> Vectors:
        """From atoms to neighbors: (atoms, slots) each."""
        return self._vectors

    def convolve(self, features: Tensor, waves: Tensor, coefficients: Tensor) -> Tensor:
        """Return Σ_j features_j ∘ (waves_ij coefficients): (atoms, channels)."""
        return (torch.matmul(waves, coefficients) * embedding(self._neighbors, features)).sum(1)

    def rows(self) -> Tensor:
        """Return the distances of each atom: (atoms, slots)."""
        return self.distances

    def felt(self, values: Tensor) -> Tensor:
        """Return the neighbors' values: (atoms, slots)."""
        return embedding(self._neighbors, values[:, None])[..., 0]


class MoleculeSlots:
    """Small molecules of about one size: each atom feels all slots of its molecule; number 0 is padding.

    Filters are made once for the two atoms that they join: pair k of atoms j ≤ i is k = i(i + 1)/2 + j.
    """

    def __init__(self, numbers: Tensor, positions: Tensor, cutoff: float) -> None:
        molecules, slots = numbers.shape
        self._shape = (molecules, slots, slots, -1)
        atoms = torch.arange(slots)
        later, earlier = torch.maximum(atoms[:, None], atoms), torch.minimum(atoms[:, None], atoms)
        self._pairs = (later * (later + 1) // 2 + earlier).flatten()  # (slots · slots,)
        k = torch.arange(slots * (slots + 1) // 2)
        i = ((torch.sqrt(8.0 * k + 1.0) - 1.0) * 0.5).to(torch.int64)
        j = k - i * (i + 1) // 2
        ends = positions.index_select(1, j) - positions.index_select(1, i)  # (molecules, pairs, 3)
        squares = (ends * ends).sum(2)
        atoms_are = numbers > 0
        real = atoms_are.index_select(1, i) & atoms_are.index_select(1, j) & (squares > 0)
        self.distances = _distances(squares, real, cutoff)  # (molecules, pairs)
        self._positions = positions

    @property
    def vectors(self) -> Vectors:
        """From every atom to all of its molecule: (molecules · slots, slots) each."""
        return Vectors(*(_differences(self._positions[..., axis]) for axis in range(3)))

    def convolve(self, features: Tensor, waves: Tensor, coefficients: Tensor) -> Tensor:
        """Return Σ_j features_j ∘ (waves_ij coefficients): (molecules · slots, channels)."""
        filters = torch.matmul(waves, coefficients).index_select(1, self._pairs).view(self._shape)
        messages = filters * features.view(self._shape[0], 1, self._shape[1], -1)
        return messages.sum(2).flatten(0, 1)

    def rows(self) -> Tensor:
        """Return the distances of each atom: (molecules · slots, slots)."""
        return self.distances.index_select(1, self._pairs).view(self._shape[:3]).flatten(0, 1)

    def felt(self, values: Tensor) -> Tensor:
        """Return the values of the atoms of each center's molecule: (molecules · slots, slots)."""
        molecules, slots, *_ = self._shape
        return values.view(molecules, 1, slots).expand(-1, slots, -1).flatten(0, 1)


class FieldSlots:
    """Points that all feel the same few atoms."""

    def __init__(self, points: Tensor, positions: Tensor, cutoff: float) -> None:
        self._vectors = Vectors(*(positions[:, axis] - points[:, axis, None] for axis in range(3)))
        squares = self._vectors.squares()  # (points, field)
        self.distances = torch.sqrt(torch.clamp(squares, min=TINY, max=cutoff**2))

    def convolve(self, features: Tensor, waves: Tensor, coefficients: Tensor) -> Tensor:
        """Return Σ_j features_j ∘ (waves_ij coefficients): (points, channels), as one product of matrices.

        Points are many and atoms are few: what does not depend on the point is multiplied first.
        """
        carried = features[:, None] * coefficients  # (field, functions, channels)
        return torch.matmul(waves.flatten(1), carried.flatten(0, 1))

    @property
    def vectors(self) -> Vectors:
        """From points to atoms: (points, field) each."""
        return self._vectors

    def rows(self) -> Tensor:
        """Return the distances of each point: (points, field)."""
        return self.distances

    def felt(self, values: Tensor) -> Tensor:
        """Return the values of the field's atoms: (1, field)."""
        return values[None]


def _distances(squares: Tensor, real: Tensor, cutoff: float) -> Tensor:
    return torch.sqrt(torch.where(real, squares, torch.full_like(squares, cutoff**2)))


def _differences(places: Tensor) -> Tensor:
    """Return x_j − x_i of molecules (molecules, slots): (molecules · slots, slots)."""
    return (places[:, None] - places[:, :, None]).flatten(0, 1)
