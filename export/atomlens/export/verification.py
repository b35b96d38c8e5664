"""Verification: a graph in ONNX Runtime against its network in torch, in float64 and another layout.

The graph reads neighbor tables in float32; the network runs here on half lists in float64. They share
the pairs and the weights and nothing else.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import numpy as np
import onnxruntime as ort
import torch

from atomlens.export.graphs import output_names
from atomlens.export.model import Model
from atomlens.export.ragged import RaggedData
from atomlens.server.cases import Case
from atomlens.server.neighbors import find_pairs, make_table
from atomlens.server.structures import Floats, Structures
from atomlens.server.verification import TOLERANCE, Row, largest_error


class VerificationError(ValueError):
    """A graph that differs from its network; `rows` tells where."""

    def __init__(self, rows: Sequence[Row], failed: Sequence[Row]) -> None:
        worst = "; ".join(
            f"{row.output} differs by {row.largest_error:.3g} in {row.case!r}" for row in failed
        )
        super().__init__(f"the graph differs from the network by more than {TOLERANCE:g}: {worst}")
        self.rows = rows


def verify(model: Model, graph: bytes, batches: Mapping[str, Structures]) -> tuple[list[Row], list[Case]]:
    """Return the largest error of every case and output, and the cases with what the network says.

    Raises:
        VerificationError: an error exceeds the tolerance or is not finite.
    """
    twin = copy.deepcopy(model).double().eval()
    session = _session(graph)
    rows, cases = [], []
    for name, structures in batches.items():
        expected = reference(twin, structures)
        got = _run(session, structures, model.network.settings.cutoff_angstrom)
        rows += [
            Row(name, output, len(structures), largest_error(got[output], expected[output]))
            for output in output_names(model)
        ]
        head = model.settings.head.name
        cases.append(Case(name, structures, {head: expected[head]}))
    failed = [row for row in rows if not row.within(TOLERANCE)]
    if failed:
        raise VerificationError(rows, failed)
    return rows, cases


@torch.no_grad()
def reference(model: Model, structures: Structures) -> dict[str, Floats]:
    """Return what a model in float64 says on half lists, by the graph's outputs."""
    data = RaggedData(structures, torch.zeros(len(structures)), model.network, torch.float64)
    batch = data.batch(np.arange(len(structures)))
    outputs = model(batch.numbers, batch.prepared)
    return {name: values.numpy() for name, values in zip(output_names(model), outputs, strict=False)}


def _session(graph: bytes) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def _run(session: ort.InferenceSession, structures: Structures, cutoff_angstrom: float) -> dict[str, Floats]:
    placed = structures.placed
    table = make_table(find_pairs(placed, cutoff_angstrom), len(placed.numbers))
    inputs = {
        "numbers": placed.numbers,
        "positions": placed.positions.astype(np.float32),
        "neighbors": table.neighbors,
        "shifts": table.shifts,
    }
    names = [node.name for node in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))
