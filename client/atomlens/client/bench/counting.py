"""Counting: a connection of its own that counts the bytes of its messages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

from google.protobuf.message import Message

from atomlens.client.credentials import Credentials
from atomlens.client.transport import NO_CREDENTIALS, Answers, GrpcTransport
from atomlens.v1 import explanation_service_pb2

M = TypeVar("M", bound=Message)
# Channels to one address would share a connection, which clients on other machines do not.
OWN_CONNECTION = (("grpc.use_local_subchannel_pool", 1),)


class CountingTransport(GrpcTransport):
    """Counts what is asked and answered, without the few bytes that HTTP/2 puts around it."""

    def __init__(self, address: str, credentials: Credentials = NO_CREDENTIALS) -> None:
        super().__init__(address, OWN_CONNECTION, credentials)
        self.sent_bytes = self.received_bytes = 0

    def explain(
        self, request: explanation_service_pb2.ExplainRequest, timeout_seconds: float | None
    ) -> explanation_service_pb2.ExplainResponse:
        """Explain a batch."""
        self._sent(request)
        response = super().explain(request, timeout_seconds)
        self._received(response)
        return response

    def explain_stream(
        self, requests: Iterator[explanation_service_pb2.ExplainStreamRequest]
    ) -> Answers[explanation_service_pb2.ExplainStreamResponse]:
        """Open a stream."""
        return _Counted(self, super().explain_stream(map(self._sent, requests)))

    def _sent(self, request: M) -> M:
        self.sent_bytes += request.ByteSize()
        return request

    def _received(self, response: M) -> M:
        self.received_bytes += response.ByteSize()
        return response


class _Counted(Generic[M]):
    """The answers of a stream, counted as they come."""

    def __init__(self, transport: CountingTransport, answers: Answers[M]) -> None:
        self._transport, self._answers = transport, answers

    def __iter__(self) -> Iterator[M]:
        for answer in self._answers:
            yield self._transport._received(answer)

    def cancel(self) -> object:
        return self._answers.cancel()
