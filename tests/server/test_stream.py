"""`atomlens.server.stream`."""

from __future__ import annotations

import numpy as np
import pytest

from atomlens.server.errors import InputError, UnknownModelError, UnusableModelError
from atomlens.server.repository import Repository
from atomlens.server.stream import Chunk, StreamOptions
from atomlens.v1 import structures_pb2
from atomlens.v1.explanation_service_pb2 import ExplainStreamRequest, StructureChunk
from atomlens.v1.explanation_service_pb2 import StreamOptions as Options
from atomlens.v1.explanations_pb2 import ModelSelector


def options(**fields: object) -> ExplainStreamRequest:
    """Return a first message."""
    return ExplainStreamRequest(options=Options(**fields))  # type: ignore[arg-type]


def test_a_stream_is_opened_by_its_options(repository: Repository) -> None:
    """The answer pins version and digest."""
    opened = StreamOptions.from_proto(
        options(model=ModelSelector(name="toy-bpnn-energy")), repository
    ).opened(5)
    model = repository.find("toy-bpnn-energy")
    assert (opened.opened.model, opened.opened.version) == ("toy-bpnn-energy", 1)
    assert (opened.opened.digest, opened.opened.window_cost) == (model.digest, 5)


@pytest.mark.parametrize(
    "message", [None, ExplainStreamRequest(), ExplainStreamRequest(chunk=StructureChunk())]
)
def test_the_first_message_must_carry_options(
    message: ExplainStreamRequest | None, repository: Repository
) -> None:
    """Neither a chunk nor nothing will do."""
    with pytest.raises(InputError, match="first message of a stream must carry `options`") as caught:
        StreamOptions.from_proto(message, repository)
    assert caught.value.field == "options"


def test_options_are_checked_at_once(repository: Repository) -> None:
    """Not when the first chunk comes."""
    with pytest.raises(UnknownModelError):
        StreamOptions.from_proto(options(model=ModelSelector(name="nope")), repository)
    with pytest.raises(UnusableModelError):
        StreamOptions.from_proto(options(model=ModelSelector(name="toy-bpnn-energy", digest="0")), repository)
    with pytest.raises(InputError, match="got 'charge'"):
        StreamOptions.from_proto(
            options(model=ModelSelector(name="toy-bpnn-energy"), heads=["charge"]), repository
        )


def test_a_chunk_has_an_id_for_each_structure() -> None:
    """No fewer, no more, and no second options."""
    packed = structures_pb2.Structures(
        counts=np.array([1], "<i4").tobytes(), numbers=b"\1", positions=np.zeros(3).tobytes()
    )
    ids = np.array([2**64 - 1], "<u8").tobytes()
    chunk = Chunk.from_proto(ExplainStreamRequest(chunk=StructureChunk(ids=ids, structures=packed)))
    assert (chunk.ids, len(chunk.structures)) == (ids, 1)
    for wrong in (b"", ids + ids, ids[:-1]):
        with pytest.raises(InputError, match=r"`chunk\.ids` must be uint64 \(1,\)"):
            Chunk.from_proto(ExplainStreamRequest(chunk=StructureChunk(ids=wrong, structures=packed)))
    with pytest.raises(InputError, match="every message after the first must carry `chunk`"):
        Chunk.from_proto(options())
