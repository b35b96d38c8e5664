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

from atomlens.export.form import CompiledForm, Form
from atomlens.export.model import Model
from atomlens.server.bundle import ATOMS, MOLECULES, PROBE

OPSET = 18
IR_VERSION = 10
ATOMS_AXES = {
    "numbers": ("atoms",),
    "positions": ("atoms",),
    "neighbors": ("atoms", "slots"),
    "shifts": ("atoms", "slots"),
}
MOLECULES_AXES = {"numbers": ("molecules", "slots"), "positions": ("molecules", "slots")}


class AtomsGraph(nn.Module):
    """contributions and context of atoms, from what the engine feeds: the graph `atoms` of a bundle."""

    def __init__(self, form: Form) -> None:
        super().__init__()
        self.form = form

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
        contributions, context = self.form(numbers, self.form.table(positions, neighbors, shifts))
        return (contributions,) if context is None else (contributions, context)


class MoleculesGraph(nn.Module):
    """contributions of the atoms of small molecules: the graph `molecules` of a bundle."""

    def __init__(self, form: CompiledForm) -> None:
        super().__init__()
        self.form = form

    def forward(self, numbers: Tensor, positions: Tensor) -> Tensor:
        """Return contributions (molecules, slots) in the head's unit; of padding they mean nothing.

        Args:
            numbers: (molecules, slots) int64, 0 for padding; at least one molecule and slot.
            positions: (molecules, slots, 3) in Å.
        """
        contributions, _ = self.form(numbers.flatten(), self.form.molecules(numbers, positions))
        values: Tensor = contributions.view(numbers.shape)
        return values


class ProbeGraph(nn.Module):
    """Ω at points for elements, from the field that the engine feeds: the graph `probe` of a bundle."""

    def __init__(self, form: Form) -> None:
        super().__init__()
        self.form = form

    def forward(self, points: Tensor, elements: Tensor, positions: Tensor, carried: Tensor) -> Tensor:
        """Return Ω (elements, points) in the head's unit.

        Args:
            points: (points, 3) in Å.
            elements: (elements,) int64.
            positions: of the field, (field, 3) in Å.
            carried: numbers (field,) int64, or context (layers, field, features), as the network carries.
        """
        return self.form.probe(elements, self.form.field(points, positions), carried)


def export_graphs(model: Model, form: Form) -> dict[str, bytes]:
    """Return the graphs of a model in a form, by the names of their files.

    Each is one file with its weights inside, the same bytes with the same number of threads.
    """
    head, element = model.settings.head.name, model.network.settings.elements[0]
    narrow = copy.deepcopy(form).float().eval()
    atoms = AtomsGraph(narrow)
    example = _atoms_example(element)
    graphs = {
        ATOMS: _export(atoms, dict(zip(ATOMS_AXES, example, strict=True)), ATOMS_AXES, output_names(model))
    }
    if isinstance(narrow, CompiledForm):
        molecules = dict(zip(MOLECULES_AXES, _molecules_example(element), strict=True))
        graphs[MOLECULES] = _export(MoleculesGraph(narrow), molecules, MOLECULES_AXES, [head])
    axes = {
        "points": ("points",),
        "elements": ("elements",),
        "positions": ("field",),
        model.network.carries: (None, "field") if model.network.carries == "context" else ("field",),
    }
    probe = dict(zip(axes, _probe_example(atoms, example), strict=True))
    return graphs | {PROBE: _export(ProbeGraph(narrow), probe, axes, [head])}


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


def _atoms_example(element: int) -> tuple[Tensor, ...]:
    """Return inputs of three atoms and two slots: a dimension of one would be taken for a constant."""
    positions = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.5, 0.0]])
    neighbors = torch.tensor([[1, 2], [0, 2], [0, -1]])
    return torch.tensor([element] * 3), positions, neighbors, torch.zeros(3, 2, 3)


def _molecules_example(element: int) -> tuple[Tensor, Tensor]:
    """Return inputs of two molecules with three slots."""
    positions = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.5, 0.0]])
    return torch.tensor([[element] * 3, [element, element, 0]]), torch.stack([positions, positions])


def _probe_example(atoms: AtomsGraph, example: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Return inputs of four points, two elements and three atoms."""
    numbers, positions, *_ = example
    with torch.no_grad():
        _, *context = atoms(*example)
    points = torch.tensor([[0.0, 0.0, 1.0], [1.0, 1.0, 0.0], [0.0, 2.0, 0.0], [9.0, 0.0, 0.0]])
    return points, numbers[:2], positions, context[0] if context else numbers


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
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
