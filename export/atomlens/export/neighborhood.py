"""Neighborhood: who feels whom, in the layouts a network can be run on.

A network asks for distances and directions, turns them into filters and convolves:
c_i = Σ_j features_j ∘ filters_ij. How pairs are laid out is not its concern: graphs are exported on
neighbor tables, which need no scatter; training uses a half list, which evaluates each filter once for
the two atoms it joins and is twice as fast; probes feel all atoms of a field, and are verified on pairs.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

TINY = 1e-12  # Å


class Neighborhood(Protocol):
    """Pairs of a center and an atom that it feels; ``...`` stands for the layout's own dimensions."""

    distances: Tensor  # (...) Å
    directions: Tensor  # (..., 3) unit vectors from center to neighbor

    def convolve(self, features: Tensor, filters: Tensor) -> Tensor:
        """Return Σ_j features_j ∘ filters_ij: (centers, channels), for filters even in the direction."""

    def convolve_odd(self, features: Tensor, filters: Tensor) -> Tensor:
        """Return the same sum for filters that change sign with the direction."""


class NeighborTable:
    """Neighbors in slots, (atoms, slots), −1 for none; an empty slot lies at the cutoff: weight 0."""

    def __init__(self, positions: Tensor, neighbors: Tensor, shifts: Tensor, cutoff: float) -> None:
        real = neighbors >= 0  # (atoms, slots)
        self.neighbors = torch.where(real, neighbors, torch.zeros_like(neighbors))
        vectors = positions[self.neighbors] + shifts - positions[:, None]  # (atoms, slots, 3)
        squares = (vectors * vectors).sum(2)
        far = torch.full_like(squares, cutoff**2)
        self.distances = torch.sqrt(torch.where(real & (squares > 0), squares, far))
        self.directions = vectors / self.distances[:, :, None]

    def convolve(self, features: Tensor, filters: Tensor) -> Tensor:
        """Return Σ_j features_j ∘ filters_ij: (atoms, channels)."""
        return (features[self.neighbors] * filters).sum(1)

    convolve_odd = convolve


class HalfList:
    """Each pair once, (pairs,): what joins i to j joins j to i."""

    def __init__(self, positions: Tensor, i: Tensor, j: Tensor, shifts: Tensor | None = None) -> None:
        self.i, self.j = i, j
        vectors = positions[j] - positions[i] if shifts is None else positions[j] + shifts - positions[i]
        self.distances = vectors.norm(dim=1)
        self.directions = vectors / self.distances[:, None]

    def convolve(self, features: Tensor, filters: Tensor) -> Tensor:
        """Return Σ_j features_j ∘ filters_ij: (atoms, channels)."""
        return self._scatter(features, filters, 1.0)

    def convolve_odd(self, features: Tensor, filters: Tensor) -> Tensor:
        """Return Σ_j features_j ∘ filters_ij with filters_ji = −filters_ij: (atoms, channels)."""
        return self._scatter(features, filters, -1.0)

    def _scatter(self, features: Tensor, filters: Tensor, sign: float) -> Tensor:
        sums = filters.new_zeros(len(features), filters.shape[1])
        sums = sums.index_add(0, self.i, features.index_select(0, self.j) * filters)
        return sums.index_add(0, self.j, features.index_select(0, self.i) * filters, alpha=sign)


class Field:
    """Points and all atoms of a field, (points, field): each point feels those within the cutoff."""

    def __init__(self, points: Tensor, positions: Tensor) -> None:
        vectors = positions - points[:, None]  # (points, field, 3)
        self.distances = torch.sqrt((vectors * vectors).sum(2))
        # On a nucleus there is no direction: it is taken as 0, where 0/0 would be no number.
        self.directions = vectors / torch.clamp(self.distances, min=TINY)[:, :, None]

    def convolve(self, features: Tensor, filters: Tensor) -> Tensor:
        """Return Σ_j features_j ∘ filters_ij: (points, channels)."""
        return (features * filters).sum(1)

    convolve_odd = convolve


class PointPairs:
    """Pairs of a point and an atom or image that it feels, (pairs,), in any order: sums are scattered."""

    def __init__(self, i: Tensor, j: Tensor, vectors: Tensor, points: int) -> None:
        self.i, self.j, self.points = i, j, points
        self.distances = vectors.norm(dim=1)
        away = self.distances[:, None] > 0
        self.directions = torch.where(away, vectors / self.distances[:, None], 0.0)  # 0 on a nucleus

    def convolve(self, features: Tensor, filters: Tensor) -> Tensor:
        """Return Σ_j features_j ∘ filters_ij: (points, channels), of features of the structure's atoms."""
        sums = filters.new_zeros(self.points, filters.shape[1])
        return sums.index_add(0, self.i, features.index_select(0, self.j) * filters)

    convolve_odd = convolve
