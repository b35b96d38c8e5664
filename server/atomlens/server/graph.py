"""Graph: what is checked of an ONNX file before the runtime sees it."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

from google.protobuf.message import DecodeError

from atomlens.server import onnx_format
from atomlens.server.errors import BundleError

OPERATORS = (b"", b"ai.onnx")  # domains whose operators compute and do nothing else: others may read files
MOST_NODES = 100_000  # the runtime optimizes graphs, which takes longer than linear time
MOST_TENSORS = 100_000
ELEMENTS_PER_BYTE = 2  # of a file, at most: the smallest type of number has four bits


def check_graph(file: str, content: bytes) -> None:
    """Do nothing if a file is a graph that computes with what it holds, and with nothing else.

    Subgraphs, attributes and functions are looked at like the graph itself.

    Args:
        file: its name, for errors.
        content: its bytes.

    Raises:
        BundleError: it is no graph, names other files or unknown operators, or is too large.
    """
    try:
        model = onnx_format.parse(content)
    except DecodeError as error:
        raise BundleError(f"{file}: no graph the runtime can load: {error}") from error
    if model.training_info:
        raise BundleError(f"{file}: must not hold `training_info`")
    _check_size(file, model)
    _check_operators(file, model)
    _check_tensors(file, model, len(content))


def _check_size(file: str, model: Any) -> None:
    nodes = sum(len(part.node) for part in _parts(model))
    if nodes > MOST_NODES:
        raise BundleError(f"{file}: may have {MOST_NODES} nodes, got {nodes}")
    tensors = sum(1 for _ in _tensors(model))
    if tensors > MOST_TENSORS:
        raise BundleError(f"{file}: may have {MOST_TENSORS} tensors, got {tensors}")


def _check_operators(file: str, model: Any) -> None:
    """Refuse operators that are neither ONNX's own nor functions of the file."""
    functions = {(function.domain, function.name) for function in model.functions}
    for part in _parts(model):
        for node in part.node:
            if node.domain not in OPERATORS and (node.domain, node.op_type) not in functions:
                name = f"{_text(node.domain)}.{_text(node.op_type)}"
                raise BundleError(f"{file}: operators must be those of ai.onnx, got {name}")


def _check_tensors(file: str, model: Any, size: int) -> None:
    """Refuse numbers that are elsewhere, and shapes of more numbers than the file has room for."""
    elements = 0
    for tensor in _tensors(model):
        if tensor.data_location or tensor.external_data:
            raise BundleError(
                f"{file}: tensor {_text(tensor.name)!r} lies outside the file, which no tensor may"
            )
        if any(length < 0 for length in tensor.dims):
            raise BundleError(f"{file}: tensor {_text(tensor.name)!r} has the shape {list(tensor.dims)[:9]}")
        elements += prod(tensor.dims)
    if elements > ELEMENTS_PER_BYTE * size:
        raise BundleError(
            f"{file}: its tensors claim {elements} numbers, more than its {size} bytes can hold"
        )
    if any(_sparse(model)):
        raise BundleError(f"{file}: must not hold sparse tensors")


def _parts(model: Any) -> Iterator[Any]:
    """Yield every graph and function, those in attributes too."""
    waiting = [model.graph, *model.functions]
    while waiting:
        part = waiting.pop()
        yield part
        for attribute in _attributes(part):
            waiting += [*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])]


def _attributes(part: Any) -> Iterator[Any]:
    for node in part.node:
        yield from node.attribute
    if part.DESCRIPTOR.name == "FunctionProto":
        yield from part.attribute_proto


def _tensors(model: Any) -> Iterator[Any]:
    """Yield every tensor: those of graphs and those in attributes."""
    for part in _parts(model):
        if part.DESCRIPTOR.name == "GraphProto":
            yield from part.initializer
        for attribute in _attributes(part):
            yield from attribute.tensors
            if attribute.HasField("t"):
                yield attribute.t


def _sparse(model: Any) -> Iterator[bool]:
    """Yield for each graph and attribute whether it has sparse tensors, which may claim any shape."""
    for part in _parts(model):
        if part.DESCRIPTOR.name == "GraphProto":
            yield bool(part.sparse_initializer)
        for attribute in _attributes(part):
            yield attribute.HasField("sparse_tensor") or bool(attribute.sparse_tensors)


def _text(name: bytes) -> str:
    return name[:100].decode(errors="replace")
