"""Compilation: the fastest form of a model whose error is small where it was looked at."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import NamedTuple, cast

import numpy as np
import torch
from torch import Tensor

from atomlens.export.bpnn import BPNN
from atomlens.export.compiled.bpnn import CompiledBPNN
from atomlens.export.compiled.schnet import CompiledSchNet
from atomlens.export.form import CompiledForm
from atomlens.export.model import Model
from atomlens.export.schnet import SchNet
from atomlens.export.verification import reference
from atomlens.server.neighbors import find_pairs, make_table
from atomlens.server.structures import Structures

TERMS = (24, 28, 32, 36, 40, 44, 48, 56, 64, 80, 96, 128, 192, 256)  # eight more cost a SchNet some 10 %
ALLOWED = 3e-5  # in the head's unit per atom, a third of what an export may be off
SLACK = 2.0  # times the error with the most terms


@torch.no_grad()
def compile_model(model: Model, batches: Iterable[Structures]) -> CompiledForm:
    """Return a model, in float64, with as few terms as keep contributions near the best that terms can do.

    The best: a structure that is not looked at may have more neighbors, and its errors add up.

    Args:
        model: the trained model.
        batches: structures whose contributions are compared with the network's.

    Raises:
        ValueError: no number of terms is enough.
    """
    twin = copy.deepcopy(model).double().eval()
    if isinstance(twin.network, BPNN):
        return CompiledBPNN(twin.network, twin.head)
    network, known = cast(SchNet, twin.network), [_Known.of(twin, batch) for batch in batches]

    def error(terms: int) -> float:
        form = CompiledSchNet(network, twin.head, terms)
        return max((one.error(form) for one in known), default=0.0)

    best = error(TERMS[-1])
    if best > ALLOWED:
        raise ValueError(
            f"filters in {TERMS[-1]} functions are off by {best:.1g}, more than {ALLOWED:g}: "
            "export the network as it is with --exact"
        )
    enough = min(ALLOWED, SLACK * best)
    return CompiledSchNet(network, twin.head, next(terms for terms in TERMS if error(terms) <= enough))


class _Known(NamedTuple):
    """Structures as the graph of atoms reads them, and what the network says of them."""

    inputs: tuple[Tensor, ...]  # numbers, positions, neighbors, shifts
    contributions: Tensor  # (atoms,)

    @classmethod
    def of(cls, twin: Model, structures: Structures) -> _Known:
        """Ask the network."""
        placed = structures.placed
        table = make_table(find_pairs(placed, twin.network.settings.cutoff_angstrom), len(placed.numbers))
        arrays = (placed.numbers, placed.positions, table.neighbors, table.shifts.astype(np.float64))
        known = reference(twin, structures)[twin.settings.head.name]
        return cls(tuple(map(torch.from_numpy, arrays)), torch.from_numpy(known))

    def error(self, form: CompiledForm) -> float:
        """Return how far a form is off at most."""
        numbers, *around = self.inputs
        contributions, _ = form(numbers, form.table(*around))
        return float((contributions - self.contributions).abs().max())
