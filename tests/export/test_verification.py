"""`atomlens.export.verification`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import onnx
import pytest

from atomlens.export.bundle import card_json
from atomlens.export.card import Description, make_card
from atomlens.export.checkpoint import Checkpoint
from atomlens.export.examples import probe_points, verification_batches
from atomlens.export.form import ExactForm
from atomlens.export.verification import VerificationError, point_pairs, verify
from atomlens.server.cases import Case
from atomlens.server.probes.field import Field
from atomlens.server.structures import Integers, Structures
from atomlens.server.verification import CLOSE, IN_PLACE, TOLERANCE, Row

NAMES = [
    *("toy-schnet-energy", "toy-schnet-dipole", "toy-schnet-extent", "toy-schnet-formation"),
    *("toy-bpnn-energy", "toy-bpnn-dipole", "toy-bpnn-formation"),
]


def with_weight(graph: bytes, change: float) -> bytes:
    """Return the graph with its last weights changed."""
    model = onnx.load_from_string(graph)
    weights = [tensor for tensor in model.graph.initializer if len(tensor.dims) > 1 and tensor.data_type == 1]
    values = onnx.numpy_helper.to_array(weights[-1]) + np.float32(change)
    weights[-1].CopyFrom(onnx.numpy_helper.from_array(values, weights[-1].name))
    return model.SerializeToString()


def verified(checkpoint: Checkpoint, graphs: dict[str, bytes]) -> tuple[list[Row], list[Case]]:
    """Return what the verification says of graphs that are said to be of a checkpoint."""
    batches = verification_batches(checkpoint)
    points = {name: probe_points(checkpoint, structures) for name, structures in batches.items()}
    draft = card_json(make_card(checkpoint, Description("toy"), ExactForm(checkpoint.build()), []))
    return verify(checkpoint.build(), graphs, draft, batches, points)


@pytest.fixture
def graphs(toy_repository: Path) -> Callable[[str], dict[str, bytes]]:
    """The graphs of a toy model by its name."""

    def read(name: str) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (toy_repository / name / "1").glob("*.onnx")}

    return read


@pytest.mark.parametrize("name", NAMES)
def test_graphs_agree_with_their_networks(
    name: str, toy_checkpoints: dict[str, Checkpoint], graphs: Callable[[str], dict[str, bytes]]
) -> None:
    """Every output of every case is within the tolerance, and cases keep what the network said."""
    rows, cases = verified(toy_checkpoints[name], graphs(name))
    batches = verification_batches(toy_checkpoints[name])
    outputs = {"toy-schnet": 2, "toy-bpnn": 1}[name.rsplit("-", 1)[0]]
    molecules = [batch for batch, structures in batches.items() if not structures.pbc.any(1).all()]
    dense = [f"{batch}, dense" for batch in molecules]
    probes = [*(f"probes, {batch}" for batch in batches), CLOSE, IN_PLACE]
    assert [row.case for row in rows[outputs * len(batches) :]] == [*dense, *probes]
    assert all(row.within(TOLERANCE) for row in rows)
    assert [case.name for case in cases] == list(batches)
    for case in cases:
        assert all(len(values) == len(case.structures.numbers) for values in case.contributions.values())
        for one in case.probed:
            assert one.elements.tolist() == sorted(toy_checkpoints[name].model["network"]["elements"])
            assert [values.shape for values in one.values.values()] == [(len(one.elements), len(one.points))]


@pytest.mark.parametrize("change", [0.01, np.nan])
def test_a_graph_with_other_weights_is_refused(
    change: float, toy_checkpoints: dict[str, Checkpoint], graphs: Callable[[str], dict[str, bytes]]
) -> None:
    """The worst cases are in the message and all rows in the error; NaN is refused too."""
    checkpoint, files = toy_checkpoints["toy-schnet-energy"], graphs("toy-schnet-energy")
    changed = files | {"atoms.onnx": with_weight(files["atoms.onnx"], change)}
    with pytest.raises(
        VerificationError, match=r"energy differs by .* in 'largest training structure'"
    ) as caught:
        verified(checkpoint, changed)
    assert len(caught.value.rows) == 2 * len(verification_batches(checkpoint))


@pytest.mark.parametrize("name", ["toy-schnet-energy", "toy-bpnn-formation"])
def test_a_graph_of_probes_with_other_weights_is_refused(
    name: str, toy_checkpoints: dict[str, Checkpoint], graphs: Callable[[str], dict[str, bytes]]
) -> None:
    """Beside the rows of atoms, which pass, are those of probes, which do not."""
    files = graphs(name)
    changed = files | {"probe.onnx": with_weight(files["probe.onnx"], 0.01)}
    with pytest.raises(VerificationError, match=r"differs by .* in 'probes, random molecules'") as caught:
        verified(toy_checkpoints[name], changed)
    failed = {row.case for row in caught.value.rows if not row.within(TOLERANCE)}
    assert {CLOSE, IN_PLACE} < failed
    assert all(case.startswith("probes") for case in failed)


def test_a_graph_that_the_engine_cannot_serve_is_refused(
    toy_checkpoints: dict[str, Checkpoint], graphs: Callable[[str], dict[str, bytes]]
) -> None:
    """Numbers that are not finite, with the engine's reason and the rows that had passed."""
    files = graphs("toy-schnet-energy")
    changed = files | {"probe.onnx": with_weight(files["probe.onnx"], np.nan)}
    with pytest.raises(VerificationError, match=r"cannot serve .*: probe\.onnx: gives numbers") as caught:
        verified(toy_checkpoints["toy-schnet-energy"], changed)
    assert all(row.within(TOLERANCE) for row in caught.value.rows)


@pytest.mark.parametrize("mistake", ["no images", "images of an atom left out", "points not brought home"])
@pytest.mark.parametrize("name", ["toy-schnet-energy", "toy-bpnn-energy"])
def test_an_engine_that_is_mistaken_is_found_out(
    name: str,
    mistake: str,
    toy_checkpoints: dict[str, Checkpoint],
    graphs: Callable[[str], dict[str, bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What probes feel of periodic structures is found here in a way of its own."""
    proper = Field.of

    def without_images(structure: Structures, cutoff: float, left_out: Integers) -> Field:
        field = proper(structure, cutoff, left_out)
        home = np.arange(len(structure.numbers) - len(left_out))
        return replace(
            field, **{part: getattr(field, part)[home] for part in ("atoms", "numbers", "positions")}
        )

    def without_all_images_of(structure: Structures, cutoff: float, left_out: Integers) -> Field:
        field = proper(structure, cutoff, left_out)
        kept = ~np.isin(field.atoms, left_out)
        return replace(
            field, **{part: getattr(field, part)[kept] for part in ("atoms", "numbers", "positions")}
        )

    if mistake == "points not brought home":
        monkeypatch.setattr(Field, "home", lambda _, points: points)
    else:
        wrong = {"no images": without_images}.get(mistake, without_all_images_of)
        monkeypatch.setattr(Field, "of", wrong)
    with pytest.raises(VerificationError) as caught:
        verified(toy_checkpoints[name], graphs(name))
    failed = {row.case for row in caught.value.rows if not row.within(TOLERANCE)}
    assert failed >= ({IN_PLACE} if mistake == "images of an atom left out" else {"probes, periodic"})
    assert not any("molecules" in case for case in failed)


@pytest.mark.parametrize("pbc", list(product([False, True], repeat=3)))
def test_pairs_of_points_are_those_of_a_loop_over_images(
    pbc: tuple[bool, ...], crystal: Structures, rng: np.random.Generator
) -> None:
    """Each image within the cutoff once, of points in the cell and far out of it, whatever repeats."""
    one = replace(crystal, pbc=np.array([pbc]))
    points = np.vstack([rng.uniform(-1, 5, (6, 3)), one.positions[2], one.cells[0].sum(0) * 2.5])
    pairs = point_pairs(one, points, 4.0)
    expected = []
    for steps in product(*(range(-6, 7) if repeats else (0,) for repeats in pbc)):
        vectors = one.positions + np.array(steps) @ one.cells[0] - points[:, None]  # (points, atoms, 3)
        i, j = np.nonzero(np.linalg.norm(vectors, axis=2) < 4.0)
        expected += [[*pair] for pair in zip(i, j, *vectors[i, j].round(9).T, strict=True)]
    found = np.column_stack(
        [pairs.i, pairs.j, (pairs.directions * pairs.distances[:, None]).numpy().round(9)]
    )
    assert np.allclose(sorted(found.tolist()), sorted(expected), rtol=0, atol=1e-8)
