"""Local: the engine in this process, in the place of a server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Generic

from atomlens.client.errors import InternalError, MissingExtraError, UnusableModelError
from atomlens.client.requests import embedding_request
from atomlens.client.translation import from_status
from atomlens.client.transport import Answers, T_co
from atomlens.v1 import explanation_service_pb2, model_service_pb2, probes_pb2


class LocalTransport:
    """Answers what a server would answer, without a connection and without deadlines."""

    def __init__(self, models: Path | str | None = None, provider: str = "cpu") -> None:
        with engine_errors():
            from atomlens.server.local import LocalService

            self._service = LocalService(None if models is None else Path(models), provider)

    def explain(
        self,
        request: explanation_service_pb2.ExplainRequest,
        timeout_seconds: float | None,  # noqa: ARG002
    ) -> explanation_service_pb2.ExplainResponse:
        """Explain a batch."""
        with engine_errors():
            return self._service.explain(request)

    def explain_stream(
        self, requests: Iterator[explanation_service_pb2.ExplainStreamRequest]
    ) -> Answers[explanation_service_pb2.ExplainStreamResponse]:
        """Open a stream that computes its answers when they are asked for."""
        return _LocalAnswers(self._service.explain_stream(requests))

    def probe(self, request: probes_pb2.ProbeRequest) -> Answers[probes_pb2.ProbeResponse]:
        """Open the answer to a probe, whose slabs are computed when they are asked for."""
        return _LocalAnswers(self._service.probe(request))

    def list_models(self, timeout_seconds: float | None) -> model_service_pb2.ListModelsResponse:  # noqa: ARG002
        """List all models."""
        with engine_errors():
            return self._service.list_models(model_service_pb2.ListModelsRequest())

    def get_model(self, name: str, timeout_seconds: float | None) -> model_service_pb2.GetModelResponse:  # noqa: ARG002
        """Return one model."""
        with engine_errors():
            return self._service.get_model(model_service_pb2.GetModelRequest(name=name))

    def get_embedding(
        self,
        name: str,
        timeout_seconds: float | None,  # noqa: ARG002
    ) -> model_service_pb2.GetEmbeddingResponse:
        """Return the embedding of one model."""
        with engine_errors():
            return self._service.get_embedding(embedding_request(name))

    def refresh_models(
        self,
        timeout_seconds: float | None,  # noqa: ARG002
    ) -> model_service_pb2.RefreshModelsResponse:
        """Look at the repository, and list all models."""
        with engine_errors():
            return self._service.refresh_models(model_service_pb2.RefreshModelsRequest())

    def close(self) -> None:
        """Do nothing: the engine goes with the last that knows it."""


class _LocalAnswers(Generic[T_co]):
    """A stream of the engine whose errors are the client's."""

    def __init__(self, answers: Iterator[T_co]) -> None:
        self._answers = answers
        self._cancelled = False

    def __iter__(self) -> Iterator[T_co]:
        with engine_errors():
            for answer in self._answers:
                if self._cancelled:
                    return
                yield answer

    def cancel(self) -> None:
        self._cancelled = True


@contextmanager
def engine_errors() -> Iterator[None]:
    """Raise the engine's errors as the client's."""
    try:
        from atomlens.server.errors import BundleError, ServerError
        from atomlens.server.session import ProviderError
    except ModuleNotFoundError as error:
        raise _missing(error) from error
    try:
        yield
    except ServerError as error:
        raise from_status(error.to_status()) from error
    except (BundleError, ProviderError) as error:
        raise UnusableModelError(str(error)) from error
    except ModuleNotFoundError as error:
        raise _missing(error) from error


def _missing(error: ModuleNotFoundError) -> MissingExtraError | InternalError:
    if (error.name or "").split(".")[0] in (
        "atomlens",
        "onnxruntime",
        "grpc_health",
        "grpc_reflection",
        "prometheus_client",
    ):
        return MissingExtraError("server", "the engine in this process")
    return InternalError(f"the engine cannot be loaded: {error}")
