"""Compiled SchNet: filters in few tabulated functions, and linear maps that meet folded into one.

With y^l = softplus(c^l W_1 + b_1) of block l, all that follows is linear in y up to the next softplus:

    p^l = W_in^l x^l = E^l[Z] + Σ_{m<l} y^m M^{lm}          what atoms send in block l
    c^l_i = Σ_j p^l_j ∘ W^l(r_ij),  W^l(r) = φ(r) C^l       φ: functions that all filters are made of
    h = E^o[Z] + Σ_m y^m M^{om},  value = σ (softplus(h) w + b) + μ

E^l and E^o hold the embedding of every element and all biases, −ln 2 of the shifted softplus among them.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding

from atomlens.export.compiled.activation import softplus
from atomlens.export.compiled.radial_table import RadialTable, knots
from atomlens.export.compiled.slots import Slots
from atomlens.export.form import CompiledForm
from atomlens.export.heads import Head
from atomlens.export.layers import LOG2, cosine_cutoff, linears
from atomlens.export.schnet import SchNet

NOTHING = 1e-12  # of the strongest function: weaker ones are rounding


class Filters(NamedTuple):
    """W^l(r) = φ(r) C^l."""

    functions: Tensor  # (knots, terms)
    coefficients: tuple[Tensor, ...]  # (terms, features) of each block


class CompiledSchNet(CompiledForm):
    """A SchNet and its head as the runtime is fast at them; built in float64, to be narrowed afterwards."""

    weights: Tensor
    bias: Tensor

    method = "filters in tabulated functions that all of them are made of; folded linear maps"

    def __init__(self, network: SchNet, head: Head, terms: int) -> None:
        """Rewrite a network in float64 with filters in ``terms`` functions."""
        super().__init__(network.settings.cutoff_angstrom)
        filters = expand_filters(network, terms)
        self.terms = filters.functions.shape[1]
        self.waves = RadialTable(filters.functions, network.settings.cutoff_angstrom)
        self.blocks = nn.ModuleList()
        after: list[Tensor] = []  # W_2 of the blocks before
        biases = torch.zeros(network.settings.features, dtype=torch.float64)  # that x has gathered
        for block, coefficients in zip(network.interactions, filters.coefficients, strict=True):
            first, second = linears(block.update)
            sent = _Linear(network.embedding.weight + biases, after, block.project.weight)
            self.blocks.append(_Block(sent, coefficients, first))
            after.append(second.weight)
            biases = biases + second.bias - LOG2 * second.weight.sum(1)
        hidden, last = linears(network.output)
        self.hidden = _Linear(network.embedding.weight + biases, after, hidden.weight, hidden.bias)
        self.register_buffer("weights", (head.scale * last.weight).T)  # (features / 2, 1)
        self.register_buffer("bias", head.scale * (last.bias - LOG2 * last.weight.sum(1)) + head.shift)

    def forward(self, numbers: Tensor, slots: Slots) -> tuple[Tensor, Tensor]:
        """Return contributions (atoms,) in the head's unit and what atoms send, (blocks, atoms, features)."""
        waves = self.waves(slots.distances)
        sent: list[Tensor] = []
        ys: list[Tensor] = []
        for block in self.blocks:
            assert isinstance(block, _Block)
            sent.append(block.sent(numbers, ys))
            ys.append(block(sent[-1], waves, slots))
        return self._values(self.hidden(numbers, ys)), torch.stack(sent)

    def probe(self, elements: Tensor, slots: Slots, carried: Tensor) -> Tensor:
        """Return Ω: (elements, points) in the head's unit, from what the field's atoms send."""
        waves = self.waves(slots.distances)
        ys = [block(sent, waves, slots) for block, sent in zip(self.blocks, carried, strict=True)]
        shared = self.hidden.mixed(ys)  # (points, features / 2)
        hidden = self.hidden(elements, [])[:, None] + shared  # (elements, points, features / 2)
        return self._values(hidden.flatten(0, 1)).view(hidden.shape[:2])

    def _values(self, hidden: Tensor) -> Tensor:
        values: Tensor = torch.addmm(self.bias, softplus(hidden), self.weights)[:, 0]
        return values


class _Linear(nn.Module):
    """E[Z] + Σ_m y^m M^m: a linear map of x, of which only the element and y are known."""

    of_elements: Tensor

    def __init__(self, x: Tensor, after: list[Tensor], weight: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        self.register_buffer("of_elements", x @ weight.T + (0.0 if bias is None else bias))
        for index, before in enumerate(after):
            self.register_buffer(f"mix{index}", before.T @ weight.T)

    def forward(self, numbers: Tensor, ys: list[Tensor]) -> Tensor:
        """Return the map of x: (atoms, channels)."""
        return self._added(embedding(numbers, self.of_elements), ys)

    def mixed(self, ys: list[Tensor]) -> Tensor:
        """Return the same without the elements' part."""
        return self._added(ys[0] @ self.get_buffer("mix0"), ys[1:], 1)

    def _added(self, start: Tensor, ys: list[Tensor], first: int = 0) -> Tensor:
        for index, y in enumerate(ys, start=first):
            start = torch.addmm(start, y, self.get_buffer(f"mix{index}"))
        return start


class _Block(nn.Module):
    """y = softplus(c W_1 + b_1) with c_i = Σ_j p_j ∘ W(r_ij)."""

    coefficients: Tensor
    weight: Tensor
    bias: Tensor

    def __init__(self, sent: _Linear, coefficients: Tensor, first: nn.Linear) -> None:
        super().__init__()
        self.sent = sent
        self.register_buffer("coefficients", coefficients)
        self.register_buffer("weight", first.weight.T.contiguous())
        self.register_buffer("bias", first.bias.clone())

    def forward(self, sent: Tensor, waves: Tensor, slots: Slots) -> Tensor:
        """Return y: (centers, features)."""
        felt = slots.convolve(sent, waves, self.coefficients)
        return softplus(torch.addmm(self.bias, felt, self.weight))


@torch.no_grad()
def expand_filters(network: SchNet, terms: int) -> Filters:
    """Return the filters of all blocks in the few functions that fit them best.

    Filters with their cutoff, (knots, blocks · features), are smooth: their singular values fall fast. The
    leading right singular vectors are the coefficients, and the functions are what filters have along them.
    """
    cutoff = network.settings.cutoff_angstrom
    r = knots(cutoff)
    waves, fade = network.gaussians(r), cosine_cutoff(r, cutoff)[:, None]
    filters = torch.cat([block.filters(waves) * fade for block in network.interactions], 1)
    _, strengths, vectors = torch.linalg.svd(filters, full_matrices=False)
    coefficients = vectors[: min(terms, int((strengths > NOTHING * strengths[0]).sum()))]
    functions = filters @ coefficients.T
    sizes = functions.abs().max(0).values  # all functions of the size of 1
    scaled = (sizes[:, None] * coefficients).chunk(network.settings.blocks, 1)
    return Filters(functions / sizes, tuple(part.contiguous() for part in scaled))
