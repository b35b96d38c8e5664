"""Card: what a model is and whether it can be asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from google.protobuf import json_format

from atomlens.client.elements import symbol_of
from atomlens.client.errors import InternalError, UnusableModelError
from atomlens.client.structure import Structure
from atomlens.v1 import card_pb2, model_service_pb2

MOMENTS = {"dipole", "second_moment"}  # aggregations that a periodic structure has no property of
PARTS = ("training", "validation", "test")
MANY_PAIRS, FEW_PAIRS = 21, 5  # pairs of elements: all of six elements are shown, of more some


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """One version of a model in the repository; what is not ready has a state and little else."""

    name: str
    version: int
    digest: str  # SHA-256 of its card
    state: str  # ready, failed, loading, draining or set aside
    reason: str  # why it failed, when it did; of one that is ready, what is wrong with it in the repository
    provider: str  # cpu, cuda or cuda-tf32
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
            _state(message.state),
            message.reason,
            message.provider,
            message.family,
            tuple(message.heads),
            tuple(map(symbol_of, message.elements)),
            message.is_default,
        )

    @property
    def ready(self) -> bool:
        """Whether it can be asked."""
        return self.state == "ready"

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        lists = {"heads": list(self.heads), "elements": list(self.elements)}
        return {**asdict(self), "ready": self.ready, **lists}

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
        """Return the card that a message holds; raises `InternalError` for one that is none."""
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
            _document(card),
        )

    @property
    def aggregations(self) -> list[str]:
        """How contributions make the property of each head: sum, mean, dipole or second_moment."""
        return [_aggregation(head) for head in self.document.get("heads", [])]

    def takes(self, structure: Structure) -> bool:
        """Return whether the model knows the elements, charge and multiplicity, and takes what repeats."""
        return (
            set(structure.symbols) <= set(self.status.elements)
            and structure.charge in self.charges
            and structure.spin in (0, *self.spins)
            and not (structure.pbc.any() and MOMENTS & set(self.aggregations))
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
            ("network", _settings(self.document.get("network", {}))),
            *(("error", f"{error} on {error.structures} structures") for error in self.errors),
            ("trained on", training.get("data", "")),
            ("label", training.get("label", "")),
            ("split", _split(training.get("split", {}))),
            ("largest", _count(self.document.get("max_training_atoms", 0), "atom")),
            ("closest", _closest(self.document.get("closest_distances", []))),
            ("settings", _settings(training.get("settings", {}))),
            ("took", _run(training)),
            ("data are", training.get("data_licence", "")),
            ("cite", training.get("citation", "")),
            ("again with", training.get("command", "")),
            ("graphs", _graphs(self.document.get("export", {}), self.document.get("heads", []))),
            *(("limit", limit) for limit in self.limits),
            ("licence", self.licence),
            ("digest", status.digest),
        ]


def refreshed(message: model_service_pb2.RefreshModelsResponse) -> list[ModelStatus]:
    """Return what became of each version; raises `UnusableModelError` where not all could be looked at."""
    if message.trouble:
        raise UnusableModelError(
            f"the server's repository: {message.trouble}", reason="REPOSITORY_TROUBLE", field="models"
        )
    return [ModelStatus.from_proto(status) for status in message.models]


def _state(number: int) -> str:
    """Return a state as a word; one that this client does not know as its number."""
    names = model_service_pb2.ModelState.DESCRIPTOR.values_by_number
    known = names[number].name if number in names else str(number)
    return known.removeprefix("MODEL_STATE_").lower().replace("_", " ")


def _document(card: card_pb2.ModelCard) -> dict[str, Any]:
    try:
        return json_format.MessageToDict(card, preserving_proto_field_name=True)
    except (json_format.Error, RecursionError) as error:  # settings that JSON cannot hold
        raise InternalError(f"the server sent a card that makes no sense: {error}") from error


def _error(message: card_pb2.PropertyError) -> MeasuredError:
    return MeasuredError(
        message.split, message.head, message.unit, message.mae, message.rmse, message.structures
    )


def _head(head: Mapping[str, Any]) -> str:
    aggregation = _aggregation(head).replace("_", " ")
    name, unit, property_unit = (head.get(key, "") for key in ("name", "unit", "property_unit"))
    return f"{name} in {unit}, {aggregation} in {property_unit}"


def _aggregation(head: Mapping[str, Any]) -> str:
    return str(head.get("aggregation", "")).removeprefix("AGGREGATION_").lower()


def _settings(settings: Mapping[str, Any]) -> str:
    """Return settings in one line, without those that have a line of their own."""
    told = {name: value for name, value in settings.items() if name not in ("elements", "cutoff_angstrom")}
    return ", ".join(f"{name} {_value(value)}" for name, value in sorted(told.items()))


def _value(value: Any) -> str:
    if isinstance(value, list):
        return "-".join(map(_value, value))
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _split(sizes: Mapping[str, int]) -> str:
    known = [name for name in PARTS if name in sizes] + sorted(set(sizes) - set(PARTS))
    return ", ".join(f"{sizes[name]} {name}" for name in known)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number > 1 else ''}" if number else ""


def _closest(pairs: Sequence[Mapping[str, Any]]) -> str:
    """Return the closest distances of all pairs of elements, or of many pairs the shortest of them."""
    names, zeros = ("distance_angstrom", "first", "second"), (0.0, 0, 0)  # what is 0 is left out
    found = [tuple(map(pair.get, names, zeros)) for pair in pairs]
    nearest = sorted(found, key=lambda pair: float(pair[0]))
    told = ", ".join(
        f"{symbol_of(first)}-{symbol_of(second)} {float(distance):.2f}"
        for distance, first, second in nearest[: len(pairs) if len(pairs) <= MANY_PAIRS else FEW_PAIRS]
    )
    if len(pairs) > MANY_PAIRS:
        return f"{told}, ... Å in training, of {len(pairs)} pairs of elements; the whole card has all"
    return f"{told} Å in training" if told else ""


def _graphs(export: Mapping[str, Any], heads: Sequence[Mapping[str, Any]]) -> str:
    """Return how graphs were made of the network, and how far they are from it."""
    terms = f"{export['terms']} functions" if "terms" in export else ""
    error = ""
    if "largest_error" in export and heads:
        error = f"off by {float(export['largest_error']):.1e} {heads[0].get('unit', '')} at most"
    return "; ".join(filter(None, [export.get("method", ""), terms, error]))


def _run(training: Mapping[str, Any]) -> str:
    """Return how long training took, and on what."""
    if "epochs" not in training:
        return ""
    time, best = f"{float(training.get('seconds', 0.0)) / 60:.1f} min", training.get("best_epoch", 0)
    epochs = f"{_count(training['epochs'], 'epoch')}, the weights are of epoch {best}"
    return ", ".join(filter(None, [time, epochs, training.get("hardware", "")]))
