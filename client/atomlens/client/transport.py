"""Transport: how a client reaches an engine, and the one over gRPC."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Real
from typing import Any, Generic, Protocol, TypeVar

from atomlens.client.address import checked_address
from atomlens.client.credentials import Credentials, Options
from atomlens.client.errors import InputError
from atomlens.client.message_size import MAX_MESSAGE_BYTES
from atomlens.client.requests import embedding_request
from atomlens.client.translation import translated
from atomlens.v1 import (
    explanation_service_pb2,
    explanation_service_pb2_grpc,
    model_service_pb2,
    model_service_pb2_grpc,
    probes_pb2,
)

T_co = TypeVar("T_co", covariant=True)
NO_CREDENTIALS = Credentials()
# Of gRPC, which allows five attempts: pauses of some four seconds together, in which a server starts anew.
RETRY_POLICY = {
    "maxAttempts": 5,
    "initialBackoff": "0.1s",
    "maxBackoff": "3s",
    "backoffMultiplier": 3,
    # A server that leaves cancels the calls that reached it and that nobody took yet.
    "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"],
}
# Streams and probes are not in it: they begin again with what is missing.
SERVICE_CONFIG = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [
        {
            "name": [
                {"service": "atomlens.v1.ExplanationService", "method": "Explain"},
                {"service": "atomlens.v1.ModelService"},
            ],
            "retryPolicy": RETRY_POLICY,
        }
    ],
}
CHANNEL_OPTIONS: list[tuple[str, str | int]] = [
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.per_rpc_retry_buffer_size", MAX_MESSAGE_BYTES),  # larger requests are never tried again
    ("grpc.keepalive_time_ms", 120_000),
    # Pauses between attempts to connect would grow to two minutes, and calls fail though a server is back.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2000),
    ("grpc.service_config", json.dumps(SERVICE_CONFIG)),
]


class Answers(Protocol[T_co]):
    """The answers of one stream; cancelling ends it at once."""

    def __iter__(self) -> Iterator[T_co]:
        """Iterate over the answers."""
        ...

    def cancel(self) -> object:
        """End the stream."""
        ...


class Transport(Protocol):
    """What a client needs of whatever explains; calls raise errors of the client."""

    def explain(
        self, request: explanation_service_pb2.ExplainRequest, timeout_seconds: float | None
    ) -> explanation_service_pb2.ExplainResponse:
        """Explain a batch."""
        ...

    def explain_stream(
        self, requests: Iterator[explanation_service_pb2.ExplainStreamRequest]
    ) -> Answers[explanation_service_pb2.ExplainStreamResponse]:
        """Open a stream; it ends when the requests do."""
        ...

    def probe(self, request: probes_pb2.ProbeRequest) -> Answers[probes_pb2.ProbeResponse]:
        """Open the answer to a probe, which comes no faster than it is iterated over."""
        ...

    def list_models(self, timeout_seconds: float | None) -> model_service_pb2.ListModelsResponse:
        """List all models."""
        ...

    def get_model(self, name: str, timeout_seconds: float | None) -> model_service_pb2.GetModelResponse:
        """Return one model."""
        ...

    def get_embedding(
        self, name: str, timeout_seconds: float | None
    ) -> model_service_pb2.GetEmbeddingResponse:
        """Return the embedding of one model."""
        ...

    def refresh_models(self, timeout_seconds: float | None) -> model_service_pb2.RefreshModelsResponse:
        """Have the repository looked at, and list all models."""
        ...

    def close(self) -> None:
        """Let go of whatever is held."""
        ...


class GrpcTransport:
    """A channel to a server; ``options`` are gRPC's, beside those that every channel has."""

    def __init__(
        self, address: str, options: Options = (), credentials: Credentials = NO_CREDENTIALS
    ) -> None:
        self.address = checked_address(address)
        self._closed = False
        self._metadata = credentials.metadata
        self._channel = credentials.channel(self.address, [*CHANNEL_OPTIONS, *options])
        self._explanations = explanation_service_pb2_grpc.ExplanationServiceStub(self._channel)
        self._models = model_service_pb2_grpc.ModelServiceStub(self._channel)

    def explain(
        self, request: explanation_service_pb2.ExplainRequest, timeout_seconds: float | None
    ) -> explanation_service_pb2.ExplainResponse:
        """Explain a batch."""
        with self._open():
            return self._explanations.Explain(request, timeout_seconds, self._metadata())

    def explain_stream(
        self, requests: Iterator[explanation_service_pb2.ExplainStreamRequest]
    ) -> Answers[explanation_service_pb2.ExplainStreamResponse]:
        """Open a stream."""
        with self._open():
            return _GrpcAnswers(
                self._explanations.ExplainStream(requests, None, self._metadata()), self.address
            )

    def probe(self, request: probes_pb2.ProbeRequest) -> Answers[probes_pb2.ProbeResponse]:
        """Open the answer to a probe."""
        with self._open():
            return _GrpcAnswers(self._explanations.Probe(request, None, self._metadata()), self.address)

    def list_models(self, timeout_seconds: float | None) -> model_service_pb2.ListModelsResponse:
        """List all models."""
        with self._open():
            return self._models.ListModels(
                model_service_pb2.ListModelsRequest(), timeout_seconds, self._metadata()
            )

    def get_model(self, name: str, timeout_seconds: float | None) -> model_service_pb2.GetModelResponse:
        """Return one model."""
        with self._open():
            return self._models.GetModel(
                model_service_pb2.GetModelRequest(name=name), timeout_seconds, self._metadata()
            )

    def get_embedding(
        self, name: str, timeout_seconds: float | None
    ) -> model_service_pb2.GetEmbeddingResponse:
        """Return the embedding of one model."""
        with self._open():
            return self._models.GetEmbedding(embedding_request(name), timeout_seconds, self._metadata())

    def refresh_models(self, timeout_seconds: float | None) -> model_service_pb2.RefreshModelsResponse:
        """Have the repository looked at, and list all models."""
        with self._open():
            return self._models.RefreshModels(
                model_service_pb2.RefreshModelsRequest(), timeout_seconds, self._metadata()
            )

    def close(self) -> None:
        """Close the channel."""
        self._closed = True
        self._channel.close()

    @contextmanager
    def _open(self) -> Iterator[None]:
        check_open(self._closed)
        with translated(self.address):
            yield


class _GrpcAnswers(Generic[T_co]):
    """A streaming call whose errors are the client's."""

    def __init__(self, call: Any, address: str) -> None:
        self._call = call
        self._address = address

    def __iter__(self) -> Iterator[T_co]:
        with translated(self._address):
            yield from self._call

    def cancel(self) -> object:
        return self._call.cancel()


def checked_timeout(timeout_seconds: float | None) -> float | None:
    """Return how long a call may take; raises `InputError` for no time and for more than clocks can count."""
    if timeout_seconds is None:
        return None
    if not isinstance(timeout_seconds, Real) or not 0 < timeout_seconds <= threading.TIMEOUT_MAX:
        message = f"`timeout_seconds` must be a positive finite number or None, got {timeout_seconds!r}"
        raise InputError(message, field="timeout_seconds")
    return float(timeout_seconds)


def check_open(closed: bool) -> None:
    """Raise `InputError` where a closed client is asked."""
    if closed:
        raise InputError("the client is closed", reason="CLOSED")
