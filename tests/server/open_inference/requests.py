"""Requests: messages of the Open Inference Protocol as clients make them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from atomlens.open_inference import open_inference_pb2 as pb
from atomlens.server.buffers import Array

WATER: Mapping[str, Array] = {
    "numbers": np.array([8, 1, 1]),
    "positions": np.array([[0.0, 0.0, 0.12], [0.0, 0.76, -0.48], [0.0, -0.76, -0.48]]),
    "atoms": np.array([3]),
}
METHANE = [
    [0.0, 0.0, 0.0],
    [0.63, 0.63, 0.63],
    [-0.63, -0.63, 0.63],
    [0.63, -0.63, -0.63],
    [-0.63, 0.63, -0.63],
]
TWO: Mapping[str, Array] = {
    "numbers": np.array([8, 1, 1, 6, 1, 1, 1, 1]),
    "positions": np.concatenate([WATER["positions"], METHANE]),
    "atoms": np.array([3, 5]),
}
TYPES = {"i": "INT64", "f": "FP64", "b": "BOOL"}
FIELDS = {"INT64": "int64_contents", "FP64": "fp64_contents", "BOOL": "bool_contents"}


def infer_request(
    model: str, arrays: Mapping[str, Array] = WATER, outputs: Sequence[str] = (), raw: bool = True
) -> pb.ModelInferRequest:
    """Return a request with these tensors, raw or element by element."""
    request = pb.ModelInferRequest(model_name=model)
    for name, array in arrays.items():
        datatype = TYPES[array.dtype.kind]
        one = request.inputs.add(name=name, datatype=datatype, shape=array.shape)
        if raw:
            request.raw_input_contents.append(array.tobytes())
        else:
            values: list[Any] = array.reshape(-1).tolist()
            getattr(one.contents, FIELDS[datatype]).extend(values)
    for name in outputs:
        request.outputs.add(name=name)
    return request
