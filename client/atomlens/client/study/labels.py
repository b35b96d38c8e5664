"""Labels: the fields of a file that hold what a model predicts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from atomlens.client.card import Card
from atomlens.client.structure import Floats
from atomlens.client.study.sample import Sample


@dataclass(frozen=True, slots=True, eq=False)
class Label:
    """The label of one head in one sample."""

    head: str
    name: str  # of the field
    values: Floats  # (structures,) in the head's property unit


def label_names(card: Card, chosen: Mapping[str, str]) -> dict[str, str]:
    """Return by head the field to compare with: the chosen one, or the one the model was trained on."""
    trained_on = card.document.get("training", {}).get("label", "").split(",")[0]
    names = {head["name"]: chosen.get(head["name"], trained_on) for head in _heads(card)}
    return {head: name for head, name in names.items() if name}


def find_labels(card: Card, sample: Sample, chosen: Mapping[str, str]) -> Iterator[Label]:
    """Yield the labels of a model's heads that the sample's file has.

    Raises:
        DataError (ValueError): the unit in a field's name is missing or no unit of the head's property.
    """
    from atomlens.export.units import unit_factor

    names = label_names(card, chosen)
    for head in _heads(card):
        name = names.get(head["name"], "")
        field = sample.per_structure(name)
        if field is not None and field.ndim == 1:
            _, factor = unit_factor(name, [head["property_unit"]], None)
            yield Label(head["name"], name, field.astype(np.float64) * factor)


def _heads(card: Card) -> list[dict[str, Any]]:
    heads: list[dict[str, Any]] = card.document.get("heads", [])
    return heads
