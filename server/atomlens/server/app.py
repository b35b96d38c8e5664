"""App: the server's life, from loading models to the last accepted answer."""

from __future__ import annotations

import asyncio
import logging
import signal

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from atomlens.open_inference import open_inference_pb2, open_inference_pb2_grpc
from atomlens.server.async_engine import AsyncEngine
from atomlens.server.errors import BundleError
from atomlens.server.repository import BUNDLED, Repository
from atomlens.server.services.explanation import ExplanationServicer
from atomlens.server.services.health import HealthServicer
from atomlens.server.services.inference import InferenceServicer
from atomlens.server.services.model import ModelServicer
from atomlens.server.services.reflection import enable_reflection
from atomlens.server.services.translation import translated
from atomlens.server.settings import ServerSettings
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
PING_INTERVAL_MS = 60_000  # that clients may send while nothing else is sent; more often is punished
log = logging.getLogger(__name__)


class Server:
    """The gRPC server, ready when `start` returns and gone when `stop` does."""

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        self.address = ""
        self._draining = asyncio.Event()
        self._health = HealthServicer(self._draining)

    async def start(self) -> None:
        """Load and warm the models, listen, and say that the server is ready.

        Raises:
            BundleError: the repository cannot be read, or none of its models can be served.
            ProviderError: the provider is not to be had.
            OSError: the address cannot be listened on.
        """
        repository = await asyncio.to_thread(Repository.open, self.settings.models, self.settings.provider)
        for failed in repository.failed:
            log.error("%s@%d is not served: %s", failed.name, failed.version, failed.reason)
        if not repository.models:
            raise BundleError(f"{self.settings.models or BUNDLED}: there is no model that can be served")
        self._engine = AsyncEngine(repository, self.settings)
        self._server = self._build(repository)
        self.address = self._listen()
        await self._server.start()
        await self._tell(health_pb2.HealthCheckResponse.SERVING)
        models = ", ".join(f"{model.name}@{model.version}" for model in repository.models)
        log.info("serving %s on %s (%s)", models, self.address, self.settings.provider)

    async def stop(self, grace_seconds: float | None = None) -> None:
        """Refuse new calls, let streams end with what they have read, answer it, and leave."""
        grace = self.settings.grace_seconds if grace_seconds is None else grace_seconds
        await self._tell(health_pb2.HealthCheckResponse.NOT_SERVING)
        self._draining.set()
        await self._server.stop(grace)
        await self._engine.close()
        log.info("stopped")

    def _build(self, repository: Repository) -> grpc.aio.Server:
        size = self.settings.max_message_mib * 2**20
        server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", size),
                ("grpc.max_send_message_length", size),
                ("grpc.so_reuseport", 0),
                ("grpc.http2.min_ping_interval_without_data_ms", PING_INTERVAL_MS),
            ],
        )
        explanation = translated(
            ExplanationServicer(self._engine, self.settings, self._draining), EXPLANATIONS
        )
        models = translated(ModelServicer(repository), MODELS)
        explanation_service_pb2_grpc.add_ExplanationServiceServicer_to_server(explanation, server)
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(models, server)
        inference = translated(InferenceServicer(self._engine, self._draining), INFERENCE)
        open_inference_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(inference, server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        enable_reflection(server, (*SERVICES, health.SERVICE_NAME))
        return server

    def _listen(self) -> str:
        try:
            port = self._server.add_insecure_port(self.settings.address)
        except RuntimeError as error:
            raise OSError(f"`address` {self.settings.address} cannot be listened on") from error
        return f"{self.settings.address.rpartition(':')[0]}:{port}"

    async def _tell(self, status: int) -> None:
        for service in ("", *SERVICES):
            await self._health.set(service, status)


def serve(settings: ServerSettings) -> int:
    """Run a server until SIGTERM or SIGINT and return 0."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    asyncio.run(_serve(settings))
    return 0


async def _serve(settings: ServerSettings) -> None:
    leave = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, leave.set)
    server = Server(settings)
    await server.start()
    await leave.wait()
    await server.stop()
