"""Cards of models, made by hand."""

from __future__ import annotations

import json

from atomlens.client import Card, ModelStatus
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


def test_failed() -> None:
    """A version that could not be loaded says why."""
    message = model_service_pb2.ModelStatus(
        name="m", version=1, state=model_service_pb2.MODEL_STATE_FAILED, reason="no card"
    )
    status = ModelStatus.from_proto(message)
    assert (status.ready, status.reason, str(status)) == (False, "no card", "m@1")
