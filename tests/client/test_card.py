"""Cards of models, made by hand."""

from __future__ import annotations

import json

import pytest

from atomlens.client import Card, InternalError, ModelStatus
from atomlens.v1 import card_pb2, model_service_pb2

RESPONSE = model_service_pb2.GetModelResponse(
    status=model_service_pb2.ModelStatus(
        name="m", version=2, digest="ab", state=model_service_pb2.MODEL_STATE_READY, elements=[1, 8]
    ),
    card=card_pb2.ModelCard(
        name="m",
        description="What it is.",
        cutoff_angstrom=5.0,
        charges=[0, -1],
        heads=[
            card_pb2.Head(
                name="energy",
                aggregation=card_pb2.AGGREGATION_SUM,
                unit="eV",
                property_unit="eV",
                offsets={1: -13.6},
            )
        ],
        errors=[
            card_pb2.PropertyError(split="test", structures=9, head="energy", unit="eV", mae=0.12, rmse=0.3)
        ],
        limits=["No salts."],
    ),
)


def test_card() -> None:
    """A card has what people ask for as attributes and everything in its document."""
    card = Card.from_proto(RESPONSE)
    assert (card.cutoff_angstrom, card.charges, card.limits) == (5.0, (0, -1), ("No salts.",))
    assert card.aggregations == ["sum"]
    assert str(card.errors[0]) == "test energy MAE 0.12 eV, RMSE 0.3 eV"
    document = json.loads(json.dumps(card.to_dict()))
    assert document["card"]["heads"][0]["offsets"] == {"1": -13.6}
    assert document["status"]["elements"] == ["H", "O"]


def test_text() -> None:
    """A card can be read, without lines for what it does not say."""
    text = str(Card.from_proto(RESPONSE))
    assert "energy in eV, sum in eV" in text
    assert "No salts." in text
    assert "cite" not in text


def test_text_of_a_card_that_says_little() -> None:
    """What is empty is not told, and is no error."""
    response = model_service_pb2.GetModelResponse(
        card=card_pb2.ModelCard(heads=[card_pb2.Head()], closest_distances=[card_pb2.ClosestDistance()])
    )
    assert "closest     X-X 0.00" in str(Card.from_proto(response))


def test_what_makes_no_sense_is_a_fault_of_the_server() -> None:
    """Elements that there are not, and settings that JSON cannot hold."""
    with pytest.raises(InternalError, match="element 119, which there is not"):
        ModelStatus.from_proto(model_service_pb2.ModelStatus(elements=[1, 119]))
    response = model_service_pb2.GetModelResponse()
    response.card.network["width"] = float("nan")
    with pytest.raises(InternalError, match="a card that makes no sense"):
        Card.from_proto(response)


def test_text_of_a_whole_card() -> None:
    """Who reads a card learns what the model was trained on, how near atoms came, and what was made of it."""
    response = model_service_pb2.GetModelResponse()
    response.CopyFrom(RESPONSE)
    card = response.card
    card.network.update({"features": 64, "hidden": [64, 32], "elements": [1, 8], "cutoff_angstrom": 5})
    card.max_training_atoms = 29
    card.closest_distances.add(first=1, second=8, distance_angstrom=0.957)
    card.closest_distances.add(first=1, second=1, distance_angstrom=0.741)
    record = card_pb2.TrainingRecord(
        data="QM9",
        data_licence="CC0-1.0",
        label="u0_eV, learned in eV",
        split={"test": 5, "training": 90, "validation": 6},
        epochs=30,
        best_epoch=28,
        seconds=2751.1,
        hardware="a processor",
    )
    record.settings.update({"seed": 0, "learning_rate": 1e-3})
    card.training.CopyFrom(record)
    card.export.CopyFrom(card_pb2.ExportRecord(method="filters in a table", terms=40, largest_error=2.74e-5))
    lines = str(Card.from_proto(response)).splitlines()
    assert {
        "network     features 64, hidden 64-32",
        "label       u0_eV, learned in eV",
        "split       90 training, 6 validation, 5 test",
        "largest     29 atoms",
        "closest     H-H 0.74, H-O 0.96 Å in training",
        "settings    learning_rate 0.001, seed 0",
        "took        45.9 min, 30 epochs, the weights are of epoch 28, a processor",
        "data are    CC0-1.0",
        "graphs      filters in a table; 40 functions; off by 2.7e-05 eV at most",
    } <= set(lines)


def test_text_of_a_card_with_many_elements() -> None:
    """Of thousands of pairs of elements the closest few are shown, and how many there are."""
    response = model_service_pb2.GetModelResponse()
    response.CopyFrom(RESPONSE)
    for first in range(1, 90):
        for second in range(first, 90):
            pair = {"first": first, "second": second, "distance_angstrom": 0.7 + first + second / 100}
            response.card.closest_distances.add(**pair)
    text = str(Card.from_proto(response))
    assert "H-H 1.71, H-He 1.72, H-Li 1.73, H-Be 1.74, H-B 1.75, ... Å in training, of 4005 pairs" in text
    assert max(map(len, text.splitlines())) < 150


def test_failed() -> None:
    """A version that could not be loaded says why."""
    message = model_service_pb2.ModelStatus(
        name="m", version=1, state=model_service_pb2.MODEL_STATE_FAILED, reason="no card"
    )
    status = ModelStatus.from_proto(message)
    assert (status.ready, status.reason, str(status)) == (False, "no card", "m@1")


@pytest.mark.parametrize("state", model_service_pb2.ModelState.values())
def test_states(state: model_service_pb2.ModelState.ValueType) -> None:
    """A state is a word, and one of them means that the model can be asked."""
    status = ModelStatus.from_proto(model_service_pb2.ModelStatus(name="m", version=1, state=state))
    words = ("unspecified", "ready", "failed", "loading", "draining", "set aside")
    assert (status.state, status.ready) == (words[state], state == model_service_pb2.MODEL_STATE_READY)
    assert (status.to_dict()["state"], status.to_dict()["ready"]) == (status.state, status.ready)


def test_state_of_a_newer_server() -> None:
    """A state that this client does not know is a number, and not ready."""
    message = model_service_pb2.ModelStatus.FromString(b"\x20\x63")
    status = ModelStatus.from_proto(message)
    assert (status.state, status.ready) == ("99", False)
