"""`atomlens.server.card`."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from atomlens.server.card import Aggregation, Card
from atomlens.server.errors import BundleError
from atomlens.server.model import Model


@pytest.fixture
def plain(model: Model) -> dict[str, Any]:
    """A real card as JSON."""
    return dict(json.loads(model.bundle.card_json))


def read(plain: object) -> Card:
    """Return the card that JSON holds."""
    return Card.from_json(json.dumps(plain).encode())


def test_a_card_tells_what_answers_depend_on(plain: dict[str, Any]) -> None:
    """Names, tables by atomic number, and closest distances both ways round."""
    plain["closest_distances"] = [{"first": 1, "second": 8, "distance_angstrom": 0.9}]
    card = read(plain)
    assert (card.name, card.family, card.elements) == ("toy-schnet-energy", "schnet", (1, 6, 7, 8))
    (head,) = card.heads
    assert (head.name, head.aggregation, head.is_moment) == ("energy", Aggregation.SUM, False)
    assert head.offsets[8] == plain["heads"][0]["offsets"]["8"]
    assert head.offsets[9] == 0
    assert card.masses[1] == pytest.approx(1.008)
    assert np.isnan(card.masses[9])
    assert card.closest[1, 8] == card.closest[8, 1] == 0.9
    assert card.closest[6, 6] == card.cutoff_angstrom


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "another contract": ({"contract": 2}, "`contract` must be 1, got 2"),
    "no contract": ({"contract": None}, "`contract` must be 1, got 0"),
    "no name": ({"name": ""}, "`name` is missing"),
    "no heads": ({"heads": []}, "`heads` is missing"),
    "no elements": ({"elements": []}, "`elements` is missing"),
    "no charges": ({"charges": []}, "`charges` is missing"),
    "no masses": ({"masses": {}}, "`masses` is missing"),
    "a massless element": ({"masses": {"1": 1.0, "6": 0.0, "7": 14.0, "8": 16.0}}, r"have masses, got \[6\]"),
    "an infinite mass": ({"masses": {"1": "Infinity", "6": 12, "7": 14, "8": 16}}, "must be finite"),
    "element 119": ({"elements": [1, 119]}, r"`elements` must be 1 to 118 .* got \[119\]"),
    "no cutoff": ({"cutoff_angstrom": 0}, "`cutoff_angstrom` is missing"),
    "a negative cutoff": (
        {"cutoff_angstrom": -5.0},
        "`cutoff_angstrom` must be positive and at most 20, got -5.0",
    ),
    "a cutoff that is no number": (
        {"cutoff_angstrom": "NaN"},
        "`cutoff_angstrom` must be positive and at most 20, got nan",
    ),
    "a cutoff beyond reason": ({"cutoff_angstrom": 99}, "must be positive and at most 20, got 99.0"),
    "an endless cutoff": (
        {"cutoff_angstrom": "Infinity"},
        "`cutoff_angstrom` must be positive and at most 20, got inf",
    ),
    "an unknown aggregation": ({"heads": [{"name": "a"}]}, "`aggregation` of head 'a' is unknown"),
    "heads of one name": (
        {"heads": [{"name": "a", "aggregation": "AGGREGATION_SUM"}] * 2},
        "`heads` must have different names",
    ),
    "an offset for element 200": (
        {"heads": [{"name": "a", "aggregation": 1, "offsets": {"200": 1.0}}]},
        "1 to 118, got 200",
    ),
    "a pair with element 200": (
        {"closest_distances": [{"first": 1, "second": 200, "distance_angstrom": 1.0}]},
        "1 to 118, got 200",
    ),
    "a field of another kind": ({"elements": "many"}, "no model card"),
    "an unknown field": ({"colour": "blue"}, "no model card"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_card_that_breaks_the_contract_is_refused(name: str, plain: dict[str, Any]) -> None:
    """With the field and the rule."""
    changes, message = BROKEN[name]
    with pytest.raises(BundleError, match=f"card.json: .*{message}"):
        read(plain | changes)


@pytest.mark.parametrize(
    "text", [b"", b"no JSON", b"null", b"[]", b"3", b'"text"', b"\xff\xfe", b"[" * 100_000]
)
def test_what_is_no_card_is_refused(text: bytes) -> None:
    """Whatever it is instead."""
    with pytest.raises(BundleError, match=r"card\.json"):
        Card.from_json(text)
