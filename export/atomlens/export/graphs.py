"""Graphs: a trained model as ONNX graphs, of atoms that feel each other and of probes that feel a field."""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import onnx
import torch
from torch import Tensor, nn

from atomlens.export.layers import LOG2, ShiftedSoftplus
from atomlens.export.model import Model
from atomlens.export.neighborhood import Field, NeighborTable

OPSET = 18
IR_VERSION = 10
METHOD = "filters as trained; softplus as max(x, 0) - log(sigmoid(|x|)); neighbor table without scatter"
ATOMS_INPUTS = ("numbers", "positions", "neighbors", "shifts")


class AtomsGraph(nn.Module):
    """contributions and context of atoms, from what the engine feeds: the graph `atoms` of a bundle."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = _compiled(model)
        self.cutoff: float = model.network.settings.cutoff_angstrom

    def forward(
        self, numbers: Tensor, positions: Tensor, neighbors: Tensor, shifts: Tensor
    ) -> tuple[Tensor, ...]:
        """Return contributions (atoms,) in the head's unit and, of families with one, the context.

        Args:
            numbers: (atoms,) int64.
            positions: (atoms, 3) in Å.
            neighbors: (atoms, slots) int64, −1 for none.
            shifts: (atoms, slots, 3) in Å.
        """
        table = NeighborTable(positions, neighbors, shifts, self.cutoff)
        contributions, context = self.model(numbers, self.model.network.prepare(numbers, table))
        return (contributions,) if context is None else (contributions, context)


class ProbeGraph(nn.Module):
    """Ω at points for elements, from the field that the engine feeds: the graph `probe` of a bundle."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = _compiled(model)

    def forward(self, points: Tensor, elements: Tensor, positions: Tensor, carried: Tensor) -> Tensor:
        """Return Ω (elements, points) in the head's unit.

        Args:
            points: (points, 3) in Å.
            elements: (elements,) int64.
            positions: of the field, (field, 3) in Å.
            carried: numbers (field,) int64, or context (layers, field, features), as the network carries.
        """
        return self.model.probe(elements, Field(points, positions), carried)


class CompiledSoftplus(nn.Module):
    """ssp(x) = max(x, 0) − ln σ(|x|) − ln 2: exact at both ends and vectorised by the runtime."""

    def forward(self, x: Tensor) -> Tensor:
        """Return ssp(x), the same shape."""
        return torch.relu(x) - torch.log(torch.sigmoid(torch.abs(x))) - LOG2


def export_atoms(model: Model) -> bytes:
    """Return the graph `atoms` of a model: one file with its weights inside, the same bytes every time."""
    example = dict(zip(ATOMS_INPUTS, _atoms_example(model), strict=True))
    axes = {
        "numbers": ("atoms",),
        "positions": ("atoms",),
        "neighbors": ("atoms", "slots"),
        "shifts": ("atoms", "slots"),
    }
    return _export(AtomsGraph(model), example, axes, output_names(model))


def export_probe(model: Model) -> bytes:
    """Return the graph `probe` of a model, made like `atoms`."""
    axes = {
        "points": ("points",),
        "elements": ("elements",),
        "positions": ("field",),
        model.network.carries: (None, "field") if model.network.carries == "context" else ("field",),
    }
    example = dict(zip(axes, _probe_example(model), strict=True))
    return _export(ProbeGraph(model), example, axes, [model.settings.head.name])


def _export(
    graph: nn.Module,
    example: Mapping[str, Tensor],
    axes: Mapping[str, Sequence[str | None]],
    outputs: Sequence[str],
) -> bytes:
    """Return a graph as ONNX; ``axes`` names the dimensions that vary, None where one does not."""
    names = sorted({name for dimensions in axes.values() for name in dimensions if name})
    dims = {name: torch.export.Dim(name) for name in names}
    shapes = tuple(
        {index: dims[axis] for index, axis in enumerate(dimensions) if axis} for dimensions in axes.values()
    )
    with _quiet(), torch.no_grad():
        program = torch.onnx.export(
            graph.eval(),
            tuple(example.values()),
            dynamo=True,
            external_data=False,
            opset_version=OPSET,
            input_names=list(example),
            output_names=list(outputs),
            dynamic_shapes=shapes,
            verbose=False,
        )
    if program is None:
        raise RuntimeError("torch returned no ONNX program")
    proto = program.model_proto
    _strip(proto)
    proto.ir_version = IR_VERSION
    onnx.checker.check_model(proto, full_check=True)
    content: bytes = proto.SerializeToString(deterministic=True)
    return content


def output_names(model: Model) -> list[str]:
    """Return the graph's outputs: the head and, for families that have one, the context."""
    return [model.settings.head.name, *(["context"] if model.settings.family == "schnet" else [])]


def _compiled(model: Model) -> Model:
    """Return a copy of the model in float32 with the activations that the runtime is fast at."""
    twin = copy.deepcopy(model).float().eval()
    for module in list(twin.modules()):
        for name, child in module.named_children():
            if isinstance(child, ShiftedSoftplus):
                setattr(module, name, CompiledSoftplus())
    return twin


def _atoms_example(model: Model) -> tuple[Tensor, ...]:
    """Return inputs of three atoms and two slots: a dimension of one would be taken for a constant."""
    numbers = torch.tensor([model.network.settings.elements[0]] * 3)
    positions = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.5, 0.0]])
    neighbors = torch.tensor([[1, 2], [0, 2], [0, -1]])
    return numbers, positions, neighbors, torch.zeros(3, 2, 3)


def _probe_example(model: Model) -> tuple[Tensor, ...]:
    """Return inputs of four points, two elements and three atoms."""
    numbers, positions, *table = _atoms_example(model)
    _, *context = AtomsGraph(model)(numbers, positions, *table)
    points = torch.tensor([[0.0, 0.0, 1.0], [1.0, 1.0, 0.0], [0.0, 2.0, 0.0], [9.0, 0.0, 0.0]])
    return points, numbers[:2], positions, context[0].detach() if context else numbers


def _strip(proto: onnx.ModelProto) -> None:
    """Remove what the exporter tells of the machine it ran on: stack traces, paths, source names."""
    graph = proto.graph
    graph.ClearField("value_info")
    for part in (proto, graph, *graph.node, *graph.initializer, *graph.input, *graph.output):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's notes about its own progress off the user's terminal."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
