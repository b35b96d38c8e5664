"""`atomlens.server.onnx_format`: against the `onnx` package, which the server does without."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from google.protobuf.message import DecodeError
from onnx import TensorProto

from atomlens.server import onnx_format
from atomlens.server.onnx_format import MESSAGES


@pytest.mark.parametrize("message", [name for name in MESSAGES if name != "Opaque"])
def test_fields_have_the_numbers_and_kinds_of_the_format(message: str) -> None:
    """Every one that is read, and none is made up."""
    known = getattr(onnx, message).DESCRIPTOR.fields_by_name
    ours = onnx_format._MODEL.DESCRIPTOR.file.message_types_by_name[message].fields_by_name
    for name, field in ours.items():
        theirs = known[name]
        assert (field.number, field.is_repeated) == (theirs.number, theirs.is_repeated)
        kinds = {theirs.TYPE_STRING: field.TYPE_BYTES, theirs.TYPE_ENUM: field.TYPE_INT32}
        assert field.type == kinds.get(theirs.type, theirs.type)
    assert TensorProto.DEFAULT == 0 != TensorProto.EXTERNAL  # any other place of weights is refused


def test_every_way_from_one_message_to_another_is_known() -> None:
    """So that no graph and no tensor hides in a field that is passed over."""
    wanted = {
        "GraphProto",
        "NodeProto",
        "AttributeProto",
        "TensorProto",
        "FunctionProto",
        "SparseTensorProto",
    }
    waiting, seen = [onnx.ModelProto.DESCRIPTOR], set()
    while waiting:
        message = waiting.pop()
        seen.add(message.name)
        for field in message.fields:
            if field.message_type is None or field.message_type.name not in wanted:
                continue
            assert field.name in MESSAGES[message.name], (message.name, field.name)
            if field.message_type.name in MESSAGES and field.message_type.name not in seen:
                waiting.append(field.message_type)
    assert seen == wanted - {"SparseTensorProto"} | {"ModelProto"}


def test_a_real_graph_is_read(toy_repository: Path) -> None:
    """With as many nodes and weights as it has."""
    content = (toy_repository / "toy-schnet-energy" / "1" / "atoms.onnx").read_bytes()
    model, known = onnx_format.parse(content), onnx.load_from_string(content)
    assert [node.op_type.decode() for node in model.graph.node] == [node.op_type for node in known.graph.node]
    assert [list(one.dims) for one in model.graph.initializer] == [
        list(one.dims) for one in known.graph.initializer
    ]


@pytest.mark.parametrize("content", [b"\x00\x01\x02" * 100, b"\x3a\xff\xff\xff\xff\x0f", b"\x3a\x05a"])
def test_what_is_no_message_is_an_error(content: bytes) -> None:
    """Of protobuf's own kind."""
    with pytest.raises(DecodeError):
        onnx_format.parse(content)


def test_what_nests_too_deeply_is_an_error() -> None:
    """And no endless recursion."""
    content = b""
    for _ in range(200):  # a graph as the attribute of a node of a graph
        for field in (b"\x32", b"\x2a", b"\x0a"):
            content = field + _length(content) + content
    content = b"\x3a" + _length(content) + content
    with pytest.raises(DecodeError):
        onnx_format.parse(content)


def _length(content: bytes) -> bytes:
    """Return a length as protobuf writes it."""
    size, parts = len(content), []
    while size > 127:
        parts.append(size & 127 | 128)
        size >>= 7
    return bytes([*parts, size])
