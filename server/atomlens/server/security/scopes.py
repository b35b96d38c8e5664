"""Scopes: what a token allows, and what each method needs."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Literal

OPEN: Final = "open"  # to everyone
ANY: Final = "any"  # to every token that is known


class Scope(StrEnum):
    """What a token allows."""

    EXPLAIN = "explain"
    PROBE = "probe"
    ADMIN = "admin"


Access = Scope | Literal["open", "any"]

# Of ours, every method is named: one that is new and forgotten here needs `admin`.
METHODS: dict[str, Access] = {
    "/atomlens.v1.ExplanationService/Explain": Scope.EXPLAIN,
    "/atomlens.v1.ExplanationService/ExplainStream": Scope.EXPLAIN,
    "/atomlens.v1.ExplanationService/Probe": Scope.PROBE,
    "/atomlens.v1.ModelService/ListModels": Scope.EXPLAIN,
    "/atomlens.v1.ModelService/GetModel": Scope.EXPLAIN,
    "/atomlens.v1.ModelService/GetEmbedding": Scope.EXPLAIN,
    "/atomlens.v1.ModelService/RefreshModels": Scope.ADMIN,
    "/inference.GRPCInferenceService/ServerLive": OPEN,
    "/inference.GRPCInferenceService/ServerReady": OPEN,
    "/inference.GRPCInferenceService/ServerMetadata": Scope.EXPLAIN,
    "/inference.GRPCInferenceService/ModelReady": Scope.EXPLAIN,
    "/inference.GRPCInferenceService/ModelMetadata": Scope.EXPLAIN,
    "/inference.GRPCInferenceService/ModelConfig": Scope.EXPLAIN,
    "/inference.GRPCInferenceService/ModelStatistics": Scope.EXPLAIN,
    "/inference.GRPCInferenceService/ModelInfer": Scope.EXPLAIN,
    "/inference.GRPCInferenceService/ModelStreamInfer": Scope.EXPLAIN,
}
SERVICES: dict[str, Access] = {
    "/grpc.health.v1.Health": OPEN,
    "/grpc.reflection.v1.ServerReflection": ANY,
    "/grpc.reflection.v1alpha.ServerReflection": ANY,
}


def access(method: str) -> Access:
    """Return what a method needs, by its full name /PACKAGE.SERVICE/METHOD."""
    return METHODS.get(method) or SERVICES.get(method.rpartition("/")[0], Scope.ADMIN)
