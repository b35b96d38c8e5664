"""`atomlens.export.card`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase.data import atomic_masses

from atomlens.export.card import Description, make_card
from atomlens.export.checkpoint import Checkpoint
from atomlens.export.form import Form
from atomlens.server.verification import Row
from atomlens.v1 import card_pb2

ROWS = [Row("no pairs", "energy", 3, 1e-7)]
NAMES = [
    *("toy-schnet-energy", "toy-schnet-dipole", "toy-schnet-extent", "toy-schnet-formation"),
    *("toy-bpnn-energy", "toy-bpnn-dipole", "toy-bpnn-formation"),
]


def card(checkpoint: Checkpoint, **described: object) -> card_pb2.ModelCard:
    """Return the card of a checkpoint."""
    form = Form(5.0)
    form.method, form.terms = "as trained", 0
    return make_card(checkpoint, Description("toy", **described), form, ROWS)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", NAMES)
def test_a_card_says_what_answers_depend_on(name: str, toy_checkpoints: dict[str, Checkpoint]) -> None:
    """Contract, elements, cutoff, charges, spins, masses and the head with its units."""
    made = card(toy_checkpoints[name])
    assert (made.contract, made.name, made.family) == (1, "toy", name.split("-")[1])
    elements = [8, 11, 12, 17, 29] if name.endswith("formation") else [1, 6, 7, 8]
    assert list(made.elements) == elements
    assert (made.cutoff_angstrom, list(made.charges), list(made.spins)) == (5.0, [0], [1])
    assert dict(made.masses) == pytest.approx({z: atomic_masses[z] for z in elements})
    (head,) = made.heads
    expected = {
        "energy": ("energy", card_pb2.AGGREGATION_SUM, "eV", "eV"),
        "dipole": ("charge", card_pb2.AGGREGATION_DIPOLE, "e", "e·Å"),
        "extent": ("extent", card_pb2.AGGREGATION_SECOND_MOMENT, "electrons", "Å²"),
        "formation": ("formation_energy", card_pb2.AGGREGATION_MEAN, "eV", "eV/atom"),
    }[name.split("-")[2]]
    assert (head.name, head.aggregation, head.unit, head.property_unit) == expected


def test_offsets_of_energies_are_on_the_card_alone(toy_checkpoints: dict[str, Checkpoint]) -> None:
    """Energies have E⁰ for each element, charges none."""
    energy = card(toy_checkpoints["toy-bpnn-energy"]).heads[0]
    assert dict(energy.offsets) == toy_checkpoints["toy-bpnn-energy"].model["head"]["offsets"]
    assert not card(toy_checkpoints["toy-bpnn-dipole"]).heads[0].offsets


def test_embeddings_are_those_of_trained_elements(toy_checkpoints: dict[str, Checkpoint]) -> None:
    """SchNet's rows by atomic number; Behler–Parrinello networks have none."""
    checkpoint = toy_checkpoints["toy-schnet-energy"]
    rows = card(checkpoint).embedding
    assert [row.number for row in rows] == [1, 6, 7, 8]
    table = checkpoint.weights["network.embedding.weight"]
    np.testing.assert_array_equal([row.values for row in rows], table[[1, 6, 7, 8]])
    assert not card(toy_checkpoints["toy-bpnn-energy"]).embedding


def test_measurements_are_on_the_card(toy_checkpoints: dict[str, Checkpoint]) -> None:
    """Errors, contributions per element, closest distances, the size limit and the verification."""
    checkpoint = toy_checkpoints["toy-bpnn-dipole"]
    made = card(checkpoint)
    assert [(row.split, row.head, row.unit) for row in made.errors] == [
        ("validation", "charge", "e·Å"),
        ("test", "charge", "e·Å"),
    ]
    assert made.errors[1].mae == checkpoint.measured["errors"][1]["mae"]
    assert [row.number for row in made.contributions] == [1, 6, 7, 8]
    assert len(made.closest_distances) == len(checkpoint.measured["closest"])
    assert made.max_training_atoms == len(checkpoint.measured["largest"]["numbers"])
    assert made.export.verification[0].case == "no pairs"
    assert {"torch", "onnx", "onnxruntime"} <= set(made.export.versions)


def test_the_training_can_be_repeated_from_the_card(toy_checkpoints: dict[str, Checkpoint]) -> None:
    """Command, settings, data, split, hardware and the turned sign are recorded."""
    checkpoint = toy_checkpoints["toy-schnet-dipole"]
    record = card(checkpoint).training
    assert record.command == checkpoint.command
    assert record.settings["batch_size"] == 8
    assert dict(record.split) == checkpoint.data["sizes"]
    assert record.label == "charge, learned in e·Å"
    assert record.hardware == checkpoint.measured["hardware"]
    assert record.sign_flipped is checkpoint.measured["sign_flipped"]
    assert record.data == "g2"


def test_who_exports_adds_what_the_checkpoint_cannot_know(toy_checkpoints: dict[str, Checkpoint]) -> None:
    """Data source, licences, citation and further limits; limits of every model stay."""
    made = card(
        toy_checkpoints["toy-bpnn-energy"],
        data="G2",
        data_licence="CC0-1.0",
        citation="Curtiss 1991",
        licence="MIT",
        limits=("No ions.",),
    )
    assert (made.training.data, made.training.data_licence) == ("G2", "CC0-1.0")
    assert (made.training.citation, made.licence) == ("Curtiss 1991", "MIT")
    assert made.limits[-1] == "No ions."
    assert "H, C, N, O only" in made.limits[0]
    assert any("only the total is observable" in limit for limit in made.limits)


@pytest.mark.parametrize(
    ("name", "limits"),
    [
        ("toy-schnet-energy", ["Trained on molecules alone: periodic structures are extrapolation."]),
        ("toy-schnet-dipole", ["Molecules only: the dipole"]),
        ("toy-schnet-extent", ["Molecules only: the extent"]),
        (
            "toy-bpnn-formation",
            [
                "Trained on periodic structures alone: molecules are extrapol",
                "The property is the mean of the",
            ],
        ),
    ],
)
def test_limits_follow_from_head_and_data(
    name: str, limits: list[str], toy_checkpoints: dict[str, Checkpoint]
) -> None:
    """Between what holds for all models, and nothing that does not hold for this one."""
    made = list(card(toy_checkpoints[name]).limits)
    assert len(made) == 3 + len(limits)
    assert all(given.startswith(expected) for given, expected in zip(made[2:-1], limits, strict=True))


def test_molecules_and_crystals_are_known_together(toy_checkpoints: dict[str, Checkpoint]) -> None:
    """A model trained on both lacks neither; without the count, the largest structure tells."""
    checkpoint = toy_checkpoints["toy-schnet-formation"]
    both = replace(checkpoint, data={**checkpoint.data, "periodic": 1})
    assert not any("extrapolation" in limit for limit in card(both).limits)
    uncounted = {name: value for name, value in checkpoint.data.items() if name != "periodic"}
    assert card(replace(checkpoint, data=uncounted)).limits == card(checkpoint).limits


def test_what_an_intensive_head_predicts_has_a_name(toy_checkpoints: dict[str, Checkpoint]) -> None:
    """That of the label it was trained on."""
    made = card(toy_checkpoints["toy-schnet-formation"])
    assert made.description == "The formation energy of a structure as the mean of atomic contributions."


def test_many_elements_are_counted(toy_checkpoints: dict[str, Checkpoint]) -> None:
    """Eighty-nine names in a sentence would drown what it says."""
    checkpoint = toy_checkpoints["toy-bpnn-formation"]
    network = {**checkpoint.model["network"], "elements": list(range(1, 90))}
    made = card(replace(checkpoint, model={**checkpoint.model, "network": network}))
    assert made.limits[0] == "Trained on 89 elements only: other elements are refused."
    assert len(made.elements) == 89


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "a b", "a@1", ".."])
def test_names_must_fit_a_directory_and_a_selector(name: str) -> None:
    """Neither separators nor the @ of versions."""
    with pytest.raises(ValueError, match="`name` must be"):
        Description(name)
