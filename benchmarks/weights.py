"""Weights: the trained network as plain arrays, and as the ONNX graph that an export without care gives."""

from __future__ import annotations

import copy
import logging
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from atomlens.export.checkpoint import Checkpoint
from atomlens.export.model import Model
from atomlens.export.neighborhood import NeighborTable

MOST_ELEMENTS = 100
OPSET, IR_VERSION = 18, 10  # as in a bundle
INPUTS = ("numbers", "positions", "neighbors", "shifts")


def save_weights(checkpoint: Checkpoint, path: Path) -> None:
    """Write the weights of a SchNet with the scale, mean and offsets of its head."""
    model = checkpoint.build()
    offsets = np.zeros(MOST_ELEMENTS)
    for number, offset in model.settings.head.offsets.items():
        offsets[int(number)] = offset
    np.savez(
        path,
        **{name: tensor.numpy() for name, tensor in model.network.state_dict().items()},  # type: ignore[attr-defined]
        scale=model.head.scale.numpy(),
        shift=model.head.shift.numpy(),
        offsets=offsets,
        cutoff=np.array(model.network.settings.cutoff_angstrom),
    )


class NaiveGraph(nn.Module):
    """The network on neighbor tables as it was trained: filters from Gaussians, softplus as an operator."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = copy.deepcopy(model).float().eval()
        self.cutoff: float = model.network.settings.cutoff_angstrom

    def forward(
        self, numbers: Tensor, positions: Tensor, neighbors: Tensor, shifts: Tensor
    ) -> tuple[Tensor, ...]:
        """Return contributions (atoms,) and context, for inputs as the engine feeds them."""
        table = NeighborTable(positions, neighbors, shifts, self.cutoff)
        contributions, context = self.model(numbers, self.model.network.prepare(numbers, table))
        return (contributions,) if context is None else (contributions, context)


def naive_graph(checkpoint: Checkpoint) -> bytes:
    """Return what `torch.onnx.export` makes of the network, with nothing done for the runtime."""
    model = checkpoint.build()
    outputs = [model.settings.head.name, *(["context"] if model.settings.family == "schnet" else [])]
    atoms, slots = torch.export.Dim("atoms"), torch.export.Dim("slots")
    numbers = torch.tensor([model.network.settings.elements[0]] * 3)
    positions = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.5, 0.0]])
    neighbors = torch.tensor([[1, 2], [0, 2], [0, -1]])
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            NaiveGraph(model),
            (numbers, positions, neighbors, torch.zeros(3, 2, 3)),
            dynamo=True,
            external_data=False,
            opset_version=OPSET,
            input_names=list(INPUTS),
            output_names=outputs,
            dynamic_shapes=({0: atoms}, {0: atoms}, {0: atoms, 1: slots}, {0: atoms, 1: slots}),
            verbose=False,
        )
    if program is None:
        raise RuntimeError("torch returned no ONNX program")
    program.model_proto.ir_version = IR_VERSION
    return bytes(program.model_proto.SerializeToString())
