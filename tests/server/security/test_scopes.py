"""`atomlens.server.security.scopes`."""

from __future__ import annotations

import pytest
from google.protobuf.descriptor import FileDescriptor

from atomlens.open_inference import open_inference_pb2
from atomlens.server.security.scopes import ANY, METHODS, OPEN, Scope, access
from atomlens.v1 import explanation_service_pb2, model_service_pb2

FILES = (explanation_service_pb2, model_service_pb2, open_inference_pb2)


def methods(file: FileDescriptor) -> list[str]:
    """Return the full names of a file's methods."""
    return [
        f"/{service.full_name}/{method.name}"
        for service in file.services_by_name.values()
        for method in service.methods
    ]


@pytest.mark.parametrize("method", [method for file in FILES for method in methods(file.DESCRIPTOR)])
def test_every_method_of_ours_is_decided_upon(method: str) -> None:
    """Whoever adds a method says who may call it."""
    assert method in METHODS


@pytest.mark.parametrize(
    ("method", "needed"),
    [
        ("/atomlens.v1.ExplanationService/Explain", Scope.EXPLAIN),
        ("/atomlens.v1.ExplanationService/Probe", Scope.PROBE),
        ("/atomlens.v1.ModelService/RefreshModels", Scope.ADMIN),
        ("/inference.GRPCInferenceService/ModelInfer", Scope.EXPLAIN),
        ("/inference.GRPCInferenceService/ServerLive", OPEN),
        ("/grpc.health.v1.Health/Check", OPEN),
        ("/grpc.health.v1.Health/Watch", OPEN),
        ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", ANY),
    ],
)
def test_what_methods_need(method: str, needed: str) -> None:
    """Health is open, reflection needs any token, and the rest a scope."""
    assert access(method) == needed


@pytest.mark.parametrize("method", ["/atomlens.v1.ExplanationService/Erase", "/other.Service/Call", "x", ""])
def test_what_is_not_known_is_for_administrators(method: str) -> None:
    """A method that is forgotten here is closed to most, not open to all."""
    assert access(method) == Scope.ADMIN
