"""Card: what a bundle says of its model, gathered from the checkpoint and from who exports it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from ase.data import atomic_masses, chemical_symbols
from google.protobuf.struct_pb2 import Struct

from atomlens.export.checkpoint import Checkpoint
from atomlens.export.dataset import MOMENTS
from atomlens.export.form import Form
from atomlens.export.heads import KINDS, Kind
from atomlens.server.card import CONTRACT
from atomlens.server.listing import NAME
from atomlens.server.verification import CLOSE, TOLERANCE, Row
from atomlens.v1 import card_pb2

LIBRARIES = ("atomlens", "torch", "onnx", "onnxscript", "onnxruntime")
AGGREGATIONS = {
    "energy": card_pb2.AGGREGATION_SUM,
    "charge": card_pb2.AGGREGATION_DIPOLE,
    "extent": card_pb2.AGGREGATION_SECOND_MOMENT,
    "intensive": card_pb2.AGGREGATION_MEAN,
}
DESCRIPTIONS = {
    "energy": "The energy of a structure as a sum of atomic energies.",
    "charge": "The dipole moment of a molecule from partial charges.",
    "extent": "The spatial extent of a molecule's electrons from numbers of electrons at its atoms.",
    "intensive": "The {name} of a structure as the mean of atomic contributions.",
}
HEAD_LIMITS: dict[str, str] = {
    "charge": "Molecules only: the dipole of a periodic structure depends on the choice of its cell. "
    "Charges are those that give dipoles; charges by other definitions differ.",
    "extent": "Molecules only: the extent of a periodic structure depends on the choice of its cell. "
    "Numbers of electrons are those that give extents, neither whole nor adding up to all electrons. "
    "Nothing stands for the width of an atom itself: extents of molecules of a few atoms come out too small.",
    "intensive": "The property is the mean of the contributions: each is on the scale of the property, "
    "and an atom's share of it is its contribution divided by the number of atoms.",
}
MANY = 12  # elements, from which on their number is told instead of their names
SPLIT_LIMIT = (
    "The split into atoms is the model's choice: learned, transferable, not unique; "
    "only the total is observable."
)


@dataclass(frozen=True, slots=True)
class Description:
    """What only the one who exports a model knows of it."""

    name: str
    data: str = ""  # the data set and where it was published; empty for the file's name
    data_licence: str = ""
    citation: str = ""
    licence: str = ""  # of the weights
    limits: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ValueError(f"`name` must be letters, digits, '.', '_' and '-', got {self.name!r}")


def make_card(
    checkpoint: Checkpoint, description: Description, form: Form, rows: Sequence[Row]
) -> card_pb2.ModelCard:
    """Return the card of a verified model, complete but for the digests of its files."""
    network, measured = checkpoint.model["network"], checkpoint.measured
    head = _head(checkpoint.model["head"])
    elements = sorted(network["elements"])
    return card_pb2.ModelCard(
        contract=CONTRACT,
        name=description.name,
        family=checkpoint.model["family"],
        description=DESCRIPTIONS[checkpoint.model["head"]["kind"]].format(name=head.name.replace("_", " ")),
        heads=[head],
        elements=elements,
        cutoff_angstrom=network["cutoff_angstrom"],
        charges=[0],
        spins=[1],
        masses={number: float(atomic_masses[number]) for number in elements},
        embedding=_embedding(checkpoint, elements),
        network=_struct(network),
        training=_training(checkpoint, description),
        errors=[card_pb2.PropertyError(head=head.name, **row) for row in measured["errors"]],
        contributions=[
            card_pb2.ContributionStatistics(head=head.name, **row) for row in measured["contributions"]
        ],
        closest_distances=[_closest(pair) for pair in measured["closest"]],
        max_training_atoms=len(measured["largest"]["numbers"]),
        export=_export(form, rows),
        licence=description.licence,
        limits=[*_limits(checkpoint, elements), *description.limits],
    )


def _head(head: Mapping[str, Any]) -> card_pb2.Head:
    kind: Kind = head["kind"]
    return card_pb2.Head(
        name=head["name"],
        aggregation=AGGREGATIONS[kind],
        unit=KINDS[kind].unit,
        property_unit=head["property_unit"],
        offsets=head["offsets"],
    )


def _embedding(checkpoint: Checkpoint, elements: Sequence[int]) -> list[card_pb2.EmbeddingRow]:
    """Return the trained rows; those of other elements are as they were drawn."""
    table = checkpoint.weights.get("network.embedding.weight")
    if table is None:
        return []
    return [card_pb2.EmbeddingRow(number=number, values=table[number].tolist()) for number in elements]


def _training(checkpoint: Checkpoint, description: Description) -> card_pb2.TrainingRecord:
    data = checkpoint.data
    return card_pb2.TrainingRecord(
        data=description.data or data["source"],
        data_licence=description.data_licence,
        citation=description.citation,
        label=f"{data['label']}, learned in {data['unit']}",
        split=data["sizes"],
        settings=_struct(checkpoint.training),
        command=checkpoint.command,
        epochs=checkpoint.epochs_run,
        best_epoch=checkpoint.epoch,
        seconds=round(checkpoint.seconds, 1),
        hardware=checkpoint.measured["hardware"],
        sign_flipped=checkpoint.measured["sign_flipped"],
    )


def _closest(pair: Mapping[str, Any]) -> card_pb2.ClosestDistance:
    first, second = pair["numbers"]
    return card_pb2.ClosestDistance(first=first, second=second, distance_angstrom=pair["distance"])


def _export(form: Form, rows: Sequence[Row]) -> card_pb2.ExportRecord:
    return card_pb2.ExportRecord(
        method=form.method,
        terms=form.terms,
        largest_error=max((row.largest_error for row in rows if row.case != CLOSE), default=0.0),
        tolerance=TOLERANCE,
        verification=[
            card_pb2.VerificationRow(
                case=row.case, output=row.output, structures=row.structures, largest_error=row.largest_error
            )
            for row in rows
        ],
        versions={name: version(name) for name in LIBRARIES},
    )


def _limits(checkpoint: Checkpoint, elements: Sequence[int]) -> list[str]:
    """Return what every model, one with such a head, and one trained on such structures cannot do."""
    symbols = ", ".join(chemical_symbols[number] for number in elements)
    known = f"{len(elements)} elements" if len(elements) > MANY else symbols
    head_limit = HEAD_LIMITS.get(checkpoint.model["head"]["kind"])
    return [
        f"Trained on {known} only: other elements are refused.",
        "Charge and spin are no inputs: structures are taken as neutral and closed-shell.",
        *_unseen(checkpoint),
        *([head_limit] if head_limit else []),
        SPLIT_LIMIT,
    ]


def _unseen(checkpoint: Checkpoint) -> list[str]:
    """Return which of molecules and periodic structures the training lacked, of heads that take both."""
    if checkpoint.data["unit"] in MOMENTS:
        return []
    everything = sum(checkpoint.data["sizes"].values())
    guess = everything * any(checkpoint.measured["largest"]["pbc"])  # of a checkpoint that did not count
    periodic = checkpoint.data.get("periodic", guess)
    if 0 < periodic < everything:
        return []
    seen, unseen = ("periodic structures", "molecules") if periodic else ("molecules", "periodic structures")
    return [f"Trained on {seen} alone: {unseen} are extrapolation."]


def _struct(values: Mapping[str, Any]) -> Struct:
    struct = Struct()
    struct.update({key: list(value) if isinstance(value, tuple) else value for key, value in values.items()})
    return struct
