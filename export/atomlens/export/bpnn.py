"""Behler–Parrinello network on weighted atom-centered symmetry functions (wACSF).

Behler, Parrinello, Phys. Rev. Lett. 98, 146401 (2007); the weights: Gastegger, Schwiedrzik, Bittermann,
Berzsenyi, Marquetand, J. Chem. Phys. 148, 241709 (2018).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from atomlens.export.layers import cosine_cutoff, mlp
from atomlens.export.neighborhood import Neighborhood
from atomlens.export.network import AtomOutput, Carried, check_sizes

DEVIATION_FLOOR = 1e-2  # of the median deviation: a descriptor that hardly varied must not explode


@dataclass(frozen=True, slots=True)
class BPNNSettings:
    """What a Behler–Parrinello network is built from."""

    elements: tuple[int, ...]
    cutoff_angstrom: float = 5.0
    radial: int = 22
    angular: int = 5
    hidden: tuple[int, ...] = (64, 64)

    def __post_init__(self) -> None:
        narrowest = min(self.hidden, default=0)
        least = {"radial": (self.radial, 2), "angular": (self.angular, 2), "hidden": (narrowest, 1)}
        check_sizes(self.cutoff_angstrom, least)


class BPNN(nn.Module):
    """y_i = network of element Z_i, at the standardised symmetry functions of atom i."""

    prepares_atoms = True
    carries: Carried = "numbers"
    family = "bpnn"
    mean: Tensor
    deviation: Tensor

    def __init__(self, settings: BPNNSettings) -> None:
        super().__init__()
        self.settings = settings
        self.symmetry = SymmetryFunctions(settings)
        width = self.symmetry.count
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("deviation", torch.ones(width))
        self.networks = nn.ModuleList(mlp(width, *settings.hidden, 1) for _ in settings.elements)

    def standardise(self, descriptors: Tensor) -> None:
        """Take mean and deviation from the training set's descriptors (atoms, functions)."""
        wide = descriptors.double()
        deviation = wide.std(0)
        self.mean.copy_(wide.mean(0))
        floor = DEVIATION_FLOOR * float(deviation.median()) or DEVIATION_FLOOR
        self.deviation.copy_(deviation.clamp(min=floor))

    def prepare(self, numbers: Tensor, neighborhood: Neighborhood) -> Tensor:
        """Return the symmetry functions (atoms, functions): all that comes before the first weight."""
        descriptors: Tensor = self.symmetry(numbers, neighborhood)
        return descriptors

    def forward(self, numbers: Tensor, descriptors: Tensor) -> AtomOutput:
        """Return y (atoms,); the family needs no context."""
        x = (descriptors - self.mean) / self.deviation
        y = torch.zeros_like(x[:, 0])
        for number, network in zip(self.settings.elements, self.networks, strict=True):
            y = torch.where(numbers == number, network(x)[:, 0], y)
        return AtomOutput(y, None)

    def probe(self, elements: Tensor, neighborhood: Neighborhood, carried: Tensor) -> Tensor:
        """Return y = network of element A, at the symmetry functions of the point: (elements, points)."""
        x = (self.prepare(carried, neighborhood) - self.mean) / self.deviation  # (points, functions)
        y = torch.stack([network(x)[:, 0] for network in self.networks])  # (networks, points)
        chosen = elements[:, None] == torch.tensor(self.settings.elements)  # (elements, networks)
        return y[chosen.to(torch.int64).argmax(1)]


class SymmetryFunctions(nn.Module):
    """Radial and angular sums over neighbors, weighted with their atomic numbers.

    G_i(μ, η) = Σ_j Z_j exp[−η(r_ij − μ)²] f_c(r_ij)
    G_i(η, λ) = Σ_{j<k} Z_j Z_k (1 + λ cos θ_jik) exp[−η(r_ij² + r_ik²)] f_c(r_ij) f_c(r_ik),  λ = ±1

    With ζ = 1 the angular sum is one of moments and linear in the neighbors: with w_j = Z_j exp(−ηr²) f_c
    and unit vectors u_j,  Σ_{j<k} w_j w_k = ½[(Σw)² − Σw²]  and  Σ_{j<k} w_j w_k cos θ = ½[|Σwu|² − Σw²].
    """

    centers: Tensor
    widths: Tensor

    def __init__(self, settings: BPNNSettings) -> None:
        super().__init__()
        self.cutoff = settings.cutoff_angstrom
        centers = torch.linspace(0.5, self.cutoff - 0.5, settings.radial, dtype=torch.float64)
        self.register_buffer("centers", centers.float())
        self.radial_eta = 0.5 / float(centers[1] - centers[0]) ** 2
        offsets = torch.linspace(1.0, self.cutoff - 0.5, settings.angular, dtype=torch.float64)
        self.register_buffer("widths", (0.5 / offsets**2).float())
        self.count = settings.radial + 2 * settings.angular

    def forward(self, numbers: Tensor, neighborhood: Neighborhood) -> Tensor:
        """Return all functions of every atom: (atoms, radial + 2·angular)."""
        charges = numbers[:, None].to(self.centers.dtype)  # (atoms, 1)
        distances = neighborhood.distances[..., None]
        cutoff = cosine_cutoff(distances, self.cutoff)
        shells = torch.exp(-self.radial_eta * (distances - self.centers) ** 2) * cutoff  # (..., radial)
        radial = neighborhood.convolve(charges, shells)
        return torch.cat([radial, self._angular(charges, neighborhood, distances, cutoff)], 1)

    def _angular(self, charges: Tensor, around: Neighborhood, distances: Tensor, cutoff: Tensor) -> Tensor:
        weights = torch.exp(-self.widths * distances**2) * cutoff  # (..., angular)
        total = around.convolve(charges, weights)
        squares = around.convolve(charges**2, weights**2)
        moments = weights[..., None] * around.directions[..., None, :]  # (..., angular, 3)
        vectors = around.convolve_odd(charges, moments.flatten(-2)).view(-1, len(self.widths), 3)
        pairs = 0.5 * (total**2 - squares)
        cosines = 0.5 * ((vectors**2).sum(2) - squares)
        return torch.cat([pairs + cosines, pairs - cosines], 1)
