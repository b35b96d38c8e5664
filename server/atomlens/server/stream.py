"""Stream: the messages of ExplainStream, checked and made in one place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from atomlens.server.buffers import decode
from atomlens.server.errors import InputError
from atomlens.server.explanations import Explanations
from atomlens.server.model import Model
from atomlens.server.provenance import Provenance
from atomlens.server.repository import Repository
from atomlens.server.structures import Structures
from atomlens.v1.explanation_service_pb2 import (
    ExplainStreamRequest,
    ExplainStreamResponse,
    ExplanationChunk,
    StreamOpened,
)


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """What the first message of a stream settles for all that follow."""

    model: Model
    heads: Sequence[str]

    @classmethod
    def from_proto(cls, message: ExplainStreamRequest | None, repository: Repository) -> StreamOptions:
        """Return the options of a stream's first message.

        Raises:
            InputError: the first message carries no options, or names an unknown head.
            UnknownModelError: there is no such model.
        """
        if message is None or message.WhichOneof("content") != "options":
            raise InputError("the first message of a stream must carry `options`", "WRONG_SHAPE", "options")
        options = message.options
        model = repository.find(options.model.name, options.model.digest)
        model.heads(options.heads)
        return cls(model, options.heads)

    def opened(self, window_cost: int) -> ExplainStreamResponse:
        """Return the first message of the answer."""
        return ExplainStreamResponse(
            opened=StreamOpened(
                model=self.model.name,
                version=self.model.version,
                digest=self.model.digest,
                window_cost=window_cost,
            )
        )


@dataclass(frozen=True, slots=True)
class Chunk:
    """Structures and the ids their answers go back under."""

    ids: bytes  # uint64, (structures,), passed back as they came
    structures: Structures

    @classmethod
    def from_proto(cls, message: ExplainStreamRequest) -> Chunk:
        """Return the chunk of a message after the first.

        Raises:
            InputError: it carries no chunk, or its buffers disagree.
        """
        if message.WhichOneof("content") != "chunk":
            raise InputError("every message after the first must carry `chunk`", "WRONG_SHAPE", "chunk")
        structures = Structures.from_proto(message.chunk.structures)
        decode(message.chunk.ids, "<u8", (len(structures),), "chunk.ids")
        return cls(message.chunk.ids, structures)

    def answered(self, explanations: Explanations, provenance: Provenance) -> ExplainStreamResponse:
        """Return the message that answers the chunk."""
        return ExplainStreamResponse(
            chunk=ExplanationChunk(
                ids=self.ids, explanations=explanations.to_proto(), provenance=provenance.to_proto()
            )
        )
