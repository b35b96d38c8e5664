"""Card: what the engine must know of a model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

import numpy as np
import numpy.typing as npt
from google.protobuf import json_format

from atomlens.server.errors import BundleError
from atomlens.server.structures import Floats
from atomlens.v1 import card_pb2

CONTRACT = 1
MAX_CUTOFF_ANGSTROM = 20.0  # 3,000 neighbors in a solid: beyond it is a mistake, and memory would show it
NUMBERS = 119  # rows of tables indexed by atomic number


class Aggregation(Enum):
    """How contributions make a property."""

    SUM = card_pb2.AGGREGATION_SUM
    MEAN = card_pb2.AGGREGATION_MEAN
    DIPOLE = card_pb2.AGGREGATION_DIPOLE
    SECOND_MOMENT = card_pb2.AGGREGATION_SECOND_MOMENT


@dataclass(frozen=True)
class Head:
    """One atom-wise output: its units, its offsets and how it makes a property."""

    name: str
    aggregation: Aggregation
    unit: str
    property_unit: str
    offsets: Floats  # (119,) by atomic number, zero where there is none

    @classmethod
    def from_proto(cls, message: card_pb2.Head) -> Head:
        """Return the head that the message describes."""
        if message.aggregation not in (kind.value for kind in Aggregation):
            raise BundleError(f"card.json: `aggregation` of head {message.name!r} is unknown")
        offsets = _by_number(dict(message.offsets), 0.0)
        return cls(
            message.name, Aggregation(message.aggregation), message.unit, message.property_unit, offsets
        )

    @property
    def is_moment(self) -> bool:
        """Whether the property depends on positions, which makes no sense in a periodic structure."""
        return self.aggregation in (Aggregation.DIPOLE, Aggregation.SECOND_MOMENT)


@dataclass(frozen=True)
class Card:
    """The part of a model's card that answers depend on."""

    name: str
    family: str
    heads: tuple[Head, ...]
    elements: tuple[int, ...]
    cutoff_angstrom: float
    charges: frozenset[int]
    spins: frozenset[int]
    masses: Floats  # (119,) u, NaN for elements the model does not know
    closest: Floats  # (119, 119) Å: closest distance in training, the cutoff where a pair never met
    max_training_atoms: int
    files: dict[str, str]

    @cached_property
    def known(self) -> npt.NDArray[np.bool_]:
        """Which atomic numbers the model knows: (120,), the first and the last stand for what is none."""
        known = np.zeros(NUMBERS + 1, np.bool_)
        known[list(self.elements)] = True
        return known

    @cached_property
    def closest_squares(self) -> npt.NDArray[np.float32]:
        """Squares of the closest distances in Å²: (119 · 119,)."""
        return (self.closest**2).astype(np.float32).reshape(-1)

    @classmethod
    def from_json(cls, text: bytes) -> Card:
        """Return the card that card.json holds.

        Raises:
            BundleError: it is no card, or one of another contract.
        """
        try:
            message = json_format.Parse(text, card_pb2.ModelCard())
        except Exception as error:  # JSON of another shape raises whatever it leads to
            raise BundleError(f"card.json: no model card: {error}") from error
        if message.contract != CONTRACT:
            raise BundleError(f"card.json: `contract` must be {CONTRACT}, got {message.contract}")
        for field in ("name", "heads", "elements", "charges", "cutoff_angstrom", "masses"):
            if not getattr(message, field):
                raise BundleError(f"card.json: `{field}` is missing")
        if not 0.0 < message.cutoff_angstrom <= MAX_CUTOFF_ANGSTROM:
            raise BundleError(
                f"card.json: `cutoff_angstrom` must be positive and at most {MAX_CUTOFF_ANGSTROM:g}, "
                f"got {message.cutoff_angstrom}"
            )
        names = [head.name for head in message.heads]
        if len(set(names)) < len(names):
            raise BundleError(f"card.json: `heads` must have different names, got {names}")
        return cls._from_proto(message)

    @classmethod
    def _from_proto(cls, message: card_pb2.ModelCard) -> Card:
        beyond = [number for number in message.elements if not 0 < number < NUMBERS]
        weightless = [number for number in message.elements if not message.masses.get(number, 0) > 0]
        if beyond or weightless:
            raise BundleError(
                f"card.json: `elements` must be 1 to 118 and have masses, got {beyond or weightless}"
            )
        closest = np.full((NUMBERS, NUMBERS), message.cutoff_angstrom)
        for pair in message.closest_distances:
            _check_number(pair.first)
            _check_number(pair.second)
            closest[pair.first, pair.second] = closest[pair.second, pair.first] = pair.distance_angstrom
        return cls(
            message.name,
            message.family,
            tuple(Head.from_proto(head) for head in message.heads),
            tuple(message.elements),
            message.cutoff_angstrom,
            frozenset(message.charges),
            frozenset(message.spins),
            _by_number(dict(message.masses), np.nan),
            closest,
            message.max_training_atoms,
            dict(message.files),
        )


def _by_number(values: dict[int, float], otherwise: float) -> Floats:
    """Return values in a table indexed by atomic number: (119,)."""
    table = np.full(NUMBERS, otherwise)
    for number, value in values.items():
        _check_number(number)
        if not math.isfinite(value):
            raise BundleError(f"card.json: masses and offsets must be finite, got {value} for {number}")
        table[number] = value
    return table


def _check_number(number: int) -> None:
    if not 0 < number < NUMBERS:
        raise BundleError(f"card.json: atomic numbers must be 1 to {NUMBERS - 1}, got {number}")
