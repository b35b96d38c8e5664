"""Card: what a model is and whether it can be asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from google.protobuf.json_format import MessageToDict

from atomlens.client.elements import SYMBOLS
from atomlens.v1 import card_pb2, model_service_pb2


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """One version of a model in the repository; what could not be loaded has a reason and little else."""

    name: str
    version: int
    digest: str  # SHA-256 of its card
    ready: bool
    reason: str  # why it failed, when it did
    provider: str  # cpu or cuda
    family: str
    heads: tuple[str, ...]
    elements: tuple[str, ...]  # symbols
    is_default: bool  # whether the name alone means this version

    @classmethod
    def from_proto(cls, message: model_service_pb2.ModelStatus) -> ModelStatus:
        """Return the status that a message holds."""
        return cls(
            message.name,
            message.version,
            message.digest,
            message.state == model_service_pb2.MODEL_STATE_READY,
            message.reason,
            message.provider,
            message.family,
            tuple(message.heads),
            tuple(SYMBOLS[number] for number in message.elements),
            message.is_default,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {**asdict(self), "heads": list(self.heads), "elements": list(self.elements)}

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


@dataclass(frozen=True, slots=True)
class MeasuredError:
    """An error against labels outside the training set."""

    split: str  # validation or test
    head: str
    unit: str
    mae: float
    rmse: float
    structures: int

    def __str__(self) -> str:
        return f"{self.split} {self.head} MAE {self.mae:.4g} {self.unit}, RMSE {self.rmse:.4g} {self.unit}"


@dataclass(frozen=True, slots=True, eq=False)
class Card:
    """What there is to know of a model; ``document`` is its whole card as JSON has it."""

    status: ModelStatus
    description: str
    cutoff_angstrom: float
    charges: tuple[int, ...]  # total charges it can take
    spins: tuple[int, ...]  # multiplicities it can take
    errors: tuple[MeasuredError, ...]
    limits: tuple[str, ...]  # what it is known not to do
    licence: str
    document: Mapping[str, Any]

    @classmethod
    def from_proto(cls, message: model_service_pb2.GetModelResponse) -> Card:
        """Return the card that a message holds."""
        card = message.card
        return cls(
            ModelStatus.from_proto(message.status),
            card.description,
            card.cutoff_angstrom,
            tuple(card.charges),
            tuple(card.spins),
            tuple(map(_error, card.errors)),
            tuple(card.limits),
            card.licence,
            MessageToDict(card, preserving_proto_field_name=True),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return status and whole card as JSON has them."""
        return {"status": self.status.to_dict(), "card": dict(self.document)}

    def __str__(self) -> str:
        return "\n".join(f"{name:<12}{value}" for name, value in self._lines() if value)

    def _lines(self) -> list[tuple[str, str]]:
        status, training = self.status, self.document.get("training", {})
        return [
            ("model", f"{status} ({status.family}, {'ready' if status.ready else status.reason})"),
            ("what", self.description),
            ("heads", "; ".join(map(_head, self.document.get("heads", [])))),
            ("elements", " ".join(status.elements)),
            ("charges", ", ".join(map(str, self.charges))),
            ("spins", ", ".join(map(str, self.spins))),
            ("cutoff", f"{self.cutoff_angstrom:g} Å"),
            *(("error", f"{error} on {error.structures} structures") for error in self.errors),
            ("trained on", training.get("data", "")),
            ("cite", training.get("citation", "")),
            ("again with", training.get("command", "")),
            *(("limit", limit) for limit in self.limits),
            ("licence", self.licence),
            ("digest", status.digest),
        ]


def _error(message: card_pb2.PropertyError) -> MeasuredError:
    return MeasuredError(
        message.split, message.head, message.unit, message.mae, message.rmse, message.structures
    )


def _head(head: Mapping[str, Any]) -> str:
    aggregation = head["aggregation"].removeprefix("AGGREGATION_").lower().replace("_", " ")
    return f"{head['name']} in {head['unit']}, {aggregation} in {head['property_unit']}"
