"""Inference: one request of the protocol as what the engine is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from atomlens.open_inference import open_inference_pb2 as pb
from atomlens.server.buffers import Array
from atomlens.server.errors import InputError
from atomlens.server.limits import MAX_STRUCTURES
from atomlens.server.model import Model
from atomlens.server.open_inference.signature import INPUTS, Output, wanted
from atomlens.server.open_inference.tensors import read_inputs, refuse_elsewhere
from atomlens.server.repository import Repository
from atomlens.server.structures import Integers, Structures


@dataclass(frozen=True, slots=True)
class Inference:
    """Structures, the model to ask and the tensors to answer with."""

    id: str
    model: Model
    structures: Structures
    outputs: tuple[Output, ...]

    @classmethod
    def from_proto(cls, message: pb.ModelInferRequest, repository: Repository) -> Inference:
        """Return what a request asks for.

        Raises:
            InputError: tensors disagree, or one is unknown.
            UnknownModelError: there is no such model.
        """
        model = find(repository, message.model_name, message.model_version)
        for output in message.outputs:
            refuse_elsewhere(output.parameters, f"outputs[{output.name!r}]")
        outputs = wanted(model.card, [output.name for output in message.outputs])
        return cls(message.id, model, _structures(read_inputs(message)), outputs)

    @property
    def heads(self) -> Sequence[str]:
        """Names of the heads that the outputs are of; the first of all where none is."""
        names = [output.head.name for output in self.outputs if output.head is not None]
        return list(dict.fromkeys(names)) or [self.model.card.heads[0].name]

    @property
    def takes_failures(self) -> bool:
        """Whether the caller looks at the error of each structure."""
        return any(output.part == "errors" and output.head is None for output in self.outputs)


def find(repository: Repository, name: str, version: str) -> Model:
    """Return the model of a name, or of a name and a version.

    Raises:
        UnknownModelError: there is none.
    """
    return repository.find(f"{name}@{version}" if version else name)


def _structures(arrays: Mapping[str, Array]) -> Structures:
    for tensor in INPUTS:
        if not (tensor.optional or tensor.name in arrays):
            raise InputError(
                f"`inputs` must have `{tensor.name}`, got {', '.join(arrays) or 'none'}", field="inputs"
            )
    numbers, positions = arrays["numbers"], arrays["positions"]
    counts = _counts(arrays.get("atoms"), len(numbers))
    _check_rows("positions", len(positions), len(numbers), "atoms")
    many = len(counts)
    for name in ("cells", "pbc", "charges", "spins"):
        if name in arrays:
            _check_rows(name, len(arrays[name]), many, "structures")
    return Structures(
        counts,
        numbers,
        positions,
        arrays.get("cells", np.zeros((many, 3, 3))),
        arrays.get("pbc", np.zeros((many, 3))).astype(np.bool_),
        arrays.get("charges", np.zeros(many)),
        arrays.get("spins", np.zeros(many, np.int64)),
    )


def _counts(atoms: Array | None, total: int) -> Integers:
    """Return the number of atoms of each structure, of one where they are not told."""
    if atoms is None:
        return np.array([total])
    if len(atoms) > MAX_STRUCTURES:
        raise InputError(
            f"`atoms` must be of at most {MAX_STRUCTURES} structures, got {len(atoms)}",
            "REQUEST_TOO_LARGE",
            "atoms",
        )
    if atoms.min(initial=0) < 0 or atoms.max(initial=0) > total or atoms.sum() != total:
        raise InputError(
            f"`atoms` must be numbers of atoms that make {total} together, the length of `numbers`",
            field="atoms",
        )
    return np.asarray(atoms, np.int64)


def _check_rows(name: str, found: int, must: int, what: str) -> None:
    if found != must:
        raise InputError(f"`{name}` must be of {must} {what}, got {found}", field=name)
