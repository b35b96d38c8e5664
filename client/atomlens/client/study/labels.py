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
    """Return by head the field to compare with: the chosen one, or the one the model was trained on.

    A chosen field may say its unit, as in U0:Ha.
    """
    trained_on = card.document.get("training", {}).get("label", "").split(",")[0]
    names = {head["name"]: chosen.get(head["name"], trained_on) for head in _heads(card)}
    return {head: name.partition(":")[0] for head, name in names.items() if name}


def find_labels(card: Card, sample: Sample, chosen: Mapping[str, str]) -> Iterator[Label]:
    """Yield the labels of a model's heads that the sample's file has.

    Raises:
        DataError (ValueError): a field is not in every structure, nothing tells its unit, two things tell
            different ones, or it is no unit of the head's property.
    """
    from atomlens.export.units import stated_units, unit_factor

    names = label_names(card, chosen)
    for head in _heads(card):
        name = names.get(head["name"], "")
        if name in sample.table.flaws:
            sample.table.per_structure(name)  # which raises: half a label is a mistake, not a choice
        field = sample.per_structure(name)
        if field is not None and field.ndim == 1:
            units = [head["property_unit"]]
            given = chosen.get(head["name"], "").partition(":")[2]
            _, factor = unit_factor(name, units, given, stated_units(sample.table, name, units))
            yield Label(head["name"], name, field.astype(np.float64) * factor)


def _heads(card: Card) -> list[dict[str, Any]]:
    heads: list[dict[str, Any]] = card.document.get("heads", [])
    return heads
