"""Activation: softplus in operators that the runtime vectorises; its own is evaluated number by number."""

from __future__ import annotations

import torch
from torch import Tensor


def softplus(x: Tensor) -> Tensor:
    """Return ln(1 + eˣ) = max(x, 0) − ln σ(|x|), which is exact at both ends."""
    return torch.relu(x) - torch.log(torch.sigmoid(torch.abs(x)))
