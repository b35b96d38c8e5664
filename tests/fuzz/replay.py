"""Replay: a transport whose answers are whatever bytes say, and one that records real answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from google.protobuf.message import Message

from atomlens.client.local import LocalTransport
from atomlens.server.errors import DeadlineError, InputError, OverloadedError, UnavailableError
from atomlens.v1 import explanation_service_pb2 as pb
from atomlens.v1 import model_service_pb2, probes_pb2

WIDTH = 4  # bytes of a length


def frame(parts: Iterable[bytes]) -> bytes:
    """Return messages one after another, each after its length."""
    return b"".join(len(part).to_bytes(WIDTH, "little") + part for part in parts)


def frames(data: bytes) -> list[bytes]:
    """Return the messages of any bytes; lengths that reach beyond the end stop there."""
    parts = []
    while data:
        end = WIDTH + int.from_bytes(data[:WIDTH], "little")
        parts.append(data[WIDTH:end])
        data = data[end:]
    return parts


class Stream:
    """The answers of one call."""

    def __init__(self, answers: Iterator[Any]) -> None:
        self._answers = answers

    def __iter__(self) -> Iterator[Any]:
        return self._answers

    def cancel(self) -> None:
        """Do nothing: nobody sends any more."""


class Replay:
    """A hostile server: it answers with what the bytes make, in the types that are expected."""

    def __init__(self, parts: Sequence[bytes]) -> None:
        self._parts = parts

    def explain(self, *_: object) -> pb.ExplainResponse:
        """Return the first message, or one without anything in it."""
        return pb.ExplainResponse.FromString(self._first)

    def explain_stream(self, _: object) -> Stream:
        """Return all messages."""
        return Stream(map(pb.ExplainStreamResponse.FromString, self._parts))

    def probe(self, _: object) -> Stream:
        """Return all messages."""
        return Stream(map(probes_pb2.ProbeResponse.FromString, self._parts))

    def list_models(self, _: object) -> model_service_pb2.ListModelsResponse:
        """Return the first message."""
        return model_service_pb2.ListModelsResponse.FromString(self._first)

    def get_model(self, *_: object) -> model_service_pb2.GetModelResponse:
        """Return the first message."""
        return model_service_pb2.GetModelResponse.FromString(self._first)

    def get_embedding(self, *_: object) -> model_service_pb2.GetEmbeddingResponse:
        """Return the first message."""
        return model_service_pb2.GetEmbeddingResponse.FromString(self._first)

    def refresh_models(self, _: object) -> model_service_pb2.RefreshModelsResponse:
        """Return the first message."""
        return model_service_pb2.RefreshModelsResponse.FromString(self._first)

    def close(self) -> None:
        """Do nothing."""

    @property
    def _first(self) -> bytes:
        return self._parts[0] if self._parts else b""


class Recording:
    """Requests as they are made, and for each name the answers of each call."""

    statuses = tuple(
        error.to_status().SerializeToString()
        for error in (
            InputError("wrong", "NOT_FINITE", "structures[3].positions[7]"),
            OverloadedError("full", retry_seconds=1.5),
            UnavailableError("gone"),
            DeadlineError("late"),
        )
    )

    def __init__(self, transport: LocalTransport) -> None:
        self._transport = transport
        self.requests: list[Message] = []
        self.answers: dict[str, list[list[Message]]] = {}

    def begin(self, name: str) -> None:
        """Note what comes now under a name."""
        self._calls = self.answers.setdefault(name, [])

    def explain_stream(self, requests: Iterator[pb.ExplainStreamRequest]) -> Stream:
        """Note requests and answers of a stream."""
        return self._stream(self._transport.explain_stream(map(self._noted, requests)))

    def probe(self, request: probes_pb2.ProbeRequest) -> Stream:
        """Note request and answers of a probe."""
        return self._stream(self._transport.probe(self._noted(request)))

    def __getattr__(self, method: str) -> Any:
        """Return a method that answers once."""

        def call(*arguments: Any) -> Any:
            self.requests += [argument for argument in arguments if isinstance(argument, Message)]
            answer = getattr(self._transport, method)(*arguments)
            self._calls.append([answer])
            return answer

        return call

    def _noted(self, request: Any) -> Any:
        kept = type(request)()
        kept.CopyFrom(request)
        self.requests.append(kept)
        return request

    def _stream(self, answers: Iterable[Any]) -> Stream:
        self._calls.append([])

        def noted() -> Iterator[Any]:
            for answer in answers:
                self._calls[-1].append(answer)
                yield answer

        return Stream(noted())
