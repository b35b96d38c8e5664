"""Untouched: asks a server for models by all kinds of names, and prints what it did to the disk meanwhile.

Run as a program: a hook for audits cannot be taken out of a process again.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import grpc
import numpy as np

from atomlens.open_inference import open_inference_pb2 as open_inference
from atomlens.open_inference.open_inference_pb2_grpc import GRPCInferenceServiceStub
from atomlens.server.app import Server
from atomlens.server.settings import ServerSettings
from atomlens.v1.explanation_service_pb2 import ExplainRequest, ExplainStreamRequest, StreamOptions
from atomlens.v1.explanation_service_pb2_grpc import ExplanationServiceStub
from atomlens.v1.explanations_pb2 import ModelSelector
from atomlens.v1.model_service_pb2 import GetEmbeddingRequest, GetModelRequest
from atomlens.v1.model_service_pb2_grpc import ModelServiceStub
from atomlens.v1.probes_pb2 import ProbeRequest
from atomlens.v1.structures_pb2 import Structures

DISK = ("open", "os.", "shutil.", "glob.", "pathlib.", "tempfile.", "subprocess.", "pickle.", "ctypes.dlopen")
WATER = Structures(
    counts=np.array([3], "<i4").tobytes(),
    numbers=bytes([8, 1, 1]),
    positions=np.array([[0, 0, 0.12], [0, 0.76, -0.48], [0, -0.76, -0.48]], "<f8").tobytes(),
)


def hostile(repository: Path) -> list[str]:
    """Return names that would be paths, if anybody made paths of them."""
    name = next(path.name for path in repository.iterdir())
    return [
        "../../etc/passwd",
        "/etc/passwd",
        f"{repository}/{name}/1",
        f"{name}/1/card.json",
        f"../{repository.name}/{name}",
        f"{name}/../{name}",
        f"{name}@../1",
        f"{name}@1/card.json",
        f"./{name}",
        "~/.ssh/id_rsa",
        "file:///etc/passwd",
        "\\\\host\\share",
        "nul\0byte",
        "a" * 100_000,
        "😀/../..",
        "$HOME",
        "`id`",
    ]


async def ask(channel: grpc.aio.Channel, name: str) -> list[str]:
    """Name a model in every call that takes a name; return the codes of the answers."""
    explanations: Any = ExplanationServiceStub(channel)
    models: Any = ModelServiceStub(channel)
    inference: Any = GRPCInferenceServiceStub(channel)
    model = ModelSelector(name=name)
    codes = []
    for call in (
        explanations.Explain(ExplainRequest(model=model, structures=WATER)),
        explanations.ExplainStream(iter([ExplainStreamRequest(options=StreamOptions(model=model))])),
        explanations.Probe(ProbeRequest(model=model, structures=WATER, elements=b"\x01")),
        models.GetModel(GetModelRequest(name=name)),
        models.GetEmbedding(GetEmbeddingRequest(model=model)),
        inference.ModelMetadata(open_inference.ModelMetadataRequest(name=name)),
        inference.ModelConfig(open_inference.ModelConfigRequest(name=name, version="../1")),
        inference.ModelInfer(open_inference.ModelInferRequest(model_name=name)),
    ):
        codes.append((await call.code()).name)
    return codes


async def main(repository: Path) -> None:
    """Ask everything twice, the second time under the eyes of the hook."""
    server = Server(ServerSettings(address="127.0.0.1:0", models=repository, models_poll_seconds=0.0))
    await server.start()
    names, touched, watched = hostile(repository), [], False

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if watched and event.startswith(DISK):
            touched.append([event, repr(arguments)[:200]])

    async with grpc.aio.insecure_channel(server.address) as channel:
        for name in names:
            await ask(channel, name)  # whatever is imported at the first call is imported now
        sys.addaudithook(hook)
        watched = True
        codes = {name[:50]: await ask(channel, name) for name in names}
        seen = list(touched)
        open(repository / "canary", "wb").close()
        watched = False
    await server.stop(0.0)
    print(json.dumps({"codes": codes, "touched": seen, "canary": touched[len(seen) :]}))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
