"""Signature: the tensors that a model takes and gives."""

from __future__ import annotations

from dataclasses import dataclass

from atomlens.open_inference import open_inference_pb2 as pb
from atomlens.server.card import Aggregation, Card, Head
from atomlens.server.errors import InputError

PLATFORM = "atomlens"
TYPES = {"INT64": pb.TYPE_INT64, "FP64": pb.TYPE_FP64, "BOOL": pb.TYPE_BOOL, "BYTES": pb.TYPE_STRING}
OFFSET_PARTS = (("model", ()), ("offset", ()))
DIPOLE_PARTS: tuple[tuple[str, tuple[int, ...]], ...] = (("raw", ()), ("vectors", (3,)), ("origins", (3,)))
PARTS = {
    Aggregation.SUM: OFFSET_PARTS,
    Aggregation.MEAN: OFFSET_PARTS,
    Aggregation.DIPOLE: DIPOLE_PARTS,
    Aggregation.SECOND_MOMENT: (),
}


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor: its name, its type in the protocol's words and its shape, -1 for any length."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    optional: bool = False

    def metadata(self) -> pb.ModelMetadataResponse.TensorMetadata:
        """Return the message that tells of it."""
        return pb.ModelMetadataResponse.TensorMetadata(
            name=self.name, datatype=self.datatype, shape=self.shape
        )


@dataclass(frozen=True, slots=True)
class Output:
    """A tensor that a model gives: a part of a head, or texts about the structures."""

    tensor: Tensor
    head: Head | None
    part: str


INPUTS = (
    Tensor("numbers", "INT64", (-1,)),
    Tensor("positions", "FP64", (-1, 3)),
    Tensor("atoms", "INT64", (-1,), optional=True),
    Tensor("cells", "FP64", (-1, 3, 3), optional=True),
    Tensor("pbc", "BOOL", (-1, 3), optional=True),
    Tensor("charges", "FP64", (-1,), optional=True),
    Tensor("spins", "INT64", (-1,), optional=True),
)
# Of each structure, empty where there is nothing to say; given only when asked for by name.
TEXTS = tuple(Output(Tensor(name, "BYTES", (-1,)), None, name) for name in ("errors", "warnings"))


def outputs(card: Card) -> tuple[Output, ...]:
    """Return all that a model gives: the parts of each head, then the texts."""
    return (*(output for head in card.heads for output in _of_head(head)), *TEXTS)


def wanted(card: Card, names: list[str]) -> tuple[Output, ...]:
    """Return the outputs with these names, all but the texts for none.

    Raises:
        InputError: there is no output of that name.
    """
    known = {output.tensor.name: output for output in outputs(card)}
    for name in names:
        if name not in known:
            raise InputError(
                f"`outputs` of {card.name} are {', '.join(known)}, got {name!r}", "UNKNOWN_OUTPUT", "outputs"
            )
    return tuple(known[name] for name in dict.fromkeys(names)) or outputs(card)[: -len(TEXTS)]


def metadata(card: Card, versions: list[str]) -> pb.ModelMetadataResponse:
    """Return what a model takes and gives."""
    return pb.ModelMetadataResponse(
        name=card.name,
        versions=versions,
        platform=PLATFORM,
        inputs=[tensor.metadata() for tensor in INPUTS],
        outputs=[output.tensor.metadata() for output in outputs(card)],
    )


def configuration(card: Card) -> pb.ModelConfigResponse:
    """Return the same with what may be left out."""
    config = pb.ModelConfig(name=card.name, platform=PLATFORM, backend=PLATFORM)
    for tensor in INPUTS:
        config.input.add(
            name=tensor.name, data_type=TYPES[tensor.datatype], dims=tensor.shape, optional=tensor.optional
        )
    for output in outputs(card):
        tensor = output.tensor
        config.output.add(name=tensor.name, data_type=TYPES[tensor.datatype], dims=tensor.shape)
    return pb.ModelConfigResponse(config=config)


def _of_head(head: Head) -> list[Output]:
    """Return the parts of a head, under the names that they have in `atomlens.v1`."""
    parts = (("properties", ()), ("contributions", ()), *PARTS[head.aggregation])
    return [Output(Tensor(f"{head.name}.{part}", "FP64", (-1, *shape)), head, part) for part, shape in parts]
