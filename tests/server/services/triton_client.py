"""Triton client: what `tritonclient` says of a server, as JSON; run in a process of its own."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import tritonclient.grpc as triton

TYPES = {"i": "INT64", "f": "FP64", "b": "BOOL"}


def tensors(**arrays: Any) -> list[Any]:
    """Return arrays as inputs."""
    inputs = []
    for name, array in arrays.items():
        one = triton.InferInput(name, list(array.shape), TYPES[array.dtype.kind])
        one.set_data_from_numpy(array)
        inputs.append(one)
    return inputs


def told(result: Any) -> dict[str, Any]:
    """Return all tensors of an answer by name."""
    names = [output.name for output in result.get_response().outputs]
    return {name: [_plain(value) for value in result.as_numpy(name).tolist()] for name in names}


def error(function: Callable[[], Any]) -> list[str]:
    """Return status and message of what fails."""
    try:
        function()
    except triton.InferenceServerException as caught:
        return [caught.status(), caught.message()]
    return []


def main(address: str, model: str, file: str) -> None:
    """Ask everything once about two structures in a file, whose carbon turns poison, and print answers."""
    arrays = dict(np.load(file))
    first, numbers = int(arrays["atoms"][0]), arrays["numbers"]
    with triton.InferenceServerClient(address) as client:
        whole = tensors(**arrays)
        lone = tensors(numbers=numbers[:first], positions=arrays["positions"][:first])
        poison = tensors(**{**arrays, "numbers": np.where(numbers == 6, 99, numbers)})
        names = [triton.InferRequestedOutput(name) for name in ("errors", "energy.properties")]
        answer = client.infer(model, whole, request_id="a request")
        found = {
            "live": client.is_server_live(),
            "ready": client.is_server_ready(),
            "model_ready": [client.is_model_ready(model), client.is_model_ready(model, "1")],
            "others_ready": [client.is_model_ready("no-model"), client.is_model_ready(model, "7")],
            "server": client.get_server_metadata(as_json=True),
            "model": client.get_model_metadata(model, as_json=True),
            "config": client.get_model_config(model, as_json=True)["config"],
            "id": answer.get_response().id,
            "version": answer.get_response().model_version,
            "answer": told(answer),
            "lone": told(client.infer(model, lone, "1")),
            "some": told(client.infer(model, poison, outputs=names)),
            "refused": error(lambda: client.infer(model, poison)),
            "unknown": error(lambda: client.infer("no-model", whole)),
            "statistics": error(client.get_inference_statistics),
            "index": error(client.get_model_repository_index),
        }
    print(json.dumps(found))


def _plain(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value


if __name__ == "__main__":
    main(*sys.argv[1:])
