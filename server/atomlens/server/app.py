"""App: the server's life, from loading models to the last accepted answer."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from atomlens.open_inference import open_inference_pb2, open_inference_pb2_grpc
from atomlens.server.arena import ARENA
from atomlens.server.async_engine import AsyncEngine
from atomlens.server.errors import BundleError
from atomlens.server.ports import HealthPort, listened, make_server
from atomlens.server.repository import Repository
from atomlens.server.security.security import Security
from atomlens.server.services.door import Door
from atomlens.server.services.explanation import ExplanationServicer
from atomlens.server.services.health import HealthServicer
from atomlens.server.services.inference import InferenceServicer
from atomlens.server.services.model import ModelServicer
from atomlens.server.services.reflection import enable_reflection
from atomlens.server.services.unreadable import Forgiving
from atomlens.server.settings import ServerSettings
from atomlens.server.telemetry.metrics import Metrics
from atomlens.server.telemetry.readings import read_engine, read_server
from atomlens.server.telemetry.telemetry import Telemetry
from atomlens.server.watching import RepositoryWatcher
from atomlens.v1 import (
    explanation_service_pb2,
    explanation_service_pb2_grpc,
    model_service_pb2,
    model_service_pb2_grpc,
)

EXPLANATIONS = explanation_service_pb2.DESCRIPTOR.services_by_name["ExplanationService"]
MODELS = model_service_pb2.DESCRIPTOR.services_by_name["ModelService"]
INFERENCE = open_inference_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"]
SERVICES = (EXPLANATIONS.full_name, MODELS.full_name, INFERENCE.full_name)
log = logging.getLogger(__name__)


class Server:
    """The gRPC server, ready when `start` returns and gone when `stop` does.

    It starts in stages, so that a platform sees what it waits for: health says that nothing is served, models
    are loaded and warmed, calls are let in, health says so. It leaves in the opposite order.
    """

    def __init__(self, settings: ServerSettings) -> None:
        """Read the certificates and tokens, and find the collector of traces.

        Raises:
            ValueError: they cannot be used or had; the message names the setting.
        """
        self.settings = settings
        self.address = ""
        self._draining = asyncio.Event()
        self._health = HealthServicer(self._draining)
        self._health_port = HealthPort(settings, self._health)
        self.metrics = Metrics()
        self._security = Security(settings, self.metrics.reloaded)
        self._telemetry = Telemetry(settings, self.metrics)
        self._engine: AsyncEngine
        self._repository = _repository(settings)
        self._repository.report_to(self.metrics)
        self._watcher = RepositoryWatcher(self._repository, settings.models_poll_seconds)
        self._server: grpc.aio.Server | None = None
        self._watches: list[asyncio.Task[None]] = []
        self._is_ready = False
        read_server(self.metrics, settings, self._security, lambda: float(self._is_ready))

    @property
    def health_address(self) -> str:
        """Where health alone is asked for; empty for nowhere."""
        return self._health_port.address

    @property
    def metrics_address(self) -> str:
        """Where Prometheus finds the metrics; empty for nowhere."""
        return self._telemetry.metrics_address

    async def start(self) -> None:
        """Load and warm the models, listen, and say that the server is ready.

        Raises:
            BundleError: the repository cannot be read, or none of its models can be served.
            ProviderError: the provider is not to be had.
            OSError: an address cannot be listened on.
        """
        try:
            await self._start()
        except BaseException:
            await self.stop(0.0)
            raise

    async def _start(self) -> None:
        await self._tell(health_pb2.HealthCheckResponse.NOT_SERVING)
        await self._telemetry.start()
        await self._health_port.start()
        await self._load()
        self._engine = AsyncEngine(self._repository, self.settings, self.metrics)
        read_engine(self.metrics, self._engine)
        self._server = make_server(self.settings)
        self._add_services(self._server, self._engine)
        self.address = listened("address", self.settings.address, self._server, self._security)
        await self._server.start()
        watches = (self._security.watch(), self._watcher.watch())
        self._watches = [asyncio.create_task(watch) for watch in watches]
        await self._tell(health_pb2.HealthCheckResponse.SERVING)
        models = ", ".join(f"{model.name}@{model.version}" for model in self._repository.models)
        log.info("serving %s on %s (%s)", models, self.address, self.settings.provider)

    async def stop(self, grace_seconds: float | None = None) -> None:
        """Refuse new calls, let streams end with what they have read, answer it, and leave.

        It may be called again, with less patience.
        """
        grace = self.settings.grace_seconds if grace_seconds is None else grace_seconds
        await self._tell(health_pb2.HealthCheckResponse.NOT_SERVING)
        self._draining.set()
        for watch in self._watches:
            watch.cancel()
        if self._server is not None:
            await self._server.stop(grace)
            await self._engine.close()
        await self._watcher.close()
        await self._health_port.stop()
        await self._telemetry.stop()
        log.info("stopped")

    async def _load(self) -> None:
        """Load the models, of which one at least must serve."""
        ARENA.limit(self.settings.runtime_limit_mib)
        await self._watcher.refresh()
        if not self._repository.models:
            raise BundleError(f"{self._repository.path}: there is no model that can be served")

    def _add_services(self, server: grpc.aio.Server, engine: AsyncEngine) -> None:
        door = Door(self._telemetry, self._security.guard)
        services: Any = Forgiving(server)
        explanation = ExplanationServicer(engine, self.settings, self._draining)
        explanation_service_pb2_grpc.add_ExplanationServiceServicer_to_server(
            door.before(explanation, EXPLANATIONS), services
        )
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(
            door.before(ModelServicer(self._repository, self._watcher), MODELS), services
        )
        open_inference_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(
            door.before(InferenceServicer(engine, self._draining), INFERENCE), services
        )
        health_pb2_grpc.add_HealthServicer_to_server(self._health, services)
        enable_reflection(server, (*SERVICES, health.SERVICE_NAME), self._security.guard)

    async def _tell(self, status: int) -> None:
        self._is_ready = status == health_pb2.HealthCheckResponse.SERVING
        for service in ("", *SERVICES):
            await self._health.set(service, status)


def _repository(settings: ServerSettings) -> Repository:
    """Return the repository, of which nothing is read yet."""
    return Repository(
        path=settings.models,
        provider=settings.provider,
        max_graph_mib=settings.max_graph_mib,
        max_versions=settings.max_model_versions,
    )
