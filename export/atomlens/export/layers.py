"""Layers: the few functions that both network families are made of."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

LOG2 = math.log(2.0)


def shifted_softplus(x: Tensor) -> Tensor:
    """Return ssp(x) = ln(1 + eˣ) − ln 2, which is zero at zero."""
    return nn.functional.softplus(x) - LOG2


def cosine_cutoff(distances: Tensor, cutoff: float) -> Tensor:
    """Return f_c(r) = ½[cos(πr/r_c) + 1] for r < r_c, else 0."""
    smooth = 0.5 * (torch.cos(distances * (math.pi / cutoff)) + 1.0)
    return torch.where(distances < cutoff, smooth, torch.zeros_like(smooth))


class ShiftedSoftplus(nn.Module):
    """The activation ssp as a module."""

    def forward(self, x: Tensor) -> Tensor:
        """Return ssp(x), the same shape."""
        return shifted_softplus(x)


def linears(network: nn.Module) -> list[nn.Linear]:
    """Return the linear layers that `mlp` made, in order."""
    return [part for part in network.modules() if isinstance(part, nn.Linear)]


def mlp(*sizes: int) -> nn.Sequential:
    """Return linear layers of the given sizes with ssp between them and none after the last."""
    layers: list[nn.Module] = []
    for width_in, width_out in pairwise(sizes):
        linear = nn.Linear(width_in, width_out)
        nn.init.xavier_uniform_(linear.weight)
        nn.init.zeros_(linear.bias)
        layers += [linear, ShiftedSoftplus()]
    return nn.Sequential(*layers[:-1])
