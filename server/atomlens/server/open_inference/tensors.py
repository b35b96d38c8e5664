"""Tensors: the inputs of a request as arrays, raw or element by element."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from atomlens.open_inference import open_inference_pb2 as pb
from atomlens.server.buffers import Array
from atomlens.server.errors import InputError
from atomlens.server.open_inference.signature import INPUTS, Tensor

DTYPES = {"INT64": "<i8", "FP64": "<f8", "BOOL": "u1"}
CONTENTS = {"INT64": "int64_contents", "FP64": "fp64_contents", "BOOL": "bool_contents"}
KNOWN = {tensor.name: tensor for tensor in INPUTS}
Input = pb.ModelInferRequest.InferInputTensor


def read_inputs(request: pb.ModelInferRequest) -> dict[str, Array]:
    """Return the tensors of a request by name, in the shapes that it tells.

    Raises:
        InputError: a tensor is unknown, comes twice, has another type or shape, or lies elsewhere.
    """
    raw = request.raw_input_contents
    if raw and len(raw) != len(request.inputs):
        raise InputError(
            f"`raw_input_contents` must be one for each of {len(request.inputs)} inputs, got {len(raw)}",
            field="raw_input_contents",
        )
    arrays: dict[str, Array] = {}
    for index, one in enumerate(request.inputs):
        tensor = _known(one, index, arrays)
        arrays[one.name] = _raw(one, raw[index]) if raw else _typed(one, tensor)
    return arrays


def are_raw(request: pb.ModelInferRequest) -> bool:
    """Return whether the tensors are flat buffers, which take no time to read."""
    return bool(request.raw_input_contents)


def refuse_elsewhere(parameters: Mapping[str, Any], field: str) -> None:
    """Raise `InputError` for what is not in the message, and for what is not answered."""
    for name in parameters:
        if name.startswith("shared_memory") or name == "classification":
            raise InputError(f"`{field}`: {name} is not offered, only contents", "UNSUPPORTED", field)


def _known(one: Input, index: int, before: Mapping[str, Array]) -> Tensor:
    """Return what an input must be like, if it is like that."""
    tensor, field = KNOWN.get(one.name), f"inputs[{index}]"
    if tensor is None:
        raise InputError(f"`inputs` are {', '.join(KNOWN)}, got {one.name!r}", "UNKNOWN_INPUT", field)
    if one.name in before:
        raise InputError(f"`inputs` must be different, got {one.name!r} twice", field=field)
    if one.datatype != tensor.datatype:
        raise InputError(
            f"`{one.name}` must be of datatype {tensor.datatype}, got {one.datatype!r}", "WRONG_TYPE", field
        )
    refuse_elsewhere(one.parameters, field)
    if not _fits(tuple(one.shape), tensor.shape):
        raise InputError(
            f"`{one.name}` must be {list(tensor.shape)}, -1 for any length, got {list(one.shape)[:9]}",
            field=field,
        )
    return tensor


def _fits(shape: tuple[int, ...], rule: tuple[int, ...]) -> bool:
    return len(shape) == len(rule) and all(
        length >= 0 and must in (-1, length) for length, must in zip(shape, rule, strict=True)
    )


def _raw(one: Input, buffer: bytes) -> Array:
    dtype = np.dtype(DTYPES[one.datatype])
    _check_length(one, math.prod(one.shape) * dtype.itemsize, len(buffer), "bytes")
    return np.frombuffer(buffer, dtype).reshape(tuple(one.shape))


def _typed(one: Input, tensor: Tensor) -> Array:
    values = getattr(one.contents, CONTENTS[tensor.datatype])
    _check_length(one, math.prod(one.shape), len(values), f"elements in `{CONTENTS[tensor.datatype]}`")
    return np.array(values, DTYPES[tensor.datatype]).reshape(tuple(one.shape))


def _check_length(one: Input, must: int, found: int, what: str) -> None:
    if must != found:
        raise InputError(
            f"`{one.name}` of shape {list(one.shape)} must have {must} {what}, got {found}", field=one.name
        )


def write_texts(texts: Iterator[str]) -> bytes:
    """Return texts as elements of BYTES, each after its length as uint32."""
    encoded = [text.encode() for text in texts]
    return b"".join(part for text in encoded for part in (len(text).to_bytes(4, "little"), text))
