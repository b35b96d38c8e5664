"""`atomlens.export.graphs`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch

from atomlens.export.checkpoint import Checkpoint
from atomlens.export.compiled.compilation import compile_model
from atomlens.export.examples import verification_batches
from atomlens.export.form import ExactForm
from atomlens.export.graphs import export_graphs

FLOAT, INT64 = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64
NAMES = [
    *("toy-schnet-energy", "toy-schnet-dipole", "toy-schnet-extent", "toy-schnet-formation"),
    *("toy-bpnn-energy", "toy-bpnn-dipole", "toy-bpnn-formation"),
]


@pytest.fixture(params=NAMES)
def graph(request: pytest.FixtureRequest, toy_repository: Path) -> bytes:
    """The graph of atoms of each toy model."""
    path: Path = toy_repository / request.param / "1" / "atoms.onnx"
    return path.read_bytes()


@pytest.fixture(params=NAMES)
def probe(request: pytest.FixtureRequest, toy_repository: Path) -> bytes:
    """The graph of probes of each toy model."""
    path: Path = toy_repository / request.param / "1" / "probe.onnx"
    return path.read_bytes()


@pytest.fixture(params=["atoms.onnx", "molecules.onnx", "probe.onnx"])
def any_graph(request: pytest.FixtureRequest, toy_repository: Path) -> list[bytes]:
    """The graphs of one kind of all toy models."""
    return [(toy_repository / name / "1" / request.param).read_bytes() for name in NAMES]


def signature(values: object) -> dict[str, tuple[int, list[object]]]:
    """Return type and shape of a graph's inputs or outputs by name."""
    return {
        value.name: (
            value.type.tensor_type.elem_type,
            [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim],
        )
        for value in values  # type: ignore[attr-defined]
    }


def test_inputs_and_outputs_are_those_of_the_contract(graph: bytes) -> None:
    """Names, types and shapes are design's, atoms and slots are free."""
    model = onnx.load_from_string(graph).graph
    assert signature(model.input) == {
        "numbers": (INT64, ["atoms"]),
        "positions": (FLOAT, ["atoms", 3]),
        "neighbors": (INT64, ["atoms", "slots"]),
        "shifts": (FLOAT, ["atoms", "slots", 3]),
    }
    outputs = signature(model.output)
    head = next(name for name in outputs if name != "context")
    assert head in ("energy", "charge", "extent", "formation_energy")
    assert outputs[head] == (FLOAT, ["atoms"])
    assert outputs.get("context", (FLOAT, [2, "atoms", 16])) == (FLOAT, [2, "atoms", 16])


def test_schnet_has_a_context_and_bpnn_none(toy_repository: Path) -> None:
    """What a probe will feel of the atoms is an output where the family needs it."""
    for family, expected in (("schnet", ["energy", "context"]), ("bpnn", ["energy"])):
        graph = onnx.load(toy_repository / f"toy-{family}-energy" / "1" / "atoms.onnx").graph
        assert [output.name for output in graph.output] == expected


def test_inputs_and_outputs_of_probes_are_those_of_the_contract(probe: bytes) -> None:
    """Points and elements are free, and so is the field, of which a probe feels elements or context."""
    model = onnx.load_from_string(probe).graph
    inputs, outputs = signature(model.input), signature(model.output)
    carried = inputs.keys() - {"points", "elements", "positions"}
    felt = {"numbers": (INT64, ["field"]), "context": (FLOAT, [2, "field", 16])}
    assert len(carried) == 1
    assert inputs == {
        "points": (FLOAT, ["points", 3]),
        "elements": (INT64, ["elements"]),
        "positions": (FLOAT, ["field", 3]),
        **{name: felt[name] for name in carried},
    }
    assert len(outputs) == 1
    assert set(outputs) < {"energy", "charge", "extent", "formation_energy"}
    assert list(outputs.values()) == [(FLOAT, ["elements", "points"])]


def test_probes_ask_for_a_context_where_atoms_give_one(toy_repository: Path) -> None:
    """SchNet's features; symmetry functions know atoms by their numbers."""
    for family, expected in (("schnet", "context"), ("bpnn", "numbers")):
        graph = onnx.load(toy_repository / f"toy-{family}-energy" / "1" / "probe.onnx").graph
        assert [value.name for value in graph.input] == ["points", "elements", "positions", expected]


def test_a_graph_is_one_file_of_opset_18_that_the_checker_passes(any_graph: list[bytes]) -> None:
    """IR 10, no foreign operators, weights inside."""
    for model in map(onnx.load_from_string, any_graph):
        onnx.checker.check_model(model, full_check=True)
        assert model.ir_version == 10
        assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 18)]
        assert all(weight.data_location == onnx.TensorProto.DEFAULT for weight in model.graph.initializer)
        assert sum(len(weight.raw_data) for weight in model.graph.initializer) > 1000
        assert not model.functions


def test_a_graph_tells_nothing_of_the_machine_it_was_made_on(any_graph: list[bytes]) -> None:
    """No stack traces, source files or directories."""
    for graph in any_graph:
        for trace in (".py", "site-packages", sys.prefix, os.getcwd(), str(Path.home()) + os.sep):
            assert trace.encode() not in graph
        nodes = onnx.load_from_string(graph).graph.node
        assert not any(node.metadata_props or node.doc_string for node in nodes)


def test_nothing_is_summed_by_scattering(any_graph: list[bytes]) -> None:
    """Sums run over slots or over a field; what is scattered goes to a place of its own: deterministic."""
    for graph in any_graph:
        for node in onnx.load_from_string(graph).graph.node:
            assert all(part.s == b"none" for part in node.attribute if part.name == "reduction")


def test_molecules_are_fed_dense(toy_repository: Path) -> None:
    """Molecules and slots are free; there is a value for each slot and no context."""
    for name in NAMES:
        model = onnx.load(toy_repository / name / "1" / "molecules.onnx").graph
        assert signature(model.input) == {
            "numbers": (INT64, ["molecules", "slots"]),
            "positions": (FLOAT, ["molecules", "slots", 3]),
        }
        assert list(signature(model.output).values()) == [(FLOAT, ["molecules", "slots"])]


@pytest.mark.parametrize("name", ["toy-schnet-energy", "toy-bpnn-energy"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (3, 4), (2, 9)])
def test_molecules_may_be_of_any_number_and_size(
    name: str, shape: tuple[int, int], toy_repository: Path
) -> None:
    """A molecule has the values that the graph of atoms gives it, whatever is beside it, padded or not."""
    folder = toy_repository / name / "1"
    rng = np.random.default_rng(5)
    numbers = rng.choice([1, 6, 7, 8], shape)
    numbers[-1, [0, -1]] = 0 if shape[1] > 2 else 8
    positions = rng.uniform(-2.0, 2.0, (*shape, 3)).astype(np.float32)
    dense = ort.InferenceSession(folder / "molecules.onnx", providers=["CPUExecutionProvider"])
    flat = ort.InferenceSession(folder / "atoms.onnx", providers=["CPUExecutionProvider"])
    (got,) = dense.run(None, {"numbers": numbers, "positions": positions})
    for one, kinds, places in zip(got, numbers, positions, strict=True):
        real = kinds > 0
        (expected,) = flat.run(["energy"], alone(kinds[real], places[real], 5.0))
        np.testing.assert_allclose(one[real], expected, rtol=0, atol=2e-5)


def alone(
    numbers: np.ndarray[tuple[int], np.dtype[np.int64]],
    positions: np.ndarray[tuple[int, int], np.dtype[np.float32]],
    cutoff: float,
) -> dict[str, object]:
    """Return one molecule as the graph of atoms is fed it."""
    from atomlens.server.neighbors import find_pairs, make_table
    from atomlens.server.structures import Structures

    pairs = find_pairs(Structures.molecules([len(numbers)], numbers, positions), cutoff)
    table = make_table(pairs, len(numbers))
    arrays = {"neighbors": table.neighbors, "shifts": table.shifts}
    return {"numbers": numbers, "positions": positions, **arrays}


@pytest.mark.parametrize(("atoms", "slots"), [(1, 1), (1, 3), (5, 1), (0, 1)])
def test_atoms_without_neighbors_can_be_run(graph: bytes, atoms: int, slots: int) -> None:
    """One atom, one slot, nothing but −1: all give the value of an isolated atom."""
    session = ort.InferenceSession(graph, providers=["CPUExecutionProvider"])

    def run(count: int, width: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
        result: np.ndarray[tuple[int], np.dtype[np.float32]] = session.run(
            None,
            {
                "numbers": np.full(count, 8),
                "positions": np.arange(3.0 * count, dtype=np.float32).reshape(count, 3),
                "neighbors": np.full((count, width), -1),
                "shifts": np.zeros((count, width, 3), np.float32),
            },
        )[0]
        return result

    got = run(atoms, slots)
    assert got.shape == (atoms,)
    np.testing.assert_allclose(got, np.full(atoms, run(2, 2)[0]), rtol=1e-6)


@pytest.mark.parametrize("kinds", [1, 2, 4])
@pytest.mark.parametrize(("points", "field"), [(1, 1), (1, 5), (7, 1), (7, 5)])
def test_probes_may_be_of_any_number(points: int, field: int, kinds: int, probe: bytes) -> None:
    """One point, one element or one atom is no constant: each value is that of many, and of a full run."""
    session = ort.InferenceSession(probe, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(3)
    shapes = {value.name: value.shape for value in session.get_inputs()}
    elements = np.array([1, 6, 7, 8] if "context" in shapes else [8, 1, 6, 7])
    whole = {
        "points": rng.uniform(-2, 2, (7, 3)).astype(np.float32),
        "elements": elements,
        "positions": np.vstack([rng.uniform(-2, 2, (field, 3)), np.full((5 - field, 3), 90.0)]).astype(
            np.float32
        ),
        "numbers": np.array([8, 1, 6, 7, 8]),
        "context": rng.normal(size=(2, 5, 16)).astype(np.float32),
    }
    part = {
        "points": whole["points"][:points],
        "elements": elements[:kinds],
        "positions": whole["positions"][:field],
        "numbers": whole["numbers"][:field],
        "context": whole["context"][:, :field],
    }
    (expected,), (got,) = (session.run(None, {name: fed[name] for name in shapes}) for fed in (whole, part))
    assert got.shape == (kinds, points)
    np.testing.assert_allclose(got, expected[:kinds, :points], rtol=0, atol=1e-5)


@pytest.mark.parametrize("file", ["atoms.onnx", "molecules.onnx", "probe.onnx"])
@pytest.mark.parametrize("name", ["toy-schnet-energy", "toy-bpnn-energy"])
def test_exporting_again_gives_the_same_bytes(
    name: str, file: str, toy_checkpoints: dict[str, Checkpoint], toy_repository: Path
) -> None:
    """A digest names a model, not the moment of its export."""
    checkpoint = toy_checkpoints[name]
    model = checkpoint.build()
    form = compile_model(model, verification_batches(checkpoint).values())
    assert export_graphs(model, form)[file] == (toy_repository / name / "1" / file).read_bytes()


def test_exporting_leaves_the_model_as_it_was(toy_checkpoints: dict[str, Checkpoint]) -> None:
    """A float64 model stays one, with the activations it had."""
    model = toy_checkpoints["toy-bpnn-energy"].build().double()
    layers = [type(module) for module in model.modules()]
    export_graphs(model, compile_model(model, []))
    export_graphs(model, ExactForm(model))
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float64}
    assert [type(module) for module in model.modules()] == layers


@pytest.mark.parametrize("name", ["toy-schnet-energy", "toy-bpnn-energy"])
def test_an_exact_model_has_the_operators_of_its_network(
    name: str, toy_checkpoints: dict[str, Checkpoint], toy_repository: Path
) -> None:
    """Softplus stays what it was, there is no dense graph, and values are those of the compiled graph."""
    model = toy_checkpoints[name].build()
    exact = export_graphs(model, ExactForm(model))
    assert set(exact) == {"atoms.onnx", "probe.onnx"}
    operators = {node.op_type for node in onnx.load_from_string(exact["atoms.onnx"]).graph.node}
    assert "Softplus" in operators
    places = np.array([[0.0, 0.0, 0.0], [1.1, 0.0, 0.0], [0.0, 1.3, 0.2], [3.0, 1.0, 0.0]], np.float32)
    fed = alone(np.array([6, 8, 1, 7]), places, 5.0)
    compiled = (toy_repository / name / "1" / "atoms.onnx").read_bytes()
    values = [
        ort.InferenceSession(content, providers=["CPUExecutionProvider"]).run(["energy"], fed)[0]
        for content in (exact["atoms.onnx"], compiled)
    ]
    np.testing.assert_allclose(values[0], values[1], rtol=0, atol=1e-4)


def test_no_compiled_graph_evaluates_softplus_number_by_number(any_graph: list[bytes]) -> None:
    """The runtime's own operator is scalar; no graph of a compiled model has it."""
    for content in any_graph:
        assert "Softplus" not in {node.op_type for node in onnx.load_from_string(content).graph.node}
