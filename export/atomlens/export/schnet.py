"""SchNet: continuous-filter convolutions over learned element embeddings.

Schütt, Kindermans, Sauceda, Chmiela, Tkatchenko, Müller, NeurIPS 2017 (arXiv 1706.08566).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from atomlens.export.layers import cosine_cutoff, mlp
from atomlens.export.neighborhood import Neighborhood
from atomlens.export.network import AtomOutput, Carried, check_sizes

MAX_NUMBER = 118


@dataclass(frozen=True, slots=True)
class SchNetSettings:
    """What a SchNet is built from."""

    elements: tuple[int, ...]
    cutoff_angstrom: float = 5.0
    features: int = 64
    blocks: int = 3
    gaussians: int = 25
    embedding_scale: float = 1.0  # deviation of the embeddings before training

    def __post_init__(self) -> None:
        least = {"features": 2, "blocks": 1, "gaussians": 2, "embedding_scale": 1e-6}
        check_sizes(self.cutoff_angstrom, {name: (getattr(self, name), few) for name, few in least.items()})


class SchNet(nn.Module):
    """x⁰ = a_Z;  x ← x + v(Σ_j (W_in x_j) ∘ W(r_ij)) in every block;  y = W_o2 ssp(W_o1 x + b) + b."""

    prepares_atoms = False
    carries: Carried = "context"
    family = "schnet"

    def __init__(self, settings: SchNetSettings) -> None:
        super().__init__()
        self.settings = settings
        width = settings.features
        self.embedding = nn.Embedding(MAX_NUMBER + 1, width, padding_idx=0)
        with torch.no_grad():
            self.embedding.weight.mul_(settings.embedding_scale)
        self.gaussians = Gaussians(settings.gaussians, settings.cutoff_angstrom)
        self.blocks = nn.ModuleList(Interaction(settings) for _ in range(settings.blocks))
        self.output = mlp(width, width // 2, 1)

    @property
    def interactions(self) -> list[Interaction]:
        """The blocks, in order."""
        return [block for block in self.blocks if isinstance(block, Interaction)]

    def prepare(self, numbers: Tensor, neighborhood: Neighborhood) -> Neighborhood:  # noqa: ARG002
        """Return the neighborhood itself: nothing before the first weight is worth keeping."""
        return neighborhood

    def forward(self, numbers: Tensor, neighborhood: Neighborhood) -> AtomOutput:
        """Return y (atoms,) and, as context, the W_in x that atoms send in each block."""
        x = self.embedding(numbers)  # (atoms, features)
        waves = self.gaussians(neighborhood.distances)  # (..., gaussians)
        layers = []
        for block in self.interactions:
            layers.append(block.project(x))
            x = x + block(layers[-1], waves, neighborhood)
        return AtomOutput(self.output(x)[:, 0], torch.stack(layers))

    def probe(self, elements: Tensor, neighborhood: Neighborhood, carried: Tensor) -> Tensor:
        """Return y = out(a_A + Σ_l v^l(Σ_i p_i^l ∘ W^l(|r − r_i|))): (elements, points), p = W_in x.

        Messages never read the state of their receiver, so that all elements share them.
        """
        waves = self.gaussians(neighborhood.distances)  # (..., gaussians)
        changes = [block(sent, waves, neighborhood) for block, sent in zip(self.blocks, carried, strict=True)]
        felt = torch.stack(changes).sum(0)  # (points, features)
        z = self.embedding(elements)[:, None] + felt  # (elements, points, features)
        values: Tensor = self.output(z)[:, :, 0]
        return values


class Gaussians(nn.Module):
    """e_k(r) = exp[−(r − μ_k)² / 2Δ²] with μ from 0 to the cutoff in steps of Δ."""

    centers: Tensor

    def __init__(self, count: int, cutoff: float) -> None:
        super().__init__()
        self.register_buffer("centers", torch.linspace(0.0, cutoff, count, dtype=torch.float64).float())
        self.width = cutoff / (count - 1)

    def forward(self, distances: Tensor) -> Tensor:
        """Return e(r): (..., gaussians)."""
        return torch.exp(-0.5 * ((distances[..., None] - self.centers) / self.width) ** 2)


class Interaction(nn.Module):
    """v = W_d ssp(W_out c + b) + b_d  with  c_i = Σ_j p_j ∘ W(r_ij)  and  p = W_in x."""

    def __init__(self, settings: SchNetSettings) -> None:
        super().__init__()
        width = settings.features
        self.cutoff = settings.cutoff_angstrom
        self.filters = mlp(settings.gaussians, width, width)
        self.project = nn.Linear(width, width, bias=False)
        self.update = mlp(width, width, width)
        nn.init.xavier_uniform_(self.project.weight)

    def forward(self, sent: Tensor, waves: Tensor, neighborhood: Neighborhood) -> Tensor:
        """Return the change of x from what neighbors send: (atoms, features)."""
        cutoff = cosine_cutoff(neighborhood.distances, self.cutoff)
        filters = self.filters(waves) * cutoff[..., None]  # (..., features)
        messages = neighborhood.convolve(sent, filters)  # (atoms, features)
        change: Tensor = self.update(messages)
        return change
