"""Compiled Behler–Parrinello network: one product of matrices for all symmetry functions of an atom.

With q = Z f_c, rows [q, q², q u_x, q u_y, q u_z] of the neighbors and the Gaussians R of radial functions and
w of angular ones, the product rows · [R, w, w²] holds every sum that symmetry functions are made of. Those
are linear in the radial sums ΣqR, S = Σq²w², T² = (Σqw)² and V² = |Σqwu|²:  ½(T² + V²) − S  and  ½(T² − V²).
That map, mean and deviation are folded into the first layer of each element's network, which only that
element's atoms go through.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from atomlens.export.bpnn import BPNN, SymmetryFunctions
from atomlens.export.compiled.activation import softplus
from atomlens.export.compiled.slots import Slots
from atomlens.export.form import CompiledForm
from atomlens.export.heads import Head
from atomlens.export.layers import LOG2, cosine_cutoff, linears


class CompiledBPNN(CompiledForm):
    """A Behler–Parrinello network and its head as the runtime is fast at them; built in float64."""

    method = "symmetry functions as products of matrices; each atom in its element's network alone"
    terms = 0
    rows: Tensor

    def __init__(self, network: BPNN, head: Head) -> None:
        """Rewrite a network in float64."""
        super().__init__(network.settings.cutoff_angstrom)
        settings = network.settings
        self.radial, self.angular = settings.radial, settings.angular
        self.elements = settings.elements
        self.waves = _Gaussians(network.symmetry)
        self.depth = len(settings.hidden) + 1
        for layer in range(self.depth):
            weights, biases = zip(
                *(_layer(network, head, e, layer) for e in range(len(self.elements))), strict=True
            )
            self.register_buffer(f"weight{layer}", torch.stack(weights))  # (elements, inputs, outputs)
            self.register_buffer(f"bias{layer}", torch.stack(biases)[:, None])  # (elements, 1, outputs)
        rows = torch.zeros(max(self.elements) + 1, dtype=torch.int64)
        rows[list(self.elements)] = torch.arange(len(self.elements))
        self.register_buffer("rows", rows)

    def forward(self, numbers: Tensor, slots: Slots) -> tuple[Tensor, None]:
        """Return contributions (atoms,) in the head's unit; there is no context."""
        sums = self._sums(numbers, slots)
        values = torch.zeros_like(sums[:, 0])
        for row, number in enumerate(self.elements):
            mine = torch.nonzero(numbers == number)[:, 0]
            values = values.index_put((mine,), self._network(row, sums[mine]))
        return values, None

    def probe(self, elements: Tensor, slots: Slots, carried: Tensor) -> Tensor:
        """Return Ω: (elements, points) in the head's unit, from the numbers of the field's atoms."""
        x = self._sums(carried, slots)[None]
        rows = self.rows[elements]
        for layer in range(self.depth):
            x = torch.matmul(softplus(x) if layer else x, self.get_buffer(f"weight{layer}")[rows])
            x = x + self.get_buffer(f"bias{layer}")[rows]  # (elements, points, outputs)
        return x[..., 0]

    def _network(self, row: int, x: Tensor) -> Tensor:
        """Return the output of one element's network for its atoms: (atoms,)."""
        for layer in range(self.depth):
            weight, bias = (self.get_buffer(f"{name}{layer}")[row] for name in ("weight", "bias"))
            x = torch.addmm(bias, softplus(x) if layer else x, weight)
        return x[:, 0]

    def _sums(self, numbers: Tensor, slots: Slots) -> Tensor:
        """Return radial sums, S, T² and V² of every center: (centers, radial + 3·angular)."""
        distances = slots.rows()
        waves = self.waves(distances)  # (centers, slots, radial + 2·angular)
        charges = slots.felt(numbers.to(waves.dtype)) * cosine_cutoff(distances, self.cutoff)
        scaled = charges / distances
        rows = [charges, charges * charges, *(scaled * part for part in slots.vectors)]
        sums = torch.matmul(torch.stack(rows, 1), waves)  # (centers, 5, functions)
        first = self.radial + self.angular
        once, moments = sums[:, 0], sums[:, 2:, self.radial : first]  # (centers, 3, angular)
        squares, totals = sums[:, 1, first:], once[:, self.radial : first]
        return torch.cat([once[:, : self.radial], squares, totals**2, (moments**2).sum(1)], 1)


class _Gaussians(nn.Module):
    """exp[−η(r − μ)²] of radial functions, of angular weights and, with 2η, of the squares of those."""

    etas: Tensor
    centers: Tensor

    def __init__(self, symmetry: SymmetryFunctions) -> None:
        super().__init__()
        radial, widths = symmetry.centers, symmetry.widths
        etas = torch.cat([torch.full_like(radial, symmetry.radial_eta), widths, 2.0 * widths])
        self.register_buffer("etas", -etas)
        self.register_buffer("centers", torch.cat([radial, torch.zeros_like(widths).repeat(2)]))

    def forward(self, distances: Tensor) -> Tensor:
        """Return all of them: (..., radial + 2·angular)."""
        apart = distances[..., None] - self.centers
        return torch.exp(apart * apart * self.etas)


@torch.no_grad()
def _layer(network: BPNN, head: Head, element: int, layer: int) -> tuple[Tensor, Tensor]:
    """Return weights (inputs, outputs) and bias (outputs,) of a layer that reads softplus or, first, sums."""
    layers = linears(network.networks[element])
    weight: Tensor = layers[layer].weight.T
    bias: Tensor = layers[layer].bias
    if layer:
        bias = bias - LOG2 * weight.sum(0)
    else:
        weight, bias = _of_sums(network, weight, bias)
    return (
        (head.scale * weight, head.scale * bias + head.shift) if layer == len(layers) - 1 else (weight, bias)
    )


def _of_sums(network: BPNN, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Return the first layer on radial sums, S, T² and V² instead of standardised symmetry functions."""
    radial, angular = network.settings.radial, network.settings.angular
    weight, bias = weight / network.deviation[:, None], bias - (network.mean / network.deviation) @ weight
    plain, plus, minus = torch.split(weight, [radial, angular, angular])
    return torch.cat([plain, -plus, 0.5 * (plus + minus), 0.5 * (plus - minus)]), bias
