"""Radial table: functions of the distance, tabulated between zero and the cutoff."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding

KNOTS = 4097


def knots(cutoff: float) -> Tensor:
    """Return the distances at which functions are tabulated: (knots,) float64, Å."""
    return torch.linspace(0.0, cutoff, KNOTS, dtype=torch.float64)


class RadialTable(nn.Module):
    """f(r) = f_k + (r/h − k)(f_{k+1} − f_k) with k = ⌊r/h⌋, and 0 from the cutoff on.

    With 4,096 steps h the error is h²/8 f'' = 1.9e-7 Å² f''. The price of a function is that of reading it.
    """

    values: Tensor

    def __init__(self, values: Tensor, cutoff: float) -> None:
        """Keep values (knots, functions) at `knots`; the last row, at the cutoff, is taken as zero."""
        super().__init__()
        self.last = float(len(values) - 1)
        self.scale = self.last / cutoff
        self.register_buffer("values", torch.cat([values[:-1], torch.zeros_like(values[:2])]))

    def forward(self, distances: Tensor) -> Tensor:
        """Return all functions: (..., functions)."""
        place = torch.clamp(distances * self.scale, max=self.last)
        below = torch.floor(place)
        knot = below.to(torch.int64)
        low, high = embedding(knot, self.values), embedding(knot + 1, self.values)
        return low + (place - below)[..., None] * (high - low)
