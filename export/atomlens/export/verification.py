"""Verification: graphs in ONNX Runtime against their network in torch, in float64 and other layouts.

The graph of atoms reads neighbor tables in float32; the network runs here on half lists in float64. They
share the pairs and the weights and nothing else. Probes are asked of the engine as it will serve them, and of
the network on pairs that are looked for here, without wrapping points or listing images beforehand.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch

from atomlens.export.graphs import output_names
from atomlens.export.model import Model
from atomlens.export.neighborhood import PointPairs
from atomlens.export.ragged import RaggedData
from atomlens.server.bundle import ATOMS, Bundle
from atomlens.server.card import Card
from atomlens.server.cases import Case, Probed
from atomlens.server.errors import BundleError, EngineError
from atomlens.server.model import Model as Served
from atomlens.server.neighbors import find_pairs, make_table
from atomlens.server.structures import Floats, Integers, Structures
from atomlens.server.verification import TOLERANCE, Row, largest_error, verify_molecules, verify_probes

Points = Mapping[int, Floats]  # (points, 3) Å by the row of a structure in its batch


class VerificationError(ValueError):
    """Graphs that differ from their network; `rows` tells where."""

    def __init__(self, message: str, rows: Sequence[Row]) -> None:
        super().__init__(message)
        self.rows = rows


def verify(
    model: Model,
    graphs: Mapping[str, bytes],
    card_json: bytes,
    batches: Mapping[str, Structures],
    points: Mapping[str, Points],
) -> tuple[list[Row], list[Case]]:
    """Return the largest error of every case and output, and the cases with what the network says.

    Args:
        model: the network.
        graphs: made of it, by the names of their files.
        card_json: the card, without the files and rows that it will have.
        batches: structures by the name of the case.
        points: by the same names, where to probe.

    Raises:
        VerificationError: an error exceeds the tolerance or is not finite, or the engine refuses a graph.
    """
    twin = copy.deepcopy(model).double().eval()
    rows, cases = _verify_atoms(twin, graphs[ATOMS], batches)
    _check(rows)
    cases = [_with_probes(twin, case, points[case.name]) for case in cases]
    try:
        served = _serve(graphs, card_json)
        rows += [*verify_molecules(served, cases, {}), *verify_probes(served, cases, {})]
    except (BundleError, EngineError) as error:
        raise VerificationError(f"the engine cannot serve the graphs: {error}", rows) from error
    _check(rows)
    return rows, cases


@torch.no_grad()
def reference(model: Model, structures: Structures) -> dict[str, Floats]:
    """Return what a model in float64 says on half lists, by the graph's outputs."""
    data = RaggedData(structures, torch.zeros(len(structures)), model.network, torch.float64)
    batch = data.batch(np.arange(len(structures)))
    outputs = model(batch.numbers, batch.prepared)
    return {name: values.numpy() for name, values in zip(output_names(model), outputs, strict=False)}


@torch.no_grad()
def probe_reference(model: Model, one: Structures, points: Floats, elements: Integers) -> Floats:
    """Return what a float64 model says of probes around one structure, on flat pairs: (elements, points)."""
    pairs = point_pairs(one, points, model.network.settings.cutoff_angstrom)
    carried = reference(model, one)["context"] if model.network.carries == "context" else one.numbers
    values: Floats = model.probe(torch.from_numpy(elements), pairs, torch.from_numpy(carried)).numpy()
    return values


def point_pairs(one: Structures, points: Floats, cutoff_angstrom: float) -> PointPairs:
    """Return all images of the atoms of one structure that each point feels, looked for one by one."""
    i, j, vectors = [], [], []
    for index, point in enumerate(points):
        for shift in _shifts(one, point, cutoff_angstrom):
            between = one.positions + shift - point  # (atoms, 3)
            near = np.flatnonzero(np.linalg.norm(between, axis=1) < cutoff_angstrom)
            i.append(np.full(len(near), index))
            j.append(near)
            vectors.append(between[near])
    centers, atoms, apart = (torch.from_numpy(np.concatenate(parts)) for parts in (i, j, vectors))
    return PointPairs(centers, atoms, apart, len(points))


def _shifts(one: Structures, point: Floats, cutoff: float) -> Iterator[Floats]:
    """Yield the lattice vectors by which an atom may come within the cutoff of a point.

    Along a vector whose cell is h high, an atom at s, counted in vectors, does for |s + n − p| ≤ c / h.
    """
    vectors = one.cells[0][one.pbc[0]]  # (repeating, 3)
    inverse = np.linalg.pinv(vectors)  # (3, repeating)
    apart, reach = (point - one.positions) @ inverse, cutoff * np.linalg.norm(inverse, axis=0)
    first, last = np.floor(apart.min(0) - reach).astype(int), np.ceil(apart.max(0) + reach).astype(int)
    for steps in product(*map(range, first, last + 1)):
        yield np.array(steps, float) @ vectors


def _verify_atoms(
    twin: Model, graph: bytes, batches: Mapping[str, Structures]
) -> tuple[list[Row], list[Case]]:
    session = _session(graph)
    rows, cases = [], []
    for name, structures in batches.items():
        expected = reference(twin, structures)
        got = _run(session, structures, twin.network.settings.cutoff_angstrom)
        rows += [
            Row(name, output, len(structures), _error(output, got[output], expected[output]))
            for output in output_names(twin)
        ]
        head = twin.settings.head.name
        cases.append(Case(name, structures, {head: expected[head]}))
    return rows, cases


def _error(output: str, got: Floats, expected: Floats) -> float:
    """Return the largest error; of the context, which has no unit, relative to its largest value above 1."""
    size = max(float(np.abs(expected).max(initial=1.0)), 1.0) if output == "context" else 1.0
    return largest_error(got, expected) / size


def _with_probes(twin: Model, case: Case, points: Points) -> Case:
    """Return the case with what the network says of all elements at points around its structures."""
    elements = np.array(sorted(twin.network.settings.elements))
    probed = []
    for row, places in points.items():
        values = probe_reference(twin, case.structures.take([row]), places, elements)
        probed.append(Probed(row, elements, places, {twin.settings.head.name: values}))
    return replace(case, probed=tuple(probed))


def _check(rows: Sequence[Row]) -> None:
    failed = [row for row in rows if not row.within(TOLERANCE)]
    if failed:
        worst = "; ".join(
            f"{row.output} differs by {row.largest_error:.3g} in {row.case!r}" for row in failed
        )
        raise VerificationError(
            f"the graph differs from the network by more than {TOLERANCE:g}: {worst}", rows
        )


def _serve(graphs: Mapping[str, bytes], card_json: bytes) -> Served:
    """Return the model as the engine loads it from a bundle of these graphs."""
    card, digest = Card.from_json(card_json), hashlib.sha256(card_json).hexdigest()
    return Served(card.name, 1, Bundle(Path(card.name), digest, card, card_json, dict(graphs)), "cpu")


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
