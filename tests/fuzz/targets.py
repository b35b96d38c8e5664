"""Targets: whatever reads bytes from the other side, fed with anything; only errors that are meant come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import grpc
import numpy as np
from google.protobuf.message import DecodeError, Message
from google.rpc import code_pb2

from atomlens.client import Client
from atomlens.client.backoff import BackoffSettings
from atomlens.client.errors import AtomLensError
from atomlens.client.local import LocalTransport
from atomlens.client.stream_settings import StreamSettings
from atomlens.client.structure import Structure
from atomlens.client.translation import from_rpc_error
from atomlens.open_inference import open_inference_pb2 as inference_pb
from atomlens.server.admission import admit
from atomlens.server.engine import Engine
from atomlens.server.errors import InputError, ServerError
from atomlens.server.open_inference.inference import Inference
from atomlens.server.probes.probe import Probe
from atomlens.server.stream import Chunk, StreamOptions
from atomlens.server.structures import Structures
from atomlens.v1 import explanation_service_pb2 as pb
from atomlens.v1 import probes_pb2, structures_pb2
from atomlens.v1.explanations_pb2 import ModelSelector
from tests.fuzz.replay import Recording, Replay, frame, frames
from tests.server.open_inference.requests import TWO, infer_request

M = TypeVar("M", bound=Message)
WATER = Structure([8, 1, 1], [[0.0, 0.0, 0.12], [0.0, 0.76, -0.48], [0.0, -0.76, -0.48]])
HYDROGEN = Structure([1, 1], [[0.0, 0.0, 0.0], [0.0, 0.0, 0.74]])
SALT = Structure([8, 1], [[0.0, 0.0, 0.0], [0.0, 0.0, 1.0]], 4.0 * np.eye(3), True)
POINTS = np.array([[0.0, 0.0, 2.0], [1.0, 1.0, 1.0]])
AGAIN = BackoffSettings(max_attempts=2, first_pause_seconds=0.0)
ONCE = StreamSettings(chunk_atoms=4, backoff=AGAIN)
CLEAR = (InputError.code, code_pb2.NOT_FOUND, code_pb2.FAILED_PRECONDITION, code_pb2.RESOURCE_EXHAUSTED)


class Target(NamedTuple):
    """Something that reads bytes, and bytes that it understands."""

    read: Callable[[bytes], object]
    seeds: Sequence[bytes]


def targets(models: Path | None, energy: str, dipole: str) -> dict[str, Target]:
    """Return all targets by name, with the engine on a directory of models, two of which are named."""
    recorded = _recorded(models, energy, dipole)
    return {**_of_server(models, energy, recorded), **_of_client(recorded)}


def _of_server(models: Path | None, energy: str, recorded: Recording) -> dict[str, Target]:
    """Return what reads requests."""
    engine = Engine.open(models)
    repository, limits = engine.repository, engine.limits
    model = repository.find(energy)

    def structures(message: structures_pb2.Structures) -> None:
        admit(model, Structures.from_proto(message), [], limits)

    def chunk(message: pb.ExplainStreamRequest) -> None:
        admit(model, Chunk.from_proto(message).structures, [], limits)

    def inference(message: inference_pb.ModelInferRequest) -> None:
        found = Inference.from_proto(message, repository)
        admit(found.model, found.structures, found.heads, limits)

    options = pb.ExplainStreamRequest(
        options=pb.StreamOptions(model=ModelSelector(name=energy), heads=["energy"])
    )
    tensors = [infer_request(energy, TWO, ["errors"], raw=raw) for raw in (True, False)]
    batches = [request.structures for request in recorded.requests if isinstance(request, pb.ExplainRequest)]
    chunks = [
        one for one in recorded.requests if isinstance(one, pb.ExplainStreamRequest) and one.HasField("chunk")
    ]
    probes = [request for request in recorded.requests if isinstance(request, probes_pb2.ProbeRequest)]
    return {
        "server-structures": _server(structures_pb2.Structures, structures, batches),
        "server-chunk": _server(pb.ExplainStreamRequest, chunk, chunks),
        "server-options": _server(
            pb.ExplainStreamRequest, lambda message: StreamOptions.from_proto(message, repository), [options]
        ),
        "server-probe": _server(
            probes_pb2.ProbeRequest, lambda message: Probe.from_proto(message, repository, limits), probes
        ),
        "server-inference": _server(inference_pb.ModelInferRequest, inference, tensors),
    }


def _server(kind: type[M], function: Callable[[M], object], seeds: Sequence[Message]) -> Target:
    """Return a target that takes what a caller is told to change."""

    def read(data: bytes) -> None:
        try:
            function(kind.FromString(data))
        except DecodeError:
            return
        except ServerError as error:
            if error.code not in CLEAR:
                raise AssertionError("what a caller sends must not be the server's fault") from error

    return Target(read, [seed.SerializeToString() for seed in seeds])


def _of_client(recorded: Recording) -> dict[str, Target]:
    """Return what reads answers, and what users do with them."""

    def explain(client: Client) -> None:
        found = client.explain(WATER, "m")
        found.to_dict(), str(found), repr(found), found.units

    def batch(client: Client) -> None:
        found = client.explain_batch([WATER, HYDROGEN], "m")
        list(found), repr(found), found.properties, found.contributions

    def stream(client: Client) -> None:
        for ordered in (True, False):
            list(client.stream([WATER, HYDROGEN, WATER], "m", ordered=ordered))

    def batches(client: Client) -> None:
        list(client.stream_batches([[WATER, HYDROGEN], [WATER]], "m"))

    def models(client: Client) -> None:
        [(status.to_dict(), str(status)) for status in client.models()]

    def card(client: Client) -> None:
        found = client.model("m")
        found.to_dict(), str(found), found.takes(WATER)

    def embedding(client: Client) -> None:
        found = client.embedding("m")
        found.to_dict(), str(found), repr(found), found.plane(), found.nearest()

    def points(client: Client) -> None:
        found = client.probe(WATER, "H", "m", points=POINTS).collect(progress=False)
        repr(found), str(found)

    def grid(client: Client) -> None:
        found = client.probe(WATER, "H", "m", spacing=1.0, margin=1.0).collect(progress=False)
        repr(found), str(found)

    def status(data: bytes) -> None:
        call: Any = Failed(data)
        assert isinstance(from_rpc_error(call, "here"), AtomLensError)

    replays = {
        "explain": explain,
        "batch": batch,
        "stream": stream,
        "batches": batches,
        "models": models,
        "card": card,
        "embedding": embedding,
        "points": points,
        "grid": grid,
    }
    known = {f"client-{name}": _client(use, recorded.answers[name]) for name, use in replays.items()}
    return {**known, "client-status": Target(status, recorded.statuses)}


def _client(use: Callable[[Client], object], answers: Sequence[Sequence[Message]]) -> Target:
    """Return a target that takes any error of the client."""

    def read(data: bytes) -> None:
        with Client(transport=Replay(frames(data)), streaming=ONCE) as client:
            try:
                use(client)
            except (AtomLensError, DecodeError):
                return

    return Target(read, [frame(part.SerializeToString() for part in parts) for parts in answers])


class Failed(grpc.RpcError):
    """A call that ended with these bytes for details."""

    def __init__(self, details: bytes) -> None:
        self._details = details

    def trailing_metadata(self) -> Any:
        """Return the details under their name."""
        return (("grpc-status-details-bin", self._details),)

    def code(self) -> grpc.StatusCode:
        """Return what stands beside them."""
        return grpc.StatusCode.INVALID_ARGUMENT

    def details(self) -> str:
        """Return what else stands beside them."""
        return "something is wrong"


def _recorded(models: Path | None, energy: str, dipole: str) -> Recording:
    """Return real requests and answers."""
    recording = Recording(LocalTransport(models))
    client = Client(transport=recording, streaming=ONCE)
    strange = Structure([99, 1], HYDROGEN.positions)
    uses: dict[str, Callable[[], object]] = {
        "explain": lambda: [client.explain(WATER, name) for name in (energy, dipole)],
        "batch": lambda: [
            client.explain_batch(some, energy) for some in ([WATER, HYDROGEN], [WATER, strange], [SALT])
        ],
        "stream": lambda: list(client.stream([WATER, HYDROGEN, WATER], energy)),
        "batches": lambda: list(client.stream_batches([[WATER, HYDROGEN], [WATER]], energy)),
        "models": lambda: client.models(),
        "card": lambda: client.model(energy),
        "embedding": lambda: client.embedding(energy),
        "points": lambda: client.probe(WATER, "H", energy, points=POINTS, left_out=[0]).collect(
            progress=False
        ),
        "grid": lambda: client.probe(WATER, "H", energy, spacing=1.0, margin=1.0).collect(progress=False),
    }
    for name, use in uses.items():
        recording.begin(name)
        use()
    return recording
